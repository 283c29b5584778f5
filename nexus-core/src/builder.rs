//! Session + reservation + files → record. Pure: touches neither database nor network; runs on the rayon pool.

use std::path::{Path, PathBuf};

use chrono::{DateTime, FixedOffset};
use chrono_tz::Tz;
use nexus_plugin_api::{EventTime, Reservation};
use uuid::Uuid;

use crate::extract::{self, Stamp};
use crate::metadata;
use crate::record::{self, Activity, Dataset, Experiment, Project, Sample, Summary};
use crate::timestamp::Timestamp;
use crate::walk::FoundFile;
use crate::xml;

/// Everything a record is made of.
#[derive(Debug, Clone)]
pub struct Material {
    /// Frozen key of the session; sample identifiers derive from it.
    pub record_key: Uuid,
    /// Primary key of the instrument.
    pub instrument_pid: String,
    /// Its name for people.
    pub instrument_name: String,
    /// Its time zone.
    pub zone: Tz,
    /// Start of the session, in its own offset.
    pub start: DateTime<FixedOffset>,
    /// The booking behind it.
    pub reservation: Reservation,
    /// Its files, by modification time; at least one.
    pub files: Vec<FoundFile>,
    /// Root of the instrument data: locations in the record are relative to it.
    pub instrument_data: PathBuf,
    /// Root of the data folder: previews in the record are relative to it.
    pub data: PathBuf,
    /// When and by what the files are read.
    pub stamp: Stamp,
}

/// A record, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltRecord {
    /// The file's bytes.
    pub xml: Vec<u8>,
    /// Hash of the content ([`record::content_hash`]).
    pub content_sha256: String,
    /// Hash of the bytes.
    pub file_sha256: String,
    /// Files in the record.
    pub file_count: u64,
    /// Details that were left out, and why.
    pub warnings: Vec<String>,
}

/// Makes the record.
pub fn build(material: &Material) -> BuiltRecord {
    let mut warnings = material.reservation.warnings.clone();
    let experiment = experiment(material, &mut warnings);
    let xml = xml::write(&experiment);
    BuiltRecord {
        content_sha256: record::content_hash(&experiment),
        file_sha256: record::sha256_hex(&xml),
        file_count: material.files.len() as u64,
        xml,
        warnings,
    }
}

fn experiment(material: &Material, warnings: &mut Vec<String>) -> Experiment {
    let reservation = &material.reservation;
    Experiment {
        title: filled(reservation.title.as_ref()).unwrap_or_else(|| default_title(material)),
        id: filled(reservation.internal_id.as_ref()),
        summary: Summary {
            reference: filled(reservation.url.as_ref()),
            experimenter: filled(reservation.user_full_name.as_ref())
                .or_else(|| filled(reservation.username.as_ref())),
            instrument_pid: material.instrument_pid.clone(),
            instrument_name: material.instrument_name.clone(),
            reservation_start: reservation.start.map(|time| in_zone(time, material.zone)),
            reservation_end: reservation.end.map(|time| in_zone(time, material.zone)),
            motivation: filled(reservation.purpose.as_ref()),
        },
        samples: samples(material, warnings),
        projects: projects(reservation),
        activities: activities(material),
        sample_id: sample_id(material.record_key, 0),
    }
}

fn filled(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.is_empty()).cloned()
}

fn in_zone(time: EventTime, zone: Tz) -> String {
    Timestamp::from_fixed(Timestamp::from(time).in_zone(zone)).to_string()
}

/// The date is the booking's start as the scheduler wrote it, else the session's.
fn default_title(material: &Material) -> String {
    let date = match material.reservation.start {
        Some(EventTime::Offset(time)) => time.naive_local(),
        Some(EventTime::Local(naive)) => naive,
        None => material.start.naive_local(),
    };
    format!("Experiment on the {} on {}", material.instrument_name, date.format("%A %b. %d, %Y"))
}

fn sample_id(record_key: Uuid, position: usize) -> String {
    Uuid::new_v5(&record_key, format!("sample {position}").as_bytes()).to_string()
}

fn samples(material: &Material, warnings: &mut Vec<String>) -> Vec<Sample> {
    let given = &material.reservation.samples;
    if given.is_empty() {
        return vec![Sample { id: sample_id(material.record_key, 0), ..Sample::default() }];
    }
    given
        .iter()
        .enumerate()
        .map(|(position, sample)| Sample {
            reference: sample.pid.clone(),
            id: sample_id(material.record_key, position),
            name: sample.name.clone(),
            description: sample.details.clone(),
            elements: elements(&sample.elements, position, warnings),
        })
        .collect()
}

/// The symbols that the format knows, each once; the others are left out with a warning.
fn elements(symbols: &[String], position: usize, warnings: &mut Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for symbol in symbols {
        let symbol = symbol.trim();
        if !SYMBOLS.contains(&symbol) {
            warnings
                .push(format!("sample {}: `{symbol}` is no chemical element and was left out", position + 1));
        } else if !kept.iter().any(|known| known == symbol) {
            kept.push(symbol.to_owned());
        }
    }
    kept
}

fn projects(reservation: &Reservation) -> Vec<Project> {
    let with = |project: &nexus_plugin_api::Project| Project {
        name: project.name.clone(),
        division: reservation.division.clone(),
        group: reservation.group.clone(),
        id: project.id.clone(),
        link: project.link.clone(),
    };
    if reservation.projects.is_empty() {
        return vec![with(&nexus_plugin_api::Project::default())];
    }
    reservation.projects.iter().map(with).collect()
}

/// All files in one activity; grouping by time is the next step of this room.
fn activities(material: &Material) -> Vec<Activity> {
    let Some(first) = material.files.first() else { return Vec::new() };
    let mut datasets = Vec::new();
    let mut flats = Vec::new();
    for file in &material.files {
        let signals = extract::read(file, material.zone, &material.stamp);
        let count = signals.len();
        for (index, signal) in signals.iter().enumerate() {
            flats.push(metadata::flatten(signal));
            datasets.push(dataset(material, file, &signal.dataset_type, index, count));
        }
    }
    let (setup, own) = metadata::split(&flats);
    for (dataset, meta) in datasets.iter_mut().zip(own) {
        dataset.meta = meta;
    }
    vec![Activity { start: extract::modified_text(first, material.zone), setup, datasets }]
}

fn dataset(material: &Material, file: &FoundFile, dataset_type: &str, index: usize, count: usize) -> Dataset {
    let name = file.path.file_name().unwrap_or(file.path.as_os_str()).to_string_lossy();
    let relative = file.path.strip_prefix(&material.instrument_data).unwrap_or(&file.path);
    Dataset {
        dataset_type: dataset_type.to_owned(),
        name: if count > 1 { format!("{name} ({} of {count})", index + 1) } else { name.into_owned() },
        location: rooted(relative),
        preview: preview(material, relative, index, count),
        meta: Vec::new(),
    }
}

fn rooted(relative: &Path) -> String {
    let encoded = record::percent_encode(relative.as_os_str().as_encoded_bytes());
    if encoded.starts_with('/') { encoded } else { format!("/{encoded}") }
}

fn preview(material: &Material, relative: &Path, index: usize, count: usize) -> Option<String> {
    let mut name = relative.as_os_str().to_owned();
    name.push(if count > 1 { format!("_signal{index}.thumb.png") } else { ".thumb.png".to_owned() });
    let relative = PathBuf::from(name);
    material.data.join(&relative).is_file().then(|| rooted(&relative))
}

/// The symbols the record format knows.
const SYMBOLS: [&str; 118] = [
    "H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne", "Na", "Mg", "Al", "Si", "P", "S", "Cl", "Ar", "K",
    "Ca", "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se", "Br", "Kr",
    "Rb", "Sr", "Y", "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb", "Te", "I", "Xe",
    "Cs", "Ba", "La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu",
    "Hf", "Ta", "W", "Re", "Os", "Ir", "Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Po", "At", "Rn", "Fr", "Ra",
    "Ac", "Th", "Pa", "U", "Np", "Pu", "Am", "Cm", "Bk", "Cf", "Es", "Fm", "Md", "No", "Lr", "Rf", "Db",
    "Sg", "Bh", "Hs", "Mt", "Ds", "Rg", "Cn", "Nh", "Fl", "Mc", "Lv", "Ts", "Og",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    fn material(files: &[(&str, u64)]) -> Material {
        Material {
            record_key: Uuid::nil(),
            instrument_pid: "SEM-1".into(),
            instrument_name: "Example SEM".into(),
            zone: chrono_tz::America::Denver,
            start: DateTime::parse_from_rfc3339("2024-03-05T09:00:00-07:00").unwrap(),
            reservation: Reservation::default(),
            files: files
                .iter()
                .map(|(path, seconds)| FoundFile {
                    path: format!("/mnt/instruments/{path}").into(),
                    modified: SystemTime::UNIX_EPOCH + Duration::from_secs(1_709_655_000 + seconds),
                    size: 1,
                })
                .collect(),
            instrument_data: "/mnt/instruments".into(),
            data: "/nowhere".into(),
            stamp: Stamp {
                date: DateTime::parse_from_rfc3339("2026-01-02T03:04:05+00:00").unwrap(),
                version: "9.9".into(),
            },
        }
    }

    fn xml_of(material: &Material) -> String {
        String::from_utf8(build(material).xml).unwrap()
    }

    #[test]
    fn a_bare_session_has_a_title_a_sample_and_a_project() {
        let text = xml_of(&material(&[("sem/a b.tif", 0), ("sem/c.tif", 60)]));
        assert!(
            text.contains("<title>Experiment on the Example SEM on Tuesday Mar. 05, 2024</title>"),
            "{text}"
        );
        assert!(text.contains("<location>/sem/a%20b.tif</location>"), "{text}");
        assert!(text.contains("  <project/>\n"), "{text}");
        assert!(text.contains("<startTime>2024-03-05T09:10:00-07:00</startTime>"), "{text}");
        assert!(text.contains("<param name=\"Data Type\">Unknown</param>"), "{text}");
        let sample = text.split("<sample id=\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(text.contains(&format!("<sampleID>{sample}</sampleID>")), "{text}");
    }

    #[test]
    fn equal_material_gives_equal_bytes_and_another_date_equal_content() {
        let first = material(&[("a.tif", 0), ("b.tif", 1)]);
        assert_eq!(build(&first), build(&first.clone()));
        let mut later = first.clone();
        later.stamp.date += chrono::TimeDelta::days(1);
        later.stamp.version = "10".into();
        assert_eq!(build(&first).content_sha256, build(&later).content_sha256);
        assert_ne!(build(&first).file_sha256, build(&later).file_sha256);
    }

    #[test]
    fn unknown_and_repeated_elements_are_left_out_with_a_warning() {
        let mut material = material(&[("a.tif", 0)]);
        material.reservation.samples = vec![nexus_plugin_api::Sample {
            elements: ["Fe", " C ", "Fe", "Xx"].map(str::to_owned).to_vec(),
            ..nexus_plugin_api::Sample::default()
        }];
        let built = build(&material);
        let text = String::from_utf8(built.xml).unwrap();
        assert!(text.contains("<elements>\n      <Fe/>\n      <C/>\n    </elements>"), "{text}");
        assert_eq!(built.warnings.len(), 1);
        assert!(built.warnings[0].contains("`Xx`"), "{:?}", built.warnings);
    }

    #[test]
    fn every_sample_and_project_is_written() {
        let mut material = material(&[("a.tif", 0)]);
        let sample = |name: &str| nexus_plugin_api::Sample { name: Some(name.into()), ..Default::default() };
        material.reservation.samples = vec![sample("one"), sample("two")];
        material.reservation.division = Some("D6".into());
        material.reservation.projects =
            vec![nexus_plugin_api::Project { id: Some("P-1".into()), ..Default::default() }; 2];
        let text = xml_of(&material);
        assert_eq!(text.matches("<sample id=").count(), 2);
        assert_eq!(text.matches("<division>D6</division>").count(), 2);
    }
}

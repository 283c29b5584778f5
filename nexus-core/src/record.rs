//! A record: its model, its content hash, and reading one back.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use chrono::{DateTime, FixedOffset};
use nexus_plugin_api::{ActivityRef, DatasetRef, PathRef};
use sha2::{Digest, Sha256};

use crate::validate::tags::is_excessive;
use crate::xml;

/// The key of the metadata that says when a file was read; differs between equal records.
pub const EXTRACTION_DATE: &str = "NexusLIMS Extraction – Date";
/// The key of the metadata that says which version of this program, or of a plugin, read it.
pub const EXTRACTION_VERSION: &str = "NexusLIMS Extraction – Version";
/// The key of the metadata that says what went wrong when a file was read: in words that may hold the number of a
/// process or of a request.
pub const EXTRACTION_WARNINGS: &str = "NexusLIMS Extraction – Extractor Warnings";

/// The dataset types of the record format.
pub const DATASET_TYPES: [&str; 7] =
    ["Image", "Spectrum", "SpectrumImage", "Diffraction", "Notes", "Misc", "Unknown"];

/// The chemical symbols of the record format.
pub const ELEMENTS: [&str; 118] = [
    "H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne", "Na", "Mg", "Al", "Si", "P", "S", "Cl", "Ar", "K",
    "Ca", "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se", "Br", "Kr",
    "Rb", "Sr", "Y", "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb", "Te", "I", "Xe",
    "Cs", "Ba", "La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu",
    "Hf", "Ta", "W", "Re", "Os", "Ir", "Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Po", "At", "Rn", "Fr", "Ra",
    "Ac", "Th", "Pa", "U", "Np", "Pu", "Am", "Cm", "Bk", "Cf", "Es", "Fm", "Md", "No", "Lr", "Rf", "Db",
    "Sg", "Bh", "Hs", "Mt", "Ds", "Rg", "Cn", "Nh", "Fl", "Mc", "Lv", "Ts", "Og",
];

/// A record, in the order of its schema. Times are ISO text in the instrument's zone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Experiment {
    /// Title of the experiment; never empty.
    pub title: String,
    /// Number of the reservation or usage event.
    pub id: Option<String>,
    /// Who, where, when, why.
    pub summary: Summary,
    /// Samples; the first one's id is [`Self::sample_id`].
    pub samples: Vec<Sample>,
    /// Projects.
    pub projects: Vec<Project>,
    /// Acquisition activities, numbered from 0 in this order.
    pub activities: Vec<Activity>,
    /// Repeated in every activity.
    pub sample_id: String,
}

/// Who, where, when, why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Web page of the reservation.
    pub reference: Option<String>,
    /// Full name, or user name.
    pub experimenter: Option<String>,
    /// Primary key of the instrument.
    pub instrument_pid: String,
    /// Its name for people.
    pub instrument_name: String,
    /// Booked from.
    pub reservation_start: Option<String>,
    /// Booked until.
    pub reservation_end: Option<String>,
    /// Purpose; line breaks are kept.
    pub motivation: Option<String>,
}

/// One sample.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    /// Persistent identifier.
    pub reference: Option<String>,
    /// Identifier within the record.
    pub id: String,
    /// Name.
    pub name: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Of [`ELEMENTS`], each once; others are not written.
    pub elements: Vec<String>,
}

/// One project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Project {
    /// Name.
    pub name: Option<String>,
    /// Division.
    pub division: Option<String>,
    /// Group.
    pub group: Option<String>,
    /// Number or code.
    pub id: Option<String>,
    /// Link.
    pub link: Option<String>,
}

/// Files taken together in time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Activity {
    /// Modification time of its first file.
    pub start: String,
    /// Metadata that all its datasets share.
    pub setup: Vec<Parameter>,
    /// One per signal, in file order.
    pub datasets: Vec<Dataset>,
}

/// One signal of a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dataset {
    /// One of [`DATASET_TYPES`]; anything else is written as `Unknown`.
    pub dataset_type: String,
    /// File name.
    pub name: String,
    /// Percent-encoded path below the instrument data, beginning with `/`.
    pub location: String,
    /// Percent-encoded path of the preview below the data folder.
    pub preview: Option<String>,
    /// Metadata of its own.
    pub meta: Vec<Parameter>,
}

/// One metadata value as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameter {
    /// Key.
    pub name: String,
    /// Value as text.
    pub value: String,
    /// Unit (short symbol), for a quantity.
    pub unit: Option<String>,
    /// Whether the extractor has doubts about it.
    pub warning: bool,
}

/// SHA-256 (hex) of a record without extraction dates, the versions of what read it, and what that said of its
/// troubles: equal content delivers nothing.
pub fn content_hash(experiment: &Experiment) -> String {
    let mut reduced = experiment.clone();
    let left_out = [EXTRACTION_DATE, EXTRACTION_VERSION, EXTRACTION_WARNINGS];
    let keep = |parameter: &Parameter| !left_out.contains(&parameter.name.as_str());
    for activity in &mut reduced.activities {
        activity.setup.retain(keep);
        for dataset in &mut activity.datasets {
            dataset.meta.retain(keep);
        }
    }
    sha256_hex(&xml::write(&reduced))
}

/// SHA-256 of bytes, as lower-case hexadecimal text.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Why a record could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file is not UTF-8.
    #[error("the record is not UTF-8")]
    NotUtf8(#[from] std::str::Utf8Error),
    /// The file is not XML.
    #[error("the record is not well-formed XML")]
    NotXml(#[from] roxmltree::Error),
}

/// The activities of a stored record, with the previews that exist below `data`.
///
/// An activity whose start cannot be read (a record of another program, edited by hand) is left out.
///
/// # Errors
/// The bytes are not UTF-8 or not well-formed.
pub fn read_activities(record: &[u8], data: &Path) -> Result<Vec<ActivityRef>, ReadError> {
    let text = std::str::from_utf8(record)?;
    let document = parsed(text)?;
    let mut activities = Vec::new();
    for node in document.root_element().children().filter(|node| is(node, "acquisitionActivity")) {
        let Some(start) = child_text(&node, "startTime").and_then(|t| DateTime::parse_from_rfc3339(t).ok())
        else {
            continue;
        };
        activities.push(ActivityRef {
            seqno: node.attribute("seqno").and_then(|n| n.parse().ok()).unwrap_or(activities.len() as u64),
            start: start as DateTime<FixedOffset>,
            datasets: node.children().filter(|node| is(node, "dataset")).map(|d| dataset(&d, data)).collect(),
        });
    }
    Ok(activities)
}

/// A record as a tree; one that would cost far more time than its length is refused.
///
/// # Errors
/// It is not well-formed, or has too many attributes or namespaces.
pub fn parsed(text: &str) -> Result<roxmltree::Document<'_>, roxmltree::Error> {
    if is_excessive(text) {
        return Err(roxmltree::Error::AttributesLimitReached);
    }
    roxmltree::Document::parse(text)
}

fn dataset(node: &roxmltree::Node<'_, '_>, data: &Path) -> DatasetRef {
    let preview = child_text(node, "preview")
        .and_then(decoded_path)
        .map(|path| data.join(path.strip_prefix("/").unwrap_or(&path)))
        .filter(|path| path.is_file());
    DatasetRef {
        name: child_text(node, "name").unwrap_or_default().to_owned(),
        location: child_text(node, "location").unwrap_or_default().to_owned(),
        dataset_type: node.attribute("type").unwrap_or("Unknown").to_owned(),
        preview: preview.map(PathRef::new),
    }
}

fn is(node: &roxmltree::Node<'_, '_>, tag: &str) -> bool {
    node.has_tag_name((xml::NAMESPACE, tag))
}

fn child_text<'a>(node: &roxmltree::Node<'a, '_>, tag: &str) -> Option<&'a str> {
    node.children().find(|child| is(child, tag)).and_then(|child| child.text())
}

/// A path as the record holds it: everything but letters, digits, `-._~/` as `%XX` of its bytes.
pub fn percent_encode(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for &byte in path {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// The path that [`percent_encode`] was given, also one that is not UTF-8 where the system has such.
fn decoded_path(text: &str) -> Option<PathBuf> {
    let bytes = percent_decode_bytes(text)?;
    #[cfg(unix)]
    let path = <OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes);
    #[cfg(not(unix))]
    let path: OsString = String::from_utf8(bytes).ok()?.into();
    Some(PathBuf::from(path))
}

/// The reverse of [`percent_encode`]; `None` if it is not such a text or not UTF-8.
pub fn percent_decode(text: &str) -> Option<String> {
    String::from_utf8(percent_decode_bytes(text)?).ok()
}

/// The reverse of [`percent_encode`]; `None` if it is not such a text.
pub fn percent_decode_bytes(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let value = digit()? * 16 + digit()?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn locations_are_encoded_as_the_format_says() {
        assert_eq!(
            percent_encode("/sem_one/scan (50%),a+b:Ü~.dat".as_bytes()),
            "/sem_one/scan%20%2850%25%29%2Ca%2Bb%3A%C3%9C~.dat"
        );
    }

    #[test]
    fn broken_escapes_are_no_path() {
        assert_eq!(percent_decode("%4"), None);
        assert_eq!(percent_decode("%zz"), None);
        assert_eq!(percent_decode("%FF"), None);
    }

    #[test]
    fn a_record_of_many_namespaces_is_refused_at_once() {
        let deep = (0..20_000).fold(String::new(), |text, number| text + &format!("<a xmlns:b{number}=''>"));
        let record = format!("{deep}{}", "</a>".repeat(20_000));
        assert!(matches!(read_activities(record.as_bytes(), Path::new("/d")), Err(ReadError::NotXml(_))));
    }

    #[test]
    fn the_content_hash_leaves_out_date_version_and_troubles() {
        let parameter = |name: &str, value: &str| Parameter {
            name: name.into(),
            value: value.into(),
            ..Parameter::default()
        };
        let with = |date: &str, version: &str, voltage: &str| Experiment {
            activities: vec![Activity {
                setup: vec![parameter(EXTRACTION_VERSION, version), parameter("Voltage", voltage)],
                datasets: vec![Dataset {
                    meta: vec![parameter(EXTRACTION_DATE, date), parameter(EXTRACTION_WARNINGS, date)],
                    ..Dataset::default()
                }],
                ..Activity::default()
            }],
            ..Experiment::default()
        };
        assert_eq!(content_hash(&with("a", "1", "5")), content_hash(&with("b", "2", "5")));
        assert_ne!(content_hash(&with("a", "1", "5")), content_hash(&with("a", "1", "6")));
    }

    proptest! {
        #[test]
        fn encoded_paths_come_back(path in any::<String>(), bytes in any::<Vec<u8>>()) {
            prop_assert_eq!(percent_decode(&percent_encode(path.as_bytes())), Some(path));
            let text = percent_encode(&bytes);
            prop_assert!(text.bytes().all(|c| c.is_ascii_alphanumeric() || b"-._~/%".contains(&c)));
            prop_assert_eq!(percent_decode_bytes(&text), Some(bytes));
        }

        #[test]
        fn any_text_can_be_tried(text in any::<String>()) {
            let _ = percent_decode(&text);
        }
    }
}

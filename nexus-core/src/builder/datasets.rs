//! The body of a record: activities and their datasets.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;
use std::time::SystemTime;

use rayon::prelude::*;

use super::{BuildError, Material, beside};
use crate::activity;
use crate::extract::{self, FileLost, Read};
use crate::metadata::{self, Flat};
use crate::record::{self, Activity, Dataset};
use crate::walk::FoundFile;

/// What the files of a session became.
pub(super) struct Found {
    pub activities: Vec<Activity>,
    pub warnings: Vec<String>,
    /// Files in the record.
    pub files: usize,
}

/// One file, read.
struct Entry<'a> {
    file: &'a FoundFile,
    datasets: Vec<Dataset>,
    flats: Vec<Flat>,
    warnings: Vec<String>,
}

pub(super) fn activities(material: &Material<'_>) -> Result<Found, BuildError> {
    // Indexed, so that results and the first error are those of the file order.
    let read: Vec<Result<Entry<'_>, FileLost>> =
        material.files.par_iter().map(|file| entry(material, file)).collect();
    let (mut warnings, mut vanished) = (Vec::new(), Vec::new());
    let mut entries = Vec::with_capacity(read.len());
    for (file, outcome) in material.files.iter().zip(read) {
        match outcome {
            Ok(entry) => entries.push(entry),
            Err(FileLost::Vanished) => vanished.push(&file.path),
            Err(FileLost::Changed) => return Err(BuildError::Changed { path: file.path.clone() }),
            Err(FileLost::Unreadable(source)) => {
                return Err(BuildError::Unreadable { path: file.path.clone(), source });
            }
            Err(FileLost::DiskFull(error)) => return Err(BuildError::DiskFull(error)),
        }
    }
    if let Some(first) = vanished.first() {
        let (gone, of) = (vanished.len(), material.files.len());
        return Err(BuildError::Vanished { gone, of, path: (*first).clone() });
    }
    let groups = group(entries.iter().map(|entry| entry.file), material.sensitivity);
    // What concerns all files of a reader is told once.
    let mut seen = HashSet::new();
    for entry in &mut entries {
        warnings.extend(entry.warnings.drain(..).filter(|warning| seen.insert(warning.clone())));
    }
    let files = entries.len();
    Ok(Found { activities: grouped(material, entries, groups), warnings, files })
}

fn grouped(material: &Material<'_>, entries: Vec<Entry<'_>>, groups: Vec<Range<usize>>) -> Vec<Activity> {
    let mut entries = entries.into_iter();
    groups
        .into_iter()
        .filter_map(|group| {
            let members: Vec<Entry<'_>> = entries.by_ref().take(group.len()).collect();
            let start = extract::modified_text(members.first()?.file, material.zone);
            let mut datasets = Vec::with_capacity(members.len());
            let mut flats = Vec::with_capacity(members.len());
            for member in members {
                datasets.extend(member.datasets);
                flats.extend(member.flats);
            }
            let (setup, own) = metadata::split(&flats);
            for (dataset, meta) in datasets.iter_mut().zip(own) {
                dataset.meta = meta;
            }
            Some(Activity { start, setup, datasets })
        })
        .collect()
}

/// The acquisition activities that files, by modification time, fall into.
pub(super) fn group<'a>(files: impl Iterator<Item = &'a FoundFile>, sensitivity: f64) -> Vec<Range<usize>> {
    let times: Vec<i64> = files.map(|file| nanoseconds(file.modified)).collect();
    activity::group(&times, sensitivity)
}

/// Nanoseconds since the Unix epoch; what lies outside the range stands at its end.
fn nanoseconds(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    }
}

fn entry<'a>(material: &Material<'_>, file: &'a FoundFile) -> Result<Entry<'a>, FileLost> {
    let read = extract::read(file, material.zone, material.readers, material.clock, material.version)?;
    let relative = file.path.strip_prefix(&material.instrument_data).unwrap_or(&file.path);
    let Read { signals, mut warnings, scratch, .. } = read;
    let drawn = beside::drawn(material, file, &signals, &mut warnings);
    // Nothing is written about a file that somebody was writing to.
    extract::unchanged(file)?;
    let count = signals.len();
    let mut datasets = Vec::with_capacity(count);
    let mut flats = Vec::with_capacity(count);
    for (index, signal) in signals.iter().enumerate() {
        let (flat, doubts) = metadata::flatten(signal);
        warnings.extend(doubts.into_iter().map(|doubt| format!("`{}`: {doubt}", file.path.display())));
        let preview =
            beside::write(material, relative, (signal, index, count), drawn.as_deref(), &mut warnings)?;
        flats.push(flat);
        datasets.push(Dataset {
            dataset_type: signal.dataset_type.clone(),
            name: name(relative, index, count),
            location: rooted(relative),
            preview,
            meta: Vec::new(),
        });
    }
    drop(scratch);
    Ok(Entry { file, datasets, flats, warnings })
}

/// The file's name as it is shown: what is not UTF-8 and control characters are replaced visibly. The
/// location has the bytes.
fn name(relative: &Path, index: usize, count: usize) -> String {
    let name = relative.file_name().unwrap_or(relative.as_os_str()).to_string_lossy();
    let name: String =
        name.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
    if count > 1 { format!("{name} ({} of {count})", index + 1) } else { name }
}

pub(super) fn rooted(relative: &Path) -> String {
    let encoded = record::percent_encode(relative.as_os_str().as_encoded_bytes());
    if encoded.starts_with('/') { encoded } else { format!("/{encoded}") }
}

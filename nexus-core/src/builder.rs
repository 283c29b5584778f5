//! Session + reservation + files → record.
//!
//! Reads the files and writes what lies beside the record; touches neither database nor network. Runs on
//! the rayon pool: the files of a session are read in parallel, and the record is the same whatever the
//! number of threads.

mod beside;
mod datasets;
mod head;

use std::io;
use std::ops::Range;
use std::path::PathBuf;

use chrono::{DateTime, FixedOffset};
use chrono_tz::Tz;
use nexus_plugin_api::Reservation;
use uuid::Uuid;

use crate::clock::Clock;
use crate::extract::Readers;
use crate::record::{self, Experiment};
use crate::walk::FoundFile;
use crate::xml;

/// Where the identifiers of samples come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SampleIds {
    /// From the session's record key: the same in every build.
    Derived,
    /// These, in the order of the samples; those that are missing are derived.
    Given(Vec<String>),
}

/// Everything a record is made of.
pub struct Material<'a> {
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
    /// Root of the instrument data: locations in the record are relative to it. Never written to.
    pub instrument_data: PathBuf,
    /// Root of the data folder: previews and side files lie below it.
    pub data: PathBuf,
    /// Who reads the files.
    pub readers: &'a Readers,
    /// Says when each file was read.
    pub clock: &'a dyn Clock,
    /// Version of this program, for the record.
    pub version: &'a str,
    /// Where the identifiers of samples come from.
    pub sample_ids: SampleIds,
    /// How readily pauses between files part activities: 1 is usual, 0 never parts.
    pub sensitivity: f64,
    /// Whether previews are made. Those that exist are pointed to in any case.
    pub previews: bool,
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
    /// Signals in the record; at least one per file.
    pub dataset_count: u64,
    /// Acquisition activities in the record.
    pub activity_count: u64,
    /// Details that were left out or are in doubt, and why. In the order of the record.
    pub warnings: Vec<String>,
}

/// Why there is no record yet. The storage is at work, or out of order: the session waits.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Somebody writes to a file that belongs to the session.
    #[error("`{}` changed while it was read: the session waits until it is left alone", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Files of the session are gone. A record of the others would be wrong if the storage is just going away;
    /// if they were deleted, the next run does not find them.
    #[error(
        "{gone} of the session's {of} files vanished since they were found, `{}` first: \
         is the storage still mounted?", path.display()
    )]
    Vanished {
        /// How many are gone.
        gone: usize,
        /// How many there were.
        of: usize,
        /// The first that is gone.
        path: PathBuf,
    },
    /// A file can no longer be looked at, though it is there.
    #[error("`{}` can no longer be looked at: check the storage and its permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The data folder takes no more.
    #[error("no room for what lies beside the record: make space in the data folder")]
    DiskFull(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The acquisition activities that files, by modification time, fall into: ranges of their positions.
pub fn group(files: &[FoundFile], sensitivity: f64) -> Vec<Range<usize>> {
    datasets::group(files.iter(), sensitivity)
}

/// Makes the record.
///
/// # Errors
/// [`BuildError`]: the session should wait and be built again later.
pub fn build(material: &Material<'_>) -> Result<BuiltRecord, BuildError> {
    let mut warnings = material.reservation.warnings.clone();
    let found = datasets::activities(material)?;
    let experiment = Experiment {
        title: head::title(material),
        id: head::filled(material.reservation.internal_id.as_ref()),
        summary: head::summary(material),
        samples: head::samples(material, &mut warnings),
        projects: head::projects(&material.reservation),
        activities: found.activities,
        sample_id: material.sample_ids.at(material.record_key, 0),
    };
    warnings.extend(found.warnings);
    let xml = xml::write(&experiment);
    let datasets = experiment.activities.iter().map(|activity| activity.datasets.len()).sum::<usize>();
    Ok(BuiltRecord {
        content_sha256: record::content_hash(&experiment),
        file_sha256: record::sha256_hex(&xml),
        file_count: found.files as u64,
        dataset_count: datasets as u64,
        activity_count: experiment.activities.len() as u64,
        xml,
        warnings,
    })
}

#[cfg(test)]
mod tests;

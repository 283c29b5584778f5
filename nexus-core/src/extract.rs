//! Reading what a file says about itself.
//!
//! Readers are asked by falling priority; the one that knows nothing but the file's time comes last and
//! cannot fail. A reader that fails, panics or gives back rubbish costs the file its own metadata, never
//! the record.

mod basic;
pub(crate) mod checked;
mod readers;

use std::fs;
use std::io;

use chrono_tz::Tz;
use nexus_plugin_api::{MetaMap, MetaNode, MetaValue, Signal};

pub use basic::modified_text;
use readers::Refusal;
pub use readers::{ReadBy, Readers, Scratch};

use crate::clock::Clock;
use crate::timestamp::Timestamp;
use crate::walk::FoundFile;

/// Name of the reader that knows nothing but the file's time.
pub const BASIC: &str = "nexus.extractors.basic_file_info";

/// The map that says when, by what and by which version a file was read.
pub const EXTRACTION: &str = "NexusLIMS Extraction";

/// So many doubts stand in the record beside the metadata.
const MOST_DOUBTS: usize = 8;

/// What was read out of one file.
pub struct Read {
    /// Who read it.
    pub read_by: ReadBy,
    /// At least one.
    pub signals: Vec<Signal>,
    /// What went wrong on the way, with the file's name; that an extractor is off, without it.
    pub warnings: Vec<String>,
    /// Holds the pictures that the reader drew, until this is dropped.
    pub scratch: Option<Scratch>,
}

/// Why a file gave nothing.
#[derive(Debug)]
pub enum FileLost {
    /// It is gone.
    Vanished,
    /// It is not the file that was found: time or size differ.
    Changed,
    /// The system will not say.
    Unreadable(io::Error),
    /// What lies beside the record could not be written.
    DiskFull(Box<dyn std::error::Error + Send + Sync>),
}

/// Reads one file with the first reader that wants it. Whether it was left alone meanwhile is the caller's to
/// ask ([`unchanged`]), once nothing more is read from it.
///
/// # Errors
/// The file is not the one that was found.
pub fn read(
    file: &FoundFile,
    zone: Tz,
    readers: &Readers,
    clock: &dyn Clock,
    version: &str,
) -> Result<Read, FileLost> {
    let (mut told, mut off) = (Vec::new(), Vec::new());
    let mut found = None;
    for reader in readers.wanting(&file.path) {
        unchanged(file)?;
        match readers.ask(reader, file) {
            Ok(None) => {}
            Ok(Some((signals, scratch))) => {
                let (signals, doubts) = checked::checked(signals, file, zone, scratch.path());
                told.extend(doubts);
                if !signals.is_empty() {
                    found = Some((reader.read_by(version), signals, Some(scratch)));
                    break;
                }
            }
            Err(Refusal::Failed(why)) => told.push(why),
            Err(Refusal::Off(why)) => off.push(why),
            Err(Refusal::DiskFull(error)) => return Err(FileLost::DiskFull(Box::new(error))),
        }
    }
    let date = Timestamp::from_fixed(clock.now_local()).to_string();
    let (read_by, mut signals, scratch) =
        found.unwrap_or_else(|| (readers.basic(version), vec![basic::signal(file, zone)], None));
    let doubts: Vec<&str> = told.iter().chain(&off).map(String::as_str).take(MOST_DOUBTS).collect();
    for signal in &mut signals {
        stamp(&mut signal.metadata, &date, &read_by, &doubts);
    }
    let about = told.into_iter().map(|told| format!("`{}`: {told}", file.path.display()));
    let warnings = about.chain(off).collect();
    Ok(Read { read_by, signals, warnings, scratch })
}

/// Says when and by what a file was read; what a reader says about that does not count.
fn stamp(metadata: &mut MetaMap, date: &str, by: &ReadBy, told: &[&str]) {
    let mut extraction = MetaMap::default();
    extraction.insert("Date", MetaValue::Text(date.to_owned()));
    extraction.insert("Module", MetaValue::Text(by.module.clone()));
    extraction.insert("Version", MetaValue::Text(by.version.clone()));
    if !told.is_empty() {
        extraction.insert("Extractor Warnings", MetaValue::Text(told.join("; ")));
    }
    metadata.0.retain(|(key, _)| key != EXTRACTION);
    for (key, node) in &mut metadata.0 {
        if let ("extensions", MetaNode::Map(inner)) = (key.as_str(), node) {
            inner.0.retain(|(key, _)| key != EXTRACTION);
        }
    }
    metadata.insert_map(EXTRACTION, extraction);
}

/// Whether the file is still the one that was found.
///
/// # Errors
/// It is not.
pub fn unchanged(file: &FoundFile) -> Result<(), FileLost> {
    let metadata = match fs::symlink_metadata(&file.path) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Err(FileLost::Vanished);
        }
        Err(error) => return Err(FileLost::Unreadable(error)),
    };
    let modified = metadata.modified().map_err(FileLost::Unreadable)?;
    if metadata.is_file() && modified == file.modified && metadata.len() == file.size {
        Ok(())
    } else {
        Err(FileLost::Changed)
    }
}

#[cfg(test)]
mod tests;

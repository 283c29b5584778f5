//! What lies beside a record: the metadata of every file as JSON, and its preview.
//!
//! Both stand below the data folder at the path that the file has below the instrument data:
//!
//! ```text
//! <data>/<path>.json          <data>/<path>_signal0.json        of several signals
//! <data>/<path>.thumb.png     <data>/<path>_signal0.thumb.png
//! ```
//!
//! They can be made again from the instrument's files, and there are thousands of them: so they are
//! written whole but not synced one by one: one that is new under its name, since nobody knows of it yet; one
//! that replaces another by a rename. A run syncs them once, at its end; what a power cut before
//! that may have taken is made again (see [`crate::unsynced`]): a build compares every file with what it should be.
//!
//! Temporary files are made in the data folder itself, so that one [`durable::sweep`] of it takes away
//! what a crash left.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use nexus_plugin_api::Signal;

use crate::durable::{self, DurableError};
use crate::preview;

mod json;
#[cfg(test)]
mod tests;

pub use json::metadata_json;

/// The most bytes that the name of a file can have on the file systems in use.
const LONGEST_NAME: usize = 255;

/// A preview that an extractor drew may have so many bytes. One of 500 × 500 pixels has a tenth of it
/// even if nothing in it can be compressed.
const LARGEST_DRAWN: u64 = 8 * 1024 * 1024;

/// How every PNG file begins.
const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A side file that could not be written. Costs the file its side file, never the record its build, except a
/// full disk ([`SideFileError::is_disk_full`]).
#[derive(Debug, thiserror::Error)]
pub enum SideFileError {
    /// The path would lead out of the data folder, or names nothing.
    #[error("`{}` is no path below the instrument data, so there is no place for its side files", path.display())]
    Outside {
        /// The path as given.
        path: PathBuf,
    },
    /// The name, made longer by the suffix, has more bytes than a file system takes.
    #[error("`{}` cannot be written: its name is too long (a file's own name may have about 235 bytes)", path.display())]
    NameTooLong {
        /// The side file.
        path: PathBuf,
    },
    /// The preview that an extractor drew is not there or cannot be read.
    #[error("failed to read the preview `{}` that the extractor drew", path.display())]
    Unreadable {
        /// The picture in the scratch folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The preview that an extractor drew is no PNG file, or far too large.
    #[error("the preview `{}` that the extractor drew is {why} (it must be a PNG file of at most 8 MiB)", path.display())]
    NotAPreview {
        /// The picture in the scratch folder.
        path: PathBuf,
        /// What it is instead.
        why: &'static str,
    },
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] DurableError),
}

impl SideFileError {
    /// Whether the disk is full: then nothing else can be written either.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Write(error) if error.is_disk_full())
    }
}

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The file is new or has a new content.
    Written,
    /// It had this content already, and was not touched.
    Unchanged,
}

/// Where the side files of one signal are.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    data: &'a Path,
    /// The path below the data folder, without a suffix. Bytes that are no UTF-8 are kept.
    stem: OsString,
}

impl<'a> Place<'a> {
    /// The place for signal number `signal` (from 0) of a file with `signals` signals.
    ///
    /// `relative` is the file's path below the instrument data; one that is absolute, empty or has `..` in it
    /// is refused, since it could lead out of the data folder.
    pub fn new(
        data: &'a Path,
        relative: &Path,
        signal: usize,
        signals: usize,
    ) -> Result<Self, SideFileError> {
        let inside = relative.components().all(|part| matches!(part, Component::Normal(_)));
        if !inside || relative.file_name().is_none() {
            return Err(SideFileError::Outside { path: relative.to_owned() });
        }
        let mut stem = relative.as_os_str().to_owned();
        if signals > 1 {
            stem.push(format!("_signal{signal}"));
        }
        Ok(Self { data, stem })
    }

    /// The metadata.
    pub fn json(&self) -> PathBuf {
        self.with(".json")
    }

    /// The preview.
    pub fn preview(&self) -> PathBuf {
        self.with(".thumb.png")
    }

    fn with(&self, suffix: &str) -> PathBuf {
        let mut name = self.stem.clone();
        name.push(suffix);
        self.data.join(name)
    }
}

/// Writes a signal's metadata.
///
/// A file that differs only in the moment of extraction is left as it is: a rebuild of unchanged files
/// writes nothing.
pub fn write_metadata(place: &Place, signal: &Signal) -> Result<Outcome, SideFileError> {
    let (text, date) = json::with_date(signal);
    let same = |old: &[u8]| match &date {
        Some(date) => json::same_but(old, text.as_bytes(), date),
        None => old == text.as_bytes(),
    };
    // A moment of extraction may be longer or shorter by its fraction of a second.
    write(place, &place.json(), text.as_bytes(), 16, same)
}

/// Writes a signal's preview, the bytes of a PNG file.
pub fn write_preview(place: &Place, png: &[u8]) -> Result<Outcome, SideFileError> {
    write(place, &place.preview(), png, 0, |old| old == png)
}

/// Writes a signal's preview that an extractor drew into a file of its scratch folder; one of more than
/// [`preview::EDGE`] pixels is made smaller.
pub fn copy_preview(place: &Place, drawn: &Path) -> Result<Outcome, SideFileError> {
    write_preview(place, &drawn_preview(drawn)?)
}

/// The preview that an extractor drew, as the bytes of a PNG file that is small enough.
///
/// # Errors
/// The file cannot be read, or is no picture that a preview could be.
pub fn drawn_preview(drawn: &Path) -> Result<Vec<u8>, SideFileError> {
    let unreadable = |source| SideFileError::Unreadable { path: drawn.to_owned(), source };
    let not = |why| SideFileError::NotAPreview { path: drawn.to_owned(), why };
    let metadata = fs::metadata(drawn).map_err(unreadable)?;
    // Opening a pipe would wait for somebody to write into it.
    if !metadata.is_file() {
        return Err(not("no file"));
    }
    let mut png = Vec::new();
    File::open(drawn)
        .and_then(|file| file.take(LARGEST_DRAWN + 1).read_to_end(&mut png))
        .map_err(unreadable)?;
    if png.len() as u64 > LARGEST_DRAWN {
        return Err(not("too large"));
    }
    if !png.starts_with(PNG_SIGNATURE) {
        return Err(not("no PNG file"));
    }
    let Some(edge) = longest_edge(&png) else { return Err(not("a damaged PNG file")) };
    if edge <= preview::EDGE {
        return Ok(png);
    }
    preview::shrunk(drawn).map_err(|_| not("a damaged PNG file, or one of far too many pixels"))
}

/// In pixels, as the header of a PNG file says it: length and name of the first block, width, height.
fn longest_edge(png: &[u8]) -> Option<u32> {
    let header = png.strip_prefix(PNG_SIGNATURE)?.strip_prefix(b"\0\0\0\x0dIHDR")?;
    let (width, rest) = header.split_first_chunk::<4>()?;
    let (height, _) = rest.split_first_chunk::<4>()?;
    let edges = [u32::from_be_bytes(*width), u32::from_be_bytes(*height)];
    edges.iter().all(|edge| *edge > 0).then(|| edges.into_iter().max()).flatten()
}

fn write(
    place: &Place,
    path: &Path,
    bytes: &[u8],
    slack: u64,
    same: impl Fn(&[u8]) -> bool,
) -> Result<Outcome, SideFileError> {
    if path.file_name().is_some_and(|name| name.len() > LONGEST_NAME) {
        return Err(SideFileError::NameTooLong { path: path.to_owned() });
    }
    let made = match durable::create_unsynced(path, bytes) {
        Ok(made) => made,
        // The name may fit, and the whole path, or a stricter file system, still be too much.
        Err(error) if error.is_name_too_long() => {
            return Err(SideFileError::NameTooLong { path: path.to_owned() });
        }
        // Something that is no folder stands in the way of one: said by the writing below.
        Err(error) if error.is_disk_full() => return Err(error.into()),
        Err(_) => false,
    };
    if made {
        return Ok(Outcome::Written);
    }
    // Only a file of about this length is read to be compared.
    let about_as_long = fs::symlink_metadata(path)
        .is_ok_and(|old| old.is_file() && old.len().abs_diff(bytes.len() as u64) <= slack);
    if about_as_long && fs::read(path).is_ok_and(|old| same(&old)) {
        return Ok(Outcome::Unchanged);
    }
    match durable::write_atomic_unsynced(path, bytes, place.data) {
        Ok(()) => Ok(Outcome::Written),
        // The name may fit, and the whole path, or a stricter file system, still be too much.
        Err(error) if error.is_name_too_long() => Err(SideFileError::NameTooLong { path: path.to_owned() }),
        Err(error) => Err(error.into()),
    }
}

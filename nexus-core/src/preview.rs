//! Small pictures of files that everybody can look at.
//!
//! Drawn here for files that no extractor drew one for: the first lines of a text, and pictures made smaller.
//! A preview is a PNG file of at most [`EDGE`] × [`EDGE`] pixels. Its bytes depend on the file's bytes and on
//! nothing else; the work is bounded by pixels and bytes, never by time, so that it stays so.
//!
//! The files come from instruments and from anybody: whatever is in them, the worst that comes out is a
//! [`PreviewError`], and the file is in the record without a preview.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

mod encode;
mod font;
mod grey;
mod picture;
#[cfg(test)]
mod tests;
pub(crate) mod text;

/// The longest edge of a preview, in pixels.
pub const EDGE: u32 = 500;

/// The largest picture file that is opened, in bytes: some decoders hold the whole file in memory.
pub const LARGEST_FILE: u64 = 256 * 1024 * 1024;

/// The largest picture that is decoded, in bytes of its pixels: 8,192 × 8,192 with four bytes each.
pub const LARGEST_DECODED: u64 = 256 * 1024 * 1024;

/// Pictures that need more than this are decoded one at a time, lest memory grow with the number of cores.
const LARGE: u64 = 32 * 1024 * 1024;

/// The suffixes of pictures that get a preview, exactly as written here.
const PICTURES: [&str; 6] = ["png", "tiff", "bmp", "gif", "jpg", "jpeg"];

static ONE_LARGE: Mutex<()> = Mutex::new(());

/// A file whose preview could not be drawn. It costs the file its preview and nothing else.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// The file could not be read.
    #[error("no preview of `{}`: it cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A folder, a pipe or a device.
    #[error("no preview of `{}`: it is no regular file", path.display())]
    NoFile {
        /// What it was asked for.
        path: PathBuf,
    },
    /// More bytes or pixels than are decoded.
    #[error("no preview of `{}`: it has {size} bytes {of}, and more than {limit} are not decoded", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How many bytes.
        size: u64,
        /// Of what: the file, or its pixels.
        of: &'static str,
        /// How many would be right.
        limit: u64,
    },
    /// Not a picture, a damaged one, or of a kind that is not known here.
    #[error("no preview of `{}`: it is no picture that can be decoded ({reason})", path.display())]
    Undecodable {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        reason: String,
    },
}

/// Why a picture could not be decoded, before it is known which file it is.
#[derive(Debug)]
enum Refusal {
    TooLarge { size: u64, limit: u64 },
    Undecodable(String),
}

impl Refusal {
    fn about(self, path: &Path) -> PreviewError {
        let path = path.to_owned();
        match self {
            Self::TooLarge { size, limit } => PreviewError::TooLarge { path, size, of: "of pixels", limit },
            Self::Undecodable(reason) => PreviewError::Undecodable { path, reason },
        }
    }
}

/// Whether a preview is drawn here for a file of this name.
///
/// Decided by the suffix alone, exactly as written: `LOG.TXT` gets none.
pub fn is_drawn_for(file: &Path) -> bool {
    suffix(file).is_some_and(|suffix| suffix == "txt" || PICTURES.contains(&suffix))
}

/// The preview of a file, as the bytes of a PNG file; `None` if none is drawn for its suffix.
///
/// A text shows its first lines; an empty one is a blank page. A picture is never made larger and keeps its
/// proportions; of several in one file the first is taken; what is transparent shows white. Greys of more
/// than eight bits are stretched between the 2nd and the 98th percentile.
pub fn preview_of(file: &Path) -> Result<Option<Vec<u8>>, PreviewError> {
    within(file, LARGEST_DECODED)
}

/// A picture in a PNG file, whatever the file is called, made small enough for a preview.
pub fn shrunk(png: &Path) -> Result<Vec<u8>, PreviewError> {
    let opened = File::open(png).map_err(|source| PreviewError::Read { path: png.to_owned(), source })?;
    drawn(png, opened, "png", LARGEST_DECODED)
}

/// `largest`: bytes of pixels that are decoded at most.
fn within(file: &Path, largest: u64) -> Result<Option<Vec<u8>>, PreviewError> {
    let Some(suffix) = suffix(file).filter(|_| is_drawn_for(file)) else { return Ok(None) };
    let unreadable = |source| PreviewError::Read { path: file.to_owned(), source };
    let metadata = fs::metadata(file).map_err(unreadable)?;
    // Opening a pipe would wait for somebody to write into it.
    if !metadata.is_file() {
        return Err(PreviewError::NoFile { path: file.to_owned() });
    }
    let opened = File::open(file).map_err(unreadable)?;
    if suffix == "txt" {
        return text::draw(opened).map(Some).map_err(unreadable);
    }
    if metadata.len() > LARGEST_FILE {
        return Err(PreviewError::TooLarge {
            path: file.to_owned(),
            size: metadata.len(),
            of: "in it",
            limit: LARGEST_FILE,
        });
    }
    drawn(file, opened, suffix, largest).map(Some)
}

/// `file` names it in errors.
pub(crate) fn drawn(
    file: &Path,
    opened: impl Read + Seek,
    suffix: &str,
    largest: u64,
) -> Result<Vec<u8>, PreviewError> {
    // The decoders are fuzzed, not proved: a panic in one is a picture that it cannot decode. All that it
    // touched is dropped with it, so nothing half-changed is ever seen.
    match catch_unwind(AssertUnwindSafe(|| picture::draw(opened, suffix, largest))) {
        Ok(Ok(png)) => Ok(png),
        Ok(Err(refusal)) => Err(refusal.about(file)),
        Err(_) => Err(Refusal::Undecodable("the decoder crashed".to_owned()).about(file)),
    }
}

fn suffix(file: &Path) -> Option<&str> {
    file.extension()?.to_str()
}

/// Checks the size of a picture's pixels, and does the work alone if they are many.
fn within_limits<T>(
    size: u64,
    largest: u64,
    decode: impl FnOnce() -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    if size > largest {
        return Err(Refusal::TooLarge { size, limit: largest });
    }
    let _alone = (size > LARGE).then(|| ONE_LARGE.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    decode()
}

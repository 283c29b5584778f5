//! What lies beside the record: metadata and preview of every signal, below the data folder.

use std::path::Path;

use nexus_plugin_api::{PathRef, Signal};

use super::Material;
use crate::causes::with_causes;
use crate::extract::FileLost;
use crate::preview;
use crate::side_file::{self, Outcome, Place, SideFileError};
use crate::walk::FoundFile;

/// The preview of a file that no reader drew one for, as the bytes of a PNG file.
///
/// Only a file of one signal: of several nobody knows which one the picture shows. Drawn before it is made
/// sure that the file was left alone meanwhile.
pub(super) fn drawn(
    material: &Material<'_>,
    file: &FoundFile,
    signals: &[Signal],
    warnings: &mut Vec<String>,
) -> Option<Vec<u8>> {
    let [Signal { preview: None, .. }] = signals else { return None };
    if !material.previews {
        return None;
    }
    preview::preview_of(&file.path).unwrap_or_else(|error| {
        warnings.push(with_causes(&error));
        None
    })
}

/// Writes the side files of one signal and says where its preview is, if it has one.
///
/// # Errors
/// The disk is full. Any other trouble costs the side file alone.
pub(super) fn write(
    material: &Material<'_>,
    relative: &Path,
    (signal, index, count): (&Signal, usize, usize),
    drawn: Option<&[u8]>,
    warnings: &mut Vec<String>,
) -> Result<Option<String>, FileLost> {
    let place = match Place::new(&material.data, relative, index, count) {
        Ok(place) => place,
        Err(error) => {
            warnings.push(with_causes(&error));
            return Ok(None);
        }
    };
    let mut take = |outcome: Result<Outcome, SideFileError>| match outcome {
        Ok(_) => Ok(()),
        Err(error) if error.is_disk_full() => Err(FileLost::DiskFull(Box::new(error))),
        Err(error) => {
            warnings.push(with_causes(&error));
            Ok(())
        }
    };
    take(side_file::write_metadata(&place, signal))?;
    if material.previews {
        match (signal.preview.as_ref().map(PathRef::as_path), drawn) {
            (Some(picture), _) => take(side_file::copy_preview(&place, picture))?,
            (None, Some(png)) => take(side_file::write_preview(&place, png))?,
            (None, None) => {}
        }
    }
    let preview = place.preview();
    let below = preview.strip_prefix(&material.data).unwrap_or(&preview);
    Ok(preview.is_file().then(|| super::datasets::rooted(below)))
}

//! Writing so that a reader, and a power cut, sees the old file or the new one.

use std::fs::{File, create_dir, remove_file, rename};
use std::io::{Error, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use nexus_plugin_api::PluginError;
use sha2::{Digest as _, Sha256};

use crate::failure;

/// Puts the bytes at the path: temporary file, fsync, rename, fsync of the folder.
///
/// A failure from the rename on says that the file may be there all the same.
pub fn atomic(path: &Path, bytes: &[u8]) -> Result<(), PluginError> {
    let part = part_of(path);
    let written = File::create(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written {
        let _ = remove_file(&part);
        return Err(failure::of(&error, "write", path));
    }
    if let Err(error) = rename(&part, path) {
        let _ = remove_file(&part);
        return Err(failure::of(&error, "write", path).maybe_done());
    }
    sync_folder(path.parent().unwrap_or(Path::new("/"))).map_err(PluginError::maybe_done)
}

/// Where the bytes gather: always the same name, so that a crash leaves at most one and the next
/// delivery takes it over.
pub fn part_of(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".part");
    path.with_file_name(name)
}

/// Makes the folders between the root and this one; never the root itself.
pub fn folders(root: &Path, folder: &Path) -> Result<(), PluginError> {
    let Ok(below) = folder.strip_prefix(root) else {
        return Err(PluginError::permanent(format!(
            "`{}` is not below `{}`",
            folder.display(),
            root.display()
        )));
    };
    let mut path = root.to_owned();
    for part in below {
        let parent = path.clone();
        path.push(part);
        match create_dir(&path) {
            Ok(()) => sync_folder(&parent)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(failure::of(&Error::from(ErrorKind::NotADirectory), "make folder", &path));
            }
            Err(error) => return Err(failure::of(&error, "make folder", &path)),
        }
    }
    Ok(())
}

fn sync_folder(path: &Path) -> Result<(), PluginError> {
    // Folders can be opened and synced on Unix only.
    if cfg!(unix) {
        File::open(path)
            .and_then(|folder| folder.sync_all())
            .or_else(|error| match error.kind() {
                // Some network file systems do not offer it, and keep the order themselves.
                ErrorKind::InvalidInput | ErrorKind::Unsupported => Ok(()),
                _ => Err(error),
            })
            .map_err(|error| failure::of(&error, "sync folder", path))?;
    }
    Ok(())
}

/// SHA-256, hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

//! What can be said of a database file before SQLite sees it, so that a refusal leaves it untouched.
//!
//! The file is looked at and never opened: when a process closes a file, the system takes away every lock that the
//! process holds on it, those of SQLite's connections too.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::error::DbError;

/// The path made absolute: a relative one that begins with `file:` would be read as a URI.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, DbError> {
    if path.as_os_str().is_empty() {
        return Err(DbError::EmptyPath);
    }
    std::path::absolute(path).map_err(|source| DbError::Io { action: "find", path: path.to_owned(), source })
}

/// An existing plain file; a symbolic link is followed, so that journal, lock and backup lie beside the file itself.
pub(super) fn check(path: &Path) -> Result<PathBuf, DbError> {
    let path = absolute(path)?;
    let not_found = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => DbError::NotFound { path: path.clone() },
        _ => DbError::Io { action: "open database", path: path.clone(), source },
    };
    let facts = fs::metadata(&path).map_err(not_found)?;
    if !facts.is_file() {
        let what = if facts.is_dir() { "a folder" } else { "no plain file" };
        return Err(DbError::NotAFile { path, what });
    }
    if path.is_symlink() {
        return fs::canonicalize(&path).map_err(not_found);
    }
    Ok(path)
}

/// Refuses a file or a folder that nobody may write, before anything is tried.
///
/// The permission bits are asked too, for the administrator passes every check of the system.
pub(super) fn check_writable(path: &Path) -> Result<(), DbError> {
    let refuse = |reason: String| Err(DbError::ReadOnly { path: path.to_owned(), reason });
    let folder = path.parent().unwrap_or(path);
    for (place, name) in [(path, "the file"), (folder, "its folder")] {
        let facts = fs::metadata(place).map_err(|source| DbError::Io {
            action: "look at",
            path: place.to_owned(),
            source,
        })?;
        if facts.permissions().readonly() {
            return refuse(format!("{name} is marked read-only"));
        }
        if let Err(error) = rustix::fs::access(place, rustix::fs::Access::WRITE_OK) {
            return refuse(format!("{name}: {error}"));
        }
    }
    Ok(())
}

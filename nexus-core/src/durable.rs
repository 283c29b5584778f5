//! How a file is written so that it survives a crash: the only place that syncs and renames.
//!
//! A name either holds the old content or the new one, never a part of it: the bytes go into a
//! temporary file in the same folder, are synced, and take the name by a rename; then the folder is
//! synced, so that the new name survives a power cut too. A crash leaves at most a temporary file,
//! which [`sweep`] recognises by its name.
//!
//! Thousands of small files that can be made again are written by [`write_atomic_unsynced`] and made
//! durable together by [`sync_filesystem`]: a sync of each would cost milliseconds.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// How the name of every temporary file begins.
pub const TEMPORARY_PREFIX: &str = ".nexus-tmp-";

/// Permissions of a file that everybody may read (before the process's umask).
pub const MODE_SHARED: u32 = 0o644;

/// Permissions of a file that only its owner may read.
pub const MODE_PRIVATE: u32 = 0o600;

/// A file or folder that could not be made safe on disk. Every variant names what was tried and where.
#[derive(Debug, thiserror::Error)]
pub enum DurableError {
    /// No space, or the quota is used up.
    #[error("failed to {action} `{}`: the disk is full (or the quota is used up)", path.display())]
    DiskFull {
        /// What was tried: `write`, `rename`, …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The account may not do this, or the file system is mounted read-only.
    #[error("failed to {action} `{}`: no permission (look at the owner and the mode of the folder)", path.display())]
    Permission {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The file or its folder is not there.
    #[error("failed to {action} `{}`: it does not exist", path.display())]
    Missing {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Anything else.
    #[error("failed to {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl DurableError {
    fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { action, path, source }
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Permission { action, path, source }
            }
            io::ErrorKind::NotFound => Self::Missing { action, path, source },
            _ => Self::Io { action, path, source },
        }
    }

    /// Whether the disk is full: nothing else can be written either, so a run should stop.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::DiskFull { .. })
    }

    /// Whether the name, or the whole path, has more bytes than the file system takes.
    pub fn is_name_too_long(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::InvalidFilename)
    }

    /// The file or folder it is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::DiskFull { path, .. }
            | Self::Permission { path, .. }
            | Self::Missing { path, .. }
            | Self::Io { path, .. } => path,
        }
    }
}

/// Gives the file these bytes, atomically and durably, readable by everybody ([`MODE_SHARED`]).
///
/// ```
/// let folder = tempfile::tempdir()?;
/// let file = folder.path().join("record.xml");
/// nexus_core::durable::write_atomic(&file, b"<Experiment/>")?;
/// assert_eq!(std::fs::read(&file)?, b"<Experiment/>");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), DurableError> {
    write_atomic_with_mode(path, bytes, MODE_SHARED)
}

/// The same with permissions of the caller's choice (Unix mode bits, before the umask; no effect elsewhere).
pub fn write_atomic_with_mode(path: &Path, bytes: &[u8], mode: u32) -> Result<(), DurableError> {
    let folder = folder_of(path);
    let (temporary, mut file) = create_temporary(&folder, mode)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(|source| DurableError::new("write", path, source))
        .and_then(|()| fs::rename(&temporary, path).map_err(|e| DurableError::new("write", path, e)));
    drop(file);
    if let Err(error) = written {
        // The temporary file is worth nothing now; if even this fails, the next sweep takes it.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    sync_dir(&folder)
}

/// Gives the file these bytes, atomically but not yet durably, readable by everybody; missing folders are made.
///
/// Who reads the name sees the old content or the new one, never a part. After a *power cut* the name may hold
/// nothing or nonsense until [`sync_filesystem`] has returned: only for files that can be made again, by
/// somebody who remembers that they are in doubt until then.
///
/// The temporary file is made in `temporary_in`, a folder on the same file system that exists, so that one
/// [`sweep`] of that folder finds what a crash left however deep the files lie. Where it turns out to be on
/// another file system, the temporary file is made beside the target.
pub fn write_atomic_unsynced(path: &Path, bytes: &[u8], temporary_in: &Path) -> Result<(), DurableError> {
    let (temporary, mut file) = create_temporary(temporary_in, MODE_SHARED)?;
    let written = file.write_all(bytes);
    drop(file);
    let named = written.and_then(|()| match fs::rename(&temporary, path) {
        // The folder is made when it is missed: most files go into one that is there.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder_of(path)).and_then(|()| fs::rename(&temporary, path))
        }
        other => other,
    });
    let Err(error) = named else { return Ok(()) };
    let _ = fs::remove_file(&temporary);
    let folder = folder_of(path);
    if error.kind() == io::ErrorKind::CrossesDevices && folder != temporary_in {
        return write_atomic_unsynced(path, bytes, &folder);
    }
    Err(DurableError::new("write", path, error))
}

/// Makes a file with these bytes, readable by everybody; missing folders are made. `false`: the name is taken, and
/// nothing was done.
///
/// Neither atomic nor durable, and so twice as fast as [`write_atomic_unsynced`]: only for files that can be made
/// again and that nobody has been told of yet.
pub fn create_unsynced(path: &Path, bytes: &[u8]) -> Result<bool, DurableError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    set_mode(&mut options, MODE_SHARED);
    let opened = match options.open(path) {
        // The folder is made when it is missed: most files go into one that is there.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder_of(path)).and_then(|()| options.open(path))
        }
        other => other,
    };
    let mut file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(DurableError::new("create", path, error)),
    };
    file.write_all(bytes).map(|()| true).map_err(|error| {
        let _ = fs::remove_file(path);
        DurableError::new("write", path, error)
    })
}

/// Makes everything durable that was written to the file system of this folder, by whomever.
///
/// One call for a group of files written by [`write_atomic_unsynced`]. It waits for what other programs wrote
/// to the same file system too, so it is dear on a busy one: once a run, never per file.
pub fn sync_filesystem(folder: &Path) -> Result<(), DurableError> {
    let handle = File::open(folder).map_err(|error| DurableError::new("open the folder", folder, error))?;
    sync_filesystem_of(&handle).map_err(|error| DurableError::new("sync the file system of", folder, error))
}

#[cfg(target_os = "linux")]
fn sync_filesystem_of(handle: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(handle)?)
}

#[cfg(all(unix, not(target_os = "linux")))]
fn sync_filesystem_of(_handle: &File) -> io::Result<()> {
    rustix::fs::sync();
    Ok(())
}

#[cfg(not(unix))]
fn sync_filesystem_of(_handle: &File) -> io::Result<()> {
    Ok(())
}

/// Makes the folder and every missing one above it, each synced into the one that holds it.
pub fn create_dir_all_durable(path: &Path) -> Result<(), DurableError> {
    if path.is_dir() {
        return Ok(());
    }
    let above = folder_of(path);
    if above != path {
        create_dir_all_durable(&above)?;
    }
    match fs::create_dir(path) {
        Ok(()) => sync_dir(&above),
        // Somebody else made it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(DurableError::new("create the folder", path, error)),
    }
}

/// Removes a file for good. One that is not there is no error: the aim is reached.
pub fn remove(path: &Path) -> Result<(), DurableError> {
    match fs::remove_file(path) {
        Ok(()) => sync_dir(&folder_of(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(DurableError::new("remove", path, error)),
    }
}

/// Gives a file another name on the same file system, replacing what had that name; both folders are synced.
pub fn rename_durable(from: &Path, to: &Path) -> Result<(), DurableError> {
    fs::rename(from, to).map_err(|source| DurableError::new("rename", from, source))?;
    sync_both(from, to)
}

/// Moves files, also to another file system: there each is copied, synced and named before the old one goes.
/// Answers what could not be moved.
///
/// Every folder is synced once, at the end, those that were moved into first: after a power cut a file may have
/// its old name, its new one or both, and each of them holds the whole content.
pub fn move_all_durable(moves: impl IntoIterator<Item = (PathBuf, PathBuf)>) -> Vec<DurableError> {
    let mut failed = Vec::new();
    let (mut left, mut entered) = (BTreeSet::new(), BTreeSet::new());
    for (from, to) in moves {
        match move_unsynced(&from, &to) {
            Ok(()) => {
                left.insert(folder_of(&from));
                entered.insert(folder_of(&to));
            }
            Err(error) => failed.push(error),
        }
    }
    let synced: Result<(), DurableError> =
        entered.iter().chain(left.difference(&entered)).try_for_each(|folder| sync_dir(folder));
    failed.extend(synced.err());
    failed
}

fn move_unsynced(from: &Path, to: &Path) -> Result<(), DurableError> {
    let moved = match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            copy_durable(from, to)?;
            fs::remove_file(from)
        }
        other => other,
    };
    moved.map_err(|error| DurableError::new("move", from, error))
}

/// Copies a file, atomically and durably, replacing what had the name. Permissions are copied too.
pub fn copy_durable(from: &Path, to: &Path) -> Result<(), DurableError> {
    let folder = folder_of(to);
    let mut source = File::open(from).map_err(|error| DurableError::new("read", from, error))?;
    let (temporary, mut target) = create_temporary(&folder, MODE_PRIVATE)?;
    let written = io::copy(&mut source, &mut target)
        .and_then(|_| source.metadata())
        .and_then(|metadata| target.set_permissions(metadata.permissions()))
        .and_then(|()| target.sync_all())
        .and_then(|()| fs::rename(&temporary, to));
    drop(target);
    if let Err(error) = written {
        let _ = fs::remove_file(&temporary);
        return Err(DurableError::new("write", to, error));
    }
    sync_dir(&folder)
}

/// Makes the names in a folder durable: what was created, renamed or removed in it.
pub fn sync_dir(folder: &Path) -> Result<(), DurableError> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(folder).and_then(|handle| handle.sync_all()) {
        Ok(()) => Ok(()),
        // Some network file systems do not know the call for folders; they have nothing to sync then.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Ok(())
        }
        Err(error) => Err(DurableError::new("sync the folder", folder, error)),
    }
}

/// Whether a file of this name is one of our temporary files.
pub fn is_temporary(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(TEMPORARY_PREFIX.as_bytes()))
}

/// Removes the temporary files that a crash left in a folder (not in those below it) and says how many.
///
/// Only while holding the lock that keeps other writers out of this folder: a temporary file of a
/// living writer looks the same. A folder that does not exist has none.
pub fn sweep(folder: &Path) -> Result<usize, DurableError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(DurableError::new("read the folder", folder, error)),
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry.map_err(|error| DurableError::new("read the folder", folder, error))?;
        let path = entry.path();
        if is_temporary(&path) && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            fs::remove_file(&path).map_err(|error| DurableError::new("remove", &path, error))?;
            removed += 1;
        }
    }
    if removed > 0 {
        sync_dir(folder)?;
    }
    Ok(removed)
}

/// Proves that files can be written into a folder, by writing one and removing it.
pub fn check_writable(folder: &Path) -> Result<(), DurableError> {
    let (path, mut file) = create_temporary(folder, MODE_PRIVATE)?;
    let written = file.write_all(b"x").and_then(|()| file.sync_all());
    drop(file);
    let removed = fs::remove_file(&path);
    written.and(removed).map_err(|source| DurableError::new("write into", folder, source))
}

/// The folder that holds this name; `.` for a bare name.
fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => path.to_owned(),
    }
}

fn create_temporary(folder: &Path, mode: u32) -> Result<(PathBuf, File), DurableError> {
    // The name says nothing about the file it becomes: a long name must not grow past the limit.
    let path = folder.join(format!("{TEMPORARY_PREFIX}{}", Uuid::new_v4().simple()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    set_mode(&mut options, mode);
    match options.open(&path) {
        Ok(file) => Ok((path, file)),
        Err(error) => Err(DurableError::new("create a file in", folder, error)),
    }
}

#[cfg(unix)]
fn set_mode(options: &mut OpenOptions, mode: u32) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(mode);
}

#[cfg(not(unix))]
fn set_mode(_options: &mut OpenOptions, _mode: u32) {}

fn sync_both(from: &Path, to: &Path) -> Result<(), DurableError> {
    let (old, new) = (folder_of(from), folder_of(to));
    // The new name first: after a power cut between the two, both may exist, but never neither.
    sync_dir(&new)?;
    if old == new { Ok(()) } else { sync_dir(&old) }
}

#[cfg(test)]
mod tests;

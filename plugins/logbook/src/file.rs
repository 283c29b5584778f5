//! The log as it lies on disk at one moment.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

use nexus_plugin_api::PluginError;
use sha2::{Digest as _, Sha256};

/// Larger files are refused: a usage log of this size is some other file.
const LARGEST: u64 = 256 * 1024 * 1024;

/// The bytes of the log, read in one go, and their digest.
#[derive(Debug)]
pub struct Snapshot {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// SHA-256 of their number and of them, hexadecimal.
    pub digest: String,
    /// The file they are from: the same one, even if another is given its name.
    pub file: File,
    /// What was seen of the file before it was read.
    pub stamp: Stamp,
}

impl Snapshot {
    /// Reads the file.
    pub fn take(path: &Path) -> Result<Self, PluginError> {
        let (mut file, stamp) = open(path)?;
        let mut bytes = vec![0; usize::try_from(stamp.length).unwrap_or(usize::MAX)];
        file.read_exact(&mut bytes).map_err(|error| unread(path, &error))?;
        let digest = hex_digest(&[&bytes]);
        Ok(Self { bytes, digest, file, stamp })
    }
}

/// The digest that a [`Snapshot`] taken now would have. The bytes are not kept.
///
/// The digest, not size and time, tells from run to run whether the log changed: two edits within one tick of
/// the file system's clock may leave both equal.
pub fn digest(path: &Path) -> Result<String, PluginError> {
    let (file, stamp) = open(path)?;
    let mut hash = Sha256::new();
    hash.update(stamp.length.to_le_bytes());
    let mut left = stamp.length;
    let mut file = file.take(stamp.length);
    let mut part = vec![0; 64 * 1024];
    while left > 0 {
        let count = match file.read(&mut part) {
            Ok(0) => return Err(unread(path, &io::ErrorKind::UnexpectedEof.into())),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(path, &error)),
        };
        hash.update(part.get(..count).unwrap_or_default());
        left -= count as u64;
    }
    Ok(hexadecimal(&hash.finalize()))
}

/// What tells a file that was changed or replaced without reading it: as long as it stays equal, the rows that
/// were read still stand, but for edits within one tick of the file system's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    /// Number of the file, seconds and nanoseconds of its last change of any kind.
    #[cfg(unix)]
    node: (u64, i64, i64),
}

impl Stamp {
    /// That of the file which has this name now.
    pub fn of(path: &Path) -> Result<Self, PluginError> {
        std::fs::metadata(path).map(|seen| Self::new(&seen)).map_err(|error| unreadable(path, &error))
    }

    fn new(seen: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt as _;
        Self {
            length: seen.len(),
            modified: seen.modified().ok(),
            #[cfg(unix)]
            node: (seen.ino(), seen.ctime(), seen.ctime_nsec()),
        }
    }
}

fn open(path: &Path) -> Result<(File, Stamp), PluginError> {
    // Asked before opening: opening a named pipe would wait for a writer.
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !metadata.is_file() {
        return Err(PluginError::permanent(format!("usage log `{}` is not a file", path.display()))
            .with_hint("let `path` name the CSV or JSON-lines file itself"));
    }
    let opened = File::open(path).and_then(|file| Ok((Stamp::new(&file.metadata()?), file)));
    let (stamp, file) = opened.map_err(|error| unreadable(path, &error))?;
    if stamp.length > LARGEST {
        return Err(PluginError::permanent(format!(
            "usage log `{}` is larger than {} MiB",
            path.display(),
            LARGEST / (1024 * 1024)
        ))
        .with_hint("move old rows into a log of their own"));
    }
    Ok((file, stamp))
}

/// SHA-256 of the parts, each led by its length so that parts cannot run into each other.
pub fn hex_digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hexadecimal(&hash.finalize())
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Something in the log is not what it was a moment ago: nothing may be concluded from it.
pub fn changed(path: &Path) -> PluginError {
    PluginError::transient(format!("usage log `{}` was changed while it was being read", path.display()))
        .with_hint("the next run reads it from the beginning")
}

/// A file that ended before its length was cut off meanwhile.
fn unread(path: &Path, error: &io::Error) -> PluginError {
    if error.kind() == io::ErrorKind::UnexpectedEof { changed(path) } else { unreadable(path, error) }
}

fn unreadable(path: &Path, error: &io::Error) -> PluginError {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "check `path`; is the share mounted?",
        io::ErrorKind::PermissionDenied => "let the user who runs nexus read it",
        _ => "check the disk or share it lies on",
    };
    PluginError::transient(format!("usage log `{}` cannot be read: {error}", path.display())).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use nexus_plugin_api::FailureClass;

    use super::*;

    #[test]
    fn a_missing_file_is_a_passing_failure_that_names_it() {
        let error = Snapshot::take(Path::new("/nowhere/usage.csv")).unwrap_err();
        assert_eq!(error.class, FailureClass::Transient);
        assert!(error.message.contains("/nowhere/usage.csv"));
    }

    #[test]
    fn a_folder_is_no_log() {
        let dir = tempfile::tempdir().unwrap();
        let error = Snapshot::take(dir.path()).unwrap_err();
        assert_eq!(error.class, FailureClass::Permanent);
    }

    #[test]
    fn the_digest_is_that_of_the_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("usage.csv");
        for length in [0, 1, 64 * 1024, 200_001] {
            std::fs::write(&path, vec![b'x'; length]).unwrap();
            let snapshot = Snapshot::take(&path).unwrap();
            assert_eq!(snapshot.bytes.len(), length);
            assert_eq!(digest(&path).unwrap(), snapshot.digest);
            assert_eq!(Stamp::of(&path).unwrap(), snapshot.stamp);
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(hex_digest(&[b"ab", b"c"]), hex_digest(&[b"a", b"bc"]));
    }
}

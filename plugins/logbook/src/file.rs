//! The log as it lies on disk at one moment.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use nexus_plugin_api::PluginError;
use sha2::{Digest as _, Sha256};

/// Larger files are refused: a usage log of this size is some other file.
const LARGEST: u64 = 256 * 1024 * 1024;

/// The bytes of the log, read in one go, and their digest.
#[derive(Debug)]
pub struct Snapshot {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// SHA-256 of them, hexadecimal.
    pub digest: String,
}

impl Snapshot {
    /// Reads the file.
    ///
    /// The digest, not size and time, tells whether it changed: two edits within one tick of the file
    /// system's clock may leave both equal.
    pub fn take(path: &Path) -> Result<Self, PluginError> {
        // Asked before opening: opening a named pipe would wait for a writer.
        let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
        if !metadata.is_file() {
            return Err(PluginError::permanent(format!("usage log `{}` is not a file", path.display()))
                .with_hint("let `path` name the CSV or JSON-lines file itself"));
        }
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
            .map_err(|error| unreadable(path, &error))?;
        if bytes.len() as u64 > LARGEST {
            return Err(PluginError::permanent(format!(
                "usage log `{}` is larger than {} MiB",
                path.display(),
                LARGEST / (1024 * 1024)
            ))
            .with_hint("move old rows into a log of their own"));
        }
        let digest = hex_digest(&[&bytes]);
        Ok(Self { bytes, digest })
    }
}

/// SHA-256 of the parts, each led by its length so that parts cannot run into each other.
pub fn hex_digest(parts: &[&[u8]]) -> String {
    use std::fmt::Write as _;
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
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
    fn parts_do_not_run_into_each_other() {
        assert_ne!(hex_digest(&[b"ab", b"c"]), hex_digest(&[b"a", b"bc"]));
    }
}

//! The first way: one root after the other.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::window::Spans;
use super::{FoundFile, Problem, Selection, WalkError, Window};

/// What a walk found.
#[derive(Debug, Default)]
pub struct Walk {
    files: Vec<FoundFile>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Whether the folder holds any file at all, of whatever age and name: the proof that the storage is there.
    pub holds_files: bool,
}

impl Walk {
    /// The files of one window, by modification time, then path.
    pub fn slice(&self, window: Window) -> &[FoundFile] {
        self.files.get(self.range(window)).unwrap_or_default()
    }

    /// Where the files of one window stand in [`Self::files`].
    pub fn range(&self, window: Window) -> Range<usize> {
        let start = self.files.partition_point(|file| file.modified <= window.from);
        let end = self.files.partition_point(|file| file.modified <= window.to);
        start..end.max(start)
    }

    /// All files kept.
    pub fn files(&self) -> &[FoundFile] {
        &self.files
    }
}

/// Walks `root` once and keeps the selected files whose modification time lies in one of `windows`.
///
/// Links to files are left aside. A link to a folder inside the root is left aside too (its files are
/// found where they are); one that leads out of the root is reported and not followed.
///
/// # Errors
/// The root is missing or cannot be read; a folder below it that cannot be read is a [`Problem`].
pub fn walk(root: &Path, windows: &[Window], selection: &Selection) -> Result<Walk, WalkError> {
    let unreadable = |source| WalkError::Unreadable { path: root.to_owned(), source };
    match fs::metadata(root) {
        Ok(metadata) if !metadata.is_dir() => return Err(WalkError::NotAFolder(root.to_owned())),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(WalkError::Missing(root.to_owned()));
        }
        Err(error) => return Err(unreadable(error)),
    }
    let real_root = fs::canonicalize(root).map_err(unreadable)?;
    let entries = fs::read_dir(root).map_err(unreadable)?;
    let spans = Spans::new(windows);
    let mut found = Walk::default();
    let mut pending = Vec::new();
    let mut folder = Some((root.to_owned(), entries));
    while let Some((path, entries)) = folder.take() {
        for entry in entries {
            match entry {
                Ok(entry) => visit(&entry, &real_root, &spans, selection, &mut found, &mut pending),
                Err(error) => found.problems.push(Problem { path: path.clone(), reason: error.to_string() }),
            }
        }
        while let Some(next) = pending.pop() {
            match fs::read_dir(&next) {
                Ok(entries) => {
                    folder = Some((next, entries));
                    break;
                }
                Err(error) => found.problems.push(Problem { path: next, reason: error.to_string() }),
            }
        }
    }
    found.files.sort_unstable_by(|a, b| a.modified.cmp(&b.modified).then_with(|| a.path.cmp(&b.path)));
    Ok(found)
}

fn visit(
    entry: &fs::DirEntry,
    real_root: &Path,
    spans: &Spans,
    selection: &Selection,
    found: &mut Walk,
    pending: &mut Vec<PathBuf>,
) {
    let kind = match entry.file_type() {
        Ok(kind) => kind,
        Err(error) => {
            found.problems.push(Problem { path: entry.path(), reason: error.to_string() });
            return;
        }
    };
    if kind.is_dir() {
        pending.push(entry.path());
    } else if kind.is_symlink() {
        if let Ok(target) = fs::canonicalize(entry.path())
            && target.is_dir()
            && !target.starts_with(real_root)
        {
            let reason =
                format!("link leads out of the instrument's folder, to `{}`: not followed", target.display());
            found.problems.push(Problem { path: entry.path(), reason });
        }
    } else if kind.is_file() {
        found.holds_files = true;
        if spans.is_empty() || !selection.accepts(&entry.file_name()) {
            return;
        }
        match entry.metadata().and_then(|metadata| Ok((metadata.modified()?, metadata.len()))) {
            Ok((modified, size)) if spans.contain(modified) => {
                found.files.push(FoundFile { path: entry.path(), modified, size });
            }
            Ok(_) => {}
            // Gone between the listing and the look: it was not there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => found.problems.push(Problem { path: entry.path(), reason: error.to_string() }),
        }
    }
}

//! Finding files by modification time: one walk of an instrument's folder serves all its sessions.
//!
//! Only entries inside some session's window are kept. Nothing is ever written below the root.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// A span of modification times: after `from`, up to and including `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Excluded start.
    pub from: SystemTime,
    /// Included end.
    pub to: SystemTime,
}

impl Window {
    /// Whether a file of this modification time belongs to the session.
    pub fn contains(&self, modified: SystemTime) -> bool {
        self.from < modified && modified <= self.to
    }
}

/// Which files count at all.
#[derive(Debug, Clone)]
pub struct Selection {
    suffixes: Option<Vec<String>>,
    ignore: GlobSet,
}

impl Selection {
    /// Files with one of `suffixes` (compared without regard to case; `None`: every file) whose name
    /// matches none of the `ignore` globs (without regard to case).
    ///
    /// # Errors
    /// A glob cannot be read.
    pub fn new(suffixes: Option<&[String]>, ignore: &[String]) -> Result<Self, globset::Error> {
        let mut globs = GlobSetBuilder::new();
        for pattern in ignore {
            globs.add(GlobBuilder::new(pattern).case_insensitive(true).build()?);
        }
        Ok(Self {
            suffixes: suffixes
                .map(|list| list.iter().map(|s| s.trim_start_matches('.').to_lowercase()).collect()),
            ignore: globs.build()?,
        })
    }

    /// Whether a file of this name counts.
    pub fn accepts(&self, name: &OsStr) -> bool {
        let suffix_fits = self.suffixes.as_ref().is_none_or(|list| {
            Path::new(name)
                .extension()
                .and_then(OsStr::to_str)
                .is_some_and(|suffix| list.iter().any(|wanted| wanted.eq_ignore_ascii_case(suffix)))
        });
        suffix_fits && !self.ignore.is_match(Path::new(name))
    }
}

/// A file inside some session's window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    /// Where it is.
    pub path: PathBuf,
    /// When it was last written.
    pub modified: SystemTime,
    /// Size in bytes.
    pub size: u64,
}

/// A place that could not be read, or was left aside; reported, never fatal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub path: PathBuf,
    /// What was the matter.
    pub reason: String,
}

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

/// The folder itself could not be walked; says nothing about any session's files.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// It is not there.
    #[error("instrument folder `{}` does not exist: is the storage mounted?", .0.display())]
    Missing(PathBuf),
    /// It is not a folder.
    #[error("`{}` is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// It cannot be read.
    #[error("instrument folder `{}` cannot be read", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
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

/// Windows merged into disjoint spans, for one binary search per file.
struct Spans(Vec<Window>);

impl Spans {
    fn new(windows: &[Window]) -> Self {
        let mut sorted: Vec<Window> =
            windows.iter().copied().filter(|window| window.from < window.to).collect();
        sorted.sort_unstable_by_key(|window| window.from);
        let mut merged: Vec<Window> = Vec::with_capacity(sorted.len());
        for window in sorted {
            match merged.last_mut() {
                Some(last) if window.from <= last.to => last.to = last.to.max(window.to),
                _ => merged.push(window),
            }
        }
        Self(merged)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn contain(&self, modified: SystemTime) -> bool {
        let at = self.0.partition_point(|span| span.to < modified);
        self.0.get(at).is_some_and(|span| span.contains(modified))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn at(nanos: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_000 + nanos)
    }

    fn window(from: u64, to: u64) -> Window {
        Window { from: at(from), to: at(to) }
    }

    fn put(root: &Path, name: &str, modified: SystemTime) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = fs::File::create(path).unwrap();
        file.set_modified(modified).unwrap();
    }

    fn everything() -> Selection {
        Selection::new(None, &[]).unwrap()
    }

    fn names(files: &[FoundFile]) -> Vec<&str> {
        files.iter().map(|file| file.path.file_name().unwrap().to_str().unwrap()).collect()
    }

    #[test]
    fn the_start_is_excluded_and_the_end_included_to_the_nanosecond() {
        let dir = tempfile::tempdir().unwrap();
        for (name, nanos) in [("start", 1000), ("first", 1001), ("last", 9000), ("after", 9001)] {
            put(dir.path(), name, at(nanos));
        }
        let walk = walk(dir.path(), &[window(1000, 9000)], &everything()).unwrap();
        assert_eq!(names(walk.slice(window(1000, 9000))), ["first", "last"]);
    }

    #[test]
    fn ties_are_broken_by_path_and_hidden_files_count() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b/x", "a/y", ".hidden", "a/.z/w"] {
            put(dir.path(), name, at(5));
        }
        let walk = walk(dir.path(), &[window(0, 10)], &everything()).unwrap();
        assert_eq!(names(walk.files()), [".hidden", "w", "y", "x"]);
    }

    #[test]
    fn suffixes_and_globs_disregard_case() {
        let suffixes = ["dm3".to_owned(), "TIF".to_owned()];
        let selection = Selection::new(Some(&suffixes), &["*_tmp*".to_owned()]).unwrap();
        let accepted = |name: &str| selection.accepts(OsStr::new(name));
        assert!(accepted("a.DM3") && accepted("b.tif"));
        assert!(!accepted("a.txt") && !accepted("dm3") && !accepted("x_TMP1.tif"));
    }

    #[test]
    fn a_missing_root_is_an_error_and_an_empty_one_proves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let error = walk(&dir.path().join("gone"), &[], &everything()).unwrap_err();
        assert!(matches!(error, WalkError::Missing(_)), "{error}");
        assert!(!walk(dir.path(), &[window(0, 1)], &everything()).unwrap().holds_files);
        put(dir.path(), "old", at(0));
        assert!(walk(dir.path(), &[window(5, 6)], &everything()).unwrap().holds_files);
    }

    #[cfg(unix)]
    #[test]
    fn links_neither_hide_nor_double_files() {
        use std::os::unix::fs::symlink;
        let outside = tempfile::tempdir().unwrap();
        put(outside.path(), "foreign", at(5));
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), "real/one", at(5));
        symlink(dir.path().join("real"), dir.path().join("again")).unwrap();
        symlink(dir.path(), dir.path().join("real/loop")).unwrap();
        symlink(outside.path(), dir.path().join("out")).unwrap();
        symlink(dir.path().join("real/one"), dir.path().join("file-link")).unwrap();
        let walk = walk(dir.path(), &[window(0, 10)], &everything()).unwrap();
        assert_eq!(names(walk.files()), ["one"]);
        assert_eq!(walk.problems.len(), 1);
        assert!(walk.problems[0].reason.contains("leads out"), "{:?}", walk.problems);
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_not_utf8_are_found() {
        use std::os::unix::ffi::OsStrExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(OsStr::from_bytes(b"bad\xff.tif"));
        fs::File::create(&path).unwrap().set_modified(at(5)).unwrap();
        let suffixes = ["tif".to_owned()];
        let selection = Selection::new(Some(&suffixes), &[]).unwrap();
        assert_eq!(walk(dir.path(), &[window(0, 10)], &selection).unwrap().files()[0].path, path);
    }

    proptest! {
        #[test]
        fn spans_hold_exactly_what_some_window_holds(
            windows in prop::collection::vec((0u64..50, 0u64..50), 0..8),
            time in 0u64..60,
        ) {
            let windows: Vec<Window> = windows.into_iter().map(|(from, to)| window(from, to)).collect();
            let expected = windows.iter().any(|window| window.contains(at(time)));
            prop_assert_eq!(Spans::new(&windows).contain(at(time)), expected);
        }
    }
}

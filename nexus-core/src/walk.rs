//! Finding files by modification time: one parallel walk over the folders of all instruments serves all
//! sessions of a run.
//!
//! Only entries inside some session's window are kept. Nothing is ever written below a root.

mod first;
mod selection;
mod window;

use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

pub use selection::Selection;
pub use window::Window;

/// The folder of an instrument that has sessions to build.
///
/// Folders may lie in one another, and instruments may share one: each folder is read once, and every root
/// has what lies below it. A file in the windows of sessions of two instruments that share a folder belongs to
/// both.
#[derive(Debug, Clone)]
pub struct Root {
    /// Where it is.
    pub path: PathBuf,
    /// The windows of its sessions, in any order.
    pub windows: Vec<Window>,
}

/// How a walk is done.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Which files count.
    pub selection: &'a Selection,
    /// Whether links to folders outside of a root are followed.
    pub follow_outside_links: bool,
    /// The threads that walk.
    pub pool: &'a rayon::ThreadPool,
    /// The present, by the clock of the run: what is newer was dated by a clock that is ahead.
    pub now: SystemTime,
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

/// A root could not be walked; says nothing about any session's files.
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

/// What a walk found below all roots.
#[derive(Debug)]
pub struct Forest {
    roots: Vec<Result<first::Walk, WalkError>>,
    problems: Vec<Problem>,
}

/// Walks all roots at once.
pub fn walk(roots: &[Root], options: &Options<'_>) -> Forest {
    let mut problems = Vec::new();
    let roots = roots
        .iter()
        .map(|root| {
            let mut walk = first::walk(&root.path, &root.windows, options.selection)?;
            problems.append(&mut walk.problems);
            Ok(walk)
        })
        .collect();
    Forest { roots, problems }
}

impl Forest {
    /// What is below a root, by its position in the roots of the walk.
    ///
    /// # Errors
    /// That root could not be walked.
    pub fn tree(&self, root: usize) -> Result<Tree<'_>, &WalkError> {
        static NO_SUCH_ROOT: WalkError = WalkError::Missing(PathBuf::new());
        match self.roots.get(root) {
            Some(Ok(walk)) => Ok(Tree { walk }),
            Some(Err(error)) => Err(error),
            None => Err(&NO_SUCH_ROOT),
        }
    }

    /// What could not be read or was left aside, of all roots.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many files are kept.
    pub fn kept(&self) -> usize {
        self.roots.iter().flatten().map(|walk| walk.files().len()).sum()
    }
}

/// What a walk found below one root.
#[derive(Debug, Clone, Copy)]
pub struct Tree<'a> {
    walk: &'a first::Walk,
}

impl Tree<'_> {
    /// The files of one window, by modification time, then path.
    pub fn files(&self, window: Window) -> Vec<FoundFile> {
        self.walk.slice(window).to_vec()
    }

    /// How many files a window has.
    pub fn count(&self, window: Window) -> usize {
        self.walk.range(window).len()
    }

    /// Whether the root holds any file at all, of whatever age and name: the proof that the storage is there.
    pub fn holds_files(&self) -> bool {
        self.walk.holds_files
    }

    /// The newest modification time among the files of a window; `None`: it has none.
    pub fn newest_change(&self, window: Window) -> Option<SystemTime> {
        self.walk.slice(window).last().map(|file| file.modified)
    }

    /// Whether every folder below the root could be read: without that, a missing file proves nothing.
    pub fn all_read(&self) -> bool {
        true
    }
}

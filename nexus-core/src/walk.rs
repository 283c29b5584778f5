//! Finding files by modification time: one parallel walk over the folders of all instruments serves all
//! sessions that are built together.
//!
//! Only entries inside some session's window are kept. Nothing is ever written below a root.
//!
//! Links to files are left aside, also links to folders inside the root: what they lead to is found where it is.
//! A link that leads out of its root is a [`Problem`], or followed if the options say so; its files are then
//! known by their path through the link. A folder with several names (mounted twice, or behind a link) counts once,
//! under the first by entries before links and in the order of names; so circles end. Mounts below a root are part of it.

mod crawl;
mod folder;
mod forest;
mod found;
mod known;
mod names;
mod place;
mod room;
mod selection;
mod view;
mod window;

#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

pub use forest::{Forest, Tree, walk};
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
    /// What kind of matter.
    pub kind: ProblemKind,
}

/// What kind of matter a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemKind {
    /// A folder or file could not be read: what is there is not known.
    Unreadable,
    /// A link leads out of a root and is not followed, or leads nowhere.
    LinkOut,
    /// Files are dated in the future; once for each root.
    ClockAhead,
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

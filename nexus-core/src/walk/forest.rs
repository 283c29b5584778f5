//! What a walk found, as its callers see it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::crawl;
use super::folder::Identity;
use super::found::{Files, Found};
use super::names::Names;
use super::place::Place;
use super::view::{self, Things, View};
use super::{FoundFile, Options, Problem, Root, WalkError, Window};

/// What a walk found below all roots; all sessions share it.
#[derive(Debug)]
pub struct Forest {
    roots: Vec<Result<Planted, WalkError>>,
    views: Vec<View>,
    folder_names: Names,
    files: Files,
    problems: Vec<Problem>,
}

/// A root and the view that it has, perhaps with others.
#[derive(Debug)]
struct Planted {
    path: PathBuf,
    view: usize,
}

/// Walks all roots at once, on the pool, and keeps the selected files whose modification time lies in one of the
/// windows of a root that they are below. Each folder is read once; twice only if a second way into it, through a
/// followed link or another mount, brings the windows of another root.
///
/// Never fails as a whole: a root that cannot be walked is an error of [`Forest::tree`], anything
/// else a [`Problem`].
pub fn walk(roots: &[Root], options: &Options<'_>) -> Forest {
    let mut places: Vec<Place<'_>> = Vec::new();
    let mut planted: Vec<Result<Planted, WalkError>> = Vec::with_capacity(roots.len());
    for root in roots {
        planted.push(place(root, &mut places).map(|view| Planted { path: root.path.clone(), view }));
    }
    let mut found = crawl::crawl(&places, options);
    let mut problems = std::mem::take(&mut found.problems);
    let mut views = view::views(&found, &places, options.follow_outside_links, &mut problems);
    for root in &mut planted {
        if let Ok(Planted { path, view }) = root
            && let Some(&error) = found.failed.get(view)
        {
            *root = Err(failure(path, error));
        }
    }
    problems.sort_unstable_by(|a, b| a.path.cmp(&b.path).then_with(|| a.reason.cmp(&b.reason)));
    problems.dedup();
    let Found { folder_names, files, .. } = found;
    let folder_names = view::let_go_of_names(&mut views, folder_names);
    Forest { roots: planted, views, folder_names, files, problems }
}

/// The place of a root, which it may share with others.
fn place<'r>(root: &'r Root, places: &mut Vec<Place<'r>>) -> Result<usize, WalkError> {
    let (identity, kind) = Identity::of_path(&root.path).map_err(|error| failure(&root.path, error))?;
    if kind != FileType::Directory {
        return Err(WalkError::NotAFolder(root.path.clone()));
    }
    if let Some(known) = places.iter().position(|place| place.identity == identity)
        && let Some(place) = places.get_mut(known)
    {
        place.share(root);
        return Ok(known);
    }
    let real = fs::canonicalize(&root.path)
        .map_err(|source| WalkError::Unreadable { path: root.path.clone(), source })?;
    places.push(Place::of(root, real, identity));
    Ok(places.len() - 1)
}

fn failure(path: &Path, error: Errno) -> WalkError {
    match error {
        Errno::NOENT => WalkError::Missing(path.to_owned()),
        Errno::NOTDIR => WalkError::NotAFolder(path.to_owned()),
        _ => WalkError::Unreadable { path: path.to_owned(), source: io::Error::from(error) },
    }
}

impl Forest {
    /// What is below a root, by its position in the roots of the walk.
    ///
    /// # Errors
    /// That root could not be walked.
    pub fn tree(&self, root: usize) -> Result<Tree<'_>, &WalkError> {
        static NO_SUCH_ROOT: WalkError = WalkError::Missing(PathBuf::new());
        match self.roots.get(root) {
            Some(Ok(Planted { path, view })) => {
                let view = self.views.get(*view).ok_or(&NO_SUCH_ROOT)?;
                let things = Things { folder_names: &self.folder_names, files: &self.files };
                Ok(Tree { path, view, things })
            }
            Some(Err(error)) => Err(error),
            None => Err(&NO_SUCH_ROOT),
        }
    }

    /// What could not be read or was left aside, of all roots, by path.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many files are kept. One that several roots have counts once.
    pub fn kept(&self) -> usize {
        self.files.list.len()
    }
}

/// What a walk found below one root.
///
/// It knows the files inside the windows that the walk was given for this root, and answers for those windows
/// and any part of them.
#[derive(Debug, Clone, Copy)]
pub struct Tree<'a> {
    path: &'a Path,
    view: &'a View,
    things: Things<'a>,
}

impl Tree<'_> {
    /// The files of one window, by modification time, then path. Paths begin with the root's, as it was given.
    pub fn files(&self, window: Window) -> Vec<FoundFile> {
        self.view.found(self.view.range(window, self.things), self.path, self.things)
    }

    /// How many files a window has.
    pub fn count(&self, window: Window) -> usize {
        self.view.range(window, self.things).len()
    }

    /// Whether the root holds any file at all, of whatever age and name: the proof that the storage is there.
    pub fn holds_files(&self) -> bool {
        self.view.holds_files
    }

    /// The newest modification time among the files of a window; `None`: it has none.
    pub fn newest_change(&self, window: Window) -> Option<SystemTime> {
        self.view.newest(self.view.range(window, self.things), self.things)
    }

    /// Whether everything below the root could be read. If not, that a session has no files proves nothing.
    pub fn all_read(&self) -> bool {
        self.view.all_read
    }
}

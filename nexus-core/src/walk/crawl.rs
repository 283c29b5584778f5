//! Reading every folder once, on the pool: what there is, before anyone asks which root has it.
//!
//! Folders are told apart by what they are, not by their names. So one that lies below two roots, or has
//! two names, is read once, and a circle ends where it closes. All ways into it are kept: [`super::view`] chooses
//! among them for each root.

use std::ffi::{CStr, OsStr};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use rayon::Scope;
use rustix::fs::FileType;
use rustix::io::Errno;

use super::folder::{self, Identity};
use super::found::{Ahead, Files, Found};
use super::known::{Below, Known};
use super::names::Full;
use super::place::Place;
use super::{Options, Problem, ProblemKind};

/// Names that are looked at in one piece: large folders are shared among the threads.
const PIECE: usize = 1024;
/// Pieces of one folder that may wait, so that a folder of millions does not fill the memory with names.
const PIECES_WAITING: usize = 32;

/// Folders of one folder that are each a job of the pool; of those beyond, so many together are one. A folder for each
/// session makes a list of them all, and a name in it is a tenth of a job.
const FOLDERS_SINGLY: usize = 64;

/// What all threads share. The lock is held for moments, and never while anything is read.
struct Shared {
    known: Known,
    found: Found,
}

struct Crawler<'a> {
    places: &'a [Place<'a>],
    options: &'a Options<'a>,
    started: Instant,
    shared: Mutex<Shared>,
}

/// How a folder was come upon.
enum Reached {
    Place(usize),
    Entry { parent: u32, name: Box<[u8]> },
    Link { parent: u32, name: Box<[u8]>, target: PathBuf },
}

/// A folder that is being read.
struct Open {
    folder: u32,
    path: Arc<Path>,
    below: Arc<Below>,
    descriptor: OwnedFd,
}

/// Reads everything below the places.
pub(super) fn crawl(places: &[Place<'_>], options: &Options<'_>) -> Found {
    crawl_into(Found::default(), places, options)
}

fn crawl_into(found: Found, places: &[Place<'_>], options: &Options<'_>) -> Found {
    let mut shared = Shared { found, known: Known::default() };
    let starts: Vec<Arc<Below>> = places
        .iter()
        .filter_map(|place| {
            let below = shared.known.below(place.inside(places), places);
            let folder = shared.found.add_folder().ok()?;
            shared.known.add(folder, place.identity, &below);
            Some(below)
        })
        .collect();
    let crawler = Crawler { places, options, started: Instant::now(), shared: Mutex::new(shared) };
    options.pool.scope(|scope| {
        for (number, (place, below)) in places.iter().zip(starts).enumerate() {
            let crawler = &crawler;
            scope.spawn(move |scope| crawler.read(scope, Reached::Place(number), place.path.clone(), below));
        }
    });
    let Shared { known, found } = crawler.shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    // Not needed beside what is made now.
    drop(known);
    found.sorted(options.pool)
}

impl Shared {
    fn problem(&mut self, path: &Path, kind: ProblemKind, reason: String) {
        self.found.problems.push(Problem { path: path.to_owned(), reason, kind });
    }

    /// What is below a folder cannot be held.
    fn full(&mut self, folder: u32, path: &Path) {
        if let Some(folder) = self.found.folder(folder) {
            folder.unread = true;
        }
        let reason = "holds more than one walk can remember: 4 GiB of names";
        self.problem(path, ProblemKind::Unreadable, reason.to_owned());
    }

    /// The number of a folder, and for which places it is still to be read.
    fn meet(
        &mut self,
        identity: Identity,
        below: &Arc<Below>,
        all: &[Place<'_>],
    ) -> Result<(u32, Option<Arc<Below>>), Full> {
        if let Some(met) = self.known.meet(identity, below, all) {
            return Ok(met);
        }
        let folder = self.found.add_folder()?;
        self.known.add(folder, identity, below);
        Ok((folder, Some(Arc::clone(below))))
    }
}

impl Crawler<'_> {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<'s>(&'s self, scope: &Scope<'s>, reached: Reached, path: PathBuf, below: Arc<Below>) {
        let follow = !matches!(reached, Reached::Entry { .. });
        let opened = folder::open(&path, follow)
            .and_then(|descriptor| Ok((Identity::of_open(&descriptor)?, descriptor)));
        let (identity, descriptor) = match opened {
            Ok(opened) => opened,
            Err(error) => return self.cannot_open(&reached, &path, error),
        };
        let place = if let Reached::Place(number) = &reached { Some(*number) } else { None };
        let Some((folder, below)) = self.enter(reached, identity, below, &path) else { return };
        let open = Arc::new(Open { folder, path: path.into(), below, descriptor });
        let mut pieces = Pieces::default();
        let listed = folder::each_entry(&open.descriptor, |name, kind| {
            self.entry(scope, &open, &mut pieces, name, kind);
        });
        if pieces.folders.len() > 0 {
            self.read_all(scope, &open, std::mem::take(&mut pieces.folders));
        }
        self.look(&open, &pieces.names);
        let mut shared = self.shared();
        if let Some(folder) = shared.found.folder(folder) {
            folder.holds_files |= pieces.holds_files;
            folder.unread |= listed.is_err();
        }
        if let Err(error) = listed {
            if let Some(place) = place {
                shared.found.failed.insert(place, error);
            }
            if place.is_none() || open.below.places.len() > 1 {
                let reason = format!("folder cannot be read to its end: {}", io::Error::from(error));
                shared.problem(&open.path, ProblemKind::Unreadable, reason);
            }
        }
    }

    fn cannot_open(&self, reached: &Reached, path: &Path, error: Errno) {
        let mut shared = self.shared();
        let parent = match reached {
            Reached::Place(number) => {
                shared.found.failed.insert(*number, error);
                if let Some(folder) = shared.found.folders.get_mut(*number) {
                    folder.unread = true;
                }
                return;
            }
            // Removed or replaced since its folder was listed.
            Reached::Entry { .. } if matches!(error, Errno::NOENT | Errno::NOTDIR) => return,
            Reached::Entry { parent, .. } | Reached::Link { parent, .. } => *parent,
        };
        if let Some(folder) = shared.found.folder(parent) {
            folder.unread = true;
        }
        let hint = match error {
            Errno::ACCESS | Errno::PERM => ": let the user that nexus runs as read it",
            Errno::NAMETOOLONG => ": files this deep cannot be reached by their path",
            _ => "",
        };
        let reason = format!("folder cannot be read: {}{hint}", io::Error::from(error));
        shared.problem(path, ProblemKind::Unreadable, reason);
    }

    /// Notes the way into a folder; `None`: it has been read already.
    fn enter(
        &self,
        reached: Reached,
        identity: Identity,
        below: Arc<Below>,
        path: &Path,
    ) -> Option<(u32, Arc<Below>)> {
        let mut shared = self.shared();
        let (parent, met) = match reached {
            Reached::Place(number) => return Some((u32::try_from(number).ok()?, below)),
            Reached::Entry { parent, name } => {
                let met = shared.meet(identity, &below, self.places);
                (parent, met.and_then(|met| shared.found.add_way(parent, met.0, &name).map(|()| met)))
            }
            Reached::Link { parent, name, target } => {
                let met = shared.meet(identity, &below, self.places);
                (
                    parent,
                    met.and_then(|met| {
                        shared.found.add_link(parent, Some(met.0), &name, target).map(|()| met)
                    }),
                )
            }
        };
        let Ok((folder, rest)) = met else {
            shared.full(parent, path);
            return None;
        };
        Some((folder, rest?))
    }

    fn entry<'s>(
        &'s self,
        scope: &Scope<'s>,
        open: &Arc<Open>,
        pieces: &mut Pieces,
        name: &CStr,
        kind: FileType,
    ) {
        let kind = match kind {
            FileType::Unknown => folder::kind_of(&open.descriptor, name),
            known => Ok(known),
        };
        let as_os = OsStr::from_bytes(name.to_bytes());
        match kind {
            Ok(FileType::Directory) if pieces.singly >= FOLDERS_SINGLY => {
                pieces.folders.push(name);
                if pieces.folders.len() >= FOLDERS_SINGLY {
                    self.read_all(scope, open, std::mem::take(&mut pieces.folders));
                }
            }
            Ok(FileType::Directory) => {
                pieces.singly += 1;
                let reached = Reached::Entry { parent: open.folder, name: name.to_bytes().into() };
                let (path, below) = (open.path.join(as_os), Arc::clone(&open.below));
                scope.spawn(move |scope| self.read(scope, reached, path, below));
            }
            Ok(FileType::Symlink) => self.link(scope, open, as_os),
            Ok(FileType::RegularFile) => {
                pieces.holds_files = true;
                if open.below.spans.is_empty() || !self.options.selection.accepts(as_os) {
                    return;
                }
                pieces.names.push(name);
                if pieces.names.len() < PIECE {
                    return;
                }
                let names = std::mem::take(&mut pieces.names);
                if Arc::strong_count(open) > PIECES_WAITING {
                    self.look(open, &names);
                } else {
                    let open = Arc::clone(open);
                    scope.spawn(move |_| self.look(&open, &names));
                }
            }
            Ok(_) | Err(Errno::NOENT) => {}
            Err(error) => self.cannot_look(open, as_os, error),
        }
    }

    /// Reads folders one after the other, in one job. It holds on to the path only: an open folder for each job that waits
    /// would be too many.
    fn read_all<'s>(&'s self, scope: &Scope<'s>, open: &Open, names: Waiting) {
        let (parent, path, below) = (open.folder, Arc::clone(&open.path), Arc::clone(&open.below));
        scope.spawn(move |scope| {
            for name in names.iter() {
                let reached = Reached::Entry { parent, name: name.to_bytes().into() };
                let path = path.join(OsStr::from_bytes(name.to_bytes()));
                self.read(scope, reached, path, Arc::clone(&below));
            }
        });
    }

    fn link<'s>(&'s self, scope: &Scope<'s>, open: &Arc<Open>, name: &OsStr) {
        let path = open.path.join(name);
        let target = match fs::canonicalize(&path) {
            Ok(target) => target,
            Err(error) => {
                let gone = error.kind() == io::ErrorKind::NotFound;
                // What a link that is not followed leads to is nobody's business.
                if self.options.follow_outside_links || !gone {
                    let hint = if gone { ": is the storage it leads to mounted?" } else { "" };
                    let reason = format!("link cannot be followed: {error}{hint}");
                    let mut shared = self.shared();
                    shared.problem(&path, ProblemKind::LinkOut, reason);
                    if self.options.follow_outside_links
                        && let Some(folder) = shared.found.folder(open.folder)
                    {
                        folder.unread = true;
                    }
                }
                return;
            }
        };
        let leaves = |&place: &usize| self.places.get(place).is_some_and(|at| !target.starts_with(&at.real));
        let left: Vec<usize> = open.below.places.iter().copied().filter(leaves).collect();
        if left.is_empty() || !target.is_dir() {
            return;
        }
        let mut shared = self.shared();
        if self.options.follow_outside_links {
            let below = shared.known.below(left, self.places);
            drop(shared);
            let reached = Reached::Link { parent: open.folder, name: name.as_bytes().into(), target };
            scope.spawn(move |scope| self.read(scope, reached, path, below));
        } else if shared.found.add_link(open.folder, None, name.as_bytes(), target).is_err() {
            shared.full(open.folder, &open.path);
        }
    }

    /// Looks at files by name and keeps those inside the windows.
    fn look(&self, open: &Open, names: &Waiting) {
        let mut kept = Files::default();
        let mut ahead: Option<Ahead> = None;
        let mut full = Ok(());
        for name in names.iter() {
            match folder::look(&open.descriptor, name) {
                Ok(Some((modified, size))) => {
                    if self.is_ahead(modified) {
                        let name = OsStr::from_bytes(name.to_bytes()).to_owned();
                        let this = Ahead { count: 1, name, modified };
                        match &mut ahead {
                            Some(ahead) => ahead.join(this),
                            none => *none = Some(this),
                        }
                    }
                    if open.below.spans.contain(modified) {
                        full = full.and(kept.add(open.folder, name.to_bytes(), modified, size));
                    }
                }
                // Gone, or something else, since its folder was listed: it was not there.
                Ok(None) | Err(Errno::NOENT) => {}
                Err(error) => self.cannot_look(open, OsStr::from_bytes(name.to_bytes()), error),
            }
        }
        if kept.list.is_empty() && ahead.is_none() && full.is_ok() {
            return;
        }
        let mut shared = self.shared();
        if let Some(ahead) = ahead {
            shared.found.add_ahead(open.folder, ahead);
        }
        if !kept.list.is_empty() {
            full = full.and(shared.found.add_files(open.folder, &kept));
        }
        if full.is_err() {
            shared.full(open.folder, &open.path);
        }
    }

    fn cannot_look(&self, open: &Open, name: &OsStr, error: Errno) {
        let mut shared = self.shared();
        if let Some(folder) = shared.found.folder(open.folder) {
            folder.unread = true;
        }
        let reason = format!("cannot be looked at: {}", io::Error::from(error));
        shared.problem(&open.path.join(name), ProblemKind::Unreadable, reason);
    }

    /// Whether a time is still to come. A walk takes a while: files written meanwhile are not from the future.
    fn is_ahead(&self, modified: SystemTime) -> bool {
        modified > self.options.now
            && self.options.now.checked_add(self.started.elapsed()).is_some_and(|now| modified > now)
    }
}

/// What is collected while a folder is listed.
#[derive(Default)]
struct Pieces {
    /// Files that are still to be looked at.
    names: Waiting,
    /// Folders that are still to be read.
    folders: Waiting,
    /// How many folders have got a job of their own.
    singly: usize,
    holds_files: bool,
}

/// Names of entries that are still to be looked at, each with its closing zero.
#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    count: usize,
}

impl Waiting {
    fn push(&mut self, name: &CStr) {
        self.bytes.extend_from_slice(name.to_bytes_with_nul());
        self.count += 1;
    }

    fn len(&self) -> usize {
        self.count
    }

    fn iter(&self) -> impl Iterator<Item = &CStr> {
        self.bytes.split_inclusive(|&byte| byte == 0).filter_map(|name| CStr::from_bytes_with_nul(name).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::super::names::Names;
    use super::super::{Root, Selection, Window};
    use super::*;

    #[test]
    fn what_one_walk_cannot_hold_is_a_problem_and_proves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["first", "second"] {
            fs::create_dir(dir.path().join(name)).unwrap();
            fs::write(dir.path().join(name).join("file.tif"), "").unwrap();
        }
        let window = Window { from: SystemTime::UNIX_EPOCH, to: SystemTime::now() };
        let root = Root { path: dir.path().to_owned(), windows: vec![window] };
        let (identity, _) = Identity::of_path(dir.path()).unwrap();
        let places = [Place::of(&root, dir.path().to_owned(), identity)];
        let selection = Selection::new(None, &[]).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let options = Options {
            selection: &selection,
            follow_outside_links: false,
            pool: &pool,
            now: SystemTime::now(),
        };
        let crawled = |folders: u32, files: u32| {
            let mut found = Found { folder_names: Names::with_room(folders), ..Found::default() };
            found.files.names = Names::with_room(files);
            let found = crawl_into(found, &places, &options);
            let unread = found.folders.iter().filter(|folder| folder.unread).count();
            (found.ways.len(), found.files.list.len(), unread, found.problems.len())
        };
        assert_eq!(crawled(11, 16), (2, 2, 0, 0));
        assert_eq!(crawled(11, 15), (2, 1, 1, 1), "no room for the second file");
        assert_eq!(crawled(6, 16), (1, 1, 1, 1), "no room for one of the folders");
    }
}

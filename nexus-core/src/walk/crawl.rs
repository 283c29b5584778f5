//! Reading every folder once, on the pool: what there is, before anyone asks which root has it.
//!
//! Folders are told apart by what they are, not by their names. So one that lies below two roots, or has
//! two names, is read once, and a circle ends where it closes. All ways into it are kept: [`super::view`] chooses
//! among them for each root.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::{CStr, OsStr, OsString};
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
use super::listing::Listing;
use super::window::{Spans, Window};
use super::{Options, Problem, ProblemKind, Root};

/// Names that are looked at in one piece: large folders are shared among the threads.
const PIECE: usize = 1024;
/// Pieces of one folder that may wait, so that a folder of millions does not fill the memory with names.
const PIECES_WAITING: usize = 32;

/// Folders of one folder that are each a job of the pool; of those beyond, so many together are one. A folder for each
/// session makes a list of them all, and a name in it is a tenth of a job.
const FOLDERS_SINGLY: usize = 64;

/// A folder that at least one root names.
#[derive(Debug)]
pub(super) struct Place<'r> {
    /// As the first root says it.
    pub path: PathBuf,
    /// Without links.
    pub real: PathBuf,
    pub identity: Identity,
    /// Those of every root that it is.
    windows: Vec<&'r [Window]>,
}

impl<'r> Place<'r> {
    pub(super) fn of(root: &'r Root, real: PathBuf, identity: Identity) -> Self {
        Self { path: root.path.clone(), real, identity, windows: vec![&root.windows] }
    }

    /// It is this root as well.
    pub(super) fn share(&mut self, root: &'r Root) {
        self.windows.push(&root.windows);
    }

    pub(super) fn windows(&self) -> impl Iterator<Item = Window> {
        self.windows.iter().copied().flatten().copied()
    }
}

/// A folder, by its number.
#[derive(Debug, Default)]
pub(super) struct Folder {
    pub holds_files: bool,
    /// Part of what is below it could not be read.
    pub unread: bool,
    /// In a box, since hardly any folder has them.
    pub ahead: Option<Box<Ahead>>,
    pub files: Listing,
}

/// Files that are newer than the present.
#[derive(Debug, Clone)]
pub(super) struct Ahead {
    pub count: u64,
    /// The first of them, by name.
    pub name: OsString,
    pub modified: SystemTime,
}

impl Ahead {
    fn join(&mut self, other: Self) {
        self.count += other.count;
        if other.name < self.name {
            (self.name, self.modified) = (other.name, other.modified);
        }
    }
}

/// An entry of `parent` that is the folder `child`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way {
    pub parent: usize,
    pub name: Box<[u8]>,
    pub child: usize,
}

/// A link in `parent` to a folder outside of some root.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Link {
    pub parent: usize,
    pub name: Box<[u8]>,
    /// Where it leads, without links.
    pub target: PathBuf,
    /// The folder there, where links are followed and it could be read.
    pub child: Option<usize>,
}

/// Everything read. The folders of the places come first, in the order of the places.
#[derive(Debug, Default)]
pub(super) struct Crawled {
    pub folders: Vec<Folder>,
    /// Sorted.
    pub ways: Vec<Way>,
    /// Sorted.
    pub links: Vec<Link>,
    pub problems: Vec<Problem>,
    /// Places that could not be read.
    pub failed: HashMap<usize, Errno>,
}

/// The places that a folder lies below, by the way it was reached, and the windows of them all.
#[derive(Debug)]
struct Below {
    places: Vec<usize>,
    spans: Spans,
}

/// What all threads share. The lock is held for moments, and never while anything is read.
#[derive(Default)]
struct Shared {
    seen: HashMap<Identity, Seen>,
    below: HashMap<Vec<usize>, Arc<Below>>,
    /// What further pieces and readings of a folder found.
    further: Vec<(usize, Listing)>,
    found: Crawled,
}

struct Seen {
    folder: usize,
    /// For which places it has been read.
    below: Arc<Below>,
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
    Entry { parent: usize, name: Box<[u8]> },
    Link { parent: usize, name: Box<[u8]>, target: PathBuf },
}

/// A folder that is being read.
struct Open {
    folder: usize,
    path: Arc<Path>,
    below: Arc<Below>,
    descriptor: OwnedFd,
}

/// Reads everything below the places.
pub(super) fn crawl(places: &[Place<'_>], options: &Options<'_>) -> Crawled {
    let crawler = Crawler { places, options, started: Instant::now(), shared: Mutex::default() };
    let starts: Vec<Arc<Below>> = {
        let mut shared = crawler.shared();
        places
            .iter()
            .enumerate()
            .map(|(number, place)| {
                let above = (0..places.len())
                    .filter(|&other| {
                        places.get(other).is_some_and(|other| place.real.starts_with(&other.real))
                    })
                    .collect();
                let below = shared.below(above, places);
                shared.found.folders.push(Folder::default());
                shared.seen.insert(place.identity, Seen { folder: number, below: Arc::clone(&below) });
                below
            })
            .collect()
    };
    options.pool.scope(|scope| {
        for (number, (place, below)) in places.iter().zip(starts).enumerate() {
            let crawler = &crawler;
            scope.spawn(move |scope| crawler.read(scope, Reached::Place(number), place.path.clone(), below));
        }
    });
    let mut shared = crawler.shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    // Many folders may be known: they are not needed beside what is made now.
    shared.seen = HashMap::new();
    shared.join_listings();
    let mut found = shared.found;
    found.ways.sort_unstable();
    found.ways.dedup();
    found.links.sort_unstable();
    found
}

impl Shared {
    fn below(&mut self, places: Vec<usize>, all: &[Place<'_>]) -> Arc<Below> {
        match self.below.entry(places) {
            Entry::Occupied(known) => Arc::clone(known.get()),
            Entry::Vacant(new) => {
                let places = new.key().clone();
                let windows = places.iter().filter_map(|&at| all.get(at)).flat_map(Place::windows);
                let spans = Spans::new(windows);
                Arc::clone(new.insert(Arc::new(Below { places, spans })))
            }
        }
    }

    fn folder(&mut self, number: usize) -> Option<&mut Folder> {
        self.found.folders.get_mut(number)
    }

    /// The number of a folder, and for which places it is still to be read.
    fn meet(
        &mut self,
        identity: Identity,
        below: &Arc<Below>,
        all: &[Place<'_>],
    ) -> (usize, Option<Arc<Below>>) {
        let (folder, known) = match self.seen.entry(identity) {
            Entry::Vacant(new) => {
                let folder = self.found.folders.len();
                self.found.folders.push(Folder::default());
                new.insert(Seen { folder, below: Arc::clone(below) });
                return (folder, Some(Arc::clone(below)));
            }
            Entry::Occupied(seen) => (seen.get().folder, Arc::clone(&seen.get().below)),
        };
        let missing: Vec<usize> =
            below.places.iter().copied().filter(|place| !known.places.contains(place)).collect();
        if missing.is_empty() {
            return (folder, None);
        }
        let mut together: Vec<usize> = known.places.iter().chain(&missing).copied().collect();
        together.sort_unstable();
        let together = self.below(together, all);
        self.seen.insert(identity, Seen { folder, below: together });
        (folder, Some(self.below(missing, all)))
    }

    fn problem(&mut self, path: &Path, kind: ProblemKind, reason: String) {
        self.found.problems.push(Problem { path: path.to_owned(), reason, kind });
    }

    fn join_listings(&mut self) {
        let mut further = std::mem::take(&mut self.further);
        further.sort_by_key(|(folder, _)| *folder);
        let mut further = further.into_iter().peekable();
        while let Some((number, second)) = further.next() {
            let Some(folder) = self.folder(number) else { continue };
            let mut parts = vec![std::mem::take(&mut folder.files), second];
            while let Some((_, part)) = further.next_if(|(folder, _)| *folder == number) {
                parts.push(part);
            }
            folder.files = Listing::merged(parts);
        }
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
        let Some((folder, below)) = self.enter(reached, identity, below) else { return };
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
        if let Some(folder) = shared.folder(folder) {
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
                if let Some(folder) = shared.folder(*number) {
                    folder.unread = true;
                }
                return;
            }
            // Removed or replaced since its folder was listed.
            Reached::Entry { .. } if matches!(error, Errno::NOENT | Errno::NOTDIR) => return,
            Reached::Entry { parent, .. } | Reached::Link { parent, .. } => *parent,
        };
        if let Some(folder) = shared.folder(parent) {
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
    fn enter(&self, reached: Reached, identity: Identity, below: Arc<Below>) -> Option<(usize, Arc<Below>)> {
        let mut shared = self.shared();
        match reached {
            Reached::Place(number) => Some((number, below)),
            Reached::Entry { parent, name } => {
                let (child, rest) = shared.meet(identity, &below, self.places);
                shared.found.ways.push(Way { parent, name, child });
                Some((child, rest?))
            }
            Reached::Link { parent, name, target } => {
                let (child, rest) = shared.meet(identity, &below, self.places);
                shared.found.links.push(Link { parent, name, target, child: Some(child) });
                Some((child, rest?))
            }
        }
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
    fn read_all<'s>(&'s self, scope: &Scope<'s>, open: &Open, names: Names) {
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
                        && let Some(folder) = shared.folder(open.folder)
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
        let (parent, name) = (open.folder, name.as_bytes().into());
        let mut shared = self.shared();
        if self.options.follow_outside_links {
            let below = shared.below(left, self.places);
            let reached = Reached::Link { parent, name, target };
            drop(shared);
            scope.spawn(move |scope| self.read(scope, reached, path, below));
        } else {
            shared.found.links.push(Link { parent, name, target, child: None });
        }
    }

    /// Looks at files by name and keeps those inside the windows.
    fn look(&self, open: &Open, names: &Names) {
        let mut kept = Listing::default();
        let mut ahead: Option<Ahead> = None;
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
                        kept.push(name.to_bytes(), modified, size);
                    }
                }
                // Gone, or something else, since its folder was listed: it was not there.
                Ok(None) | Err(Errno::NOENT) => {}
                Err(error) => self.cannot_look(open, OsStr::from_bytes(name.to_bytes()), error),
            }
        }
        if kept.is_empty() && ahead.is_none() {
            return;
        }
        kept.shrink();
        let mut shared = self.shared();
        if let (Some(new), Some(folder)) = (ahead, shared.folder(open.folder)) {
            match &mut folder.ahead {
                Some(known) => known.join(new),
                none => *none = Some(Box::new(new)),
            }
        }
        if kept.is_empty() {
            return;
        }
        match shared.folder(open.folder) {
            Some(folder) if folder.files.is_empty() => folder.files = kept,
            _ => shared.further.push((open.folder, kept)),
        }
    }

    fn cannot_look(&self, open: &Open, name: &OsStr, error: Errno) {
        let mut shared = self.shared();
        if let Some(folder) = shared.folder(open.folder) {
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
    names: Names,
    /// Folders that are still to be read.
    folders: Names,
    /// How many folders have got a job of their own.
    singly: usize,
    holds_files: bool,
}

/// Names of entries, each with its closing zero.
#[derive(Default)]
struct Names {
    bytes: Vec<u8>,
    count: usize,
}

impl Names {
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

//! What one root has of everything that was read: the way to each folder, and its files by time.

use std::collections::{HashSet, VecDeque};
use std::ffi::OsStr;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::DateTime;

use super::crawl::{Crawled, Link, Place, Way};
use super::listing::Listing;
use super::window::{Spans, Window};
use super::{FoundFile, Problem, ProblemKind};

/// A folder below a root; the first is the root itself.
#[derive(Debug, Clone, Copy)]
struct Spot {
    /// Comes before this one.
    parent: usize,
    /// Where its name ends among the names.
    name_end: usize,
    /// Its number among all folders.
    folder: usize,
}

/// A file by the spot it is at and its place in the folder's listing.
#[derive(Debug, Clone, Copy)]
struct FileAt {
    spot: usize,
    entry: usize,
}

/// What lies below one root.
#[derive(Debug, Default)]
pub(super) struct View {
    spots: Vec<Spot>,
    names: Vec<u8>,
    /// By time, then path.
    files: Vec<FileAt>,
    pub holds_files: bool,
    pub all_read: bool,
}

impl View {
    fn name(&self, spot: usize) -> &OsStr {
        let end = self.spots.get(spot).map_or(0, |at| at.name_end);
        let start = spot.checked_sub(1).and_then(|before| self.spots.get(before)).map_or(0, |at| at.name_end);
        OsStr::from_bytes(self.names.get(start..end).unwrap_or_default())
    }

    fn listing<'a>(&self, spot: usize, listings: &'a [Listing]) -> Option<&'a Listing> {
        listings.get(self.spots.get(spot)?.folder)
    }

    fn path(&self, root: &Path, spot: usize) -> PathBuf {
        let mut names = Vec::new();
        let mut at = spot;
        while at > 0 {
            names.push(self.name(at));
            at = self.spots.get(at).map_or(0, |spot| spot.parent);
        }
        let mut path = root.to_owned();
        path.extend(names.into_iter().rev());
        path
    }

    fn modified(&self, file: FileAt, listings: &[Listing]) -> Option<SystemTime> {
        self.listing(file.spot, listings)?.modified(file.entry)
    }

    pub(super) fn range(&self, window: Window, listings: &[Listing]) -> Range<usize> {
        let up_to = |limit| {
            self.files
                .partition_point(|&file| self.modified(file, listings).is_some_and(|time| time <= limit))
        };
        let start = up_to(window.from);
        start..up_to(window.to).max(start)
    }

    /// The newest time in a range.
    pub(super) fn newest(&self, range: Range<usize>, listings: &[Listing]) -> Option<SystemTime> {
        self.modified(*self.files.get(range)?.last()?, listings)
    }

    pub(super) fn found(&self, range: Range<usize>, root: &Path, listings: &[Listing]) -> Vec<FoundFile> {
        let files = self.files.get(range).unwrap_or_default();
        files.iter().filter_map(|&file| self.file(file, root, listings)).collect()
    }

    fn file(&self, file: FileAt, root: &Path, listings: &[Listing]) -> Option<FoundFile> {
        let listing = self.listing(file.spot, listings)?;
        let mut path = self.path(root, file.spot);
        path.push(listing.name(file.entry));
        Some(FoundFile { path, modified: listing.modified(file.entry)?, size: listing.size(file.entry)? })
    }

    /// The folders whose files it has.
    pub(super) fn folders(&self) -> impl Iterator<Item = usize> {
        self.files.iter().filter_map(|file| Some(self.spots.get(file.spot)?.folder))
    }

    /// Takes the new numbers of the folders that have kept files.
    pub(super) fn renumber(&mut self, numbers: &[usize]) {
        for spot in &mut self.spots {
            spot.folder = numbers.get(spot.folder).copied().unwrap_or(usize::MAX);
        }
    }
}

/// Chooses for each root among the ways that lead to a folder.
pub(super) struct Viewer<'a> {
    crawled: &'a Crawled,
    follow: bool,
    /// For each folder the last place that came by it.
    visited: Vec<usize>,
}

/// A folder to be visited.
struct Next<'a> {
    parent: usize,
    name: &'a [u8],
    folder: usize,
}

impl<'a> Viewer<'a> {
    pub(super) fn new(crawled: &'a Crawled, follow: bool) -> Self {
        Self { crawled, follow, visited: vec![usize::MAX; crawled.folders.len()] }
    }

    /// What lies below a place; its folder has the place's number. Entries go before links, and in the order
    /// of their names, so that the same tree always has the same paths.
    pub(super) fn view(&mut self, number: usize, place: &Place<'_>, problems: &mut Vec<Problem>) -> View {
        let crawled = self.crawled;
        let mut view = View { all_read: true, ..View::default() };
        let mut stack = vec![Next { parent: 0, name: &[], folder: number }];
        let mut links: VecDeque<(usize, &Link)> = VecDeque::new();
        // Whether some name stands for two folders: it was made anew, or changed, while it was read.
        let mut replaced = false;
        loop {
            while let Some(next) = stack.pop() {
                if self.visited.get(next.folder).is_none_or(|&last| last == number) {
                    continue;
                }
                if let Some(visited) = self.visited.get_mut(next.folder) {
                    *visited = number;
                }
                let spot = view.spots.len();
                view.names.extend_from_slice(next.name);
                let name_end = view.names.len();
                view.spots.push(Spot { parent: next.parent, name_end, folder: next.folder });
                let ways = of_parent(&crawled.ways, next.folder, |way: &Way| way.parent);
                replaced |= ways.iter().zip(ways.iter().skip(1)).any(|(a, b)| a.name == b.name);
                stack.extend(ways.iter().rev().map(|way| Next {
                    parent: spot,
                    name: &way.name,
                    folder: way.child,
                }));
                let from_here = of_parent(&crawled.links, next.folder, |link: &Link| link.parent);
                links.extend(from_here.iter().map(|link| (spot, link)));
            }
            let Some((spot, link)) = links.pop_front() else { break };
            if link.target.starts_with(&place.real) {
                continue;
            }
            if self.follow {
                stack.extend(link.child.map(|folder| Next { parent: spot, name: &link.name, folder }));
            } else {
                let path = view.path(&place.path, spot).join(OsStr::from_bytes(&link.name));
                let reason = format!(
                    "link leads out of the instrument's folder, to `{}`: not followed \
                     (`follow_outside_links` says whether it should be)",
                    link.target.display()
                );
                problems.push(Problem { path, reason, kind: ProblemKind::LinkOut });
            }
        }
        self.facts(place, &mut view, problems);
        self.files(place, &mut view, replaced);
        view
    }

    fn facts(&self, place: &Place<'_>, view: &mut View, problems: &mut Vec<Problem>) {
        let mut count = 0;
        let mut first: Option<(PathBuf, SystemTime)> = None;
        for (at, spot) in view.spots.iter().enumerate() {
            let Some(folder) = self.crawled.folders.get(spot.folder) else { continue };
            view.holds_files |= folder.holds_files;
            view.all_read &= !folder.unread;
            if let Some(ahead) = &folder.ahead {
                count += ahead.count;
                let path = view.path(&place.path, at).join(&ahead.name);
                if first.as_ref().is_none_or(|(known, _)| path < *known) {
                    first = Some((path, ahead.modified));
                }
            }
        }
        if let Some((path, modified)) = first {
            problems.push(ahead(path, count, modified));
        }
    }

    /// Sorts the files, and lets go of the folders that have none.
    fn files(&self, place: &Place<'_>, view: &mut View, replaced: bool) {
        let spans = Spans::new(place.windows());
        let all = view.spots.iter().filter_map(|spot| self.crawled.folders.get(spot.folder));
        let mut files: Vec<(SystemTime, FileAt)> =
            Vec::with_capacity(all.map(|folder| folder.files.len()).sum());
        let mut needed = vec![false; view.spots.len()];
        for (at, spot) in view.spots.iter().enumerate() {
            let Some(folder) = self.crawled.folders.get(spot.folder) else { continue };
            let before = files.len();
            files.extend((0..folder.files.len()).filter_map(|entry| {
                let modified = folder.files.modified(entry)?;
                spans.contain(modified).then_some((modified, FileAt { spot: at, entry }))
            }));
            if let Some(needed) = needed.get_mut(at) {
                *needed = files.len() > before;
            }
        }
        files.sort_unstable_by_key(|&(modified, _)| modified);
        for tied in files.chunk_by_mut(|a, b| a.0 == b.0).filter(|tied| tied.len() > 1) {
            tied.sort_by_cached_key(|(_, file)| self.path(view, *file));
        }
        // A folder that changes while it is listed may show a name twice.
        files.dedup_by(|a, b| {
            a.0 == b.0 && a.1.spot == b.1.spot && self.name(view, a.1) == self.name(view, b.1)
        });
        if replaced {
            let mut known = HashSet::new();
            files.retain(|(_, file)| known.insert(self.path(view, *file)));
        }
        view.files = files.into_iter().map(|(_, file)| file).collect();
        view.files.shrink_to_fit();
        prune(view, needed);
    }

    fn name(&self, view: &View, file: FileAt) -> Option<&OsStr> {
        let spot = view.spots.get(file.spot)?;
        Some(self.crawled.folders.get(spot.folder)?.files.name(file.entry))
    }

    fn path(&self, view: &View, file: FileAt) -> PathBuf {
        view.path(Path::new(""), file.spot).join(self.name(view, file).unwrap_or_default())
    }
}

/// Keeps the needed spots and those on the way to them.
fn prune(view: &mut View, mut needed: Vec<bool>) {
    for at in (1..view.spots.len()).rev() {
        if needed.get(at) == Some(&true)
            && let Some(spot) = view.spots.get(at)
            && let Some(parent) = needed.get_mut(spot.parent)
        {
            *parent = true;
        }
    }
    let mut numbers = vec![0; view.spots.len()];
    let mut spots = Vec::new();
    let mut names = Vec::new();
    for (at, spot) in view.spots.iter().enumerate() {
        if at == 0 || needed.get(at) == Some(&true) {
            if let Some(number) = numbers.get_mut(at) {
                *number = spots.len();
            }
            names.extend_from_slice(view.name(at).as_bytes());
            let parent = numbers.get(spot.parent).copied().unwrap_or(0);
            spots.push(Spot { parent, name_end: names.len(), folder: spot.folder });
        }
    }
    for file in &mut view.files {
        file.spot = numbers.get(file.spot).copied().unwrap_or(0);
    }
    spots.shrink_to_fit();
    names.shrink_to_fit();
    view.spots = spots;
    view.names = names;
}

/// The part of a sorted list that belongs to a folder.
fn of_parent<T>(sorted: &[T], folder: usize, parent: impl Fn(&T) -> usize) -> &[T] {
    let start = sorted.partition_point(|one| parent(one) < folder);
    let rest = sorted.get(start..).unwrap_or_default();
    rest.get(..rest.partition_point(|one| parent(one) == folder)).unwrap_or_default()
}

fn ahead(path: PathBuf, count: u64, modified: SystemTime) -> Problem {
    let when = modified
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .and_then(|since| DateTime::from_timestamp(i64::try_from(since.as_secs()).ok()?, 0))
        .map_or_else(
            || "far in the future".to_owned(),
            |when| when.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
        );
    let what = if count == 1 {
        format!("dated {when}, which is still to come")
    } else {
        format!("dated {when}, which is still to come, and {} more like it below the same folder", count - 1)
    };
    let reason = format!("{what}: is the clock of the instrument or of the storage ahead?");
    Problem { path, reason, kind: ProblemKind::ClockAhead }
}

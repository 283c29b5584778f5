//! What one root has of everything that was read: the way to each folder, and its files by time.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::OsStr;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::DateTime;

use super::found::{File, Files, Found, Link, Way};
use super::names::{Name, Names};
use super::place::Place;
use super::window::{Spans, Window};
use super::{FoundFile, Problem, ProblemKind};

/// A folder below a root; the first is the root itself.
#[derive(Debug, Clone, Copy)]
struct Spot {
    /// Comes before this one.
    parent: u32,
    /// Its number among all folders.
    folder: u32,
    /// Among the names of folders.
    name: Name,
}

/// A file by the spot it is at and its place among all files.
#[derive(Debug, Clone, Copy)]
struct FileAt {
    spot: u32,
    file: u32,
}

/// What lies below one root.
#[derive(Debug, Default)]
pub(super) struct View {
    spots: Vec<Spot>,
    /// By time, then path.
    files: Vec<FileAt>,
    pub holds_files: bool,
    pub all_read: bool,
}

/// What views speak of by number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Things<'a> {
    pub folder_names: &'a Names,
    pub files: &'a Files,
}

impl Things<'_> {
    fn file(&self, at: FileAt) -> Option<&File> {
        self.files.list.get(at.file as usize)
    }

    fn file_name(&self, at: FileAt) -> &[u8] {
        self.file(at).map(|file| self.files.names.get(file.name)).unwrap_or_default()
    }

    fn modified(&self, at: FileAt) -> Option<SystemTime> {
        self.file(at).map(|file| file.modified)
    }
}

impl View {
    fn path(&self, root: &Path, spot: u32, names: &Names) -> PathBuf {
        let mut below = Vec::new();
        let mut at = spot;
        while at > 0
            && let Some(spot) = self.spots.get(at as usize)
        {
            below.push(OsStr::from_bytes(names.get(spot.name)));
            at = spot.parent;
        }
        let mut path = root.to_owned();
        path.extend(below.into_iter().rev());
        path
    }

    fn file_path(&self, root: &Path, at: FileAt, things: Things<'_>) -> PathBuf {
        let mut path = self.path(root, at.spot, things.folder_names);
        path.push(OsStr::from_bytes(things.file_name(at)));
        path
    }

    pub(super) fn range(&self, window: Window, things: Things<'_>) -> Range<usize> {
        let up_to = |limit| {
            self.files.partition_point(|&file| things.modified(file).is_some_and(|time| time <= limit))
        };
        let start = up_to(window.from);
        start..up_to(window.to).max(start)
    }

    /// The newest time in a range.
    pub(super) fn newest(&self, range: Range<usize>, things: Things<'_>) -> Option<SystemTime> {
        things.modified(*self.files.get(range)?.last()?)
    }

    pub(super) fn found(&self, range: Range<usize>, root: &Path, things: Things<'_>) -> Vec<FoundFile> {
        let found = |&at: &FileAt| {
            let File { modified, size, .. } = *things.file(at)?;
            Some(FoundFile { path: self.file_path(root, at, things), modified, size })
        };
        self.files.get(range).unwrap_or_default().iter().filter_map(found).collect()
    }
}

/// Chooses for each place among the ways that lead to a folder, and gives it its files.
pub(super) fn views(
    found: &Found,
    places: &[Place<'_>],
    follow: bool,
    problems: &mut Vec<Problem>,
) -> Vec<View> {
    let mut viewer =
        Viewer { found, follow, homes: vec![Home::NOWHERE; found.folders.len()], more: HashMap::new() };
    let mut views: Vec<(View, bool)> = (0..)
        .zip(places)
        .map(|(number, place)| {
            if found.failed.contains_key(&(number as usize)) {
                return (View::default(), false);
            }
            let (mut view, replaced) = viewer.view(number, place, problems);
            viewer.facts(place, &mut view, problems);
            (view, replaced)
        })
        .collect();
    viewer.give_files(places, &mut views);
    let things = found.things();
    let mut done = Vec::with_capacity(views.len());
    for (mut view, replaced) in views {
        put_in_order(&mut view, things, replaced);
        prune(&mut view);
        done.push(view);
    }
    done
}

impl Found {
    fn things(&self) -> Things<'_> {
        Things { folder_names: &self.folder_names, files: &self.files }
    }
}

/// Lets go of the names of folders that no view has.
pub(super) fn let_go_of_names(views: &mut [View], names: Names) -> Names {
    let mut needed = Names::default();
    let mut places = Vec::new();
    for spot in views.iter().flat_map(|view| &view.spots) {
        // Views that share folders may have more names than there are.
        let Ok(place) = needed.add(names.get(spot.name)) else { return names };
        places.push(place);
    }
    needed.shrink();
    for (spot, place) in views.iter_mut().flat_map(|view| &mut view.spots).zip(places) {
        spot.name = place;
    }
    needed
}

/// Where a folder is in a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Home {
    /// The number of the place, whose view it is.
    place: u32,
    spot: u32,
}

impl Home {
    const NOWHERE: Self = Self { place: u32::MAX, spot: u32::MAX };
}

struct Viewer<'a> {
    found: &'a Found,
    follow: bool,
    /// For each folder its place in the last view that it came into.
    homes: Vec<Home>,
    /// Its places in the views before, if it is in several.
    more: HashMap<u32, Vec<Home>>,
}

/// A folder to be visited.
struct Next {
    parent: u32,
    folder: u32,
    name: Name,
}

impl Viewer<'_> {
    /// Notes that a folder is in a view; false if it is already.
    fn settle(&mut self, folder: u32, home: Home) -> bool {
        let Some(known) = self.homes.get_mut(folder as usize) else { return false };
        if known.place == home.place {
            return false;
        }
        if *known != Home::NOWHERE {
            self.more.entry(folder).or_default().push(*known);
        }
        *known = home;
        true
    }

    /// What lies below a place; its folder has the place's number. Entries go before links, and in the order
    /// of their names, so that the same tree always has the same paths. With it comes whether some name stands for two
    /// folders: it was made anew, or changed, while it was read.
    fn view(&mut self, number: u32, place: &Place<'_>, problems: &mut Vec<Problem>) -> (View, bool) {
        let found = self.found;
        let names = &found.folder_names;
        let mut view = View { all_read: true, ..View::default() };
        let mut stack = vec![Next { parent: 0, folder: number, name: Name::default() }];
        let mut links: VecDeque<(u32, &Link)> = VecDeque::new();
        let mut replaced = false;
        loop {
            while let Some(Next { parent, folder, name }) = stack.pop() {
                let Ok(spot) = u32::try_from(view.spots.len()) else { break };
                if !self.settle(folder, Home { place: number, spot }) {
                    continue;
                }
                view.spots.push(Spot { parent, folder, name });
                let ways = of_parent(&found.ways, folder, |way: &Way| way.parent);
                replaced |=
                    ways.iter().zip(ways.iter().skip(1)).any(|(a, b)| names.get(a.name) == names.get(b.name));
                stack.extend(ways.iter().rev().map(|way| Next {
                    parent: spot,
                    folder: way.child,
                    name: way.name,
                }));
                let from_here = of_parent(&found.links, folder, |link: &Link| link.parent);
                links.extend(from_here.iter().map(|link| (spot, link)));
            }
            let Some((spot, link)) = links.pop_front() else { break };
            if link.target.starts_with(&place.real) {
                continue;
            }
            if self.follow {
                stack.extend(link.child.map(|folder| Next { parent: spot, folder, name: link.name }));
            } else {
                let path = view.path(&place.path, spot, names).join(OsStr::from_bytes(names.get(link.name)));
                let reason = format!(
                    "link leads out of the instrument's folder, to `{}`: not followed \
                     (`follow_outside_links` says whether it should be)",
                    link.target.display()
                );
                problems.push(Problem { path, reason, kind: ProblemKind::LinkOut });
            }
        }
        (view, replaced)
    }

    fn facts(&self, place: &Place<'_>, view: &mut View, problems: &mut Vec<Problem>) {
        let mut count = 0;
        let mut first: Option<(PathBuf, SystemTime)> = None;
        for (at, spot) in (0..).zip(&view.spots) {
            let Some(folder) = self.found.folders.get(spot.folder as usize) else { continue };
            view.holds_files |= folder.holds_files;
            view.all_read &= !folder.unread;
            if let Some(ahead) = self.found.ahead.get(&spot.folder) {
                count += ahead.count;
                let path = view.path(&place.path, at, &self.found.folder_names).join(&ahead.name);
                if first.as_ref().is_none_or(|(known, _)| path < *known) {
                    first = Some((path, ahead.modified));
                }
            }
        }
        if let Some((path, modified)) = first {
            problems.push(ahead(path, count, modified));
        }
    }

    /// Gives every view the files of its folders that lie in windows of its place.
    fn give_files(&self, places: &[Place<'_>], views: &mut [(View, bool)]) {
        let spans: Vec<Spans> = places.iter().map(|place| Spans::new(place.windows())).collect();
        for (at, file) in (0..).zip(&self.found.files.list) {
            let home = self.homes.get(file.folder as usize);
            for home in home.into_iter().chain(self.more.get(&file.folder).into_iter().flatten()) {
                let place = home.place as usize;
                if let Some((view, _)) = views.get_mut(place)
                    && spans.get(place).is_some_and(|spans| spans.contain(file.modified))
                {
                    view.files.push(FileAt { spot: home.spot, file: at });
                }
            }
        }
    }
}

/// Sorts files of one time by path.
fn put_in_order(view: &mut View, things: Things<'_>, replaced: bool) {
    let mut files = std::mem::take(&mut view.files);
    let path = |at: FileAt| view.file_path(Path::new(""), at, things);
    for tied in files.chunk_by_mut(|&a, &b| things.modified(a) == things.modified(b)) {
        if tied.len() > 1 {
            tied.sort_by_cached_key(|&at| path(at));
        }
    }
    // A folder that changes while it is listed may show a name twice.
    files.dedup_by(|a, b| {
        a.spot == b.spot
            && things.modified(*a) == things.modified(*b)
            && things.file_name(*a) == things.file_name(*b)
    });
    if replaced {
        let mut known = HashSet::new();
        files.retain(|&at| known.insert(path(at)));
    }
    files.shrink_to_fit();
    view.files = files;
}

/// Keeps the spots with files and those on the way to them.
fn prune(view: &mut View) {
    let mut needed = vec![false; view.spots.len()];
    for file in &view.files {
        if let Some(needed) = needed.get_mut(file.spot as usize) {
            *needed = true;
        }
    }
    for (at, spot) in view.spots.iter().enumerate().skip(1).rev() {
        if needed.get(at) == Some(&true)
            && let Some(parent) = needed.get_mut(spot.parent as usize)
        {
            *parent = true;
        }
    }
    let mut numbers = vec![0; view.spots.len()];
    let mut kept = 0;
    let mut at = 0..;
    view.spots.retain_mut(|spot| {
        let at = at.next().unwrap_or(0);
        let keep = at == 0 || needed.get(at) == Some(&true);
        if keep {
            spot.parent = numbers.get(spot.parent as usize).copied().unwrap_or(0);
            if let Some(number) = numbers.get_mut(at) {
                *number = kept;
            }
            kept += 1;
        }
        keep
    });
    view.spots.shrink_to_fit();
    for file in &mut view.files {
        file.spot = numbers.get(file.spot as usize).copied().unwrap_or(0);
    }
}

/// The part of a sorted list that belongs to a folder.
fn of_parent<T>(sorted: &[T], folder: u32, parent: impl Fn(&T) -> u32) -> &[T] {
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

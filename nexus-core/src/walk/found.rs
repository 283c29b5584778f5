//! What has been read: folders, the ways into them, and the files that are kept.
//!
//! Long lists that refer to one another by number, without an allocation for each folder or file: a storage has
//! a folder for every session, and a backlog is long.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::SystemTime;

use rustix::io::Errno;

use super::Problem;
use super::names::{Full, Name, Names};
use super::room::{self, make_room};

/// A folder, by its number.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Folder {
    pub holds_files: bool,
    /// Part of what is below it could not be read.
    pub unread: bool,
    pieces: Pieces,
}

/// In how many pieces the files of a folder came that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Pieces {
    #[default]
    None,
    One,
    /// It is large, or was read more than once: a name may be there twice.
    Several,
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
    pub(super) fn join(&mut self, other: Self) {
        self.count += other.count;
        if other.name < self.name {
            (self.name, self.modified) = (other.name, other.modified);
        }
    }
}

/// An entry of `parent` that is the folder `child`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub parent: u32,
    pub child: u32,
    /// Among the names of folders.
    pub name: Name,
}

/// A link in `parent` to a folder outside of some root.
#[derive(Debug)]
pub(super) struct Link {
    pub parent: u32,
    /// Among the names of folders.
    pub name: Name,
    /// Where it leads, without links.
    pub target: PathBuf,
    /// The folder there, where links are followed and it could be read.
    pub child: Option<u32>,
}

/// A file that is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct File {
    pub modified: SystemTime,
    pub size: u64,
    pub folder: u32,
    /// Among the names of files.
    pub name: Name,
}

/// Files and their names.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub list: Vec<File>,
    pub names: Names,
}

impl Files {
    pub(super) fn add(
        &mut self,
        folder: u32,
        name: &[u8],
        modified: SystemTime,
        size: u64,
    ) -> Result<(), Full> {
        let name = self.names.add(name)?;
        self.list.push(File { modified, size, folder, name });
        Ok(())
    }
}

/// Everything read. The folders of the places come first, in the order of the places.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub folders: Vec<Folder>,
    pub folder_names: Names,
    /// By parent, name and child, once it is [`Self::sorted`].
    pub ways: Vec<Way>,
    /// By parent and name, once it is [`Self::sorted`].
    pub links: Vec<Link>,
    /// By time, once it is [`Self::sorted`].
    pub files: Files,
    /// By folder; hardly any has some.
    pub ahead: HashMap<u32, Ahead>,
    pub problems: Vec<Problem>,
    /// Places that could not be read.
    pub failed: HashMap<usize, Errno>,
}

impl Found {
    /// Adds a folder and answers its number.
    pub(super) fn add_folder(&mut self) -> Result<u32, Full> {
        let number = u32::try_from(self.folders.len()).map_err(|_| Full)?;
        room::push(&mut self.folders, Folder::default());
        Ok(number)
    }

    pub(super) fn folder(&mut self, number: u32) -> Option<&mut Folder> {
        self.folders.get_mut(number as usize)
    }

    /// Adds an entry of `parent` that is the folder `child`.
    pub(super) fn add_way(&mut self, parent: u32, child: u32, name: &[u8]) -> Result<(), Full> {
        let name = self.folder_names.add(name)?;
        room::push(&mut self.ways, Way { parent, child, name });
        Ok(())
    }

    /// Adds a link in `parent`.
    pub(super) fn add_link(
        &mut self,
        parent: u32,
        child: Option<u32>,
        name: &[u8],
        target: PathBuf,
    ) -> Result<(), Full> {
        let name = self.folder_names.add(name)?;
        self.links.push(Link { parent, name, target, child });
        Ok(())
    }

    /// Takes over files of a folder.
    pub(super) fn add_files(&mut self, folder: u32, files: &Files) -> Result<(), Full> {
        let moved = self.files.names.append(&files.names)?;
        make_room(&mut self.files.list, files.list.len());
        self.files.list.extend(files.list.iter().map(|file| File { name: moved(file.name), ..*file }));
        if let Some(folder) = self.folder(folder) {
            folder.pieces = if folder.pieces == Pieces::None { Pieces::One } else { Pieces::Several };
        }
        Ok(())
    }

    pub(super) fn add_ahead(&mut self, folder: u32, ahead: Ahead) {
        match self.ahead.get_mut(&folder) {
            Some(known) => known.join(ahead),
            None => drop(self.ahead.insert(folder, ahead)),
        }
    }

    /// Brings everything into an order that does not depend on which thread was faster, but for files of one time.
    pub(super) fn sorted(mut self, pool: &rayon::ThreadPool) -> Self {
        let names = &self.folder_names;
        let way = |way: &Way| (way.parent, names.get(way.name), way.child);
        self.ways.sort_unstable_by(|a, b| way(a).cmp(&way(b)));
        self.ways.dedup_by(|a, b| way(a) == way(b));
        let link = |link: &Link| (link.parent, names.get(link.name));
        self.links.sort_unstable_by(|a, b| {
            link(a).cmp(&link(b)).then_with(|| (&a.target, a.child).cmp(&(&b.target, b.child)))
        });
        self.drop_doubles();
        self.files.list.shrink_to_fit();
        self.files.names.shrink();
        let files = &mut self.files.list;
        pool.install(|| {
            use rayon::slice::ParallelSliceMut as _;
            files.par_sort_unstable_by_key(|file| file.modified);
        });
        self
    }

    /// A name counts once in a folder, as the newer look shows the file.
    fn drop_doubles(&mut self) {
        let Files { list, names } = &mut self.files;
        let doubtful = |file: &File| {
            let folder = self.folders.get(file.folder as usize);
            folder.is_some_and(|folder| folder.pieces == Pieces::Several)
        };
        if !list.iter().any(doubtful) {
            return;
        }
        list.sort_unstable_by_key(|file| (file.folder, Reverse(file.modified)));
        let mut known: HashSet<&[u8]> = HashSet::new();
        let mut of_folder = None;
        list.retain(|file| {
            if !doubtful(file) {
                return true;
            }
            if of_folder != Some(file.folder) {
                known.clear();
                of_folder = Some(file.folder);
            }
            known.insert(names.get(file.name))
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_held_for_every_folder_and_file_is_small() {
        assert!(size_of::<Folder>() <= 4 && size_of::<Way>() <= 16 && size_of::<File>() <= 40);
    }

    #[test]
    fn a_name_counts_once_in_a_folder_and_files_are_in_the_order_of_time() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let mut found = Found::default();
        let folders = [(); 3].map(|()| found.add_folder().unwrap());
        for (folder, files) in
            [(0, vec![("b", 7), ("a", 9)]), (1, vec![("b", 1)]), (0, vec![("c", 3), ("b", 2)])]
        {
            let mut piece = Files::default();
            for (name, seconds) in files {
                piece.add(folders[folder], name.as_bytes(), at(seconds), 0).unwrap();
            }
            found.add_files(folders[folder], &piece).unwrap();
        }
        let found = found.sorted(&rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap());
        let files: Vec<_> = found
            .files
            .list
            .iter()
            .map(|file| (file.folder, found.files.names.get(file.name), file.modified))
            .collect();
        assert_eq!(files, [(1, &b"b"[..], at(1)), (0, b"c", at(3)), (0, b"b", at(7)), (0, b"a", at(9))]);
    }
}

//! The kept files of one folder, without an allocation for each.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::time::SystemTime;

/// A file without its name.
#[derive(Debug, Clone, Copy)]
struct Entry {
    modified: SystemTime,
    size: u64,
    name_end: usize,
}

/// Kept files of one folder.
#[derive(Debug, Default)]
pub(super) struct Listing {
    entries: Vec<Entry>,
    names: Vec<u8>,
}

impl Listing {
    pub(super) fn push(&mut self, name: &[u8], modified: SystemTime, size: u64) {
        self.names.extend_from_slice(name);
        self.entries.push(Entry { modified, size, name_end: self.names.len() });
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn modified(&self, at: usize) -> Option<SystemTime> {
        self.entries.get(at).map(|entry| entry.modified)
    }

    pub(super) fn size(&self, at: usize) -> Option<u64> {
        self.entries.get(at).map(|entry| entry.size)
    }

    pub(super) fn name(&self, at: usize) -> &OsStr {
        let end = self.entries.get(at).map_or(0, |entry| entry.name_end);
        let start = at.checked_sub(1).and_then(|before| self.entries.get(before)).map_or(0, |e| e.name_end);
        OsStr::from_bytes(self.names.get(start..end).unwrap_or_default())
    }

    /// What several readings of the same folder found, as one: a name counts once.
    pub(super) fn merged(mut parts: Vec<Self>) -> Self {
        let mut whole = match parts.pop() {
            Some(only) if parts.is_empty() => only,
            None => Self::default(),
            Some(last) => {
                parts.push(last);
                let mut known: HashSet<&[u8]> = HashSet::new();
                let mut whole = Self::default();
                for part in &parts {
                    for (at, entry) in part.entries.iter().enumerate() {
                        let name = part.name(at).as_bytes();
                        if known.insert(name) {
                            whole.push(name, entry.modified, entry.size);
                        }
                    }
                }
                whole
            }
        };
        whole.shrink();
        whole
    }

    /// Lets go of room for more files.
    pub(super) fn shrink(&mut self) {
        self.entries.shrink_to_fit();
        self.names.shrink_to_fit();
    }
}

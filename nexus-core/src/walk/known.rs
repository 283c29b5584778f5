//! Which folders have been met, and for which places each of them has been read.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;

use super::folder::Identity;
use super::place::Place;
use super::room;
use super::window::Spans;

/// The places that a folder lies below, by the way it was reached, and the windows of them all.
#[derive(Debug)]
pub(super) struct Below {
    /// Its number among all such sets.
    number: u32,
    pub places: Vec<usize>,
    pub spans: Spans,
}

/// A folder that has been met.
#[derive(Debug, Clone, Copy)]
struct Met {
    identity: Identity,
    /// For which places it has been read: the number of a [`Below`].
    below: u32,
}

/// All folders that have been met. There may be millions: 32 bytes for each, and a place of four in a table.
#[derive(Default)]
pub(super) struct Known {
    /// By the number of the folder.
    met: Vec<Met>,
    /// Numbers of folders, by identity.
    by_identity: HashTable<u32>,
    hasher: RandomState,
    below: Vec<Arc<Below>>,
    below_of_places: HashMap<Vec<usize>, u32>,
}

impl Known {
    /// The set of these places.
    pub(super) fn below(&mut self, places: Vec<usize>, all: &[Place<'_>]) -> Arc<Below> {
        let known = self.below_of_places.get(&places).and_then(|&number| self.below.get(number as usize));
        if let Some(known) = known {
            return Arc::clone(known);
        }
        let number = u32::try_from(self.below.len()).unwrap_or(u32::MAX);
        let windows = places.iter().filter_map(|&at| all.get(at)).flat_map(Place::windows);
        let below = Arc::new(Below { number, spans: Spans::new(windows), places: places.clone() });
        self.below.push(Arc::clone(&below));
        self.below_of_places.insert(places, number);
        below
    }

    /// Adds a folder, which has the next number.
    pub(super) fn add(&mut self, folder: u32, identity: Identity, below: &Below) {
        debug_assert_eq!(folder as usize, self.met.len(), "folders are numbered in the order they are met");
        room::push(&mut self.met, Met { identity, below: below.number });
        let (met, hasher) = (&self.met, &self.hasher);
        let hash_of = |folder: &u32| met.get(*folder as usize).map_or(0, |met| hasher.hash_one(met.identity));
        self.by_identity.insert_unique(hasher.hash_one(identity), folder, hash_of);
    }

    /// The number of a folder that has been met, and for which places it is still to be read; `None`: it is new.
    pub(super) fn meet(
        &mut self,
        identity: Identity,
        below: &Arc<Below>,
        all: &[Place<'_>],
    ) -> Option<(u32, Option<Arc<Below>>)> {
        let same = |folder: &u32| self.met.get(*folder as usize).is_some_and(|met| met.identity == identity);
        let folder = *self.by_identity.find(self.hasher.hash_one(identity), same)?;
        let known = Arc::clone(self.below.get(self.met.get(folder as usize)?.below as usize)?);
        let missing: Vec<usize> =
            below.places.iter().copied().filter(|place| !known.places.contains(place)).collect();
        if missing.is_empty() {
            return Some((folder, None));
        }
        let mut together: Vec<usize> = known.places.iter().chain(&missing).copied().collect();
        together.sort_unstable();
        let together = self.below(together, all).number;
        if let Some(met) = self.met.get_mut(folder as usize) {
            met.below = together;
        }
        Some((folder, Some(self.below(missing, all))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_for_every_folder_is_small() {
        assert!(size_of::<Met>() <= 32);
    }
}

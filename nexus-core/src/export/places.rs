//! Where the destinations of a run deliver to, as far as they have said so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ids::DestinationName;

/// The place of each destination; its clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Places(Arc<Mutex<BTreeMap<DestinationName, Option<String>>>>);

/// What is known of where a destination delivers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// It has not been asked yet.
    NotYet,
    /// It could not be asked, or was not.
    Unknown,
    /// There.
    At(String),
}

impl Places {
    /// A destination delivers to there, or cannot say. What it said first counts.
    pub(super) fn tell(&self, name: &DestinationName, place: Option<&str>) {
        self.lock().entry(name.clone()).or_insert_with(|| place.map(str::to_owned));
    }

    pub(super) fn of(&self, name: &DestinationName) -> Place {
        match self.lock().get(name) {
            None => Place::NotYet,
            Some(None) => Place::Unknown,
            Some(Some(place)) => Place::At(place.clone()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<DestinationName, Option<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

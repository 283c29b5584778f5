//! What was seen or done a moment ago, for the step that follows: so a delivery takes few calls, and looks first all the
//! same.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use nexus_plugin_api::Delivery;

use crate::page::Seen;
use crate::tree::Shelf;

/// How long it counts.
const FRESH: TimeDelta = TimeDelta::minutes(1);

/// Sessions that are remembered at once; far more than are under way.
const MOST: usize = 1_000;

/// What a look at a notebook has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Glance {
    /// No page of the session.
    Nothing,
    /// One.
    There(Seen),
}

struct Noted {
    at: DateTime<Utc>,
    content: String,
    shelf: Shelf,
    glance: Glance,
}

/// What was seen, by the session's key; each is told once.
#[derive(Default)]
pub struct Memory(Mutex<HashMap<String, Noted>>);

impl Memory {
    /// Remembers what was seen or done for a delivery in this notebook.
    pub fn note(&self, delivery: &Delivery, notebook: Shelf, glance: Glance, at: DateTime<Utc>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        let content = delivery.record.content_sha256.clone();
        all.insert(delivery.record.key.clone(), Noted { at, content, shelf: notebook, glance });
    }

    /// What was seen a moment ago and where, if it was for this content.
    pub fn take(&self, delivery: &Delivery, now: DateTime<Utc>) -> Option<(Shelf, Glance)> {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&delivery.record.key)?;
        let fresh = now - noted.at <= FRESH && noted.at <= now;
        (fresh && noted.content == delivery.record.content_sha256).then_some((noted.shelf, noted.glance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn it_is_told_once_and_only_while_it_is_fresh() {
        let (memory, now, delivery) = (Memory::default(), DateTime::UNIX_EPOCH, sample::delivery());
        let shelf = Shelf { uid: "u".to_owned(), nbid: "n".to_owned(), own: false };
        let note = || memory.note(&delivery, shelf.clone(), Glance::Nothing, now);
        note();
        assert_eq!(memory.take(&delivery, now), Some((shelf.clone(), Glance::Nothing)));
        assert_eq!(memory.take(&delivery, now), None);
        note();
        assert_eq!(memory.take(&delivery, now + TimeDelta::seconds(61)), None);
        note();
        let mut changed = delivery.clone();
        "other".clone_into(&mut changed.record.content_sha256);
        assert_eq!(memory.take(&changed, now), None, "another content");
    }
}

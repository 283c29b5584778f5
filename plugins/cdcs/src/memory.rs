//! What `find` has just seen, for the `deliver` that follows: so a delivery takes two requests, and looks first all
//! the same.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::reply::{ContentField, Record};

/// How long it counts.
const FRESH: TimeDelta = TimeDelta::minutes(1);

/// Sessions that are remembered at once; far more than are under way.
const MOST: usize = 1_000;

/// A record of a session, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its number.
    pub id: u64,
    /// The template version it is judged by.
    pub template: u64,
    /// Where it is published.
    pub workspace: Option<u64>,
    /// The account it belongs to.
    pub owner: Option<u64>,
    /// What its content is called.
    pub field: ContentField,
    /// Whether it holds the record that is to be delivered.
    pub same: bool,
}

impl Seen {
    /// A record as it was seen.
    pub fn new(record: &Record, same: bool) -> Self {
        Self {
            id: record.id,
            template: record.template,
            workspace: record.workspace,
            owner: record.owner,
            field: record.field,
            same,
        }
    }
}

/// What a look at the site has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Glance {
    /// No record of the session.
    Nothing,
    /// One.
    There(Seen),
}

type Noted = (DateTime<Utc>, String, Glance);

/// What was seen, by the session's key; each is told once.
#[derive(Debug, Default)]
pub struct Memory(Mutex<HashMap<String, Noted>>);

impl Memory {
    /// Remembers what was seen of a session, for a delivery of this content.
    pub fn note(&self, key: &str, content: &str, seen: Glance, now: DateTime<Utc>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(key.to_owned(), (now, content.to_owned(), seen));
    }

    /// What was seen of a session a moment ago, if anybody looked for this content.
    pub fn take(&self, key: &str, content: &str, now: DateTime<Utc>) -> Option<Glance> {
        let (at, of, seen) = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key)?;
        (of == content && now - at <= FRESH && at <= now).then_some(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_once_and_only_while_it_is_fresh() {
        let memory = Memory::default();
        let now = DateTime::UNIX_EPOCH;
        memory.note("a", "1", Glance::Nothing, now);
        assert_eq!(memory.take("a", "1", now), Some(Glance::Nothing));
        assert_eq!(memory.take("a", "1", now), None);
        memory.note("a", "1", Glance::Nothing, now);
        assert_eq!(memory.take("a", "2", now), None, "another content");
        memory.note("a", "1", Glance::Nothing, now);
        assert_eq!(memory.take("a", "1", now + TimeDelta::seconds(61)), None);
    }
}

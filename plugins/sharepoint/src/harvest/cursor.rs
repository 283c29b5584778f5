//! How far a calendar has been read, as it is stored between harvests.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Events that are remembered at most.
const MOST_GIVEN: usize = 2_000;

/// Up to which end time the events of a list have been handed over, and which of them may still change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// Of this form.
    v: u8,
    /// The list that was read.
    list: String,
    /// Up to when (UTC).
    pub to: DateTime<Utc>,
    /// The keys of events that ended within `look_back` before it, each with the end of its session (UTC).
    pub given: BTreeMap<String, DateTime<Utc>>,
    /// The numbers of items that cannot be read, each with the end (UTC) from which on its events are wanted once they
    /// can be.
    #[serde(default)]
    pub unread: BTreeMap<String, DateTime<Utc>>,
}

impl Cursor {
    /// A cursor of this list.
    pub fn new(list: &str, to: DateTime<Utc>, mut given: BTreeMap<String, DateTime<Utc>>) -> Self {
        if given.len() > MOST_GIVEN {
            let mut latest: Vec<_> = given.into_iter().collect();
            latest.sort_by(|(_, a), (_, b)| b.cmp(a));
            given = latest.into_iter().take(MOST_GIVEN).collect();
        }
        Self { v: 1, list: list.to_owned(), to, given, unread: BTreeMap::new() }
    }

    /// The same with items that cannot be read.
    #[must_use]
    pub fn with_unread(self, unread: BTreeMap<String, DateTime<Utc>>) -> Self {
        Self { unread, ..self }
    }

    /// As it is stored.
    pub fn write(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }

    /// The cursor of this list. Anything else is none: then it is read as far back as the first time.
    pub fn read(text: &str, list: &str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|cursor: &Self| cursor.v == 1 && cursor.list == list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back() {
        let to = "2031-05-06T13:00:00.25Z".parse().unwrap();
        let given = [("471@2031-05-06T13:00:00Z".to_owned(), to), ("470".to_owned(), to)];
        let cursor = Cursor::new("abc", to, given.into()).with_unread([("472".to_owned(), to)].into());
        assert_eq!(Cursor::read(&cursor.write().unwrap(), "abc"), Some(cursor.clone()));
        assert_eq!(Cursor::read(&cursor.write().unwrap(), "def"), None, "another list");
        let old = r#"{"v":1,"list":"abc","to":"2031-05-06T13:00:00Z","given":{}}"#;
        assert!(Cursor::read(old, "abc").is_some(), "of a version that remembered less");
        for text in ["", "{}", "{\"conformance\":\"x\"}", "1 7 2031-05-06T13:00:00Z -"] {
            assert_eq!(Cursor::read(text, "abc"), None, "{text}");
        }
    }

    #[test]
    fn of_too_many_the_latest_are_remembered() {
        let to: DateTime<Utc> = "2031-05-06T13:00:00Z".parse().unwrap();
        let at = |number: usize| to - chrono::TimeDelta::minutes(i64::try_from(number).unwrap());
        let given = (0..MOST_GIVEN + 5).map(|number| (number.to_string(), at(number)));
        let cursor = Cursor::new("abc", to, given.collect());
        assert_eq!(cursor.given.len(), MOST_GIVEN);
        assert!(cursor.given.contains_key("0") && !cursor.given.contains_key(&MOST_GIVEN.to_string()));
    }
}

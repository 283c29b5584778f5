//! How far a calendar has been read, as it is stored between harvests.

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
    /// The keys of events that ended within `look_back` before it.
    pub given: Vec<String>,
}

impl Cursor {
    /// A cursor of this list.
    pub fn new(list: &str, to: DateTime<Utc>, mut given: Vec<String>) -> Self {
        given.sort();
        given.dedup();
        given.truncate(MOST_GIVEN);
        Self { v: 1, list: list.to_owned(), to, given }
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
        let cursor =
            Cursor::new("abc", to, vec!["471@2031-05-06T13:00:00Z".into(), "470".into(), "470".into()]);
        assert_eq!(cursor.given.len(), 2);
        assert_eq!(Cursor::read(&cursor.write().unwrap(), "abc"), Some(cursor.clone()));
        assert_eq!(Cursor::read(&cursor.write().unwrap(), "def"), None, "another list");
        for text in ["", "{}", "{\"conformance\":\"x\"}", "1 7 2031-05-06T13:00:00Z -"] {
            assert_eq!(Cursor::read(text, "abc"), None, "{text}");
        }
    }
}

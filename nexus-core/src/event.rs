//! `nexus_event`: the story of a session, told in short notes.
//!
//! At most twelve notes for each build, each at most 4 KiB, so that one strange session cannot fill the
//! database; old ones are pruned.

use rusqlite::{Connection, Transaction, params};
use serde::Serialize;

use crate::ids::SessionId;
use crate::own_table::{OwnTableError, cut};
use crate::run::RunId;
use crate::timestamp::UtcTime;

/// Most notes of one build.
pub const NOTES_PER_BUILD: usize = 12;

/// Longest detail, in bytes.
pub const LONGEST_DETAIL: usize = 4096;

/// Something to be remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// A word for scripts: `file_unreadable`, `delivery_object_gone`.
    pub kind: String,
    /// A sentence for people; longer ones are cut.
    pub detail: Option<String>,
}

impl Note {
    /// A note with a detail.
    pub fn new(kind: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { kind: kind.into(), detail: Some(detail.into()) }
    }

    /// Stores it.
    pub fn insert(
        &self,
        tx: &Transaction<'_>,
        run: Option<RunId>,
        session: Option<&SessionId>,
        at: UtcTime,
    ) -> Result<(), OwnTableError> {
        let detail = self.detail.as_deref().map(|detail| cut(detail, LONGEST_DETAIL));
        tx.prepare_cached(
            "INSERT INTO nexus_event (run_id, session_identifier, at, kind, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut statement| statement.execute(params![run, session, at, self.kind, detail]))
        .map(|_| ())
        .map_err(OwnTableError::to(format!("store an event of kind `{}`", self.kind)))
    }
}

/// Stores the notes of one build. Where there are more than twelve, the twelfth says how many are left out.
pub fn insert_of_build(
    tx: &Transaction<'_>,
    run: Option<RunId>,
    session: &SessionId,
    at: UtcTime,
    notes: &[Note],
) -> Result<(), OwnTableError> {
    let shown = if notes.len() > NOTES_PER_BUILD { NOTES_PER_BUILD - 1 } else { notes.len() };
    for note in notes.iter().take(shown) {
        note.insert(tx, run, Some(session), at)?;
    }
    match notes.len() - shown {
        0 => Ok(()),
        more => Note::new("more", format!("{more} more were left out; see the log of the run")).insert(
            tx,
            run,
            Some(session),
            at,
        ),
    }
}

/// A note as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Its number; grows with time.
    pub id: i64,
    /// The run it came from.
    pub run: Option<RunId>,
    /// The session it is about; `None`: the run as a whole.
    pub session_identifier: Option<SessionId>,
    /// When.
    pub at: UtcTime,
    /// What.
    #[serde(flatten)]
    pub note: Note,
}

/// The story of a session, oldest first.
pub fn of_session(connection: &Connection, session: &SessionId) -> Result<Vec<Event>, OwnTableError> {
    connection
        .prepare_cached(
            "SELECT id, run_id, session_identifier, at, kind, detail FROM nexus_event
              WHERE session_identifier = ?1 ORDER BY id",
        )
        .and_then(|mut statement| {
            let rows = statement.query_map([session], |row| {
                Ok(Event {
                    id: row.get(0)?,
                    run: row.get(1)?,
                    session_identifier: row.get(2)?,
                    at: row.get(3)?,
                    note: Note { kind: row.get(4)?, detail: row.get(5)? },
                })
            })?;
            rows.collect()
        })
        .map_err(OwnTableError::to(format!("read the events of session `{session}`")))
}

/// Removes notes made before the given moment, and tells how many.
pub fn prune(tx: &Transaction<'_>, before: UtcTime) -> Result<usize, OwnTableError> {
    tx.execute("DELETE FROM nexus_event WHERE at < ?1", [before])
        .map_err(OwnTableError::to("remove old events"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Database;

    fn at(seconds: i64) -> UtcTime {
        UtcTime::new(chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(seconds))
    }

    fn notes(count: usize) -> Vec<Note> {
        (0..count).map(|n| Note::new("file_unreadable", format!("file {n}"))).collect()
    }

    #[test]
    fn at_most_twelve_for_a_build() {
        let mut database = Database::in_memory().unwrap();
        let tx = database.transaction().unwrap();
        for (session, count) in [("few", 0), ("twelve", 12), ("many", 40)] {
            insert_of_build(&tx, None, &session.into(), at(0), &notes(count)).unwrap();
            let stored = of_session(&tx, &session.into()).unwrap();
            assert_eq!(stored.len(), count.min(12), "{session}");
        }
        let last = of_session(&tx, &"many".into()).unwrap().pop().unwrap();
        assert_eq!(last.note.kind, "more");
        assert!(last.note.detail.unwrap().starts_with("29 more"));
    }

    #[test]
    fn details_are_cut_and_old_notes_pruned() {
        let mut database = Database::in_memory().unwrap();
        let tx = database.transaction().unwrap();
        let session = "s".into();
        Note::new("long", format!("a{}", "é".repeat(4000))).insert(&tx, None, Some(&session), at(0)).unwrap();
        Note { kind: "short".to_owned(), detail: None }.insert(&tx, None, Some(&session), at(10)).unwrap();
        let stored = of_session(&tx, &session).unwrap();
        assert_eq!(stored[0].note.detail.as_ref().unwrap().len(), 4095);
        assert_eq!(stored[1].note.detail, None);
        assert_eq!(prune(&tx, at(10)).unwrap(), 1);
        assert_eq!(of_session(&tx, &session).unwrap().len(), 1);
    }
}

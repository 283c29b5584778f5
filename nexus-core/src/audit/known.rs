//! What the database knows of an event. Nothing but reads, all in one transaction, so that status, deliveries and
//! cursors belong to one moment.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::AuditError;
use super::report::Class;
use crate::delivery::State;
use crate::ids::{HarvesterName, SessionId};
use crate::session::{self, RecordStatus};

/// The session of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub session: SessionId,
    /// Whether it was found by the event's id at its source, and not only by its identifier.
    pub by_event: bool,
    /// What its rows in the session log say; `None`: there are none.
    pub class: Option<Class>,
    /// There are none, and a record of it may exist all the same: then no harvest puts them there.
    pub has_lost_rows: bool,
}

/// The database, as an audit reads it.
#[derive(Clone, Copy)]
pub(super) struct Tables<'a> {
    pub connection: &'a Connection,
    /// Whether our own tables are there: they are not before nexus has worked on it.
    pub has_own: bool,
}

impl Tables<'_> {
    /// The session of an event: by the event's id first, then by its identifier.
    pub fn of_event(
        self,
        harvester: &HarvesterName,
        external_id: &str,
        identifier: &str,
    ) -> Result<Known, AuditError> {
        let by_event: Option<SessionId> = if self.has_own {
            self.connection
                .prepare_cached(
                    "SELECT session_identifier FROM nexus_session WHERE harvester = ?1 AND external_id = ?2",
                )?
                .query_row(params![harvester, external_id], |row| row.get(0))
                .optional()?
        } else {
            None
        };
        // Sessions of NexusLIMS, and those that another name of the harvester brought.
        let by_identifier = SessionId::from(identifier);
        for (session, by_event) in by_event.iter().map(|id| (id, true)).chain([(&by_identifier, false)]) {
            let class = self.class_of(session)?;
            if class.is_some() {
                return Ok(Known { session: session.clone(), by_event, class, has_lost_rows: false });
            }
        }
        let is_by_event = by_event.is_some();
        let session = by_event.unwrap_or(by_identifier);
        let has_lost_rows = self.has_own && session::record_may_exist(self.connection, &session)?;
        Ok(Known { session, by_event: is_by_event, class: None, has_lost_rows })
    }

    /// What a session is, by its rows in the session log; `None`: it has none.
    fn class_of(self, session: &SessionId) -> rusqlite::Result<Option<Class>> {
        let found: Option<(String, bool)> = self
            .connection
            .prepare_cached(
                "SELECT record_status,
                        EXISTS (SELECT 1 FROM session_log WHERE session_identifier = ?1 AND event_type = 'START')
                    AND EXISTS (SELECT 1 FROM session_log WHERE session_identifier = ?1 AND event_type = 'END')
                   FROM session_log WHERE session_identifier = ?1
                  ORDER BY event_type = 'START' DESC, id_session_log DESC LIMIT 1",
            )?
            .query_row([session], |row| Ok((lossy(row, 0)?, row.get(1)?)))
            .optional()?;
        let Some((status, is_whole)) = found else { return Ok(None) };
        Ok(Some(match status.parse() {
            Ok(RecordStatus::WaitingForEnd) => {
                Class::Waiting("it has no end in the session log yet".to_owned())
            }
            Ok(RecordStatus::ToBeBuilt) if !is_whole => {
                Class::Waiting("its rows in the session log make no session".to_owned())
            }
            Ok(RecordStatus::ToBeBuilt) => Class::Waiting(self.waits_for(session)?),
            Ok(RecordStatus::BuiltNotExported) => Class::Waiting(self.delivered(session)?.to_owned()),
            _ => Class::Settled(status),
        }))
    }

    fn waits_for(self, session: &SessionId) -> rusqlite::Result<String> {
        let reason: Option<Option<String>> = if self.has_own {
            self.connection
                .prepare_cached("SELECT waiting_reason FROM nexus_session WHERE session_identifier = ?1")?
                .query_row([session], |row| row.get(0))
                .optional()?
        } else {
            None
        };
        Ok(reason.flatten().unwrap_or_else(|| "not built yet".to_owned()))
    }

    /// How far the deliveries of a record are.
    fn delivered(self, session: &SessionId) -> rusqlite::Result<&'static str> {
        let (mut delivered, mut under_way, mut stuck) = (false, false, false);
        if self.has_own {
            let mut statement = self
                .connection
                .prepare_cached("SELECT DISTINCT state FROM nexus_delivery WHERE session_identifier = ?1")?;
            let mut rows = statement.query([session])?;
            while let Some(row) = rows.next()? {
                let state = lossy(row, 0)?;
                delivered |= state == State::Delivered.as_str();
                under_way |=
                    [State::Held, State::Due, State::InFlight].iter().any(|one| one.as_str() == state);
                stuck |= [State::Failed, State::Unknown].iter().any(|one| one.as_str() == state);
            }
        }
        Ok(match (delivered, under_way, stuck) {
            (true, ..) => "built, delivered not everywhere yet",
            (false, true, _) => "built, delivered nowhere yet",
            (false, false, true) => "built, its deliveries need a person",
            (false, false, false) => "built, no delivery to any destination",
        })
    }

    /// The number of the newest row in the session log.
    pub fn newest_row(self) -> rusqlite::Result<i64> {
        self.connection
            .query_row("SELECT coalesce(max(id_session_log), 0) FROM session_log", [], |row| row.get(0))
    }

    /// The number of a session's first row in the session log.
    pub fn first_row(self, session: &SessionId) -> rusqlite::Result<i64> {
        self.connection
            .prepare_cached(
                "SELECT coalesce(min(id_session_log), 0) FROM session_log WHERE session_identifier = ?1",
            )?
            .query_row([session], |row| row.get(0))
    }

    /// The status of a session, whatever is stored.
    pub fn status(self, session: &SessionId) -> rusqlite::Result<String> {
        self.connection
            .prepare_cached(
                "SELECT record_status FROM session_log WHERE session_identifier = ?1
                  ORDER BY event_type = 'START' DESC, id_session_log DESC LIMIT 1",
            )?
            .query_row([session], |row| lossy(row, 0))
            .optional()
            .map(Option::unwrap_or_default)
    }
}

/// A value as text whatever it is: one odd row must not end an audit.
pub(super) fn lossy(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    })
}

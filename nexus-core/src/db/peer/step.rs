//! One revision up or down, inside the caller's transaction, with everything that has to hold afterwards.

use refinery::Target;
use rusqlite::Connection;

use super::Revision;
use super::census::{Census, values_in};
use super::standing::{Standing, standing};
use crate::db::chain::{Chain, PEER, has_table, words};
use crate::db::error::{DbError, name_of, sqlite};

/// A step between two neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Applies this revision.
    Up(Revision),
    /// Undoes this revision.
    Down(Revision),
}

/// Something that the older or newer schema has no place for, and that went with the step. The backup has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// A table, or a column as `table.column`.
    pub what: String,
    /// Rows that it held, or that held a value in it.
    pub rows: u64,
}

impl Step {
    /// Where it leads; none for the empty database.
    pub(super) fn to(self) -> Option<Revision> {
        match self {
            Self::Up(revision) => Some(revision),
            Self::Down(revision) => revision.down(),
        }
    }

    /// The table that it builds anew.
    pub(super) fn rebuilds(self) -> Option<&'static str> {
        match self {
            Self::Up(Revision::V2_4_0b) | Self::Down(Revision::V2_4_0b) => Some("session_log"),
            Self::Up(Revision::V2_5_0b) | Self::Down(Revision::V2_5_0b) => Some("instruments"),
            _ => None,
        }
    }

    fn losses(self, connection: &Connection) -> rusqlite::Result<Vec<Loss>> {
        let lost = match self {
            Self::Up(Revision::V2_5_0b) => values_in(
                connection,
                "instruments",
                &["calendar_name", "computer_name", "computer_ip", "computer_mount"],
            )?,
            Self::Down(revision) => {
                let tables: &[&str] = match revision {
                    Revision::V1_4_3 => &["session_log", "instruments"],
                    Revision::V2_4_0a => &["upload_log"],
                    Revision::V2_5_0a => &["external_user_identifiers"],
                    Revision::V2_4_0b | Revision::V2_5_0b => &[],
                };
                let census = Census::take(connection)?;
                tables
                    .iter()
                    .filter_map(|table| census.rows.get(table).map(|rows| ((*table).to_owned(), *rows)))
                    .filter(|(_, rows)| *rows > 0)
                    .collect()
            }
            Self::Up(_) => Vec::new(),
        };
        Ok(lost.into_iter().map(|(what, rows)| Loss { what, rows }).collect())
    }

    /// Takes the step. Nothing is committed; after an error the transaction must be rolled back.
    pub(super) fn take(self, within: &Connection) -> Result<Vec<Loss>, DbError> {
        let to = self.to().map_or_else(|| "base".to_owned(), |revision| revision.to_string());
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| DbError::Migration {
            database: name_of(within),
            to: to.clone(),
            source,
        };
        let lost =
            |reason: String| DbError::IntegrityLost { database: name_of(within), to: to.clone(), reason };
        let read = || sqlite(within, "check");

        let losses = self.losses(within).map_err(read())?;
        let before = Census::take(within).map_err(read())?;
        let extras = self.extras(within).map_err(read())?;
        match self {
            Self::Up(revision) => {
                PEER.run(within, Target::Version(revision.version()))
                    .map_err(|error| failed(error.into()))?;
            }
            Self::Down(revision) => undo(within, revision).map_err(|error| failed(words(&error).into()))?,
        }
        for (name, sql) in extras {
            within.execute_batch(&sql).map_err(|error| {
                failed(
                    format!("the index or trigger `{name}` does not fit the rebuilt table: {error}").into(),
                )
            })?;
        }
        let after = Census::take(within).map_err(read())?;
        if let Some(reason) = before.loss(&after) {
            return Err(lost(reason));
        }
        let reached = standing(within)?;
        if reached != self.to().map_or(Standing::Empty, Standing::At) {
            return Err(lost(format!("the tables are not those of {to} afterwards")));
        }
        Ok(losses)
    }

    /// Indexes and triggers that somebody added to the table that is built anew: they would go with the old one.
    fn extras(self, connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
        let Some(table) = self.rebuilds() else { return Ok(Vec::new()) };
        let mut statement = connection.prepare(
            "SELECT name, sql FROM sqlite_master WHERE tbl_name = ?1 AND type IN ('index', 'trigger') \
             AND sql IS NOT NULL AND name NOT IN ('ix_session_log_session_identifier', 'session_log.fk_instrument_idx') \
             ORDER BY rowid",
        )?;
        statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }
}

/// Runs the undo file and takes the row out of refinery's history.
fn undo(within: &Connection, revision: Revision) -> rusqlite::Result<()> {
    let down = revision.file().and_then(|file| file.down).unwrap_or_default();
    within.execute_batch(down)?;
    if has_table(within, PEER.history)? {
        within.execute(&format!("DELETE FROM {} WHERE version = ?1", PEER.history), [revision.version()])?;
    }
    Ok(())
}

/// Makes refinery's history tell what `alembic_version` says, which NexusLIMS moves without knowing of it.
pub(super) fn rebuild_history(within: &Connection, at: Option<Revision>) -> Result<bool, DbError> {
    let read = || sqlite(within, "read the history of");
    if agrees(&PEER, within, at).unwrap_or(false) {
        return Ok(false);
    }
    within.execute_batch(&format!("DROP TABLE IF EXISTS {}", PEER.history)).map_err(read())?;
    if let Some(revision) = at {
        PEER.run(within, Target::FakeVersion(revision.version())).map_err(|source| DbError::Migration {
            database: name_of(within),
            to: revision.to_string(),
            source: source.into(),
        })?;
    }
    Ok(true)
}

fn agrees(chain: &'static Chain, within: &Connection, at: Option<Revision>) -> rusqlite::Result<bool> {
    let applied = chain.applied(within)?;
    let expected = at.map_or(0, Revision::version);
    let numbers: Vec<i64> = applied.iter().map(|row| row.version).collect();
    Ok(numbers == (1..=i64::from(expected)).collect::<Vec<_>>()
        && applied.iter().all(|row| chain.divergence(row).is_none()))
}

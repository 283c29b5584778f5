//! The chain of our own tables, `nexus_*`: additive, and applied by whatever opens the database for writing.

use refinery::Target;
use rusqlite::Connection;

use super::chain::OWN;
use super::error::{DbError, name_of, sqlite};

/// Refuses a file whose own tables are newer than this program, or made from other texts.
pub(super) fn check(connection: &Connection) -> Result<Pending, DbError> {
    let applied = OWN.applied(connection).map_err(sqlite(connection, "read the history of"))?;
    if let Some(newest) = applied.last().filter(|row| row.version > i64::from(OWN.head())) {
        return Err(DbError::Newer {
            database: name_of(connection),
            found: newest.version,
            known: OWN.head(),
        });
    }
    for row in &applied {
        if let Some(reason) = OWN.divergence(row) {
            return Err(DbError::Divergent { database: name_of(connection), version: row.version, reason });
        }
    }
    for (row, file) in applied.iter().zip(OWN.files) {
        if row.version != i64::from(file.version) {
            let reason = "it is missing from the history".to_owned();
            return Err(DbError::Divergent {
                database: name_of(connection),
                version: file.version.into(),
                reason,
            });
        }
    }
    Ok(if applied.len() < OWN.files.len() { Pending::Some } else { Pending::None })
}

/// Whether there is something to apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pending {
    None,
    Some,
}

/// Applies what is pending, inside the caller's transaction.
pub(super) fn apply(within: &Connection) -> Result<(), DbError> {
    if check(within)? == Pending::None {
        return Ok(());
    }
    OWN.run(within, Target::Latest).map_err(|source| DbError::Migration {
        database: name_of(within),
        to: "nexus' own tables".to_owned(),
        source: source.into(),
    })
}

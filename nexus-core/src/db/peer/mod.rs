//! The revisions of the shared schema, and the ways between them.

mod census;
mod migrate;
mod obstacle;
mod revision;
mod script;
mod standing;
mod step;
#[cfg(test)]
mod tests;

use refinery::Target;
use rusqlite::Connection;

pub use census::BrokenReferences;
pub use migrate::{MigrationOptions, MigrationReport, backup, backup_to, downgrade, stamp, upgrade};
pub use obstacle::Obstacle;
pub use revision::{Revision, UnknownRevision};
pub use script::{HistoryEntry, downgrade_sql, history, upgrade_sql};
pub use standing::{Shape, Standing, standing};
pub use step::Loss;

use super::chain::PEER;
use super::error::{DbError, name_of};

/// All shared tables into an empty database, inside the caller's transaction.
pub(super) fn fill(within: &Connection) -> Result<(), DbError> {
    PEER.run(within, Target::Latest).map_err(|source| DbError::Migration {
        database: name_of(within),
        to: Revision::HEAD.to_string(),
        source: source.into(),
    })
}

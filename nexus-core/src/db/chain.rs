//! The two chains of migration files, and how refinery runs them inside a transaction of ours.
//!
//! Refinery would open a transaction of its own and commit it before anyone could look at the result.
//! Here it is given a connection that is already in one: a revision, its row in the history and every check
//! of the outcome are kept together or not at all.

use std::sync::LazyLock;

use refinery::{Migrate, Migration, Runner, Target};
use refinery_core::traits::sync::{Query, Transaction};
use rusqlite::Connection;

/// A migration file and its undo, paired by the build script.
pub(super) struct MigrationFile {
    /// Its place in the chain, from 1.
    pub version: i32,
    /// File name without `.sql`.
    pub stem: &'static str,
    /// The text that goes up.
    pub up: &'static str,
    /// The text that goes down, where there is one.
    pub down: Option<&'static str>,
}

impl MigrationFile {
    /// The value of a header line `-- key: value`.
    pub(super) fn header(&self, key: &str) -> Option<&'static str> {
        let headers = self.up.lines().map_while(|line| line.strip_prefix("-- "));
        headers
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    }
}

include!(concat!(env!("OUT_DIR"), "/migration_files.rs"));

#[allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "written by the macro")]
mod embedded {
    pub(super) mod peer {
        refinery::embed_migrations!("../migrations/sqlite");
    }
    pub(super) mod own {
        refinery::embed_migrations!("../migrations/nexus");
    }
}

/// One of the two chains.
pub(super) struct Chain {
    /// Its files in order.
    pub files: &'static [MigrationFile],
    /// The table that refinery keeps for it.
    pub history: &'static str,
    migrations: LazyLock<Vec<Migration>>,
}

/// The revisions of the shared schema. Its history table has refinery's own name and is derived data:
/// `alembic_version` decides.
pub(super) static PEER: Chain = Chain {
    files: PEER_FILES,
    history: "refinery_schema_history",
    migrations: LazyLock::new(|| embedded::peer::migrations::runner().get_migrations().clone()),
};

/// The tables of our own.
pub(super) static OWN: Chain = Chain {
    files: OWN_FILES,
    history: "nexus_schema_history",
    migrations: LazyLock::new(|| embedded::own::migrations::runner().get_migrations().clone()),
};

/// A row of a history table, read without refinery: it panics on rows that were edited by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Applied {
    pub version: i64,
    pub name: String,
    pub checksum: String,
}

impl Chain {
    /// The last number of this program.
    pub(super) fn head(&self) -> i32 {
        self.files.last().map_or(0, |file| file.version)
    }

    /// The history as stored, by number; empty without the table.
    pub(super) fn applied(&self, connection: &Connection) -> rusqlite::Result<Vec<Applied>> {
        if !has_table(connection, self.history)? {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT version, CAST(name AS TEXT), CAST(checksum AS TEXT) FROM {} ORDER BY version",
            self.history
        );
        let mut statement = connection.prepare(&sql)?;
        let rows = statement.query_map([], |row| {
            Ok(Applied {
                version: row.get::<_, Option<i64>>(0)?.unwrap_or(0),
                name: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
                checksum: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
            })
        })?;
        rows.collect()
    }

    /// Whether the stored row is that of the file with its number; else what differs.
    pub(super) fn divergence(&self, row: &Applied) -> Option<String> {
        let Some(ours) = self.find(row.version) else { return Some("no such number here".to_owned()) };
        if ours.name() != row.name {
            return Some(format!("named `{}` there, `{}` here", row.name, ours.name()));
        }
        (ours.checksum().to_string() != row.checksum).then(|| "the file's text differs".to_owned())
    }

    fn find(&self, version: i64) -> Option<&Migration> {
        self.migrations.iter().find(|migration| i64::from(migration.version()) == version)
    }

    /// Runs what is pending up to the number. The connection must be in a transaction, which is left open.
    pub(super) fn run(&'static self, within: &Connection, target: Target) -> Result<(), ChainError> {
        let mut runner = Runner::new(&self.migrations).set_grouped(true).set_target(target);
        runner.set_migration_table_name(self.history);
        runner.run(&mut Within { connection: within, chain: self }).map(drop).map_err(|error| {
            match error.kind() {
                // Our own words, without refinery's around them.
                refinery::error::Kind::Connection(_, inner) => ChainError::Sqlite(inner.to_string()),
                _ => ChainError::Refinery(error),
            }
        })
    }
}

/// Whether the file has a table of that name.
pub(super) fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1")?
        .exists([name])
}

/// A connection that is in a transaction already.
struct Within<'a> {
    connection: &'a Connection,
    chain: &'static Chain,
}

/// Why a migration file could not be run.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChainError {
    /// SQLite's words, without the text of the whole file that rusqlite adds.
    #[error("{0}")]
    Sqlite(String),
    /// Our own history is that of another program.
    #[error("applied migration {0} differs from this program's ({1})")]
    Divergent(i64, String),
    /// Refinery's words.
    #[error(transparent)]
    Refinery(#[from] refinery::Error),
}

impl From<rusqlite::Error> for ChainError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(words(&error))
    }
}

/// SQLite's words alone.
pub(super) fn words(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

impl Transaction for Within<'_> {
    type Error = ChainError;

    fn execute<'a, T: Iterator<Item = &'a str>>(&mut self, queries: T) -> Result<usize, ChainError> {
        let mut count = 0;
        for query in queries {
            self.connection.execute_batch(query)?;
            count += 1;
        }
        Ok(count)
    }
}

impl Query<Vec<Migration>> for Within<'_> {
    fn query(&mut self, _query: &str) -> Result<Vec<Migration>, ChainError> {
        let mut found = Vec::new();
        for row in self.chain.applied(self.connection)? {
            if let Some(reason) = self.chain.divergence(&row) {
                return Err(ChainError::Divergent(row.version, reason));
            }
            if let Some(mut ours) = self.chain.find(row.version).cloned() {
                ours.set_applied();
                found.push(ours);
            }
        }
        Ok(found)
    }
}

impl Migrate for Within<'_> {}

//! The revisions of the shared schema, and the ways between them.

mod revision;
mod standing;

use refinery::Target;
use rusqlite::Connection;

pub use revision::{Revision, UnknownRevision};
pub use standing::{Shape, Standing, standing};

use super::chain::PEER;
use super::error::{DbError, name_of};

/// Rows that the next schema would not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// The table.
    pub table: &'static str,
    /// What is wrong with them.
    pub problem: String,
    /// The first of them by key, at most ten.
    pub keys: Vec<String>,
    /// How many there are.
    pub rows: u64,
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let more = if self.rows > self.keys.len() as u64 { ", …" } else { "" };
        write!(f, "{} {} of {} with {}{more}", self.problem, self.rows, self.table, self.keys.join(", "))
    }
}

/// All shared tables into an empty database, inside the caller's transaction.
pub(super) fn fill(within: &Connection) -> Result<(), DbError> {
    PEER.run(within, Target::Latest).map_err(|source| DbError::Migration {
        database: name_of(within),
        to: Revision::HEAD.to_string(),
        source: source.into(),
    })
}

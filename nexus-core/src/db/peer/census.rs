//! What is counted before and after a step, so that a rebuild that lost a row is rolled back.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::standing::{SHARED_TABLES, columns};
use crate::db::chain::has_table;

/// How many rows a report names.
const FIRST: usize = 10;

/// Rows that point at a row which is not there. The shared schema never enforced its one foreign key, so
/// older databases may well hold some: told, not refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BrokenReferences {
    /// The table that points.
    pub table: String,
    /// The table pointed at.
    pub parent: String,
    /// Row ids of the first of them, at most ten.
    pub first: Vec<i64>,
    /// How many there are.
    pub rows: u64,
}

/// Counts of one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Census {
    /// Rows of each shared table that is there.
    pub rows: BTreeMap<&'static str, u64>,
    /// Lowest and highest id of session_log.
    ids: Option<(Option<i64>, Option<i64>)>,
    /// Rows of session_log by status.
    statuses: BTreeMap<Option<String>, u64>,
    /// (table, row, parent) of every broken reference; the row id stays, as the one table that points keeps its ids.
    broken: BTreeSet<(String, Option<i64>, String)>,
}

impl Census {
    pub(super) fn take(connection: &Connection) -> rusqlite::Result<Self> {
        let mut census = Self::default();
        for (table, _) in SHARED_TABLES {
            if has_table(connection, table)? {
                let count: i64 =
                    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?;
                census.rows.insert(table, count.unsigned_abs());
            }
        }
        if census.rows.contains_key("session_log") {
            let range = "SELECT min(id_session_log), max(id_session_log) FROM session_log";
            census.ids = Some(connection.query_row(range, [], |row| Ok((row.get(0)?, row.get(1)?)))?);
            let mut statement = connection
                .prepare("SELECT CAST(record_status AS TEXT), count(*) FROM session_log GROUP BY 1")?;
            let rows =
                statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
            census.statuses = rows.collect::<Result<_, _>>()?;
            let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            census.broken = rows.collect::<Result<_, _>>()?;
        }
        Ok(census)
    }

    /// The first thing that a step lost; tables that it brought or took away are not compared.
    pub(super) fn loss(&self, after: &Self) -> Option<String> {
        for (table, rows) in &self.rows {
            if let Some(now) = after.rows.get(table)
                && now != rows
            {
                return Some(format!("{table} had {rows} rows before and {now} after"));
            }
        }
        if self.ids.is_some() && after.ids.is_some() {
            if self.ids != after.ids {
                return Some("the range of ids of session_log changed".to_owned());
            }
            if self.statuses != after.statuses {
                return Some("the numbers of session_log rows by status changed".to_owned());
            }
            if let Some((table, row, parent)) = after.broken.difference(&self.broken).next() {
                let row = row.map_or_else(|| "?".to_owned(), |row| row.to_string());
                return Some(format!("row {row} of {table} now points at a missing row of {parent}"));
            }
        }
        None
    }

    /// The broken references, by table and parent.
    pub(super) fn broken_references(&self) -> Vec<BrokenReferences> {
        let mut found: BTreeMap<(&str, &str), BrokenReferences> = BTreeMap::new();
        for (table, row, parent) in &self.broken {
            let entry = found.entry((table, parent)).or_insert_with(|| BrokenReferences {
                table: table.clone(),
                parent: parent.clone(),
                first: Vec::new(),
                rows: 0,
            });
            entry.rows += 1;
            if entry.first.len() < FIRST {
                entry.first.extend(row);
            }
        }
        found.into_values().collect()
    }
}

/// Columns that hold something and that a step takes away, with the number of rows that lose a value.
pub(super) fn values_in(
    connection: &Connection,
    table: &str,
    wanted: &[&'static str],
) -> rusqlite::Result<Vec<(String, u64)>> {
    let there = columns(connection, table)?;
    let mut found = Vec::new();
    for column in wanted.iter().filter(|column| there.contains(**column)) {
        let sql = format!("SELECT count(*) FROM {table} WHERE {column} IS NOT NULL AND {column} <> ''");
        let rows: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
        if rows > 0 {
            found.push((format!("{table}.{column}"), rows.unsigned_abs()));
        }
    }
    Ok(found)
}

//! Rows and columns that the next schema would not take, found before anything is started.

use std::fmt;

use rusqlite::Connection;

use super::Revision;
use super::standing::{columns, columns_at};
use super::step::Step;
use crate::db::chain::has_table;

/// Rows, or a column, that the next schema would not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// The table.
    pub table: &'static str,
    /// What is wrong.
    pub problem: String,
    /// The first rows by key, at most ten; empty where a column is in the way.
    pub keys: Vec<String>,
    /// How many rows there are.
    pub rows: u64,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, problem, keys, rows } = self;
        if keys.is_empty() {
            return write!(f, "{table}: {problem}");
        }
        let key = if *table == "instruments" { "instrument_pid" } else { "id_session_log" };
        let more = if *rows > keys.len() as u64 { ", …" } else { "" };
        let noun = if *rows == 1 { "row" } else { "rows" };
        write!(f, "{table}: {problem} in {rows} {noun} ({key} {}{more})", keys.join(", "))
    }
}

const EVENT_TYPES: &str = "'START', 'END', 'RECORD_GENERATION'";
const STATUSES: &str = "'COMPLETED', 'WAITING_FOR_END', 'TO_BE_BUILT', 'BUILT_NOT_EXPORTED', 'ERROR', \
                        'NO_FILES_FOUND', 'NO_CONSENT', 'NO_RESERVATION'";

/// Columns of a rebuilt table that may not be null, as they are called before the step.
fn required(step: Step) -> &'static [&'static str] {
    match step {
        Step::Up(Revision::V2_4_0b) | Step::Down(Revision::V2_4_0b) => {
            &["session_identifier", "instrument", "timestamp", "event_type", "record_status"]
        }
        Step::Up(Revision::V2_5_0b) => &[
            "instrument_pid",
            "api_url",
            "calendar_url",
            "location",
            "schema_name",
            "property_tag",
            "filestore_path",
            "harvester",
            "timezone",
        ],
        Step::Down(Revision::V2_5_0b) => &[
            "instrument_pid",
            "api_url",
            "calendar_url",
            "location",
            "display_name",
            "property_tag",
            "filestore_path",
            "harvester",
            "timezone",
        ],
        _ => &[],
    }
}

/// All obstacles on the way, as far as the tables of now show them.
pub(super) fn find(connection: &Connection, steps: &[Step]) -> rusqlite::Result<Vec<Obstacle>> {
    let mut found: Vec<Obstacle> = Vec::new();
    for step in steps {
        for obstacle in find_for(connection, *step)? {
            if !found.contains(&obstacle) {
                found.push(obstacle);
            }
        }
    }
    Ok(found)
}

fn find_for(connection: &Connection, step: Step) -> rusqlite::Result<Vec<Obstacle>> {
    let mut found = Vec::new();
    let Some(table) = step.rebuilds() else { return Ok(found) };
    if !has_table(connection, table)? {
        return Ok(found);
    }
    let there = columns(connection, table)?;
    // A way may lead over the renaming of a column: what is known at any revision is no obstacle.
    let known: Vec<&str> =
        Revision::ALL.into_iter().flat_map(|revision| columns_at(table, revision)).collect();
    for column in there.iter().filter(|column| !known.contains(&column.as_str())) {
        let problem = format!("the rebuilt table has no place for the column `{column}`");
        found.push(Obstacle { table, problem, keys: Vec::new(), rows: 0 });
    }
    for column in required(step).iter().filter(|column| there.contains(**column)) {
        let condition = format!("{column} IS NULL");
        found.extend(rows_where(connection, table, &condition, format!("{column} is empty (null)"))?);
    }
    if step == Step::Up(Revision::V2_4_0b) {
        for (column, allowed) in [("event_type", EVENT_TYPES), ("record_status", STATUSES)] {
            let sql = format!(
                "SELECT DISTINCT CAST({column} AS TEXT) FROM {table} WHERE {column} NOT IN ({allowed}) LIMIT 10"
            );
            let mut statement = connection.prepare(&sql)?;
            let values: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            for value in values {
                let condition = format!("CAST({column} AS TEXT) = '{}'", value.replace('\'', "''"));
                let problem = format!("{column} `{value}` is not a known one");
                found.extend(rows_where(connection, table, &condition, problem)?);
            }
        }
    }
    if table == "instruments" {
        for column in ["instrument_pid", "api_url"] {
            let condition = format!(
                "{column} IN (SELECT {column} FROM {table} WHERE {column} IS NOT NULL GROUP BY {column} HAVING count(*) > 1)"
            );
            found.extend(rows_where(connection, table, &condition, format!("the same {column}"))?);
        }
    }
    Ok(found)
}

fn rows_where(
    connection: &Connection,
    table: &'static str,
    condition: &str,
    problem: String,
) -> rusqlite::Result<Option<Obstacle>> {
    let sql = format!("SELECT count(*) FROM {table} WHERE {condition}");
    let rows: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
    if rows == 0 {
        return Ok(None);
    }
    let key = if table == "instruments" { "coalesce(instrument_pid, 'null')" } else { "id_session_log" };
    let sql = format!("SELECT CAST({key} AS TEXT) FROM {table} WHERE {condition} ORDER BY rowid LIMIT 10");
    let mut statement = connection.prepare(&sql)?;
    let keys: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(Some(Obstacle { table, problem, keys, rows: rows.unsigned_abs() }))
}

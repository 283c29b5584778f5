//! Rows that cannot be read: reported with their row, and in the way of nothing else.
//!
//! The shared tables may hold anything that another program or a person wrote: a time that is none, a status
//! that does not exist, a number where text belongs. Such a row blocks its own session only.

use std::fmt;

use rusqlite::types::Type;
use rusqlite::{Error, Params, Row, Statement};

use crate::ids::SessionId;

/// Stands for a value that cannot be read, where values are counted.
pub(crate) const UNREADABLE: &str = "(cannot be read)";

/// A row that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableRow {
    /// The table it is in.
    pub table: &'static str,
    /// Its primary key.
    pub row: i64,
    /// The session it belongs to, if the table has one and it can be read.
    pub session: Option<SessionId>,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for UnreadableRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {} of {}", self.row, self.table)?;
        if let Some(session) = &self.session {
            write!(f, " (session `{session}`)")?;
        }
        write!(f, " cannot be read: {}", self.why)
    }
}

/// What a query found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows<T> {
    /// The rows that could be read, in the order the query promises.
    pub rows: Vec<T>,
    /// Those that could not, by row.
    pub unreadable: Vec<UnreadableRow>,
}

/// Runs a query whose first column is the row's key and whose second one, if `has_session`, is the session.
pub(crate) fn read_rows<T>(
    statement: &mut Statement<'_>,
    params: impl Params,
    table: &'static str,
    has_session: bool,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Rows<T>> {
    let mut found = Rows { rows: Vec::new(), unreadable: Vec::new() };
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        match read(row) {
            Ok(value) => found.rows.push(value),
            Err(error) => {
                let why = value_problem(&error).ok_or(error)?;
                let session = if has_session { row.get(1).ok() } else { None };
                found.unreadable.push(UnreadableRow { table, row: row.get(0)?, session, why });
            }
        }
    }
    Ok(found)
}

/// A value where another kind of value belongs.
fn out_of_place(kind: Type) -> &'static str {
    match kind {
        Type::Null => "nothing",
        Type::Integer | Type::Real => "a number, not text",
        Type::Text => "text, not a number",
        Type::Blob => "bytes, neither text nor a number",
    }
}

/// What is wrong with a value, if the error is about a value and not about the database.
pub(crate) fn value_problem(error: &Error) -> Option<String> {
    match error {
        Error::FromSqlConversionFailure(_, _, source) => Some(source.to_string()),
        Error::InvalidColumnType(_, name, kind) => {
            Some(format!("column `{name}` holds {}", out_of_place(*kind)))
        }
        Error::IntegralValueOutOfRange(_, number) => Some(format!("{number} is out of range")),
        Error::Utf8Error(_, source) => Some(source.to_string()),
        _ => None,
    }
}

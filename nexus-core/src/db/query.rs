//! One read-only statement that a person typed.

use rusqlite::Connection;
use rusqlite::types::{Value, ValueRef};

/// Why a typed statement was not run, or failed.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// Nothing but blanks and comments.
    #[error("the statement is empty; give one SELECT")]
    Empty,
    /// More than one.
    #[error("more than one statement given; one is run at a time")]
    Several,
    /// It would change something, or another file, or the connection.
    #[error(
        "`{word}` statements are not read-only; queries may use SELECT, WITH, VALUES, EXPLAIN and reading PRAGMAs"
    )]
    NotReadOnly {
        /// Its first word.
        word: String,
    },
    /// Placeholders and values do not match.
    #[error("the statement has {wanted} placeholders, {given} values were given")]
    Parameters {
        /// Placeholders in the text.
        wanted: usize,
        /// Values given.
        given: usize,
    },
    /// SQLite's words.
    #[error("query failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// What a query returned: the columns' names and the rows as tuples.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QueryRows {
    /// Names in the order of the tuples.
    pub columns: Vec<String>,
    /// Rows in the order that SQLite gave. Text that is not UTF-8 is shown with replacement characters.
    pub rows: Vec<Vec<Value>>,
}

/// Pragmas that only tell. Others change the connection even where SQLite calls them read-only.
const READING_PRAGMAS: &[&str] = &[
    "application_id",
    "collation_list",
    "compile_options",
    "data_version",
    "database_list",
    "encoding",
    "foreign_key_check",
    "foreign_key_list",
    "freelist_count",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "page_count",
    "page_size",
    "quick_check",
    "schema_version",
    "table_info",
    "table_list",
    "table_xinfo",
    "user_version",
];

pub(super) fn run(connection: &Connection, sql: &str, params: &[Value]) -> Result<QueryRows, QueryError> {
    let word = first_word(sql);
    match word.to_ascii_lowercase().as_str() {
        "" => return Err(QueryError::Empty),
        "select" | "with" | "values" | "explain" => {}
        "pragma" if is_reading_pragma(sql) => {}
        _ => return Err(QueryError::NotReadOnly { word }),
    }
    let mut statement = connection.prepare(sql).map_err(|error| match error {
        rusqlite::Error::MultipleStatement => QueryError::Several,
        other => QueryError::Sqlite(other),
    })?;
    if !statement.readonly() {
        return Err(QueryError::NotReadOnly { word });
    }
    if statement.parameter_count() != params.len() {
        return Err(QueryError::Parameters { wanted: statement.parameter_count(), given: params.len() });
    }
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut found = QueryRows { rows: Vec::new(), columns };
    let mut rows = statement.query(rusqlite::params_from_iter(params))?;
    while let Some(row) = rows.next()? {
        let tuple = (0..found.columns.len()).map(|column| row.get_ref(column).map(owned));
        found.rows.push(tuple.collect::<Result<_, _>>()?);
    }
    Ok(found)
}

fn owned(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}

/// A pragma of the list, and without `= value`.
fn is_reading_pragma(sql: &str) -> bool {
    let rest = skip_blank(sql).get("pragma".len()..).unwrap_or_default();
    let rest = skip_blank(rest);
    let name_end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    let (name, tail) = rest.split_at(name_end);
    let takes_value = ["application_id", "encoding", "page_size", "schema_version", "user_version"];
    let lower = name.to_ascii_lowercase();
    let with_value = tail.contains(['=', '(']);
    READING_PRAGMAS.contains(&lower.as_str()) && !(with_value && takes_value.contains(&lower.as_str()))
}

fn first_word(sql: &str) -> String {
    skip_blank(sql).chars().take_while(char::is_ascii_alphabetic).collect()
}

/// The text from its first token on; comments, blanks and lone semicolons skipped.
fn skip_blank(sql: &str) -> &str {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ';' || c == '\u{feff}');
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.find('\n').and_then(|end| comment.get(end..)).unwrap_or_default();
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.find("*/").and_then(|end| comment.get(end + 2..)).unwrap_or_default();
        } else {
            return rest;
        }
    }
}

//! The shape of a database as SQLite itself tells it, for comparing.
//!
//! The text of a table says nothing about its shape: a rebuild changes quotes, blanks and order. So everything that has a
//! pragma is read through it, and only the constraints, which have none, from the text.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

/// The shape of a whole file, without SQLite's own tables.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schema {
    /// Tables by name.
    pub tables: BTreeMap<String, Table>,
    /// Triggers and views by name, with their text.
    pub others: BTreeMap<String, String>,
}

/// The shape of one table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Columns in their order.
    pub columns: Vec<Column>,
    /// Indexes, the automatic ones of unique rules and keys included.
    pub indexes: BTreeSet<Index>,
    /// Foreign keys.
    pub foreign_keys: BTreeSet<ForeignKey>,
    /// Constraints with their names, and columns that carry a check, blanks evened out.
    pub constraints: BTreeSet<String>,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The declared type.
    pub declared: String,
    /// Whether null is refused.
    pub not_null: bool,
    /// Text of the default.
    pub default: Option<String>,
    /// Place in the primary key from 1; 0 = not part of it.
    pub key: i64,
    /// 0 for plain columns; generated and hidden ones have other numbers.
    pub hidden: i64,
}

/// One index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Index {
    /// Its name; none for an automatic one.
    pub name: Option<String>,
    /// Whether it makes its columns unique.
    pub unique: bool,
    /// `c` = CREATE INDEX, `u` = a unique rule, `pk` = the primary key.
    pub origin: String,
    /// Whether it covers some rows only.
    pub partial: bool,
    /// Columns in order; none for an expression.
    pub columns: Vec<Option<String>>,
}

/// One foreign key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ForeignKey {
    /// The table pointed at.
    pub parent: String,
    /// Column here and column there (none = its primary key), in order.
    pub columns: Vec<(String, Option<String>)>,
    /// What happens on update and on delete.
    pub actions: (String, String),
}

impl Schema {
    /// Only the tables whose names the filter accepts.
    #[must_use]
    pub fn only(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.tables.retain(|name, _| keep(name));
        self
    }
}

/// Reads the shape of the main database.
///
/// ```
/// use nexus_core::db::{Database, schema};
///
/// let database = Database::in_memory()?;
/// let shape = schema::snapshot(database.read())?;
/// assert_eq!(shape.tables["instruments"].columns[4].name, "display_name");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn snapshot(connection: &Connection) -> rusqlite::Result<Schema> {
    let mut schema = Schema::default();
    let mut statement = connection.prepare(
        "SELECT type, name, coalesce(sql, '') FROM sqlite_master \
         WHERE type <> 'index' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (kind, name, sql): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if kind == "table" {
            let table = table(connection, &name, &sql)?;
            schema.tables.insert(name, table);
        } else {
            schema.others.insert(name, even(&sql));
        }
    }
    Ok(schema)
}

fn table(connection: &Connection, name: &str, sql: &str) -> rusqlite::Result<Table> {
    let mut statement = connection.prepare_cached(
        "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1) ORDER BY cid",
    )?;
    let columns = statement.query_map([name], |row| {
        Ok(Column {
            name: row.get(0)?,
            declared: row.get(1)?,
            not_null: row.get(2)?,
            default: row.get(3)?,
            key: row.get(4)?,
            hidden: row.get(5)?,
        })
    })?;
    let columns = columns.collect::<Result<_, _>>()?;

    let mut indexes = BTreeSet::new();
    let mut statement =
        connection.prepare_cached("SELECT name, \"unique\", origin, partial FROM pragma_index_list(?1)")?;
    let mut rows = statement.query([name])?;
    while let Some(row) = rows.next()? {
        let index: String = row.get(0)?;
        let mut statement =
            connection.prepare_cached("SELECT name FROM pragma_index_info(?1) ORDER BY seqno")?;
        let columns = statement.query_map([&index], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let origin: String = row.get(2)?;
        indexes.insert(Index {
            name: (origin == "c").then_some(index),
            unique: row.get(1)?,
            origin,
            partial: row.get(3)?,
            columns,
        });
    }

    let mut keys: BTreeMap<i64, ForeignKey> = BTreeMap::new();
    let mut statement = connection.prepare_cached(
        "SELECT id, \"table\", \"from\", \"to\", on_update, on_delete FROM pragma_foreign_key_list(?1) ORDER BY id, seq",
    )?;
    let mut rows = statement.query([name])?;
    while let Some(row) = rows.next()? {
        let fresh =
            ForeignKey { parent: row.get(1)?, columns: Vec::new(), actions: (row.get(4)?, row.get(5)?) };
        keys.entry(row.get(0)?).or_insert(fresh).columns.push((row.get(2)?, row.get(3)?));
    }
    let constraints = constraints(sql);
    Ok(Table { columns, indexes, foreign_keys: keys.into_values().collect(), constraints })
}

/// The constraints in the text of a table.
fn constraints(sql: &str) -> BTreeSet<String> {
    let starts = |part: &str| {
        let word: String = part.chars().take_while(char::is_ascii_alphabetic).collect();
        ["CONSTRAINT", "CHECK", "UNIQUE", "PRIMARY", "FOREIGN"].contains(&word.to_ascii_uppercase().as_str())
    };
    let parts = parts(sql).into_iter().map(|part| even(&part));
    parts.filter(|part| starts(part) || part.to_ascii_uppercase().contains(" CHECK ")).collect()
}

/// The items between the outer parentheses, cut at the commas that lie in no other parentheses, quotes or comments.
fn parts(sql: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let (mut depth, mut quote) = (0_u32, None);
    let mut chars = sql.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\n', Some('-')) => quote = None,
            (_, Some('-')) => continue,
            (c, Some(end)) if c == end => quote = None,
            ('-', None) if chars.peek() == Some(&'-') => {
                quote = Some('-');
                continue;
            }
            ('\'' | '"' | '`', None) => quote = Some(c),
            ('[', None) => quote = Some(']'),
            ('(', None) => {
                depth += 1;
                if depth == 1 {
                    continue;
                }
            }
            (')', None) => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    break;
                }
            }
            (',', None) if depth == 1 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            _ => {}
        }
        if depth > 0 {
            part.push(c);
        }
    }
    parts.push(part);
    parts
}

/// Blanks evened out: one between words, none inside parentheses.
fn even(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace("( ", "(").replace(" )", ")").replace(" (", "(").replace('(', " (")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_are_found_whatever_surrounds_them() {
        let text = "CREATE TABLE \"t\" (\n\ta INTEGER, -- CHECK (no), not this\n b TEXT CHECK(b IN ('x, y', ')')),\n\
                    CONSTRAINT \"c, d\" UNIQUE ( a,b ),\n  PRIMARY KEY(a)\n)";
        let found: Vec<String> = constraints(text).into_iter().collect();
        let expected =
            ["CONSTRAINT \"c, d\" UNIQUE (a,b)", "PRIMARY KEY (a)", "b TEXT CHECK (b IN ('x, y', ')'))"];
        assert_eq!(found, expected);
    }

    #[test]
    fn every_difference_shows() {
        let shape = |sql: &str| {
            let connection = Connection::open_in_memory().unwrap();
            connection.execute_batch(sql).unwrap();
            snapshot(&connection).unwrap()
        };
        let plain = shape("CREATE TABLE t (a TEXT NOT NULL, b INTEGER, PRIMARY KEY (a))");
        assert_eq!(plain, shape("CREATE TABLE 't' (a TEXT NOT NULL,\n\t b INTEGER, PRIMARY KEY(a) )"));
        for other in [
            "CREATE TABLE t (a TEXT, b INTEGER, PRIMARY KEY (a))",
            "CREATE TABLE t (a VARCHAR NOT NULL, b INTEGER, PRIMARY KEY (a))",
            "CREATE TABLE t (b INTEGER, a TEXT NOT NULL, PRIMARY KEY (a))",
            "CREATE TABLE t (a TEXT NOT NULL, b INTEGER DEFAULT 1, PRIMARY KEY (a))",
            "CREATE TABLE t (a TEXT NOT NULL, b INTEGER, PRIMARY KEY (a), UNIQUE (b))",
            "CREATE TABLE t (a TEXT NOT NULL, b INTEGER, PRIMARY KEY (a), CHECK (b > 0))",
            "CREATE TABLE t (a TEXT NOT NULL, b INTEGER REFERENCES t (a), PRIMARY KEY (a))",
            "CREATE TABLE t (a TEXT NOT NULL, b INTEGER, PRIMARY KEY (a)); CREATE INDEX i ON t (b)",
            "CREATE TABLE t (a TEXT NOT NULL, b INTEGER, PRIMARY KEY (a)); CREATE VIEW v AS SELECT a FROM t",
        ] {
            assert_ne!(plain, shape(other), "{other}");
        }
    }
}

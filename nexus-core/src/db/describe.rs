//! What every table and column of the database means: the one source of `docs/database.md`, of the
//! entity diagram, and of nothing else. A test holds it against the real schema.
//!
//! ```
//! use nexus_core::db::describe;
//!
//! let table = describe::table("session_log").expect("described");
//! let status = table.column("record_status").expect("described");
//! assert_eq!(status.allowed.words()[0], "COMPLETED");
//! assert!(describe::mermaid().starts_with("erDiagram\n"));
//! ```

mod bookkeeping;
mod markdown;
mod mermaid;
mod own;
mod shared;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub use markdown::markdown;
pub use mermaid::mermaid;

/// Whose table it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// The tables that nexus and NexusLIMS share: the same shape and the same values for both.
    Shared,
    /// What nexus remembers for itself, in tables named `nexus_*`.
    Own,
    /// Which migrations have been applied.
    Bookkeeping,
}

impl Group {
    /// All groups, in the order of the document.
    pub const ALL: [Self; 3] = [Self::Shared, Self::Own, Self::Bookkeeping];
}

/// A table.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Whose it is.
    pub group: Group,
    /// What a row is, in full sentences.
    pub about: &'static str,
    /// Its columns, in the order of the schema.
    pub columns: &'static [Column],
    /// Sets of columns that no two rows share, besides the primary key.
    pub unique: &'static [&'static [&'static str]],
    /// Its indexes, besides those that SQLite makes for the keys.
    pub indexes: &'static [Index],
    /// Which tables its rows refer to.
    pub references: &'static [Reference],
}

impl Table {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The names of the primary key's columns, in their order.
    pub fn primary_key(&self) -> Vec<&'static str> {
        self.columns.iter().filter(|column| column.key).map(|column| column.name).collect()
    }
}

/// A column.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// The type that the schema declares. SQLite does not enforce lengths.
    pub sql_type: &'static str,
    /// Whether it may be null.
    pub null: bool,
    /// Whether it belongs to the primary key.
    pub key: bool,
    /// The value the schema gives when a row does not, as SQL.
    pub default: Option<&'static str>,
    /// The words it may hold, if they are a closed list.
    pub allowed: Allowed,
    /// What it means: unit, time zone, and what null says.
    pub about: &'static str,
}

impl Column {
    const fn new(name: &'static str, sql_type: &'static str, about: &'static str) -> Self {
        Self { name, sql_type, null: false, key: false, default: None, allowed: Allowed::Anything, about }
    }

    /// It may be null.
    const fn nullable(self) -> Self {
        Self { null: true, ..self }
    }

    /// It belongs to the primary key.
    const fn key(self) -> Self {
        Self { key: true, ..self }
    }

    /// The schema gives this value when a row does not.
    const fn default(self, sql: &'static str) -> Self {
        Self { default: Some(sql), ..self }
    }

    /// The database refuses any other word.
    const fn checked(self, words: &'static [&'static str]) -> Self {
        Self { allowed: Allowed::Checked(words), ..self }
    }

    /// The programs write no other word; the database does not check it.
    const fn written(self, words: &'static [&'static str]) -> Self {
        Self { allowed: Allowed::Written(words), ..self }
    }
}

/// The words that a column may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Allowed {
    /// No closed list.
    Anything,
    /// The database refuses all others.
    Checked(&'static [&'static str]),
    /// Only these are written, but the database accepts others.
    Written(&'static [&'static str]),
}

impl Allowed {
    /// The words; none where there is no closed list.
    pub fn words(&self) -> &'static [&'static str] {
        match self {
            Self::Anything => &[],
            Self::Checked(words) | Self::Written(words) => words,
        }
    }
}

/// An index.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Index {
    /// Its name.
    pub name: &'static str,
    /// The columns it sorts by.
    pub columns: &'static [&'static str],
}

/// A column whose values are keys of another table.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Reference {
    /// The column of this table.
    pub column: &'static str,
    /// The other table.
    pub table: &'static str,
    /// Its column.
    pub to: &'static str,
    /// Whether the schema declares it as a foreign key; otherwise it holds by what the programs write.
    pub declared: bool,
}

/// All tables, by group and in the order of the document.
pub fn tables() -> impl Iterator<Item = &'static Table> {
    shared::TABLES.iter().chain(own::TABLES).chain(bookkeeping::TABLES)
}

/// The table of that name.
pub fn table(name: &str) -> Option<&'static Table> {
    tables().find(|table| table.name == name)
}

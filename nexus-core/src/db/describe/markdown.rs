//! The tables as a document: `docs/database.md`.

use std::fmt::Write as _;

use super::{Allowed, Column, Group, Table, mermaid, tables};

const HEAD: &str = "\
# The database

<!-- Written by `cargo run -- db diagram --markdown > docs/database.md`.
     Do not edit it here: the text comes from nexus-core/src/db/describe/. -->

One SQLite file holds everything that must not be lost. The file alone is the whole database: nexus keeps the
rollback journal and never switches to a write-ahead log, so a copy made while nothing runs is complete.

Times in the shared tables are ISO 8601 text with the offset of the place they come from, and six digits of
fraction or none. A time without an offset is wall-clock time in the zone of the session's instrument. Times in
the tables of nexus are UTC text of one width, `2024-03-05T16:10:00.125000Z`, so that they sort as text.

No column of the shared tables has a default value, and nothing in the tables of nexus refers to the shared ones
by foreign key, trigger, view or index: NexusLIMS rebuilds its tables when it migrates, and would break them or
lose them. Foreign keys that are declared are not enforced, as in NexusLIMS.
";

const DIAGRAM: &str = "
## Diagram

A solid line is a foreign key of the schema. A dotted line holds by what the programs write.
";

/// The whole document, ending with one line feed.
pub fn markdown() -> String {
    let mut text = String::from(HEAD);
    let _ = write!(text, "{DIAGRAM}\n```mermaid\n{}```\n", mermaid());
    for group in Group::ALL {
        let (heading, about) = opening(group);
        let _ = write!(text, "\n## {heading}\n\n{about}\n");
        for entity in tables().filter(|entity| entity.group == group) {
            section(&mut text, entity);
        }
    }
    text
}

fn opening(group: Group) -> (&'static str, &'static str) {
    match group {
        Group::Shared => (
            "Shared tables",
            "NexusLIMS reads and writes the same tables with the same values. Their shape is that of revision \
             `v2_5_0b`, and only `nexus db upgrade` and `nexus db downgrade` change it.",
        ),
        Group::Own => (
            "Tables of nexus",
            "NexusLIMS does not know these. They are added by the first command that writes, and later versions \
             only ever add to them.",
        ),
        Group::Bookkeeping => ("Bookkeeping", "Which migrations have been applied."),
    }
}

fn section(text: &mut String, entity: &Table) {
    let _ = write!(text, "\n### {}\n\n{}\n\n", entity.name, entity.about);
    text.push_str("| column | type | null | default | meaning |\n|---|---|---|---|---|\n");
    for column in entity.columns {
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} |",
            column.name,
            column.sql_type,
            if column.null { "yes" } else { "no" },
            column.default.map_or_else(String::new, |sql| format!("`{sql}`")),
            meaning(column).replace('|', "\\|")
        );
    }
    text.push('\n');
    let _ = writeln!(text, "- Primary key: {}.", names(&entity.primary_key()));
    for set in entity.unique {
        let _ = writeln!(text, "- Unique: {}.", names(set));
    }
    for index in entity.indexes {
        let _ = writeln!(text, "- Index `{}`: {}.", index.name, names(index.columns));
    }
    for reference in entity.references {
        let kind = if reference.declared { "Foreign key" } else { "Refers, without a foreign key" };
        let _ = writeln!(text, "- {kind}: `{}` → `{}.{}`.", reference.column, reference.table, reference.to);
    }
}

fn meaning(column: &Column) -> String {
    let words = column.allowed.words().iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    match column.allowed {
        Allowed::Anything => column.about.to_owned(),
        Allowed::Checked(_) => format!("{} One of {words}; the database refuses others.", column.about),
        Allowed::Written(_) => format!("{} One of {words}.", column.about),
    }
}

fn names(columns: &[&str]) -> String {
    columns.iter().map(|column| format!("`{column}`")).collect::<Vec<_>>().join(", ")
}

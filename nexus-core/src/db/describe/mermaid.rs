//! The tables as a Mermaid entity diagram.

use std::fmt::Write as _;

use super::{Allowed, Column, Reference, Table, table, tables};

/// All tables with their columns and what they mean, and how they refer to each other, as Mermaid
/// `erDiagram` text. A solid line is a foreign key of the schema, a dotted one holds by what the
/// programs write.
pub fn mermaid() -> String {
    let mut text = String::from("erDiagram\n");
    for entity in tables() {
        for reference in entity.references {
            relation(&mut text, entity, reference);
        }
    }
    for entity in tables() {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "    {} {{", entity.name);
        for column in entity.columns {
            let keys = keys(entity, column);
            let gap = if keys.is_empty() { "" } else { " " };
            let _ = writeln!(
                text,
                "        {} {}{gap}{keys} \"{}\"",
                column.sql_type,
                column.name,
                comment(column)
            );
        }
        text.push_str("    }\n");
    }
    text
}

fn relation(text: &mut String, entity: &Table, reference: &Reference) {
    let many_there = table(reference.table).is_none_or(|other| !is_unique(other, reference.to));
    let sure = reference.declared && entity.column(reference.column).is_some_and(|column| !column.null);
    let there = match (many_there, sure) {
        (true, _) => "}o",
        (false, true) => "||",
        (false, false) => "|o",
    };
    let here = if is_unique(entity, reference.column) { "o|" } else { "o{" };
    let line = if reference.declared { "--" } else { ".." };
    let _ =
        writeln!(text, "    {} {there}{line}{here} {} : {}", reference.table, entity.name, reference.column);
}

/// Whether no two rows share a value of this column.
fn is_unique(entity: &Table, column: &str) -> bool {
    entity.primary_key() == [column] || entity.unique.contains(&[column].as_slice())
}

fn keys(entity: &Table, column: &Column) -> String {
    let mut keys = Vec::new();
    if column.key {
        keys.push("PK");
    }
    if entity.references.iter().any(|reference| reference.declared && reference.column == column.name) {
        keys.push("FK");
    }
    if entity.unique.contains(&[column.name].as_slice()) {
        keys.push("UK");
    }
    keys.join(", ")
}

/// Mermaid ends a comment at the next double quote and shows back quotes as they are.
fn comment(column: &Column) -> String {
    let mut text = column.about.replace('"', "'").replace('`', "");
    match column.allowed {
        Allowed::Anything => {}
        Allowed::Checked(words) | Allowed::Written(words) => {
            let _ = write!(text, " One of: {}.", words.join(", "));
        }
    }
    if column.null && !text.contains("Null") {
        text.push_str(" May be null.");
    }
    text
}

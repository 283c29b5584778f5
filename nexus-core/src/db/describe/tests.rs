use rusqlite::Connection;

use super::*;
use crate::db::Database;

#[test]
fn every_sentence_is_one() {
    for entity in tables() {
        assert!(entity.about.ends_with('.'), "{}: {}", entity.name, entity.about);
        assert!(!entity.about.contains("  "), "{}: {}", entity.name, entity.about);
        for column in entity.columns {
            let name = format!("{}.{}", entity.name, column.name);
            assert!(column.about.ends_with('.'), "{name}: {}", column.about);
            assert!(!column.about.contains("  "), "{name}: {}", column.about);
        }
    }
}

#[test]
fn references_lead_to_columns_that_are_described() {
    for entity in tables() {
        for reference in entity.references {
            let name = format!("{}.{}", entity.name, reference.column);
            assert!(entity.column(reference.column).is_some(), "{name}");
            let other = table(reference.table).unwrap_or_else(|| panic!("{name}: {}", reference.table));
            assert!(other.column(reference.to).is_some(), "{name}: {}.{}", reference.table, reference.to);
        }
    }
}

/// What the description says of a table's shape, a fact a line.
fn described(entity: &Table) -> Vec<String> {
    let mut facts = Vec::new();
    let primary = entity.primary_key();
    for column in entity.columns {
        let key = primary.iter().position(|name| *name == column.name).map_or(0, |at| at + 1);
        facts.push(format!(
            "column {} {} null={} default={:?} key={key}",
            column.name, column.sql_type, column.null, column.default
        ));
    }
    let mut sets: Vec<_> = entity.unique.iter().map(|set| format!("unique {}", set.join(","))).collect();
    sets.sort();
    facts.extend(sets);
    let mut indexes: Vec<_> = entity
        .indexes
        .iter()
        .map(|index| format!("index {} {}", index.name, index.columns.join(",")))
        .collect();
    indexes.sort();
    facts.extend(indexes);
    for reference in entity.references.iter().filter(|reference| reference.declared) {
        facts.push(format!("foreign key {} -> {}.{}", reference.column, reference.table, reference.to));
    }
    let mut checks: Vec<_> = entity
        .columns
        .iter()
        .filter_map(|column| match column.allowed {
            Allowed::Checked(words) => Some(format!("{} IN ('{}')", column.name, words.join("', '"))),
            _ => None,
        })
        .collect();
    checks.sort();
    facts.extend(checks);
    facts
}

/// The same facts, read from the database.
fn real(conn: &Connection, entity: &str) -> Vec<String> {
    let mut facts = rows(
        conn,
        "SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_xinfo(?1)",
        entity,
        |row| {
            let (name, sql_type): (String, String) = (row.get(0)?, row.get(1)?);
            let (not_null, default, key): (bool, Option<String>, i64) =
                (row.get(2)?, row.get(3)?, row.get(4)?);
            Ok(format!("column {name} {sql_type} null={} default={default:?} key={key}", !not_null))
        },
    );
    let columns =
        "(SELECT group_concat(name) FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno))";
    let sets = format!(
        "SELECT 'unique ' || {columns} AS fact FROM pragma_index_list(?1) i WHERE origin = 'u' ORDER BY fact"
    );
    facts.extend(rows(conn, &sets, entity, |row| row.get(0)));
    let indexes = format!(
        "SELECT 'index ' || i.name || ' ' || {columns} AS fact FROM pragma_index_list(?1) i WHERE origin = 'c' ORDER BY fact"
    );
    facts.extend(rows(conn, &indexes, entity, |row| row.get(0)));
    let keys = "SELECT 'foreign key ' || \"from\" || ' -> ' || \"table\" || '.' || \"to\" FROM pragma_foreign_key_list(?1)";
    facts.extend(rows(conn, keys, entity, |row| row.get(0)));
    facts.extend(checks(conn, entity));
    facts
}

/// The `column IN (…)` conditions of a table; SQLite has no pragma for them.
fn checks(conn: &Connection, entity: &str) -> Vec<String> {
    let sql: String =
        conn.query_row("SELECT sql FROM sqlite_master WHERE name = ?1", [entity], |row| row.get(0)).unwrap();
    let mut found: Vec<_> = sql
        .split("CHECK")
        .skip(1)
        .map(|rest| {
            let open = rest.find('(').unwrap();
            let close = rest.find("')").unwrap();
            rest[open + 1..close + 2].split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect();
    found.sort();
    found
}

fn rows(
    conn: &Connection,
    sql: &str,
    entity: &str,
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<String>,
) -> Vec<String> {
    conn.prepare(sql).unwrap().query_map([entity], read).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn descriptions_agree_with_the_schema() {
    let database = Database::in_memory().unwrap();
    let conn = database.read();

    let mut names: Vec<_> = tables().map(|entity| entity.name.to_owned()).collect();
    names.sort();
    let sql =
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE ?1 ORDER BY name";
    assert_eq!(names, rows(conn, sql, "sqlite_%", |row| row.get(0)));

    for entity in tables() {
        assert_eq!(described(entity), real(conn, entity.name), "{}", entity.name);
    }
}

#[test]
fn the_document_is_the_one_in_docs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/database.md");
    let on_disk = std::fs::read_to_string(path).unwrap();
    assert!(
        on_disk == markdown(),
        "docs/database.md is not what the descriptions give: run `cargo run -- db diagram --markdown > docs/database.md`"
    );
}

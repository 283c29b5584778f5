//! The migration files themselves.

use crate::db::Database;
use crate::db::chain::{MigrationFile, OWN, PEER};
use crate::db::peer::Revision;
use crate::db::schema::snapshot;

/// The statements of a file, without comments.
fn statements(sql: &str) -> Vec<String> {
    let code: Vec<&str> = sql.lines().filter(|line| !line.starts_with("--")).collect();
    let code = code.join("\n");
    code.split(';').map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

fn last(sql: &str) -> String {
    statements(sql).pop().unwrap()
}

#[test]
fn every_revision_has_a_file_that_names_it_chains_and_ends_by_moving_the_version() {
    assert_eq!(PEER.files.len(), Revision::ALL.len());
    for revision in Revision::ALL {
        let file: &MigrationFile = revision.file().unwrap();
        assert!(
            file.stem.starts_with(&format!("V{:04}__{revision}_", revision.version())),
            "{} is called otherwise",
            file.stem
        );
        assert_eq!(file.header("revision"), Some(revision.as_str()), "{}", file.stem);
        let before = revision.down().map_or("none", Revision::as_str);
        assert_eq!(file.header("revises"), Some(before), "{}", file.stem);
        assert!(!revision.title().is_empty(), "{} has no title", file.stem);

        let down = file.down.unwrap_or_else(|| panic!("{} has no undo", file.stem));
        assert!(
            down.starts_with(&format!("-- undoes: {revision}\n-- returns to: {before}\n")),
            "{}",
            file.stem
        );
        let (up, down) = (last(file.up), last(down));
        match revision.down() {
            None => {
                assert_eq!(up, format!("INSERT INTO alembic_version (version_num) VALUES ('{revision}')"));
                assert_eq!(down, format!("DELETE FROM alembic_version WHERE version_num = '{revision}'"));
            }
            Some(before) => {
                let set = "UPDATE alembic_version SET version_num =";
                assert_eq!(up, format!("{set} '{revision}' WHERE version_num = '{before}'"));
                assert_eq!(down, format!("{set} '{before}' WHERE version_num = '{revision}'"));
            }
        }
    }
}

#[test]
fn a_line_with_carriage_return_would_change_the_checksums() {
    for file in PEER.files.iter().chain(OWN.files) {
        assert!(!file.up.contains('\r') && !file.down.unwrap_or_default().contains('\r'), "{}", file.stem);
    }
}

#[test]
fn our_own_chain_is_numbered_from_one_and_touches_no_table_but_ours() {
    for (file, number) in OWN.files.iter().zip(1..) {
        assert_eq!(file.version, number, "{}", file.stem);
        for statement in statements(file.up) {
            let lower = statement.to_lowercase();
            let plain = !["trigger", "view", "references", "strict", "generated"]
                .iter()
                .any(|word| lower.contains(word));
            assert!(plain, "{}: {statement}", file.stem);
            for table in
                ["instruments", "session_log", "upload_log", "external_user_identifiers", "alembic_version"]
            {
                let named =
                    lower.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == table);
                assert!(!named, "{}: {statement}", file.stem);
            }
        }
    }
}

#[test]
fn our_own_chain_goes_up_down_and_up_again() {
    let mut database = Database::in_memory().unwrap();
    let own =
        |database: &Database| snapshot(database.read()).unwrap().only(|name| name.starts_with("nexus_"));
    let shape = own(&database);
    let transaction = database.transaction().unwrap();
    for file in OWN.files.iter().rev() {
        transaction.execute_batch(file.down.unwrap_or_else(|| panic!("{} has no undo", file.stem))).unwrap();
    }
    transaction.commit().unwrap();
    assert_eq!(own(&database).tables.keys().collect::<Vec<_>>(), ["nexus_schema_history"]);
    database.read().execute("DELETE FROM nexus_schema_history", []).unwrap();
    let transaction = database.transaction().unwrap();
    crate::db::own::apply(&transaction).unwrap();
    transaction.commit().unwrap();
    assert_eq!(own(&database), shape);
}

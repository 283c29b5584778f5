//! Opening, and what is refused.

use std::fs;

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_new_database_is_at_the_head_of_both_chains() {
    let folder = folder();
    let path = folder.path().join("nexus.db");
    let made = Database::create(&path).unwrap();
    assert_eq!(made.standing().unwrap(), Standing::At(Revision::HEAD));
    assert_eq!(own::check(made.read()).unwrap(), own::Pending::None);
    made.require_head().unwrap();
    drop(made);
    assert!(matches!(Database::create(&path), Err(DbError::Exists { .. })));
    let database = Database::open(&path, Access::Write).unwrap();
    assert_eq!(database.path(), Some(path.as_path()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing but the file itself");
}

#[test]
fn reading_refuses_to_write() {
    let folder = folder();
    let path = folder.path().join("nexus.db");
    Database::create(&path).unwrap();
    let database = Database::open(&path, Access::Read).unwrap();
    assert!(database.read().execute("INSERT INTO nexus_meta (key, value) VALUES ('a', 'b')", []).is_err());
}

//! The `db` commands of both programs on the same file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use nexus_core::db::{Access, Database};
use nexus_tests::fixtures::{copy_database, testdata};
use nexus_tests::nexus_bin::nexus;
use nexus_tests::peer::Peer;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

/// Oldest first.
const REVISIONS: [&str; 5] = ["v1_4_3", "v2_4_0a", "v2_4_0b", "v2_5_0a", "v2_5_0b"];
const HEAD: &str = "v2_5_0b";

/// One of the two, working on a database by `db …`.
#[derive(Clone, Copy)]
enum Program<'a> {
    Nexus,
    NexusLims(&'a Peer),
}

impl Program<'_> {
    fn db(self, path: &Path, arguments: &[&str]) -> Output {
        let folder = path.parent().unwrap();
        let mut command = match self {
            Self::Nexus => nexus(folder),
            Self::NexusLims(peer) => peer.nexuslims(folder),
        };
        command.arg("db").args(arguments).env("NX_DB_PATH", path).output().unwrap()
    }

    fn succeeds(self, path: &Path, arguments: &[&str]) -> String {
        let output = self.db(path, arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The revision as `current` prints it; `None` for a file without one.
    fn current(self, path: &Path) -> Option<String> {
        let text = self.succeeds(path, &["current"]);
        let revision = text.lines().next().filter(|line| *line != "none");
        revision.map(str::to_owned)
    }

    /// Whether `check` finds nothing to do.
    fn is_up_to_date(self, path: &Path) -> bool {
        let code = self.db(path, &["check"]).status.code();
        let pending = match self {
            Self::Nexus => 4,
            Self::NexusLims(_) => 1,
        };
        assert!(code == Some(0) || code == Some(pending), "{code:?}");
        code == Some(0)
    }
}

/// Both say that the file is at this revision.
fn assert_both_see(peer: &Peer, path: &Path, revision: &str) {
    let shown = if revision == HEAD { format!("{revision} (head)") } else { revision.to_owned() };
    for program in [Program::Nexus, Program::NexusLims(peer)] {
        assert_eq!(program.current(path).as_deref(), Some(shown.as_str()), "{}", path.display());
        assert_eq!(program.is_up_to_date(path), revision == HEAD, "{}", path.display());
    }
}

fn read(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

fn fixtures_folder() -> PathBuf {
    testdata().join("db")
}

fn rows(path: &Path, sql: &str) -> Vec<Vec<Value>> {
    let connection = read(path);
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|index| row.get(index)).collect());
    rows.unwrap().map(Result::unwrap).collect()
}

/// What both programs must keep whatever happens: the session log whole, and the instruments as far as every revision
/// has them.
fn kept_rows(path: &Path) -> [Vec<Vec<Value>>; 2] {
    [
        "SELECT * FROM session_log ORDER BY id_session_log",
        "SELECT instrument_pid, api_url, calendar_url, location, property_tag, filestore_path, harvester, timezone \
         FROM instruments ORDER BY instrument_pid",
    ]
    .map(|sql| rows(path, sql))
}

/// Every object of the shared tables, with its definition reduced to one form: blanks and quotes do not count.
fn schema(path: &Path) -> BTreeMap<String, String> {
    let sql = "SELECT name, coalesce(sql, '') FROM sqlite_master WHERE tbl_name NOT LIKE 'nexus%' \
               AND tbl_name NOT LIKE 'refinery%' AND name NOT LIKE 'sqlite%'";
    let text = |value: &Value| match value {
        Value::Text(text) => text.clone(),
        other => panic!("{other:?} is no text"),
    };
    let reduce = |sql: &str| {
        let letters = sql.chars().filter(|letter| !letter.is_whitespace() && *letter != '"');
        letters.collect::<String>().to_lowercase()
    };
    rows(path, sql).iter().map(|row| (text(&row[0]), reduce(&text(&row[1])))).collect()
}

/// A copy of a fixture in which nexus has worked: its own tables are there, with a row.
fn used_by_nexus(fixture: &str, folder: &Path) -> PathBuf {
    let path = copy_database(fixture, folder);
    let mut database = Database::open(&path, Access::Write).unwrap();
    let transaction = database.transaction().unwrap();
    transaction.execute("INSERT INTO nexus_meta (key, value) VALUES ('here', 'before')", []).unwrap();
    transaction.commit().unwrap();
    path
}

fn assert_our_row_is_there(path: &Path) {
    let found = rows(path, "SELECT value FROM nexus_meta WHERE key = 'here'");
    assert_eq!(found, [[Value::Text("before".into())]]);
}

#[test]
fn both_name_the_same_revision_of_every_file() {
    let Some(peer) = Peer::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let at_revisions = REVISIONS.map(|revision| (revision, revision));
    let downgraded = [("down_v2_5_0a", "v2_5_0a"), ("down_v2_4_0a", "v2_4_0a"), ("down_v1_4_3", "v1_4_3")];
    for (fixture, revision) in at_revisions.into_iter().chain(downgraded).chain([("pre_2_2_upgraded", HEAD)])
    {
        assert_both_see(&peer, &copy_database(fixture, folder.path()), revision);
    }
    for unversioned in ["down_base", "demo", "pre_2_2", "pre_2_2_unstamped"] {
        let path = copy_database(unversioned, folder.path());
        for program in [Program::Nexus, Program::NexusLims(&peer)] {
            assert_eq!(program.current(&path), None, "{unversioned}");
            assert!(!program.is_up_to_date(&path), "{unversioned}");
        }
    }
}

#[test]
fn nexus_upgrades_to_what_nexuslims_upgrades_to() {
    let Some(peer) = Peer::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    for name in ["ours", "theirs"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let ours = copy_database("v1_4_3", &folder.path().join("ours"));
    let theirs = copy_database("v1_4_3", &folder.path().join("theirs"));
    for revision in REVISIONS {
        Program::Nexus.succeeds(&ours, &["upgrade", revision]);
        Program::NexusLims(&peer).succeeds(&theirs, &["upgrade", revision]);
        assert_eq!(schema(&ours), schema(&theirs), "{revision}");
        assert_eq!(kept_rows(&ours), kept_rows(&theirs), "{revision}");
    }
}

/// One step, after which both agree. NexusLIMS says where it came from, so its next step shows what it makes of ours.
fn step(program: Program, path: &Path, direction: &str, from: &str, to: &str) {
    let told = program.succeeds(path, &[direction, to]);
    assert!(told.contains(&format!("{from} -> {to}")), "{told}");
    let shown = if to == HEAD { format!("{to} (head)") } else { to.to_owned() };
    assert_eq!(Program::Nexus.current(path), Some(shown));
}

/// Down to the bottom, one program going down and the other up one step in between, then up again by turns: every
/// revision is reached and left by both.
fn walk(peer: &Peer, first: Program, second: Program) {
    let folder = tempfile::tempdir().unwrap();
    let path = used_by_nexus(HEAD, folder.path());
    let before = kept_rows(&path);
    let whole = || {
        assert_our_row_is_there(&path);
        assert_eq!(kept_rows(&path), before);
    };
    for pair in REVISIONS.windows(2).rev() {
        let (lower, upper) = (pair[0], pair[1]);
        step(first, &path, "downgrade", upper, lower);
        whole();
        step(second, &path, "upgrade", lower, upper);
        whole();
        step(second, &path, "downgrade", upper, lower);
        whole();
    }
    assert_both_see(peer, &path, REVISIONS[0]);
    for (pair, program) in REVISIONS.windows(2).zip([first, second].into_iter().cycle()) {
        step(program, &path, "upgrade", pair[0], pair[1]);
        whole();
    }
    assert_both_see(peer, &path, HEAD);
    // As good as a file that never went down.
    assert_eq!(schema(&path), schema(&fixtures_folder().join(format!("{HEAD}.sqlite"))));
}

#[test]
fn nexus_goes_down_and_up_and_nexuslims_in_between() {
    let Some(peer) = Peer::find() else { return };
    walk(&peer, Program::Nexus, Program::NexusLims(&peer));
}

#[test]
fn nexuslims_goes_down_and_up_and_nexus_in_between() {
    let Some(peer) = Peer::find() else { return };
    walk(&peer, Program::NexusLims(&peer), Program::Nexus);
}

#[test]
fn base_is_base_for_both() {
    let Some(peer) = Peer::find() else { return };
    for (down, up) in
        [(Program::Nexus, Program::NexusLims(&peer)), (Program::NexusLims(&peer), Program::Nexus)]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = used_by_nexus(HEAD, folder.path());
        down.succeeds(&path, &["downgrade", "base"]);
        assert_eq!([down.current(&path), up.current(&path)], [None, None]);
        assert!(!rows(&path, "SELECT name FROM sqlite_master WHERE name = 'alembic_version'").is_empty());
        up.succeeds(&path, &["upgrade"]);
        assert_both_see(&peer, &path, HEAD);
        assert_our_row_is_there(&path);
    }
}

#[test]
fn a_file_from_before_the_revisions_is_stamped_by_either() {
    let Some(peer) = Peer::find() else { return };
    let (nexus, nexuslims) = (Program::Nexus, Program::NexusLims(&peer));
    let cases: [(&str, Program, &[&str], Program); 2] = [
        ("pre_2_2", nexus, &["stamp", "v1_4_3"], nexuslims),
        ("pre_2_2_unstamped", nexuslims, &["alembic", "stamp", "v1_4_3"], nexus),
    ];
    for (fixture, stamping, words, upgrading) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = copy_database(fixture, folder.path());
        let before = kept_rows(&path);
        stamping.succeeds(&path, words);
        step(upgrading, &path, "upgrade", "v1_4_3", HEAD);
        assert_both_see(&peer, &path, HEAD);
        assert_eq!(kept_rows(&path), before);
        assert_eq!(schema(&path), schema(&fixtures_folder().join(format!("{HEAD}.sqlite"))));
    }
}

#[test]
fn a_database_made_by_nexus_is_up_to_date_for_nexuslims() {
    let Some(peer) = Peer::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let [ours, theirs] = ["ours.db", "theirs.db"].map(|name| folder.path().join(name));
    Program::Nexus.succeeds(&ours, &["init"]);
    Program::NexusLims(&peer).succeeds(&theirs, &["init"]);
    assert_both_see(&peer, &ours, HEAD);
    assert_both_see(&peer, &theirs, HEAD);
    assert_eq!(schema(&ours), schema(&theirs));
}

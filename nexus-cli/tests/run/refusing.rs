//! A run that cannot begin: what is said, and that nothing was changed.

use std::fs;

use rusqlite::Connection;

use crate::common::facility::{Facility, SETTINGS, SHARE};

/// Every command that reads the settings of a facility and works on it.
const STEPS: [&str; 4] = ["run", "harvest", "build", "export"];

/// Each step is refused with this code and text, and leaves every file and folder as it was.
#[track_caller]
fn refused(facility: &Facility, code: i32, text: &str) {
    let before = facility.tree();
    for step in STEPS {
        facility.nexus([step]).refused(code, text);
        assert_eq!(facility.tree(), before, "{step}");
    }
}

#[test]
fn settings_that_are_not_there() {
    let facility = Facility::new();
    fs::remove_file(facility.sandbox.path("nexus.toml")).unwrap();
    refused(
        &facility,
        3,
        "error: there is no configuration file `nexus.toml`\n  \
         hint: `nexus init` writes one; `--config FILE` or NEXUS_CONFIG names one that is elsewhere",
    );
}

#[test]
fn an_unknown_key_with_the_right_one_and_its_place() {
    let facility = Facility::new();
    facility.settings("[build]\nfile_dealy = \"2 days\"\n");
    refused(
        &facility,
        3,
        "error: the configuration has a mistake\n\n\
         nexus.toml:15:1: unknown key `file_dealy` in [build]\n   |\n\
         15 | file_dealy = \"2 days\"\n   | ^^^^^^^^^^\n   = help: did you mean `file_delay`?",
    );
}

#[test]
fn an_unknown_key_of_a_plugin_without_its_value() {
    let facility = Facility::new();
    facility.settings("[destinations.share]\nplugin = \"folder\"\npath = \"share\"\nlayuot = \"secret?\"\n");
    refused(
        &facility,
        3,
        "error: the settings in [destinations.share] cannot be used\n\n\
         nexus.toml:17:1: unknown key `layuot` in [destinations.share]\n   |\n\
         17 | layuot = ***\n   | ^^^^^^\n   = help: did you mean `layout`?\n  \
         hint: `nexus config check` checks everything that a run needs",
    );
}

#[test]
fn a_plugin_that_there_is_not_or_that_cannot_be_run() {
    let facility = Facility::new();
    let cases = [
        (
            "plugin = \"fodler\"",
            "there is no destination plugin `fodler`; there are: folder, cdcs, labarchives",
        ),
        ("plugin = \"logbook\"", "plugin `logbook` is a harvester, not a destination"),
        ("command = [\"./share\"]", "there is no program `[DIR]/./share`"),
        (
            "library = \"libshare.so\"",
            "plugin library `[DIR]/libshare.so` cannot be read: No such file or directory (os error 2)",
        ),
        (
            "library = \"none.so\"\nisolation = \"none\"",
            "plugin library `[DIR]/none.so` cannot be read: No such file or directory (os error 2)",
        ),
        (
            "plugin = \"folder\"\nlayout = \"{year}\"",
            "plugin `folder` refuses its settings: settings of the folder: `layout` is `{year}`; its file name must \
             hold {name} or {key} and end in .xml",
        ),
    ];
    for (how, why) in cases {
        let path = if how.contains("folder") { "path = \"share\"\n" } else { "" };
        facility.settings(&format!("[destinations.share]\n{how}\n{path}"));
        let hint = "hint: `nexus config check` checks everything that a run needs";
        refused(&facility, 3, &format!("error: [destinations.share]: {why}\n  {hint}"));
    }
}

#[test]
fn a_secret_that_is_not_there() {
    let facility = Facility::new();
    facility.settings("[destinations.cdcs]\nplugin = \"cdcs\"\ntoken = { env = \"TEST_NO_SUCH_TOKEN\" }\n");
    refused(
        &facility,
        3,
        "error: `destinations.cdcs.token`: the environment variable `TEST_NO_SUCH_TOKEN` is not set\n  \
         hint: `nexus config check` checks everything that a run needs",
    );
}

#[test]
fn all_plugins_that_are_wrong_are_told_together() {
    let facility = Facility::new();
    facility.settings("[destinations.a]\nplugin = \"one\"\n[destinations.b]\nplugin = \"two\"\n");
    refused(
        &facility,
        3,
        "error: [destinations.a]: there is no destination plugin `one`; there are: folder, cdcs, labarchives\n\
         [destinations.b]: there is no destination plugin `two`; there are: folder, cdcs, labarchives\n  \
         hint: `nexus config check` checks everything that a run needs",
    );
}

#[test]
fn a_database_that_is_missing_or_no_database() {
    let facility = Facility::with_two_sessions();
    let path = facility.sandbox.path("nexus.db");
    fs::remove_file(&path).unwrap();
    let text =
        "error: database `[DIR]/nexus.db` does not exist; make one with `nexus db init`, or correct the path";
    for step in STEPS {
        facility.nexus([step]).refused(6, text);
        assert!(!path.exists());
    }
    fs::write(&path, "this is a text, long enough to be looked at").unwrap();
    for step in STEPS {
        facility.nexus([step]).refused(
            6,
            "error: `[DIR]/nexus.db` is not a SQLite database: file is not a database; check the path, or restore a \
             backup",
        );
    }
    assert_eq!(fs::read(&path).unwrap(), b"this is a text, long enough to be looked at");
}

#[test]
fn a_database_at_an_older_or_a_newer_revision() {
    let facility = Facility::with_two_sessions();
    let path = facility.sandbox.path("nexus.db");
    let case = |fixture: &str, sql: &str, text: &str| {
        fs::copy(facility.sandbox.fixture(fixture), &path).unwrap();
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let before = fs::read(&path).unwrap();
        for step in STEPS {
            facility.nexus([step]).refused(6, text);
            assert!(fs::read(&path).unwrap() == before, "{step} changed {fixture}");
        }
    };
    case(
        "v2_4_0b.sqlite",
        "",
        "error: database `[DIR]/nexus.db` is at revision v2_4_0b, v2_5_0b is needed; run `nexus db upgrade`",
    );
    case(
        "down_base.sqlite",
        "",
        "error: database `[DIR]/nexus.db` is empty; run `nexus db upgrade` to make its tables",
    );
    case(
        "v2_5_0b.sqlite",
        "UPDATE alembic_version SET version_num = 'v9_9_9'",
        "error: database `[DIR]/nexus.db` is at revision `v9_9_9`, which this program does not know (it knows up to \
         v2_5_0b); the file is newer than this program or not of this kind: install a newer nexus, or restore a backup",
    );
}

#[test]
fn folders_that_are_away() {
    let facility = Facility::with_two_sessions();
    let instruments = facility.sandbox.path("instruments");
    fs::rename(&instruments, facility.sandbox.path("away")).unwrap();
    refused(
        &facility,
        6,
        "error: folder `[DIR]/instruments` ([storage] instrument_data) is not there: is the share mounted?",
    );
    fs::rename(facility.sandbox.path("away"), &instruments).unwrap();
    fs::remove_dir_all(facility.sandbox.path("data")).unwrap();
    refused(&facility, 6, "error: folder `[DIR]/data` ([storage] data) is not there: is the share mounted?");
    facility.sandbox.write("data", "a file");
    refused(&facility, 6, "error: `[DIR]/data` ([storage] data) is no folder");
}

#[test]
fn a_command_line_that_cannot_be_understood() {
    let facility = Facility::new();
    for args in [&["run", "--fast"][..], &["runn"], &[]] {
        let outcome = facility.nexus(args).code(2);
        assert_eq!(outcome.stdout, "");
        assert!(outcome.stderr.contains("Usage: nexus"), "{}", outcome.stderr);
    }
}

#[test]
fn settings_are_found_from_anywhere() {
    let facility = Facility::with_two_sessions();
    let elsewhere = facility.sandbox.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::rename(facility.sandbox.path("nexus.toml"), facility.sandbox.path("own.toml")).unwrap();
    assert_eq!(fs::read_to_string(facility.sandbox.path("own.toml")).unwrap(), format!("{SETTINGS}{SHARE}"));
    let run = |args: &[&str], variable: Option<&str>| {
        let mut command = facility.sandbox.command(args);
        command.current_dir(&elsewhere);
        if let Some(path) = variable {
            command.env("NEXUS_CONFIG", path);
        }
        facility.sandbox.finish(&mut command)
    };
    run(&["run"], None).code(3);
    run(&["run", "--quiet", "--config", "../own.toml"], None).done();
    assert_eq!(facility.files("share").len(), 4, "paths start at the folder of the file");
    run(&["status"], Some("../own.toml")).done();
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}

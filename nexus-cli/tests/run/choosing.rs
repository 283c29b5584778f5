//! Which sessions a run takes: some of them, up to a number, of an instrument, of a time.

use serde_json::Value;

use crate::common::facility::{Facility, needs_person};

/// Five sessions on three days; `4` is the first in Denver's evening and on the next day in Berlin.
fn facility() -> Facility {
    let facility = Facility::new();
    facility.log(&[
        "1,TEM,anna,2024-03-04 09:00,2024-03-04 11:00,,yes,",
        "2,SEM,bea,2024-03-04 10:00,2024-03-04 12:00,,yes,",
        "3,TEM,anna,2024-03-05 09:00,2024-03-05 11:00,,yes,",
        "4,SEM,bea,2024-03-05 20:00,2024-03-05 22:00,,yes,",
        "5,TEM,anna,2024-03-07 09:00,2024-03-07 11:00,,no,",
    ]);
    facility
        .save("tem/1.tif", "2024-03-04T09:30:00+01:00")
        .save("sem/2.tif", "2024-03-04T10:30:00-07:00")
        .save("tem/3.tif", "2024-03-05T09:30:00+01:00")
        .save("sem/4.tif", "2024-03-05T20:30:00-07:00");
    facility
}

/// The numbers of the sessions that a report tells of, in order.
fn told(report: &Value) -> Vec<String> {
    let lines = report["sessions"].as_array().unwrap().iter();
    lines.map(|line| line["session"].as_str().unwrap().replace("logbook:lab/", "")).collect()
}

/// What a run with these options takes, in the zone of Denver.
#[track_caller]
fn taken(options: &[&str]) -> Vec<String> {
    let facility = facility();
    let mut command = facility.sandbox.command([&["run", "--json", "--quiet"], options].concat());
    let outcome = facility.sandbox.finish(command.env("TZ", "America/Denver")).code(0);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let taken = told(&report);
    assert_eq!(report["build"]["planned"], taken.len(), "{report:#}");
    let untouched = facility.statuses().into_values().filter(|status| status == "TO_BE_BUILT").count();
    assert_eq!(untouched, 5 - taken.len());
    taken
}

#[test]
fn sessions_are_chosen_by_name_by_instrument_and_by_the_time_they_began() {
    assert_eq!(taken(&[]), ["1", "2", "3", "4", "5"]);
    assert_eq!(taken(&["--session", "logbook:lab/4", "--session", "logbook:lab/1"]), ["1", "4"]);
    assert_eq!(taken(&["--instrument", "SEM"]), ["2", "4"]);
    assert_eq!(taken(&["--instrument", "SEM", "--instrument", "TEM"]).len(), 5);
    assert_eq!(taken(&["--instrument", "TEM", "--session", "logbook:lab/4"]), [""; 0]);
    // A day alone is one of this computer's zone, whole at both ends.
    assert_eq!(taken(&["--since", "2024-03-05"]), ["3", "4", "5"]);
    assert_eq!(taken(&["--since", "2024-03-05", "--until", "2024-03-05"]), ["3", "4"]);
    assert_eq!(taken(&["--until", "2024-03-04"]), ["1", "2"]);
    // 09:00 in Berlin is 01:00 in Denver.
    assert_eq!(taken(&["--since", "2024-03-05T01:00", "--until", "2024-03-05 20:00"]), ["3"]);
    assert_eq!(taken(&["--since", "2024-03-05T09:00:01+01:00", "--until", "2024-03-06T03:00:01Z"]), ["4"]);
}

#[test]
fn a_backlog_is_worked_off_in_pieces() {
    let facility = facility();
    let report = facility.step_with("run", &["--limit", "2"], 0);
    assert_eq!(told(&report), ["1", "2"]);
    assert_eq!(report["build"]["planned"], 5);
    assert_eq!(report["build"]["beyond_limit"], 3);
    assert_eq!(told(&facility.step_with("build", &["--limit", "2"], 0)), ["3", "4"]);
    let text = facility.nexus(["run", "--limit", "0", "--quiet"]).done();
    assert!(
        text.contains("build: 1 to be built = 0 built + ") && text.contains(" + 1 beyond the limit\n"),
        "{text}"
    );
    assert_eq!(told(&facility.run(0)), ["5"]);
    assert_eq!(facility.run(0)["build"]["planned"], 0);
    assert_eq!(facility.column("SELECT count(*) FROM upload_log")[0], 4);
}

#[test]
fn sessions_that_wait_keep_no_other_from_its_turn() {
    let facility = facility();
    std::fs::rename(facility.sandbox.path("instruments/tem"), facility.sandbox.path("away")).unwrap();
    let report = facility.step_with("run", &["--limit", "1"], 4);
    assert_eq!(report["build"]["built"], 1, "{report:#}");
    assert_eq!(facility.status("logbook:lab/2"), "COMPLETED");
}

#[test]
fn what_there_is_not_is_said() {
    let facility = facility();
    facility.nexus(["run", "--instrument", "TEM", "--instrument", "XRD"]).refused(
        2,
        "error: there is no instrument `XRD`\n  hint: `nexus instruments list` shows the identifiers",
    );
    assert_eq!(facility.statuses().len(), 0, "nothing was harvested");
    let report = facility.step_with("run", &["--session", "logbook:lab/1", "--session", "nobody"], 4);
    assert_eq!(
        needs_person(&report),
        ["there is no session nobody: `nexus sessions list` shows the identifiers"]
    );
    assert_eq!(told(&report), ["1"]);
    let report = facility.step_with("run", &["--session", "logbook:lab/1"], 4);
    assert_eq!(
        needs_person(&report),
        [
            "session logbook:lab/1 is COMPLETED: `nexus sessions retry` or `nexus sessions rebuild` asks for it again"
        ]
    );
}

#[test]
fn times_that_are_none_and_times_in_the_wrong_order() {
    let facility = Facility::new();
    let outcome = facility.nexus(["run", "--since", "5.3.2024"]).code(2);
    let expected = "`5.3.2024` is no date and no time; it takes 2024-03-05, 2024-03-05T09:10 or";
    assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
    let outcome = facility.nexus(["build", "--since", "2024-03-05", "--until", "2024-03-04"]).code(2);
    assert!(outcome.stderr.contains("--since takes the earlier moment"), "{}", outcome.stderr);
}

#[test]
fn steps_that_choose_nothing_take_no_choice() {
    let facility = Facility::new();
    for args in [["harvest", "--limit=1"], ["export", "--dry-run"], ["harvest", "--accept-storage"]] {
        let outcome = facility.nexus(args).code(2);
        assert!(outcome.stderr.contains("unexpected argument"), "{}", outcome.stderr);
    }
}

#[test]
fn a_storage_that_has_moved_is_taken_when_somebody_says_so() {
    let facility = facility();
    facility.step_with("run", &["--limit", "1"], 0);
    // As if another file system had been there.
    let database = rusqlite::Connection::open(facility.sandbox.path("nexus.db")).unwrap();
    let (key, text): (String, String) = database
        .query_row("SELECT key, value FROM nexus_meta WHERE value LIKE '%\"kind\"%'", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    let mut known: Value = serde_json::from_str(&text).unwrap();
    for storage in known.as_object_mut().unwrap().values_mut() {
        storage["kind"] = "punched cards".into();
    }
    database.execute("UPDATE nexus_meta SET value = ?2 WHERE key = ?1", [key, known.to_string()]).unwrap();
    drop(database);

    let report = facility.run(4);
    assert_eq!(report["build"]["built"], 0, "{report:#}");
    let told = needs_person(&report).join("\n");
    assert!(told.contains("punched cards") && told.contains("--accept-storage"), "{told}");
    let dry = facility.nexus(["run", "--dry-run", "--accept-storage", "--brief"]).done();
    assert!(dry.contains("of 3 to be built would be: 3 BUILD\n"), "{dry}");
    facility.nexus(["run", "--dry-run"]).code(4);
    assert_eq!(facility.step_with("run", &["--accept-storage"], 0)["build"]["built"], 3);
    assert_eq!(facility.run(0)["build"]["planned"], 0);
}

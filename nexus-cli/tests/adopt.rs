//! `nexus adopt`, over the built program and databases that NexusLIMS made.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::fs::{self, File};
use std::time::SystemTime;

use chrono::DateTime;
use common::facility::Facility;
use serde_json::{Value, json};

const NEMO: &str = "https://nemo.example.org/api/usage_events/?id=";
const OLD: &str = "1f1b2c9e-63a0-4b7e-9f0e-0a1d5a0c000";
/// What NexusLIMS calls the record of the session that it built and could not export.
const UNEXPORTED: &str = "2026-02-03_Linden-SEM-222222_107.xml";

/// A facility that NexusLIMS worked for: a folder takes the place of its CDCS, a log that of its NEMO.
fn facility() -> Facility {
    let facility = Facility::new();
    fs::copy(facility.sandbox.fixture("v2_5_0b.sqlite"), facility.sandbox.path("nexus.db")).unwrap();
    let settings = common::facility::SETTINGS.replace(
        "[\"TEM\", \"SEM\"]",
        "[\"Borealis-TEM-012345\", \"Linden-SEM-222222\", \"Monsoon-SEM-333333\", \"Island-FIB-444444\", \"Old-TEM-555555\"]",
    );
    let settings = format!("{settings}[destinations.cdcs]\nplugin = \"folder\"\npath = \"share\"\n");
    facility.sandbox.write("nexus.toml", settings);
    // One session of its backlog can be built.
    facility.sandbox.write(
        "usage.csv",
        "id,instrument,user,start,end,consent,session\n\
         1,Linden-SEM-222222,k.ito,2021-08-03 10:00,2021-08-03 12:00,yes,1f1b2c9e-63a0-4b7e-9f0e-0a1d5a0c0007\n",
    );
    let at: SystemTime = DateTime::parse_from_rfc3339("2021-08-03T11:00:00+02:00").unwrap().into();
    let path = facility.sandbox.write("instruments/Linden/image.tif", "image");
    File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
    facility
}

#[test]
fn a_run_refuses_a_database_with_history_and_changes_nothing() {
    let facility = facility();
    let path = facility.sandbox.path("nexus.db");
    let before = fs::read(&path).unwrap();
    for step in ["run", "harvest", "build", "export"] {
        facility.nexus([step]).refused(
            4,
            "error: the database holds 22 sessions of another program, and was not adopted: nothing was changed\n  \
             hint: look at `nexus adopt --dry-run`, then run `nexus adopt`",
        );
        assert!(fs::read(&path).unwrap() == before, "{step} changed the database");
    }
    assert!(facility.files("share").is_empty());
}

#[test]
fn a_dry_run_shows_what_is_there_and_changes_nothing() {
    let facility = facility();
    let path = facility.sandbox.path("nexus.db");
    let before = fs::read(&path).unwrap();
    let lines = [
        (1, "sessions BUILT_NOT_EXPORTED"),
        (3, "sessions COMPLETED"),
        (2, "sessions ERROR"),
        (1, "sessions NO_CONSENT"),
        (2, "sessions NO_FILES_FOUND"),
        (1, "sessions NO_RESERVATION"),
        (11, "sessions TO_BE_BUILT"),
        (1, "sessions WAITING_FOR_END"),
        (2, "records already at `cdcs`"),
        (
            1,
            "records already at `labarchives`; this destination is not in the configuration: its records are \
             remembered, nothing is sent there",
        ),
        (
            15,
            "sessions of https://nemo.example.org/api/, which is the address of no harvester: a harvest would bring \
             those of a server that moved once more; put the address under its `aliases` first",
        ),
    ];
    let lines = lines.map(|(count, what)| format!("  {count:>8} {what}\n")).concat();
    let would = "would adopt: 21 sessions, 3 deliveries of NexusLIMS, 0 records to deliver\n  \
                 1 more have no START in the session log, and are left alone\n";
    let undelivered =
        "  1 were built by NexusLIMS and never delivered: `nexus adopt --deliver-missing` delivers them\n";
    let plain = facility.nexus(["adopt", "--dry-run"]).done();
    assert_eq!(plain, format!("not adopted yet\n{lines}{would}{undelivered}"));
    let missing = facility.nexus(["adopt", "--dry-run", "--deliver-missing"]).code(4).stdout;
    let lost = format!("  no record file for session {NEMO}107: it cannot be delivered\n");
    assert!(missing.starts_with(&format!("not adopted yet\n{lines}{would}{lost}")), "{missing}");
    let record = facility.sandbox.write(&format!("data/records/{UNEXPORTED}"), "<Experiment/>");
    let found = facility.nexus(["adopt", "--dry-run", "--deliver-missing"]).done();
    assert!(found.contains(" of NexusLIMS, 1 records to deliver\n"), "{found}");
    fs::remove_file(record).unwrap();
    let json = facility.nexus(["adopt", "--dry-run", "--json"]).json();
    let counts = json["sessions"].as_object().unwrap().values().map(|count| count.as_u64().unwrap());
    let would = |key: &str| json["would"][key].as_u64().unwrap();
    assert_eq!(counts.sum::<u64>(), would("sessions") + would("without_start"), "each counts once: {json:#}");
    assert_eq!(json["adopted_at"], Value::Null);
    assert_eq!(json["sessions"]["TO_BE_BUILT"], 11);
    assert_eq!(json["uploads"], json!({ "cdcs": 2, "labarchives": 1 }));
    assert_eq!(json["not_configured"], json!(["labarchives"]));
    assert_eq!(json["elsewhere"], json!({ "https://nemo.example.org/api/": 15 }));
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn after_adoption_the_backlog_goes_on_and_nothing_is_delivered_twice() {
    let facility = facility();
    let uploads = facility.rows("SELECT * FROM upload_log");
    assert_eq!(
        facility.nexus(["adopt"]).done(),
        "adopted: 21 sessions, 3 deliveries of NexusLIMS, 0 records to deliver\n  \
         1 more have no START in the session log, and are left alone\n  \
         1 were built by NexusLIMS and never delivered: `nexus adopt --deliver-missing` delivers them\n"
    );
    assert_eq!(facility.rows("SELECT * FROM upload_log"), uploads, "the peer's own rows stay as they are");
    let adopted = facility
        .rows("SELECT session_identifier, destination, state, origin FROM nexus_delivery ORDER BY 1, 2");
    let row = |id: String, destination: &str| json!({ "session_identifier": id, "destination": destination, "state": "delivered", "origin": "peer" });
    assert_eq!(
        adopted,
        json!([
            row(format!("{OLD}1"), "cdcs"),
            row(format!("{NEMO}108"), "cdcs"),
            row(format!("{NEMO}108"), "labarchives")
        ])
    );
    // Again: nothing is left to take on.
    assert!(
        facility
            .nexus(["adopt"])
            .done()
            .starts_with("adopted: 0 sessions, 0 deliveries of NexusLIMS, 0 records")
    );
    assert!(facility.nexus(["adopt", "--dry-run"]).done().starts_with("adopted at 20"));

    let report = facility.run(4);
    assert_eq!(report["build"]["built"], 1);
    assert_eq!(report["export"]["cdcs"]["delivered"], 1);
    assert_eq!(facility.status(&format!("{OLD}7")), "COMPLETED");
    let delivered = facility.files("share");
    assert_eq!(delivered.len(), 2, "one record and its side-car: {delivered:?}");
    assert!(delivered[1].starts_with("2021/Linden-SEM-222222/2021-08-03_"), "{delivered:?}");
    for (id, status) in
        [("107", "BUILT_NOT_EXPORTED"), ("108", "COMPLETED"), ("106", "ERROR"), ("104", "NO_CONSENT")]
    {
        assert_eq!(facility.status(&format!("{NEMO}{id}")), status);
    }
    // What cannot be built is named, and nothing else is changed by another run.
    let told = common::facility::needs_person(&report).join("\n");
    for id in ["121", "122", "124", "126"] {
        assert!(told.contains(&format!("session `{NEMO}{id}` cannot be built: ")), "{told}");
    }
    let before = facility.dump_without_heartbeat();
    facility.run(4);
    assert_eq!(facility.dump_without_heartbeat(), before);
    let story = facility.nexus(["sessions", "show", &format!("{NEMO}108")]).done();
    assert!(
        story.contains("labarchives  delivered") && story.contains(", delivered by NexusLIMS"),
        "{story}"
    );
}

#[test]
fn records_that_nexuslims_could_not_export_are_delivered_if_asked_for() {
    let facility = facility();
    let record = "<?xml version='1.0'?><Experiment>of NexusLIMS</Experiment>";

    // Its record is not there.
    let outcome = facility.nexus(["adopt", "--deliver-missing"]).code(4);
    assert_eq!(
        outcome.stdout,
        format!(
            "adopted: 21 sessions, 3 deliveries of NexusLIMS, 0 records to deliver\n  \
             1 more have no START in the session log, and are left alone\n  \
             no record file for session {NEMO}107: it cannot be delivered\n  \
             put the files into the records folder and say it again, or let nexus make new ones: `nexus sessions \
             rebuild ID`, or all 1 with `nexus sessions rebuild --status BUILT_NOT_EXPORTED`\n"
        )
    );
    let status = facility.nexus(["status"]).done();
    assert!(
        status.contains("  of BUILT_NOT_EXPORTED, 1 have no delivery to any destination: `nexus adopt "),
        "{status}"
    );
    facility.run(4);
    assert_eq!(facility.status(&format!("{NEMO}107")), "BUILT_NOT_EXPORTED");

    // It is found again.
    facility.sandbox.write(&format!("data/records/{UNEXPORTED}"), record);
    let json = facility.nexus(["adopt", "--deliver-missing", "--json"]).json();
    assert_eq!(json["to_deliver"], 1);
    assert_eq!(json["records_missing"], json!([]));
    assert_eq!(facility.nexus(["status", "--json"]).json()["undelivered"], 0);
    let report = facility.run(4);
    assert_eq!(report["export"]["cdcs"]["delivered"], 1);
    assert_eq!(facility.status(&format!("{NEMO}107")), "COMPLETED");
    let delivered = facility.sandbox.path("share/2026/Linden-SEM-222222").join(UNEXPORTED);
    assert_eq!(fs::read_to_string(delivered).unwrap(), record, "as it is");
    assert!(facility.files("data/records").contains(&format!("uploaded/{UNEXPORTED}")));
    let rows = format!("SELECT success FROM upload_log WHERE session_identifier = '{NEMO}107' ORDER BY id");
    assert_eq!(facility.column(&rows), [json!(0), json!(0), json!(1)]);
    facility.run(4);
    assert_eq!(facility.column(&rows).len(), 3);
}

#[test]
fn records_of_nexuslims_are_backfilled_as_they_are() {
    let facility = facility();
    facility.nexus(["adopt"]).done();
    let id = format!("{NEMO}107");
    let backfill = ["export", "backfill", "--destination", "cdcs", &id];
    let missing = facility.nexus(backfill).code(4).stdout;
    assert!(
        missing.contains("NexusLIMS built its record, and the file is not in the records folder"),
        "{missing}"
    );
    let record = "<?xml version='1.0'?><Experiment>of NexusLIMS</Experiment>";
    facility.sandbox.write(&format!("data/records/uploaded/{UNEXPORTED}"), record);
    facility.nexus(backfill).done();
    facility.run(4);
    let delivered = facility.sandbox.path("share/2026/Linden-SEM-222222").join(UNEXPORTED);
    assert_eq!(fs::read_to_string(delivered).unwrap(), record);
    assert_eq!(facility.status(&id), "COMPLETED");
}

#[test]
fn a_new_database_needs_no_adoption() {
    let facility = Facility::with_two_sessions();
    assert_eq!(facility.nexus(["adopt", "--dry-run"]).done(), "there is nothing to adopt\n");
    facility.run(0);
    assert_eq!(
        facility.nexus(["adopt"]).done(),
        "adopted: 0 sessions, 0 deliveries of NexusLIMS, 0 records to deliver\n"
    );
}

#[test]
fn a_database_that_cannot_be_used_is_refused() {
    let facility = facility();
    fs::copy(facility.sandbox.fixture("v2_5_0a.sqlite"), facility.sandbox.path("nexus.db")).unwrap();
    for args in [&["adopt"][..], &["adopt", "--dry-run"]] {
        facility.nexus(args).refused(
            6,
            "error: database `[DIR]/nexus.db` is at revision v2_5_0a, v2_5_0b is needed; run `nexus db upgrade`",
        );
    }
    fs::remove_file(facility.sandbox.path("nexus.db")).unwrap();
    facility.nexus(["adopt", "--dry-run"]).refused(
        6,
        "error: database `[DIR]/nexus.db` does not exist; make one with `nexus db init`, or correct the path",
    );
}

/// Address space that a dry run has here, in KiB.
const ROOM: u32 = 250_000;

#[test]
fn a_dry_run_needs_no_memory_for_the_copy_and_leaves_nothing_behind() {
    let facility = facility();
    let fill = "CREATE TABLE ballast AS SELECT zeroblob(300000000) AS of_another_program";
    facility.sql(fill);
    let temporary = facility.sandbox.path("tmp");
    fs::create_dir(&temporary).unwrap();
    let nexus = env!("CARGO_BIN_EXE_nexus");
    let done = std::process::Command::new("sh")
        .args(["-c", &format!("ulimit -v {ROOM} && exec \"$0\" adopt --dry-run"), nexus])
        .current_dir(facility.sandbox.path(""))
        .env("TMPDIR", &temporary)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{said}");
    assert_eq!(said, "");
    assert!(String::from_utf8_lossy(&done.stdout).contains("not adopted yet"));
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
}

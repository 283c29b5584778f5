//! From nothing to COMPLETED, and once more with nothing to do.

use serde_json::{Value, json};

use crate::common::facility::{Facility, line};

const FIRST: &str = "logbook:lab/1";
const RECORD: &str = "2024-03-05_TEM_logbook~3alab~2f1";

#[test]
fn a_run_takes_sessions_from_the_log_to_the_share() {
    let facility = Facility::with_two_sessions();
    let report = facility.run(0);
    assert_eq!(report["harvest"]["log"]["new"], 2);
    assert_eq!(report["build"]["built"], 2);
    assert_eq!(report["export"]["share"]["delivered"], 2);
    assert_eq!(
        line(&report, FIRST),
        &json!({
            "session": FIRST, "instrument": "TEM", "user": "anna", "start": "2024-03-05T09:00:00+01:00",
            "end": "2024-03-05T11:00:00+01:00", "result": "COMPLETED", "detail": RECORD, "files": 1,
            "seconds": line(&report, FIRST)["seconds"].as_f64().unwrap(),
        })
    );

    // The peer's tables: what the log said, as it said it.
    let rows = facility.rows(
        "SELECT instrument, timestamp, event_type, record_status, user FROM session_log
          WHERE session_identifier = 'logbook:lab/1' AND event_type <> 'RECORD_GENERATION' ORDER BY id_session_log",
    );
    let row = |kind: &str, time: &str| json!({ "instrument": "TEM", "timestamp": time, "event_type": kind, "record_status": "COMPLETED", "user": "anna" });
    assert_eq!(rows, json!([row("START", "2024-03-05T09:00:00"), row("END", "2024-03-05T11:00:00")]));
    let generated = facility.rows("SELECT * FROM session_log WHERE event_type = 'RECORD_GENERATION'");
    assert_eq!(generated.as_array().unwrap().len(), 2);
    has_offset(&generated[0]["timestamp"]);

    let upload = &facility.rows("SELECT * FROM upload_log WHERE session_identifier = 'logbook:lab/1'")[0];
    assert_eq!(upload["destination_name"], "share");
    assert_eq!(upload["success"], 1);
    assert_eq!(upload["error_message"], Value::Null);
    has_offset(&upload["timestamp"]);
    let delivery =
        &facility.rows("SELECT * FROM nexus_delivery WHERE session_identifier = 'logbook:lab/1'")[0];
    assert_eq!(delivery["state"], "delivered");
    assert_eq!(delivery["remote_id"], upload["record_id"]);
    assert_eq!(delivery["remote_url"], upload["record_url"]);
    let session = &facility.rows("SELECT * FROM nexus_session WHERE session_identifier = 'logbook:lab/1'")[0];
    assert_eq!(session["content_sha256"], delivery["delivered_sha256"]);
    let metadata: Value = serde_json::from_str(upload["metadata_json"].as_str().unwrap()).unwrap();
    assert_eq!(
        metadata,
        json!({ "key": session["record_key"], "record_sha256": delivery["delivered_sha256"], "attempt": 1, "class": null,
            "target": delivery["target"] })
    );

    // One record per session, put away, and the same bytes on the share.
    let records = ["2024-03-05_TEM_logbook~3alab~2f1.xml", "2024-03-06_SEM_logbook~3alab~2f2.xml"];
    assert_eq!(facility.files("data/records"), records.map(|name| format!("uploaded/{name}")));
    let kept = std::fs::read(facility.sandbox.path(&format!("data/records/uploaded/{RECORD}.xml"))).unwrap();
    let delivered = facility.sandbox.path("share").join(upload["record_id"].as_str().unwrap());
    assert_eq!(std::fs::read(&delivered).unwrap(), kept);
    let side_car: Value =
        serde_json::from_slice(&std::fs::read(delivered.with_extension("json")).unwrap()).unwrap();
    assert_eq!(side_car["session"], FIRST);
    assert_eq!(side_car["key"], session["record_key"]);
    assert_eq!(facility.files("share").len(), 4);
    assert!(facility.files("data/.scratch").is_empty());
}

#[track_caller]
fn has_offset(timestamp: &Value) {
    let text = timestamp.as_str().unwrap();
    assert!(chrono::DateTime::parse_from_rfc3339(text).is_ok(), "{text}");
    assert!(!text.ends_with('Z'), "{text}: the peer writes +00:00");
}

#[test]
fn a_second_run_writes_nothing_but_its_heartbeat() {
    let facility = Facility::with_two_sessions();
    facility.log(&[
        "1,TEM,anna,2024-03-05 09:00,2024-03-05 11:00,Grains,yes,",
        "2,SEM,bea,2024-03-06 10:00,2024-03-06 12:00,Fracture,no,",
        "3,SEM,bea,2024-03-07 10:00,2024-03-07 12:00,No files,yes,",
        "4,SEM,bea,2024-03-08 10:00,,In use,yes,",
    ]);
    facility.run(0);
    let (database, tree) = (facility.dump(), facility.tree());
    let report = facility.run(0);
    assert_eq!(report["run_id"], Value::Null);
    assert_eq!(report["build"]["planned"], 0);
    assert_eq!(facility.tree(), tree);
    let after = facility.dump();
    assert_ne!(after["nexus_meta"], database["nexus_meta"], "no heartbeat");
    let mut without = database.clone();
    without.insert("nexus_meta".to_owned(), after["nexus_meta"].clone());
    assert_eq!(after, without);
    assert_eq!(keys(&after["nexus_meta"]), keys(&database["nexus_meta"]));
}

fn keys(rows: &Value) -> Vec<&Value> {
    rows.as_array().unwrap().iter().map(|row| &row["key"]).collect()
}

#[test]
fn a_person_reads_what_happened_and_that_there_is_nothing_to_do() {
    let facility = Facility::with_two_sessions();
    facility.log(&[
        "1,TEM,anna,2024-03-05 09:00,2024-03-05 11:00,Grains,yes,",
        "2,SEM,bea,2024-03-06 10:00,2024-03-06 12:00,Fracture,no,",
    ]);
    let text = facility.nexus(["run", "--quiet"]).done();
    let (table, counts) = text.split_once("\n\n").unwrap();
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["session", "instrument", "user", "start", "result", "files", "detail"]);
    assert_eq!(lines[1], [FIRST, "TEM", "anna", "2024-03-05", "09:00", "+01:00", "COMPLETED", "1"]);
    assert_eq!(lines[2][..7], ["logbook:lab/2", "SEM", "bea", "2024-03-06", "10:00", "-07:00", "NO_CONSENT"]);
    assert_eq!(
        counts,
        "harvest log: 2 events = 2 new + 0 revised + 0 in use + 0 cancelled + 0 unchanged\n\
         build: 2 to be built = 1 built + 1 no consent + 0 no reservation + 0 no files + 0 error + 0 waiting\n\
         export share: 1 delivered, 0 failed, 0 unknown, 0 due later, 0 stuck\n"
    );
    let again = facility.nexus(["run"]).done();
    assert!(again.ends_with("nothing to do\n"), "{again}");
    assert_eq!(facility.nexus(["run", "--brief"]).done(), again);
}

#[test]
fn every_session_of_a_backlog_is_delivered_once() {
    let facility = Facility::new();
    let mut rows = Vec::new();
    for day in 1..=28 {
        for (hour, pid) in [(8, "TEM"), (14, "TEM"), (20, "SEM")] {
            let (start, zone) = (format!("2024-02-{day:02}"), if pid == "TEM" { "+01:00" } else { "-07:00" });
            rows.push(format!(
                "{day}-{hour},{pid},anna,{start} {hour:02}:00,{start} {:02}:00,,yes,",
                hour + 1
            ));
            facility.save(
                &format!("{}/{day}-{hour}.dm3", pid.to_lowercase()),
                &format!("{start}T{hour:02}:30:00{zone}"),
            );
        }
    }
    facility.log(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    let report = facility.run(0);
    assert_eq!(report["build"]["built"], 84);
    assert_eq!(report["export"]["share"]["delivered"], 84);
    assert!(facility.statuses().values().all(|status| status == "COMPLETED"));
    let once =
        "SELECT count(*) FROM upload_log GROUP BY session_identifier, destination_name HAVING count(*) <> 1";
    assert!(facility.column(once).is_empty());
    assert_eq!(facility.files("share").len(), 84 * 2);
    assert_eq!(facility.files("data/records").len(), 84);
}

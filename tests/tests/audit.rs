//! The proof that no session is missing, over whole facilities: events lost by hand, servers that are away, runs beside it,
//! databases of another program.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "nemo/bench.rs"]
#[allow(dead_code, reason = "shared with the tests of the NEMO plugin")]
mod bench;

use std::collections::BTreeMap;
use std::path::Path;

use bench::{Bench, event, origin};
use chrono::{DateTime, Duration, TimeDelta, Utc};
use nexus_core::audit::{AloneKind, AuditReport, WhyMissing};
use nexus_core::session::RecordStatus;
use nexus_plugin_api::{FailureClass, PluginError, UsageEvent};
use nexus_tests::fake_nemo::{UsageEvent as NemoEvent, questions};
use nexus_tests::lab::{Fault, Lab, tree};
use nexus_tests::nemo_facility::NemoFacility;

fn since() -> DateTime<Utc> {
    Lab::start(0)
}

/// An audit that changes no byte of the facility.
fn audit(lab: &Lab) -> AuditReport {
    let before = tree(lab.folder.path());
    let report = lab.audit(since());
    assert!(before == tree(lab.folder.path()), "a file was changed");
    report
}

fn waiting(report: &AuditReport) -> Vec<(&str, u64)> {
    report.sum.waiting.iter().map(|(reason, count)| (reason.as_str(), *count)).collect()
}

fn missing(report: &AuditReport) -> Vec<(&str, WhyMissing)> {
    report.missing.lines.iter().map(|one| (one.external_id.as_str(), one.why)).collect()
}

const NEXT_RUN: &str = "not harvested yet: the next run brings it";

#[test]
fn from_the_first_look_to_the_last_every_event_has_its_class() {
    let mut lab = Lab::with_destinations(&["a"]).strategy("all");
    lab.destination("b", "");
    lab.sessions([1, 2]);
    lab.harvester.put(UsageEvent { end: None, ..Lab::event(3) });
    lab.harvester.put(UsageEvent { cancelled: true, ..Lab::event(4) });
    let report = audit(&lab);
    assert_eq!((waiting(&report), report.sum.unfinished, report.sum.cancelled), (vec![(NEXT_RUN, 2)], 1, 1));
    assert!(report.accounted_for);
    lab.harvest();
    assert_eq!(waiting(&audit(&lab)), [("not built yet", 2)]);
    lab.servers.server("b").on_deliver("lab-use-2", Some(Fault::Refuse(FailureClass::Permanent)));
    lab.run();
    let report = audit(&lab);
    assert_eq!(waiting(&report), [("built, delivered not everywhere yet", 1)]);
    assert_eq!(report.sum.settled, BTreeMap::from([("COMPLETED".to_owned(), 1)]));
    assert_eq!((report.events, report.accounted_for), (4, true));
    // It ended: asked for by its name, the next run brings it.
    lab.harvester.put(Lab::event(3));
    let report = audit(&lab);
    assert_eq!((report.sum.unfinished, waiting(&report).len()), (0, 2), "{report:?}");
    assert_eq!(report.sum.waiting[NEXT_RUN], 1);
}

#[test]
fn what_its_cursor_has_passed_is_missing_until_its_span_is_read_again() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2]);
    lab.run();
    lab.sessions([3]);
    lab.harvester.pass("3");
    let report = audit(&lab);
    assert_eq!(missing(&report), [("3", WhyMissing::Passed)]);
    assert!(!report.accounted_for && report.not_proved.is_empty());
    let end = Lab::start(3) + TimeDelta::hours(1);
    let minute = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%MZ").to_string();
    let after = end + TimeDelta::minutes(1);
    assert_eq!(
        report.remedy.unwrap(),
        format!("nexus harvest --since {} --until {}", minute(end), minute(after))
    );
    lab.run();
    assert_eq!(lab.status(3), None, "as the audit said");
    let cursors = lab.dump()["nexus_cursor"].clone();
    let counts = &lab.harvest_again(end, Some(after)).harvest[&"lab".into()];
    assert_eq!((counts.new, counts.gone), (1, 0));
    assert_eq!(lab.dump()["nexus_cursor"], cursors);
    lab.run();
    assert_eq!(lab.status(3), Some(RecordStatus::Completed));
    assert!(audit(&lab).accounted_for);
}

#[test]
fn two_events_that_claim_one_session_are_told_apart() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1]);
    lab.run();
    // Told first, and not the owner.
    let twin = UsageEvent { external_id: "0".to_owned(), ..Lab::event(1) };
    lab.harvester.put(twin);
    let report = audit(&lab);
    assert_eq!(missing(&report), [("0", WhyMissing::Claimed)]);
    let detail = &report.missing.lines[0].detail;
    assert!(
        detail.starts_with("its session `lab-use-1` is that of usage event `1` of harvester `lab`"),
        "{detail}"
    );
    assert_eq!(report.remedy, None);
}

#[test]
fn a_partial_answer_and_a_failure_prove_nothing() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2]);
    lab.run();
    lab.harvester.complete(false);
    let report = audit(&lab);
    assert_eq!((report.sum.all_settled(), report.accounted_for), (2, false));
    assert_eq!(report.not_proved[0].instruments.len(), 2);
    assert!(report.not_proved[0].sentence().contains("`LAB-SEM`, `LAB-TEM`: its answer is not complete"));
    // Nobody may say that it is gone.
    lab.harvester.remove("1");
    let report = audit(&lab);
    assert_eq!((report.alone.count(), report.not_judged), (0, 1));
    lab.harvester.complete(true);
    lab.harvester.fail(Some(PluginError::transient("no route").with_hint("look at the cable")));
    let report = audit(&lab);
    assert_eq!((report.events, report.not_judged), (0, 2));
    assert!(report.not_proved[0].why.ends_with("it failed: no route; look at the cable"), "{report:?}");
    lab.harvester.fail(None);
    let report = audit(&lab);
    assert_eq!(report.alone_by_kind, BTreeMap::from([(AloneKind::EventGone, 1)]));
    assert!(report.accounted_for);
}

#[test]
fn a_source_that_tells_of_a_part_of_the_window_only() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2, 5]);
    lab.run();
    lab.harvester.tell_from(Lab::start(5));
    let report = audit(&lab);
    assert_eq!((report.events, report.not_judged, report.alone.count()), (1, 2, 0));
    assert!(
        report.not_proved[0].why.starts_with("it tells nothing of what ended before 2024-03-04 10:00 UTC")
    );
    assert!(!report.accounted_for);
}

#[test]
fn a_source_that_names_the_same_page_again_is_read_once_more_and_no_further() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2]);
    lab.harvester.go_round();
    lab.run();
    let report = audit(&lab);
    assert_eq!((report.harvesters[0].told.rows, report.harvesters[0].told.again), (4, 2));
    assert_eq!((report.events, report.accounted_for), (2, true));
}

/// Rows that somebody else writes into the session log.
fn write(path: &Path, session: &str, number: u32) {
    let connection = rusqlite::Connection::open(path).unwrap();
    for (kind, at) in [("START", Lab::start(number)), ("END", Lab::start(number) + TimeDelta::hours(1))] {
        connection
            .execute(
                "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status, user)
                 VALUES (?1, 'LAB-TEM', ?2, ?3, 'TO_BE_BUILT', 'ada')",
                [session, &at.to_rfc3339(), kind],
            )
            .unwrap();
    }
}

#[test]
fn what_a_run_beside_it_stores_is_found_and_blamed_on_nobody() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([2]);
    lab.run();
    // The source has told; then a run stores the event that was told, and one that was entered since.
    lab.harvester.put(Lab::event(4));
    lab.harvester.pass("4");
    let path = lab.path("nexus.db");
    lab.harvester.meanwhile(move || {
        write(&path, "lab-use-4", 4);
        write(&path, "entered-since", 6);
    });
    let report = lab.audit(since());
    assert_eq!(waiting(&report), [("not built yet", 1)], "{report:?}");
    assert_eq!((report.sum.missing, report.alone.count(), report.accounted_for), (0, 0, true));
    // Later the same session is alone.
    assert_eq!(lab.audit(since()).alone_by_kind, BTreeMap::from([(AloneKind::OtherProgram, 1)]));
}

#[test]
fn a_renamed_harvester_goes_on_with_its_sessions() {
    let mut lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2]);
    lab.run();
    lab.sql("UPDATE nexus_session SET harvester = 'its-old-name'", &[]);
    assert_eq!(audit(&lab).sum.all_settled(), 2);
    lab.harvester.remove("2");
    assert_eq!(audit(&lab).alone_by_kind, BTreeMap::from([(AloneKind::HarvesterGone, 1)]));
    // Its old name is another harvester now: then the event is gone from that one's source.
    lab.source("its-old-name", "plugin = \"scripted\"\ninstruments = []");
    assert_eq!(audit(&lab).alone_by_kind, BTreeMap::from([(AloneKind::EventGone, 1)]));
}

/// A NEMO server with so many events of two tools, of which one is no instrument, and a facility that is through with it.
fn nemo(events: u64) -> (Bench, NemoFacility) {
    let bench = Bench::new();
    let facility = NemoFacility::new(&bench.nemo.api(), &[1]);
    for id in 0..events {
        bench.nemo.put_event(event(id, 1).with_run_data(&questions("Agree", "t")));
        facility.put_file(1, &id.to_string(), event(id, 1).start + Duration::minutes(10));
    }
    bench.nemo.put_event(event(events, 2));
    facility.run();
    (bench, facility)
}

#[test]
fn an_event_of_nemo_that_was_lost_is_found_and_brought_again() {
    // The first ended long before what a harvest reads again.
    let (bench, facility) = nemo(120);
    let report = facility.audit(origin());
    assert_eq!((report.events, report.sum.not_an_instrument, report.sum.all_settled()), (121, 1, 120));
    assert_eq!(report.harvesters[0].outside[0].tool, "Linden SEM");
    assert!(report.accounted_for, "{report:?}");

    let lost = format!("{}usage_events/?id=1", bench.nemo.api());
    for table in ["session_log", "nexus_session", "nexus_delivery", "upload_log"] {
        facility.sql(&format!("DELETE FROM {table} WHERE session_identifier = ?1"), &[&lost]);
    }
    // Within the overlap: the next run reads it again anyway.
    let recent = format!("{}usage_events/?id=118", bench.nemo.api());
    for table in ["session_log", "nexus_session", "nexus_delivery", "upload_log"] {
        facility.sql(&format!("DELETE FROM {table} WHERE session_identifier = ?1"), &[&recent]);
    }
    let report = facility.audit(origin());
    assert_eq!(missing(&report), [("1", WhyMissing::Passed)]);
    assert_eq!(waiting(&report), [(NEXT_RUN, 1)]);
    facility.run();
    assert_eq!(missing(&facility.audit(origin())), [("1", WhyMissing::Passed)], "as it said");
    let cursors = || -> String {
        let sql =
            "SELECT group_concat(harvester || instrument_pid || cursor || checked_at) FROM nexus_cursor";
        facility.database().read().query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let before = cursors();
    let end = event(1, 1).end.unwrap();
    let report = facility.harvest_again(end, Some(end + Duration::minutes(1)));
    assert_eq!(report.harvest[&"nemo-main".into()].new, 1);
    assert_eq!(cursors(), before);
    facility.run();
    let report = facility.audit(origin());
    assert_eq!((report.sum.settled["COMPLETED"], report.accounted_for), (120, true));
}

#[test]
fn a_cursor_that_was_pushed_past_events_is_noticed() {
    let (bench, facility) = nemo(3);
    bench.nemo.put_event(event(10, 1));
    bench.nemo.put_event(NemoEvent { end: None, ..event(11, 1) });
    let cursor = "1 1 2027-12-31T00:00:00.000000Z -";
    assert_eq!(
        facility.sql("UPDATE nexus_cursor SET cursor = ?1 WHERE instrument_pid = 'TOOL-1'", &[cursor]),
        1
    );
    let report = facility.audit(origin());
    assert_eq!(missing(&report), [("10", WhyMissing::Passed)]);
    assert_eq!((report.sum.unfinished, report.sum.all_settled()), (1, 3));
    facility.run();
    assert_eq!(missing(&facility.audit(origin())), [("10", WhyMissing::Passed)]);
}

#[test]
fn a_server_that_is_away_is_not_the_database_s_fault() {
    let (bench, facility) = nemo(3);
    drop(bench);
    let report = facility.audit(origin());
    assert_eq!((report.events, report.not_judged, report.sum.missing), (0, 3, 0));
    assert!(report.harvesters[0].failed.is_some() && !report.accounted_for);
    assert!(report.not_proved[0].why.starts_with("it failed: "), "{report:?}");
}

#[test]
fn a_database_that_nexuslims_made_is_read_as_it_is() {
    let bench = Bench::new();
    let facility = NemoFacility::new(&bench.nemo.api(), &[1]);
    for id in 1..=4 {
        bench.nemo.put_event(event(id, 1).with_run_data(&questions("Agree", "t")));
    }
    let session = |id: u64| format!("{}usage_events/?id={id}", bench.nemo.api());
    for (id, status) in [(1, "COMPLETED"), (2, "BUILT_NOT_EXPORTED"), (3, "TO_BE_BUILT"), (9, "COMPLETED")] {
        for (kind, time) in [("START", event(id, 1).start), ("END", event(id, 1).end.unwrap())] {
            facility.sql(
                "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status, user)
                 VALUES (?1, 'TOOL-1', ?2, ?3, ?4, 'k.ito')",
                &[&session(id), &time.to_rfc3339(), kind, status],
            );
        }
    }
    // Before nexus has worked on it, there is nothing of its own in it.
    let own = "SELECT name FROM sqlite_master WHERE type = 'table' AND (name LIKE 'nexus_%' OR name LIKE '%refinery%')";
    let tables: Vec<String> = {
        let database = facility.database();
        let mut statement = database.read().prepare(own).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    for table in &tables {
        facility.sql(&format!("DROP TABLE \"{table}\""), &[]);
    }
    let expected = |report: &AuditReport, after: &str| {
        assert_eq!(report.sum.settled, BTreeMap::from([("COMPLETED".to_owned(), 1)]), "{after}");
        let waits = [("built, no delivery to any destination", 1), ("not built yet", 1), (NEXT_RUN, 1)];
        assert_eq!(waiting(report), waits, "{after}");
        assert!(report.accounted_for, "{after}");
    };
    let report = facility.audit(origin());
    expected(&report, "before it is taken on");
    assert_eq!(report.alone_by_kind, BTreeMap::from([(AloneKind::OtherProgram, 1)]));
    facility.adopt();
    let report = facility.audit(origin());
    expected(&report, "after it was taken on");
    assert_eq!(report.alone_by_kind, BTreeMap::from([(AloneKind::EventGone, 1)]));
}

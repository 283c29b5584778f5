//! Usage events that are changed after their session was settled: what follows them, and what stays.

use chrono::{DateTime, TimeDelta, Utc};
use nexus_core::report::RunReport;
use nexus_core::session::{self, RecordStatus};
use nexus_core::session_state::{self, SessionState};
use nexus_plugin_api::{EventTime, ReservationAnswer, UsageEvent};
use nexus_tests::lab::{Lab, Meddler, put};

const REBUILD: &str = "on_revision = \"rebuild\"";

fn lab(setting: &str) -> Lab {
    let mut lab = Lab::with_destinations(&["a", "b"]).strategy("all");
    lab.build(setting);
    lab
}

/// The event of session 1 from and until so many minutes after its start as it was.
fn event(from: i64, until: i64) -> UsageEvent {
    let at = |minutes| EventTime::Offset((Lab::start(1) + TimeDelta::minutes(minutes)).fixed_offset());
    UsageEvent { start: at(from), end: Some(at(until)), ..Lab::event(1) }
}

/// A file of the first instrument, so many minutes after the start of session 1.
fn file_at(lab: &Lab, name: &str, minutes: i64) {
    let path = lab.path(&format!("files/sem/{name}.txt"));
    put(&path, "magnification = 7\n", Lab::start(1) + TimeDelta::minutes(minutes));
}

/// A session that was built with one file, and a second file 70 minutes after its start.
fn built(setting: &str) -> Lab {
    let lab = lab(setting);
    lab.sessions([1]);
    file_at(&lab, "late", 70);
    lab.run();
    assert_eq!(files(&lab), ["1_image.txt"]);
    lab
}

fn files(lab: &Lab) -> Vec<String> {
    let located = lab.activities(1).concat();
    located.iter().map(|path| path.rsplit('/').next().unwrap().to_owned()).collect()
}

fn state(lab: &Lab) -> SessionState {
    SessionState::load(lab.database().read(), &Lab::id(1)).unwrap().unwrap()
}

/// From and until, in minutes after the start as it was; user and instrument.
fn rows(lab: &Lab) -> (i64, i64, String, String) {
    let database = lab.database();
    let instruments = nexus_core::instrument::Instruments::load(database.read()).unwrap();
    let found = session::load(database.read(), &Lab::id(1), &instruments).unwrap().unwrap();
    let minutes = |at: DateTime<Utc>| (at - Lab::start(1)).num_minutes();
    let pid = found.instrument.pid.to_string();
    (minutes(found.started_at()), minutes(found.ended_at()), found.user.unwrap_or_default(), pid)
}

fn was() -> (i64, i64, String, String) {
    (0, 60, "ada".to_owned(), "LAB-SEM".to_owned())
}

/// One object at each server, changed so many times, with the content that is remembered.
fn assert_one_record(lab: &Lab, updates: u64) {
    for name in ["a", "b"] {
        let server = lab.servers.server(name);
        let objects = server.of(Lab::id(1).as_str());
        assert_eq!(objects.len(), 1, "{name}: {objects:?}");
        assert_eq!(Some(&objects[0].content), state(lab).content_sha256.as_ref());
        let all = server.objects().len() as u64;
        assert_eq!((server.counts().creates, server.counts().updates), (all, updates), "{name}");
    }
    assert_eq!(lab.status(1), Some(RecordStatus::Completed));
    assert!(lab.audit(Lab::start(0)).accounted_for);
}

/// Another run plans nothing, and tells nobody.
fn assert_at_rest(lab: &Lab) {
    let report = lab.run();
    assert_eq!((report.build.planned, &report.needs_person), (0, &Vec::new()), "{report:?}");
}

fn told(report: &RunReport) -> Vec<&String> {
    report.needs_person.iter().filter(|line| line.contains("lab-use-1")).collect()
}

/// What `nexus sessions rebuild` does.
fn ask(lab: &Lab) {
    let mut database =
        nexus_core::db::Database::open(&lab.path("nexus.db"), nexus_core::db::Access::Write).unwrap();
    let tx = database.transaction().unwrap();
    session_state::request_following(&tx, &Lab::id(1)).unwrap();
    tx.commit().unwrap();
}

#[test]
fn a_record_follows_its_event_in_place() {
    let lab = built(REBUILD);
    let before = state(&lab);
    lab.harvester.put(UsageEvent { user: Some("bea".into()), ..event(-10, 90) });
    lab.harvest();
    assert_eq!(lab.status(1), Some(RecordStatus::Completed), "the peer would make a second one");
    assert_eq!(rows(&lab), was(), "until the new record is there");
    assert!(lab.audit(Lab::start(0)).accounted_for);
    let report = lab.run();
    assert_eq!(report.build.built, 1, "{report:?}");
    assert!(report.needs_person.is_empty(), "{report:?}");
    assert_eq!(rows(&lab), (-10, 90, "bea".to_owned(), "LAB-SEM".to_owned()));
    assert_eq!(files(&lab), ["1_image.txt", "late.txt"]);
    assert_one_record(&lab, 1);
    let after = state(&lab);
    assert_eq!((&after.record_name, &after.record_key), (&before.record_name, &before.record_key));
    assert_eq!((after.pending_revision, after.rebuild_requested), (None, false));
    assert_eq!(lab.dump()["session_log"].len(), 3, "no second row of anything");
    assert_at_rest(&lab);
}

#[test]
fn a_run_that_sees_the_change_builds_from_it_at_once_and_tells_so() {
    let lab = built(REBUILD);
    lab.harvester.put(event(0, 90));
    let report = lab.run();
    let counts = &report.harvest[&"lab".into()];
    assert_eq!((counts.revised_late, counts.follow, counts.late.len()), (1, 1, 0));
    let says = |line: &String| line.contains("built from that") && line.contains("lab-use-1");
    assert!(report.warnings.iter().any(says), "{report:?}");
    assert_one_record(&lab, 1);
    assert_at_rest(&lab);
}

#[test]
fn a_change_without_effect_on_the_record_delivers_nothing() {
    let lab = built(REBUILD);
    lab.harvester.put(UsageEvent { user: Some("bea".into()), ..event(0, 61) });
    lab.run();
    assert_eq!(rows(&lab), (0, 61, "bea".to_owned(), "LAB-SEM".to_owned()));
    assert_one_record(&lab, 0);
    assert_at_rest(&lab);
}

#[test]
fn a_change_of_the_instrument_takes_the_files_of_the_other_one() {
    let lab = built(REBUILD);
    put(&lab.path("files/tem/there.txt"), "magnification = 1\n", Lab::start(1) + TimeDelta::minutes(5));
    let name = state(&lab).record_name;
    lab.harvester.put(UsageEvent { instrument_pid: "LAB-TEM".into(), ..event(0, 60) });
    lab.run();
    assert_eq!(files(&lab), ["there.txt"]);
    assert_eq!(rows(&lab).3, "LAB-TEM");
    assert_eq!((state(&lab).instrument, state(&lab).record_name), ("LAB-TEM".into(), name));
    assert_one_record(&lab, 1);
    assert_at_rest(&lab);
}

#[test]
fn under_report_it_is_told_once_and_followed_when_somebody_asks() {
    let lab = built("");
    lab.harvester.put(event(0, 90));
    let report = lab.run();
    assert_eq!(told(&report).len(), 1, "{report:?}");
    assert!(told(&report)[0].contains("`nexus sessions rebuild`"), "{report:?}");
    assert_at_rest(&lab);
    assert_eq!((rows(&lab), files(&lab).len()), (was(), 1));
    // A rebuild for another reason is none of the change.
    lab.rebuild_all();
    lab.run();
    assert_eq!((rows(&lab), files(&lab).len()), (was(), 1));
    assert_one_record(&lab, 0);
    assert!(state(&lab).revised_event().is_some());
    ask(&lab);
    lab.run();
    assert_eq!((rows(&lab).1, files(&lab).len()), (90, 2));
    assert_one_record(&lab, 1);
    assert_at_rest(&lab);
}

#[test]
fn what_was_told_before_is_followed_when_the_setting_has_become_rebuild() {
    let mut lab = built("");
    lab.harvester.put(event(0, 90));
    lab.run();
    lab.build(REBUILD);
    // The event is out of what is read by now.
    lab.harvester.tell_from(Lab::start(1) + TimeDelta::hours(10));
    let report = lab.run();
    assert!(report.warnings.iter().any(|line| line.contains("has become `rebuild`")), "{report:?}");
    lab.harvester.tell_from(Lab::start(0));
    assert_eq!(files(&lab).len(), 2);
    assert_one_record(&lab, 1);
    assert_at_rest(&lab);
}

#[test]
fn a_change_that_is_taken_back_leaves_nothing() {
    for setting in ["", REBUILD] {
        let lab = built(setting);
        lab.harvester.put(event(0, 90));
        lab.harvest();
        assert_eq!(state(&lab).rebuild_requested, setting == REBUILD);
        lab.harvester.put(Lab::event(1));
        assert_at_rest(&lab);
        assert_eq!((state(&lab).pending_revision, state(&lab).rebuild_requested), (None, false));
        assert_one_record(&lab, 0);
        // It is told, or followed, if it comes once more.
        lab.harvester.put(event(0, 90));
        assert_eq!(lab.run().harvest[&"lab".into()].revised_late, 1);
        if setting == REBUILD {
            assert_one_record(&lab, 1);
            // What was built from it follows back.
            lab.harvester.put(Lab::event(1));
            lab.run();
            assert_eq!((rows(&lab), files(&lab).len()), (was(), 1));
            assert_one_record(&lab, 2);
        }
        assert_at_rest(&lab);
    }
}

#[test]
fn of_several_changes_the_last_one_counts() {
    let lab = built(REBUILD);
    file_at(&lab, "later", 100);
    for until in [80, 95, 110] {
        lab.harvester.put(event(0, until));
        lab.harvest();
    }
    lab.run();
    assert_eq!((rows(&lab).1, files(&lab).len()), (110, 3));
    assert_one_record(&lab, 1);
    assert_at_rest(&lab);
}

#[test]
fn a_change_while_the_record_is_built_is_followed_by_the_next_run() {
    let lab = built(REBUILD);
    file_at(&lab, "later", 100);
    lab.harvester.put(event(0, 80));
    let source = lab.harvester.clone();
    lab.run_meddled(&Meddler::new().when("late.txt", move |_| source.put(event(0, 110))));
    assert_eq!((rows(&lab).1, files(&lab).len()), (80, 2));
    lab.run();
    assert_eq!((rows(&lab).1, files(&lab).len()), (110, 3));
    assert_one_record(&lab, 2);
    assert_at_rest(&lab);
}

#[test]
fn an_event_that_goes_or_is_called_off_takes_the_wish_with_it() {
    for is_gone in [true, false] {
        let lab = built(REBUILD);
        lab.sessions([2]);
        lab.harvester.put(event(0, 90));
        lab.harvest();
        if is_gone {
            lab.harvester.remove("1");
        } else {
            lab.harvester.put(UsageEvent { cancelled: true, ..event(0, 90) });
        }
        let all: u64 = (0..3).map(|_| lab.run().harvest[&"lab".into()].gone_late).sum();
        assert_eq!(all, 1, "told once");
        assert!(!state(&lab).rebuild_requested);
        assert_eq!((rows(&lab), files(&lab).len()), (was(), 1));
        for name in ["a", "b"] {
            assert_eq!(lab.servers.server(name).counts().updates, 0);
        }
        assert_at_rest(&lab);
        lab.harvester.put(event(0, 90));
        lab.run();
        assert_eq!((rows(&lab).1, files(&lab).len()), (90, 2));
        assert_one_record(&lab, 1);
    }
}

#[test]
fn a_record_stays_if_its_event_moved_to_where_no_files_are_or_without_consent() {
    let empty = |lab: &Lab| lab.harvester.put(event(20, 50));
    let refused = |lab: &Lab| {
        lab.harvester.put(event(0, 90));
        let no = ReservationAnswer::NoConsent { reason: "she said no".to_owned() };
        lab.harvester.answer(Lab::id(1).as_str(), no);
    };
    for (code, change) in [("rebuild_no_files", &empty as &dyn Fn(&Lab)), ("rebuild_refused", &refused)] {
        let lab = built(REBUILD);
        change(&lab);
        let report = lab.run();
        assert_eq!(told(&report).len(), 1, "{report:?}");
        assert!(told(&report)[0].contains("its record was not"), "{report:?}");
        let after = state(&lab);
        assert_eq!((after.outcome_code.as_deref(), after.rebuild_requested), (Some(code), false));
        assert_eq!((rows(&lab), files(&lab).len()), (was(), 1));
        assert_one_record(&lab, 0);
        assert_at_rest(&lab);
        // Another change is another matter.
        lab.harvester.answer(Lab::id(1).as_str(), ReservationAnswer::Reservation(Box::default()));
        lab.harvester.put(event(0, 95));
        lab.run();
        assert_eq!((rows(&lab).1, files(&lab).len()), (95, 2));
        assert_eq!(state(&lab).outcome_code, None);
        assert_one_record(&lab, 1);
    }
}

#[test]
fn files_of_a_new_time_are_waited_for_as_long_as_those_of_any_session() {
    let mut lab = lab(REBUILD);
    lab.build("file_delay = \"30 days\"");
    lab.sessions([1]);
    lab.run();
    lab.harvester.put(event(60, 110));
    let report = lab.run();
    assert_eq!((&report.build.waiting["no files yet"], told(&report).len()), (&1, 0), "{report:?}");
    file_at(&lab, "at_last", 80);
    lab.run();
    assert_eq!((rows(&lab).0, files(&lab)), (60, vec!["at_last.txt".to_owned()]));
    assert_one_record(&lab, 1);
    assert_at_rest(&lab);
}

/// A session that was settled without a record, and whose event is changed to where a file is.
fn settled_without(setting: &str) -> Lab {
    let lab = lab(setting);
    lab.harvester.put(Lab::event(1));
    file_at(&lab, "late", 70);
    lab.run();
    assert_eq!(lab.status(1), Some(RecordStatus::NoFilesFound));
    lab.harvester.put(event(0, 90));
    lab
}

#[test]
fn a_session_without_a_record_is_built_from_its_changed_event() {
    let lab = settled_without(REBUILD);
    lab.harvest();
    assert_eq!((lab.status(1), rows(&lab).1), (Some(RecordStatus::ToBeBuilt), 90));
    assert!(lab.audit(Lab::start(0)).accounted_for);
    lab.run();
    assert_eq!(files(&lab), ["late.txt"]);
    assert_one_record(&lab, 0);
    assert_at_rest(&lab);
}

#[test]
fn a_session_without_a_record_stays_under_report_and_follows_when_the_setting_changes() {
    let mut lab = settled_without("");
    let report = lab.run();
    assert!(told(&report)[0].contains("`retry` for one without a record"), "{report:?}");
    assert_at_rest(&lab);
    assert_eq!((lab.status(1), rows(&lab)), (Some(RecordStatus::NoFilesFound), was()));
    lab.build(REBUILD);
    lab.run();
    assert_eq!((rows(&lab).1, files(&lab).len()), (90, 1));
    assert_one_record(&lab, 0);
    assert_at_rest(&lab);
}

#[test]
fn what_somebody_else_decided_stays() {
    let skip = "UPDATE nexus_session SET outcome_code = 'skipped' WHERE session_identifier = ?1";
    let by_hand = "UPDATE session_log SET record_status = 'NO_CONSENT' WHERE session_identifier = ?1";
    for deed in [skip, by_hand] {
        let lab = settled_without(REBUILD);
        lab.sql(deed, &[Lab::id(1).as_str()]);
        let before = lab.status(1);
        let report = lab.run();
        assert_eq!(told(&report).len(), 1, "{report:?}");
        assert_at_rest(&lab);
        assert_eq!((lab.status(1), rows(&lab)), (before, was()));
    }
}

#[test]
fn a_record_of_nexuslims_follows_in_place_as_well() {
    let lab = built(REBUILD);
    // As if NexusLIMS had made and delivered it: nothing of it is known but its rows and its uploads.
    for sql in [
        "UPDATE nexus_session SET seen_digest = NULL, content_sha256 = NULL, built_by = 'NexusLIMS'
          WHERE session_identifier = ?1",
        "UPDATE nexus_delivery SET origin = 'peer' WHERE session_identifier = ?1",
    ] {
        lab.sql(sql, &[Lab::id(1).as_str()]);
    }
    assert_at_rest(&lab);
    lab.harvester.put(event(0, 90));
    lab.run();
    assert_eq!((rows(&lab).1, files(&lab).len()), (90, 2));
    assert_one_record(&lab, 1);
    assert_at_rest(&lab);
}

#[test]
fn a_session_that_nexuslims_sets_back_meanwhile_follows_all_the_same() {
    let lab = built(REBUILD);
    lab.harvester.put(event(0, 90));
    lab.harvest();
    lab.sql(
        "UPDATE session_log SET record_status = 'TO_BE_BUILT' WHERE session_identifier = ?1",
        &[Lab::id(1).as_str()],
    );
    // The event is out of what is read by now.
    lab.harvester.tell_from(Lab::start(1) + TimeDelta::hours(10));
    lab.run();
    lab.run();
    lab.harvester.tell_from(Lab::start(0));
    assert_eq!((rows(&lab).1, files(&lab).len()), (90, 2));
    assert_one_record(&lab, 1);
    assert_at_rest(&lab);
}

#[test]
fn a_rehearsal_tells_of_it_and_changes_nothing() {
    let lab = built(REBUILD);
    lab.harvester.put(event(0, 90));
    let before = lab.dump();
    let mut planned = Vec::new();
    let facility = lab.open().unwrap();
    let steps = nexus_core::pipeline::Steps::ALL;
    nexus_core::pipeline::rehearse(&facility, steps, &mut |one| planned.push(one)).unwrap();
    assert_eq!(lab.dump(), before);
    let [one] = &planned[..] else { panic!("{planned:?}") };
    assert_eq!(
        (one.result.as_str(), one.activities.iter().flat_map(|one| &one.files).count()),
        ("REBUILD", 2)
    );
}

#[test]
fn a_build_that_ended_the_program_is_made_up_for_when_the_change_is_taken_back() {
    let lab = built(REBUILD);
    lab.harvester.put(event(0, 90));
    lab.harvest();
    // The program died after the file was written, and before the commit.
    lab.sql("UPDATE nexus_session SET attempts = 1 WHERE session_identifier = ?1", &[Lab::id(1).as_str()]);
    let name = state(&lab).record_name.unwrap();
    std::fs::write(lab.path(&format!("data/records/{name}.xml")), "of the change").unwrap();
    lab.harvester.put(Lab::event(1));
    let report = lab.run();
    assert_eq!(report.build.built, 1, "{report:?}");
    assert_eq!((rows(&lab), files(&lab).len()), (was(), 1));
    assert_one_record(&lab, 0);
    assert_at_rest(&lab);
}

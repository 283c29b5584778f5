//! A backlog that is built three sessions at a time becomes what it becomes at once.

use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use nexus_core::pipeline::{self, Choice, Facility, PlannedSession, Steps};
use nexus_core::report::{Progress, RunReport, SessionResult};
use nexus_core::session::RecordStatus;
use nexus_plugin_api::{PluginError, ReservationAnswer};
use nexus_tests::lab::{Lab, put};
use nexus_tests::privilege::{BOUND_BY_PERMISSIONS, elsewhere};

use super::finding::at_the_same_time;

const THREE: NonZeroUsize = NonZeroUsize::new(3).unwrap();

fn in_threes(lab: &Lab) -> RunReport {
    lab.run_with(|facility| facility.tranche = THREE)
}

/// Fourteen sessions, harvested, the last first: 2, 7 and 9 wait for an answer, 4 and 11 are refused, 5 and 12 have no
/// files, 6 crashes, 8, 9 and 14 were in hand at a crash. Two more are broken.
fn motley() -> Lab {
    let mut lab = Lab::with_destinations(&["a"]);
    lab.build("quiet_period = \"0 s\"");
    for number in (1..=14).rev() {
        lab.harvester.put(Lab::event(number));
        if ![5, 12].contains(&number) {
            lab.put_file(number, "image");
        }
    }
    for number in [2, 7, 9] {
        let failed = PluginError::transient("no answer");
        lab.harvester.answer(Lab::id(number).as_str(), ReservationAnswer::Failed(failed));
    }
    for number in [4, 11] {
        let refused = ReservationAnswer::NoConsent { reason: "scripted".to_owned() };
        lab.harvester.answer(Lab::id(number).as_str(), refused);
    }
    lab.put_file(6, Lab::TRAP);
    fs::create_dir(lab.path("elsewhere")).unwrap();
    symlink(lab.path("elsewhere"), lab.path("files/tem/out")).unwrap();
    lab.harvest();
    for event in ["START", "END"] {
        let half =
            "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status)
                    VALUES ('half ' || ?1, 'LAB-TEM', '2024-03-04T12:00:00', ?1, 'TO_BE_BUILT')";
        lab.sql(half, &[event]);
    }
    for number in [8, 9, 14] {
        let crashed = "UPDATE nexus_session SET attempts = 1 WHERE session_identifier = ?1";
        lab.sql(crashed, &[Lab::id(number).as_str()]);
    }
    lab
}

/// What a run said, without what differs from one facility to another and from one hour to another.
fn said(lab: &Lab, report: &RunReport) -> String {
    let lines: Vec<_> =
        report.sessions.iter().map(|line| SessionResult { seconds: 0.0, ..line.clone() }).collect();
    let mut build = report.build.clone();
    build.slowest.clear();
    let (told, warnings) = (&report.needs_person, &report.warnings);
    let text = format!("{lines:#?}\n{build:#?}\n{told:#?}\n{warnings:#?}");
    text.replace(&lab.folder.path().display().to_string(), "")
}

/// What is to be seen of the sessions afterwards.
fn seen(lab: &Lab) -> Vec<String> {
    let one = |number| {
        let (status, waits, activities) = (lab.status(number), lab.waits_for(number), lab.activities(number));
        let uploads = lab.uploads(number, "a");
        format!("{number} {status:?} {waits:?} {activities:?} {uploads:?}")
    };
    (1..=14).map(one).collect()
}

#[test]
fn what_is_said_and_done_is_the_same_as_in_one_go() {
    let (lab, other) = (motley(), motley());
    for run in 0..2 {
        let (report, at_once) = (in_threes(&lab), other.run());
        assert_eq!(said(&lab, &report), said(&other, &at_once), "run {run}");
        assert_eq!(seen(&lab), seen(&other), "run {run}");
        if run == 0 {
            assert_eq!(report.warnings.len(), 1, "{report:?}");
            let build = &report.build;
            assert_eq!((build.planned, build.broken, build.built, build.error), (14, 2, 6, 1), "{report:?}");
            assert_eq!((build.no_consent, build.no_files), (2, 2), "{report:?}");
            assert_eq!(build.waiting.values().sum::<u64>(), 3);
        }
    }
}

#[test]
fn a_limit_goes_on_from_one_tranche_to_the_next() {
    let (lab, other) = (motley(), motley());
    let limited = |lab: &Lab, tranche: Option<NonZeroUsize>| {
        lab.run_with(|facility| {
            facility.choice = Choice { limit: Some(5), ..Choice::default() };
            facility.tranche = tranche.unwrap_or(facility.tranche);
        })
    };
    for run in 0..3 {
        let (report, at_once) = (limited(&lab, Some(THREE)), limited(&other, None));
        let settled = |lab: &Lab| (1..=14).map(|number| lab.status(number)).collect::<Vec<_>>();
        assert_eq!(settled(&lab), settled(&other), "run {run}");
        let build = &report.build;
        assert_eq!((build.planned, build.settled()), (at_once.build.planned, at_once.build.settled()));
        assert_eq!(build.planned, build.accounted(), "{report:?}");
    }
    let report = limited(&motley(), Some(THREE));
    // 8, 9 (waits), 14; 1, 2 (waits), 3; 4, and those behind are not asked about.
    assert_eq!((report.build.settled(), report.build.beyond_limit), (5, 7), "{report:?}");
    assert_eq!(report.build.waiting.values().sum::<u64>(), 2, "{report:?}");
}

#[test]
fn a_rehearsal_tells_what_it_tells_in_one_go() {
    let lab = motley();
    let rehearsed = |tranche: Option<NonZeroUsize>, limit: Option<usize>| {
        let mut facility: Facility = lab.open().unwrap();
        facility.tranche = tranche.unwrap_or(facility.tranche);
        facility.choice.limit = limit;
        let mut told: Vec<PlannedSession> = Vec::new();
        let report = pipeline::rehearse(&facility, Steps::ALL, &mut |one| told.push(one)).unwrap();
        assert_eq!(report.build.planned, report.build.accounted(), "{report:?}");
        (told, report)
    };
    assert_eq!(rehearsed(Some(THREE), None), rehearsed(None, None));
    let (told, report) = rehearsed(Some(THREE), Some(4));
    assert_eq!((report.build.settled(), report.build.planned), (4, 14));
    assert_eq!(told.first().map(|one| one.session.clone()), Some(Lab::id(8)));
}

#[test]
fn a_stop_ends_the_run_with_its_tranche_and_the_rest_is_counted() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions(1..=10);
    let mut facility = lab.open().unwrap();
    facility.tranche = THREE;
    let (stop, done, backlogs) =
        (facility.stop.clone(), Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
    let told = Arc::clone(&backlogs);
    facility.progress = Box::new(move |progress| match progress {
        Progress::Backlog(all) => told.lock().unwrap().push(all),
        // The fourth is in the second tranche, of which all are in hand by now.
        Progress::Session(_) if done.fetch_add(1, Ordering::Relaxed) == 3 => stop.set(),
        Progress::Session(_) => {}
    });
    let report = pipeline::run(&facility, Steps::ALL).unwrap();
    let build = &report.build;
    assert_eq!((build.planned, build.accounted(), build.beyond_limit), (10, 10, 0), "{report:?}");
    assert!(report.interrupted && build.not_reached >= 4 && build.built >= 4, "{report:?}");
    assert_eq!(*backlogs.lock().unwrap(), [10], "it speaks of all");
    drop(facility);
    assert_eq!(in_threes(&lab).build.planned, build.not_reached);
    assert!((1..=10).all(|number| lab.status(number) == Some(RecordStatus::Completed)));
}

#[test]
fn instruments_within_one_another_need_not_be_in_the_same_tranche() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sql("UPDATE instruments SET filestore_path = './tem/inner' WHERE instrument_pid = 'LAB-SEM'", &[]);
    for number in [2, 6, 10] {
        lab.harvester.put(Lab::event(number));
        lab.harvester.put(at_the_same_time(number));
        let soon = |minutes| Lab::start(number) + TimeDelta::minutes(minutes);
        put(&lab.path(&format!("files/tem/inner/{number}a.txt")), "", soon(10));
        put(&lab.path(&format!("files/tem/{number}b.txt")), "", soon(11));
    }
    let report = lab.run_with(|facility| facility.tranche = NonZeroUsize::MIN);
    assert_eq!(report.build.built, 6);
    for number in [2, 6, 10] {
        let (inner, outer) = (format!("/tem/inner/{number}a.txt"), format!("/tem/{number}b.txt"));
        assert_eq!(lab.activities(number).concat(), [inner.clone(), outer]);
        assert_eq!(lab.activities(number + 1).concat(), [inner]);
    }
}

#[test]
fn each_tranche_looks_at_the_storage_as_it_is_then() {
    let lab = Lab::with_destinations(&["a"]);
    // By their ends: 2, 4 and 6, then 7, 8 and 9, then 10.
    lab.sessions([2, 4, 6, 8, 10]);
    lab.harvester.put(Lab::event(7));
    lab.harvester.put(Lab::event(9));
    lab.put_file(1, "before");
    let (tem, away) = (lab.path("files/tem"), lab.path("away"));
    let new = lab.path("files/sem/7_new.txt");
    let report = lab.run_with(|facility| {
        facility.tranche = THREE;
        let done = AtomicU64::new(0);
        facility.progress = Box::new(move |progress| {
            if matches!(progress, Progress::Session(_)) && done.fetch_add(1, Ordering::Relaxed) == 2 {
                fs::rename(&tem, &away).unwrap();
                put(&new, "", Lab::start(7) + TimeDelta::minutes(10));
            }
        });
    });
    assert_eq!((report.build.built, report.build.no_files), (4, 1), "{report:?}");
    assert_eq!(lab.activities(7), [["/sem/7_new.txt"]]);
    for number in [8, 10] {
        assert_eq!(lab.waits_for(number).as_deref(), Some("storage cannot be read"), "{report:?}");
    }
    let [told] = report.needs_person.as_slice() else { panic!("{report:?}") };
    assert!(told.contains("is the storage mounted?") && told.contains("(2 sessions wait)"), "{told}");
    fs::rename(lab.path("away"), lab.path("files/tem")).unwrap();
    assert_eq!(in_threes(&lab).build.built, 2);
}

#[test]
fn a_folder_that_cannot_be_read_is_told_once_with_all_who_wait_for_it() {
    let name = "tranches::a_folder_that_cannot_be_read_is_told_once_with_all_who_wait_for_it";
    if elsewhere(&BOUND_BY_PERMISSIONS, name) {
        return;
    }
    let lab = Lab::with_destinations(&["a"]);
    for number in 1..=8 {
        lab.harvester.put(Lab::event(2 * number));
    }
    lab.sessions([18]);
    let closed = lab.path("files/tem/closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let report = in_threes(&lab);
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(report.build.waiting, [("storage cannot be read".to_owned(), 8)].into());
    assert_eq!(lab.status(18), Some(RecordStatus::Completed));
    let about = |what: &str| report.needs_person.iter().filter(|line| line.contains(what)).count();
    assert_eq!((about("tem/closed"), about("(8 sessions wait)")), (1, 1), "{report:?}");
    assert_eq!(in_threes(&lab).build.no_files, 8);
}

#[test]
fn without_a_folder_for_records_all_tranches_wait() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions(1..=8);
    fs::write(lab.path("data/records"), "in the way").unwrap();
    let report = in_threes(&lab);
    assert_eq!(report.build.waiting, [("no folder for records".to_owned(), 8)].into(), "{report:?}");
    let [told] = report.needs_person.as_slice() else { panic!("{report:?}") };
    assert!(told.contains("(8 sessions wait)"), "{told}");
    fs::remove_file(lab.path("data/records")).unwrap();
    assert_eq!(in_threes(&lab).build.built, 8);
}

#[test]
fn who_goes_or_comes_while_a_run_is_at_work_is_counted() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([10]);
    lab.run();
    lab.sessions(1..=9);
    let mut facility = lab.open().unwrap();
    facility.tranche = THREE;
    let (done, backlogs) = (AtomicU64::new(0), Arc::new(Mutex::new(Vec::new())));
    let (told, database) = (Arc::clone(&backlogs), lab.path("nexus.db"));
    facility.progress = Box::new(move |progress| {
        let change = |sql: &str| rusqlite::Connection::open(&database).unwrap().execute(sql, []).unwrap();
        match progress {
            Progress::Backlog(all) => told.lock().unwrap().push(all),
            Progress::Session(_) => match done.fetch_add(1, Ordering::Relaxed) + 1 {
                3 => drop(change("DELETE FROM session_log WHERE session_identifier = 'lab-use-8'")),
                6 => drop(change(
                    "UPDATE nexus_session SET rebuild_requested = 1 WHERE session_identifier = 'lab-use-10'",
                )),
                _ => {}
            },
        }
    });
    let report = pipeline::run(&facility, Steps::ALL).unwrap();
    let build = &report.build;
    assert_eq!((build.planned, build.accounted(), build.built), (10, 10, 9), "{report:?}");
    assert_eq!(build.waiting, [("moved by another program".to_owned(), 1)].into());
    assert_eq!(*backlogs.lock().unwrap(), [9, 10]);
}

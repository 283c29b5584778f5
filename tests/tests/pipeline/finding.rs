//! Which files are a session's: quiet periods, links, folders in one another.

use std::fs;
use std::os::unix::fs::symlink;

use chrono::TimeDelta;
use nexus_core::session::RecordStatus;
use nexus_plugin_api::{EventTime, UsageEvent};
use nexus_tests::lab::{Lab, put};

#[test]
fn a_session_whose_files_were_changed_a_moment_ago_waits_for_quiet() {
    let mut lab = Lab::with_destinations(&["a"]);
    lab.build("quiet_period = \"90 min\"");
    // Number 77 has ended an hour before the clock's first moment.
    lab.sessions([1, 3, 77]);
    let just_now = Lab::start(77) + TimeDelta::minutes(59);
    put(&lab.path("files/sem/77_new.txt"), "", just_now);
    let report = lab.run();
    assert_eq!((report.build.planned, report.build.built), (3, 2));
    assert_eq!(report.build.waiting, [("files are still being written".to_owned(), 1)].into());
    let line = report.sessions.iter().find(|line| line.session == Lab::id(77)).unwrap();
    assert!(line.detail.contains("77_new.txt"), "{line:?}");
    assert_eq!(report.needs_person, [""; 0]);
    lab.clock.set(just_now + TimeDelta::minutes(90) - TimeDelta::nanoseconds(1));
    assert_eq!(lab.run().build.built, 0);
    lab.clock.set(just_now + TimeDelta::minutes(90));
    assert_eq!(lab.run().build.built, 1);
    assert_eq!(lab.status(77), Some(RecordStatus::Completed));
    assert_eq!(lab.activities(77).concat().len(), 2);
}

#[test]
fn without_a_quiet_period_nobody_waits() {
    let mut lab = Lab::with_destinations(&["a"]);
    lab.build("quiet_period = \"0 s\"");
    lab.sessions([77]);
    lab.clock.set(Lab::start(77) + TimeDelta::hours(1));
    put(&lab.path("files/sem/77_new.txt"), "", lab.now());
    assert_eq!(lab.run().build.built, 1);
    assert_eq!(lab.activities(77).concat().len(), 2);
}

#[test]
fn links_that_lead_out_are_told_and_followed_only_by_a_setting() {
    let mut lab = Lab::with_destinations(&["a"]);
    lab.sessions([2]);
    put(&lab.path("elsewhere/deep/2_far.txt"), "", Lab::start(2) + TimeDelta::minutes(20));
    symlink(lab.path("elsewhere"), lab.path("files/tem/out")).unwrap();
    symlink(lab.path("files/tem"), lab.path("files/tem/round")).unwrap();
    let report = lab.run();
    assert_eq!((report.build.built, report.needs_person.len()), (1, 0), "{report:?}");
    assert_eq!(report.warnings.len(), 1, "{report:?}");
    assert!(report.warnings[0].contains("files/tem/out"), "{report:?}");
    assert!(report.warnings[0].contains("follow_outside_links"), "{report:?}");
    assert_eq!(lab.activities(2), [["/tem/2_image.txt"]]);
    lab.build("follow_outside_links = true");
    lab.rebuild_all();
    let report = lab.run();
    assert_eq!((report.build.built, report.warnings.len()), (1, 0), "{report:?}");
    assert_eq!(lab.activities(2).concat(), ["/tem/2_image.txt", "/tem/out/deep/2_far.txt"]);
    assert!(lab.path("data/tem/out/deep/2_far.txt.json").is_file());
    assert_eq!(fs::read_dir(lab.path("elsewhere/deep")).unwrap().count(), 1, "nothing is written there");
}

/// The use of the other instrument at the time of a session.
pub(super) fn at_the_same_time(number: u32) -> UsageEvent {
    let at = |time: chrono::DateTime<chrono::Utc>| EventTime::Offset(time.fixed_offset());
    UsageEvent {
        start: at(Lab::start(number)),
        end: Some(at(Lab::start(number) + TimeDelta::hours(1))),
        ..Lab::event(number + 1)
    }
}

#[test]
fn a_file_in_the_folder_of_an_instrument_within_anothers_belongs_to_both() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sql("UPDATE instruments SET filestore_path = './tem/inner' WHERE instrument_pid = 'LAB-SEM'", &[]);
    lab.harvester.put(Lab::event(2));
    lab.harvester.put(at_the_same_time(2));
    let soon = |minutes| Lab::start(2) + TimeDelta::minutes(minutes);
    put(&lab.path("files/tem/inner/a.txt"), "", soon(10));
    put(&lab.path("files/tem/b.txt"), "", soon(11));
    put(&lab.path("files/tem/inner/late.txt"), "", soon(61));
    assert_eq!(lab.run().build.built, 2);
    assert_eq!(lab.activities(2).concat(), ["/tem/inner/a.txt", "/tem/b.txt"]);
    assert_eq!(lab.activities(3).concat(), ["/tem/inner/a.txt"]);
}

#[test]
fn a_file_in_a_shared_folder_belongs_to_every_session_of_its_time() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sql("UPDATE instruments SET filestore_path = 'tem' WHERE instrument_pid = 'LAB-SEM'", &[]);
    lab.harvester.put(Lab::event(2));
    lab.harvester.put(at_the_same_time(2));
    lab.harvester.put(Lab::event(5));
    for (name, time) in [("a", Lab::start(2)), ("b", Lab::start(5))] {
        put(&lab.path(&format!("files/tem/{name}.txt")), "", time + TimeDelta::minutes(10));
    }
    assert_eq!(lab.run().build.built, 3);
    for (number, name) in [(2, "a"), (3, "a"), (5, "b")] {
        assert_eq!(lab.activities(number), [[format!("/tem/{name}.txt")]]);
    }
}

//! What may not be read or written, from the start or all of a sudden.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use nexus_core::session::RecordStatus;
use nexus_tests::lab::{Lab, Meddler};
use nexus_tests::privilege::{BOUND_BY_PERMISSIONS, elsewhere};

fn permit(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn permission_that_is_lost_while_a_session_is_read_makes_it_wait() {
    let name = "permissions::permission_that_is_lost_while_a_session_is_read_makes_it_wait";
    if elsewhere(&BOUND_BY_PERMISSIONS, name) {
        return;
    }
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions(1..=4);
    let closed = lab.path("files/tem/day");
    fs::create_dir(&closed).unwrap();
    fs::rename(lab.path("files/tem/2_image.txt"), closed.join("2_image.txt")).unwrap();
    let meddler = Meddler::new().when("2_image.txt", |path| permit(path.parent().unwrap(), 0o000));
    let report = lab.run_meddled(&meddler);
    permit(&closed, 0o700);
    assert_eq!(report.build.built, 3);
    assert_eq!(lab.waits_for(2).as_deref(), Some("storage cannot be read"));
    assert_eq!(report.needs_person.len(), 1, "{report:?}");
    assert!(report.needs_person[0].contains("2_image.txt"), "{report:?}");
    assert!(report.needs_person[0].contains("permissions"), "{report:?}");
    lab.run();
    assert_eq!(lab.status(2), Some(RecordStatus::Completed));
    assert_eq!(lab.activities(2), [["/tem/day/2_image.txt"]]);
}

#[test]
fn a_sub_folder_that_cannot_be_read_stops_only_sessions_without_files() {
    let name = "permissions::a_sub_folder_that_cannot_be_read_stops_only_sessions_without_files";
    if elsewhere(&BOUND_BY_PERMISSIONS, name) {
        return;
    }
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2]);
    lab.harvester.put(Lab::event(3));
    lab.harvester.put(Lab::event(4));
    let closed = lab.path("files/tem/closed");
    fs::create_dir(&closed).unwrap();
    permit(&closed, 0o000);
    let report = lab.run();
    permit(&closed, 0o700);
    assert_eq!(lab.status(2), Some(RecordStatus::Completed), "it has files");
    assert_eq!(lab.waits_for(4).as_deref(), Some("storage cannot be read"));
    assert_eq!(lab.status(3), Some(RecordStatus::NoFilesFound), "another instrument's folder is none of its");
    assert!(report.needs_person.iter().any(|line| line.contains("tem/closed")), "{report:?}");
    assert!(report.needs_person.iter().any(|line| line.contains("(1 session waits)")), "{report:?}");
    lab.run();
    assert_eq!(lab.status(4), Some(RecordStatus::NoFilesFound));
}

#[test]
fn an_instruments_folder_that_cannot_be_read_settles_nothing() {
    let name = "permissions::an_instruments_folder_that_cannot_be_read_settles_nothing";
    if elsewhere(&BOUND_BY_PERMISSIONS, name) {
        return;
    }
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2]);
    lab.harvester.put(Lab::event(4));
    permit(&lab.path("files/tem"), 0o000);
    let report = lab.run();
    permit(&lab.path("files/tem"), 0o700);
    assert_eq!(report.build.waiting, [("storage cannot be read".to_owned(), 2)].into());
    assert!(report.needs_person.iter().any(|line| line.contains("files/tem")), "{report:?}");
    assert_eq!(lab.status(1), Some(RecordStatus::Completed));
    lab.run();
    assert_eq!(lab.status(2), Some(RecordStatus::Completed));
    assert_eq!(lab.status(4), Some(RecordStatus::NoFilesFound));
}

#[test]
fn records_that_may_not_be_written_wait_and_somebody_is_told_once() {
    let name = "permissions::records_that_may_not_be_written_wait_and_somebody_is_told_once";
    if elsewhere(&BOUND_BY_PERMISSIONS, name) {
        return;
    }
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions(1..=4);
    let records = lab.path("data/records");
    fs::create_dir(&records).unwrap();
    permit(&records, 0o500);
    let report = lab.run();
    permit(&records, 0o700);
    assert_eq!(report.build.waiting, [("record cannot be written".to_owned(), 4)].into());
    assert_eq!(report.needs_person.len(), 1, "{report:?}");
    assert!(report.needs_person[0].contains("(4 sessions wait)"), "{report:?}");
    assert!(report.needs_person[0].contains("no permission"), "{report:?}");
    assert_eq!(lab.run().build.built, 4);
}

//! Storages that are not there, or are not the ones that they were.

use std::fs;

use nexus_core::pipeline::{self, PipelineError, Steps};
use nexus_core::report::RunReport;
use nexus_core::session::RecordStatus;
use nexus_tests::lab::{Lab, put};
use nexus_tests::privilege::{MOUNTS, Mounted, elsewhere};

/// Sessions 1 (another instrument), 2 and 4 with files, 6 without.
fn lab() -> Lab {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2, 4]);
    lab.harvester.put(Lab::event(6));
    lab
}

/// The sessions of the instrument whose storage is away wait, the others are built, and somebody is told.
fn waits(lab: &Lab, report: &RunReport, reason: &str, says: &str) {
    assert_eq!((report.build.no_files, report.build.error), (0, 0), "{report:?}");
    for number in [2, 4, 6] {
        assert_eq!(lab.waits_for(number).as_deref(), Some(reason), "{number}: {report:?}");
        assert_eq!(lab.status(number), Some(RecordStatus::ToBeBuilt), "{number}");
    }
    assert_eq!(lab.status(1), Some(RecordStatus::Completed));
    let told: Vec<_> = report.needs_person.iter().filter(|line| line.contains(says)).collect();
    assert_eq!(told.len(), 1, "{report:?}");
    assert!(told[0].contains("files/tem") && told[0].contains("(3 sessions wait)"), "{told:?}");
}

/// It is back.
fn is_back(lab: &Lab) {
    let report = lab.run();
    assert_eq!(report.needs_person, [""; 0]);
    for number in [2, 4] {
        assert_eq!(lab.status(number), Some(RecordStatus::Completed), "{number}");
        assert_eq!(lab.activities(number), [[format!("/tem/{number}_image.txt")]]);
    }
    assert_eq!(lab.status(6), Some(RecordStatus::NoFilesFound));
    assert_eq!(lab.run().build.planned, 0);
}

#[test]
fn a_folder_that_is_not_there_settles_nothing() {
    let lab = lab();
    fs::rename(lab.path("files/tem"), lab.path("away")).unwrap();
    let report = lab.run();
    waits(&lab, &report, "storage cannot be read", "does not exist: is the storage mounted?");
    fs::rename(lab.path("away"), lab.path("files/tem")).unwrap();
    is_back(&lab);
}

#[test]
fn an_empty_folder_settles_nothing() {
    let lab = lab();
    fs::rename(lab.path("files/tem"), lab.path("away")).unwrap();
    fs::create_dir_all(lab.path("files/tem/lost+found")).unwrap();
    let report = lab.run();
    waits(&lab, &report, "storage looks empty", "holds no file at all: is the storage mounted?");
    fs::remove_dir_all(lab.path("files/tem")).unwrap();
    fs::rename(lab.path("away"), lab.path("files/tem")).unwrap();
    is_back(&lab);
}

#[test]
fn a_file_in_place_of_the_folder_settles_nothing() {
    let lab = lab();
    fs::rename(lab.path("files/tem"), lab.path("away")).unwrap();
    fs::write(lab.path("files/tem"), "").unwrap();
    let report = lab.run();
    waits(&lab, &report, "storage cannot be read", "is not a folder");
    fs::remove_file(lab.path("files/tem")).unwrap();
    fs::rename(lab.path("away"), lab.path("files/tem")).unwrap();
    is_back(&lab);
}

#[test]
fn without_the_root_of_all_instruments_no_run_begins() {
    let lab = lab();
    lab.harvest();
    let before = lab.dump();
    fs::rename(lab.path("files"), lab.path("away")).unwrap();
    let error = pipeline::run(&lab.open().unwrap(), Steps::ALL).unwrap_err();
    assert!(matches!(&error, PipelineError::Storage { key: "instrument_data", .. }), "{error}");
    assert!(error.to_string().contains("is the share mounted?"), "{error}");
    assert_eq!(lab.dump(), before);
    fs::rename(lab.path("away"), lab.path("files")).unwrap();
    is_back(&lab);
}

/// A run that remembers the storage, and then the same sessions.
fn lab_with_memory() -> Lab {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([8]);
    lab.run();
    lab.sessions([1, 2, 4]);
    lab.harvester.put(Lab::event(6));
    lab
}

#[test]
fn another_file_system_with_other_files_is_not_believed() {
    if elsewhere(&MOUNTS, "storage::another_file_system_with_other_files_is_not_believed") {
        return;
    }
    let lab = lab_with_memory();
    {
        let folder = lab.path("files/tem");
        let _other = Mounted::over(&folder, "1m");
        let report = lab.run();
        waits(&lab, &report, "storage cannot be read", "--accept-storage");
        // One in the window of a session that has another in truth.
        put(&folder.join("4_stranger.txt"), "", Lab::start(4) + chrono::TimeDelta::minutes(5));
        let report = lab.run();
        waits(&lab, &report, "storage cannot be read", "--accept-storage");
    }
    is_back(&lab);
}

#[test]
fn another_file_system_is_believed_when_somebody_says_so_and_from_then_on() {
    if elsewhere(&MOUNTS, "storage::another_file_system_is_believed_when_somebody_says_so_and_from_then_on") {
        return;
    }
    let lab = lab_with_memory();
    let folder = lab.path("files/tem");
    let other = Mounted::over(&folder, "1m");
    for number in [2, 4] {
        lab.put_file(number, "moved");
    }
    waits(&lab, &lab.run(), "storage cannot be read", "--accept-storage");
    let report = lab.run_with(|facility| facility.accept_storage = true);
    assert_eq!((report.build.built, report.build.no_files), (2, 1), "{report:?}");
    assert_eq!(lab.activities(4), [["/tem/4_moved.txt"]]);
    lab.sessions([10]);
    assert_eq!(lab.run().build.built, 1, "it is the known one now");
    drop(other);
    lab.sessions([12]);
    assert_eq!(lab.run().build.waiting, [("storage cannot be read".to_owned(), 1)].into());
}

#[test]
fn an_empty_storage_is_not_remembered_even_when_it_is_accepted() {
    if elsewhere(&MOUNTS, "storage::an_empty_storage_is_not_remembered_even_when_it_is_accepted") {
        return;
    }
    let lab = lab_with_memory();
    {
        let _other = Mounted::over(&lab.path("files/tem"), "1m");
        let report = lab.run_with(|facility| facility.accept_storage = true);
        waits(&lab, &report, "storage looks empty", "holds no file at all");
    }
    is_back(&lab);
}

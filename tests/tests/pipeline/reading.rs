//! Files that change, and storages that go away, at the moment when they are read.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use nexus_core::session::RecordStatus;
use nexus_tests::lab::{Lab, Meddler, left_overs, tree};

/// Somebody does this to a file of session 3 while it is read.
fn meddled(deed: impl Fn(&Path) + Send + 'static, reason: &str) -> Lab {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions(1..=6);
    lab.put_file(3, "worked_on");
    let report = lab.run_meddled(&Meddler::new().when("3_worked_on.txt", deed));
    assert_eq!((report.build.planned, report.build.built), (6, 5), "{report:?}");
    assert_eq!(report.build.waiting, [(reason.to_owned(), 1)].into());
    assert_eq!(lab.waits_for(3).as_deref(), Some(reason));
    assert_eq!((lab.status(3), lab.record(3)), (Some(RecordStatus::ToBeBuilt), None));
    assert_eq!(lab.servers.server("a").of("lab-use-3"), []);
    for number in [1, 2, 4, 5, 6] {
        assert_eq!(lab.status(number), Some(RecordStatus::Completed), "{number}");
    }
    let beside = tree(&lab.path("data")).into_keys();
    assert_eq!(beside.filter(|name| name.to_string_lossy().contains("worked_on")).count(), 0);
    assert_eq!(left_overs(&lab.path("data")), [""; 0].map(Into::into) as [std::path::PathBuf; 0]);
    assert_eq!(report.needs_person, [""; 0]);
    lab
}

/// Nobody does anything any more.
fn settles(lab: &Lab, files: usize) {
    let report = lab.run_meddled(&Meddler::new());
    assert_eq!((report.build.planned, report.build.built), (1, 1), "{report:?}");
    assert_eq!((lab.status(3), lab.waits_for(3)), (Some(RecordStatus::Completed), None));
    assert_eq!(lab.activities(3).concat().len(), files);
    assert_eq!(lab.servers.server("a").of("lab-use-3").len(), 1);
}

#[test]
fn a_session_whose_file_is_truncated_waits_and_is_built_by_the_next_run() {
    let truncate = |path: &Path| {
        let file = File::options().write(true).open(path).unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        file.set_len(3).unwrap();
        file.set_modified(modified).unwrap();
    };
    let lab = meddled(truncate, "a file changed while it was read");
    settles(&lab, 2);
    assert!(lab.record(3).unwrap().contains(">3</meta>"), "{:?}", lab.record(3));
}

#[test]
fn a_session_whose_file_is_touched_waits_and_is_built_by_the_next_run() {
    let touch = |path: &Path| {
        let file = File::options().append(true).open(path).unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        file.set_modified(modified + Duration::from_nanos(1)).unwrap();
    };
    settles(&meddled(touch, "a file changed while it was read"), 2);
}

#[test]
fn a_session_whose_file_is_removed_waits_and_is_built_without_it() {
    let lab = meddled(|path| fs::remove_file(path).unwrap(), "files vanished while they were read");
    settles(&lab, 1);
}

#[test]
fn a_session_whose_file_is_written_anew_waits_and_is_built_by_the_next_run() {
    let replace = |path: &Path| {
        let modified = fs::metadata(path).unwrap().modified().unwrap();
        let new = path.with_extension("new");
        fs::write(&new, "magnification = 12\n").unwrap();
        File::options().append(true).open(&new).unwrap().set_modified(modified).unwrap();
        fs::rename(&new, path).unwrap();
    };
    settles(&meddled(replace, "a file changed while it was read"), 2);
}

#[test]
fn a_folder_that_is_removed_after_the_walk_makes_its_session_wait_and_is_told() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2, 3]);
    let folder = lab.path("files/tem/day");
    fs::create_dir(&folder).unwrap();
    fs::rename(lab.path("files/tem/2_image.txt"), folder.join("2_image.txt")).unwrap();
    lab.put_file(30, "old");
    let meddler =
        Meddler::new().when("2_image.txt", |path| fs::remove_dir_all(path.parent().unwrap()).unwrap());
    let report = lab.run_meddled(&meddler);
    assert_eq!(report.build.built, 2);
    assert_eq!(lab.waits_for(2).as_deref(), Some("all files vanished while they were read"));
    assert_eq!(report.needs_person.len(), 1, "{report:?}");
    assert!(report.needs_person[0].contains("2_image.txt"), "{report:?}");
    lab.run();
    assert_eq!(lab.status(2), Some(RecordStatus::NoFilesFound), "the folder is there, the files are not");
}

#[test]
fn a_storage_that_goes_away_in_the_middle_costs_no_session_its_files() {
    let lab = Lab::with_destinations(&["a"]);
    let all = 1..=20;
    lab.sessions(all.clone());
    for number in all.clone() {
        lab.put_file(number, "second");
    }
    let (from, to) = (lab.path("files/tem"), lab.path("away"));
    let away = to.clone();
    let report = lab.run_meddled(
        &Meddler::new().when("10_second.txt", move |path| fs::rename(path.parent().unwrap(), &away).unwrap()),
    );
    assert_eq!(report.build.error + report.build.no_files, 0, "{report:?}");
    assert!(lab.waits_for(10).unwrap().contains("vanished"), "{report:?}");
    for number in all.clone() {
        match lab.status(number).unwrap() {
            RecordStatus::Completed => assert_eq!(lab.activities(number).concat().len(), 2, "{number}"),
            status => assert_eq!((status, number % 2), (RecordStatus::ToBeBuilt, 0), "{number}"),
        }
    }
    fs::rename(to, from).unwrap();
    lab.run();
    for number in all {
        assert_eq!(lab.status(number), Some(RecordStatus::Completed), "{number}");
        assert_eq!(lab.activities(number).concat().len(), 2, "{number}");
        assert_eq!(lab.servers.server("a").of(Lab::id(number).as_str()).len(), 1);
    }
}

#[test]
fn a_session_that_another_program_moves_while_it_is_built_is_left_alone_and_ends_nothing() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions(1..=6);
    let database = lab.path("nexus.db");
    let moves = move |_: &Path| {
        let connection = rusqlite::Connection::open(&database).unwrap();
        connection.busy_timeout(Duration::from_secs(30)).unwrap();
        let sql = "UPDATE session_log SET record_status = 'COMPLETED' WHERE session_identifier = 'lab-use-3'";
        assert_eq!(connection.execute(sql, []).unwrap(), 2);
    };
    let report = lab.run_meddled(&Meddler::new().when("3_image.txt", moves));
    assert_eq!(report.build.waiting, [("moved by another program".to_owned(), 1)].into());
    assert_eq!(report.build.built, 5);
    for number in 1..=6 {
        assert_eq!(lab.status(number), Some(RecordStatus::Completed), "{number}");
        let objects = lab.servers.server("a").of(Lab::id(number).as_str()).len();
        assert_eq!(objects, usize::from(number != 3), "{number}");
    }
    let in_hand = "UPDATE nexus_session SET attempts = 0 WHERE attempts <> 0";
    assert_eq!(lab.sql(in_hand, &[]), 0, "it has crashed nothing");
}

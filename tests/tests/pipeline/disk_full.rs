//! No room for what is made: sessions wait, and the run after somebody has made room is as if nothing had been.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use nexus_core::pipeline::{self, Steps};
use nexus_core::report::RunReport;
use nexus_core::session::RecordStatus;
use nexus_tests::lab::{Lab, Meddler, left_overs, tree};
use nexus_tests::privilege::{MOUNTS, Mounted, elsewhere};

const ALL: std::ops::RangeInclusive<u32> = 1..=8;

fn lab() -> Lab {
    let mut lab = Lab::with_destinations(&["a"]);
    lab.storage("records = \"records\"");
    fs::create_dir(lab.path("records")).unwrap();
    lab.sessions(ALL);
    lab
}

/// Fills a file system up to a rest in bytes.
fn fill(folder: &Path, rest: u64) {
    let path = folder.join("filler");
    let mut filler = File::create(&path).unwrap();
    while filler.write_all(&[0; 4096]).is_ok() {}
    let length = filler.metadata().unwrap().len();
    filler.set_len(length.saturating_sub(rest)).unwrap();
}

fn make_room(folder: &Path) {
    fs::remove_file(folder.join("filler")).unwrap();
}

/// Nothing half-written is there, and nothing is settled for want of room.
fn is_whole(lab: &Lab, report: &RunReport) {
    assert_eq!((report.build.error, report.build.no_files), (0, 0), "{report:?}");
    for name in ["data", "records"] {
        assert_eq!(left_overs(&lab.path(name)), Vec::<std::path::PathBuf>::new());
        for (name, bytes) in tree(&lab.path(name)) {
            match name.extension().and_then(|suffix| suffix.to_str()) {
                Some("json") => drop(serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()),
                Some("png") => assert!(bytes.ends_with(b"IEND\xaeB`\x82"), "{}", name.display()),
                Some("xml") => assert!(bytes.ends_with(b"</Experiment>\n"), "{}", name.display()),
                _ => {}
            }
        }
    }
    for number in ALL {
        match lab.status(number).unwrap() {
            RecordStatus::ToBeBuilt => assert!(lab.waits_for(number).is_some(), "{number}"),
            status => assert_eq!(status, RecordStatus::Completed, "{number}"),
        }
    }
}

/// With room, every session gets its record, once.
fn is_made_good(lab: &Lab) {
    let report = lab.run();
    is_whole(lab, &report);
    assert_eq!(report.needs_person, [""; 0]);
    for number in ALL {
        assert_eq!(lab.status(number), Some(RecordStatus::Completed), "{number}");
        assert_eq!(lab.servers.server("a").of(Lab::id(number).as_str()).len(), 1);
        let (_, folder, _) = nexus_tests::lab::INSTRUMENTS[number as usize % 2];
        for suffix in ["json", "thumb.png"] {
            let path = lab.path(&format!("data/{folder}/{number}_image.txt.{suffix}"));
            assert!(path.is_file(), "{}", path.display());
        }
    }
    let records = tree(&lab.path("records"));
    assert_eq!(records.keys().filter(|name| name.extension() == Some("xml".as_ref())).count(), ALL.count());
}

#[test]
fn without_room_for_previews_and_metadata_sessions_wait() {
    if elsewhere(&MOUNTS, "disk_full::without_room_for_previews_and_metadata_sessions_wait") {
        return;
    }
    let lab = lab();
    let data = lab.path("data");
    let _small = Mounted::over(&data, "1m");
    fill(&data, 24 * 1024);
    let report = lab.run();
    is_whole(&lab, &report);
    let waiting = report.build.waiting["no space in the data folder"];
    assert!(waiting > 0, "{report:?}");
    assert_eq!(report.needs_person.len(), 1, "{report:?}");
    assert!(report.needs_person[0].contains(&format!("({waiting} sessions wait)")), "{report:?}");
    assert!(report.needs_person[0].contains("make space in the data folder"), "{report:?}");
    make_room(&data);
    is_made_good(&lab);
}

#[test]
fn without_any_room_in_the_data_folder_nothing_is_settled() {
    if elsewhere(&MOUNTS, "disk_full::without_any_room_in_the_data_folder_nothing_is_settled") {
        return;
    }
    let lab = lab();
    lab.harvest();
    let data = lab.path("data");
    let _small = Mounted::over(&data, "1m");
    fill(&data, 0);
    match pipeline::run(&lab.open().unwrap(), Steps::ALL) {
        Ok(report) => {
            is_whole(&lab, &report);
            assert_eq!(report.build.waiting["no space in the data folder"], ALL.count() as u64);
        }
        Err(error) => assert!(error.to_string().contains("full"), "{error}"),
    }
    make_room(&data);
    is_made_good(&lab);
}

#[test]
fn without_room_for_records_sessions_wait() {
    if elsewhere(&MOUNTS, "disk_full::without_room_for_records_sessions_wait") {
        return;
    }
    let lab = lab();
    let records = lab.path("records");
    let _small = Mounted::over(&records, "1m");
    // Enough for some.
    fill(&records, 12 * 1024);
    let report = lab.run();
    is_whole(&lab, &report);
    let waiting = report.build.waiting["record cannot be written"];
    assert!(waiting > 0 && report.build.built + waiting == 8, "{report:?}");
    assert_eq!(report.needs_person.len(), 1, "{report:?}");
    assert!(report.needs_person[0].contains("the disk is full"), "{report:?}");
    make_room(&records);
    is_made_good(&lab);
}

#[test]
fn without_room_for_a_rebuild_the_old_record_stays() {
    if elsewhere(&MOUNTS, "disk_full::without_room_for_a_rebuild_the_old_record_stays") {
        return;
    }
    let lab = lab();
    let records = lab.path("records");
    let _small = Mounted::over(&records, "1m");
    is_made_good(&lab);
    let before: Vec<_> = ALL.map(|number| lab.record(number).unwrap()).collect();
    for number in ALL {
        lab.put_file(number, "second");
    }
    lab.rebuild_all();
    fill(&records, 0);
    let report = lab.run();
    is_whole(&lab, &report);
    assert_eq!(report.build.waiting["record cannot be written"], 8);
    assert_eq!(ALL.map(|number| lab.record(number).unwrap()).collect::<Vec<_>>(), before);
    make_room(&records);
    is_made_good(&lab);
    for number in ALL {
        assert_eq!(lab.activities(number).concat().len(), 2, "{number}");
    }
}

#[test]
fn without_a_file_to_spare_no_record_is_made_without_its_metadata() {
    if elsewhere(&MOUNTS, "disk_full::without_a_file_to_spare_no_record_is_made_without_its_metadata") {
        return;
    }
    let lab = lab();
    let data = lab.path("data");
    let _small = Mounted::over(&data, "8m,nr_inodes=100");
    let meddler = Meddler::new();
    assert_eq!(lab.run_meddled(&meddler).build.built, 8);
    let before: Vec<_> = ALL.map(|number| lab.record(number).unwrap()).collect();
    assert!(before[0].contains("Length"), "the readers had their say");
    lab.rebuild_all();
    let fillers = (0..).map(|number| data.join(format!("filler{number}")));
    let made: Vec<_> = fillers.take_while(|path| File::create(path).is_ok()).collect();
    let report = lab.run_meddled(&meddler);
    is_whole(&lab, &report);
    assert_eq!(report.build.waiting, [("no space in the data folder".to_owned(), 8)].into());
    for path in made {
        fs::remove_file(path).unwrap();
    }
    assert_eq!(lab.run_meddled(&meddler).build.built, 8);
    assert_eq!(ALL.map(|number| lab.record(number).unwrap()).collect::<Vec<_>>(), before);
}

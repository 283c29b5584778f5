//! Records that are not what their schema says.

use std::fs;

use nexus_core::db::{Access, Database};
use nexus_core::session::{self, RecordStatus};
use nexus_core::validate::{Invalid, Problem, RecordValidator};
use nexus_tests::lab::Lab;

/// Refuses every record with this text in it.
struct Refuses(String);

impl RecordValidator for Refuses {
    fn examine(&self, record: &[u8], _limit: usize) -> Result<(), Invalid> {
        if !String::from_utf8_lossy(record).contains(&self.0) {
            return Ok(());
        }
        let problem = Problem {
            path: "/Experiment/acquisitionActivity[2]/dataset".to_owned(),
            line: 7,
            column: 3,
            message: "scripted".to_owned(),
        };
        Err(Invalid { problems: vec![problem], more: false })
    }
}

/// Of this session.
fn refuses(number: u32) -> &'static dyn RecordValidator {
    Box::leak(Box::new(Refuses(format!("{number}_image.txt"))))
}

#[test]
fn an_invalid_record_is_an_error_is_kept_aside_and_can_be_tried_again() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions(1..=6);
    let report = lab.run_with(|facility| facility.validator = refuses(3));
    assert_eq!((report.build.built, report.build.error), (5, 1));
    assert_eq!(lab.status(3), Some(RecordStatus::Error));
    assert_eq!(report.needs_person.len(), 1, "{report:?}");
    let rejected = lab.path("data/records/rejected/2024-03-04_LAB-SEM_lab-use-3.xml");
    for part in ["lab-use-3", "/Experiment/acquisitionActivity[2]/dataset", rejected.to_str().unwrap()] {
        assert!(report.needs_person[0].contains(part), "{part}: {report:?}");
    }
    assert!(fs::read_to_string(&rejected).unwrap().contains("<location>/sem/3_image.txt</location>"));
    assert_eq!((lab.record(3), lab.servers.server("a").of("lab-use-3")), (None, Vec::new()));
    for number in [1, 2, 4, 5, 6] {
        assert_eq!(lab.status(number), Some(RecordStatus::Completed), "{number}");
    }
    assert_eq!(lab.run().build.planned, 0, "not tried again by itself");

    let mut database = Database::open(&lab.path("nexus.db"), Access::Write).unwrap();
    let tx = database.transaction().unwrap();
    let moved = session::move_status(&tx, &Lab::id(3), RecordStatus::Error, RecordStatus::ToBeBuilt).unwrap();
    assert!(moved.is_moved(), "{moved:?}");
    tx.commit().unwrap();
    drop(database);
    assert_eq!(lab.run().build.built, 1);
    assert_eq!(lab.status(3), Some(RecordStatus::Completed));
    assert_eq!(lab.servers.server("a").of("lab-use-3").len(), 1);
    assert!(!rejected.exists());
}

#[test]
fn a_rebuild_that_is_invalid_leaves_the_old_record_and_is_told() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2]);
    lab.run();
    let (before, uploads) = (lab.record(1).unwrap(), lab.uploads(1, "a"));
    lab.put_file(1, "second");
    lab.put_file(2, "second");
    lab.rebuild_all();
    let report = lab.run_with(|facility| facility.validator = refuses(1));
    assert_eq!((report.build.built, report.build.error), (1, 0));
    assert_eq!(report.build.waiting, [("rebuild is not valid".to_owned(), 1)].into());
    assert_eq!(report.needs_person.len(), 1, "{report:?}");
    assert!(report.needs_person[0].contains("lab-use-1"), "{report:?}");
    assert!(report.needs_person[0].contains("/Experiment/acquisitionActivity[2]/dataset"), "{report:?}");
    let rejected = lab.path("data/records/rejected/2024-03-04_LAB-SEM_lab-use-1.xml");
    assert!(fs::read_to_string(&rejected).unwrap().contains("1_second.txt"));
    assert_eq!((lab.status(1), lab.record(1)), (Some(RecordStatus::Completed), Some(before)));
    assert_eq!(lab.uploads(1, "a"), uploads, "nothing new was delivered");
    assert_eq!(lab.run().build.built, 1);
    assert_eq!(lab.activities(1).concat().len(), 2);
    assert!(!rejected.exists());
    assert_eq!(lab.servers.server("a").of("lab-use-1").len(), 1);
}

//! The machine goes down before the files beside the records are on the disk.

use std::fs;

use nexus_core::session::RecordStatus;
use nexus_tests::lab::Lab;

const MARK: &str =
    "INSERT INTO nexus_meta (key, value) SELECT 'unsynced', ?1 || ' ' || min(built_at) FROM nexus_session";

#[test]
fn what_lay_beside_records_is_made_again_and_nothing_is_delivered_twice() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2, 3]);
    lab.run();
    let preview = lab.path("data/tem/2_image.txt.thumb.png");
    let metadata = lab.path("data/tem/2_image.txt.json");
    let whole = fs::read(&preview).unwrap();
    let held = lab.servers.server("a").counts().creates;
    assert_eq!(held, 3);
    assert_eq!(
        lab.sql("DELETE FROM nexus_meta WHERE key = ?1", &["unsynced"]),
        0,
        "a run that ends has synced"
    );

    // As the disk would be, had the machine gone down in that run: the rows are there, the files are not.
    lab.sql(MARK, &["earlier-boot"]);
    fs::write(&preview, b"").unwrap();
    fs::remove_file(&metadata).unwrap();
    let report = lab.run_with(|facility| facility.boot = "this-boot".to_owned());
    assert_eq!(report.build.planned, 3, "{report:?}");
    assert!(report.warnings.iter().any(|line| line.contains("3 records")), "{report:?}");
    assert_eq!(fs::read(&preview).unwrap(), whole);
    assert!(metadata.is_file());
    for number in [1, 2, 3] {
        assert_eq!(lab.status(number), Some(RecordStatus::Completed));
    }
    let counts = lab.servers.server("a").counts();
    assert_eq!(counts.creates, held, "equal content is not delivered again");
    assert_eq!(lab.run().build.planned, 0);
}

#[test]
fn a_program_that_was_killed_has_lost_nothing_it_wrote() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1]);
    lab.run();
    lab.sql(MARK, &["this-boot"]);
    let report = lab.run_with(|facility| facility.boot = "this-boot".to_owned());
    assert_eq!(report.build.planned, 0, "{report:?}");
    assert_eq!(lab.sql("DELETE FROM nexus_meta WHERE key = ?1", &["unsynced"]), 0, "and it is synced now");
}

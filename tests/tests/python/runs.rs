//! Whole runs with destinations in Python, started by the process carrier.

use std::fs;

use nexus_core::delivery::State;
use nexus_core::session::RecordStatus;
use nexus_tests::lab::Lab;
use nexus_tests::program::script;

/// A facility with a scripted destination `cdcs`, and the shelf exporter that waits for it.
fn lab_with_shelf(behaviour: &str, more: &str) -> Lab {
    let mut lab = Lab::with_destinations(&["cdcs"]);
    fs::create_dir(lab.path("shelf")).unwrap();
    let bridge = fs::canonicalize(script("plugins/python-bridge/nexus_exporter_bridge.py")).unwrap();
    let exporter = fs::canonicalize(script("tests/testdata/exporters/shelf.py")).unwrap();
    let lines = format!(
        "command = [\"python3\", \"{}\"]\nexporter = \"{}\"\nafter = [\"cdcs\"]\nnexuslims = \"stand-in\"\n{more}\n\
         [destinations.shelf.environment]\nNX_SHELF_PATH = \"{}\"\nSHELF_BEHAVIOUR = \"{behaviour}\"\n\
         SHELF_TOKEN = {{ value = \"sesame-4711\" }}",
        bridge.display(),
        exporter.display(),
        lab.path("shelf").display(),
    );
    lab.table("shelf", &lines);
    lab
}

fn on_the_shelf(lab: &Lab) -> usize {
    let entries = fs::read_dir(lab.path("shelf")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|suffix| suffix == "xml")).count()
}

#[test]
fn an_exporter_of_nexuslims_delivers_in_a_run_and_sees_the_one_before_it() {
    let lab = lab_with_shelf("", "");
    lab.sessions(1..=3);
    lab.run();
    for number in 1..=3 {
        assert_eq!(lab.status(number), Some(RecordStatus::Completed));
        assert_eq!(lab.uploads(number, "shelf"), ["ok"]);
        let delivery = lab.delivery(number, "shelf").unwrap();
        assert_eq!(delivery.state, State::Delivered);
        let name = delivery.remote_id.unwrap();
        let slip = fs::read_to_string(lab.path(&format!("shelf/{name}.slip"))).unwrap();
        let cdcs = lab.delivery(number, "cdcs").unwrap();
        let before = format!("previous cdcs True {}", cdcs.remote_id.unwrap());
        assert!(slip.contains(&before), "`{before}` is not in\n{slip}");
        assert!(slip.contains(&format!("session {}", Lab::id(number))), "{slip}");
        assert!(slip.contains("user ada") && slip.contains("_image.txt"), "{slip}");
    }
    lab.run();
    assert_eq!(on_the_shelf(&lab), 3, "each record once");
}

#[test]
fn a_failed_export_is_unknown_and_nobody_tries_it_again_by_itself() {
    for (behaviour, words) in [("fail", "the server timed out"), ("raise", "full of eels"), ("die", "shelf")]
    {
        let lab = lab_with_shelf(behaviour, "");
        lab.sessions(1..=1);
        let report = lab.run();
        assert_eq!(lab.delivery(1, "shelf").unwrap().state, State::Unknown, "{behaviour}");
        assert_eq!(lab.uploads(1, "shelf"), ["unknown"], "{behaviour}");
        let told = report.needs_person.join("\n");
        assert!(told.contains(words) && told.contains("shelf"), "{behaviour}: {told}");
        assert_eq!(lab.status(1), Some(RecordStatus::Completed), "the other destination has it");
        lab.run();
        assert_eq!(lab.uploads(1, "shelf"), ["unknown"], "{behaviour}");
    }
}

#[test]
fn a_failure_that_leaves_nothing_is_tried_again() {
    let lab = lab_with_shelf("fail", "on_failure = \"retry\"");
    lab.sessions(1..=1);
    lab.run();
    assert_eq!(lab.delivery(1, "shelf").unwrap().state, State::Due);
    assert_eq!(lab.uploads(1, "shelf"), ["transient", "transient"]);
}

#[test]
fn an_exporter_that_cannot_work_is_left_alone_and_its_deliveries_stay_due() {
    let lab = lab_with_shelf("", "");
    lab.sessions(1..=2);
    fs::remove_dir(lab.path("shelf")).unwrap();
    let report = lab.run();
    let told = report.needs_person.join("\n");
    assert!(told.contains("exporter `shelf` cannot be used: there is no folder"), "{told}");
    for number in 1..=2 {
        assert_eq!(lab.delivery(number, "shelf").unwrap().state, State::Due);
        assert_eq!(lab.uploads(number, "shelf"), Vec::<String>::new());
    }
    fs::create_dir(lab.path("shelf")).unwrap();
    lab.run();
    assert_eq!(on_the_shelf(&lab), 2);
}

#[test]
fn a_changed_record_is_not_exported_a_second_time() {
    let lab = lab_with_shelf("", "");
    lab.sessions(1..=1);
    lab.run();
    lab.put_file(1, "late");
    lab.rebuild_all();
    let report = lab.run();
    let told = report.needs_person.join("\n");
    assert!(told.contains("cannot replace what it made"), "{told}");
    assert_eq!(on_the_shelf(&lab), 1);
}

#[test]
fn the_example_destination_delivers_and_replaces() {
    let mut lab = Lab::new();
    fs::create_dir(lab.path("share")).unwrap();
    let share = fs::canonicalize(script("examples/python-destination/share.py")).unwrap();
    lab.table("share", &format!("command = [\"python3\", \"{}\"]\nfolder = \"share\"", share.display()));
    lab.sessions(1..=4);
    lab.run();
    let records = || {
        let entries = fs::read_dir(lab.path("share")).unwrap().map(|entry| entry.unwrap().path());
        let mut records: Vec<_> = entries.filter(|path| path.extension().unwrap() == "xml").collect();
        records.sort();
        records
    };
    let before = records();
    assert_eq!(before.len(), 4);
    lab.put_file(2, "late");
    lab.rebuild_all();
    lab.run();
    assert_eq!(records(), before, "no second copy");
    let delivery = lab.delivery(2, "share").unwrap();
    assert_eq!(delivery.state, State::Delivered);
    let text = fs::read_to_string(lab.path("share").join(delivery.remote_id.unwrap())).unwrap();
    assert_eq!(Some(text), lab.record(2));
    assert_eq!(lab.uploads(2, "share"), ["ok", "ok"]);
    assert_eq!(lab.uploads(1, "share"), ["ok"]);
}

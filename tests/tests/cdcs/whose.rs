//! Records that are there already: of the session, by whatever way, or of somebody else.

use nexus_core::delivery::State;
use nexus_plugin_api::{Found, Remote};

use super::bench::{Bench, Facility};

#[test]
fn a_record_that_nexuslims_uploaded_is_changed_and_not_doubled() {
    let facility = Facility::new();
    facility.lab.sessions([1]);
    facility.build();
    // NexusLIMS makes another record and gives no key along.
    let theirs = facility.lab.record(1).unwrap().replace("<title>Experiment", "<title>Session");
    let id = facility.site.put_record(&facility.title(1), 1, &theirs);
    let (_, requests) = facility.run();
    let record = facility.the_record(1);
    assert_eq!(record.id, id);
    assert_eq!(record.workspace, Some(1), "published as well");
    assert_eq!(requests, 5, "template, query, change, workspace, assign");
    assert_eq!(facility.lab.uploads(1, "cdcs"), ["ok"]);
    assert_eq!(facility.run().1, 0);
}

#[test]
fn the_same_record_is_left_as_it_is() {
    let facility = Facility::new();
    facility.lab.sessions([1]);
    facility.build();
    let id = facility.site.put_record(&facility.title(1), 1, &facility.lab.record(1).unwrap());
    facility.site.change_record(id, |record| record.workspace = Some(1));
    assert_eq!(facility.run().1, 2, "template and query");
    assert_eq!(facility.the_record(1).id, id);
}

#[test]
fn a_record_of_another_session_with_the_same_title_is_left_alone() {
    let facility = Facility::new();
    facility.lab.sessions([1]);
    facility.build();
    let record = facility.lab.record(1).unwrap();
    let title = facility.title(1);
    let others = [
        "<note>by hand</note>".to_owned(),
        record.replace("LAB-SEM", "LAB-TEM"),
        record.replace("2024-03-04", "2024-03-05"),
        format!("{record}<!-- nexus record key: 00000000-0000-4000-8000-000000000000 -->\n"),
    ];
    for other in &others {
        facility.site.put_record(&title, 1, other);
    }
    facility.run();
    let records = facility.records(1);
    assert_eq!(records.len(), others.len() + 1);
    for (record, other) in records.iter().zip(&others) {
        assert_eq!((&record.content, record.workspace), (other, None));
    }
    assert!(records[4].content.starts_with(&record));
    assert_eq!(facility.lab.uploads(1, "cdcs"), ["ok"]);
    // And it is found again among them.
    facility.lab.put_file(1, "second");
    facility.lab.rebuild_all();
    facility.run();
    assert_eq!(facility.records(1).len(), others.len() + 1);
    assert!(facility.records(1)[4].content.contains("1_second"));
}

#[test]
fn two_records_of_one_session_are_a_matter_for_a_person() {
    let facility = Facility::new();
    facility.lab.sessions([1]);
    facility.build();
    let theirs = facility.lab.record(1).unwrap();
    let title = facility.title(1);
    facility.site.put_record(&title, 1, &theirs);
    facility.site.put_record(&title, 1, &theirs);
    let (report, _) = facility.run();
    assert_eq!(facility.lab.delivery(1, "cdcs").unwrap().state, State::Unknown);
    assert!(report.needs_person.iter().any(|line| line.contains("2 objects found")), "{report:?}");
    assert_eq!(facility.records(1).len(), 2);
    assert_eq!(facility.site.server.count("PATCH", "/"), 0);
}

#[test]
fn a_record_under_another_title_is_known_by_its_number() {
    let bench = Bench::new();
    let delivery = bench.delivery("r", "one");
    let remote = bench.carry(&delivery).unwrap();
    bench.site.change_record(1, |record| record.title = "renamed by hand".into());
    assert_eq!(bench.find(&delivery), Found::None, "by its title it cannot be found");
    let mut known = delivery.clone();
    known.previous = Some(remote.clone());
    assert_eq!(bench.find(&known), Found::One(remote));
    // A number that is no longer there, that was never one, and one that has become another's.
    let other = bench.delivery("other", "two");
    bench.carry(&other).unwrap();
    for id in ["99", "x", "", "2", "18446744073709551616"] {
        known.previous = Some(Remote { id: id.into(), url: None, content_sha256: None });
        assert_eq!(bench.find(&known), Found::None, "{id}");
    }
}

#[test]
fn pages_are_counted_and_not_followed() {
    let bench = Bench::new();
    let delivery = bench.delivery("r", "one");
    bench.carry(&delivery).unwrap();
    for _ in 0..24 {
        bench.site.put_record("r", 1, "<note/>");
    }
    bench.site.server.forget_requests();
    assert!(matches!(bench.find(&delivery), Found::One(remote) if remote.id == "1"));
    assert_eq!(bench.site.server.count("POST", "/rest/data/query/"), 3);
    assert!(bench.logged().contains("left alone"));
}

#[test]
fn a_title_with_a_dollar_sign_is_asked_for_in_another_way() {
    let bench = Bench::new();
    let delivery = bench.delivery("2026_$EM_1", "one");
    bench.carry(&delivery).unwrap();
    bench.carry(&delivery).unwrap();
    assert_eq!(bench.site.records().len(), 1);
    // An ordinary account asks page by page for its own.
    let ordinary = Bench::new().with("token", "adas");
    ordinary.site.add_account("ada", "adas", nexus_tests::fake_cdcs::Role::Ordinary);
    for _ in 0..12 {
        ordinary.site.put_record("2026_$EM_1", 2, "<note/>");
    }
    let delivery = ordinary.delivery("2026_$EM_1", "one");
    ordinary.carry(&delivery).unwrap();
    ordinary.carry(&delivery).unwrap();
    assert_eq!(ordinary.site.records().len(), 13);
}

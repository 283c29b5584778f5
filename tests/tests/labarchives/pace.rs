//! A second between two calls with one key, whoever makes them.

use std::collections::BTreeMap;

use nexus_tests::fake_labarchives::NOTEBOOK;

use super::bench::{Bench, Facility, notebook};
use super::holds::Spaced;

#[test]
fn several_workers_share_the_pace() {
    let facility = Facility::of_many();
    facility.lab.sessions(1..=6);
    facility.run();
    facility.all(1..=6);
    let top: Vec<_> =
        facility.site.nodes().into_iter().filter(|node| !node.is_page).map(|node| node.text).collect();
    assert_eq!(top.len(), 3, "{top:?}");
}

#[test]
fn two_destinations_of_one_key_share_the_pace() {
    let mut facility = Facility::bare(Spaced::Signed);
    let second = facility.site.add_notebook(nexus_tests::fake_labarchives::UID, "Second", false);
    facility.table("eln", &notebook());
    facility.table("archive", &format!("notebook_id = \"{second}\"\n"));
    facility.lab.sessions(1..=3);
    facility.run();
    let mut by_notebook: BTreeMap<String, usize> = BTreeMap::new();
    for page in facility.site.pages() {
        *by_notebook.entry(page.nbid).or_default() += 1;
    }
    assert_eq!(by_notebook, BTreeMap::from([(NOTEBOOK.to_owned(), 3), (second, 3)]));
    assert_eq!(facility.site.entries().len(), 2 * 6);
    assert_eq!(facility.next_day().1.len(), 0);
}

#[test]
fn instances_share_the_pace_too() {
    let bench = Bench::of_many();
    std::thread::scope(|scope| {
        for number in 0..4 {
            let bench = &bench;
            let delivery = bench.delivery(&format!("record-{number}"), "1");
            scope.spawn(move || bench.carry(&delivery).unwrap());
        }
    });
    let summaries = bench.site.entries().into_iter().filter(|entry| !entry.is_attachment());
    assert_eq!(summaries.count(), 4);
    assert_eq!(bench.site.pages().len(), 4);
}

#[test]
fn workers_of_one_instance_make_no_folder_twice() {
    let bench = Bench::of_many();
    let plugin = bench.plugin();
    std::thread::scope(|scope| {
        for number in 0..6 {
            let (bench, plugin) = (&bench, plugin.as_ref());
            let delivery = bench.delivery(&format!("record-{number}"), "1");
            scope.spawn(move || bench.carry_with(plugin, &delivery).unwrap());
        }
    });
    assert_eq!(bench.site.nodes().len(), 2 + 6, "{:#?}", bench.site.nodes());
}

#[test]
fn the_pace_can_be_set() {
    let bench = Bench::new().with("call_interval", "3 s");
    bench.carry(&bench.delivery("one", "1")).unwrap();
    for pair in bench.site.calls().windows(2) {
        assert!(pair[1].at - pair[0].at >= chrono::TimeDelta::seconds(3), "{pair:#?}");
    }
    let mut bench = Bench::new().with("call_interval", "0 s");
    bench.spaced = Spaced::Not;
    // An earlier test's server may have stood at the same port, and its last call keeps its distance.
    bench.clock.advance(chrono::TimeDelta::days(1_000));
    let began = nexus_core::clock::Clock::now(bench.clock.as_ref());
    bench.carry(&bench.delivery("one", "1")).unwrap();
    assert_eq!(nexus_core::clock::Clock::now(bench.clock.as_ref()), began, "nobody waits");
}

//! Events that cannot be read, until somebody mends them.

use nexus_plugin_api::HarvestPage;
use nexus_tests::fake_sharepoint::Item;
use serde_json::json;

use super::bench::{Bench, TITAN, both, progress, utc};

const DAILY: &str = "<repeat><daily dayFrequency=\"1\"/></repeat><repeatInstances>5</repeatInstances>";

/// An event of October 2026; the clock shows midnight (UTC) of 1 November.
fn event(id: u64, from: &str, to: &str) -> Item {
    Item::new(id, &format!("Booking {id}"), &format!("2026-10-{from}:00Z"), &format!("2026-10-{to}:00Z"))
        .by(12)
}

/// One that ends before it begins.
fn broken(id: u64) -> Item {
    event(id, "30T12:00", "30T09:00")
}

fn calendar(bench: Bench) -> Bench {
    bench.with("sessions", json!(true)).with("timezone", json!("America/New_York"))
}

fn starts(pages: &[HarvestPage]) -> Vec<String> {
    let mut starts: Vec<_> =
        pages.iter().flat_map(|page| &page.events).map(|event| utc(Some(&event.start))).collect();
    starts.sort();
    starts
}

fn places(pages: &[HarvestPage]) -> Vec<&str> {
    pages.iter().flat_map(|page| &page.rejected).map(|row| row.place.as_str()).collect()
}

fn is_complete(pages: &[HarvestPage]) -> bool {
    progress(pages).iter().all(|one| one.complete)
}

#[test]
fn an_item_that_is_mended_late_is_handed_over_then() {
    both(|bench| {
        let bench = calendar(bench).holding([event(1, "30T13:00", "30T14:00"), broken(2)]);
        let first = bench.harvest(&["TITAN"], None).unwrap();
        assert_eq!(starts(&first), ["2026-10-30T13:00:00Z"]);
        assert!(places(&first)[0].contains("item 2 of"), "{first:?}");
        // It is told and nothing counts as deleted, long after it would have been read for the last time.
        let mut last = first;
        for now in ["2026-11-20T00:00:00Z", "2026-12-20T00:00:00Z", "2027-01-20T00:00:00Z"] {
            bench.pause.set(now);
            last = bench.harvest(&["TITAN"], Some(&last)).unwrap();
            assert_eq!(places(&last).len(), 1, "{last:?}");
            assert!(!is_complete(&last), "{last:?}");
        }
        bench.site.put(TITAN, event(2, "30T09:00", "30T12:00"));
        let mended = bench.harvest(&["TITAN"], Some(&last)).unwrap();
        assert_eq!(starts(&mended), ["2026-10-30T09:00:00Z"]);
        assert!(places(&mended).is_empty() && is_complete(&mended), "{mended:?}");
        bench.requests();
        let after = bench.harvest(&["TITAN"], Some(&mended)).unwrap();
        assert!(starts(&after).is_empty(), "{after:?}");
        let asked = bench.site.server.requests();
        let is_of_it = |path: &str| path.contains("/items(2)") || path.contains("/items/2");
        assert!(!asked.iter().any(|request| is_of_it(&request.path)), "{asked:?}");
    });
}

#[test]
fn an_item_that_is_deleted_instead_is_forgotten() {
    both(|bench| {
        let bench = calendar(bench).holding([broken(2)]);
        let first = bench.harvest(&["TITAN"], None).unwrap();
        bench.pause.set("2027-01-20T00:00:00Z");
        bench.site.remove(TITAN, 2);
        let second = bench.harvest(&["TITAN"], Some(&first)).unwrap();
        assert!(places(&second).is_empty() && is_complete(&second), "{second:?}");
    });
}

#[test]
fn of_a_rule_that_is_mended_late_the_occurrences_since_then_are_handed_over() {
    both(|bench| {
        let mut series = event(9, "21T13:00", "28T14:00").repeating(3600, DAILY);
        series.rule = Some("\u{1}binary".into());
        let bench = calendar(bench).holding([series.clone()]);
        let first = bench.harvest(&["TITAN"], None).unwrap();
        assert!(starts(&first).is_empty() && places(&first).len() == 1, "{first:?}");
        bench.pause.set("2027-01-20T00:00:00Z");
        let second = bench.harvest(&["TITAN"], Some(&first)).unwrap();
        bench.site.put(TITAN, event(9, "21T13:00", "28T14:00").repeating(3600, DAILY));
        let third = bench.harvest(&["TITAN"], Some(&second)).unwrap();
        // What had ended before the first harvest began to read is not wanted now either.
        assert_eq!(starts(&third), ["2026-10-25T13:00:00Z"], "{third:?}");
    });
}

#[test]
fn more_of_them_than_are_remembered_are_all_read_again() {
    both(|bench| {
        let bench = calendar(bench).holding((1..=130).map(broken));
        let first = bench.harvest(&["TITAN"], None).unwrap();
        assert!(first[0].rejected.iter().any(|row| row.reason.contains("more than 100")), "{first:?}");
        bench.pause.set("2027-01-20T00:00:00Z");
        let second = bench.harvest(&["TITAN"], Some(&first)).unwrap();
        for id in 1..=130 {
            bench.site.put(TITAN, event(id, "30T09:00", "30T12:00"));
        }
        let third = bench.harvest(&["TITAN"], Some(&second)).unwrap();
        assert_eq!(starts(&third).len(), 130);
        let fourth = bench.harvest(&["TITAN"], Some(&third)).unwrap();
        assert!(starts(&fourth).is_empty(), "{fourth:?}");
    });
}

#[test]
fn an_event_that_breaks_after_it_was_handed_over_does_not_stop_its_list() {
    both(|bench| {
        let bench = calendar(bench).holding([event(2, "30T09:00", "30T12:00")]);
        let first = bench.harvest(&["TITAN"], None).unwrap();
        bench.site.put(TITAN, broken(2));
        bench.site.put(TITAN, event(3, "31T09:00", "31T12:00"));
        let second = bench.harvest(&["TITAN"], Some(&first)).unwrap();
        assert_eq!(starts(&second), ["2026-10-31T09:00:00Z"], "{second:?}");
        assert!(!is_complete(&second) && places(&second).len() == 1, "{second:?}");
        // Wherever it is moved to, its session follows.
        bench.pause.set("2027-01-20T00:00:00Z");
        let third = bench.harvest(&["TITAN"], Some(&second)).unwrap();
        bench.site.put(TITAN, Item::new(2, "Later", "2027-02-01T09:00:00Z", "2027-02-01T12:00:00Z").by(12));
        let fourth = bench.harvest(&["TITAN"], Some(&third)).unwrap();
        assert_eq!(starts(&fourth), ["2027-02-01T09:00:00Z"], "{fourth:?}");
    });
}

#[test]
fn an_occurrence_that_was_changed_and_cannot_be_read_is_not_where_its_rule_says() {
    both(|bench| {
        let bench = calendar(bench).holding([
            event(9, "28T13:00", "30T14:00").repeating(3600, &DAILY.replace('5', "3")),
            broken(57).instead_of(9, "2026-10-29T13:00:00Z"),
        ]);
        let first = bench.harvest(&["TITAN"], None).unwrap();
        assert_eq!(starts(&first), ["2026-10-28T13:00:00Z", "2026-10-30T13:00:00Z"], "{first:?}");
        bench.pause.set("2027-01-20T00:00:00Z");
        let second = bench.harvest(&["TITAN"], Some(&first)).unwrap();
        bench.site.put(TITAN, event(57, "29T18:00", "29T19:00").instead_of(9, "2026-10-29T13:00:00Z"));
        let third = bench.harvest(&["TITAN"], Some(&second)).unwrap();
        assert_eq!(starts(&third), ["2026-10-29T18:00:00Z"], "{third:?}");
    });
}

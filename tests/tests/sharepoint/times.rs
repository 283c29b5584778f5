//! Zones, whole days, nights, and the days on which the clock changes.

use nexus_tests::fake_sharepoint::Item;
use serde_json::json;

use super::bench::{Bench, Dialect, both, session, utc};

fn all_day(id: u64, from: &str, to: &str) -> Item {
    let item = Item::new(id, "All day", &format!("{from}T00:00:00Z"), &format!("{to}T23:59:00Z"));
    item.by(12).all_day()
}

/// Start and end of the booking of a session, in UTC.
fn booked(bench: &Bench, from: &str, to: &str) -> (String, String) {
    let found = bench.found(&session(from, to));
    (utc(found.start.as_ref()), utc(found.end.as_ref()))
}

#[test]
fn a_whole_day_is_the_sites_own() {
    both(|bench| {
        let bench = bench.holding([all_day(1, "2025-03-05", "2025-03-05")]);
        let expected = ("2025-03-05T05:00:00Z".into(), "2025-03-06T05:00:00Z".into());
        assert_eq!(booked(&bench, "2025-03-05T15:00:00Z", "2025-03-05T16:00:00Z"), expected);
        // The late evening in New York is the next day in UTC, and the evening before is not.
        assert_eq!(bench.outcome(&session("2025-03-06T03:30:00Z", "2025-03-06T04:30:00Z")), "1");
        assert_eq!(bench.outcome(&session("2025-03-05T01:00:00Z", "2025-03-05T04:00:00Z")), "none");
        assert_eq!(bench.outcome(&session("2025-03-06T05:00:00Z", "2025-03-06T06:00:00Z")), "none");
    });
}

#[test]
fn a_whole_day_has_23_or_25_hours_when_the_clock_changes() {
    both(|bench| {
        let bench = bench.holding([
            all_day(1, "2025-03-09", "2025-03-09"),
            all_day(2, "2025-11-02", "2025-11-02"),
            all_day(3, "2025-11-10", "2025-11-12"),
        ]);
        let spring = ("2025-03-09T05:00:00Z".into(), "2025-03-10T04:00:00Z".into());
        assert_eq!(booked(&bench, "2025-03-09T15:00:00Z", "2025-03-09T16:00:00Z"), spring);
        let autumn = ("2025-11-02T04:00:00Z".into(), "2025-11-03T05:00:00Z".into());
        assert_eq!(booked(&bench, "2025-11-03T04:00:00Z", "2025-11-03T04:30:00Z"), autumn);
        let three = ("2025-11-10T05:00:00Z".into(), "2025-11-13T05:00:00Z".into());
        assert_eq!(booked(&bench, "2025-11-12T15:00:00Z", "2025-11-12T16:00:00Z"), three);
    });
}

#[test]
fn a_night_and_a_long_booking_are_found() {
    both(|bench| {
        let bench = bench.holding([
            Item::new(1, "Overnight", "2025-03-03T22:00:00Z", "2025-03-04T13:00:00Z").by(12),
            // Began more than a day before, ends more than a day after.
            Item::new(2, "A week", "2025-04-01T12:00:00Z", "2025-04-08T12:00:00Z").by(12),
            // Over the hour that there was not, and the one that there was twice.
            Item::new(3, "Spring night", "2025-03-09T04:00:00Z", "2025-03-09T12:00:00Z").by(12),
            Item::new(4, "Autumn night", "2025-11-02T03:00:00Z", "2025-11-02T12:00:00Z").by(12),
        ]);
        assert_eq!(bench.outcome(&session("2025-03-04T02:00:00Z", "2025-03-04T05:00:00Z")), "1");
        assert_eq!(bench.outcome(&session("2025-04-05T02:00:00Z", "2025-04-05T05:00:00Z")), "2");
        assert_eq!(bench.outcome(&session("2025-03-09T06:30:00Z", "2025-03-09T07:30:00Z")), "3");
        let night = ("2025-11-02T03:00:00Z".into(), "2025-11-02T12:00:00Z".into());
        assert_eq!(booked(&bench, "2025-11-02T01:30:00-04:00", "2025-11-02T01:30:00-05:00"), night);
    });
}

/// Where a whole day begins, as the settings and the server have it.
fn midnight(bench: Bench) -> String {
    let bench = bench.holding([all_day(1, "2025-03-05", "2025-03-05")]);
    booked(&bench, "2025-03-05T12:00:00Z", "2025-03-05T13:00:00Z").0
}

#[test]
fn the_zone_is_the_settings_then_the_sites_then_the_instruments() {
    let bench = Bench::new(Dialect::Rest);
    bench.site.habits(|habits| habits.time_zone = (4, "(UTC+01:00) Amsterdam, Berlin, Bern, Rom".into()));
    assert_eq!(midnight(bench), "2025-03-04T23:00:00Z", "the site's, by its number");

    let bench = Bench::new(Dialect::Rest).with("timezone", json!("Asia/Tokyo"));
    assert_eq!(midnight(bench), "2025-03-04T15:00:00Z", "the settings'");

    let bench = Bench::new(Dialect::Rest);
    bench.site.habits(|habits| habits.refuse_time_zone = true);
    assert_eq!(midnight(bench), "2025-03-05T05:00:00Z", "the instrument's: the site does not say");

    let bench = Bench::new(Dialect::Rest);
    bench.site.habits(|habits| habits.time_zone = (4711, "(UTC-05:00) Somewhere".into()));
    let bench = bench.holding([all_day(1, "2025-03-05", "2025-03-05")]);
    assert_eq!(booked(&bench, "2025-03-05T12:00:00Z", "2025-03-05T13:00:00Z").0, "2025-03-05T05:00:00Z");
    assert!(bench.has_logged("4711"), "{:#?}", bench.logged);

    assert_eq!(midnight(Bench::new(Dialect::Graph)), "2025-03-05T05:00:00Z", "Graph does not tell");
    let bench = Bench::new(Dialect::Graph).with("timezone", json!("Asia/Tokyo"));
    assert_eq!(midnight(bench), "2025-03-04T15:00:00Z");
}

#[test]
fn a_series_keeps_its_hour_when_the_clock_changes() {
    both(|bench| {
        let daily = |id, from: &str, to: &str| {
            Item::new(id, "Daily", from, to).by(12).repeating(
                3600,
                "<repeat><daily dayFrequency=\"1\"/></repeat><repeatForever>FALSE</repeatForever>",
            )
        };
        let bench = bench.with("timezone", json!("America/New_York")).holding([
            // Nine in the morning, in winter and in summer.
            daily(1, "2025-03-03T14:00:00Z", "2149-06-06T14:00:00Z"),
        ]);
        let of = |from: &str, to: &str| booked(&bench, from, to);
        assert_eq!(of("2025-03-08T14:10:00Z", "2025-03-08T14:20:00Z").0, "2025-03-08T14:00:00Z");
        assert_eq!(of("2025-03-09T13:10:00Z", "2025-03-09T13:20:00Z").0, "2025-03-09T13:00:00Z");
        assert_eq!(of("2025-11-02T14:10:00Z", "2025-11-02T14:20:00Z").0, "2025-11-02T14:00:00Z");
        assert_eq!(bench.outcome(&session("2025-03-09T14:10:00Z", "2025-03-09T14:20:00Z")), "none");
    });
}

#[test]
fn hours_that_are_not_there_or_twice() {
    both(|bench| {
        let daily = |id, from: &str, to: &str| {
            Item::new(id, "Daily", from, to).by(12).repeating(
                1800,
                "<repeat><daily dayFrequency=\"1\"/></repeat><repeatInstances>5</repeatInstances>",
            )
        };
        let bench = bench.with("timezone", json!("America/New_York")).holding([
            // Half past two; on the 9th of March there is none.
            daily(1, "2025-03-07T07:30:00Z", "2025-03-11T07:00:00Z"),
            // Half past one; on the 2nd of November it comes twice.
            daily(2, "2025-10-31T05:30:00Z", "2025-11-04T07:00:00Z"),
        ]);
        let of = |from: &str, to: &str| booked(&bench, from, to);
        let moved = ("2025-03-09T07:30:00Z".into(), "2025-03-09T08:00:00Z".into());
        assert_eq!(
            of("2025-03-09T07:00:00Z", "2025-03-09T08:00:00Z"),
            moved,
            "forward by the hour that is left out"
        );
        let first = ("2025-11-02T05:30:00Z".into(), "2025-11-02T06:00:00Z".into());
        assert_eq!(of("2025-11-02T05:00:00Z", "2025-11-02T07:00:00Z"), first, "the first of the two");
    });
}

#[test]
fn a_series_of_whole_days_knows_what_was_taken_out() {
    both(|bench| {
        let rule = "<repeat><daily dayFrequency=\"1\"/></repeat><repeatInstances>5</repeatInstances>";
        let mut moved = all_day(7, "2025-03-20", "2025-03-20").instead_of(5, "2025-03-11T00:00:00Z");
        moved.all_day = true;
        let mut deleted = Item::deleted(6, 5, "2025-03-10T00:00:00Z");
        deleted.all_day = true;
        let bench = bench.with("timezone", json!("America/New_York")).holding([
            all_day(5, "2025-03-07", "2025-03-11").repeating(86_340, rule),
            deleted,
            moved,
        ]);
        let short = ("2025-03-09T05:00:00Z".into(), "2025-03-10T04:00:00Z".into());
        assert_eq!(booked(&bench, "2025-03-10T03:10:00Z", "2025-03-10T03:50:00Z"), short);
        for (day, expected) in
            [("07", "5"), ("08", "5"), ("10", "none"), ("11", "none"), ("12", "none"), ("20", "7")]
        {
            let at = |hour: u32| format!("2025-03-{day}T{hour:02}:00:00Z");
            assert_eq!(bench.outcome(&session(&at(15), &at(16))), expected, "{day} {:?}", bench.dialect);
        }
    });
}

//! Series of bookings: every kind of rule, deleted and changed occurrences, and how they are asked for.

use chrono::{DateTime, Duration, Utc};
use nexus_tests::fake_sharepoint::Item;
use serde_json::json;

use super::bench::{Bench, Dialect, TITAN, both, session, utc};

/// Mondays and Wednesdays at nine from 3 to 19 March, three and a half hours.
fn series() -> Item {
    Item::new(471, "Class", "2025-03-03T14:00:00Z", "2025-03-19T16:30:00Z").by(12).repeating(
        12_600,
        "<repeat><weekly mo=\"TRUE\" we=\"TRUE\" weekFrequency=\"1\"/></repeat>\
         <windowEnd>2025-03-19T16:30:00Z</windowEnd>",
    )
}

/// A session of ten minutes at this moment.
fn at(start: DateTime<Utc>) -> nexus_plugin_api::SessionRef {
    session(&start.to_rfc3339(), &(start + Duration::minutes(10)).to_rfc3339())
}

/// The start of the booking at each hour of a span, without repetitions, with its number.
fn starts(bench: &Bench, from: &str, days: i64) -> Vec<(String, String)> {
    let from: DateTime<Utc> = from.parse().unwrap();
    let sessions: Vec<_> = (0..days * 24).map(|hour| at(from + Duration::hours(hour))).collect();
    let mut found = Vec::new();
    for answer in bench.answers(&sessions).unwrap() {
        if let nexus_plugin_api::ReservationAnswer::Reservation(one) = answer {
            let one = (utc(one.start.as_ref()), one.internal_id.clone().unwrap_or_default());
            if !found.contains(&one) {
                found.push(one);
            }
        }
    }
    found
}

fn zoned(bench: Bench) -> Bench {
    bench.with("timezone", json!("America/New_York"))
}

#[test]
fn occurrences_are_where_they_were_booked_less_those_that_were_not() {
    both(|bench| {
        let bench = zoned(bench).holding([series()]);
        let all = starts(&bench, "2025-03-01T00:00:00Z", 25);
        let times: Vec<_> = all.iter().map(|(start, _)| start.as_str()).collect();
        let plain = [
            "2025-03-03T14:00:00Z",
            "2025-03-05T14:00:00Z",
            "2025-03-10T13:00:00Z",
            "2025-03-12T13:00:00Z",
            "2025-03-17T13:00:00Z",
            "2025-03-19T13:00:00Z",
        ];
        assert_eq!(times, plain, "{:?}", bench.dialect);
        let moved = Item::new(481, "Moved", "2025-03-13T18:00:00Z", "2025-03-13T20:00:00Z").by(12);
        let bench = bench.holding([
            Item::deleted(480, 471, "2025-03-10T13:00:00Z"),
            moved.instead_of(471, "2025-03-12T13:00:00Z"),
        ]);
        let left: Vec<_> = starts(&bench, "2025-03-01T00:00:00Z", 25).into_iter().map(|one| one.0).collect();
        let expected = [plain[0], plain[1], "2025-03-13T18:00:00Z", plain[4], plain[5]];
        assert_eq!(left, expected, "{:?}", bench.dialect);
    });
}

#[test]
fn an_occurrence_that_moved_out_of_the_window_leaves_nothing_behind() {
    both(|bench| {
        let far = Item::new(481, "Moved", "2025-06-02T13:00:00Z", "2025-06-02T15:00:00Z").by(12);
        let bench = zoned(bench).holding([series(), far.instead_of(471, "2025-03-12T13:00:00Z")]);
        assert_eq!(bench.outcome(&session("2025-03-12T14:00:00Z", "2025-03-12T15:00:00Z")), "none");
        // And the one that came from far away is there, long after the series ended.
        assert_eq!(bench.outcome(&session("2025-06-02T14:00:00Z", "2025-06-02T15:00:00Z")), "481");
    });
}

#[test]
fn a_site_that_does_not_filter_by_series_is_read_whole() {
    both(|bench| {
        bench.site.habits(|habits| habits.refused_in_filters = vec!["MasterSeriesItemID".into()]);
        let bench = zoned(bench).holding([series(), Item::deleted(480, 471, "2025-03-10T13:00:00Z")]);
        let sessions = [
            session("2025-03-10T14:00:00Z", "2025-03-10T15:00:00Z"),
            session("2025-03-17T14:00:00Z", "2025-03-17T15:00:00Z"),
        ];
        let words: Vec<_> = bench.answers(&sessions).unwrap().iter().map(super::bench::word).collect();
        assert_eq!(words, ["none", "471"], "{:?}", bench.dialect);
    });
}

#[test]
fn a_site_that_does_not_filter_by_time_is_read_whole() {
    let bench = Bench::new(Dialect::Rest).holding([super::bench::item(1, "09:00", "12:00")]);
    bench.site.habits(|habits| habits.refused_in_filters = vec!["EventDate".into()]);
    assert_eq!(bench.outcome(&super::bench::on_day("09:00", "10:00")), "1");
    assert_eq!(bench.outcome(&super::bench::on_day("13:00", "14:00")), "none");
}

/// First start, end of all, what repeats, how it ends; then what is and what is not booked (UTC).
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const FOREVER: &str = "<repeatForever>FALSE</repeatForever>";

#[test]
fn every_kind_of_rule_is_understood() {
    let rows: [Row; 14] = [
        (
            "2025-01-06T15:00:00Z",
            "2025-02-28T16:00:00Z",
            "<daily dayFrequency=\"3\"/>",
            "<windowEnd>2025-02-28T16:00:00Z</windowEnd>",
            &["2025-01-09T15:00:00Z", "2025-02-26T15:00:00Z"],
            &["2025-01-07T15:00:00Z", "2025-03-01T15:00:00Z"],
        ),
        (
            "2025-01-06T15:00:00Z",
            "2025-01-15T16:00:00Z",
            "<daily weekday=\"TRUE\"/>",
            "<repeatInstances>8</repeatInstances>",
            &["2025-01-10T15:00:00Z", "2025-01-13T15:00:00Z", "2025-01-15T15:00:00Z"],
            &["2025-01-11T15:00:00Z", "2025-01-12T15:00:00Z", "2025-01-16T15:00:00Z"],
        ),
        (
            "2025-01-06T15:00:00Z",
            "2149-06-06T16:00:00Z",
            "<weekly mo='true' fr='TRUE' weekFrequency='2'/>",
            FOREVER,
            &["2025-01-10T15:00:00Z", "2025-01-20T15:00:00Z", "2025-01-24T15:00:00Z"],
            &["2025-01-13T15:00:00Z", "2025-01-17T15:00:00Z"],
        ),
        (
            "2025-01-31T15:00:00Z",
            "2149-06-06T16:00:00Z",
            "<monthly monthFrequency=\"1\" day=\"31\"/>",
            FOREVER,
            &["2025-03-31T14:00:00Z", "2025-05-31T14:00:00Z"],
            &["2025-02-28T15:00:00Z", "2025-04-30T14:00:00Z", "2025-03-03T15:00:00Z"],
        ),
        (
            "2025-01-15T15:00:00Z",
            "2149-06-06T16:00:00Z",
            "<monthly monthFrequency=\"3\" day=\"15\"/>",
            FOREVER,
            &["2025-04-15T14:00:00Z", "2026-01-15T15:00:00Z"],
            &["2025-02-15T15:00:00Z", "2025-03-15T14:00:00Z"],
        ),
        (
            "2025-01-14T15:00:00Z",
            "2149-06-06T16:00:00Z",
            "<monthlyByDay tu=\"TRUE\" weekdayOfMonth=\"second\" monthFrequency=\"1\"/>",
            FOREVER,
            &["2025-02-11T15:00:00Z", "2025-03-11T14:00:00Z"],
            &["2025-02-04T15:00:00Z", "2025-02-18T15:00:00Z"],
        ),
        (
            "2025-01-31T15:00:00Z",
            "2149-06-06T16:00:00Z",
            "<monthlyByDay weekday=\"TRUE\" weekdayOfMonth=\"last\" monthFrequency=\"1\"/>",
            FOREVER,
            &["2025-02-28T15:00:00Z", "2025-08-29T14:00:00Z"],
            &["2025-08-31T14:00:00Z"],
        ),
        (
            "2025-01-04T15:00:00Z",
            "2149-06-06T16:00:00Z",
            "<monthlyByDay weekend_day=\"TRUE\" weekdayOfMonth=\"first\" monthFrequency=\"1\"/>",
            FOREVER,
            &["2025-02-01T15:00:00Z", "2025-06-01T14:00:00Z"],
            &["2025-02-02T15:00:00Z"],
        ),
        (
            "2025-01-04T15:00:00Z",
            "2149-06-06T16:00:00Z",
            "<monthlyByDay day=\"TRUE\" weekdayOfMonth=\"fourth\" monthFrequency=\"1\"/>",
            FOREVER,
            &["2025-02-04T15:00:00Z"],
            &["2025-02-05T15:00:00Z"],
        ),
        (
            "2024-02-29T15:00:00Z",
            "2149-06-06T16:00:00Z",
            "<yearly yearFrequency=\"1\" month=\"2\" day=\"29\"/>",
            FOREVER,
            &["2028-02-29T15:00:00Z"],
            &["2025-02-28T15:00:00Z", "2025-03-01T15:00:00Z"],
        ),
        (
            "2024-05-04T14:00:00Z",
            "2149-06-06T16:00:00Z",
            "<yearly yearFrequency=\"2\" month=\"5\" day=\"4\"/>",
            FOREVER,
            &["2026-05-04T14:00:00Z"],
            &["2025-05-04T14:00:00Z"],
        ),
        (
            "2024-11-28T15:00:00Z",
            "2149-06-06T16:00:00Z",
            "<yearlyByDay yearFrequency=\"1\" th=\"TRUE\" weekdayOfMonth=\"fourth\" month=\"11\"/>",
            FOREVER,
            &["2025-11-27T15:00:00Z"],
            &["2025-11-28T15:00:00Z", "2025-10-23T14:00:00Z"],
        ),
        (
            "2025-01-06T15:00:00Z",
            // The end of the last one bounds, whatever the window says.
            "2025-01-08T16:00:00Z",
            "<daily dayFrequency=\"1\"/>",
            "<windowEnd>2025-01-20T00:00:00Z</windowEnd>",
            &["2025-01-08T15:00:00Z"],
            &["2025-01-09T15:00:00Z"],
        ),
        (
            // Sunday begins the week: the first Sunday after belongs to the week that is left out.
            "2025-01-06T15:00:00Z",
            "2149-06-06T16:00:00Z",
            "<weekly su=\"TRUE\" mo=\"TRUE\" weekFrequency=\"2\"/>",
            FOREVER,
            &["2025-01-19T15:00:00Z", "2025-01-20T15:00:00Z"],
            &["2025-01-12T15:00:00Z", "2025-01-13T15:00:00Z"],
        ),
    ];
    both(|bench| {
        let mut bench = zoned(bench);
        for (first, end, repeat, ends, there, not_there) in rows {
            let rule = format!("<repeat>{repeat}</repeat>{ends}");
            bench = bench.holding([Item::new(9, "Series", first, end).by(12).repeating(3600, &rule)]);
            for start in there {
                let found = bench.outcome(&at(start.parse().unwrap()));
                assert_eq!(found, "9", "{repeat}: {start} {:?}", bench.dialect);
            }
            for start in not_there {
                let found = bench.outcome(&at(start.parse().unwrap()));
                assert_eq!(found, "none", "{repeat}: {start} {:?}", bench.dialect);
            }
        }
    });
}

#[test]
fn a_rule_that_nobody_can_read_books_nothing_and_is_said() {
    both(|bench| {
        for rule in [
            "V3RecurrencePattern:03,02,01",
            "<recurrence><rule>",
            "",
            "<recurrence><rule><repeat><hourly/></repeat></rule></recurrence>",
        ] {
            let mut strange = series();
            strange.rule = Some(rule.to_owned());
            bench.site.put(TITAN, strange);
            bench.logged.lock().unwrap().clear();
            let asked = session("2025-03-05T14:00:00Z", "2025-03-05T15:00:00Z");
            assert_ne!(bench.outcome(&asked), "471", "{rule}");
            assert!(bench.has_logged("471"), "{rule}: {:#?}", bench.logged);
        }
    });
}

#[test]
fn a_cancelled_series_and_a_cancelled_occurrence() {
    both(|bench| {
        let cancelled = Item::new(481, "Class", "2025-03-05T14:00:00Z", "2025-03-05T17:30:00Z").by(12);
        let bench =
            zoned(bench).holding([series(), cancelled.instead_of(471, "2025-03-05T14:00:00Z").cancelled()]);
        assert_eq!(bench.outcome(&session("2025-03-05T14:00:00Z", "2025-03-05T15:00:00Z")), "none");
        assert_eq!(bench.outcome(&session("2025-03-03T14:00:00Z", "2025-03-03T15:00:00Z")), "471");
        let bench = bench.holding([series().cancelled()]);
        assert_eq!(bench.outcome(&session("2025-03-03T14:00:00Z", "2025-03-03T15:00:00Z")), "none");
    });
}

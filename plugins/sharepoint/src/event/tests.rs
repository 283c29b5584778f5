//! Tests of events.

use chrono_tz::America::New_York;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const COLUMNS: Columns<'_> = Columns { start: "EventDate", end: "EndDate" };

fn row(id: &str, fields: Value) -> Arc<Row> {
    let Value::Object(fields) = fields else { panic!("an object") };
    Arc::new(Row { id: id.into(), fields, ..Row::default() })
}

fn item(id: &str, fields: Value) -> Result<Item, String> {
    read::<()>(&row(id, fields), COLUMNS, &mut || Ok(New_York)).unwrap()
}

fn times(item: Result<Item, String>) -> (String, String) {
    match item.unwrap() {
        Item::Event(event) | Item::Changed(_, _, event) => (utc(event.start), utc(event.end)),
        other => panic!("{other:?}"),
    }
}

fn pair(start: &str, end: &str) -> (String, String) {
    (start.into(), end.into())
}

/// The recurring event of every Monday and Wednesday in March 2025.
fn class() -> Value {
    json!({
        "EventDate": "2025-03-03T14:00:00Z", "EndDate": "2025-03-19T16:30:00Z", "Duration": 12_600, "EventType": 1,
        "fRecurrence": true,
        "RecurrenceData": "<recurrence><rule><firstDayOfWeek>su</firstDayOfWeek><repeat><weekly mo=\"TRUE\" we=\"TRUE\" \
                           weekFrequency=\"1\"/></repeat><windowEnd>2025-03-19T16:30:00Z</windowEnd></rule></recurrence>"
    })
}

#[test]
fn exceptions_take_the_place_of_occurrences() {
    let Ok(Item::Series(master, series)) = item("471", class()) else { panic!("a series") };
    let mut exceptions = Exceptions::default();
    assert_eq!(exceptions.without(&master, &series).len(), 6);
    let deleted = json!({
        "EventType": 3, "MasterSeriesItemID": 471, "RecurrenceID": "2025-03-10T13:00:00Z", "fRecurrence": true,
        "EventDate": "2025-03-10T13:00:00Z", "EndDate": "2025-03-10T16:30:00Z"
    });
    let Ok(Item::Deleted(of, original)) = item("480", deleted) else { panic!("a deleted one") };
    exceptions.add(of, original);
    let moved = json!({
        "EventType": 4, "MasterSeriesItemID": 471, "RecurrenceID": "2025-03-12T13:00:00Z", "fRecurrence": true,
        "EventDate": "2025-03-13T18:00:00Z", "EndDate": "2025-03-13T20:00:00Z"
    });
    let Ok(Item::Changed(of, original, event)) = item("481", moved) else { panic!("a moved one") };
    exceptions.add(of, original);
    let mut starts: Vec<String> =
        exceptions.without(&master, &series).iter().chain([&event]).map(|event| utc(event.start)).collect();
    starts.sort();
    assert_eq!(
        starts,
        [
            "2025-03-03T14:00:00Z",
            "2025-03-05T14:00:00Z",
            "2025-03-13T18:00:00Z",
            "2025-03-17T13:00:00Z",
            "2025-03-19T13:00:00Z"
        ]
    );
    assert_eq!((event.key().as_str(), event.item()), ("471@2025-03-12T13:00:00Z", "471"));
}

#[test]
fn all_day_is_the_sites_day() {
    let day = |from: &str, to: &str| {
        times(item("1", json!({"EventDate": from, "EndDate": to, "fAllDayEvent": true})))
    };
    let usual = pair("2025-03-03T05:00:00Z", "2025-03-04T05:00:00Z");
    assert_eq!(day("2025-03-03T00:00:00Z", "2025-03-03T23:59:00Z"), usual);
    assert_eq!(
        day("2025-03-03T00:00:00Z", "2025-03-04T00:00:00Z"),
        usual,
        "a calendar ends it with the midnight after"
    );
    assert_eq!(
        day("2025-03-08T00:00:00Z", "2025-03-09T23:59:00Z"),
        pair("2025-03-08T05:00:00Z", "2025-03-10T04:00:00Z")
    );
}

#[test]
fn times_without_a_place_are_the_sites() {
    let naive = json!({"EventDate": "2025-03-03T09:00:00", "EndDate": "2025-03-03T10:00:00"});
    assert_eq!(times(item("1", naive)), pair("2025-03-03T14:00:00Z", "2025-03-03T15:00:00Z"));
}

#[test]
fn what_cannot_be_read_says_why() {
    let broken = |fields: Value| item("1", fields).unwrap_err();
    assert!(broken(json!({"EventDate": "soon", "EndDate": "2025-03-03T10:00:00Z"})).contains("EventDate"));
    assert!(broken(json!({"EventDate": "2025-03-03T10:00:00Z"})).contains("EndDate"));
    assert!(
        broken(json!({"EventDate": "2025-03-03T10:00:00Z", "EndDate": "2025-03-03T09:00:00Z"}))
            .contains("before")
    );
    let mut old = class();
    old["RecurrenceData"] = json!("<V3RecurrencePattern>AAA=</V3RecurrencePattern>");
    assert!(broken(old).contains("V3RecurrencePattern"));
    let lost =
        json!({"EventType": 3, "EventDate": "2025-03-03T10:00:00Z", "EndDate": "2025-03-03T11:00:00Z"});
    assert!(broken(lost).contains("takes out"));
}

#[test]
fn the_zone_is_asked_for_only_where_it_matters() {
    let plain = row("1", json!({"EventDate": "2025-03-03T14:00:00Z", "EndDate": "2025-03-03T15:00:00Z"}));
    let asked = read(&plain, COLUMNS, &mut || Err("asked"));
    assert!(matches!(asked, Ok(Ok(Item::Event(_)))));
    let series = read(&row("2", class()), COLUMNS, &mut || Err("asked"));
    assert_eq!(series.err(), Some("asked"));
}

#[test]
fn a_flag_or_a_title_calls_it_off() {
    let cancelled = |more: Value| {
        let mut fields = json!({"EventDate": "2025-03-03T14:00:00Z", "EndDate": "2025-03-03T15:00:00Z"});
        for (key, value) in more.as_object().unwrap() {
            fields[key] = value.clone();
        }
        let Ok(Item::Event(event)) = item("1", fields) else { panic!("an event") };
        event.cancelled
    };
    assert!(cancelled(json!({"EventCanceled": true})) && cancelled(json!({"Title": "CANCELED: x"})));
    assert!(cancelled(json!({"Title": "Cancelled: x"})) && !cancelled(json!({"Title": "Not cancelled: x"})));
}

proptest! {
    /// Whatever stands in the columns, an item is read or says why not.
    #[test]
    fn no_item_is_too_strange(
        start in "(2025-03-0[1-9]T0[0-9]:00:00Z?|\\PC{0,12})", end in "(2025-03-1[0-9]T0[0-9]:00:00Z?|\\PC{0,12})",
        kind in -1_i64..7, master in -1_i64..3, all_day: bool, recurs: bool, seconds in -10_i64..100_000_000,
        original in "(2025-03-0[1-9]T00:00:00Z?|\\PC{0,5})",
    ) {
        let mut fields = class();
        for (key, value) in [
            ("EventDate", json!(start)), ("EndDate", json!(end)), ("EventType", json!(kind)), ("fRecurrence", json!(recurs)),
            ("MasterSeriesItemID", json!(master)), ("fAllDayEvent", json!(all_day)), ("Duration", json!(seconds)),
            ("RecurrenceID", json!(original)),
        ] {
            fields[key] = value;
        }
        match item("1", fields) {
            Ok(Item::Event(event) | Item::Changed(_, _, event)) => prop_assert!(event.start <= event.end),
            Ok(Item::Series(row, series)) => {
                for event in Exceptions::default().without(&row, &series) {
                    prop_assert!(event.start < event.end);
                }
            }
            Ok(Item::Deleted(..) | Item::Unreadable(..)) | Err(_) => {}
        }
    }
}

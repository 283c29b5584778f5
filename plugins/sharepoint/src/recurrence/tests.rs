//! Tests of recurrences.

use chrono::{NaiveDate, Timelike as _};
use chrono_tz::America::New_York;
use proptest::prelude::*;

use super::rule::{Repeat, RuleError};
use super::*;

fn wall(text: &str) -> NaiveDateTime {
    text.parse().unwrap()
}

fn rule(repeat: &str, end: &str) -> Rule {
    Rule::parse(&format!(
        "<recurrence><rule><firstDayOfWeek>su</firstDayOfWeek><repeat>{repeat}</repeat>{end}</rule></recurrence>"
    ))
    .unwrap()
}

fn days(repeat: &str, end: &str, first: &str, most: usize) -> Vec<String> {
    let first: NaiveDate = first.parse().unwrap();
    rule(repeat, end).days(first, None, most).iter().map(ToString::to_string).collect()
}

const FOREVER: &str = "<repeatForever>FALSE</repeatForever>";

#[test]
fn mondays_and_wednesdays_over_a_change_of_the_clocks() {
    let text = "<recurrence><rule><firstDayOfWeek>su</firstDayOfWeek>\n  <repeat><weekly mo=\"TRUE\" we=\"TRUE\" \
                weekFrequency=\"1\"/></repeat>\n  <windowEnd>2025-03-19T16:30:00Z</windowEnd></rule></recurrence>";
    let series = Series {
        rule: Rule::parse(text).unwrap(),
        first: wall("2025-03-03T09:00:00"),
        length: TimeDelta::seconds(12_600),
        is_all_day: false,
        last_end: Some(wall("2025-03-19T12:30:00")),
        zone: New_York,
    };
    let starts: Vec<String> =
        series.occurrences().iter().map(|one| one.start.format("%m-%d %H:%M").to_string()).collect();
    assert_eq!(
        starts,
        ["03-03 14:00", "03-05 14:00", "03-10 13:00", "03-12 13:00", "03-17 13:00", "03-19 13:00"]
    );
    assert!(series.occurrences().iter().all(|one| one.end - one.start == TimeDelta::seconds(12_600)));
}

#[test]
fn every_kind_of_rule() {
    assert_eq!(
        days("<daily dayFrequency='3'/>", FOREVER, "2025-02-27", 3),
        ["2025-02-27", "2025-03-02", "2025-03-05"]
    );
    // From a Friday over a weekend.
    assert_eq!(
        days("<daily weekday='true'/>", FOREVER, "2025-03-07", 3),
        ["2025-03-07", "2025-03-10", "2025-03-11"]
    );
    assert_eq!(
        days("<weekly weekFrequency=\"2\" su=\"TRUE\" tu=\"TRUE\"/>", FOREVER, "2025-03-04", 4),
        ["2025-03-04", "2025-03-16", "2025-03-18", "2025-03-30"],
        "weeks begin on Sunday"
    );
    assert_eq!(
        days("<monthly monthFrequency='1' day='31'/>", FOREVER, "2025-01-31", 3),
        ["2025-01-31", "2025-03-31", "2025-05-31"]
    );
    let last = "<monthlyByDay fr='TRUE' weekdayOfMonth='last' monthFrequency='2'/>";
    assert_eq!(days(last, FOREVER, "2025-01-01", 2), ["2025-01-31", "2025-03-28"]);
    let weekend = "<monthlyByDay weekend_day='TRUE' weekdayOfMonth='second' monthFrequency='1'/>";
    assert_eq!(days(weekend, FOREVER, "2025-03-01", 2), ["2025-03-02", "2025-04-06"]);
    assert_eq!(
        days("<monthlyByDay day='TRUE' weekdayOfMonth='last'/>", FOREVER, "2024-02-01", 1),
        ["2024-02-29"]
    );
    assert_eq!(
        days("<monthlyByDay weekday='TRUE' weekdayOfMonth='first'/>", FOREVER, "2025-03-01", 1),
        ["2025-03-03"]
    );
    assert_eq!(
        days("<yearly yearFrequency='1' month='2' day='29'/>", FOREVER, "2024-02-29", 2),
        ["2024-02-29", "2028-02-29"]
    );
    let thanks = "<yearlyByDay yearFrequency='1' th='TRUE' weekdayOfMonth='fourth' month='11'/>";
    assert_eq!(days(thanks, FOREVER, "2025-01-01", 2), ["2025-11-27", "2026-11-26"]);
}

#[test]
fn an_end_is_a_number_a_time_or_none() {
    assert_eq!(days("<daily/>", "<repeatInstances>2</repeatInstances>", "2025-03-01", 100).len(), 2);
    assert_eq!(days("<daily/>", FOREVER, "2025-03-01", MOST_OCCURRENCES).len(), MOST_OCCURRENCES);
    assert_eq!(
        days("<yearly month='2' day='30'/>", FOREVER, "2025-03-01", 10).len(),
        0,
        "a day that never comes"
    );
    let windowed = rule("<daily/>", "<windowEnd>2025-03-04T00:00:00Z</windowEnd>");
    assert_eq!(windowed.until, Some(wall("2025-03-04T00:00:00")));
}

#[test]
fn all_day_is_midnight_to_midnight() {
    let series = Series {
        rule: rule("<daily/>", FOREVER),
        first: wall("2025-03-08T00:00:00"),
        length: TimeDelta::seconds(86_340),
        is_all_day: true,
        last_end: Some(wall("2025-03-10T23:59:00")),
        zone: New_York,
    };
    let hours: Vec<i64> = series.occurrences().iter().map(|one| (one.end - one.start).num_hours()).collect();
    assert_eq!(hours, [24, 23, 24], "the 9th is short");
}

#[test]
fn what_is_no_rule_says_so() {
    assert_eq!(Rule::parse(" "), Err(RuleError::Missing));
    assert_eq!(Rule::parse("<V3RecurrencePattern/>"), Err(RuleError::Old));
    assert!(matches!(Rule::parse("every day"), Err(RuleError::NoXml(_))));
    for text in [
        "<rule/>",
        "<rule><repeat/></rule>",
        "<rule><repeat><hourly/></repeat></rule>",
        "<rule><repeat><weekly weekFrequency='1'/></repeat></rule>",
        "<rule><repeat><monthly day='40'/></repeat></rule>",
        "<rule><repeat><monthlyByDay mo='TRUE' weekdayOfMonth='fifth'/></repeat></rule>",
    ] {
        assert!(matches!(Rule::parse(text), Err(RuleError::Unknown(_))), "{text}");
    }
    let escaped =
        "&lt;rule&gt;&lt;repeat&gt;&lt;daily dayFrequency=&quot;2&quot;/&gt;&lt;/repeat&gt;&lt;/rule&gt;";
    assert_eq!(Rule::parse(escaped).unwrap().repeat, Repeat::Daily { every: 2 });
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,60}") {
        let _ = Rule::parse(&text);
    }

    /// Whatever the rule, its days rise, begin at the first day at the earliest, and keep to the bounds.
    #[test]
    fn days_rise_and_keep_to_their_bounds(
        kind in 0_usize..7, every in 0_u32..6, day in 1_u32..32, month in 1_u32..13, nth in 0_usize..5,
        mask in 1_u8..128, first in 0_i64..4_000, length in 0_i64..900, hour in 0_u32..24,
    ) {
        let nth = ["first", "second", "third", "fourth", "last"][nth];
        let names = ["mo", "tu", "we", "th", "fr", "sa", "su"];
        let flags: Vec<String> = names.iter().enumerate().filter(|(at, _)| mask & (1 << at) != 0)
            .map(|(_, name)| format!(" {name}=\"TRUE\"")).collect();
        let flags = flags.concat();
        let repeat = match kind {
            0 => format!("<daily dayFrequency='{every}'/>"),
            1 => "<daily weekday='TRUE'/>".to_owned(),
            2 => format!("<weekly{flags} weekFrequency='{every}'/>"),
            3 => format!("<monthly day='{day}' monthFrequency='{every}'/>"),
            4 => format!("<monthlyByDay{flags} weekdayOfMonth='{nth}' monthFrequency='{every}'/>"),
            5 => format!("<yearly day='{day}' month='{month}' yearFrequency='{every}'/>"),
            _ => format!("<yearlyByDay{flags} weekdayOfMonth='{nth}' month='{month}' yearFrequency='{every}'/>"),
        };
        let first = NaiveDate::from_ymd_opt(2015, 1, 1).unwrap() + TimeDelta::days(first);
        let last = first + TimeDelta::days(length);
        let series = Series {
            rule: rule(&repeat, FOREVER),
            first: first.and_hms_opt(hour, 30, 0).unwrap(),
            length: TimeDelta::hours(3),
            is_all_day: false,
            last_end: Some(last.and_hms_opt(23, 59, 0).unwrap()),
            zone: New_York,
        };
        let all = series.occurrences();
        prop_assert!(all.len() <= MOST_OCCURRENCES);
        prop_assert!(all.windows(2).all(|two| two[0].start < two[1].start));
        for one in &all {
            prop_assert!(first <= one.wall.date() && one.wall.date() <= last);
            prop_assert!(one.wall.hour() == hour, "the clock on the wall stays the same");
            if kind == 2 || kind == 1 {
                let at = usize::try_from(chrono::Datelike::weekday(&one.wall).num_days_from_monday()).unwrap();
                prop_assert!(kind == 1 && at < 5 || kind == 2 && mask & (1 << at) != 0);
            }
        }
    }
}

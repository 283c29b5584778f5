//! What is read, what is written, and that nothing is lost between the two.

use chrono::{TimeDelta, TimeZone as _};
use proptest::prelude::*;

use super::*;

fn read(text: &str) -> String {
    text.parse::<Timestamp>().map_or_else(|error| error.to_string(), |time| time.to_string())
}

/// Each pair was tried with `datetime.fromisoformat(a).isoformat()` of Python 3.11.
#[test]
fn every_form_that_python_reads() {
    for (text, written) in [
        ("2021-01-01 10:00:00", "2021-01-01T10:00:00"),
        ("2021-08-02T10:00:00.000", "2021-08-02T10:00:00"),
        ("2021-08-02T10:00:00Z", "2021-08-02T10:00:00+00:00"),
        ("2021-01-01T10", "2021-01-01T10:00:00"),
        ("2021-01-01T1000", "2021-01-01T10:00:00"),
        ("2021-01-01 10:00", "2021-01-01T10:00:00"),
        ("2021-01-01T10:00:00.1", "2021-01-01T10:00:00.100000"),
        ("2021-01-01T10:00:00,25", "2021-01-01T10:00:00.250000"),
        ("2021-01-01T10:00:00.1234567", "2021-01-01T10:00:00.123456"),
        ("2021-01-01T10:00Z", "2021-01-01T10:00:00+00:00"),
        ("2021-01-01T10:00:00+05", "2021-01-01T10:00:00+05:00"),
        ("2021-01-01T10+05", "2021-01-01T10:00:00+05:00"),
        ("2021-01-01T10:00:00+0530", "2021-01-01T10:00:00+05:30"),
        ("2021-01-01T10:00:00+05:30:15", "2021-01-01T10:00:00+05:30:15"),
        ("2021-01-01T10:00:00-045602", "2021-01-01T10:00:00-04:56:02"),
        ("2021-01-01T10:00:00-00:00", "2021-01-01T10:00:00+00:00"),
        ("2021-01-01T10:00:00 +05:00", "2021-01-01T10:00:00+05:00"),
        ("20210802T100000", "2021-08-02T10:00:00"),
        ("20210101 100000,25+0100", "2021-01-01T10:00:00.250000+01:00"),
        ("20210101T10:00:00", "2021-01-01T10:00:00"),
        ("2021-01-01T100000", "2021-01-01T10:00:00"),
        ("2021-01-01", "2021-01-01T00:00:00"),
        ("20210101", "2021-01-01T00:00:00"),
        ("2021-01-01é10:00:00", "2021-01-01T10:00:00"),
        ("2021-01-01-10:00:00", "2021-01-01T10:00:00"),
        ("2021-W05-3T10:00", "2021-02-03T10:00:00"),
        ("2021W053", "2021-02-03T00:00:00"),
        ("2021-W05", "2021-02-01T00:00:00"),
        ("2021W01T1000", "2021-01-04T10:00:00"),
        ("2020-W53-7T01:02", "2021-01-03T01:02:00"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        ("9999-12-31T23:59:59.999999-14:00", "9999-12-31T23:59:59.999999-14:00"),
    ] {
        assert_eq!(read(text), written, "{text}");
    }
}

#[test]
fn other_texts_are_refused_and_named() {
    for text in [
        "",
        "yesterday",
        "05/03/2024 9am",
        " 2021-01-01",
        "2021-01-01 ",
        "2021-13-01T10:00:00",
        "2021-02-29",
        "0000-01-01",
        "2021-001",
        "2021-W53-1",
        "2021-W05-0",
        "2021-01-01T",
        "2021-01-01T24:00",
        "2021-01-01T10:",
        "2021-01-01T10:0000",
        "2021-01-01T10:00:60",
        "2021-01-01T10:00:00.",
        "2021-01-01T10:00:00.1234567x",
        "2021-01-01T10:00:00z",
        "2021-01-01T10:00:00Z+",
        "2021-01-01T10:00:00+",
        "2021-01-01T10:00:00+24:00",
        "2021-01-01T10:00:00+99",
        "2021-01-01T10:00:00+05:30:15.5",
        "2021-01-01T10.5",
        "2021-0110:00",
        "٢٠٢١-01-01",
        "2021-01-01T１0:00",
    ] {
        assert_eq!(read(text), NotATimestamp(text.to_owned()).to_string(), "{text}");
    }
}

#[test]
fn without_an_offset_the_zone_decides_and_with_one_it_does_not() {
    let denver = chrono_tz::America::Denver;
    let naive: Timestamp = "2024-07-05T09:10:00".parse().unwrap();
    assert_eq!(naive.in_zone(denver).to_rfc3339(), "2024-07-05T09:10:00-06:00");
    let fixed: Timestamp = "2024-07-05T11:10:00-04:00".parse().unwrap();
    assert_eq!(fixed.in_zone(denver).to_rfc3339(), "2024-07-05T09:10:00-06:00");
    assert_eq!(naive.instant(denver), fixed.instant(denver));
    assert!(!naive.same_time(&fixed));
    let same: Timestamp = "2024-07-05T15:10:00Z".parse().unwrap();
    assert!(fixed.same_time(&same));
    assert_ne!(fixed, same);
}

#[test]
fn values_beyond_the_text_form_are_brought_inside() {
    let far = DateTime::<Utc>::MAX_UTC;
    assert_eq!(Timestamp::from(far).to_string(), "9999-12-31T23:59:59.999999+00:00");
    let east = FixedOffset::east_opt(14 * 3600).unwrap();
    assert_eq!(
        Timestamp::from_fixed(far.with_timezone(&east)).to_string(),
        "9999-12-31T23:59:59.999999+14:00"
    );
    assert_eq!(Timestamp::from(DateTime::<Utc>::MIN_UTC).to_string(), "0001-01-01T00:00:00+00:00");
    let leap = NaiveDate::from_ymd_opt(2016, 12, 31).unwrap().and_hms_milli_opt(23, 59, 59, 1_500).unwrap();
    assert_eq!(Timestamp::naive(leap).to_string(), "2016-12-31T23:59:59.999999");
    assert_eq!(UtcTime(far).to_string(), "9999-12-31T23:59:59.999999Z");
    assert_eq!(UtcTime::new(far).plus(TimeDelta::MAX).to_string(), "9999-12-31T23:59:59.999999Z");
    assert_eq!(UtcTime::new(far).plus(TimeDelta::MIN).to_string(), "0001-01-01T00:00:00.000000Z");
}

#[test]
fn it_goes_to_sql_and_json_and_back_as_text() {
    let db = rusqlite::Connection::open_in_memory().unwrap();
    let time: Timestamp = "2021-08-02T10:00:00.5-04:00".parse().unwrap();
    let (kind, back): (String, Timestamp) =
        db.query_row("SELECT typeof(?1), ?1", [time], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!((kind.as_str(), back), ("text", time));
    let error = db.query_row("SELECT 'soon'", [], |row| row.get::<_, Timestamp>(0)).unwrap_err();
    assert!(error.to_string().contains("`soon`"), "{error}");
    assert!(db.query_row("SELECT 12", [], |row| row.get::<_, Timestamp>(0)).is_err());

    let json = serde_json::to_string(&time).unwrap();
    assert_eq!(json, "\"2021-08-02T10:00:00.500000-04:00\"");
    assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), time);

    let utc = UtcTime::new(time.instant(chrono_tz::UTC));
    let back: UtcTime = db.query_row("SELECT ?1", [utc], |row| row.get(0)).unwrap();
    assert_eq!(back, utc);
    assert!("2021-08-02T10:00:00".parse::<UtcTime>().is_err());
}

fn some_naive() -> impl Strategy<Value = NaiveDateTime> {
    (1i32..=9999, 1u32..=366, 0u32..86_400, prop_oneof![Just(0u32), 0u32..1_000_000]).prop_map(
        |(year, day, second, micros)| {
            let date =
                NaiveDate::from_yo_opt(year, day).or_else(|| NaiveDate::from_yo_opt(year, 365)).unwrap();
            date.and_time(NaiveTime::from_num_seconds_from_midnight_opt(second, micros * 1_000).unwrap())
        },
    )
}

fn some_offset() -> impl Strategy<Value = Option<FixedOffset>> {
    let quarter_hours = (-56i32..=56).prop_map(|n| n * 900);
    proptest::option::of(prop_oneof![4 => quarter_hours, 1 => -86_399i32..=86_399])
        .prop_map(|seconds| seconds.and_then(FixedOffset::east_opt))
}

prop_compose! {
    fn some_timestamp()(naive in some_naive(), offset in some_offset()) -> Timestamp {
        Timestamp { naive, offset }
    }
}

/// One way of writing a time: date form, separator, clock form, fraction, offset form.
#[derive(Debug, Clone, Copy)]
struct Form {
    date: &'static str,
    between: char,
    clock: &'static str,
    point: char,
    extra_digits: usize,
    offset: u8,
}

fn some_form() -> impl Strategy<Value = Form> {
    (
        prop::sample::select(vec!["%Y-%m-%d", "%Y%m%d", "%G-W%V-%u", "%GW%V%u"]),
        prop::sample::select(vec!['T', ' ', 't', '_', 'é']),
        prop::sample::select(vec!["%H:%M:%S", "%H%M%S"]),
        prop::sample::select(vec!['.', ',']),
        0usize..4,
        0u8..4,
    )
        .prop_map(|(date, between, clock, point, extra_digits, offset)| Form {
            date,
            between,
            clock,
            point,
            extra_digits,
            offset,
        })
}

/// The time in that form, with nothing lost: a part is only left out where it is zero.
fn written(time: Timestamp, form: Form) -> String {
    let mut text = time.naive.format(form.date).to_string();
    text.push(form.between);
    text.push_str(&time.naive.format(form.clock).to_string());
    let micros = time.naive.nanosecond() / 1_000;
    let digits = format!("{micros:06}{}", "7".repeat(form.extra_digits));
    let digits = if form.extra_digits == 0 { digits.trim_end_matches('0') } else { &digits };
    if !digits.is_empty() {
        text.push(form.point);
        text.push_str(digits);
    }
    if let Some(offset) = time.offset {
        let total = offset.local_minus_utc();
        let (h, m, s) = (total.abs() / 3600, total.abs() / 60 % 60, total.abs() % 60);
        let tail = match form.offset {
            0 if total == 0 => "Z".to_owned(),
            1 if m == 0 && s == 0 => format!("{}{h:02}", sign(total)),
            2 if s == 0 => format!("{}{h:02}{m:02}", sign(total)),
            3 => format!("{}{h:02}{m:02}{s:02}", sign(total)),
            _ if s == 0 => format!("{}{h:02}:{m:02}", sign(total)),
            _ => format!("{}{h:02}:{m:02}:{s:02}", sign(total)),
        };
        text.push_str(&tail);
    }
    text
}

fn sign(total: i32) -> char {
    if total < 0 { '-' } else { '+' }
}

proptest! {
    #[test]
    fn every_time_comes_back_from_every_form(time in some_timestamp(), form in some_form()) {
        let text = written(time, form);
        // Week dates at the ends of the range have a year that the text form cannot hold.
        prop_assume!(text.starts_with(|c: char| c.is_ascii_digit()) && !text.starts_with("0000") && !text.starts_with("10000"));
        prop_assert_eq!(text.parse::<Timestamp>(), Ok(time), "{}", text);
    }

    #[test]
    fn what_is_written_is_read_again_and_written_the_same(time in some_timestamp()) {
        let text = time.to_string();
        prop_assert_eq!(text.parse::<Timestamp>(), Ok(time));
        prop_assert!(!text.contains('.') || text.split_once('.').unwrap().1.len() >= 6);
        prop_assert_eq!(Timestamp::from(EventTime::from(time)), time);
    }

    #[test]
    fn no_text_makes_it_panic(text in "[0-9TWZ:., +-]{0,30}|\\PC{0,30}") {
        if let Ok(time) = text.parse::<Timestamp>() {
            prop_assert_eq!(time.to_string().parse::<Timestamp>(), Ok(time));
            let _ = time.in_zone(chrono_tz::Pacific::Apia);
        }
    }

    #[test]
    fn utc_texts_sort_as_instants(a in some_naive(), b in some_naive()) {
        let (a, b) = (UtcTime::new(a.and_utc()), UtcTime::new(b.and_utc()));
        prop_assert_eq!(a.to_string().len(), 27);
        prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
        prop_assert_eq!(a.to_string().parse::<UtcTime>(), Ok(a));
    }

    #[test]
    fn any_wall_clock_is_somewhere_in_any_zone(naive in some_naive(), zone in prop::sample::select(chrono_tz::TZ_VARIANTS.to_vec())) {
        let time = localise(naive, zone);
        prop_assert_eq!(time.naive_local(), naive);
        // Outside gaps the zone itself agrees; never with the summer offset of a fold.
        match zone.offset_from_local_datetime(&naive) {
            chrono::LocalResult::Single(offset) => prop_assert_eq!(offset.fix(), *time.offset()),
            chrono::LocalResult::Ambiguous(a, b) => prop_assert_eq!(
                time.offset().local_minus_utc(),
                a.fix().local_minus_utc().min(b.fix().local_minus_utc())
            ),
            chrono::LocalResult::None => {}
        }
    }
}

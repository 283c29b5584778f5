//! Times as people write them in a log, and what they mean in an instrument's zone.

use chrono::{
    DateTime, Datelike as _, FixedOffset, NaiveDate, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _,
    Utc,
};
use chrono_tz::Tz;
use nexus_plugin_api::EventTime;

/// What a time should look like, for messages.
pub const EXPECTED: &str = "2024-03-05 09:10, 2024-03-05T09:10:00 or 2024-03-05T09:10:00-07:00";

/// Reads a time: date, `T` or a blank, hours and minutes, perhaps seconds and a fraction, perhaps an offset.
pub fn parse(text: &str) -> Option<EventTime> {
    let text = text.trim();
    let date = NaiveDate::parse_from_str(text.get(..10)?, "%Y-%m-%d").ok()?;
    // Four digits, so `%Y` cannot have taken a sign.
    if !text.as_bytes().first()?.is_ascii_digit() || date.year() < 1900 {
        return None;
    }
    let rest = text.get(10..)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?.trim_start_matches(' ');
    let (clock, offset) = match rest.find(['+', '-', 'Z', 'z', '\u{2212}']) {
        Some(at) => (rest.get(..at)?.trim_end(), Some(parse_offset(rest.get(at..)?)?)),
        None => (rest, None),
    };
    let naive = parse_clock(date, clock)?;
    match offset {
        None => Some(EventTime::Local(naive)),
        Some(offset) => offset.from_local_datetime(&naive).single().map(EventTime::Offset),
    }
}

fn parse_clock(date: NaiveDate, text: &str) -> Option<NaiveDateTime> {
    let (whole, fraction) = match text.split_once(['.', ',']) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let mut parts = whole.split(':');
    let hour = parts.next()?;
    // `9:10` is common; a one-digit minute is more likely a row that was cut off.
    let hour = if hour.len() == 1 { two_digits(&format!("0{hour}"))? } else { two_digits(hour)? };
    let minute = two_digits(parts.next()?)?;
    let second = parts.next().map(two_digits);
    if parts.next().is_some() || (fraction.is_some() && second.is_none()) {
        return None;
    }
    let second = match second {
        None => 0,
        Some(second) => second?,
    };
    let nanos = match fraction {
        None => 0,
        Some(digits) if (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{digits:0<9}").parse().ok()?
        }
        Some(_) => return None,
    };
    date.and_hms_nano_opt(hour, minute, second, nanos)
}

fn parse_offset(text: &str) -> Option<FixedOffset> {
    if text.eq_ignore_ascii_case("z") {
        return Some(Utc.fix());
    }
    let (sign, digits) = match text.strip_prefix('+') {
        Some(digits) => (1, digits),
        None => (-1, text.strip_prefix(['-', '\u{2212}'])?),
    };
    let (hours, minutes) = match digits.len() {
        2 => (digits, "00"),
        4 => digits.split_at_checked(2)?,
        5 => digits.split_once(':')?,
        _ => return None,
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    if hours > 14 || minutes > 59 {
        return None;
    }
    FixedOffset::east_opt(sign * i32::try_from(hours * 3600 + minutes * 60).ok()?)
}

fn two_digits(text: &str) -> Option<u32> {
    (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// The instant of a time in this zone. In a gap or a fold of the zone the standard offset holds, as
/// the host has it.
pub fn instant(time: EventTime, zone: Tz) -> DateTime<Utc> {
    let naive = match time {
        EventTime::Offset(time) => return time.to_utc(),
        EventTime::Local(naive) => naive,
    };
    let offset = match zone.offset_from_local_datetime(&naive) {
        chrono::LocalResult::Single(offset) => offset.fix(),
        chrono::LocalResult::Ambiguous(a, b) => smaller(a.fix(), b.fix()),
        chrono::LocalResult::None => {
            let day = TimeDelta::days(1);
            let around = |at: NaiveDateTime| zone.offset_from_utc_datetime(&at).fix();
            smaller(around(naive - day), around(naive + day))
        }
    };
    DateTime::from_naive_utc_and_offset(naive - offset, Utc)
}

fn smaller(a: FixedOffset, b: FixedOffset) -> FixedOffset {
    if a.local_minus_utc() <= b.local_minus_utc() { a } else { b }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> Option<String> {
        parse(text).map(|time| time.to_string())
    }

    #[test]
    fn what_people_and_spreadsheets_write() {
        for (written, meant) in [
            ("2024-03-05T09:10:00-07:00", "2024-03-05T09:10:00-07:00"),
            ("2024-03-05 09:10", "2024-03-05T09:10:00"),
            ("2024-03-05 9:10", "2024-03-05T09:10:00"),
            (" 2024-03-05 09:10:07 ", "2024-03-05T09:10:07"),
            ("2024-03-05T09:10:07.125", "2024-03-05T09:10:07.125000"),
            ("2024-03-05T09:10:07,5Z", "2024-03-05T09:10:07.500000+00:00"),
            ("2024-03-05 09:10 +0100", "2024-03-05T09:10:00+01:00"),
            ("2024-03-05 09:10+01", "2024-03-05T09:10:00+01:00"),
        ] {
            assert_eq!(shown(written).as_deref(), Some(meant), "{written}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "2024-03-05",
            "05.03.2024 09:10",
            "3/5/2024 9:10",
            "2024-03-05 09:10 PM",
            "2024-02-30 09:10",
            "2024-03-05 24:00",
            "2024-03-05 09:10:60",
            "2024-03-05 09",
            "2024-03-05 09:1",
            "2024-03-05 09:10:00.",
            "2024-03-05T09:10+99:00",
            "+024-03-05 09:10",
            "0000-01-01 00:00",
            "2024-03-05 09:10.5",
            "２０24-03-05 09:10",
            "2024-03-05 09:10:00 MST",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn gaps_and_folds_take_the_standard_offset() {
        let zone = chrono_tz::America::New_York;
        let at = |text: &str| instant(parse(text).unwrap(), zone).to_rfc3339();
        assert_eq!(at("2021-03-14 02:30"), "2021-03-14T07:30:00+00:00");
        assert_eq!(at("2021-11-07 01:30"), "2021-11-07T06:30:00+00:00");
        assert_eq!(at("2021-07-01 08:00"), "2021-07-01T12:00:00+00:00");
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn never_panics_near_a_time(
            text in "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.,+Zz −-]{0,20}",
        ) {
            if let Some(time) = parse(&text) {
                let _ = instant(time, chrono_tz::Europe::Berlin);
            }
        }
    }
}

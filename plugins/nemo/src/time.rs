//! Times as a NEMO server writes them, and what they mean.
//!
//! As shipped, a server writes ISO 8601 with the offset of its own zone: an instant. A site can set another form, with
//! or without an offset; `time_format` says which. With `timezone` the wall-clock part of what is read is
//! declared to be in that zone, **also if an offset was written**: the instant changes then. That is what NexusLIMS
//! does with the setting, so that both programs store the same text. Without offset and without `timezone` a
//! time is wall-clock time where the instrument stands.

use chrono::format::{Item, Parsed, StrftimeItems, parse};
use chrono::{
    DateTime, Datelike as _, FixedOffset, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _,
    Timelike as _, Utc,
};
use chrono_tz::Tz;
use nexus_plugin_api::EventTime;

/// How the times of one server are read.
#[derive(Debug, Clone, Default)]
pub struct Times {
    /// Forms that are tried before ISO 8601.
    formats: Vec<String>,
    /// The zone that wall-clock times are declared to be in.
    zone: Option<Tz>,
}

/// A time that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// As it is stored.
    pub time: EventTime,
    /// The instant that this stands for.
    pub at: DateTime<Utc>,
}

impl Times {
    /// How far the instant that is stored may lie from the one that the server filters by: zones reach from 12 hours
    /// behind UTC to 14 hours ahead.
    pub const SLACK: TimeDelta = TimeDelta::hours(26);

    /// Reads `format`, in the words of Python's `strptime`, then ISO 8601.
    pub fn new(format: Option<&str>, zone: Option<Tz>) -> Result<Self, String> {
        let mut formats = Vec::new();
        if let Some(python) = format {
            let with = of_python(python);
            let items = StrftimeItems::new(&with);
            if items.clone().any(|item| item == Item::Error) || items.count() == 0 {
                return Err(format!(
                    "`time_format` is `{python}`, which is no format such as %Y-%m-%dT%H:%M:%S.%f%z"
                ));
            }
            formats.push(with);
        }
        Ok(Self { formats, zone })
    }

    /// Reads a time. `here` is the zone of the instrument.
    pub fn read(&self, text: &str, here: Option<Tz>) -> Option<Moment> {
        let own = || self.formats.iter().find_map(|format| read_with(text.trim(), format));
        let written = own().or_else(|| iso(text))?;
        let time = match (written, self.zone) {
            (written, None) => written,
            (EventTime::Offset(time), Some(zone)) => EventTime::Offset(in_zone(time.naive_local(), zone)?),
            (EventTime::Local(naive), Some(zone)) => EventTime::Offset(in_zone(naive, zone)?),
        };
        let at = match time {
            EventTime::Offset(time) => time.to_utc(),
            EventTime::Local(naive) => in_zone(naive, here.unwrap_or(Tz::UTC))?.to_utc(),
        };
        Some(Moment { time, at })
    }
}

/// A format of Python's, in the words of chrono.
fn of_python(format: &str) -> String {
    let mut out = String::with_capacity(format.len() + 4);
    let mut rest = format;
    while let Some(c) = rest.chars().next() {
        let (taken, written) = if rest.starts_with("%%") {
            (2, "%%")
        } else if rest.starts_with(".%f") {
            (3, "%.f")
        } else if rest.starts_with("%f") {
            (2, "%6f")
        } else if rest.starts_with("%z") {
            (2, "%#z")
        } else {
            let length = c.len_utf8();
            (length, rest.get(..length).unwrap_or_default())
        };
        out.push_str(written);
        rest = rest.get(taken..).unwrap_or_default();
    }
    out
}

fn iso(text: &str) -> Option<EventTime> {
    let text = text.trim();
    let (date, clock) = (text.get(..10)?, text.get(10..)?);
    let clock = clock.strip_prefix(['T', 't', ' '])?.replace('z', "Z");
    let text = format!("{date}T{clock}");
    read_with(&text, "%Y-%m-%dT%H:%M:%S%.f%#z").or_else(|| read_with(&text, "%Y-%m-%dT%H:%M:%S%.f"))
}

fn read_with(text: &str, format: &str) -> Option<EventTime> {
    let mut parsed = Parsed::new();
    parse(&mut parsed, text, StrftimeItems::new(format)).ok()?;
    let time = match parsed.offset() {
        Some(_) => EventTime::Offset(parsed.to_datetime().ok()?),
        None => EventTime::Local(parsed.to_naive_datetime_with_offset(0).ok()?),
    };
    let naive = match time {
        EventTime::Offset(time) => time.naive_utc(),
        EventTime::Local(naive) => naive,
    };
    // Other years are slips; a leap second has no place in a record.
    let usual = (1900..=9998).contains(&naive.year()) && naive.nanosecond() < 1_000_000_000;
    usual.then_some(time)
}

/// Wall-clock time in a zone. In a gap or a fold the standard offset holds, as the host has it.
fn in_zone(naive: NaiveDateTime, zone: Tz) -> Option<DateTime<FixedOffset>> {
    let smaller =
        |a: FixedOffset, b: FixedOffset| if a.local_minus_utc() <= b.local_minus_utc() { a } else { b };
    let offset = match zone.offset_from_local_datetime(&naive) {
        chrono::LocalResult::Single(offset) => offset.fix(),
        chrono::LocalResult::Ambiguous(a, b) => smaller(a.fix(), b.fix()),
        chrono::LocalResult::None => {
            let around = |days| {
                Some(zone.offset_from_utc_datetime(&naive.checked_add_signed(TimeDelta::days(days))?).fix())
            };
            smaller(around(-1)?, around(1)?)
        }
    };
    offset.from_local_datetime(&naive).single()
}

/// An instant as a filter takes it: UTC, so that no `+` has to be escaped.
pub fn filter_text(at: DateTime<Utc>) -> String {
    let format =
        if at.timestamp_subsec_micros() == 0 { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S%.6fZ" };
    at.format(format).to_string()
}

#[cfg(test)]
mod tests {
    use chrono_tz::America::{Denver, New_York};
    use proptest::prelude::*;

    use super::*;

    fn read(format: Option<&str>, zone: Option<Tz>, text: &str) -> Option<(String, String)> {
        let moment = Times::new(format, zone).unwrap().read(text, Some(Denver))?;
        Some((moment.time.to_string(), filter_text(moment.at)))
    }

    fn plain(text: &str) -> Option<(String, String)> {
        read(None, None, text)
    }

    fn pair(time: &str, at: &str) -> (String, String) {
        (time.to_owned(), at.to_owned())
    }

    #[test]
    fn the_offset_that_is_written_stays() {
        for (text, time, at) in [
            ("2031-05-06T09:00:00-04:00", "2031-05-06T09:00:00-04:00", "2031-05-06T13:00:00Z"),
            (
                "2031-05-06T09:00:00.250000-04:00",
                "2031-05-06T09:00:00.250000-04:00",
                "2031-05-06T13:00:00.250000Z",
            ),
            ("2031-05-06T13:00:00Z", "2031-05-06T13:00:00+00:00", "2031-05-06T13:00:00Z"),
            ("2031-05-06 13:00:00+0000", "2031-05-06T13:00:00+00:00", "2031-05-06T13:00:00Z"),
            ("2030-11-03T01:30:00-04:00", "2030-11-03T01:30:00-04:00", "2030-11-03T05:30:00Z"),
            ("2030-11-03T01:30:00-05:00", "2030-11-03T01:30:00-05:00", "2030-11-03T06:30:00Z"),
        ] {
            assert_eq!(plain(text), Some(pair(time, at)), "{text}");
        }
        for text in [
            "",
            "2031-05-06",
            "tomorrow",
            "06/05/2031 09:00",
            "2031-05-06T09:00:60Z",
            "0001-01-01T00:00:00Z",
            "20３1-05-06T09:00:00Z",
        ] {
            assert_eq!(plain(text), None, "{text}");
        }
    }

    #[test]
    fn without_an_offset_it_is_the_instruments_wall_clock() {
        assert_eq!(plain("2031-05-06T09:00:00"), Some(pair("2031-05-06T09:00:00", "2031-05-06T15:00:00Z")));
    }

    #[test]
    fn a_zone_takes_the_wall_clock_and_changes_the_instant() {
        let ny = |text: &str| read(None, Some(New_York), text);
        assert_eq!(
            ny("2031-05-06T09:00:00Z"),
            Some(pair("2031-05-06T09:00:00-04:00", "2031-05-06T13:00:00Z"))
        );
        assert_eq!(
            ny("2031-05-06T09:00:00"),
            Some(pair("2031-05-06T09:00:00-04:00", "2031-05-06T13:00:00Z"))
        );
        assert_eq!(ny("2021-03-14T02:30:00").unwrap().0, "2021-03-14T02:30:00-05:00");
        assert_eq!(ny("2021-11-07T01:30:00").unwrap().0, "2021-11-07T01:30:00-05:00");
    }

    #[test]
    fn other_forms_are_read_as_they_are_described() {
        let us = Some("%m/%d/%Y %I:%M %p");
        assert_eq!(
            read(us, None, "05/06/2031 09:00 PM"),
            Some(pair("2031-05-06T21:00:00", "2031-05-07T03:00:00Z"))
        );
        let fraction = Some("%Y-%m-%d %H:%M:%S.%f%z");
        for (text, time) in [
            ("2031-05-06 09:00:00.5-0400", "2031-05-06T09:00:00.500000-04:00"),
            ("2031-05-06 09:00:00-04:00", "2031-05-06T09:00:00-04:00"),
            ("2031-05-06 09:00:00Z", "2031-05-06T09:00:00+00:00"),
            ("2031-05-06T09:00:00-04:00", "2031-05-06T09:00:00-04:00"),
        ] {
            assert_eq!(read(fraction, None, text).unwrap().0, time, "{text}");
        }
        assert!(Times::new(Some("%Q"), None).is_err() && Times::new(Some(""), None).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,40}", near in "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.+Zz−-]{0,20}", format in "[%A-Za-z0-9.: -]{0,12}") {
            for times in [Ok(Times::default()), Times::new(Some(&format), Some(New_York))].into_iter().flatten() {
                for text in [&text, &near] {
                    if let Some(moment) = times.read(text, Some(Denver)) {
                        let _ = (moment.time.to_string(), filter_text(moment.at));
                    }
                }
            }
        }
    }
}

//! Reading ISO 8601 as Python 3.11 does: extended and basic form, any one character between date and time,
//! point or comma before the fraction, a fraction of any length (cut after six digits), and offsets down to
//! seconds.
//!
//! A few texts that Python reads are refused, because no program writes them and their meaning is a guess:
//! a fraction of an hour or a minute, a point with no digits after it, sixty minutes in an offset, and an
//! offset with a fraction of a second.

use chrono::{FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Weekday};

/// The wall-clock part and the offset, or `None` if the text is not a time.
pub(super) fn iso(text: &str) -> Option<(NaiveDateTime, Option<FixedOffset>)> {
    let (date, rest) = date(text)?;
    let mut rest = rest.chars();
    if rest.next().is_none() {
        return Some((date.and_time(NaiveTime::MIN), None));
    }
    let (clock, zone) = split_offset(rest.as_str());
    let time = time(clock)?;
    let offset = zone.map_or(Some(None), |zone| offset(zone).map(Some))?;
    Some((date.and_time(time), offset))
}

/// `2021-08-02`, `20210802`, `2021-W31-1`, `2021W311`, `2021-W31`, `2021W31`; and what follows.
fn date(text: &str) -> Option<(NaiveDate, &str)> {
    let (year, rest) = digits(text, 4)?;
    let year = i32::try_from(year).ok().filter(|year| *year > 0)?;
    let (dash, rest) = strip(rest, '-');
    if let Some(rest) = rest.strip_prefix('W') {
        let (week, rest) = digits(rest, 2)?;
        let (day, rest) = week_day(rest, dash);
        let weekday = Weekday::try_from(u8::try_from(day.checked_sub(1)?).ok()?).ok()?;
        let date = NaiveDate::from_isoywd_opt(year, week, weekday)?;
        return Some((date, rest));
    }
    let (month, rest) = digits(rest, 2)?;
    let rest = if dash { rest.strip_prefix('-')? } else { rest };
    let (day, rest) = digits(rest, 2)?;
    Some((NaiveDate::from_ymd_opt(year, month, day)?, rest))
}

/// The day of a week, Monday if it is left out. `2021-W31-10:00` is Monday at ten, not Monday and a rest.
fn week_day(rest: &str, dash: bool) -> (u32, &str) {
    let after = if dash { rest.strip_prefix('-') } else { Some(rest) };
    match after.and_then(|after| digits(after, 1)) {
        Some((day, rest)) if !rest.starts_with(|c: char| c.is_ascii_digit()) => (day, rest),
        _ => (1, rest),
    }
}

/// The clock part and the offset part with its sign; a blank between them is dropped.
fn split_offset(text: &str) -> (&str, Option<&str>) {
    match text.find(['+', '-', 'Z']) {
        Some(at) => {
            let (clock, zone) = text.split_at(at);
            (clock.strip_suffix(' ').unwrap_or(clock), Some(zone))
        }
        None => (text, None),
    }
}

/// `10`, `10:00`, `10:00:00`, `10:00:00.125`, or without the colons.
fn time(text: &str) -> Option<NaiveTime> {
    let (whole, fraction) = match text.find(['.', ',']) {
        Some(at) => (text.get(..at)?, Some(text.get(at + 1..)?)),
        None => (text, None),
    };
    let (hour, minute, second, parts) = clock(whole)?;
    let micros = match fraction {
        None => 0,
        Some(_) if parts < 3 => return None,
        Some(fraction) => micros(fraction)?,
    };
    NaiveTime::from_hms_micro_opt(hour, minute, second, micros)
}

/// Hours, minutes and seconds, and how many of them were given; all with colons or none.
fn clock(text: &str) -> Option<(u32, u32, u32, u32)> {
    let (hour, rest) = digits(text, 2)?;
    if rest.is_empty() {
        return Some((hour, 0, 0, 1));
    }
    let (colon, rest) = strip(rest, ':');
    let (minute, rest) = digits(rest, 2)?;
    if rest.is_empty() {
        return Some((hour, minute, 0, 2));
    }
    let rest = if colon { rest.strip_prefix(':')? } else { rest };
    let (second, rest) = digits(rest, 2)?;
    rest.is_empty().then_some((hour, minute, second, 3))
}

/// `Z`, `+02`, `+0200`, `+02:00`, `+02:00:15`, `+020015`.
fn offset(text: &str) -> Option<FixedOffset> {
    if text == "Z" {
        return FixedOffset::east_opt(0);
    }
    let (minus, rest) = strip(text, '-');
    let rest = if minus { rest } else { rest.strip_prefix('+')? };
    let (whole, fraction) = match rest.find(['.', ',']) {
        Some(at) => (rest.get(..at)?, Some(rest.get(at + 1..)?)),
        None => (rest, None),
    };
    let (hours, minutes, seconds, parts) = clock(whole)?;
    let exact = match fraction {
        None => true,
        Some(fraction) => parts == 3 && micros(fraction)? == 0,
    };
    if !exact || minutes > 59 || seconds > 59 {
        return None;
    }
    let total = i32::try_from(hours * 3600 + minutes * 60 + seconds).ok()?;
    FixedOffset::east_opt(if minus { -total } else { total })
}

/// The first six digits of a fraction, as microseconds.
fn micros(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let kept = text.get(..6).unwrap_or(text);
    let width = u32::try_from(kept.len()).ok()?;
    Some(kept.parse::<u32>().ok()? * 10_u32.pow(6 - width))
}

/// Exactly `count` digits (9 at most) as a number, and what follows them.
fn digits(text: &str, count: usize) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(count)?;
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((number.parse().ok()?, rest))
}

fn strip(text: &str, prefix: char) -> (bool, &str) {
    text.strip_prefix(prefix).map_or((false, text), |rest| (true, rest))
}

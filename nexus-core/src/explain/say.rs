//! How times, lengths, names and commands are said.

use std::fmt::Display;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::Facts;
use crate::overview::in_words;
use crate::timestamp::UtcTime;

/// Times in the zone of the instrument, and how far from now they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    now: DateTime<Utc>,
    zone: Tz,
}

impl Times {
    pub fn of(facts: &Facts) -> Self {
        Self { now: facts.now.0, zone: facts.instrument.zone() }
    }

    /// `2024-03-05 09:10 +01:00`.
    pub fn at(&self, time: UtcTime) -> String {
        time.0.with_timezone(&self.zone).format("%Y-%m-%d %H:%M %:z").to_string()
    }

    /// `3 hours ago`, `in 12 minutes`.
    pub fn relative(&self, time: UtcTime) -> String {
        let ahead = time.0.signed_duration_since(self.now);
        let minute = TimeDelta::minutes(1);
        if ahead > TimeDelta::zero() {
            if ahead < minute { "in less than a minute".to_owned() } else { format!("in {}", far(ahead)) }
        } else if -ahead < minute {
            "just now".to_owned()
        } else {
            format!("{} ago", far(-ahead))
        }
    }

    /// `2024-03-05 09:10 +01:00 (3 hours ago)`.
    pub fn full(&self, time: UtcTime) -> String {
        format!("{} ({})", self.at(time), self.relative(time))
    }

    /// Whether it lies ahead.
    pub fn is_ahead(&self, time: UtcTime) -> bool {
        time.0 > self.now
    }

    /// `from 2024-03-05 09:00 to 11:00 +01:00`; the day and the offset twice only where they differ.
    pub fn span(&self, from: UtcTime, to: UtcTime) -> String {
        let [a, b] = [from, to].map(|time| time.0.with_timezone(&self.zone));
        let said = |time: &DateTime<Tz>, format: &str| time.format(format).to_string();
        if said(&a, "%F %:z") == said(&b, "%F %:z") {
            format!("from {} to {}", said(&a, "%Y-%m-%d %H:%M"), said(&b, "%H:%M %:z"))
        } else {
            format!("from {} to {}", self.at(from), self.at(to))
        }
    }

    /// How long ago it was.
    pub fn since(&self, time: UtcTime) -> TimeDelta {
        self.now.signed_duration_since(time.0)
    }
}

/// How far a moment is; nobody counts years in days.
fn far(length: TimeDelta) -> String {
    match length.num_days() / 365 {
        years @ 2.. => count(years, "year"),
        _ => in_words(length),
    }
}

/// A length to the minute: `1 hour 45 minutes`.
pub(super) fn length(length: TimeDelta) -> String {
    let length = length.checked_add(&TimeDelta::seconds(30)).unwrap_or(length);
    let parts = [
        (length.num_days(), "day"),
        (length.num_hours() % 24, "hour"),
        (length.num_minutes() % 60, "minute"),
    ];
    let said: Vec<String> =
        parts.iter().filter(|(number, _)| *number > 0).map(|(n, unit)| count(*n, unit)).collect();
    if said.is_empty() { "less than a minute".to_owned() } else { said.join(" ") }
}

/// `1 file`, `2 files`.
pub(super) fn count(number: impl Display, what: &str) -> String {
    let number = number.to_string();
    if number == "1" { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// `once`, `twice`, `3 times`.
pub(super) fn times(number: u32) -> String {
    match number {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{more} times"),
    }
}

/// `` `a`, `b` and `c` ``.
pub(super) fn names<T: Display>(names: impl IntoIterator<Item = T>) -> String {
    listed(names.into_iter().map(|name| format!("`{name}`")))
}

/// `a, b and c`.
pub(super) fn listed(items: impl IntoIterator<Item = String>) -> String {
    let mut items: Vec<String> = items.into_iter().collect();
    match items.pop() {
        None => String::new(),
        Some(last) if items.is_empty() => last,
        Some(last) => format!("{} and {last}", items.join(", ")),
    }
}

/// A word as a shell takes it.
pub(super) fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.,/:@+=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// A command about the session, to be copied.
pub(super) fn command(facts: &Facts, verb: &str) -> String {
    format!("`nexus {verb} {}`", word(facts.session_identifier.as_str()))
}

/// The same about its delivery to one destination.
pub(super) fn export_command(facts: &Facts, verb: &str, destination: impl Display) -> String {
    let destination = word(&destination.to_string());
    format!("`nexus export {verb} {} --destination {destination}`", word(facts.session_identifier.as_str()))
}

/// A text of somebody else as the end of a sentence: without line feeds, and without a stop that would be doubled.
pub(super) fn quoted(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    one_line.trim_end_matches(['.', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_told_to_the_minute_and_rounded() {
        let said = |seconds| length(TimeDelta::seconds(seconds));
        assert_eq!([said(29), said(30), said(89)], ["less than a minute", "1 minute", "1 minute"]);
        assert_eq!([said(3 * 3600 - 1), said(90_060)], ["3 hours", "1 day 1 hour 1 minute"]);
        assert!(length(TimeDelta::MAX).starts_with("106751991167 days"), "and nothing overflows");
    }

    #[test]
    fn far_away_is_told_in_years() {
        let said = |days| far(TimeDelta::days(days));
        assert_eq!([said(729), said(730), said(1841)], ["729 days", "2 years", "5 years"]);
    }

    #[test]
    fn a_shell_takes_a_word_as_it_was() {
        assert_eq!([word("logbook:lab/17"), word("a b")], ["logbook:lab/17", "'a b'"]);
        assert_eq!(
            [word("https://n/?id=1"), word("it's"), word("")],
            ["'https://n/?id=1'", r"'it'\''s'", "''"]
        );
    }

    #[test]
    fn names_stand_in_a_row() {
        let said = [names(["a"]), names(["a", "b"]), names(["a", "b", "c"])];
        assert_eq!(said, ["`a`", "`a` and `b`", "`a`, `b` and `c`"]);
        assert_eq!(quoted(" two\nlines.. "), "two lines");
    }
}

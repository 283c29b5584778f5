//! Recurring events, expanded: which days a rule names, and which of them were moved or taken out.
//!
//! Days are counted where the site is, so that nine in the morning stays nine in the morning when clocks change.

mod days;
mod rule;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;

pub use rule::Rule;

use crate::zone::{Edge, instant};

/// Occurrences of one event that are made at most; SharePoint itself stops at 999.
pub const MOST_OCCURRENCES: usize = 1_000;

/// A recurring event.
#[derive(Debug, Clone)]
pub struct Series {
    /// The days.
    pub rule: Rule,
    /// The first start, where the site is.
    pub first: NaiveDateTime,
    /// How long one occurrence is.
    pub length: TimeDelta,
    /// Whether it lasts from midnight to midnight.
    pub is_all_day: bool,
    /// The end of the last occurrence, where the site is.
    pub last_end: Option<NaiveDateTime>,
    /// Where the site is.
    pub zone: Tz,
}

/// One time that a recurring event takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// When it begins, as a clock there shows it.
    pub wall: NaiveDateTime,
    /// When it begins.
    pub start: DateTime<Utc>,
    /// When it ends.
    pub end: DateTime<Utc>,
}

impl Series {
    /// Every occurrence, in order.
    pub fn occurrences(&self) -> Vec<Occurrence> {
        let bound = self.last_end.or(self.rule.until);
        let until = bound.map(|bound| bound.date());
        let days = self.rule.days(self.first.date(), until, MOST_OCCURRENCES);
        let walls = days.into_iter().map(|day| day.and_time(self.first.time()));
        // The last end, not the last start: an occurrence that begins later is none.
        let within = |wall: &NaiveDateTime| self.is_all_day || bound.is_none_or(|bound| *wall < bound);
        walls.take_while(within).filter_map(|wall| self.at(wall)).collect()
    }

    fn at(&self, wall: NaiveDateTime) -> Option<Occurrence> {
        let start = instant(wall, self.zone, Edge::Start)?;
        let end = if self.is_all_day {
            // From midnight to midnight, also on the two days of a year that are longer or shorter.
            let days = self.length.num_minutes().saturating_add(1_439).div_euclid(1_440).max(1);
            instant(wall.checked_add_signed(TimeDelta::try_days(days)?)?, self.zone, Edge::End)?
        } else {
            start.checked_add_signed(self.length)?
        };
        Some(Occurrence { wall, start, end })
    }
}

#[cfg(test)]
mod tests;

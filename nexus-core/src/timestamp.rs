//! Times as the database holds them.
//!
//! The shared tables hold ISO 8601 text, with an offset or without: [`Timestamp`] carries both, and the
//! offset comes back as it was stored. A time without an offset belongs to the zone of the session's
//! instrument, so an instant needs a zone: [`Timestamp::instant`].
//!
//! The `nexus_*` tables hold UTC text of one width: [`UtcTime`], which sorts as text.

mod parse;
mod utc;

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Offset as _, Timelike as _, Utc};
use chrono_tz::Tz;
use nexus_plugin_api::time::EventTime;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

pub use utc::UtcTime;

use crate::zone::localise;

/// A date and time of the shared tables, to the microsecond.
///
/// Two of them are equal if wall clock and offset are: 10:00+02:00 and 08:00+00:00 differ here, though they
/// are one instant ([`same_time`](Self::same_time) says so). There is no order without a zone; sort by
/// [`instant`](Self::instant).
///
/// Read: whatever Python's `datetime.fromisoformat` reads, since that is what the other program accepts.
/// Written: `2024-03-05T09:10:00-07:00`, with six digits of fraction if it is not zero, and without the
/// offset if there was none.
///
/// ```
/// use nexus_core::timestamp::Timestamp;
///
/// let stored: Timestamp = "2021-08-02 10:00:00.125-0400".parse()?;
/// assert_eq!(stored.to_string(), "2021-08-02T10:00:00.125000-04:00");
///
/// let old: Timestamp = "2021-08-02T10:00:00.000".parse()?;
/// assert_eq!(old.offset(), None);
/// assert_eq!(old.instant(chrono_tz::America::New_York).to_rfc3339(), "2021-08-02T14:00:00+00:00");
/// # Ok::<(), nexus_core::timestamp::NotATimestamp>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timestamp {
    naive: NaiveDateTime,
    offset: Option<FixedOffset>,
}

/// The text is not a time that the database may hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an ISO 8601 date and time such as 2024-03-05T09:10:00-07:00")]
pub struct NotATimestamp(pub String);

/// The years that the text form can hold. Anything outside is a source's mistake; it is kept at the nearest
/// end, so that what is written can be read again.
const FIRST: NaiveDateTime = match NaiveDate::from_ymd_opt(1, 1, 1) {
    Some(date) => date.and_time(NaiveTime::MIN),
    None => NaiveDateTime::MIN,
};
const LAST: NaiveDateTime = match NaiveDate::from_ymd_opt(9999, 12, 31) {
    Some(date) => match date.and_hms_micro_opt(23, 59, 59, 999_999) {
        Some(time) => time,
        None => NaiveDateTime::MAX,
    },
    None => NaiveDateTime::MAX,
};

impl Timestamp {
    /// A time with its offset. Digits below the microsecond are dropped; a leap second becomes the last
    /// microsecond of its minute; years outside 1 to 9999 become the nearest time inside.
    pub fn from_fixed(time: DateTime<FixedOffset>) -> Self {
        let offset = *time.offset();
        let naive = time.naive_utc().checked_add_offset(offset).unwrap_or_else(|| time.naive_utc());
        Self { naive: bounded(naive), offset: Some(offset) }
    }

    /// Wall-clock time in the zone of the instrument, whatever that is. Bounded like
    /// [`from_fixed`](Self::from_fixed).
    pub fn naive(time: NaiveDateTime) -> Self {
        Self { naive: bounded(time), offset: None }
    }

    /// The wall-clock part.
    pub fn naive_local(&self) -> NaiveDateTime {
        self.naive
    }

    /// The offset that was stored, if any.
    pub fn offset(&self) -> Option<FixedOffset> {
        self.offset
    }

    /// The time with its offset, if it has one.
    pub fn fixed(&self) -> Option<DateTime<FixedOffset>> {
        self.offset.map(|offset| at_offset(self.naive, offset))
    }

    /// The time in a zone: with an offset it is converted; without one it is already local there, and a time
    /// in a gap or a fold takes the standard (winter) offset.
    pub fn in_zone(&self, zone: Tz) -> DateTime<FixedOffset> {
        match self.fixed() {
            Some(time) => time.with_timezone(&zone).fixed_offset(),
            None => localise(self.naive, zone),
        }
    }

    /// The instant, given the zone of the instrument for times without an offset.
    pub fn instant(&self, zone: Tz) -> DateTime<Utc> {
        match self.fixed() {
            Some(time) => time.to_utc(),
            None => localise(self.naive, zone).to_utc(),
        }
    }

    /// Whether both say the same: the same instant if both have an offset, the same wall clock if neither
    /// has. A time with an offset is never the same as one without.
    pub fn same_time(&self, other: &Self) -> bool {
        match (self.fixed(), other.fixed()) {
            (Some(a), Some(b)) => a == b,
            (None, None) => self.naive == other.naive,
            _ => false,
        }
    }
}

/// The bounded constructors keep every value far from chrono's own limits, so the conversion cannot fail.
fn at_offset(naive: NaiveDateTime, offset: FixedOffset) -> DateTime<FixedOffset> {
    let utc = naive.checked_sub_offset(offset).unwrap_or(naive);
    DateTime::from_naive_utc_and_offset(utc, offset)
}

fn bounded(time: NaiveDateTime) -> NaiveDateTime {
    // chrono shows a leap second as a nanosecond of 1_000_000_000 and more.
    let nanos = if time.nanosecond() >= 1_000_000_000 { 999_999_000 } else { time.nanosecond() };
    let whole = time.with_nanosecond(nanos - nanos % 1_000).unwrap_or(time);
    whole.clamp(FIRST, LAST)
}

impl From<DateTime<FixedOffset>> for Timestamp {
    fn from(time: DateTime<FixedOffset>) -> Self {
        Self::from_fixed(time)
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self { naive: bounded(time.naive_utc()), offset: Some(Utc.fix()) }
    }
}

impl From<EventTime> for Timestamp {
    fn from(time: EventTime) -> Self {
        match time {
            EventTime::Offset(time) => Self::from_fixed(time),
            EventTime::Local(naive) => Self::naive(naive),
        }
    }
}

impl From<Timestamp> for EventTime {
    fn from(time: Timestamp) -> Self {
        time.fixed().map_or(Self::Local(time.naive), Self::Offset)
    }
}

impl FromStr for Timestamp {
    type Err = NotATimestamp;

    fn from_str(text: &str) -> Result<Self, NotATimestamp> {
        parse::iso(text)
            .map(|(naive, offset)| Self { naive, offset })
            .ok_or_else(|| NotATimestamp(text.to_owned()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.naive.format("%Y-%m-%dT%H:%M:%S"))?;
        let micros = self.naive.nanosecond() / 1_000;
        if micros != 0 {
            write!(f, ".{micros:06}")?;
        }
        self.offset.map_or(Ok(()), |offset| write!(f, "{offset}"))
    }
}

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.to_string().into())
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(FromSqlError::other)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;

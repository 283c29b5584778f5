//! Times of our own tables.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike as _, TimeDelta, Timelike as _, Utc};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{NotATimestamp, Timestamp};

/// An instant in UTC, written `2024-03-05T16:10:00.125000Z`: always that width, so that texts sort as
/// instants do (years 1 to 9999).
///
/// ```
/// use nexus_core::timestamp::UtcTime;
///
/// let time: UtcTime = "2024-03-05T09:10:00-07:00".parse()?;
/// assert_eq!(time.to_string(), "2024-03-05T16:10:00.000000Z");
/// # Ok::<(), nexus_core::timestamp::NotATimestamp>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UtcTime(pub DateTime<Utc>);

impl UtcTime {
    /// The instant, to the microsecond as it is stored; years outside 1 to 9999 become the nearest time
    /// inside.
    pub fn new(time: DateTime<Utc>) -> Self {
        Self(Timestamp::from(time).naive_local().and_utc())
    }

    /// Later by `span` (earlier if it is negative); at the end of the range it stays there.
    #[must_use]
    pub fn plus(self, span: TimeDelta) -> Self {
        let far = if span < TimeDelta::zero() { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
        Self::new(self.0.checked_add_signed(span).unwrap_or(far))
    }
}

impl From<DateTime<Utc>> for UtcTime {
    fn from(time: DateTime<Utc>) -> Self {
        Self::new(time)
    }
}

impl From<UtcTime> for Timestamp {
    fn from(time: UtcTime) -> Self {
        Self::from(time.0)
    }
}

impl FromStr for UtcTime {
    type Err = NotATimestamp;

    /// Any offset is converted; without one the text is no instant and is refused.
    fn from_str(text: &str) -> Result<Self, NotATimestamp> {
        let time: Timestamp = text.parse()?;
        time.fixed().map(|time| Self::new(time.to_utc())).ok_or_else(|| NotATimestamp(text.to_owned()))
    }
}

impl fmt::Display for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // By hand: every row of ours holds several, and chrono reads its pattern anew each time.
        let time = Self::new(self.0).0;
        let (year, month, day) = (time.year(), time.month(), time.day());
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        let micros = time.timestamp_subsec_micros();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
    }
}

impl ToSql for UtcTime {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.to_string().into())
    }
}

impl FromSql for UtcTime {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(FromSqlError::other)
    }
}

impl Serialize for UtcTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UtcTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

//! Times as sources give them: ISO 8601, with or without an offset.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, FixedOffset, NaiveDateTime};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A date and time. Without an offset it is wall-clock time in the instrument's zone, and the host
/// decides what it means in a gap or a fold of that zone.
///
/// As text: `2024-03-05T09:10:00-07:00`, `2024-03-05T09:10:00.125000-07:00`, `2024-03-05T09:10:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventTime {
    /// An instant, with the offset it was given in.
    Offset(DateTime<FixedOffset>),
    /// Wall-clock time in the instrument's zone.
    Local(NaiveDateTime),
}

impl From<DateTime<FixedOffset>> for EventTime {
    fn from(time: DateTime<FixedOffset>) -> Self {
        Self::Offset(time)
    }
}

impl From<NaiveDateTime> for EventTime {
    fn from(time: NaiveDateTime) -> Self {
        Self::Local(time)
    }
}

/// The text is not a date and time of the form this crate writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an ISO 8601 date and time such as 2024-03-05T09:10:00-07:00")]
pub struct NotATime(pub String);

impl FromStr for EventTime {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::Offset(time));
        }
        NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
            .map(Self::Local)
            .map_err(|_| NotATime(text.to_owned()))
    }
}

impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (naive, offset) = match self {
            Self::Offset(time) => {
                // At the very edge of the calendar the local time cannot be had.
                let utc = time.naive_utc();
                (utc.checked_add_offset(*time.offset()).unwrap_or(utc), Some(time.offset()))
            }
            Self::Local(naive) => (*naive, None),
        };
        write!(f, "{}", naive.format("%Y-%m-%dT%H:%M:%S"))?;
        let micros = naive.and_utc().timestamp_subsec_micros();
        if micros != 0 {
            write!(f, ".{micros:06}")?;
        }
        offset.map_or(Ok(()), |offset| write!(f, "{offset}"))
    }
}

impl Serialize for EventTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_come_back_as_they_were() {
        for text in [
            "2024-03-05T09:10:00-07:00",
            "2024-03-05T09:10:00.125000-07:00",
            "2024-03-05T09:10:00",
            "2024-03-05T09:10:00.000001",
        ] {
            assert_eq!(text.parse::<EventTime>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_refused_by_name() {
        let error = "05/03/2024 9am".parse::<EventTime>().unwrap_err();
        assert!(error.to_string().contains("05/03/2024 9am"));
    }
}

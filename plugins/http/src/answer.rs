//! An answer, as it came.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use ureq::http::{HeaderMap, HeaderName, StatusCode, header};

/// Status, headers and body.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, unpacked.
    pub body: Vec<u8>,
    /// Who answered, as it is shown; another than the one asked, if a redirect was followed.
    pub url: String,
}

/// Why a body is no JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoJson {
    /// It does not say that it is any: a web page mostly.
    #[error("answered with {content_type} instead of JSON")]
    Other {
        /// What it says that it is.
        content_type: String,
    },
    /// It says JSON and is none.
    #[error("answered with JSON that cannot be read: {why}")]
    Garbage {
        /// Where it stops to make sense.
        why: String,
    },
}

/// How long the other side wants to be left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// From the moment of the answer.
    pub length: Duration,
    /// Until when (UTC).
    pub until: DateTime<Utc>,
}

impl Answer {
    /// A header, if it is there and plain text.
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is none.
    pub fn json(&self) -> Result<Value, NoJson> {
        let content_type = self.header(&header::CONTENT_TYPE).unwrap_or("nothing");
        if !content_type.to_ascii_lowercase().contains("json") {
            return Err(NoJson::Other { content_type: content_type.to_owned() });
        }
        serde_json::from_slice(&self.body).map_err(|error| NoJson::Garbage { why: error.to_string() })
    }

    /// What a `Retry-After` wants, seen from this moment.
    #[must_use]
    pub fn retry_after(&self, now: DateTime<Utc>) -> Option<Wait> {
        wanted(self.header(&header::RETRY_AFTER)?, now)
    }
}

/// A number of seconds or a date.
fn wanted(text: &str, now: DateTime<Utc>) -> Option<Wait> {
    let text = text.trim();
    let until = if let Ok(seconds) = text.parse::<u32>() {
        now.checked_add_signed(TimeDelta::seconds(i64::from(seconds)))?
    } else {
        DateTime::<Utc>::from(httpdate::parse_http_date(text).ok()?)
    };
    Some(Wait { length: (until - now).to_std().unwrap_or_default(), until })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_seconds_or_a_date() {
        let now = "2031-05-06T13:00:00Z".parse().unwrap();
        assert_eq!(wanted("120", now).unwrap().length, Duration::from_mins(2));
        assert_eq!(wanted("Tue, 06 May 2031 13:00:30 GMT", now).unwrap().length, Duration::from_secs(30));
        assert_eq!(wanted("Tue, 06 May 2031 12:00:00 GMT", now).unwrap().length, Duration::ZERO);
        assert_eq!(wanted("soon", now), None);
        assert_eq!(wanted("-1", now), None);
    }

    proptest::proptest! {
        #[test]
        fn no_wish_is_too_strange(text in "\\PC{0,30}|[0-9]{1,12}") {
            let _ = wanted(&text, Utc::now());
        }
    }
}

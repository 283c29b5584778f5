//! Trying again: how often, and after how long.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use nexus_plugin_api::Call;

use super::ClientError;
use crate::pause::Pause;

/// Pauses before the second and each later try.
const PAUSES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];

/// The longest pause that is waited for in a call; who wants more is asked in a later run.
const LONGEST: Duration = Duration::from_mins(1);

/// Asks until there is an answer, an error that stays, or no time left.
pub fn while_it_helps<T>(
    call: &Call,
    pause: &dyn Pause,
    mut ask: impl FnMut() -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    let mut pauses = PAUSES.into_iter();
    loop {
        let error = match ask() {
            Err(error) if error.may_pass() => error,
            other => return other,
        };
        let Some(usual) = pauses.next() else { return Err(error) };
        let length = match &error {
            ClientError::Pause { length: Some(length), .. } => *length,
            _ => usual,
        };
        let too_long = length > LONGEST || call.time_left().is_some_and(|left| left <= length);
        if too_long || !pause.wait(call, length) {
            return Err(error);
        }
    }
}

/// What a `Retry-After` wants: how long from now, and until when. It is a number of seconds or a date.
pub fn wanted(text: &str, now: DateTime<Utc>) -> Option<(Duration, DateTime<Utc>)> {
    let text = text.trim();
    let until = if let Ok(seconds) = text.parse::<u32>() {
        now.checked_add_signed(TimeDelta::seconds(i64::from(seconds)))?
    } else {
        DateTime::<Utc>::from(httpdate::parse_http_date(text).ok()?)
    };
    Some(((until - now).to_std().unwrap_or_default(), until))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_seconds_or_a_date() {
        let now = "2031-05-06T13:00:00Z".parse().unwrap();
        assert_eq!(wanted("120", now).unwrap().0, Duration::from_mins(2));
        assert_eq!(wanted("Tue, 06 May 2031 13:00:30 GMT", now).unwrap().0, Duration::from_secs(30));
        assert_eq!(wanted("Tue, 06 May 2031 12:00:00 GMT", now).unwrap().0, Duration::ZERO);
        assert_eq!(wanted("soon", now), None);
        assert_eq!(wanted("-1", now), None);
    }
}

//! What was last seen of a usage event, as one line of text: another line is a revision.
//!
//! An event in use stands in no other table, so its line is also where its user is remembered.

use std::fmt::Display;

use crate::ids::InstrumentPid;

const NO_USER: &str = "-";

/// The line of an event; without an end it is in use.
#[must_use]
pub fn seen_digest(
    instrument: &str,
    user: Option<&str>,
    start: impl Display,
    end: Option<impl Display>,
) -> String {
    let end = end.map(|end| end.to_string()).unwrap_or_default();
    format!("{instrument} {} {start} {end}", user.unwrap_or(NO_USER))
}

/// The user in a line of an event of this instrument; `None`: it has none.
#[must_use]
pub fn seen_user(digest: &str, instrument: &InstrumentPid) -> Option<String> {
    // Instruments and users may have blanks in their names, times have none.
    let (before_end, _) = digest.rsplit_once(' ')?;
    let (before_start, _) = before_end.rsplit_once(' ')?;
    let user = before_start.strip_prefix(instrument.as_str())?.strip_prefix(' ')?;
    (user != NO_USER).then(|| user.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_of_an_event_in_use_comes_back_whatever_the_names_are() {
        for (instrument, user) in [
            ("TEM", Some("ada")),
            ("TEM", None),
            ("Old TEM 2", Some("Ada K. Love")),
            ("TEM", Some("TEM 2024")),
            ("TEM", Some("ada@example.net")),
        ] {
            let line = seen_digest(instrument, user, "2024-03-05T09:00:00+01:00", None::<&str>);
            assert_eq!(seen_user(&line, &instrument.into()).as_deref(), user, "{line}");
        }
        let ended = seen_digest("TEM", Some("ada"), "2024-03-05T09:00:00", Some("2024-03-05T10:00:00"));
        assert_eq!(ended, "TEM ada 2024-03-05T09:00:00 2024-03-05T10:00:00");
        assert_eq!(seen_user(&ended, &"TEM".into()).as_deref(), Some("ada"));
    }

    #[test]
    fn a_line_that_is_none_names_nobody() {
        for line in ["", "d1", "TEM ", "TEM  ", "TEM2 ada 2024-03-05T09:00:00 "] {
            assert_eq!(seen_user(line, &"TEM".into()), None, "{line}");
        }
    }
}

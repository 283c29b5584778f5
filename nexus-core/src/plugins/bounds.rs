//! How much of an answer is taken. What a plugin says goes into the database, the log and onto a terminal, and stays
//! there: one that says too much is told so, instead of being kept for ever.

use std::io;

use chrono::{Datelike as _, NaiveDateTime};
use nexus_plugin_api::{
    EventTime, Found, HarvestPage, MetUser, PluginError, RejectedRow, Remote, ReservationAnswer, Step,
    Target, UsageEvent,
};

use crate::own_table::cut;

/// Longest id, name or address, in characters; what the conformance kit asks of a remote id.
const LONGEST_NAME: usize = 1000;
/// Longest link, in characters.
const LONGEST_LINK: usize = 8000;
/// Largest state of a plugin that is stored: a checkpoint, a cursor, the token of a page, in bytes.
const LARGEST_STATE: usize = 64 << 10;
/// Largest reservation, in bytes of JSON: it is stored with its session and becomes part of the record.
const LARGEST_RESERVATION: usize = 8 << 20;
/// Longest text for people, in bytes; more is cut off.
const LONGEST_TEXT: usize = 4096;

/// A text for people: on one line, without what a terminal would obey, and not without end.
pub(crate) fn line(text: &str) -> String {
    let short = cut(text, LONGEST_TEXT);
    let mut line: String = short.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if short.len() < text.len() {
        line.push('…');
    }
    line
}

/// Why this is too long to be stored; `what` says whose it is.
fn short(what: &str, text: &str, longest: usize) -> Result<(), String> {
    match text.chars().count() {
        long if long > longest => {
            Err(format!("{what} has {long} characters, more than the {longest} that are stored"))
        }
        _ => Ok(()),
    }
}

/// The same, and it must be one line.
fn name(what: &str, text: &str, longest: usize) -> Result<(), String> {
    short(what, text, longest)?;
    match text.chars().find(|c| c.is_control()) {
        Some(found) => {
            Err(format!("{what} holds the character U+{:04X}; it must be one line", u32::from(found)))
        }
        None => Ok(()),
    }
}

fn state(what: &str, bytes: usize) -> Result<(), String> {
    if bytes <= LARGEST_STATE {
        return Ok(());
    }
    Err(format!("{what} has {bytes} bytes, more than the {LARGEST_STATE} that are stored"))
}

fn answered(method: &str, why: &str) -> PluginError {
    PluginError::permanent(format!("the answer to `{method}` cannot be used: {why}"))
        .with_hint("tell the plugin's author")
}

fn remote(remote: &Remote) -> Result<(), String> {
    name("the id of the object", &remote.id, LONGEST_NAME)?;
    name("the link to the object", remote.url.as_deref().unwrap_or_default(), LONGEST_LINK)?;
    name("the hash of the object", remote.content_sha256.as_deref().unwrap_or_default(), LONGEST_NAME)
}

pub(crate) fn target(target: Target) -> Result<Target, PluginError> {
    name("its `id`", &target.id, LONGEST_NAME).map_err(|why| answered("target", &why))?;
    Ok(target)
}

pub(crate) fn found(found: Found) -> Result<Found, PluginError> {
    let seen = match &found {
        Found::None => &[][..],
        Found::One(one) => std::slice::from_ref(one),
        Found::Many(many) => many,
    };
    seen.iter().try_for_each(remote).map_err(|why| answered("find", &why))?;
    Ok(found)
}

/// The record may have arrived: what cannot be used is the answer.
pub(crate) fn step(step: Step) -> Result<Step, PluginError> {
    match &step {
        Step::Done(done) => remote(done),
        Step::More(checkpoint) => state("the checkpoint", json_bytes(&checkpoint.0)),
    }
    .map_err(|why| answered("deliver", &why).maybe_done())?;
    Ok(step)
}

/// Events that cannot be stored are told like rows that the plugin itself could not read.
pub(crate) fn page(mut page: HarvestPage) -> Result<HarvestPage, PluginError> {
    let of_page = page.instruments.iter().try_for_each(|progress| {
        name("an instrument's name", &progress.instrument_pid, LONGEST_NAME)?;
        state("a cursor", progress.cursor.as_deref().map_or(0, str::len))
    });
    of_page
        .and_then(|()| state("the token of the next page", page.more.as_deref().map_or(0, str::len)))
        .map_err(|why| answered("harvest", &why))?;
    let mut refused = Vec::new();
    page.events.retain(|found| match event(found) {
        Ok(()) => true,
        Err(reason) => {
            let id = &found.external_id;
            let id = if id.len() > LONGEST_NAME { cut(id, 100) } else { id.as_str() };
            let place = format!("usage event {id}");
            refused.push(RejectedRow { place, reason });
            false
        }
    });
    page.rejected.append(&mut refused);
    for row in &mut page.rejected {
        (row.place, row.reason) = (line(&row.place), line(&row.reason));
    }
    for elsewhere in &mut page.outside {
        elsewhere.tool = line(&elsewhere.tool);
    }
    page.users.retain(|met| match user(met) {
        Ok(()) => true,
        Err(why) => {
            tracing::warn!("a user who was met is left out: {why}");
            false
        }
    });
    Ok(page)
}

fn event(event: &UsageEvent) -> Result<(), String> {
    name("its external id", &event.external_id, LONGEST_NAME)?;
    name("its session identifier", &event.session_identifier, LONGEST_NAME)?;
    name("its instrument", &event.instrument_pid, LONGEST_NAME)?;
    // Somebody typed it; it is stored as it is, and shown without what a terminal would obey.
    short("its user", event.user.as_deref().unwrap_or_default(), LONGEST_NAME)?;
    year("its start", event.start)?;
    event.end.map_or(Ok(()), |end| year("its end", end))
}

/// Times are stored with four digits for the year, here and in UTC.
fn year(what: &str, time: EventTime) -> Result<(), String> {
    let is_in = |time: NaiveDateTime| (2..=9998).contains(&time.year());
    let utc = match time {
        EventTime::Offset(time) => time.naive_utc(),
        EventTime::Local(time) => time,
    };
    if is_in(utc) {
        Ok(())
    } else {
        Err(format!("{what} lies in the year {}, which is no time of a session", utc.year()))
    }
}

fn user(user: &MetUser) -> Result<(), String> {
    short("the user name", &user.username, LONGEST_NAME)?;
    short("the identifier", &user.external_id, LONGEST_NAME)?;
    short("the e-mail address", user.email.as_deref().unwrap_or_default(), LONGEST_NAME)
}

pub(crate) fn answer(answer: ReservationAnswer) -> ReservationAnswer {
    match answer {
        ReservationAnswer::Reservation(found) => match json_bytes(&found) {
            bytes if bytes > LARGEST_RESERVATION => ReservationAnswer::Failed(answered(
                "reservations",
                &format!(
                    "a reservation has {bytes} bytes, more than the {LARGEST_RESERVATION} that are stored"
                ),
            )),
            _ => ReservationAnswer::Reservation(found),
        },
        ReservationAnswer::NoConsent { reason } => ReservationAnswer::NoConsent { reason: line(&reason) },
        ReservationAnswer::NoReservation { reason } => {
            ReservationAnswer::NoReservation { reason: line(&reason) }
        }
        other => other,
    }
}

/// How long it is as JSON.
fn json_bytes(value: &impl serde::Serialize) -> usize {
    struct Counter(usize);
    impl io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.saturating_add(bytes.len());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // What cannot be written as JSON cannot be stored either.
    serde_json::to_writer(&mut counter, value).map_or(usize::MAX, |()| counter.0)
}

#[cfg(test)]
mod tests {
    use nexus_plugin_api::{Checkpoint, Effect, FailureClass, OutsideEvents, Reservation};

    use super::*;

    fn remote_of(id: &str) -> Remote {
        Remote { id: id.to_owned(), url: None, content_sha256: None }
    }

    #[test]
    fn texts_for_people_are_one_short_line() {
        assert_eq!(line("a\n\u{1b}[31mb\0ü"), "a  [31mb ü");
        let long = line(&"é".repeat(10_000));
        assert!(long.len() < LONGEST_TEXT + 4 && long.ends_with('…'), "{}", long.len());
    }

    #[test]
    fn what_is_stored_of_a_destination_has_an_end() {
        let (good, long) = ("é".repeat(LONGEST_NAME), "x".repeat(LONGEST_NAME + 1));
        let place = |id: &str| target(Target { id: id.to_owned(), can_find: true, settle_seconds: 1 });
        assert!(place(&good).is_ok());
        for bad in [&long, "two\nlines", "bell\u{7}"] {
            assert!(place(bad).is_err(), "{bad}");
            let error = found(Found::One(remote_of(bad))).unwrap_err();
            assert_eq!((error.class, error.effect), (FailureClass::Permanent, Effect::None));
            assert!(found(Found::Many(vec![remote_of("1"), remote_of(bad)])).is_err());
            let error = step(Step::Done(remote_of(bad))).unwrap_err();
            assert_eq!(error.effect, Effect::Maybe, "the record may have arrived");
            assert!(error.message.contains("the id of the object"), "{error}");
        }
        assert!(found(Found::One(remote_of(&good))).is_ok());
        let linked = |length| Remote { url: Some("x".repeat(length)), ..remote_of("1") };
        assert!(step(Step::Done(linked(LONGEST_LINK))).is_ok());
        assert!(step(Step::Done(linked(LONGEST_LINK + 1))).is_err());

        let checkpoint = |length: usize| Step::More(Checkpoint("x".repeat(length).into()));
        assert!(step(checkpoint(LARGEST_STATE - 2)).is_ok());
        let error = step(checkpoint(LARGEST_STATE - 1)).unwrap_err();
        assert_eq!(error.effect, Effect::Maybe);
        assert!(error.message.contains("the checkpoint has 65537 bytes"), "{error}");
    }

    #[test]
    fn an_event_that_cannot_be_stored_costs_no_other() {
        let event = |id: &str, user: &str| UsageEvent {
            external_id: id.to_owned(),
            session_identifier: format!("x:{id}"),
            instrument_pid: "TEM".to_owned(),
            user: Some(user.to_owned()),
            start: "2024-03-05T09:10:00".parse().unwrap(),
            end: None,
            cancelled: false,
        };
        let long = "y".repeat(LONGEST_NAME + 1);
        let events = vec![event("1", "ada"), event(&long, "ada"), event("3", &long)];
        let outside = vec![OutsideEvents { tool: "Kaffee\nmaschine".to_owned(), count: 1 }];
        let kept = page(HarvestPage { events, outside, ..HarvestPage::default() }).unwrap();
        assert_eq!(kept.events, [event("1", "ada")]);
        assert_eq!(kept.rejected.len(), 2);
        assert!(kept.rejected[0].place.len() < 200, "{:?}", kept.rejected[0]);
        assert!(
            kept.rejected[1].reason.starts_with("its user has 1001 characters"),
            "{:?}",
            kept.rejected[1]
        );
        assert_eq!(kept.outside[0].tool, "Kaffee maschine");

        let obeyed = |id: &str| UsageEvent { session_identifier: id.to_owned(), ..event("4", "ada") };
        let at = |start: &str| UsageEvent { start: start.parse().unwrap(), ..event("5", "ada") };
        let events = vec![
            obeyed("x:\u{1b}[2J"),
            obeyed("x:\u{9b}2J"),
            obeyed("x:1\nx:2"),
            event("6\t", "ada"),
            at("+12024-03-05T09:10:00"),
            at("0001-01-01T00:00:00+14:00"),
            UsageEvent { end: Some("9999-12-31T23:59:59".parse().unwrap()), ..event("7", "ada") },
            event("8", "a\u{1b}[2Jda"),
        ];
        let kept = page(HarvestPage { events, ..HarvestPage::default() }).unwrap();
        assert_eq!(kept.events, [event("8", "a\u{1b}[2Jda")]);
        assert_eq!(kept.rejected.len(), 7);
        assert!(kept.rejected[0].reason.contains("holds the character U+001B"), "{:?}", kept.rejected[0]);
        assert!(kept.rejected[4].reason.contains("in the year 12024"), "{:?}", kept.rejected[4]);

        let more = |length| page(HarvestPage { more: Some("x".repeat(length)), ..HarvestPage::default() });
        assert!(more(LARGEST_STATE).is_ok());
        assert!(more(LARGEST_STATE + 1).unwrap_err().message.contains("the token of the next page"));
    }

    #[test]
    fn a_reservation_without_end_fails_its_own_session() {
        let titled = |length| {
            let title = Some("x".repeat(length));
            answer(ReservationAnswer::Reservation(Box::new(Reservation { title, ..Reservation::default() })))
        };
        assert!(matches!(titled(LARGEST_RESERVATION / 2), ReservationAnswer::Reservation(_)));
        assert!(matches!(titled(LARGEST_RESERVATION), ReservationAnswer::Failed(_)));
        let refused = answer(ReservationAnswer::NoConsent { reason: "no\r\n".repeat(9999) });
        let ReservationAnswer::NoConsent { reason } = refused else { panic!("{refused:?}") };
        assert!(reason.len() < LONGEST_TEXT + 4 && !reason.contains('\n'));
    }
}

//! The reservation of each session: one reading of a list for all its sessions of a question.
//!
//! A session that was harvested here has the event it was made from. For all others the event counts that shares most
//! time with it.

mod build;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use nexus_plugin_api::{Call, FailureClass, LogLevel, PluginError, ReservationAnswer, SessionRef};

use crate::SharePointHarvester;
use crate::address::{ListAddress, ListKind};
use crate::calendar::{Calendar, Found};
use crate::client::ClientError;
use crate::event::Event;
use crate::fields::Field;
use crate::identity;
use crate::matching::{Candidate, Whose, best, shared};
use crate::people::Person;
use crate::persons::Source;
use crate::span::Spans;

/// A session whose event is wanted.
struct Wanted<'a> {
    /// Its place in the question.
    at: usize,
    session: &'a SessionRef,
    /// The column that tells instruments of one list apart, and this instrument's value.
    filter: Option<(String, String)>,
}

/// One answer per session, in the same order.
pub fn answers(
    sharepoint: &SharePointHarvester,
    call: &Call,
    sessions: &[SessionRef],
) -> Vec<ReservationAnswer> {
    let mut answers: Vec<Option<ReservationAnswer>> = vec![None; sessions.len()];
    let mut lists: BTreeMap<String, (ListAddress, Vec<Wanted<'_>>)> = BTreeMap::new();
    for (at, session) in sessions.iter().enumerate() {
        match sharepoint.settings.list_of(&session.instrument) {
            Ok(list) => {
                let wanted = Wanted { at, session, filter: list.filter.clone() };
                let entry = lists.entry(list.url.to_string()).or_insert_with(|| (list, Vec::new()));
                entry.1.push(wanted);
            }
            Err(error) => set(&mut answers, at, ReservationAnswer::Failed(error)),
        }
    }
    // What keeps one list from being read for reasons that are not its own keeps the others from it as well.
    let mut stopped: Option<PluginError> = None;
    for (list, wanted) in lists.values() {
        let failed = match &stopped {
            Some(error) => error.clone(),
            None => match of_list(sharepoint, call, list, wanted) {
                Ok(given) => {
                    for (at, answer) in given {
                        set(&mut answers, at, answer);
                    }
                    continue;
                }
                Err(error) => error,
            },
        };
        if failed.class != FailureClass::Permanent {
            stopped = Some(failed.clone());
        }
        for one in wanted {
            let message = format!("calendar of instrument {}: {failed}", one.session.instrument.pid);
            let failed = PluginError { message, ..failed.clone() };
            set(&mut answers, one.at, ReservationAnswer::Failed(failed));
        }
    }
    let missing = || ReservationAnswer::Failed(PluginError::transient("the session was not looked at"));
    answers.into_iter().map(|answer| answer.unwrap_or_else(missing)).collect()
}

fn set(answers: &mut [Option<ReservationAnswer>], at: usize, answer: ReservationAnswer) {
    if let Some(place) = answers.get_mut(at) {
        *place = Some(answer);
    }
}

/// The answers for the sessions of one list.
fn of_list(
    sharepoint: &SharePointHarvester,
    call: &Call,
    list: &ListAddress,
    wanted: &[Wanted<'_>],
) -> Result<Vec<(usize, ReservationAnswer)>, PluginError> {
    let filters: BTreeSet<&str> =
        wanted.iter().filter_map(|one| Some(one.filter.as_ref()?.0.as_str())).collect();
    let zone = wanted.iter().find_map(|one| zone(one.session)).unwrap_or(Tz::UTC);
    let calendar = Calendar::open(sharepoint, call, list, &filters, zone)?;
    calendar.usable(&filters)?;
    let spans = Spans::new(wanted.iter().map(|one| times(one.session)));
    let found = calendar.read(call, &spans)?;
    for (item, why) in &found.unreadable {
        call.log(LogLevel::Warn, &format!("item {item} of {} is left out: {why}", list.url.path()));
    }
    let bulk = Bulk { sharepoint, calendar: &calendar, found: &found };
    wanted.iter().map(|one| Ok((one.at, bulk.answer(call, one)?))).collect()
}

fn times(session: &SessionRef) -> (DateTime<Utc>, DateTime<Utc>) {
    (session.start.to_utc(), session.end.to_utc())
}

fn zone(session: &SessionRef) -> Option<Tz> {
    session.instrument.timezone.parse().ok()
}

struct Bulk<'a> {
    sharepoint: &'a SharePointHarvester,
    calendar: &'a Calendar<'a>,
    found: &'a Found,
}

impl Bulk<'_> {
    fn source(&self) -> Source<'_> {
        Source {
            persons: &self.sharepoint.persons,
            client: &self.sharepoint.client,
            fields: &self.sharepoint.settings.fields,
            list: self.calendar.list,
            about: &self.calendar.about,
        }
    }

    fn answer(&self, call: &Call, one: &Wanted<'_>) -> Result<ReservationAnswer, PluginError> {
        let key =
            one.session.external_id.as_deref().and_then(|id| identity::key_in(id, &self.calendar.about.key));
        if let Some(key) = key {
            return self.own(call, one, key);
        }
        let of_instrument =
            |event: &&Event| one.filter.as_ref().is_none_or(|(column, value)| is_of(event, column, value));
        let session = times(one.session);
        let meets = |event: &&Event| !event.cancelled && shared((event.start, event.end), session).is_some();
        let events: Vec<&Event> = self.found.events.iter().filter(meets).filter(of_instrument).collect();
        let mut candidates = Vec::new();
        for (at, event) in events.iter().enumerate() {
            let id = event.row.id.parse().unwrap_or(u64::MAX);
            let whose = self.whose(call, one.session, event)?;
            candidates.push(Candidate { at, id, start: event.start, end: event.end, whose });
        }
        let others: Vec<Candidate> = if self.sharepoint.settings.same_user {
            candidates.extract_if(.., |one| one.whose == Whose::Another).collect()
        } else {
            Vec::new()
        };
        let chosen = best(&candidates, session).and_then(|best| Some((*events.get(best.at)?, best.whose)));
        let Some((event, whose)) = chosen else {
            let other = best(&others, session).and_then(|best| events.get(best.at));
            let reason = match other {
                Some(event) => {
                    let user = self.user(call, event)?.and_then(|user| self.name(&user));
                    format!(
                        "the only booking of instrument {} in that time is not of {}, but of {} (item {})",
                        one.session.instrument.pid,
                        one.session.user.as_deref().unwrap_or("the session's user"),
                        user.as_deref().unwrap_or("somebody else"),
                        event.row.id
                    )
                }
                None => format!(
                    "no booking of instrument {} meets {} to {}{}",
                    one.session.instrument.pid,
                    one.session.start.to_rfc3339(),
                    one.session.end.to_rfc3339(),
                    self.unreadable()
                ),
            };
            return Ok(ReservationAnswer::NoReservation { reason });
        };
        if whose == Whose::Another {
            let text = format!(
                "session {}: item {} was booked by another person",
                one.session.session_identifier, event.row.id
            );
            call.log(LogLevel::Info, &text);
        }
        self.of_event(call, one.session, event, whose)
    }

    /// What may be the booking after all, and cannot be read.
    fn unreadable(&self) -> String {
        match self.found.unreadable.as_slice() {
            [] => String::new(),
            [(item, why), ..] => format!(
                " (items that cannot be read: {}, such as {item}: {why})",
                self.found.unreadable.len()
            ),
        }
    }

    /// The event that a session was made from.
    fn own(&self, call: &Call, one: &Wanted<'_>, key: &str) -> Result<ReservationAnswer, PluginError> {
        let known = self.found.events.iter().find(|event| event.key() == key);
        let asked;
        let event = if let Some(event) = known {
            event
        } else {
            match self.calendar.event(call, key)? {
                Some(event) => {
                    asked = event;
                    &asked
                }
                None => return Ok(ReservationAnswer::Gone),
            }
        };
        if event.cancelled {
            return Ok(ReservationAnswer::Gone);
        }
        self.of_event(call, one.session, event, Whose::Own)
    }

    fn of_event(
        &self,
        call: &Call,
        session: &SessionRef,
        event: &Event,
        whose: Whose,
    ) -> Result<ReservationAnswer, PluginError> {
        if let Err(why) = self.consent(event) {
            // Nothing but the number and the answer: the rest is not ours to keep.
            return Ok(ReservationAnswer::NoConsent { reason: format!("{why} (item {})", event.row.id) });
        }
        let builder = build::Builder {
            settings: &self.sharepoint.settings,
            source: self.source(),
            zone: zone(session),
        };
        let reservation = builder.reservation(call, event, whose == Whose::Another)?;
        Ok(ReservationAnswer::Reservation(Box::new(reservation)))
    }

    fn consent(&self, event: &Event) -> Result<(), String> {
        let settings = &self.sharepoint.settings;
        let columns =
            self.calendar.about.columns_of(&settings.fields, Field::Consent, self.calendar.list.kind);
        if self.calendar.list.kind == ListKind::CalendarView && columns == ["categories"] {
            return settings.consent.given_among(&event.row.texts("categories"));
        }
        let answer = columns.iter().find_map(|column| event.row.value(column));
        let answer = answer.map(|value| value.get("results").unwrap_or(value));
        settings.consent.given(answer)
    }

    fn whose(&self, call: &Call, session: &SessionRef, event: &Event) -> Result<Whose, ClientError> {
        let mails: &[String] = &session.user_emails;
        if session.user.is_none() && mails.is_empty() {
            return Ok(Whose::Unknown);
        }
        let people = self.source().of(call, &event.row, Field::User)?;
        let rule = self.sharepoint.settings.user_name;
        Ok(if people.is_empty() {
            Whose::Unknown
        } else if people.iter().any(|person| person.is(rule, session.user.as_deref(), mails)) {
            Whose::Own
        } else {
            Whose::Another
        })
    }

    fn user(&self, call: &Call, event: &Event) -> Result<Option<Person>, ClientError> {
        Ok(self.source().of(call, &event.row, Field::User)?.into_iter().next())
    }

    fn name(&self, person: &Person) -> Option<String> {
        person.user_name(self.sharepoint.settings.user_name)
    }
}

/// Whether an event is of the instrument with this value in that column.
pub fn is_of(event: &Event, column: &str, value: &str) -> bool {
    event.row.texts(column).iter().any(|text| text.trim().eq_ignore_ascii_case(value.trim()))
}

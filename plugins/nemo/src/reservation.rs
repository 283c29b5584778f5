//! The reservation of each session, and whether its user agreed: two questions for a hundred sessions.
//!
//! The usage event's own answers come first: `run_data`, then `pre_run_data`. The first of them that asks for consent
//! decides, also if it then says no. Else the booking decides that belongs to the session.

mod bookings;
mod build;

use std::collections::HashMap;

use chrono_tz::Tz;
use nexus_plugin_api::{Call, PluginError, ReservationAnswer, SessionRef};
use serde_json::Value;

use self::bookings::{Bookings, Wanted};
use crate::NemoHarvester;
use crate::answers::{Answers, RunData};
use crate::client::Query;
use crate::consent::{self, QUESTION};
use crate::model::{Event, Named};

/// One answer per session, in the same order.
pub fn answers(
    nemo: &NemoHarvester,
    call: &Call,
    sessions: &[SessionRef],
) -> Result<Vec<ReservationAnswer>, PluginError> {
    let events = events(nemo, call, sessions)?;
    let mut answers: Vec<Option<ReservationAnswer>> = vec![None; sessions.len()];
    let mut wanted: Vec<Wanted<'_>> = Vec::new();
    for (at, session) in sessions.iter().enumerate() {
        let number = event_number(nemo, session);
        let event = number.and_then(|number| events.get(&number));
        let answer = match (number, event) {
            (Some(_), None) => Some(ReservationAnswer::Gone),
            (_, Some(event)) => own_answer(nemo, session, event),
            (None, None) => None,
        };
        if answer.is_none() {
            let tool = nemo.settings.id_in("tools", &session.instrument.api_url);
            match tool.or_else(|| event.and_then(|event| event.tool)) {
                Some(tool) => wanted.push(Wanted { at, session, event, tool }),
                None => set(&mut answers, at, no_tool(nemo, session)),
            }
        }
        if let Some(answer) = answer {
            set(&mut answers, at, answer);
        }
    }
    if !wanted.is_empty() {
        let bookings = Bookings::fetch(nemo, call, &wanted)?;
        for (at, answer) in bookings.answers(nemo, call, &wanted)? {
            set(&mut answers, at, answer);
        }
    }
    let missing = || ReservationAnswer::Failed(PluginError::permanent("the session was not looked at"));
    Ok(answers.into_iter().map(|answer| answer.unwrap_or_else(missing)).collect())
}

fn set(answers: &mut [Option<ReservationAnswer>], at: usize, answer: ReservationAnswer) {
    if let Some(place) = answers.get_mut(at) {
        *place = Some(answer);
    }
}

/// The usage events of these sessions, by number, with their people.
fn events(
    nemo: &NemoHarvester,
    call: &Call,
    sessions: &[SessionRef],
) -> Result<HashMap<u64, Event>, PluginError> {
    let mut numbers: Vec<u64> = sessions.iter().filter_map(|session| event_number(nemo, session)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let query = Query::default().with("expand", "user,operator").with("fields", Event::WHOLE);
    let rows = nemo.client.by_id(call, "usage_events", &query, &numbers)?;
    let events: HashMap<u64, Event> =
        rows.iter().filter_map(Event::read).map(|event| (event.id, event)).collect();
    let people: Vec<&Named> = events.values().flat_map(|event| [&event.user, &event.operator]).collect();
    nemo.people.meet(&nemo.client, call, people.into_iter())?;
    Ok(events)
}

/// The number of a session's usage event, if it came from this server.
fn event_number(nemo: &NemoHarvester, session: &SessionRef) -> Option<u64> {
    match &session.external_id {
        Some(id) => id.parse().ok(),
        None => nemo.settings.id_in("usage_events", &session.session_identifier),
    }
}

/// What the usage event itself says; `None` if it does not speak of consent.
fn own_answer(nemo: &NemoHarvester, session: &SessionRef, event: &Event) -> Option<ReservationAnswer> {
    for (place, field) in [("run_data", &event.run_data), ("pre_run_data", &event.pre_run_data)] {
        let source = format!("{place} of usage event {}", event.id);
        match RunData::read(field) {
            RunData::Nothing => {}
            RunData::Unclear(why) => {
                let reason = format!("{source} cannot be read, so a refusal may be in it: {why}");
                return Some(ReservationAnswer::NoConsent { reason });
            }
            RunData::Data(data) => {
                if let Some(answers) = Answers::of(&data).filter(|answers| answers.has(QUESTION)) {
                    return Some(decided(nemo, &answers, &source, || {
                        build::of_event(nemo, event, zone(session), &answers)
                    }));
                }
            }
        }
    }
    None
}

/// A reservation if consent was given in these answers.
fn decided(
    nemo: &NemoHarvester,
    answers: &Answers<'_>,
    source: &str,
    reservation: impl FnOnce() -> nexus_plugin_api::Reservation,
) -> ReservationAnswer {
    match consent::given(&nemo.settings.affirmative, answers) {
        Ok(()) => ReservationAnswer::Reservation(Box::new(reservation())),
        Err(why) => ReservationAnswer::NoConsent { reason: format!("{why} ({source})") },
    }
}

/// What the answers of a booking say.
fn of_answers(
    nemo: &NemoHarvester,
    data: &Value,
    source: &str,
    reservation: impl FnOnce(&Answers<'_>) -> nexus_plugin_api::Reservation,
) -> ReservationAnswer {
    match Answers::of(data) {
        Some(answers) => decided(nemo, &answers, source, || reservation(&answers)),
        None => ReservationAnswer::NoConsent { reason: format!("no question was answered ({source})") },
    }
}

fn no_tool(nemo: &NemoHarvester, session: &SessionRef) -> ReservationAnswer {
    ReservationAnswer::Failed(
        PluginError::permanent(format!(
            "instrument {} has the api_url `{}`, which is no tool of {}",
            session.instrument.pid,
            session.instrument.api_url,
            nemo.settings.base.as_str()
        ))
        .with_hint(format!("it has the form {}", nemo.settings.base.tool_url(7))),
    )
}

fn zone(session: &SessionRef) -> Option<Tz> {
    session.instrument.timezone.parse().ok()
}

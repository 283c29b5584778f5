//! Reservations: one answer each, and consent only where it was given.

use nexus_plugin_api::message::{Method, ReservationsAnswer};
use nexus_plugin_api::{EventTime, PluginKind, Reservation, ReservationAnswer, SessionRef};
use serde_json::json;

use super::super::bench::{Bench, quoted};
use super::super::check::{Check, Stop, Verdict, fail, must, skip};
use super::super::messages::WORKS;
use super::super::sample;
use super::{PAGES, instant, with_events};
use crate::zone;

const ONE_EACH: &str = "harvester.one-answer-each";

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "harvester.no-sessions-no-answers",
        "Asked about no sessions it gives no answers.",
        "Answer {\"answers\": []}.",
        &[WORKS],
        none,
    )
    .of(PluginKind::Harvester),
    Check::new(
        UNKNOWN,
        "A session that the source does not know has one answer, not an error for all.",
        "Answer no_reservation with the reason, or failed if it could not be found out.",
        &[WORKS],
        unknown,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.consent-is-explicit",
        "A session that nobody ever had is not answered with a reservation: that would be consent.",
        "Answer with a reservation only where a known affirmative answer was found.",
        &[UNKNOWN],
        consent,
    )
    .of(PluginKind::Harvester),
    Check::new(
        ONE_EACH,
        "Each session harvested has exactly one answer.",
        "Go through the sessions and answer one by one; what fails is answered `failed`.",
        &[PAGES, UNKNOWN],
        one_each,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.answers-in-order",
        "The answers stand in the order of the sessions.",
        "Sort the answers by the sessions asked about, not by the source's order.",
        &[ONE_EACH],
        in_order,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.unknown-spoils-no-other",
        "A session that the source does not know does not change the answers of others.",
        "Look each session up by itself.",
        &[ONE_EACH],
        mixed,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.answers-are-stable",
        "Asked twice, also by a fresh instance, the answers are the same.",
        "Leave nothing in memory that changes an answer.",
        &[ONE_EACH],
        stable,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.reasons-are-told",
        "No consent and no reservation come with a reason.",
        "Quote the answer, or say what was looked for: a person will ask.",
        &[ONE_EACH],
        reasons,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.reservation-times",
        "A reservation does not end before it begins.",
        "Look at the order of the columns, and at times without an offset.",
        &[ONE_EACH],
        times,
    )
    .of(PluginKind::Harvester),
];

const UNKNOWN: &str = "harvester.unknown-session";

fn ask(bench: &mut Bench<'_>, sessions: &[SessionRef]) -> Result<Vec<ReservationAnswer>, Stop> {
    let answer: ReservationsAnswer = bench.get_here(Method::Reservations, &json!({"sessions": sessions}))?;
    Ok(answer.answers)
}

fn none(bench: &mut Bench<'_>) -> Verdict {
    let answers = ask(bench, &[])?;
    must(answers.is_empty(), || format!("it gives {} answers", answers.len()))
}

fn unknown(bench: &mut Bench<'_>) -> Verdict {
    let session = sample::session(bench);
    let answers = ask(bench, &[session])?;
    must(answers.len() == 1, || format!("one session has {} answers", answers.len()))
}

fn consent(bench: &mut Bench<'_>) -> Verdict {
    let session = sample::session(bench);
    match ask(bench, &[session])?.first() {
        Some(ReservationAnswer::Reservation(reservation)) => {
            fail(format!("it is answered with the reservation {}", quoted(reservation)))
        }
        _ => Ok(()),
    }
}

/// Most sessions asked about.
const MOST: usize = 50;

/// The sessions of the harvest.
fn sessions(bench: &mut Bench<'_>) -> Result<Vec<SessionRef>, Stop> {
    let harvested = with_events(bench)?;
    let mut sessions = Vec::new();
    for event in harvested.events().filter(|event| !event.cancelled).take(MOST) {
        let Some(end) = event.end else { continue };
        let asked = bench.options.instruments.iter().find(|one| one.pid == event.instrument_pid);
        let Some(instrument) = asked.cloned() else { continue };
        let zone = zone::parse(&instrument.timezone).unwrap_or(chrono_tz::UTC);
        let at = |time| match time {
            EventTime::Offset(time) => time,
            EventTime::Local(naive) => zone::localise(naive, zone),
        };
        sessions.push(SessionRef {
            session_identifier: event.session_identifier.clone(),
            external_id: Some(event.external_id.clone()),
            instrument,
            user: event.user.clone(),
            user_emails: Vec::new(),
            start: at(event.start),
            end: at(end),
        });
    }
    if sessions.is_empty() { skip("no event of these instruments has ended") } else { Ok(sessions) }
}

fn one_each(bench: &mut Bench<'_>) -> Verdict {
    let sessions = sessions(bench)?;
    let answers = ask(bench, &sessions)?;
    must(answers.len() == sessions.len(), || {
        format!("{} sessions have {} answers", sessions.len(), answers.len())
    })
}

fn in_order(bench: &mut Bench<'_>) -> Verdict {
    let mut sessions = sessions(bench)?;
    let forward = ask(bench, &sessions)?;
    sessions.reverse();
    let mut backward = ask(bench, &sessions)?;
    backward.reverse();
    must(forward == backward, || "asked in the opposite order, the sessions have other answers".to_owned())
}

fn mixed(bench: &mut Bench<'_>) -> Verdict {
    let mut sessions = sessions(bench)?;
    let alone = ask(bench, &sessions)?;
    let unknown = sample::session(bench);
    sessions.insert(0, unknown);
    let mixed = ask(bench, &sessions)?;
    must(mixed.get(1..) == Some(alone.as_slice()), || {
        "beside an unknown session the answers are others".to_owned()
    })
}

fn stable(bench: &mut Bench<'_>) -> Verdict {
    let sessions = sessions(bench)?;
    let first = ask(bench, &sessions)?;
    let second = ask(bench, &sessions)?;
    let line = bench.connect()?;
    let fresh: ReservationsAnswer = bench.get(&line, Method::Reservations, &json!({"sessions": sessions}))?;
    must(first == second && first == fresh.answers, || "the answers differ".to_owned())
}

fn reasons(bench: &mut Bench<'_>) -> Verdict {
    let sessions = sessions(bench)?;
    let answers = ask(bench, &sessions)?;
    for (session, answer) in sessions.iter().zip(answers) {
        let reason = match answer {
            ReservationAnswer::NoConsent { reason } | ReservationAnswer::NoReservation { reason } => reason,
            ReservationAnswer::Failed(error) => error.message,
            ReservationAnswer::Reservation(_) | ReservationAnswer::Gone => continue,
        };
        must(!reason.trim().is_empty(), || format!("{} has no reason", session.session_identifier))?;
    }
    Ok(())
}

fn times(bench: &mut Bench<'_>) -> Verdict {
    let sessions = sessions(bench)?;
    let answers = ask(bench, &sessions)?;
    for (session, answer) in sessions.iter().zip(answers) {
        let ReservationAnswer::Reservation(reservation) = answer else { continue };
        let Reservation { start: Some(start), end: Some(end), .. } = *reservation else { continue };
        let pid = &session.instrument.pid;
        must(instant(bench, pid, start) <= instant(bench, pid, end), || {
            format!("the reservation of {} begins {start} and ends {end}", session.session_identifier)
        })?;
    }
    Ok(())
}

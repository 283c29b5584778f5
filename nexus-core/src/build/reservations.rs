//! The reservation behind each session, asked for in bulk before anything is built.

use std::collections::BTreeMap;

use nexus_plugin_api::{Reservation, ReservationAnswer, SessionRef};

use crate::ids::{HarvesterName, SessionId};
use crate::instrument::instrument_ref;
use crate::plugins::{CallError, HarvesterInstance, NoHarvester, harvester_of};
use crate::session::Session;

/// Sessions in one question.
pub(super) const BULK: usize = 100;

/// What is known of one session's reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Consent was given, and this is the booking.
    Reservation(Box<Reservation>),
    /// Consent was not given.
    NoConsent(String),
    /// Nothing belongs to the session.
    NoReservation(String),
    /// The usage event is no longer at its source.
    Gone,
    /// Nobody can be asked: settles nothing.
    NoHarvester(NoHarvester),
    /// It could not be found out: settles nothing.
    Unanswered {
        /// A few words for the listing, the same for all sessions with the same trouble.
        reason: String,
        /// Everything that is known.
        detail: String,
    },
}

/// A session whose reservation is asked for.
pub(super) struct Asked<'a> {
    pub session: &'a Session,
    /// What is known of its user.
    pub user_emails: &'a [String],
}

/// Asks for the reservation of every session; `external_id` knows the events' ids at the harvester that
/// brought them.
pub(super) fn ask(
    sessions: &[Asked<'_>],
    harvesters: &[HarvesterInstance],
    external_id: &dyn Fn(&SessionId, &HarvesterName) -> Option<String>,
) -> Vec<Answer> {
    let mut answers: Vec<Option<Answer>> = vec![None; sessions.len()];
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, asked) in sessions.iter().enumerate() {
        match source(asked.session, harvesters) {
            Ok(harvester) => groups.entry(harvester).or_default().push(at),
            Err(unanswered) => set(&mut answers, at, unanswered),
        }
    }
    for (harvester, members) in groups {
        let Some(harvester) = harvesters.get(harvester) else { continue };
        for bulk in members.chunks(BULK) {
            let refs: Vec<SessionRef> = bulk
                .iter()
                .filter_map(|at| sessions.get(*at))
                .map(|s| session_ref(s, harvester, external_id))
                .collect();
            match harvester.reservations(&refs) {
                Ok(given) => {
                    for (at, answer) in bulk.iter().zip(given) {
                        set(&mut answers, *at, read(answer, harvester));
                    }
                }
                Err(error) => {
                    for at in bulk {
                        set(&mut answers, *at, unanswered(harvester, &error.told()));
                    }
                }
            }
        }
    }
    let missing = || Answer::Unanswered { reason: "no answer".to_owned(), detail: "no answer".to_owned() };
    answers.into_iter().map(|answer| answer.unwrap_or_else(missing)).collect()
}

fn set(answers: &mut [Option<Answer>], at: usize, answer: Answer) {
    if let Some(place) = answers.get_mut(at) {
        *place = Some(answer);
    }
}

/// Who knows the reservation of a session: its instrument's harvester, or the one that is named by it.
fn source(session: &Session, harvesters: &[HarvesterInstance]) -> Result<usize, Answer> {
    let instrument = &session.instrument;
    let own = harvester_of(&instrument.pid, &instrument.harvester, &instrument.api_url, harvesters)
        .map_err(Answer::NoHarvester)?;
    let wanted = own.reservations_from.as_ref().unwrap_or(&own.name);
    harvesters.iter().position(|harvester| harvester.name == *wanted).ok_or_else(|| Answer::Unanswered {
        reason: format!("no harvester `{wanted}`"),
        detail: format!(
            "harvester `{}` takes reservations from `{wanted}`, which is not configured",
            own.name
        ),
    })
}

fn session_ref(
    Asked { session, user_emails }: &Asked<'_>,
    harvester: &HarvesterInstance,
    external_id: &dyn Fn(&SessionId, &HarvesterName) -> Option<String>,
) -> SessionRef {
    SessionRef {
        session_identifier: session.identifier.to_string(),
        external_id: external_id(&session.identifier, &harvester.name),
        instrument: instrument_ref(&session.instrument),
        user: session.user.clone(),
        user_emails: user_emails.to_vec(),
        start: session.start.in_zone(session.zone),
        end: session.end.in_zone(session.zone),
    }
}

fn unanswered(harvester: &HarvesterInstance, why: &str) -> Answer {
    Answer::Unanswered {
        reason: format!("no usable answer from harvester `{}`", harvester.name),
        detail: format!("harvester `{}`: {why}", harvester.name),
    }
}

fn read(answer: ReservationAnswer, harvester: &HarvesterInstance) -> Answer {
    match answer {
        ReservationAnswer::Reservation(reservation) => Answer::Reservation(reservation),
        ReservationAnswer::NoConsent { reason } => Answer::NoConsent(reason),
        ReservationAnswer::NoReservation { reason } => Answer::NoReservation(reason),
        ReservationAnswer::Gone => Answer::Gone,
        ReservationAnswer::Failed(error) => unanswered(harvester, &CallError::from(error).told()),
    }
}

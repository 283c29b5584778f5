//! The bookings of a time, and which of them belongs to a session.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use nexus_plugin_api::{Call, LogLevel, PluginError, ReservationAnswer, SessionRef};
use serde_json::Value;

use super::{build, of_answers, zone};
use crate::NemoHarvester;
use crate::client::{ClientError, Query};
use crate::matching::{Candidate, Whose, best};
use crate::model::{Booking, Event, Named};
use crate::time::{Times, filter_text};
use crate::tools;

/// A session whose booking is looked for.
pub struct Wanted<'a> {
    /// Its place in the question.
    pub at: usize,
    /// The session.
    pub session: &'a SessionRef,
    /// Its usage event, if it came from this server.
    pub event: Option<&'a Event>,
    /// The number of its tool.
    pub tool: u64,
}

/// The bookings around some sessions.
pub struct Bookings {
    by_tool: HashMap<u64, Vec<Booking>>,
    /// Tools that the server does not know.
    unknown: BTreeSet<u64>,
    /// Whether the answers are still to be asked for: the server could not give them all at once.
    bare: bool,
}

impl Bookings {
    /// Every booking that may meet one of these sessions, however long it is.
    pub fn fetch(nemo: &NemoHarvester, call: &Call, wanted: &[Wanted<'_>]) -> Result<Self, ClientError> {
        let mut found = Self { by_tool: HashMap::new(), unknown: BTreeSet::new(), bare: false };
        let (Some(first), Some(last)) = (
            wanted.iter().map(|one| one.session.start.to_utc()).min(),
            wanted.iter().map(|one| one.session.end.to_utc()).max(),
        ) else {
            return Ok(found);
        };
        let query = Query::default()
            .with("cancelled", "false")
            .with("start__lte", filter_text(last.checked_add_signed(Times::SLACK).unwrap_or(last)))
            .with("end__gte", filter_text(first.checked_sub_signed(Times::SLACK).unwrap_or(first)))
            .with("expand", "user,creator");
        let mut tools: BTreeSet<u64> = wanted.iter().map(|one| one.tool).collect();
        let rows = match found.rows(nemo, call, &query, &tools) {
            Err(refused @ ClientError::Refused { .. }) => {
                let asked: Vec<u64> = tools.iter().copied().collect();
                let known = tools::known(&nemo.client, call, &asked)?;
                found.unknown = asked.into_iter().filter(|tool| !known.contains_key(tool)).collect();
                if found.unknown.is_empty() {
                    return Err(refused);
                }
                tools.retain(|tool| known.contains_key(tool));
                found.rows(nemo, call, &query, &tools)?
            }
            other => other?,
        };
        let bookings: Vec<Booking> =
            rows.iter().filter_map(Booking::read).filter(|booking| !booking.cancelled).collect();
        nemo.people.meet(
            &nemo.client,
            call,
            bookings.iter().flat_map(|booking| [&booking.user, &booking.creator]),
        )?;
        for booking in bookings {
            if let Some(tool) = booking.tool {
                found.by_tool.entry(tool).or_default().push(booking);
            }
        }
        Ok(found)
    }

    /// The rows, without the answers if some of them are beyond the server itself.
    fn rows(
        &mut self,
        nemo: &NemoHarvester,
        call: &Call,
        query: &Query,
        tools: &BTreeSet<u64>,
    ) -> Result<Vec<Value>, ClientError> {
        if tools.is_empty() {
            return Ok(Vec::new());
        }
        let tools: Vec<u64> = tools.iter().copied().collect();
        let query = query.clone().with_numbers("tool_id__in", &tools);
        let list = |fields| nemo.client.list(call, "reservations", &query.clone().with("fields", fields));
        match list(Booking::WHOLE) {
            Err(ClientError::Broken { status: 500, .. }) => {
                self.bare = true;
                list(Booking::BARE)
            }
            other => other,
        }
    }

    /// The answer for each of these sessions, with its place in the question.
    pub fn answers(
        &self,
        nemo: &NemoHarvester,
        call: &Call,
        wanted: &[Wanted<'_>],
    ) -> Result<Vec<(usize, ReservationAnswer)>, PluginError> {
        let matches: Vec<_> = wanted.iter().map(|one| (one, self.find(nemo, call, one))).collect();
        let late = if self.bare {
            let mut ids: Vec<u64> =
                matches.iter().filter_map(|(_, found)| Some(found.as_ref().ok()?.0.id)).collect();
            ids.sort_unstable();
            ids.dedup();
            let mut late = BTreeMap::new();
            question_data(nemo, call, &ids, &mut late)?;
            Some(late)
        } else {
            None
        };
        Ok(matches
            .into_iter()
            .map(|(one, found)| {
                let answer = match found {
                    Err(reason) => ReservationAnswer::NoReservation { reason },
                    Ok((booking, whose)) => of_booking(nemo, one.session, booking, whose, late.as_ref()),
                };
                (one.at, answer)
            })
            .collect())
    }

    /// The booking of a session, or why there is none.
    fn find(&self, nemo: &NemoHarvester, call: &Call, one: &Wanted<'_>) -> Result<(&Booking, Whose), String> {
        if self.unknown.contains(&one.tool) {
            return Err(format!("tool {} is not known to {}", one.tool, nemo.settings.base.as_str()));
        }
        let bookings = self.by_tool.get(&one.tool).map(Vec::as_slice).unwrap_or_default();
        let mut meant = Vec::new();
        let mut candidates = Vec::new();
        for booking in bookings {
            match candidate(nemo, one, booking) {
                Some(candidate) => {
                    meant.push(booking);
                    candidates.push(candidate);
                }
                None => call.log(
                    LogLevel::Warn,
                    &format!("reservation {} has a time that cannot be read and was left out", booking.id),
                ),
            }
        }
        let (start, end) = (one.session.start.to_utc(), one.session.end.to_utc());
        let found =
            best(&candidates, start, end).and_then(|at| Some((*meant.get(at)?, candidates.get(at)?.whose)));
        match found {
            Some((booking, Whose::Another)) if !nemo.settings.others_bookings => {
                let of = nemo.people.person(&booking.user).and_then(|person| person.username);
                Err(format!(
                    "the only booking of tool {} in that time is another person's (reservation {} of {})",
                    one.tool,
                    booking.id,
                    of.as_deref().unwrap_or("somebody")
                ))
            }
            Some(found) => Ok(found),
            None => Err(format!(
                "no booking of tool {} overlaps {} to {}",
                one.tool,
                one.session.start.to_rfc3339(),
                one.session.end.to_rfc3339()
            )),
        }
    }
}

fn candidate(nemo: &NemoHarvester, one: &Wanted<'_>, booking: &Booking) -> Option<Candidate> {
    let zone = zone(one.session);
    let read = |text: Option<&String>| Some(nemo.settings.times.read(text?, zone)?.at);
    Some(Candidate {
        id: booking.id,
        start: read(booking.start.as_ref())?,
        end: read(booking.end.as_ref())?,
        created: read(booking.creation_time.as_ref()),
        whose: whose(nemo, one, booking),
    })
}

/// By number if the usage event is known, else by name.
fn whose(nemo: &NemoHarvester, one: &Wanted<'_>, booking: &Booking) -> Whose {
    let user = one.event.map(|event| &event.user).filter(|user| **user != Named::Nobody);
    let is_own = if let Some(user) = user {
        booking.user.id() == user.id()
    } else {
        let Some(user) = &one.session.user else { return Whose::Unknown };
        let name = nemo.people.person(&booking.user).and_then(|person| person.username);
        name.is_some_and(|name| name.to_lowercase() == user.to_lowercase())
    };
    if is_own { Whose::Own } else { Whose::Another }
}

fn of_booking(
    nemo: &NemoHarvester,
    session: &SessionRef,
    booking: &Booking,
    whose: Whose,
    late: Option<&BTreeMap<u64, Option<Value>>>,
) -> ReservationAnswer {
    let source = format!("reservation {}", booking.id);
    let data = match late {
        None => &booking.question_data,
        Some(late) => match late.get(&booking.id) {
            Some(Some(data)) => data,
            _ => {
                return ReservationAnswer::Failed(
                    PluginError::permanent(format!(
                        "NEMO itself cannot read the answers of reservation {}",
                        booking.id
                    ))
                    .with_hint("an administrator of NEMO can correct its question data, which is no JSON"),
                );
            }
        },
    };
    of_answers(nemo, data, &source, |answers| {
        let mut reservation = build::of_booking(nemo, booking, zone(session), answers);
        reservation.of_another_user = whose == Whose::Another;
        if whose == Whose::Unknown {
            reservation
                .warnings
                .push("the session's user is not known, so whose booking it is was not compared".to_owned());
        }
        reservation
    })
}

/// The answers of these bookings, `None` for those that the server cannot read: found by halving.
fn question_data(
    nemo: &NemoHarvester,
    call: &Call,
    ids: &[u64],
    found: &mut BTreeMap<u64, Option<Value>>,
) -> Result<(), ClientError> {
    if ids.is_empty() {
        return Ok(());
    }
    let query = Query::default().with("fields", "id,question_data");
    match nemo.client.by_id(call, "reservations", &query, ids) {
        Ok(rows) => {
            let bookings = rows.iter().filter_map(Booking::read);
            found.extend(bookings.map(|booking| (booking.id, Some(booking.question_data))));
            // One that was removed meanwhile has no answers.
            let met: HashSet<u64> = found.keys().copied().collect();
            found.extend(ids.iter().filter(|id| !met.contains(id)).map(|id| (*id, Some(Value::Null))));
            Ok(())
        }
        Err(ClientError::Broken { status: 500, .. }) => {
            if let [only] = ids {
                found.insert(*only, None);
                return Ok(());
            }
            let (left, right) = ids.split_at(ids.len() / 2);
            question_data(nemo, call, left, found)?;
            question_data(nemo, call, right, found)
        }
        Err(other) => Err(other),
    }
}

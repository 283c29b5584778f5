//! The queue is the table: what may be tried now, what was let go, what is left.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use nexus_plugin_api as api;
use rusqlite::Transaction;

use super::before::{self, Before};
use super::context::Facts;
use super::{Claim, Exporter, settle_session};
use crate::delivery::table::DeliveryError;
use crate::delivery::{self, Effect, Event, Hold, LONGEST_WAIT, State, TargetFacts, table};
use crate::destination_state::DestinationState;
use crate::external_user::KnownUser;
use crate::ids::{DestinationName, SessionId};
use crate::instrument::{Instruments, instrument_ref};
use crate::journal::Journal;
use crate::plugins::DestinationInstance;
use crate::report::Told;
use crate::session_state::BuiltRecord;
use crate::timestamp::UtcTime;
use crate::writer::WriteError;
use crate::{destination_state, external_user, session};

/// Deliveries changed in one job.
const PAGE: usize = 500;

/// What a worker took.
#[derive(Default)]
pub(super) struct Claimed {
    /// Deliveries that are in flight now.
    pub claims: Vec<Claim>,
    /// What a person must know of those that could not be taken.
    pub told: Told,
    /// Some can be taken when another destination has said where it delivers to.
    pub depends: bool,
}

/// Takes up to `limit` deliveries that are due, in one commit.
pub(super) fn claim(
    exporter: &Exporter<'_>,
    destination: &DestinationInstance,
    target: &TargetFacts,
    limit: usize,
) -> Result<Claimed, WriteError> {
    let (name, target, digest) =
        (destination.name.clone(), target.clone(), destination.config_digest.clone());
    let (now, instruments) = (exporter.clock.now(), exporter.instruments.clone());
    let (routes, journal) = (exporter.routes.clone(), Arc::clone(&exporter.journal));
    let places = exporter.places.clone();
    exporter.writer.run(move |tx| {
        let mut claimed = Claimed::default();
        let mut end = None;
        // Deliveries that cannot be taken must not hide those behind them.
        while claimed.claims.len() < limit {
            let page = table::due_page(tx, &name, now, end.as_ref(), limit)?;
            for row in page.rows {
                let mut next = row.clone();
                let mut effects = Vec::new();
                match before::find(tx, &row, &routes, &target, &places)? {
                    Before::Nothing => {}
                    Before::Left(before) => {
                        let event = Event::NamedBefore { target: target.clone(), before };
                        (next, effects) = delivery::step(&next, event, now);
                    }
                    Before::Depends { not_yet } => {
                        claimed.depends |= not_yet;
                        continue;
                    }
                }
                if next.state == State::Due {
                    let event = Event::Claim { target: target.clone(), config_digest: digest.clone() };
                    let (claimed, more) = delivery::step(&next, event, now);
                    effects.extend(more);
                    next = claimed;
                }
                if next.state != State::InFlight {
                    for effect in &effects {
                        match effect {
                            Effect::NeedsPerson { why } => {
                                claimed.told.push(format!("{} → {name}: {why}", row.session));
                            }
                            Effect::Refused { why } => {
                                tracing::debug!(session = %row.session, destination = %name, "not claimed: {why}");
                            }
                            _ => {}
                        }
                    }
                    note(tx, &next, &effects, &journal, now)?;
                    table::save(tx, &row, &next)?;
                    if next.state == State::Delivered {
                        settle_session(tx, &next.session, &routes, now)?;
                    }
                    continue;
                }
                if claimed.claims.len() >= limit {
                    break;
                }
                let facts = match facts(tx, &row, &instruments)? {
                    Ok(facts) => facts,
                    Err(why) => {
                        claimed.told.push(format!(
                            "{} → {name}: not delivered: {why}; put that right, or give it up with `nexus export forget`",
                            row.session
                        ));
                        continue;
                    }
                };
                note(tx, &next, &effects, &journal, now)?;
                table::save(tx, &row, &next)?;
                claimed.claims.push(Claim { delivery: next, effects, facts });
            }
            end = page.next;
            if end.is_none() {
                break;
            }
        }
        Ok(claimed)
    })
}

/// Writes what is worth remembering of a claim into the journal.
fn note(
    tx: &Transaction<'_>,
    row: &delivery::Delivery,
    effects: &[Effect],
    journal: &Journal,
    now: DateTime<Utc>,
) -> Result<(), WriteError> {
    for effect in effects {
        if let Effect::NoteEvent { kind, text } = effect {
            journal.note(tx, &row.session, now, kind, text)?;
        }
    }
    Ok(())
}

/// Whether a delivery to the destination may be tried now.
pub(super) fn is_anything_due(exporter: &Exporter<'_>, name: &DestinationName) -> Result<bool, WriteError> {
    let (name, now) = (name.clone(), exporter.clock.now());
    exporter.writer.run(move |tx| Ok(!table::due_page(tx, &name, now, None, 1)?.rows.is_empty()))
}

/// Gives back deliveries that were taken and not tried. Whoever changed one meanwhile keeps it.
pub(super) fn put_back(exporter: &Exporter<'_>, rows: Vec<delivery::Delivery>) -> Result<(), WriteError> {
    let now = exporter.clock.now();
    exporter.writer.run(move |tx| {
        for row in rows {
            let (next, _) = delivery::step(&row, Event::PutBack, now);
            match table::save(tx, &row, &next) {
                Ok(()) | Err(DeliveryError::Stale { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    })
}

/// The delivery as it stands, if all that has happened to it since is that another record is wanted: a build came
/// between. `None`: it is somebody else's, or gone.
pub(super) fn wanted_anew(
    exporter: &Exporter<'_>,
    saved: &delivery::Delivery,
) -> Result<Option<delivery::Delivery>, WriteError> {
    let (session, name) = (saved.session.clone(), saved.destination.clone());
    let now = exporter.writer.run(move |tx| Ok(table::load(tx, &session, &name)?))?;
    Ok(now.filter(|now| {
        let before = delivery::Delivery {
            wanted_sha256: saved.wanted_sha256.clone(),
            updated_at: saved.updated_at,
            ..now.clone()
        };
        before == *saved && now != saved
    }))
}

/// What is known of the session behind a delivery, or why that is not enough.
fn facts(
    tx: &Transaction<'_>,
    row: &delivery::Delivery,
    instruments: &Instruments,
) -> Result<Result<Facts, String>, WriteError> {
    let Some(record) = BuiltRecord::load(tx, &row.session)? else {
        return Ok(Err("nexus_session does not tell of a record of it any more".to_owned()));
    };
    let session = match session::load_or_why(tx, &row.session, instruments)? {
        Ok(session) => session,
        Err(why) => return Ok(Err(why.to_string())),
    };
    let user = match &session.user {
        Some(user) => external_user::known_of(tx, user)?,
        None => KnownUser::default(),
    };
    Ok(Ok(Facts {
        record,
        session: api::SessionFacts {
            identifier: row.session.to_string(),
            start: session.start.in_zone(session.zone),
            end: session.end.in_zone(session.zone),
            instrument: instrument_ref(&session.instrument),
            user: session.user,
        },
        external_ids: user.ids.into_iter().map(|(system, id)| (system.to_string(), id)).collect(),
        user_emails: user.emails,
        others: table::others(tx, &row.session, &row.destination)?,
    }))
}

/// Tells deliveries that wait for a change what configuration and target are now, and those that were put off while
/// the clock was ahead what time it is.
pub(super) fn wake(
    exporter: &Exporter<'_>,
    destination: &DestinationInstance,
    target: &TargetFacts,
) -> Result<(), WriteError> {
    let (name, now) = (destination.name.clone(), exporter.clock.now());
    let beyond = now.checked_add_signed(LONGEST_WAIT).unwrap_or(DateTime::<Utc>::MAX_UTC);
    each_page(exporter, move |tx, after| {
        let page = table::put_off_beyond(tx, &name, beyond, after, PAGE)?;
        for row in &page {
            let (next, _) = delivery::step(row, Event::Recover, now);
            table::save(tx, row, &next)?;
        }
        Ok(page.last().map(|row| row.session.clone()))
    })?;
    let (name, target, digest) =
        (destination.name.clone(), target.clone(), destination.config_digest.clone());
    let now = exporter.clock.now();
    each_page(exporter, move |tx, after| {
        let page = table::touched_by_change(tx, &name, &target.id, &digest, after, PAGE)?;
        for row in &page {
            let (next, _) = delivery::step(row, Event::TargetChanged { target: target.clone() }, now);
            let (next, _) = delivery::step(&next, Event::ConfigChanged { digest: digest.clone() }, now);
            table::save(tx, row, &next)?;
        }
        Ok(page.last().map(|row| row.session.clone()))
    })
}

/// Does a job of the writer for each page of sessions, so that others come to their turn and memory does not grow: it is
/// told after which session to begin, and answers with which one it ended; `None`: there are no more.
fn each_page(
    exporter: &Exporter<'_>,
    job: impl Fn(&Transaction<'_>, &SessionId) -> Result<Option<SessionId>, WriteError> + Send + Sync + 'static,
) -> Result<(), WriteError> {
    let job = Arc::new(job);
    let mut after = SessionId::from("");
    loop {
        let this = Arc::clone(&job);
        match exporter.writer.run(move |tx| this(tx, &after))? {
            Some(last) => after = last,
            None => return Ok(()),
        }
    }
}

/// Lets go of everything that waited for destinations which have done all they can in this run.
pub(super) fn release_all(exporter: &Exporter<'_>, name: &DestinationName) -> Result<(), WriteError> {
    let (name, now) = (name.clone(), exporter.clock.now());
    each_page(exporter, move |tx, after| {
        let page = table::held_for(tx, &name, Hold::After, after, PAGE)?;
        for row in &page {
            let (next, _) = delivery::step(row, Event::Released { from: Hold::After }, now);
            table::save(tx, row, &next)?;
        }
        Ok(page.last().map(|row| row.session.clone()))
    })
}

/// When the next delivery with an open question may be asked for.
pub(super) fn next_question(
    exporter: &Exporter<'_>,
    name: &DestinationName,
) -> Result<Option<DateTime<Utc>>, WriteError> {
    let name = name.clone();
    exporter.writer.run(move |tx| Ok(table::next_question(tx, &name)?))
}

/// How many deliveries of a destination are not delivered there.
pub(super) struct Left {
    /// Due later.
    pub due: u64,
    /// They wait for a change or a person.
    pub stuck: u64,
    /// Delivered to where the destination was before.
    pub moved: u64,
}

/// Counts what is left of a destination's deliveries.
pub(super) fn left(exporter: &Exporter<'_>, name: &DestinationName) -> Result<Left, WriteError> {
    let name = name.clone();
    exporter.writer.run(move |tx| {
        let counts = table::counts(tx, &name)?;
        let of = |states: &[State]| {
            counts.iter().filter(|(state, _)| states.contains(state)).map(|(_, count)| count).sum()
        };
        let held: u64 = of(&[State::Held]);
        let moved = if held == 0 { 0 } else { table::moved(tx, &name)? };
        let due: u64 = of(&[State::Due, State::InFlight]);
        let stuck = of(&[State::Failed, State::Unknown]);
        Ok(Left { due: due + held.saturating_sub(moved), stuck, moved })
    })
}

/// Remembers where a destination delivers to, or what was wrong with it.
pub(super) fn note_destination(
    exporter: &Exporter<'_>,
    name: &DestinationName,
    target: Option<String>,
    error: Option<String>,
) -> Result<(), WriteError> {
    let name = name.clone();
    exporter.writer.run(move |tx| {
        if let Some(target) = target {
            destination_state::set_target(tx, &name, &target)?;
        }
        if let Some(error) = error {
            destination_state::failed(tx, &name, &error)?;
        }
        Ok(())
    })
}

/// The end of a pause that the destination asked for, if it is not over.
pub(super) fn paused_until(
    exporter: &Exporter<'_>,
    name: &DestinationName,
) -> Result<Option<UtcTime>, WriteError> {
    let (name, now) = (name.clone(), UtcTime::new(exporter.clock.now()));
    let longest = now.plus(LONGEST_WAIT);
    exporter.writer.run(move |tx| {
        let state = DestinationState::load(tx, &name)?;
        Ok(state.and_then(|state| state.paused_until).filter(|until| now < *until && *until <= longest))
    })
}

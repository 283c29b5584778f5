//! One page of usage events, stored in one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use nexus_plugin_api::{HarvestPage, MetUser, RejectedRow, UsageEvent};
use rusqlite::Transaction;

use super::former::{self, Move, TakenOver};
use crate::clock::ManualClock;
use crate::cursor::Cursor;
use crate::external_user::{self, ExternalSystem, NewIdentifier};
use crate::ids::{HarvesterName, InstrumentPid, SessionId};
use crate::instrument::Instruments;
use crate::journal::Journal;
use crate::question::covers_nothing;
use crate::report::HarvestCounts;
use crate::revision::{self, is_given_up};
use crate::session::{self, RecordStatus};
use crate::session_log::{NewSession, Stored};
use crate::session_state::{
    self, EVENT_CANCELLED, EVENT_GONE, EVENT_GONE_TEXT, KnownEvent, NewSessionState, RevisedEvent,
    SessionState,
};
use crate::timestamp::{Timestamp, UtcTime};
use crate::writer::WriteError;

/// Events that are missing, looked at together.
const MISSING: usize = 500;

/// A page on its way into the database.
pub(super) struct Page {
    pub harvester: HarvesterName,
    pub answer: HarvestPage,
    /// The instruments that were asked for, and their zones.
    pub known: BTreeMap<InstrumentPid, Tz>,
    pub now: DateTime<Utc>,
    pub journal: Arc<Journal>,
    pub user_system: Option<ExternalSystem>,
    /// Whether the cursors of the answer are stored.
    pub moves_cursors: bool,
    /// Whether a session that is settled follows its event when that is changed.
    pub follows: bool,
}

/// Stores a page; `seen` are the ids of all events of this harvest so far.
pub(super) fn store(
    tx: &Transaction<'_>,
    mut page: Page,
    seen: &BTreeSet<String>,
) -> Result<HarvestCounts, WriteError> {
    let mut counts = HarvestCounts {
        outside: std::mem::take(&mut page.answer.outside),
        rejected: std::mem::take(&mut page.answer.rejected),
        ..HarvestCounts::default()
    };
    counts.taken_over = take_over(tx, &page)?.iter().map(TakenOver::to_string).collect();
    name_users(tx, &mut page.answer.events)?;
    for event in &page.answer.events {
        counts.events += 1;
        let place = || format!("usage event {}", event.external_id);
        match refusal(tx, &page, event, seen)? {
            Some(reason) => counts.rejected.push(RejectedRow { place: place(), reason }),
            None => one(tx, &page, event, &mut counts)?,
        }
    }
    if page.moves_cursors {
        move_cursors(tx, &page)?;
    }
    for user in &page.answer.users {
        if let Some(system) = user.system.parse().ok().filter(|system| Some(*system) == page.user_system) {
            identify(tx, user, system, page.now);
        }
    }
    Ok(counts)
}

fn move_cursors(tx: &Transaction<'_>, page: &Page) -> Result<(), WriteError> {
    let stored = Cursor::of_harvester(tx, &page.harvester)?;
    for step in &page.answer.instruments {
        let instrument = InstrumentPid::from(step.instrument_pid.as_str());
        // Nothing new since this cursor was saved: what it covers still holds.
        let stands = stored.get(&instrument).is_some_and(|stored| stored.cursor == step.cursor);
        if stands && covers_nothing((step.covered_from, step.covered_to)) {
            continue;
        }
        Cursor {
            harvester: page.harvester.clone(),
            instrument,
            cursor: step.cursor.clone(),
            covered_from: step.covered_from.map(UtcTime::new),
            covered_to: step.covered_to.map(UtcTime::new),
            checked_at: UtcTime::new(page.now),
        }
        .save(tx)?;
    }
    Ok(())
}

/// Takes over what another name brought of the page's instruments, if an event proves that both are one source: the same
/// id is the same session under both.
fn take_over(tx: &Transaction<'_>, page: &Page) -> Result<Vec<TakenOver>, WriteError> {
    let instruments = page.known.keys().cloned().collect();
    let others = former::others(tx, &page.harvester, &instruments)?;
    if others.is_empty() {
        return Ok(Vec::new());
    }
    let mut proved: Vec<Move> = Vec::new();
    for event in &page.answer.events {
        let instrument = InstrumentPid::from(event.instrument_pid.as_str());
        let Some(known) = SessionState::load(tx, &event.session_identifier.as_str().into())? else {
            continue;
        };
        let Some(from) = known.harvester.filter(|_| known.external_id.as_ref() == Some(&event.external_id))
        else {
            continue;
        };
        let other = (from, instrument);
        let is_told = |made: &Move| made.from == other.0 && made.instrument == other.1;
        if others.contains(&other) && !proved.iter().any(is_told) {
            let (from, instrument) = other;
            proved.push(Move { from, to: page.harvester.clone(), instrument });
        }
    }
    Ok(former::take_over(tx, &proved)?)
}

/// Why an event cannot be a session; it must not keep the others of its page from becoming one.
fn refusal(
    tx: &Transaction<'_>,
    page: &Page,
    event: &UsageEvent,
    seen: &BTreeSet<String>,
) -> Result<Option<String>, WriteError> {
    if !page.known.contains_key(&InstrumentPid::from(event.instrument_pid.as_str())) {
        return Ok(Some(format!("instrument `{}` was not asked for", event.instrument_pid)));
    }
    if event.session_identifier.trim().is_empty() {
        return Ok(Some("its session identifier is empty".to_owned()));
    }
    if SessionState::of_event(tx, &page.harvester, &event.external_id)?.is_some() {
        return Ok(None);
    }
    let id = SessionId::from(event.session_identifier.as_str());
    let other = SessionState::load(tx, &id)?
        .filter(|state| state.harvester.as_ref() == Some(&page.harvester))
        .and_then(|state| state.external_id)
        .filter(|other| *other != event.external_id && seen.contains(other));
    Ok(other.map(|other| format!("its session identifier `{id}` is that of usage event {other}")))
}

/// Calendars know people by their addresses, session logs by their names.
fn name_users(tx: &Transaction<'_>, events: &mut [UsageEvent]) -> Result<(), WriteError> {
    for user in events.iter_mut().filter_map(|event| event.user.as_mut()).filter(|user| user.contains('@')) {
        if let Some(name) = external_user::user_with_email(tx, user)? {
            *user = name;
        }
    }
    Ok(())
}

/// A conflict of identifiers is a matter for a person, not a reason to lose a page of events.
fn identify(tx: &Transaction<'_>, user: &MetUser, system: ExternalSystem, now: DateTime<Utc>) {
    if let Err(error) = NewIdentifier::met(user, system).store(tx, &ManualClock::at(now)) {
        tracing::warn!("{error}");
    }
}

fn one(
    tx: &Transaction<'_>,
    page: &Page,
    event: &UsageEvent,
    counts: &mut HarvestCounts,
) -> Result<(), WriteError> {
    let state = known_or_new(tx, page, event)?;
    let id = &state.session;
    if state.gone_since.is_some() {
        session_state::gone(tx, id, None)?;
    }
    let instrument = InstrumentPid::from(event.instrument_pid.as_str());
    let note = |kind: &str, text: &str| page.journal.note(tx, id, page.now, kind, text);
    if event.cancelled {
        counts.cancelled += 1;
        if state.open_since.is_some() {
            session_state::close(tx, id)?;
        }
        let text = "the usage event was cancelled";
        let end = Ended { session: id, code: EVENT_CANCELLED, text };
        return end.settle_or_tell(tx, page.now, &page.journal, counts);
    }
    let Some(end) = event.end else {
        counts.open += 1;
        let seen = digest(event);
        let is_known = state.open_since.is_some();
        let is_as_seen = is_known && state.seen_digest.as_deref() == Some(&seen);
        if !is_as_seen && session::known_status_of(tx, id)?.is_none() {
            counts.opened += u64::from(!is_known);
            let zone = page.known.get(&state.instrument).copied().unwrap_or(Tz::UTC);
            let start = UtcTime::new(Timestamp::from(event.start).instant(zone));
            session_state::revise(tx, id, Some(&seen), Some(start))?;
        }
        return Ok(());
    };
    let new = NewSession {
        identifier: id.clone(),
        instrument: instrument.clone(),
        user: event.user.clone(),
        start: Timestamp::from(event.start),
        end: Timestamp::from(end),
    };
    let digest = digest(event);
    let is_back = take_back(tx, page, &state)?;
    let stored = new.insert(tx)?;
    if matches!(stored, Stored::Inserted | Stored::Revised) && state.instrument != instrument {
        session_state::set_instrument(tx, id, &instrument)?;
    }
    match stored {
        Stored::Inserted => {
            counts.new += 1;
            session_state::set_last_status(tx, id, RecordStatus::ToBeBuilt)?;
            note("harvested", &format!("from {}", page.harvester))?;
        }
        Stored::Revised => {
            counts.revised += 1;
            session_state::set_last_status(tx, id, RecordStatus::ToBeBuilt)?;
            note("revised", &digest)?;
        }
        Stored::Kept => revised_late(tx, page, &state, &revised_event(new), &digest, counts)?,
        Stored::AlreadyThere if is_back => counts.revised += 1,
        Stored::AlreadyThere => counts.unchanged += 1,
    }
    if stored != Stored::Kept
        && let Some(pending) = state.pending_revision.as_deref()
    {
        // The session is what the event says. It is told again if that changes, or goes, once more.
        session_state::forget_revision(tx, id, None)?;
        if is_given_up(&state) {
            session_state::reopen(tx, id)?;
        }
        match (stored, is_end(pending)) {
            (_, true) => note("event_back", "its usage event is there again")?,
            (Stored::AlreadyThere, false) => note("revision_undone", &digest)?,
            _ => {}
        }
    }
    if state.open_since.is_some() || state.seen_digest.as_deref() != Some(&digest) {
        session_state::revise(tx, id, Some(&digest), None)?;
    }
    Ok(())
}

fn revised_event(of: NewSession) -> RevisedEvent {
    RevisedEvent { instrument: of.instrument, user: of.user, start: of.start, end: of.end }
}

/// The event of a session that is settled, or has a record, is not what the session was made of.
fn revised_late(
    tx: &Transaction<'_>,
    page: &Page,
    state: &SessionState,
    event: &RevisedEvent,
    digest: &str,
    counts: &mut HarvestCounts,
) -> Result<(), WriteError> {
    let (id, known, text) = (&state.session, state.pending_revision.as_deref(), event.to_text());
    // Said once per revision, not once per run.
    if known == Some(&text) {
        counts.unchanged += 1;
        return Ok(());
    }
    session_state::set_pending_revision(tx, id, Some(&text))?;
    if is_given_up(state) {
        // That was for another event.
        session_state::reopen(tx, id)?;
    }
    page.journal.note(tx, id, page.now, "revised_after_build", digest)?;
    counts.revised_late += 1;
    if page.follows && revision::follow(tx, id, &page.journal, page.now)? {
        counts.follow += 1;
        counts.following.push(id.clone());
    } else {
        counts.late.push(id.clone());
    }
    Ok(())
}

/// The session an event belongs to: by its id at the source first, since the identifier of a moved server's
/// session stays what it was; then by its identifier, whoever brought it.
fn known_or_new(tx: &Transaction<'_>, page: &Page, event: &UsageEvent) -> Result<SessionState, WriteError> {
    if let Some(state) = SessionState::of_event(tx, &page.harvester, &event.external_id)? {
        return Ok(state);
    }
    let id = SessionId::from(event.session_identifier.as_str());
    if let Some(state) = SessionState::load(tx, &id)?.filter(|state| state.harvester.is_some()) {
        return Ok(state);
    }
    let new = NewSessionState {
        session: id.clone(),
        instrument: event.instrument_pid.as_str().into(),
        harvester: Some(page.harvester.clone()),
        external_id: Some(event.external_id.clone()),
        open_since: None,
        seen_digest: None,
    };
    let state = new.insert(tx)?;
    if let (None, Some(status)) = (state.last_status, session::known_status_of(tx, &id)?) {
        session_state::set_last_status(tx, &id, status)?;
    }
    Ok(state)
}

/// What was seen of an event; a difference is a revision.
fn digest(event: &UsageEvent) -> String {
    session_state::seen_digest(&event.instrument_pid, event.user.as_deref(), event.start, event.end)
}

/// Whether this is why an event counts for nothing.
fn is_end(code: &str) -> bool {
    [EVENT_GONE, EVENT_CANCELLED].contains(&code)
}

/// A session whose event did not take place, or is there no more.
struct Ended<'a> {
    session: &'a SessionId,
    code: &'static str,
    text: &'static str,
}

impl Ended<'_> {
    /// Settles it, if no record of it can exist. If one does, it stays, and somebody is told: once.
    fn settle_or_tell(
        &self,
        tx: &Transaction<'_>,
        now: DateTime<Utc>,
        journal: &Journal,
        counts: &mut HarvestCounts,
    ) -> Result<(), WriteError> {
        let id = self.session;
        let Some(status) = session::known_status_of(tx, id)? else { return Ok(()) };
        if status.implies_record() || session::record_may_exist(tx, id)? {
            let told = SessionState::load(tx, id)?.and_then(|state| state.pending_revision);
            if told.as_deref() != Some(self.code) {
                session_state::forget_revision(tx, id, Some(self.code))?;
                journal.note(tx, id, now, self.code, self.text)?;
                counts.gone_late += 1;
                counts.late.push(id.clone());
            }
            return Ok(());
        }
        if status != RecordStatus::ToBeBuilt {
            return Ok(());
        }
        if session::move_status(tx, id, RecordStatus::ToBeBuilt, RecordStatus::NoReservation)?.is_moved() {
            session_state::settle(tx, id, self.code, self.text)?;
            journal.note(tx, id, now, self.code, self.text)?;
            counts.gone += 1;
        }
        Ok(())
    }
}

/// A session that was settled because its event had gone, or was called off, is to be built after all when the event is
/// there again. Tells whether it is one.
fn take_back(tx: &Transaction<'_>, page: &Page, state: &SessionState) -> Result<bool, WriteError> {
    let id = &state.session;
    if !state.outcome_code.as_deref().is_some_and(is_end)
        || session::known_status_of(tx, id)? != Some(RecordStatus::NoReservation)
        || session::record_may_exist(tx, id)?
    {
        return Ok(false);
    }
    let moved =
        session::move_status(tx, id, RecordStatus::NoReservation, RecordStatus::ToBeBuilt)?.is_moved();
    if moved {
        session_state::reopen(tx, id)?;
        page.journal.note(tx, id, page.now, "event_back", "its usage event is there again")?;
    }
    Ok(moved)
}

/// From and to; `None`: without a bound.
type Span = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// A complete answer, to be held against what is known.
pub(super) struct Vanished {
    pub harvester: HarvesterName,
    /// Events of all instruments: one that moved to another instrument is not gone.
    pub seen: BTreeSet<String>,
    /// The instruments whose answer is complete, each with the span that it covers.
    pub covered: BTreeMap<InstrumentPid, Span>,
    pub instruments: Instruments,
    pub now: DateTime<Utc>,
    pub journal: Arc<Journal>,
}

/// Marks sessions that are missing from a complete answer, and settles those that were missing from the one
/// before as well. Answers what is to be added to the counts.
pub(super) fn vanished(tx: &Transaction<'_>, check: &Vanished) -> Result<HarvestCounts, WriteError> {
    let mut counts = HarvestCounts::default();
    each_missing(tx, check, &mut |known| miss(tx, check, known, &mut counts))?;
    Ok(counts)
}

/// The ids of events that are missing from a complete answer and whose session is still to be built, as many as are
/// worth asking for one by one: an event that was shortened may only have left the span that was read. `None`: no event
/// is missing at all.
pub(super) fn doubtful(tx: &Transaction<'_>, check: &Vanished) -> Result<Option<Vec<String>>, WriteError> {
    let mut is_any = false;
    let mut found = Vec::new();
    each_missing(tx, check, &mut |known| {
        is_any = true;
        if found.len() < MISSING
            && !known.is_open
            && session::known_status_of(tx, &known.session)? == Some(RecordStatus::ToBeBuilt)
        {
            found.push(known.external_id.clone());
        }
        Ok(())
    })?;
    Ok(is_any.then_some(found))
}

/// Tells the events that are known and missing from what was covered.
fn each_missing(
    tx: &Transaction<'_>,
    check: &Vanished,
    tell: &mut dyn FnMut(&KnownEvent) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    let seen = |external_id: &str| check.seen.contains(external_id);
    let since = check.covered.values().map(|(from, _)| *from).min().flatten();
    let (harvester, since) = (&check.harvester, since.map(UtcTime::new));
    // All of them may be: a source that was emptied must not fill the memory.
    let mut page: Vec<KnownEvent> = Vec::new();
    loop {
        let after = page.last().map(|last| last.external_id.as_str());
        page = session_state::missing_events(tx, harvester, since, &seen, after, MISSING)?;
        for known in &page {
            if let Some(span) = check.covered.get(&known.instrument)
                && (known.is_open || within(tx, &known.session, *span, &check.instruments)?)
            {
                tell(known)?;
            }
        }
        if page.len() < MISSING {
            return Ok(());
        }
    }
}

/// Marks or settles one session that is missing.
fn miss(
    tx: &Transaction<'_>,
    check: &Vanished,
    known: &KnownEvent,
    counts: &mut HarvestCounts,
) -> Result<(), WriteError> {
    let id = &known.session;
    if !known.is_gone {
        session_state::gone(tx, id, Some(UtcTime::new(check.now)))?;
        return Ok(());
    }
    if known.is_open {
        session_state::close(tx, id)?;
        counts.gone += 1;
        return Ok(());
    }
    Ended { session: id, code: EVENT_GONE, text: EVENT_GONE_TEXT }.settle_or_tell(
        tx,
        check.now,
        &check.journal,
        counts,
    )
}

/// Whether the session's end lies in the covered span. Of one whose rows do not tell its end nobody can say, and nothing is
/// made of it.
fn within(
    tx: &Transaction<'_>,
    id: &SessionId,
    (from, to): Span,
    instruments: &Instruments,
) -> Result<bool, WriteError> {
    let Some(ended) = session::ended_at(tx, id, instruments)? else { return Ok(false) };
    Ok(from.is_none_or(|from| ended >= from) && to.is_none_or(|to| ended < to))
}

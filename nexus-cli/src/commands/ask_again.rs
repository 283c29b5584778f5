//! What a person decides about sessions: `nexus sessions retry`, `rebuild` and `skip`; and how any decision is
//! carried out and told.

use nexus_core::build::{self, Skipped};
use nexus_core::clock::SystemClock;
use nexus_core::config::Config;
use nexus_core::db::{Access, Database};
use nexus_core::ids::SessionId;
use nexus_core::instrument::{Instrument, Instruments};
use nexus_core::lock::{DatabaseLock, RunLock};
use nexus_core::pipeline::PipelineError;
use nexus_core::revision;
use nexus_core::session::{self, Moved, RecordStatus};
use nexus_core::session_state::{self, RevisedEvent, SessionState};
use nexus_core::writer::WriteError;
use rusqlite::Transaction;
use serde::Serialize;

use crate::args::Global;
use crate::commands::config;
use crate::commands::run::refused;
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::output;

/// Makes sessions that were settled without a record TO_BE_BUILT again.
pub fn retry(global: &Global, sessions: &[SessionId]) -> Result<ExitCode, Stop> {
    change(global, sessions, |tx, id| {
        let Some(status) = session::status_of(tx, id)? else { return Ok(unknown(id)) };
        let event = SessionState::load(tx, id)?.and_then(|state| state.revised_event());
        if let Some(refusal) =
            event.as_ref().map(|event| unknown_instrument(tx, id, event)).transpose()?.flatten()
        {
            return Ok(refusal);
        }
        if status == RecordStatus::ToBeBuilt {
            let_go(tx, id)?;
            let now = follow_at_once(tx, id, event.as_ref())?;
            return Ok(Told::done(format!("{id}: is TO_BE_BUILT already{now}")));
        }
        match session::move_status(tx, id, status, RecordStatus::ToBeBuilt) {
            Ok(Moved::Moved { .. }) => {
                let_go(tx, id)?;
                let now = follow_at_once(tx, id, event.as_ref())?;
                Ok(Told::done(format!("{id}: {status} → TO_BE_BUILT{now}; the next run builds it")))
            }
            Ok(Moved::Stale { actual }) => Ok(Told::refused(format!(
                "{id}: stays as it is: its START row is {status}, another one is {actual}; make them agree first"
            ))),
            Ok(Moved::Unreadable { row }) => Ok(Told::refused(format!(
                "{id}: stays {status}: row {row} of session_log has a status that is none; correct it first"
            ))),
            Ok(Moved::NoSuchSession) => Ok(unknown(id)),
            Err(error) => Ok(Told::refused(error.to_string())),
        }
    })
}

/// A session without a record becomes what its usage event was changed to; answers how that is told.
fn follow_at_once(
    tx: &Transaction<'_>,
    id: &SessionId,
    event: Option<&RevisedEvent>,
) -> Result<&'static str, WriteError> {
    let Some(event) = event else { return Ok("") };
    revision::take(tx, id, event)?;
    Ok(", with what its usage event was changed to")
}

/// Why a session cannot follow its usage event, if it cannot.
fn unknown_instrument(
    tx: &Transaction<'_>,
    id: &SessionId,
    event: &RevisedEvent,
) -> Result<Option<Told>, WriteError> {
    let pid = &event.instrument;
    let refusal = || {
        Told::refused(format!(
            "{id}: stays as it is: its usage event was changed to instrument `{pid}`, which is not in the table of instruments; add it \
             first"
        ))
    };
    Ok((!Instrument::is_known(tx, pid)?).then(refusal))
}

/// Forgets the builds that did not come to an end: whoever asks again gives the session both its tries. Of a session that
/// another program brought, and no run has met, nothing is remembered.
fn let_go(tx: &Transaction<'_>, id: &SessionId) -> Result<(), WriteError> {
    if SessionState::load(tx, id)?.is_some() {
        session_state::end_attempt(tx, id)?;
    }
    Ok(())
}

/// Asks for another record of sessions that have one.
pub fn rebuild(global: &Global, sessions: &[SessionId]) -> Result<ExitCode, Stop> {
    change(global, sessions, |tx, id| {
        let Some(status) = session::status_of(tx, id)? else { return Ok(unknown(id)) };
        let state = SessionState::load(tx, id)?;
        let event = state.as_ref().and_then(SessionState::revised_event);
        Ok(match (status, state) {
            (RecordStatus::ToBeBuilt, _) => {
                let_go(tx, id)?;
                Told::done(format!("{id}: is TO_BE_BUILT: the next run builds it anyway"))
            }
            (status, _) if !status.implies_record() => Told::refused(format!(
                "{id}: stays {status}: it has no record to be built again; `nexus sessions retry` builds its first"
            )),
            (status, None) => Told::refused(format!(
                "{id}: stays {status}: another program built it, and `nexus adopt` was not said since"
            )),
            (_, Some(state)) if state.rebuild_requested && (event.is_none() || state.follows_event) => {
                let_go(tx, id)?;
                Told::done(format!("{id}: a rebuild was asked for already; the next run makes it"))
            }
            (status, Some(state)) => follow_by_rebuild(tx, id, status, &state)?,
        })
    })
}

/// Asks for another record: of the usage event as it is now, if that was changed. That wish ends if the change is taken back; a build
/// that did not come to its end is to be made up for all the same.
fn follow_by_rebuild(
    tx: &Transaction<'_>,
    id: &SessionId,
    status: RecordStatus,
    state: &SessionState,
) -> Result<Told, WriteError> {
    let Some(event) = state.revised_event() else {
        session_state::request_rebuild(tx, id)?;
        return Ok(Told::done(format!("{id}: stays {status} until the next run has built it again")));
    };
    if let Some(refusal) = unknown_instrument(tx, id, &event)? {
        return Ok(refusal);
    }
    if state.attempts > 0 {
        session_state::request_rebuild(tx, id)?;
    }
    session_state::request_following(tx, id)?;
    Ok(Told::done(format!(
        "{id}: stays {status} until the next run has built it again, from what its usage event was changed to"
    )))
}

/// Settles sessions that are to be built as NO_RESERVATION, because somebody says so.
pub fn skip(global: &Global, sessions: &[SessionId], reason: &str) -> Result<ExitCode, Stop> {
    change(global, sessions, |tx, id| {
        let instruments = Instruments::load(tx).map_err(WriteError::job)?;
        Ok(match build::skip(tx, id, reason, &instruments, &SystemClock)? {
            Skipped::Done => Told::done(format!(
                "{id}: TO_BE_BUILT → NO_RESERVATION: skipped; `nexus sessions retry` takes it back"
            )),
            Skipped::HasRecord(status) => Told::refused(format!(
                "{id}: stays {status}: it has a record, or a record may be at a destination"
            )),
            Skipped::NotToBeBuilt(status) => {
                Told::refused(format!("{id}: stays {status}: it is not to be built anyway"))
            }
            Skipped::InUse => {
                Told::refused(format!("{id}: has not ended; it can be skipped once a run has seen its end"))
            }
            Skipped::NoSuchSession => unknown(id),
        })
    })
}

/// What became of one request.
#[derive(Debug, Serialize)]
pub struct Told {
    /// In a sentence.
    pub text: String,
    /// Whether nothing was changed because it must not be.
    pub refused: bool,
}

impl Told {
    /// It is as it was asked for.
    pub fn done(text: String) -> Self {
        Self { text, refused: false }
    }

    /// It stays as it was.
    pub fn refused(text: String) -> Self {
        Self { text, refused: true }
    }
}

/// Lines after which one more says how many there were: nobody counts more than a screen holds.
const COUNTED_BY_EYE: usize = 20;

/// Ends a long list with its sum; `what` it is a list of.
pub fn sum_up(told: &mut Vec<Told>, what: &str) {
    if told.len() > COUNTED_BY_EYE {
        let refused = told.iter().filter(|one| one.refused).count();
        let done = told.len() - refused;
        told.push(Told::done(format!("{} {what}: {done} done, {refused} refused", told.len())));
    }
}

fn unknown(id: &SessionId) -> Told {
    Told::refused(format!("there is no session `{id}`"))
}

fn change(
    global: &Global,
    sessions: &[SessionId],
    change: impl Fn(&Transaction<'_>, &SessionId) -> Result<Told, WriteError>,
) -> Result<ExitCode, Stop> {
    let config = config::load(global)?;
    decide(global, &config, false, |tx| {
        let mut told = Vec::with_capacity(sessions.len());
        for id in sessions {
            told.push(change(tx, id)?);
        }
        if told.is_empty() {
            told.push(Told::done("no sessions".to_owned()));
        }
        sum_up(&mut told, "sessions");
        Ok(told)
    })
}

/// Carries a decision out in one transaction, holding both locks, and tells what became of it. A rehearsal is
/// told in the same words and changes nothing.
pub fn decide(
    global: &Global,
    config: &Config,
    rehearsal: bool,
    change: impl FnOnce(&Transaction<'_>) -> Result<Vec<Told>, WriteError>,
) -> Result<ExitCode, Stop> {
    let stop = |error: PipelineError| refused(error);
    let _run_lock = RunLock::try_acquire(&config.storage.data).map_err(|error| stop(error.into()))?;
    let _database_lock =
        DatabaseLock::try_acquire(&config.database.path).map_err(|error| stop(error.into()))?;
    let mut database = Database::open(&config.database.path, Access::Write).or_stop(ExitCode::CannotStart)?;
    database.require_head().or_stop(ExitCode::CannotStart)?;
    let tx = database.transaction().or_stop(ExitCode::CannotStart)?;
    let told = change(&tx).or_stop(ExitCode::Failed)?;
    if !rehearsal {
        tx.commit().map_err(WriteError::from).or_stop(ExitCode::Failed)?;
    }
    if global.json {
        output::json(&told)?;
    } else {
        for one in &told {
            output::line(&one.text);
        }
    }
    Ok(if told.iter().any(|one| one.refused) { ExitCode::NeedsPerson } else { ExitCode::Done })
}

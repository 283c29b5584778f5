//! What a person decides: `nexus sessions retry`, `rebuild` and `skip`, `nexus export retry` and `forget`.

use nexus_core::build::{self, Skipped};
use nexus_core::clock::{Clock as _, SystemClock};
use nexus_core::db::{Access, Database};
use nexus_core::delivery::{self, Effect, Event, table};
use nexus_core::ids::SessionId;
use nexus_core::instrument::Instruments;
use nexus_core::lock::{DatabaseLock, RunLock};
use nexus_core::pipeline::PipelineError;
use nexus_core::session::{self, RecordStatus};
use nexus_core::session_state::{self, SessionState};
use nexus_core::writer::WriteError;
use rusqlite::Transaction;

use crate::args::Global;
use crate::commands::config;
use crate::commands::run::stopped;
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::output;

/// Makes sessions that were settled without a record TO_BE_BUILT again.
pub fn retry(global: &Global, sessions: &[SessionId]) -> Result<ExitCode, Stop> {
    change(global, sessions, |tx, id| {
        let Some(status) = session::status_of(tx, id)? else { return Ok(unknown(id)) };
        if status == RecordStatus::ToBeBuilt {
            session_state::end_attempt(tx, id)?;
            return Ok(Told::done(format!("{id}: is TO_BE_BUILT already")));
        }
        match session::move_status(tx, id, status, RecordStatus::ToBeBuilt) {
            Ok(_) => {
                session_state::end_attempt(tx, id)?;
                Ok(Told::done(format!("{id}: {status} → TO_BE_BUILT; the next run builds it")))
            }
            Err(error) => Ok(Told::refused(error.to_string())),
        }
    })
}

/// Asks for another record of sessions that have one.
pub fn rebuild(global: &Global, sessions: &[SessionId]) -> Result<ExitCode, Stop> {
    change(global, sessions, |tx, id| {
        let Some(status) = session::status_of(tx, id)? else { return Ok(unknown(id)) };
        let state = SessionState::load(tx, id)?;
        Ok(match (status, state) {
            (RecordStatus::ToBeBuilt, _) => {
                Told::done(format!("{id}: is TO_BE_BUILT: the next run builds it anyway"))
            }
            (status, _) if !status.implies_record() => Told::refused(format!(
                "{id}: stays {status}: it has no record to be built again; `nexus sessions retry` builds its first"
            )),
            (status, None) => Told::refused(format!(
                "{id}: stays {status}: another program built it, and `nexus adopt` was not said since"
            )),
            (_, Some(state)) if state.rebuild_requested => {
                Told::done(format!("{id}: a rebuild was asked for already; the next run makes it"))
            }
            (status, Some(_)) => {
                session_state::request_rebuild(tx, id)?;
                Told::done(format!("{id}: stays {status} until the next run has built it again"))
            }
        })
    })
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

/// Gives the deliveries of a session (to one destination, or all) an event.
pub fn deliveries(
    global: &Global,
    session: &SessionId,
    destination: Option<&str>,
    event: &Event,
) -> Result<ExitCode, Stop> {
    let now = SystemClock.now();
    change(global, std::slice::from_ref(session), |tx, id| {
        let mut lines = Vec::new();
        let mut refused = false;
        for row in table::of_session(tx, id)? {
            if destination.is_some_and(|name| row.destination.as_str() != name) {
                continue;
            }
            let (next, effects) = delivery::step(&row, event.clone(), now);
            table::save(tx, &row, &next)?;
            let why = effects.iter().find_map(|effect| match effect {
                Effect::Refused { why } => Some(why),
                _ => None,
            });
            refused |= why.is_some();
            lines.push(match why {
                Some(why) => format!("{id} → {}: stays {}: {why}", row.destination, row.state),
                None => format!("{id} → {}: {} → {}", row.destination, row.state, next.state),
            });
        }
        if lines.is_empty() {
            return Ok(Told::refused(format!("{id}: there is no such delivery")));
        }
        Ok(Told { text: lines.join("\n"), refused })
    })
}

/// What became of one request.
struct Told {
    text: String,
    refused: bool,
}

impl Told {
    fn done(text: String) -> Self {
        Self { text, refused: false }
    }

    fn refused(text: String) -> Self {
        Self { text, refused: true }
    }
}

fn unknown(id: &SessionId) -> Told {
    Told::refused(format!("there is no session `{id}`"))
}

/// Makes the changes in one transaction, holding both locks.
fn change(
    global: &Global,
    sessions: &[SessionId],
    change: impl Fn(&Transaction<'_>, &SessionId) -> Result<Told, WriteError>,
) -> Result<ExitCode, Stop> {
    let config = config::load(global)?;
    let stop = |error: PipelineError| stopped(error);
    let _run_lock = RunLock::try_acquire(&config.storage.data).map_err(|error| stop(error.into()))?;
    let _database_lock =
        DatabaseLock::try_acquire(&config.database.path).map_err(|error| stop(error.into()))?;
    let mut database = Database::open(&config.database.path, Access::Write).or_stop(ExitCode::CannotStart)?;
    database.require_head().or_stop(ExitCode::CannotStart)?;
    let tx = database.transaction().or_stop(ExitCode::CannotStart)?;
    let mut told = Vec::with_capacity(sessions.len());
    for id in sessions {
        told.push(change(&tx, id).or_stop(ExitCode::Failed)?);
    }
    tx.commit().map_err(WriteError::from).or_stop(ExitCode::Failed)?;
    if told.is_empty() {
        output::line("no sessions");
    }
    for one in &told {
        output::line(&one.text);
    }
    Ok(if told.iter().any(|one| one.refused) { ExitCode::NeedsPerson } else { ExitCode::Done })
}

//! What is to be built: sessions, their reservations, their files.
//!
//! Whatever can be settled without building is settled here. A scheduler or a storage that cannot be reached
//! settles nothing: the session waits, with the reason.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::Transaction;
use uuid::Uuid;

use super::reservations::{self, Answer};
use super::{BuildReport, Builder, CRASHED, Job};
use crate::ids::{HarvesterName, InstrumentPid, SessionId};
use crate::session::{self, RecordStatus, Session};
use crate::session_state::{self, CRASHES_UNTIL_ERROR, NewSessionState, SessionState};
use crate::walk::{self, Forest, Options, Root, Tree, WalkError, Window};
use crate::writer::WriteError;

/// Record names reserved in one commit.
const NAMES_AT_ONCE: usize = 500;

pub(super) fn plan(builder: &Builder<'_>, report: &mut BuildReport) -> Result<Vec<Job>, WriteError> {
    let (candidates, broken) = candidates(builder)?;
    report.counts.planned = candidates.len() as u64;
    report.counts.broken = broken.len() as u64;
    report.needs_person.extend(broken);
    let candidates = without_crashes(builder, candidates, report);
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let booked = with_reservations(builder, candidates, report);
    with_files(builder, booked, report)
}

/// A session that may be built, and what is remembered of it.
struct Candidate {
    session: Session,
    state: SessionState,
    rebuild: bool,
}

fn candidates(builder: &Builder<'_>) -> Result<(Vec<Candidate>, Vec<String>), WriteError> {
    let instruments = builder.instruments.clone();
    builder.writer.run(move |tx| {
        let found = session::sessions_to_build(tx, &instruments)?;
        let rebuilds = session::sessions_to_rebuild(tx, &instruments)?;
        let broken: Vec<String> =
            found.broken.iter().chain(&rebuilds.broken).map(ToString::to_string).collect();
        let mut candidates = Vec::with_capacity(found.sessions.len() + rebuilds.sessions.len());
        for (sessions, rebuild) in [(found.sessions, false), (rebuilds.sessions, true)] {
            for session in sessions {
                let state = remembered(tx, &session)?;
                candidates.push(Candidate { session, state, rebuild });
            }
        }
        Ok((candidates, broken))
    })
}

/// What is remembered of a session; one that another program harvested is met here for the first time.
fn remembered(tx: &Transaction<'_>, session: &Session) -> Result<SessionState, WriteError> {
    if let Some(state) = SessionState::load(tx, &session.identifier)? {
        return Ok(state);
    }
    let new = NewSessionState {
        session: session.identifier.clone(),
        harvester: None,
        external_id: None,
        instrument: session.instrument.pid.clone(),
        open_since: None,
        seen_digest: None,
    };
    let state = new.insert(tx)?;
    session_state::set_last_status(tx, &session.identifier, RecordStatus::ToBeBuilt)?;
    Ok(state)
}

/// Sessions that ended the program twice are not tried a third time.
fn without_crashes(
    builder: &Builder<'_>,
    candidates: Vec<Candidate>,
    report: &mut BuildReport,
) -> Vec<Candidate> {
    let (kept, crashed): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .partition(|candidate| candidate.state.attempts < CRASHES_UNTIL_ERROR || candidate.rebuild);
    for candidate in crashed {
        let text = format!(
            "{CRASHED} {} times; `nexus sessions retry` tries it once more",
            candidate.state.attempts
        );
        builder.settle(&candidate.session, RecordStatus::Error, "crashed", &text, report);
    }
    kept
}

/// A session with its booking.
struct Booked {
    candidate: Candidate,
    reservation: nexus_plugin_api::Reservation,
}

fn with_reservations(
    builder: &Builder<'_>,
    candidates: Vec<Candidate>,
    report: &mut BuildReport,
) -> Vec<Booked> {
    let sessions: Vec<Session> = candidates.iter().map(|candidate| candidate.session.clone()).collect();
    let known: BTreeMap<SessionId, (HarvesterName, String)> = candidates
        .iter()
        .filter_map(|candidate| {
            let state = &candidate.state;
            Some((state.session.clone(), (state.harvester.clone()?, state.external_id.clone()?)))
        })
        .collect();
    let external_id = |id: &SessionId, harvester: &HarvesterName| {
        known.get(id).filter(|(name, _)| name == harvester).map(|(_, external_id)| external_id.clone())
    };
    let answers = reservations::ask(&sessions, builder.harvesters, &external_id);
    let mut troubles: BTreeMap<String, u64> = BTreeMap::new();
    let mut booked = Vec::with_capacity(candidates.len());
    for (candidate, answer) in candidates.into_iter().zip(answers) {
        let session = &candidate.session;
        match answer {
            Answer::Reservation(reservation) => booked.push(Booked { candidate, reservation: *reservation }),
            // A record that exists is not taken back: somebody is told, the record stays.
            Answer::NoConsent(reason) | Answer::NoReservation(reason) if candidate.rebuild => {
                report
                    .needs_person
                    .push(format!("session {} was to be rebuilt: {reason}", session.identifier));
                builder.wait(session, "rebuild refused", &reason, report);
            }
            Answer::NoConsent(reason) => {
                builder.settle(session, RecordStatus::NoConsent, "no_consent", &reason, report);
            }
            Answer::NoReservation(reason) => {
                builder.settle(session, RecordStatus::NoReservation, "no_reservation", &reason, report);
            }
            // The second answer that does not know it, of another run than the first.
            Answer::Gone
                if !candidate.rebuild
                    && candidate
                        .state
                        .gone_since
                        .is_some_and(|since| since < builder.journal.started_at()) =>
            {
                let text = "its usage event is no longer at its source (two complete answers)";
                builder.settle(session, RecordStatus::NoReservation, "event_gone", text, report);
            }
            Answer::Gone => {
                let detail =
                    "its usage event is gone at its source; settled when the next complete answer agrees";
                builder.wait(session, "usage event gone", detail, report);
            }
            Answer::Unanswered { reason, detail } => {
                *troubles.entry(detail.clone()).or_default() += 1;
                builder.wait(session, &reason, &detail, report);
            }
        }
    }
    report
        .needs_person
        .extend(troubles.into_iter().map(|(detail, count)| format!("{detail} ({count} sessions wait)")));
    booked
}

fn with_files(
    builder: &Builder<'_>,
    booked: Vec<Booked>,
    report: &mut BuildReport,
) -> Result<Vec<Job>, WriteError> {
    let mut folders: BTreeMap<InstrumentPid, Vec<Booked>> = BTreeMap::new();
    for one in booked {
        folders.entry(one.candidate.session.instrument.pid.clone()).or_default().push(one);
    }
    let members: Vec<Vec<Booked>> = folders.into_values().collect();
    let roots: Vec<Root> = members
        .iter()
        .filter_map(|members| {
            let path =
                builder.folders.instrument(&members.first()?.candidate.session.instrument.filestore_path);
            Some(Root { path, windows: members.iter().map(|one| window(&one.candidate.session)).collect() })
        })
        .collect();
    let forest = Arc::new(walk::walk(
        &roots,
        &Options {
            selection: builder.selection,
            follow_outside_links: false,
            pool: builder.pool,
            now: builder.clock.now().into(),
        },
    ));
    for problem in forest.problems() {
        tracing::warn!("{}: {}", problem.path.display(), problem.reason);
    }
    let mut jobs = Vec::new();
    for (root, (members, place)) in members.into_iter().zip(&roots).enumerate() {
        match forest.tree(root) {
            Ok(tree) => {
                for one in members {
                    jobs.extend(with_slice(builder, one, &forest, root, tree, &place.path, report));
                }
            }
            Err(error) => storage_away(builder, members, error, report),
        }
    }
    reserve_names(builder, &mut jobs)?;
    jobs.sort_by(|a, b| {
        a.session
            .ended_at()
            .cmp(&b.session.ended_at())
            .then_with(|| a.session.identifier.cmp(&b.session.identifier))
    });
    Ok(jobs)
}

fn window(session: &Session) -> Window {
    Window { from: session.started_at().into(), to: session.ended_at().into() }
}

fn storage_away(builder: &Builder<'_>, members: Vec<Booked>, error: &WalkError, report: &mut BuildReport) {
    let detail = super::with_causes(error);
    report.needs_person.push(format!("{detail} ({} sessions wait)", members.len()));
    for one in members {
        builder.wait(&one.candidate.session, "storage cannot be read", &detail, report);
    }
}

fn with_slice(
    builder: &Builder<'_>,
    booked: Booked,
    forest: &Arc<Forest>,
    root: usize,
    tree: Tree<'_>,
    path: &std::path::Path,
    report: &mut BuildReport,
) -> Option<Job> {
    let Booked { candidate, reservation } = booked;
    let session = candidate.session;
    let window = window(&session);
    if tree.count(window) == 0 {
        no_files(builder, &session, candidate.rebuild, tree, path, report);
        return None;
    }
    Some(Job {
        record_key: record_key(&candidate.state),
        record_name: candidate.state.record_name.unwrap_or_default(),
        rebuild: candidate.rebuild,
        suspect: candidate.state.attempts > 0,
        reservation,
        forest: Arc::clone(forest),
        root,
        window,
        session,
    })
}

/// Reserves the name of every record that has none yet, before anything is written under it.
fn reserve_names(builder: &Builder<'_>, jobs: &mut [Job]) -> Result<(), WriteError> {
    for page in jobs.chunks_mut(NAMES_AT_ONCE) {
        let sessions: Vec<Session> =
            page.iter().filter(|job| job.record_name.is_empty()).map(|job| job.session.clone()).collect();
        if sessions.is_empty() {
            continue;
        }
        let names = builder.writer.run(move |tx| {
            sessions.iter().map(|session| reserve_name(tx, session)).collect::<Result<Vec<_>, _>>()
        })?;
        for (job, name) in page.iter_mut().filter(|job| job.record_name.is_empty()).zip(names) {
            job.record_name = name;
        }
    }
    Ok(())
}

/// The name of a session's record: its date is that of the start as stored, in its own offset.
pub(crate) fn reserve_name(tx: &Transaction<'_>, session: &Session) -> Result<String, WriteError> {
    let date = session.start.naive_local().date();
    Ok(session_state::reserve_record_name(tx, &session.identifier, date)?)
}

/// The key as a number; a row that somebody edited still gets the key it should have.
fn record_key(state: &SessionState) -> Uuid {
    state.record_key.parse().unwrap_or_else(|_| {
        Uuid::new_v5(&session_state::RECORD_KEY_NAMESPACE, state.session.as_str().as_bytes())
    })
}

fn no_files(
    builder: &Builder<'_>,
    session: &Session,
    rebuild: bool,
    tree: Tree<'_>,
    root: &std::path::Path,
    report: &mut BuildReport,
) {
    let root = root.display();
    if !tree.holds_files() {
        let detail = format!("`{root}` holds no file at all: is the storage mounted?");
        if !report.needs_person.contains(&detail) {
            report.needs_person.push(detail.clone());
        }
        builder.wait(session, "storage looks empty", &detail, report);
    } else if rebuild {
        report
            .needs_person
            .push(format!("session {} was to be rebuilt: its files are gone", session.identifier));
        builder.wait(session, "rebuild without files", "no files in its window any more", report);
    } else if session.delay_over(builder.file_delay, builder.clock.now()) {
        let text = format!("no file below `{root}` was written during the session, and the delay is over");
        builder.settle(session, RecordStatus::NoFilesFound, "no_files", &text, report);
    } else {
        builder.wait(session, "no files yet", "no files yet; they may still arrive", report);
    }
}

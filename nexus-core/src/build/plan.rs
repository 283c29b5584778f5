//! What becomes of each session of a page, before anything is built: its reservation, its files.
//!
//! Nothing is saved here. What can be settled without building is told as such; a scheduler or a storage that
//! cannot be reached settles nothing: the session waits, with the reason.

use std::collections::BTreeMap;

use nexus_plugin_api::Reservation;
use rusqlite::Transaction;
use uuid::Uuid;

use super::backlog::Entry;
use super::files::{Answer as Found, Files, Slice};
use super::reservations::{self, Answer, Asked};
use super::{Builder, CRASHED, Notices};
use crate::external_user;
use crate::ids::{HarvesterName, SessionId};
use crate::session::{self, RecordStatus, Session};
use crate::session_state::{self, CRASHES_UNTIL_ERROR, NewSessionState, SessionState};
use crate::writer::WriteError;

/// Why a session waits whose source does not know its event.
const GONE: &str = "usage event gone";

/// A session and what becomes of it.
pub(super) struct Planned {
    pub session: Session,
    pub rebuild: bool,
    pub verdict: Verdict,
}

/// What becomes of a session.
pub(super) enum Verdict {
    /// It can be built.
    Build(Box<Plan>),
    /// It ends without a record.
    Settle { status: RecordStatus, code: &'static str, text: String },
    /// It stays as it is.
    Wait { reason: String, detail: String },
    /// Its record stays as it is, and no new one is made until somebody asks again, or its usage event is changed.
    Drop { reason: &'static str, code: &'static str, detail: String },
}

/// All that a record is made of.
#[derive(Debug)]
pub(super) struct Plan {
    pub record_key: Uuid,
    /// Empty until a name is reserved.
    pub record_name: String,
    pub reservation: Reservation,
    pub files: Slice,
}

/// Plans one page of sessions.
pub(super) fn plan(
    builder: &Builder<'_>,
    page: Vec<Entry>,
    files: &mut Files,
    notices: &mut Notices,
) -> Result<Vec<Planned>, WriteError> {
    let known = remembered(builder, page)?;
    let asked: Vec<&Known> = known.iter().filter(|known| !known.is_dangerous()).collect();
    let mut answers = ask(builder, &asked).into_iter();
    let mut planned = Vec::with_capacity(known.len());
    for known in known {
        let verdict = if known.is_dangerous() {
            let crashes = known.state.attempts;
            let text =
                |again| format!("{CRASHED} {crashes} times; `nexus sessions {again}` tries it once more");
            if known.rebuild {
                let detail = text("rebuild");
                Verdict::Drop { reason: "rebuild crashed", code: "rebuild_crashed", detail }
            } else {
                Verdict::Settle { status: RecordStatus::Error, code: "crashed", text: text("retry") }
            }
        } else {
            match judge(builder, &known, answers.next(), notices) {
                Ok(reservation) => with_files(builder, &known, reservation, files, notices)?,
                Err(verdict) => verdict,
            }
        };
        if let Verdict::Settle { status, text, .. } = &verdict
            && known.state.content_sha256.is_some()
        {
            notices.add(format!(
                "session {} was to be built again, as somebody else wished, and becomes {status}: {text}; the record that was \
                 made of it stays where it was delivered",
                known.session.identifier
            ));
        }
        planned.push(Planned { session: known.session, rebuild: known.rebuild, verdict });
    }
    Ok(planned)
}

/// A session, and what is remembered of it.
pub(super) struct Known {
    pub session: Session,
    rebuild: bool,
    /// It is what its usage event was changed to; its rows, and its record, are not.
    follows: bool,
    state: SessionState,
    user_emails: Vec<String>,
}

impl Known {
    /// It ended the program so often that it is not tried again.
    fn is_dangerous(&self) -> bool {
        self.state.attempts >= CRASHES_UNTIL_ERROR
    }
}

/// Reads a page of sessions. One whose rows have been removed since the backlog was listed is left out.
pub(super) fn remembered(builder: &Builder<'_>, page: Vec<Entry>) -> Result<Vec<Known>, WriteError> {
    let instruments = builder.instruments.clone();
    builder.writer.run(move |tx| {
        let mut known = Vec::with_capacity(page.len());
        for Entry { row, rebuild, .. } in page {
            if let Some(session) = session::at_row(tx, row, &instruments)? {
                let state = state_of(tx, &session)?;
                let event = state.event_to_follow().filter(|_| rebuild);
                let follows = event.is_some();
                let session = match event {
                    Some(event) => match event.applied_to(session, &instruments) {
                        Ok(revised) => revised,
                        // It was listed, so its instrument is known.
                        Err(_) => continue,
                    },
                    None => session,
                };
                let user_emails = match &session.user {
                    Some(user) => external_user::known_of(tx, user)?.emails,
                    None => Vec::new(),
                };
                known.push(Known { session, rebuild, follows, state, user_emails });
            }
        }
        Ok(known)
    })
}

/// What is remembered of a session; one that another program harvested is met here for the first time.
fn state_of(tx: &Transaction<'_>, session: &Session) -> Result<SessionState, WriteError> {
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

fn ask(builder: &Builder<'_>, asked: &[&Known]) -> Vec<Answer> {
    let sessions: Vec<Asked<'_>> = asked
        .iter()
        .map(|known| Asked { session: &known.session, user_emails: &known.user_emails })
        .collect();
    let ids: BTreeMap<SessionId, (HarvesterName, String)> = asked
        .iter()
        .filter_map(|known| {
            let state = &known.state;
            Some((state.session.clone(), (state.harvester.clone()?, state.external_id.clone()?)))
        })
        .collect();
    let external_id = |id: &SessionId, harvester: &HarvesterName| {
        ids.get(id).filter(|(name, _)| name == harvester).map(|(_, external_id)| external_id.clone())
    };
    reservations::ask(&sessions, builder.harvesters, &external_id)
}

/// The booking, or what becomes of a session without one.
fn judge(
    builder: &Builder<'_>,
    known: &Known,
    answer: Option<Answer>,
    notices: &mut Notices,
) -> Result<Reservation, Verdict> {
    let (session, rebuild) = (&known.session, known.rebuild);
    let settle = |status, code, text: String| Verdict::Settle { status, code, text };
    // One answer that does not have the event is not believed, and no record is changed for an event that may be gone.
    let is_in_doubt = known.follows && known.state.gone_since.is_some();
    match answer {
        Some(Answer::Reservation(_)) if is_in_doubt => Err(Verdict::Wait {
            reason: GONE.to_owned(),
            detail: "its usage event is missing from an answer of its source; the next one decides"
                .to_owned(),
        }),
        Some(Answer::Reservation(reservation)) => Ok(*reservation),
        // A record that exists is not taken back: somebody is told, the record stays.
        Some(Answer::NoConsent(reason) | Answer::NoReservation(reason)) if known.follows => {
            let detail = format!("its usage event was changed, and its record was not: {reason}");
            Err(Verdict::Drop { reason: "rebuild refused", code: "rebuild_refused", detail })
        }
        Some(Answer::NoConsent(reason) | Answer::NoReservation(reason)) if rebuild => {
            notices.add(format!("session {} was to be rebuilt: {reason}", session.identifier));
            Err(Verdict::Wait { reason: "rebuild refused".to_owned(), detail: reason })
        }
        Some(Answer::NoConsent(reason)) => Err(settle(RecordStatus::NoConsent, "no_consent", reason)),
        Some(Answer::NoReservation(reason)) => {
            Err(settle(RecordStatus::NoReservation, "no_reservation", reason))
        }
        // The second answer that does not know it, of another run than the first.
        Some(Answer::Gone)
            if !rebuild
                && known.state.gone_since.is_some_and(|since| since < builder.journal.started_at()) =>
        {
            let text = session_state::EVENT_GONE_TEXT.to_owned();
            Err(settle(RecordStatus::NoReservation, session_state::EVENT_GONE, text))
        }
        Some(Answer::Gone) => Err(Verdict::Wait {
            reason: GONE.to_owned(),
            detail:
                "its usage event is gone at its source; settled when the next complete answer agrees, or by \
                     `nexus sessions skip`"
                    .to_owned(),
        }),
        Some(Answer::NoHarvester(none)) => {
            let detail = none.to_string();
            notices.unserved(none);
            Err(Verdict::Wait { reason: "no harvester for its instrument".to_owned(), detail })
        }
        Some(Answer::Unanswered { reason, detail }) => {
            notices.waits(&detail);
            Err(Verdict::Wait { reason, detail })
        }
        None => Err(Verdict::Wait { reason: "no answer".to_owned(), detail: "no answer".to_owned() }),
    }
}

fn with_files(
    builder: &Builder<'_>,
    known: &Known,
    reservation: Reservation,
    files: &mut Files,
    notices: &mut Notices,
) -> Result<Verdict, WriteError> {
    let session = &known.session;
    let wait = |reason: &str, detail: String| Verdict::Wait { reason: reason.to_owned(), detail };
    let found = files.look_up(session, builder, notices)?;
    let root = files.root(session).display();
    let delay_is_over = session.delay_over(builder.file_delay, builder.clock.now());
    Ok(match found {
        Found::Some(slice) => Verdict::Build(Box::new(Plan {
            record_key: record_key(&known.state),
            record_name: known.state.record_name.clone().unwrap_or_default(),
            reservation,
            files: slice,
        })),
        Found::Away(detail) => {
            notices.waits(&detail);
            wait("storage cannot be read", detail)
        }
        Found::Bare => {
            let detail = format!("`{root}` holds no file at all: is the storage mounted?");
            notices.waits(&detail);
            wait("storage looks empty", detail)
        }
        Found::Unproven => {
            notices.waits(&format!("not everything below `{root}` can be read: sessions without files wait"));
            wait(
                "storage cannot be read",
                format!("no files seen, but not everything below `{root}` can be read"),
            )
        }
        Found::Restless(path) => wait(
            "files are still being written",
            format!("`{}` was changed less than the quiet period ago", path.display()),
        ),
        Found::None if known.follows && delay_is_over => Verdict::Drop {
            reason: "rebuild without files",
            code: "rebuild_no_files",
            detail: format!(
                "its usage event was changed, and its record was not: no file below `{root}` was written in the time that the \
                 event has now"
            ),
        },
        Found::None if known.follows => {
            wait("no files yet", "no files yet; they may still arrive".to_owned())
        }
        Found::None if known.rebuild => {
            notices.add(format!("session {} was to be rebuilt: its files are gone", session.identifier));
            wait("rebuild without files", "no files in its window any more".to_owned())
        }
        Found::None if delay_is_over => Verdict::Settle {
            status: RecordStatus::NoFilesFound,
            code: "no_files",
            text: format!("no file below `{root}` was written during the session, and the delay is over"),
        },
        Found::None => wait("no files yet", "no files yet; they may still arrive".to_owned()),
    })
}

/// Keeps those that wait, and as many of the others as may still be built or settled. Tells how many it did
/// not keep.
pub(super) fn within_limit(planned: Vec<Planned>, left: &mut usize) -> (Vec<Planned>, u64) {
    let mut beyond = 0;
    let kept = planned.into_iter().filter(|one| {
        if matches!(one.verdict, Verdict::Wait { .. } | Verdict::Drop { .. }) {
            return true;
        }
        let Some(rest) = left.checked_sub(1) else {
            beyond += 1;
            return false;
        };
        *left = rest;
        true
    });
    let kept = kept.collect();
    (kept, beyond)
}

/// Reserves the name of every record that has none yet, before anything is written under it.
pub(super) fn reserve_names(builder: &Builder<'_>, planned: &mut [Planned]) -> Result<(), WriteError> {
    let nameless = |planned: &Planned| match &planned.verdict {
        Verdict::Build(plan) => plan.record_name.is_empty(),
        _ => false,
    };
    let sessions: Vec<Session> =
        planned.iter().filter(|one| nameless(one)).map(|one| one.session.clone()).collect();
    if sessions.is_empty() {
        return Ok(());
    }
    let names = builder.writer.run(move |tx| {
        sessions.iter().map(|session| reserve_name(tx, session)).collect::<Result<Vec<_>, _>>()
    })?;
    for (one, name) in planned.iter_mut().filter(|one| nameless(one)).zip(names) {
        if let Verdict::Build(plan) = &mut one.verdict {
            plan.record_name = name;
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

//! The behaviour of a delivery, as a pure function.

mod attempt;
mod wish;

#[cfg(test)]
mod tests;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use nexus_plugin_api::{Effect as LeftBehind, PluginError, Remote};

use super::retry::{LONGEST_WAIT, later};
use super::{Class, Delivery, Effect, Event, State, UploadEntry};
use crate::own_table;

/// Longest text that is stored, in bytes.
const LONGEST_TEXT: usize = 4096;

/// What becomes of a delivery when something happens to it.
///
/// Total: any event may meet any row. One that makes no sense there changes nothing, and says so with
/// [`Effect::Refused`]. `updated_at` moves exactly when something else in the row does.
#[must_use]
pub fn step(delivery: &Delivery, event: Event, now: DateTime<Utc>) -> (Delivery, Vec<Effect>) {
    let mut turn = Turn { row: delivery.clone(), effects: Vec::new(), now: now.trunc_subsecs(6) };
    turn.take(event);
    if turn.row != *delivery {
        turn.row.updated_at = turn.now.max(later(delivery.updated_at, TimeDelta::microseconds(1)));
    }
    (turn.row, turn.effects)
}

/// A row on its way from before to after.
struct Turn {
    row: Delivery,
    effects: Vec<Effect>,
    now: DateTime<Utc>,
}

impl Turn {
    fn take(&mut self, event: Event) {
        match event {
            Event::Wanted { content_sha256, hold } => self.wanted(content_sha256, hold),
            Event::Released { from } => self.released(from),
            Event::NamedBefore { target, before } => self.named_before(target, &before),
            Event::Claim { target, config_digest } => self.claim(target, config_digest),
            Event::PutBack => self.in_flight("an untried delivery", Self::put_back),
            Event::FoundNone => self.in_flight("an answer to `find`", Self::found_none),
            Event::FoundOne(remote) => self.in_flight("an answer to `find`", |turn| turn.found_one(remote)),
            Event::FoundMany(remotes) => {
                self.in_flight("an answer to `find`", |turn| turn.found_many(remotes));
            }
            Event::CannotFind => self.in_flight("an answer to `find`", Self::cannot_find),
            Event::FindFailed(error) => {
                self.in_flight("an answer to `find`", |turn| turn.failed_cleanly(&error));
            }
            Event::StepDone { remote, content_sha256 } => self.step_done(remote, content_sha256),
            Event::StepMore { checkpoint, content_sha256 } => {
                self.in_flight("an answer to `deliver`", |turn| turn.step_more(checkpoint, content_sha256));
            }
            Event::DeliverFailed(error) => {
                self.in_flight("an answer to `deliver`", |turn| turn.deliver_failed(&error));
            }
            Event::RecordGone { why } => self.in_flight("a missing record", |turn| turn.record_gone(&why)),
            Event::Overdue => self.in_flight("an overdue call", Self::overdue),
            Event::Recover => self.recover(),
            Event::ConfigChanged { digest } => self.config_changed(digest),
            Event::TargetChanged { target } => self.target_changed(&target),
            Event::PeerUploaded(upload) => self.peer_uploaded(upload),
            Event::Forget => self.forget(),
            Event::Retry => self.retry(),
            Event::NotWanted => self.not_wanted(),
        }
    }

    fn in_flight(&mut self, what: &str, act: impl FnOnce(&mut Self)) {
        if self.row.state == State::InFlight {
            act(self);
        } else {
            self.refuse(format!("{what} came for a delivery that is {}", self.row.state));
        }
    }

    fn enter(&mut self, state: State) {
        self.row.state = state;
        self.row.held_for = None;
    }

    /// Due, as if it had never been tried; only an open question is kept and waited for.
    fn due_afresh(&mut self) {
        self.enter(State::Due);
        self.start_over();
    }

    /// Forgets how often and how it failed.
    fn start_over(&mut self) {
        self.row.attempt = 0;
        self.row.failure_class = None;
        self.row.failure_effect = self.row.question_open().then_some(LeftBehind::Maybe);
        self.row.not_before = self.row.absent_after;
    }

    fn forget_remote(&mut self) {
        self.row.remote_id = None;
        self.row.remote_url = None;
        self.row.delivered_sha256 = None;
    }

    fn forget_checkpoint(&mut self) {
        self.row.checkpoint = None;
        self.row.checkpoint_sha256 = None;
    }

    /// Opens a question, or keeps the later end of the one that is open. What the object holds by
    /// then is part of the question.
    fn ask_after(&mut self, end: DateTime<Utc>) {
        self.row.delivered_sha256 = None;
        let settled = later(end, self.row.settle);
        let open = self.row.absent_after.filter(|old| !self.is_beyond_belief(*old));
        self.row.absent_after = Some(open.map_or(settled, |old| old.max(settled)));
        self.row.failure_effect = Some(LeftBehind::Maybe);
    }

    /// Whether a moment to come was noted while the clock was ahead.
    fn is_beyond_belief(&self, moment: DateTime<Utc>) -> bool {
        moment > later(self.now, LONGEST_WAIT)
    }

    fn log_success(&mut self) {
        let entry = self.entry(true, None, None);
        self.effects.push(Effect::WriteUploadLog(entry));
    }

    fn log_failure(&mut self, class: Class) {
        let text = self.row.failure_text.clone();
        let entry = self.entry(false, Some(class), text);
        self.effects.push(Effect::WriteUploadLog(entry));
    }

    fn entry(&self, success: bool, class: Option<Class>, error_message: Option<String>) -> UploadEntry {
        UploadEntry {
            success,
            class,
            record_id: if success { self.row.remote_id.clone() } else { None },
            record_url: if success { self.row.remote_url.clone() } else { None },
            error_message,
            content_sha256: if success {
                self.row.delivered_sha256.clone()
            } else {
                self.row.wanted_sha256.clone()
            },
            attempt: self.row.attempt,
            target: self.row.target.clone(),
        }
    }

    fn note(&mut self, kind: &'static str, text: &str) {
        self.effects.push(Effect::NoteEvent { kind, text: cut(text) });
    }

    fn needs_person(&mut self, why: &str) {
        let why = cut(&format!("delivery to {}: {why}", self.row.destination));
        self.effects.push(Effect::NeedsPerson { why });
    }

    fn refuse(&mut self, why: impl Into<String>) {
        self.effects.push(Effect::Refused { why: why.into() });
    }

    fn set_failure(&mut self, class: Class, text: &str) {
        self.row.failure_class = Some(class);
        self.row.failure_text = Some(cut(text));
    }

    /// What is known at the destination, for a note; `None` if nothing is.
    fn known_object(&self) -> Option<String> {
        let id = self.row.remote_id.as_deref()?;
        let url = self.row.remote_url.as_deref().map(|url| format!(" ({url})")).unwrap_or_default();
        let place = self.row.target.as_deref().unwrap_or("an unknown target");
        Some(format!("{id}{url} at {place}"))
    }
}

fn error_text(error: &PluginError) -> String {
    match &error.hint {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message.clone(),
    }
}

/// The text, cut to what is stored, at a character's boundary.
fn cut(text: &str) -> String {
    own_table::cut(text, LONGEST_TEXT).to_owned()
}

/// Blank ids are no ids: a plugin that answers one has not said where the object is.
fn has_id(remote: &Remote) -> bool {
    !remote.id.trim().is_empty()
}

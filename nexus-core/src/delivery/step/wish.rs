//! What is wanted of a delivery: by the build, by the configuration, by people, by the peer.

use chrono::TimeDelta;

use super::super::retry::later;
use super::super::{Class, Effect, Hold, Origin, PeerUpload, State, TargetFacts};
use super::Turn;

/// No run is longer, and so no abandoned call lives longer.
const RECENT: TimeDelta = TimeDelta::days(1);

impl Turn {
    pub(super) fn wanted(&mut self, content_sha256: String, hold: Option<Hold>) {
        let changed = self.row.wanted_sha256.as_ref() != Some(&content_sha256);
        let there = self.row.delivered_sha256.as_ref() == Some(&content_sha256)
            && self.row.remote_id.is_some()
            && self.row.checkpoint.is_none()
            && !self.row.question_open();
        self.row.wanted_sha256 = Some(content_sha256);
        // Only a delivered record can have moved.
        let hold = hold.filter(|hold| *hold != Hold::Moved);
        match (self.row.state, self.row.held_for) {
            // Whatever is under way goes on; its end is compared with what is wanted by then. A person
            // decides about an unknown one, whatever the record holds.
            (State::InFlight | State::Unknown, _) | (State::Held, Some(Hold::Adoption)) => {}
            (State::Held, Some(Hold::Moved)) | (State::Delivered, _) if there => {}
            (State::Held | State::Due | State::Failed, _) if there => {
                self.start_over();
                self.row.failure_text = None;
                self.enter(State::Delivered);
            }
            (State::Held, Some(Hold::After)) => self.hold_or_due(hold),
            (State::Due, _) => {
                // The record itself may have been what was wrong. Nothing else that it waits for is cut short: a pause that
                // the destination asked for, the time that an unclear attempt has to settle.
                if self.row.failure_class == Some(Class::Transient) {
                    self.start_over();
                }
                if hold.is_some() {
                    self.hold_or_due(hold);
                }
            }
            (State::Failed, _) if !changed => {}
            (State::Held | State::Delivered | State::Failed | State::NotWanted, _) => {
                self.start_over();
                self.hold_or_due(hold);
            }
        }
    }

    fn hold_or_due(&mut self, hold: Option<Hold>) {
        self.row.state = if hold.is_some() { State::Held } else { State::Due };
        self.row.held_for = hold;
    }

    pub(super) fn released(&mut self, from: Hold) {
        if self.row.state != State::Held || self.row.held_for != Some(from) {
            return self.refuse(format!("the delivery is not held for `{from}`"));
        }
        if self.row.wanted_sha256.is_none() {
            return self.refuse("there is no record to deliver; build the session first");
        }
        self.enter(State::Due);
    }

    pub(super) fn config_changed(&mut self, digest: String) {
        if self.row.config_digest.as_ref() == Some(&digest) {
            return;
        }
        match (self.row.state, self.row.failure_class) {
            (State::Failed, _) => self.due_afresh(),
            // A pause the destination asked for holds, whatever our side changes.
            (State::Due, Some(Class::RateLimited)) => {}
            (State::Due, Some(_)) => self.start_over(),
            _ => return,
        }
        self.row.config_digest = Some(digest);
    }

    pub(super) fn target_changed(&mut self, target: &TargetFacts) {
        let same = self.row.target.as_ref() == Some(&target.id);
        match (self.row.state, self.row.held_for) {
            (State::Delivered, _) if self.row.target.is_none() => {
                self.row.target = Some(target.id.clone());
                self.learn(target);
            }
            (State::Delivered, _) if !same => {
                let object = self.known_object().unwrap_or_default();
                self.note("delivery_target_changed", &format!("delivered to another target: {object}"));
                self.row.state = State::Held;
                self.row.held_for = Some(Hold::Moved);
            }
            (State::Held, Some(Hold::Moved)) if same => self.enter(State::Delivered),
            (State::Unknown, _) if same && target.can_find && !self.row.can_find => {
                self.learn(target);
                if self.row.question_open() {
                    self.ask_after(self.now);
                }
                self.enter(State::Due);
                self.row.not_before = self.row.absent_after;
            }
            _ => {}
        }
    }

    fn learn(&mut self, target: &TargetFacts) {
        self.row.can_find = target.can_find;
        self.row.settle = target.settle;
    }

    pub(super) fn peer_uploaded(&mut self, upload: PeerUpload) {
        let theirs = upload.remote_id.clone().unwrap_or_else(|| "an object without a noted id".to_owned());
        match self.row.state {
            State::Delivered => {
                if self.row.remote_id.is_some() && self.row.remote_id == upload.remote_id {
                    return;
                }
                let ours = self.known_object().unwrap_or_else(|| "an object without a noted id".to_owned());
                self.note("delivery_by_peer", &format!("NexusLIMS also delivered it, as {theirs}"));
                self.needs_person(&format!(
                    "delivered twice: {ours}, and by NexusLIMS as {theirs}; remove one of them"
                ));
            }
            State::InFlight => self.note("delivery_by_peer", &format!("NexusLIMS delivered it as {theirs}")),
            _ if self.row.question_open() || self.row.state == State::Unknown => {
                self.note("delivery_by_peer", &format!("NexusLIMS delivered it as {theirs}"));
                self.needs_person(&format!(
                    "NexusLIMS delivered it as {theirs}, and an earlier attempt of ours may have delivered it too"
                ));
            }
            _ => {
                if self.row.checkpoint.is_some() {
                    self.note("delivery_by_peer", "NexusLIMS delivered what was left half delivered here");
                }
                self.start_over();
                self.forget_checkpoint();
                self.row.failure_text = None;
                self.row.remote_id = upload.remote_id.filter(|id| !id.trim().is_empty());
                self.row.remote_url = upload.remote_url;
                self.row.delivered_sha256 = None;
                self.row.target = upload.target.or_else(|| self.row.target.take());
                self.row.upload_log_id = Some(upload.upload_log_id);
                self.row.origin = Origin::Peer;
                self.enter(State::Delivered);
            }
        }
    }

    pub(super) fn forget(&mut self) {
        match self.row.state {
            State::InFlight => self.refuse("an attempt is under way"),
            State::NotWanted => {}
            _ => {
                let was = self.row.state;
                let object = self.known_object().map(|object| format!(": {object}")).unwrap_or_default();
                self.note("delivery_forgotten", &format!("was {was}{object}"));
                self.row.absent_after = None;
                self.start_over();
                self.row.failure_text = None;
                self.forget_remote();
                self.forget_checkpoint();
                self.row.origin = Origin::Nexus;
                self.enter(State::NotWanted);
            }
        }
    }

    pub(super) fn retry(&mut self) {
        if self.row.wanted_sha256.is_none() {
            return self.refuse("there is no record to deliver; build the session first");
        }
        match (self.row.state, self.row.held_for) {
            (State::InFlight, _) => self.refuse("an attempt is under way"),
            (State::Delivered, _) => self.refuse("the destination holds the record already"),
            (State::Held, Some(Hold::After)) => {
                self.refuse("it waits for the destinations named in its `after`");
            }
            (State::Unknown, _) if !self.row.can_find => {
                // The person has looked, or takes the risk. What was sent still gets its time to settle,
                // and an abandoned call may have been sending until a moment ago.
                let recent = self.row.absent_after.take().is_some_and(|end| self.now < later(end, RECENT));
                self.due_afresh();
                self.row.not_before = recent.then(|| later(self.now, self.row.settle));
                if self.row.checkpoint_sha256 != self.row.wanted_sha256 {
                    self.forget_checkpoint();
                }
                if self.row.remote_id.is_none() {
                    self.row.origin = Origin::Nexus;
                }
            }
            _ => self.due_afresh(),
        }
    }

    pub(super) fn not_wanted(&mut self) {
        match self.row.state {
            State::NotWanted => {}
            State::Delivered => self.refuse("the destination holds the record already"),
            State::InFlight => self.refuse("an attempt is under way"),
            State::Unknown => self.refuse("nobody can tell whether the destination holds the record"),
            State::Held | State::Due | State::Failed if self.row.question_open() => {
                self.refuse("an earlier attempt may have delivered the record; that is found out first");
            }
            // What is there is kept up to date; given up, it would be out of date and in no listing.
            State::Held | State::Due | State::Failed
                if self.row.remote_id.is_some() || self.row.origin == Origin::Peer =>
            {
                self.refuse("the destination holds an earlier version of the record");
            }
            State::Held | State::Due | State::Failed => {
                self.enter(State::NotWanted);
                self.row.not_before = None;
                self.effects.push(Effect::NoteEvent {
                    kind: "delivery_not_wanted",
                    text: "no longer wanted here".to_owned(),
                });
            }
        }
    }
}

//! One attempt: claimed, asked, delivered in steps, ended.

use nexus_plugin_api::{Checkpoint, Effect as LeftBehind, FailureClass, PluginError, Remote};

use super::super::retry::{later, pause_between_runs, rate_limit_end, rest_at_least_once};
use super::super::{Class, Delivery, Effect, Origin, State, TargetFacts};
use super::{Turn, error_text, has_id};

/// How many objects a person is told by name, where there should be one.
const MOST_NAMED: usize = 10;

impl Turn {
    pub(super) fn claim(&mut self, target: TargetFacts, config_digest: String) {
        if self.row.state != State::Due {
            return self.refuse(format!("the delivery is {}, not due", self.row.state));
        }
        if self.row.wanted_sha256.is_none() {
            return self.refuse("there is no record to deliver; build the session first");
        }
        if !self.row.ready(self.now) {
            return self.refuse("it is not to be tried yet");
        }
        if self.row.target.as_ref().is_some_and(|old| *old != target.id) {
            self.leave_old_target();
        }
        self.row.target = Some(target.id);
        self.row.can_find = target.can_find;
        self.row.settle = target.settle;
        self.row.config_digest = Some(config_digest);
        if let (false, Some(why)) = (target.can_find, self.not_without_asking()) {
            return self.ask_a_person(why);
        }
        self.enter(State::InFlight);
        self.row.attempt = self.row.attempt.saturating_add(1);
        self.row.intent_at = Some(self.now);
        self.row.not_before = None;
        if self.row.can_find {
            self.effects.push(Effect::Find);
        } else {
            self.deliver();
        }
    }

    pub(super) fn named_before(&mut self, target: TargetFacts, before: &Delivery) {
        if self.row.state != State::Due || target.can_find || self.row.question_open() {
            return self.refuse("nothing is to be taken over");
        }
        let name = &before.destination;
        if self.row.target.as_ref().is_some_and(|old| *old != target.id) {
            self.leave_old_target();
        }
        let is_there = before.target.as_ref() == Some(&target.id);
        self.row.target = Some(target.id);
        self.row.can_find = false;
        self.row.settle = target.settle;
        if !is_there && *name == self.row.destination {
            return self.ask_a_person(
                "the session was delivered before to a place that was not noted: if it is this one, the record is there, \
                 and the destination cannot be asked",
            );
        }
        if !is_there {
            return self.ask_a_person(&format!(
                "the session was delivered to `{name}`, which the configuration no longer names, at a place that was \
                 not noted: if it is this one, the record is there, and the destination cannot be asked"
            ));
        }
        self.row.remote_id.clone_from(&before.remote_id);
        self.row.remote_url.clone_from(&before.remote_url);
        self.row.delivered_sha256.clone_from(&before.delivered_sha256);
        self.row.checkpoint.clone_from(&before.checkpoint);
        self.row.checkpoint_sha256.clone_from(&before.checkpoint_sha256);
        self.row.origin = before.origin;
        self.row.upload_log_id = before.upload_log_id;
        let object = self.known_object().map(|object| format!(": {object}")).unwrap_or_default();
        self.note(
            "delivery_taken_over",
            &format!("delivered to `{name}` before, which is the same place{object}"),
        );
        if before.question_open() || matches!(before.state, State::Unknown | State::InFlight) {
            self.row.absent_after = before.absent_after;
            self.row.intent_at = before.intent_at;
            return self.ask_a_person(&format!(
                "an earlier attempt, as destination `{name}`, may have delivered the record, and the destination cannot \
                 be asked"
            ));
        }
        let is_equal = self.row.remote_id.is_some()
            && self.row.checkpoint.is_none()
            && self.row.delivered_sha256 == self.row.wanted_sha256;
        if is_equal {
            self.start_over();
            self.row.failure_text = None;
            self.enter(State::Delivered);
        }
    }

    /// As it was before the claim.
    pub(super) fn put_back(&mut self) {
        self.enter(State::Due);
        self.row.attempt = self.row.attempt.saturating_sub(1);
        self.row.not_before = self.row.absent_after;
    }

    /// Remote ids and checkpoints count only where they were made. An open question is kept: the new
    /// address may lead to the old place.
    fn leave_old_target(&mut self) {
        if let Some(object) = self.known_object() {
            self.note("delivery_target_changed", &format!("no longer counted: {object}"));
        } else if self.row.checkpoint.is_some() {
            let place = self.row.target.clone().unwrap_or_default();
            self.note("delivery_target_changed", &format!("left half delivered at {place}"));
        }
        self.forget_remote();
        self.forget_checkpoint();
        self.row.origin = Origin::Nexus;
    }

    /// Why nothing may be created at a destination that cannot be asked.
    fn not_without_asking(&self) -> Option<&'static str> {
        if self.row.question_open() {
            return Some(
                "an earlier attempt may have delivered the record, and the destination cannot be asked",
            );
        }
        if self.row.remote_id.is_some() {
            return None;
        }
        if self.row.origin == Origin::Peer {
            return Some(
                "NexusLIMS delivered the session here without noting where, and the destination cannot be asked",
            );
        }
        self.checkpoint_is_stale().then_some(
            "an earlier version of the record was left half delivered, and the destination cannot be asked",
        )
    }

    fn checkpoint_is_stale(&self) -> bool {
        self.row.checkpoint.is_some() && self.row.checkpoint_sha256 != self.row.wanted_sha256
    }

    fn ask_a_person(&mut self, why: &str) {
        self.enter(State::Unknown);
        self.row.not_before = None;
        self.row.failure_effect = Some(LeftBehind::Maybe);
        self.row.failure_class.get_or_insert(Class::Unknown);
        self.row.failure_text.get_or_insert_with(|| why.to_owned());
        self.needs_person(&format!(
            "{why}; look there, then use `nexus export retry` or `nexus export forget`"
        ));
    }

    fn deliver(&mut self) {
        if self.checkpoint_is_stale() {
            self.forget_checkpoint();
        }
        self.row.absent_after = None;
        self.row.failure_effect = None;
        self.effects
            .push(Effect::Deliver { previous: self.row.remote(), checkpoint: self.row.checkpoint.clone() });
    }

    pub(super) fn found_none(&mut self) {
        if let Some(absent_after) = self.row.absent_after {
            // What counts is when it was asked: a late answer tells of the moment of the question.
            if self.row.intent_at.is_none_or(|asked| asked < absent_after) {
                self.enter(State::Due);
                self.row.not_before = Some(absent_after);
                self.row.attempt = self.row.attempt.saturating_sub(1);
                return;
            }
            self.row.absent_after = None;
            if let Some(class @ (Class::Permanent | Class::Auth)) = self.row.failure_class {
                let before = self.row.failure_text.clone().unwrap_or_default();
                let text = format!("nothing had arrived after the last attempt, which failed: {before}");
                self.set_failure(class, &text);
                return self.fail_for_good(class);
            }
        }
        if let Some(object) = self.known_object() {
            self.note("delivery_object_gone", &format!("no longer there, made anew: {object}"));
            self.forget_remote();
            self.row.origin = Origin::Nexus;
        }
        self.deliver();
    }

    pub(super) fn found_one(&mut self, remote: Remote) {
        if !has_id(&remote) {
            return self.failed_cleanly(&PluginError::permanent("`find` answered an object without an id"));
        }
        if self.row.remote_id.as_ref().is_some_and(|known| *known != remote.id) {
            let known = self.known_object().unwrap_or_default();
            self.note("delivery_other_object", &format!("found {} instead of {known}", remote.id));
        }
        let complete = remote.content_sha256.is_some()
            && remote.content_sha256 == self.row.wanted_sha256
            && (self.row.checkpoint.is_none() || self.checkpoint_is_stale());
        let content = remote.content_sha256.clone();
        self.keep_remote(remote, content);
        self.row.absent_after = None;
        if complete { self.delivered() } else { self.deliver() }
    }

    pub(super) fn found_many(&mut self, remotes: Vec<Remote>) {
        let ids: Vec<&str> = remotes.iter().take(MOST_NAMED).map(|remote| remote.id.as_str()).collect();
        let more = if remotes.len() > MOST_NAMED { ", …" } else { "" };
        let text = format!("{} objects found for this one session: {}{more}", remotes.len(), ids.join(", "));
        match <[Remote; 1]>::try_from(remotes) {
            Ok([remote]) => self.found_one(remote),
            Err(remotes) if remotes.is_empty() => self.found_none(),
            Err(_) => {
                self.enter(State::Unknown);
                self.row.absent_after = None;
                self.row.not_before = None;
                self.row.failure_effect = Some(LeftBehind::Maybe);
                self.set_failure(Class::Unknown, &text);
                self.log_failure(Class::Unknown);
                self.needs_person(&format!("{text}; remove all but one, then use `nexus export retry`"));
            }
        }
    }

    pub(super) fn cannot_find(&mut self) {
        self.row.can_find = false;
        match self.not_without_asking() {
            Some(why) => self.ask_a_person(why),
            None => self.deliver(),
        }
    }

    pub(super) fn step_more(&mut self, checkpoint: Checkpoint, content_sha256: String) {
        self.row.checkpoint = Some(checkpoint.clone());
        self.row.checkpoint_sha256 = Some(content_sha256);
        self.row.delivered_sha256 = None;
        self.row.intent_at = Some(self.now);
        self.row.absent_after = None;
        self.effects.push(Effect::Deliver { previous: self.row.remote(), checkpoint: Some(checkpoint) });
    }

    pub(super) fn step_done(&mut self, remote: Remote, content_sha256: String) {
        let late =
            matches!(self.row.state, State::Due | State::Failed | State::Unknown) && self.row.question_open();
        if self.row.state != State::InFlight && !late {
            return self
                .refuse(format!("an answer to `deliver` came for a delivery that is {}", self.row.state));
        }
        if !has_id(&remote) {
            if late {
                return self.refuse("a late answer to `deliver` names no object");
            }
            let error = PluginError::permanent("`deliver` answered an object without an id").maybe_done();
            return self.deliver_failed(&error);
        }
        self.keep_remote(remote, Some(content_sha256));
        self.row.origin = Origin::Nexus;
        self.delivered();
    }

    fn keep_remote(&mut self, remote: Remote, content_sha256: Option<String>) {
        self.row.remote_id = Some(remote.id);
        self.row.remote_url = remote.url.filter(|url| !url.trim().is_empty());
        self.row.delivered_sha256 = content_sha256;
    }

    fn delivered(&mut self) {
        self.forget_checkpoint();
        self.row.absent_after = None;
        self.row.failure_class = None;
        self.row.failure_effect = None;
        self.row.failure_text = None;
        self.row.not_before = None;
        self.log_success();
        self.effects.push(Effect::DestinationWorked);
        if self.row.delivered_sha256 == self.row.wanted_sha256 {
            self.enter(State::Delivered);
        } else {
            // The record was built again while this attempt was under way.
            self.due_afresh();
        }
    }

    pub(super) fn deliver_failed(&mut self, error: &PluginError) {
        if error.effect == LeftBehind::None {
            return self.failed_cleanly(error);
        }
        self.set_failure(Class::from(&error.class), &error_text(error));
        self.ask_after(self.now);
        self.log_failure(Class::Unknown);
        let earliest = self.earliest_try(&error.class);
        self.unclear(earliest);
    }

    /// Failed with nothing left behind by this call; an open question stays open.
    pub(super) fn failed_cleanly(&mut self, error: &PluginError) {
        let class = Class::from(&error.class);
        self.set_failure(class, &error_text(error));
        self.row.failure_effect =
            Some(if self.row.question_open() { LeftBehind::Maybe } else { LeftBehind::None });
        let earliest = self.earliest_try(&error.class);
        match error.class {
            FailureClass::Permanent | FailureClass::Auth => self.fail_for_good(class),
            FailureClass::Transient | FailureClass::RateLimited { .. } => {
                self.log_failure(class);
                self.enter(State::Due);
                self.row.not_before = Some(self.row.absent_after.map_or(earliest, |end| end.max(earliest)));
            }
        }
    }

    /// No fault of the destination, and nothing that a second try in this run would mend.
    pub(super) fn record_gone(&mut self, why: &str) {
        self.set_failure(Class::Transient, why);
        self.row.failure_effect =
            Some(if self.row.question_open() { LeftBehind::Maybe } else { LeftBehind::None });
        self.log_failure(Class::Transient);
        let earliest = later(self.now, rest_at_least_once(self.row.attempt));
        self.enter(State::Due);
        self.row.not_before = Some(self.row.absent_after.map_or(earliest, |end| end.max(earliest)));
    }

    fn fail_for_good(&mut self, class: Class) {
        self.row.failure_effect =
            Some(if self.row.question_open() { LeftBehind::Maybe } else { LeftBehind::None });
        self.enter(State::Failed);
        self.row.not_before = None;
        self.log_failure(class);
        let text = self.row.failure_text.clone().unwrap_or_default();
        self.needs_person(&format!("{class} failure: {text}"));
    }

    /// When the class allows another try; tells the destination's own account of failures as well.
    fn earliest_try(&mut self, class: &FailureClass) -> chrono::DateTime<chrono::Utc> {
        let failures = self.row.attempt;
        match class {
            FailureClass::Permanent => self.now,
            FailureClass::Auth => {
                self.effects.push(Effect::PauseCandidate { class: Class::Auth });
                self.now
            }
            FailureClass::Transient => {
                self.effects.push(Effect::PauseCandidate { class: Class::Transient });
                later(self.now, pause_between_runs(failures))
            }
            FailureClass::RateLimited { until } => {
                let until = rate_limit_end(*until, failures, self.now);
                self.effects.push(Effect::PauseDestination { until, class: Class::RateLimited });
                until
            }
        }
    }

    /// The outcome is a question: for the destination if it can find, else for a person.
    fn unclear(&mut self, earliest: chrono::DateTime<chrono::Utc>) {
        if self.row.can_find {
            self.enter(State::Due);
            self.row.not_before = Some(self.row.absent_after.map_or(earliest, |end| end.max(earliest)));
        } else {
            let text = self.row.failure_text.clone().unwrap_or_default();
            self.ask_a_person(&format!("nobody can tell whether the record arrived: {text}"));
        }
    }

    pub(super) fn overdue(&mut self) {
        self.set_failure(Class::Unknown, "the call did not end before its deadline");
        self.ask_after(self.now);
        self.log_failure(Class::Unknown);
        if self.row.can_find {
            // The call still runs in this process, so no answer is final before the process ends;
            // the next run's recovery turns this into a question.
            self.enter(State::Unknown);
            self.row.not_before = None;
        } else {
            self.unclear(self.now);
        }
    }

    pub(super) fn recover(&mut self) {
        match self.row.state {
            State::InFlight => {
                // Nothing of ours runs any more. How long after the intent it did is not known: one that was claimed
                // together with others begins when they have ended.
                self.set_failure(Class::Unknown, "the program stopped during the attempt");
                self.ask_after(self.now);
                self.log_failure(Class::Unknown);
                self.unclear(self.now);
            }
            State::Unknown if self.row.can_find && self.row.question_open() => {
                self.ask_after(self.now);
                self.enter(State::Due);
                self.row.not_before = self.row.absent_after;
            }
            State::Due if self.row.not_before.is_some_and(|moment| self.is_beyond_belief(moment)) => {
                if self.row.question_open() {
                    self.ask_after(self.now);
                }
                self.row.not_before = self.row.absent_after;
            }
            _ => {}
        }
    }
}

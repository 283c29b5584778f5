//! A harvester that says what the test told it to say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use chrono::{DateTime, Utc};
use nexus_plugin_api::{
    Call, CheckReport, EventTime, HarvestPage, HarvestRequest, Harvester, Instance, InstrumentProgress,
    Manifest, Plugin, PluginError, PluginKind, Reservation, ReservationAnswer, SessionRef, UsageEvent,
};

/// A linked plugin `scripted`; its clones share one script.
#[derive(Debug, Clone, Default)]
pub struct ScriptedHarvester(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    events: BTreeMap<String, UsageEvent>,
    answers: BTreeMap<String, ReservationAnswer>,
    failure: Option<PluginError>,
    incomplete: bool,
    from: Option<DateTime<Utc>>,
    questions: usize,
    told_emails: Vec<Vec<String>>,
    passed: BTreeSet<String>,
    meanwhile: Option<Meanwhile>,
    goes_round: bool,
}

type Meanwhile = Box<dyn FnOnce() + Send>;

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Script").field("events", &self.events).finish_non_exhaustive()
    }
}

impl ScriptedHarvester {
    /// Adds an event, or revises the one with its id.
    pub fn put(&self, event: UsageEvent) {
        self.script().events.insert(event.external_id.clone(), event);
    }

    /// The event as it is told at present.
    pub fn event(&self, external_id: &str) -> Option<UsageEvent> {
        self.script().events.get(external_id).cloned()
    }

    /// The source forgets an event.
    pub fn remove(&self, external_id: &str) {
        self.script().events.remove(external_id);
    }

    /// Answers so when asked for the reservation of a session; without this, consent was given.
    pub fn answer(&self, session_identifier: &str, answer: ReservationAnswer) {
        self.script().answers.insert(session_identifier.to_owned(), answer);
    }

    /// Every harvest fails so, until told otherwise.
    pub fn fail(&self, failure: Option<PluginError>) {
        self.script().failure = failure;
    }

    /// Whether harvests claim to be complete.
    pub fn complete(&self, complete: bool) {
        self.script().incomplete = !complete;
    }

    /// From when on it tells of events that have ended, but for those that it is asked for by name.
    pub fn tell_from(&self, from: DateTime<Utc>) {
        self.script().from = Some(from);
    }

    /// An event that it tells of only when somebody names a window: its cursor has passed it.
    pub fn pass(&self, external_id: &str) {
        self.script().passed.insert(external_id.to_owned());
    }

    /// What happens after it has read its answer to the next question for a window, and before it gives it.
    pub fn meanwhile(&self, happens: impl FnOnce() + Send + 'static) {
        self.script().meanwhile = Some(Box::new(happens));
    }

    /// Every page names the same next page.
    pub fn go_round(&self) {
        self.script().goes_round = true;
    }

    /// How often it was asked for reservations.
    pub fn questions(&self) -> usize {
        self.script().questions
    }

    /// The addresses it was told of the users of the sessions whose reservations were asked for last.
    pub fn told_emails(&self) -> Vec<Vec<String>> {
        self.script().told_emails.clone()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap()
    }
}

impl Plugin for ScriptedHarvester {
    fn manifest(&self) -> Manifest {
        let settings = serde_json::json!({
            "type": "object",
            "properties": {
                "address": { "type": "string" },
                "aliases": { "type": "array", "items": { "type": "string" } },
            },
        });
        Manifest::new("scripted", "0.0.0", PluginKind::Harvester).with_settings(settings)
    }

    fn create(&self, _settings: &serde_json::Value) -> Result<Instance, PluginError> {
        Ok(Instance::Harvester(Box::new(self.clone())))
    }
}

impl Harvester for ScriptedHarvester {
    fn harvest(&self, _call: &Call, request: &HarvestRequest) -> Result<HarvestPage, PluginError> {
        let mut script = self.script();
        if let Some(failure) = &script.failure {
            return Err(failure.clone());
        }
        let is_window = request.from.is_some();
        let meanwhile = script.meanwhile.take_if(|_| is_window);
        let asked = |event: &&UsageEvent| {
            request.instruments.iter().any(|query| query.instrument.pid == event.instrument_pid)
        };
        let progress = request.instruments.iter().map(|query| InstrumentProgress {
            instrument_pid: query.instrument.pid.clone(),
            cursor: Some("all".to_owned()),
            complete: !script.incomplete,
            covered_from: script.from,
            covered_to: None,
        });
        let told = |event: &&UsageEvent| {
            if script.passed.contains(&event.external_id) && !is_window {
                return false;
            }
            let ended = event.end.and_then(|end| match end {
                EventTime::Offset(end) => Some(end.to_utc()),
                EventTime::Local(_) => None,
            });
            ended.is_none_or(|ended| script.from.is_none_or(|from| ended >= from))
                || request.open.contains(&event.external_id)
        };
        let page = HarvestPage {
            events: script.events.values().filter(asked).filter(told).cloned().collect(),
            instruments: progress.collect(),
            more: script.goes_round.then(|| "on".to_owned()),
            ..HarvestPage::default()
        };
        drop(script);
        if let Some(happens) = meanwhile {
            happens();
        }
        Ok(page)
    }

    fn reservations(
        &self,
        _call: &Call,
        sessions: &[SessionRef],
    ) -> Result<Vec<ReservationAnswer>, PluginError> {
        let mut script = self.script();
        script.questions += 1;
        script.told_emails = sessions.iter().map(|session| session.user_emails.clone()).collect();
        let answer = |session: &SessionRef| {
            script.answers.get(&session.session_identifier).cloned().unwrap_or_else(|| {
                let title = Some(format!("Experiment {}", session.session_identifier));
                ReservationAnswer::Reservation(Box::new(Reservation { title, ..Reservation::default() }))
            })
        };
        Ok(sessions.iter().map(answer).collect())
    }

    fn check(&self, _call: &Call) -> Result<CheckReport, PluginError> {
        Ok(CheckReport::default())
    }
}

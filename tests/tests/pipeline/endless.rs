//! A harvester that never comes to an end.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use nexus_core::clock::ManualClock;
use nexus_plugin_api::{
    Call, CheckReport, HarvestPage, HarvestRequest, Harvester, Instance, Manifest, Plugin, PluginError,
    PluginKind, ReservationAnswer, SessionRef, UsageEvent,
};
use nexus_tests::lab::Lab;

/// Gives pages without end, each after so long: the same event again and again, or another one on each.
#[derive(Clone)]
struct Endless {
    clock: Arc<ManualClock>,
    each: TimeDelta,
    is_new: bool,
    pages: Arc<AtomicU32>,
    tokens: Arc<Mutex<u64>>,
}

impl Plugin for Endless {
    fn manifest(&self) -> Manifest {
        Manifest::new("endless", "0.0.0", PluginKind::Harvester)
    }

    fn create(&self, _settings: &serde_json::Value) -> Result<Instance, PluginError> {
        Ok(Instance::Harvester(Box::new(self.clone())))
    }
}

impl Harvester for Endless {
    fn harvest(&self, _call: &Call, _request: &HarvestRequest) -> Result<HarvestPage, PluginError> {
        let page = self.pages.fetch_add(1, Ordering::Relaxed);
        self.clock.advance(self.each);
        *self.tokens.lock().unwrap() += 1;
        let number = if self.is_new { page } else { 0 };
        let event = UsageEvent {
            external_id: number.to_string(),
            session_identifier: format!("endless:{number}"),
            ..Lab::event(2)
        };
        let more = Some(self.tokens.lock().unwrap().to_string());
        Ok(HarvestPage { events: vec![event], more, ..HarvestPage::default() })
    }

    fn reservations(
        &self,
        _call: &Call,
        sessions: &[SessionRef],
    ) -> Result<Vec<ReservationAnswer>, PluginError> {
        Ok(sessions.iter().map(|_| ReservationAnswer::Gone).collect())
    }

    fn check(&self, _call: &Call) -> Result<CheckReport, PluginError> {
        Ok(CheckReport::default())
    }
}

/// Why the harvest of one that takes so long for each page ended, after how many pages, and how many sessions there are.
fn harvest(each: TimeDelta, is_new: bool) -> (String, u32, usize) {
    let mut lab = Lab::new();
    let pages = Arc::new(AtomicU32::new(0));
    let endless = Endless {
        clock: Arc::clone(&lab.clock),
        each,
        is_new,
        pages: Arc::clone(&pages),
        tokens: Arc::default(),
    };
    lab.plugins.push(Arc::new(endless));
    let pid = Lab::event(2).instrument_pid;
    lab.source("endless", &format!("plugin = \"endless\"\ninstruments = [\"{pid}\"]"));
    let report = lab.harvest();
    let why = report.harvest[&"endless".into()].failed.clone().unwrap();
    (why, pages.load(Ordering::Relaxed), lab.dump()["nexus_session"].len())
}

#[test]
fn one_that_brings_nothing_new_is_stopped_soon_and_what_it_brought_stays() {
    let (why, pages, sessions) = harvest(TimeDelta::minutes(1), false);
    assert_eq!(why, "it gave 11 pages in 11 min without anything new, and was stopped");
    assert_eq!((pages, sessions), (12, 1));
    let (why, pages, sessions) = harvest(TimeDelta::milliseconds(1), false);
    assert!(why.starts_with("it gave 1000 pages in 0 min without"), "{why}");
    assert_eq!((pages, sessions), (1001, 1));
}

#[test]
fn one_that_always_brings_something_new_has_half_a_day() {
    let (why, pages, sessions) = harvest(TimeDelta::minutes(9), true);
    assert!(why.starts_with("it gave pages for 12 h and did not come to an end"), "{why}");
    assert_eq!((pages, sessions), (81, 81));
}

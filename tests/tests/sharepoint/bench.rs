//! A site, an instance of the plugin that reads it in one of the dialects, and a host's questions.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration as StdDuration;

use chrono::{DateTime, Duration, Utc};
use nexus_plugin_api::{
    Call, Cancel, EventTime, HarvestPage, HarvestRequest, Harvester, Instance, InstrumentProgress,
    InstrumentQuery, InstrumentRef, Plugin, PluginError, Reservation, ReservationAnswer, SessionRef,
    UsageEvent,
};
use nexus_plugin_sharepoint::{Tuned, pause::Pause};
use nexus_tests::fake_sharepoint::{FakeSharePoint, Item};
use serde_json::{Value, json};

/// Time that passes only when somebody waits.
pub struct Still {
    now: Mutex<DateTime<Utc>>,
    /// The pauses that were waited for.
    pub waited: Mutex<Vec<StdDuration>>,
}

impl Default for Still {
    fn default() -> Self {
        Self { now: Mutex::new("2026-11-01T00:00:00Z".parse().unwrap()), waited: Mutex::default() }
    }
}

impl Still {
    /// Moves the clock.
    pub fn set(&self, now: &str) {
        *self.now.lock().unwrap() = now.parse().unwrap();
    }

    /// Lets time pass.
    pub fn pass(&self, length: Duration) {
        *self.now.lock().unwrap() += length;
    }

    /// The pauses in seconds.
    pub fn seconds(&self) -> Vec<u64> {
        self.waited.lock().unwrap().iter().map(StdDuration::as_secs).collect()
    }
}

impl Pause for Still {
    fn now(&self) -> DateTime<Utc> {
        *self.now.lock().unwrap()
    }

    fn wait(&self, _call: &Call, length: StdDuration) -> bool {
        self.waited.lock().unwrap().push(length);
        *self.now.lock().unwrap() += Duration::from_std(length).unwrap();
        true
    }
}

/// In whose words the site is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `_api`.
    Rest,
    /// Microsoft Graph.
    Graph,
}

/// Both.
pub const BOTH: [Dialect; 2] = [Dialect::Rest, Dialect::Graph];

/// The list of the instrument `TITAN`.
pub const TITAN: &str = "FEI Titan Events";
/// The list of the instrument `SEM`.
pub const SEM: &str = "Zeiss SEM";

/// A site with two lists, and the plugin that asks it.
pub struct Bench {
    pub site: FakeSharePoint,
    pub dialect: Dialect,
    pub pause: Arc<Still>,
    pub settings: Value,
    /// What the plugin logged, at every level.
    pub logged: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    pub fn new(dialect: Dialect) -> Self {
        let site = FakeSharePoint::start();
        site.add_list(TITAN);
        site.add_list(SEM);
        let (api, address) = match dialect {
            Dialect::Rest => ("rest", site.rest()),
            Dialect::Graph => ("graph", site.graph()),
        };
        let settings = json!({
            "address": address, "api": api, "auth": "none", "lists": {"TITAN": TITAN, "SEM": SEM},
        });
        Self { site, dialect, pause: Arc::default(), settings, logged: Arc::default() }
    }

    /// The same with this item in the list of the instrument `TITAN`.
    pub fn holding(self, items: impl IntoIterator<Item = Item>) -> Self {
        for item in items {
            self.site.put(TITAN, item);
        }
        self
    }

    /// The same with another setting.
    #[allow(clippy::needless_pass_by_value, reason = "reads better where settings are made")]
    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.settings[key] = value;
        self
    }

    pub fn tuned(&self) -> Arc<dyn Plugin> {
        let pause: Arc<dyn Pause> = Arc::<Still>::clone(&self.pause);
        Arc::new(Tuned { pause })
    }

    pub fn plugin(&self) -> Box<dyn Harvester> {
        match self.tuned().create(&self.settings) {
            Ok(Instance::Harvester(harvester)) => harvester,
            Ok(_) => panic!("no harvester"),
            Err(error) => panic!("{error} ({:?})\n{:#}", error.hint, self.settings),
        }
    }

    /// A call whose log lines are kept.
    pub fn call(&self) -> Call {
        let logged = Arc::clone(&self.logged);
        let sink =
            Arc::new(move |level, line: &str| logged.lock().unwrap().push(format!("{level:?} {line}")));
        Call::new(None, Cancel::new(), PathBuf::from("/nowhere"), sink)
    }

    /// Whether a line with this text was logged.
    pub fn has_logged(&self, text: &str) -> bool {
        self.logged.lock().unwrap().iter().any(|line| line.contains(text))
    }

    /// An instrument that has nothing to do with the site but its PID.
    pub fn instrument(pid: &str) -> InstrumentRef {
        InstrumentRef {
            pid: pid.to_owned(),
            display_name: format!("The {pid}"),
            api_url: format!("https://logbook.example.org/{pid}"),
            timezone: "America/New_York".into(),
            location: "Room 1".into(),
        }
    }

    /// The answers for sessions, by an instance of their own.
    pub fn answers(&self, sessions: &[SessionRef]) -> Result<Vec<ReservationAnswer>, PluginError> {
        let answers = self.plugin().reservations(&self.call(), sessions)?;
        assert_eq!(answers.len(), sessions.len());
        Ok(answers)
    }

    /// The answer for one session.
    pub fn answer(&self, session: &SessionRef) -> ReservationAnswer {
        self.answers(std::slice::from_ref(session))
            .unwrap_or_else(|error| panic!("{:?}: {error} ({:?})", self.dialect, error.hint))
            .remove(0)
    }

    /// The booking of a session.
    pub fn found(&self, session: &SessionRef) -> Reservation {
        match self.answer(session) {
            ReservationAnswer::Reservation(found) => *found,
            other => panic!("{:?}: no reservation: {other:?}\n{:#?}", self.dialect, self.logged),
        }
    }

    /// The booking's number, or a word for what there is instead.
    pub fn outcome(&self, session: &SessionRef) -> String {
        word(&self.answer(session))
    }

    /// Why nothing could be found out about a session.
    pub fn failure(&self, session: &SessionRef) -> PluginError {
        match self.answers(std::slice::from_ref(session)) {
            Err(error) => error,
            Ok(mut answers) => match answers.remove(0) {
                ReservationAnswer::Failed(error) => error,
                other => panic!("{:?}: settled: {other:?}", self.dialect),
            },
        }
    }

    /// Requests so far, tokens apart; they are forgotten then.
    pub fn requests(&self) -> usize {
        let asked = self.site.server.requests();
        self.site.server.forget_requests();
        asked.iter().filter(|request| request.method == "GET").count()
    }

    /// The instrument `TITAN` as it is when the calendar is what brings its sessions.
    pub fn own_instrument(&self, pid: &str, list: &str) -> InstrumentRef {
        let api_url = match self.dialect {
            Dialect::Rest => {
                let title = list.replace('\'', "''").replace(' ', "%20");
                format!("{}/_api/web/lists/getbytitle('{title}')", self.site.rest())
            }
            Dialect::Graph => format!("{}/lists/{}", self.site.graph(), self.site.list_id(list)),
        };
        InstrumentRef { api_url, ..Self::instrument(pid) }
    }

    /// One whole harvest of these instruments from scratch or from where the last one ended.
    pub fn harvest(
        &self,
        pids: &[&str],
        last: Option<&[HarvestPage]>,
    ) -> Result<Vec<HarvestPage>, PluginError> {
        let own = |pid: &&str| self.own_instrument(pid, if *pid == "SEM" { SEM } else { TITAN });
        self.harvest_of(&pids.iter().map(own).collect::<Vec<_>>(), last)
    }

    /// The same of instruments that are given whole.
    pub fn harvest_of(
        &self,
        instruments: &[InstrumentRef],
        last: Option<&[HarvestPage]>,
    ) -> Result<Vec<HarvestPage>, PluginError> {
        let progress = last.map(progress).unwrap_or_default();
        let query = |instrument: &InstrumentRef| InstrumentQuery {
            instrument: instrument.clone(),
            cursor: progress
                .iter()
                .find(|one| one.instrument_pid == instrument.pid)
                .and_then(|one| one.cursor.clone()),
        };
        let mut request = HarvestRequest {
            instruments: instruments.iter().map(query).collect(),
            ..HarvestRequest::default()
        };
        let (plugin, mut pages) = (self.plugin(), Vec::new());
        loop {
            let page = plugin.harvest(&self.call(), &request)?;
            request.page.clone_from(&page.more);
            pages.push(page);
            if request.page.is_none() {
                return Ok(pages);
            }
            assert!(pages.len() < 1_000, "no end");
        }
    }

    /// The events of a harvest of the instrument `TITAN`, by their start.
    pub fn events(&self) -> Vec<UsageEvent> {
        let pages =
            self.harvest(&["TITAN"], None).unwrap_or_else(|error| panic!("{error} ({:?})", error.hint));
        let mut events: Vec<_> = pages.into_iter().flat_map(|page| page.events).collect();
        events.sort_by_key(|event| instant(&event.start));
        events
    }
}

/// The booking's number, or a word for what there is instead.
pub fn word(answer: &ReservationAnswer) -> String {
    match answer {
        ReservationAnswer::Reservation(found) => found.internal_id.clone().unwrap_or_default(),
        ReservationAnswer::NoConsent { .. } => "no consent".to_owned(),
        ReservationAnswer::NoReservation { .. } => "none".to_owned(),
        ReservationAnswer::Gone => "gone".to_owned(),
        ReservationAnswer::Failed(error) => panic!("{error} ({:?})", error.hint),
    }
}

/// A session of Ada's on the `TITAN`, from another source.
pub fn session(start: &str, end: &str) -> SessionRef {
    session_of("TITAN", Some("ada"), start, end)
}

/// A session from another source.
pub fn session_of(pid: &str, user: Option<&str>, start: &str, end: &str) -> SessionRef {
    let told = json!({
        "session_identifier": format!("log-{pid}-{start}"), "instrument": Bench::instrument(pid), "user": user,
        "start": start, "end": end,
    });
    serde_json::from_value(told).unwrap()
}

/// A moment with an offset, as an instant.
pub fn instant(time: &EventTime) -> DateTime<Utc> {
    match time {
        EventTime::Offset(time) => time.to_utc(),
        EventTime::Local(time) => panic!("without an offset: {time}"),
    }
}

/// A moment as text in UTC.
pub fn utc(time: Option<&EventTime>) -> String {
    instant(time.expect("a time")).format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Runs the same in both dialects.
pub fn both(deed: impl Fn(Bench)) {
    for dialect in BOTH {
        deed(Bench::new(dialect));
    }
}

/// An event of 3 March 2025, with a number and UTC times of that day.
pub fn item(id: u64, from: &str, to: &str) -> Item {
    Item::new(id, &format!("Booking {id}"), &on_the_day(from), &on_the_day(to)).by(12)
}

/// A session of Ada's on that day.
pub fn on_day(from: &str, to: &str) -> SessionRef {
    session(&on_the_day(from), &on_the_day(to))
}

fn on_the_day(time: &str) -> String {
    format!("2025-03-03T{time}:00Z")
}

/// How far each instrument was read in a harvest.
pub fn progress(pages: &[HarvestPage]) -> Vec<InstrumentProgress> {
    pages.iter().flat_map(|page| page.instruments.clone()).collect()
}

//! A server, an instance of the plugin, and a host's questions.

use std::sync::{Arc, Mutex};
use std::time::Duration as StdDuration;

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;
use nexus_plugin_api::{
    Call, HarvestPage, HarvestRequest, Harvester, Instance, InstrumentProgress, InstrumentQuery,
    InstrumentRef, Plugin, PluginError, ReservationAnswer, SessionRef, UsageEvent as Usage,
};
use nexus_plugin_nemo::{Tuned, pause::Pause};
use nexus_tests::fake_nemo::{FakeNemo, Person, TOKEN, UsageEvent};
use serde_json::{Value, json};

/// Time that passes only when somebody waits.
#[derive(Default)]
pub struct Still {
    /// The pauses that were waited for.
    pub waited: Mutex<Vec<StdDuration>>,
}

impl Pause for Still {
    fn now(&self) -> DateTime<Utc> {
        "2026-11-01T00:00:00Z".parse().unwrap()
    }

    fn wait(&self, _call: &Call, length: StdDuration) -> bool {
        self.waited.lock().unwrap().push(length);
        true
    }
}

/// A server with two tools and two people, and the plugin that asks it.
pub struct Bench {
    pub nemo: FakeNemo,
    pub pause: Arc<Still>,
    pub page_size: usize,
    pub page_events: usize,
    pub settings: Value,
}

/// The beginning of everything.
pub fn origin() -> DateTime<Utc> {
    "2026-05-04T13:00:00Z".parse().unwrap()
}

/// A usage event of an hour, its number of hours after the origin.
pub fn event(id: u64, tool: u64) -> UsageEvent {
    let start = origin() + Duration::hours(2 * i64::try_from(id).unwrap());
    UsageEvent::new(id, tool, 3, start, Duration::hours(1))
}

impl Bench {
    pub fn new() -> Self {
        let nemo = FakeNemo::start(Tz::America__New_York);
        nemo.add_tool(1, "Borealis TEM");
        nemo.add_tool(2, "Linden SEM");
        nemo.add_user(Person::new(3, "k.ito", "純", "伊藤"));
        nemo.add_user(Person::new(4, "staff", "", ""));
        let settings = json!({"address": nemo.api(), "token": TOKEN});
        Self { nemo, pause: Arc::default(), page_size: 1_000, page_events: 5_000, settings }
    }

    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.settings[key] = value;
        self
    }

    /// The plugin, for which time passes only when somebody waits.
    pub fn tuned(&self) -> Arc<dyn Plugin> {
        let pause: Arc<dyn Pause> = Arc::<Still>::clone(&self.pause);
        Arc::new(Tuned { pause, page_size: self.page_size, page_events: self.page_events })
    }

    pub fn plugin(&self) -> Box<dyn Harvester> {
        let Instance::Harvester(harvester) = self.tuned().create(&self.settings).unwrap() else {
            panic!("no harvester")
        };
        harvester
    }

    /// An instrument that stands for this tool.
    pub fn instrument(&self, tool: u64) -> InstrumentRef {
        InstrumentRef {
            pid: format!("TOOL-{tool}"),
            display_name: format!("The tool {tool}"),
            api_url: self.nemo.tool_url(tool),
            timezone: "America/New_York".into(),
            location: "room 1".into(),
        }
    }

    /// A question about the instruments of these tools, with what the last harvest left.
    pub fn question(&self, tools: &[u64], last: Option<&Harvest>) -> HarvestRequest {
        let query = |tool: &u64| {
            let instrument = self.instrument(*tool);
            let cursor = last.and_then(|last| last.progress(&instrument.pid)?.cursor.clone());
            InstrumentQuery { instrument, cursor }
        };
        HarvestRequest { instruments: tools.iter().map(query).collect(), ..HarvestRequest::default() }
    }

    /// One whole harvest by an instance of its own, as in a run of its own.
    pub fn harvest(&self, request: &HarvestRequest) -> Result<Harvest, PluginError> {
        let plugin = self.plugin();
        let mut request = request.clone();
        let mut harvest = Harvest::default();
        loop {
            let page = plugin.harvest(&Call::unlimited("/nowhere"), &request)?;
            let more = page.more.clone();
            harvest.pages.push(page);
            if more.is_none() {
                return Ok(harvest);
            }
            request.page = more;
        }
    }

    /// A harvest of these tools from the beginning.
    pub fn first(&self, tools: &[u64]) -> Harvest {
        self.harvest(&self.question(tools, None)).unwrap()
    }

    /// A harvest of these tools after another.
    pub fn next(&self, tools: &[u64], last: &Harvest) -> Harvest {
        self.harvest(&self.question(tools, Some(last))).unwrap()
    }

    /// Requests so far; they are forgotten then.
    pub fn requests(&self) -> usize {
        let count = self.nemo.server.requests().len();
        self.nemo.server.forget_requests();
        count
    }

    /// The session of an event.
    pub fn session(&self, event: &UsageEvent) -> SessionRef {
        SessionRef {
            session_identifier: self.nemo.session(event.id),
            external_id: Some(event.id.to_string()),
            instrument: self.instrument(event.tool),
            user: Some("k.ito".into()),
            user_emails: Vec::new(),
            start: event.start.fixed_offset(),
            end: event.end.unwrap().fixed_offset(),
        }
    }

    /// The answer for one session.
    pub fn answer(&self, session: &SessionRef) -> ReservationAnswer {
        self.answers(std::slice::from_ref(session)).remove(0)
    }

    /// The answers for sessions.
    pub fn answers(&self, sessions: &[SessionRef]) -> Vec<ReservationAnswer> {
        self.plugin().reservations(&Call::unlimited("/nowhere"), sessions).unwrap()
    }
}

/// The pages of one harvest.
#[derive(Debug, Default)]
pub struct Harvest {
    pub pages: Vec<HarvestPage>,
}

impl Harvest {
    pub fn events(&self) -> Vec<&Usage> {
        self.pages.iter().flat_map(|page| &page.events).collect()
    }

    /// The numbers of the events, sorted.
    pub fn ids(&self) -> Vec<u64> {
        let mut ids: Vec<u64> =
            self.events().iter().map(|event| event.external_id.parse().unwrap()).collect();
        ids.sort_unstable();
        ids
    }

    pub fn last(&self) -> &HarvestPage {
        self.pages.last().unwrap()
    }

    pub fn progress(&self, pid: &str) -> Option<&InstrumentProgress> {
        self.last().instruments.iter().find(|one| one.instrument_pid == pid)
    }

    pub fn is_complete(&self, tool: u64) -> bool {
        self.progress(&format!("TOOL-{tool}")).unwrap().complete
    }

    /// What was rejected, as text.
    pub fn rejected(&self) -> String {
        let rows = self.pages.iter().flat_map(|page| &page.rejected);
        rows.map(|row| format!("{}: {}", row.place, row.reason)).collect::<Vec<_>>().join("\n")
    }

    /// Tools that are no instrument, with their counts.
    pub fn outside(&self) -> Vec<(&str, u64)> {
        self.last().outside.iter().map(|one| (one.tool.as_str(), one.count)).collect()
    }
}

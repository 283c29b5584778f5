//! A facility whose sessions come from the real server: one tool after another, a folder for the records.

use std::sync::{Arc, Mutex};
use std::time::Duration as StdDuration;

use chrono::{DateTime, Duration, Utc};
use nexus_core::ids::SessionId;
use nexus_core::session::{self, RecordStatus};
use nexus_core::session_state::SessionState;
use nexus_plugin_api::Call;
use nexus_plugin_nemo::Tuned;
use nexus_plugin_nemo::pause::Pause;
use nexus_tests::fake_nemo::TOKEN;
use nexus_tests::lab::{Lab, put};
use nexus_tests::real_nemo::RealNemo;

/// Waiting takes no time, and brings a server back that was stopped.
pub struct Helping {
    /// The server, as soon as it is to be brought back.
    pub server: Mutex<Option<Arc<Mutex<RealNemo>>>>,
    /// The pauses that were waited for.
    pub waited: Mutex<Vec<StdDuration>>,
}

impl Helping {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { server: Mutex::new(None), waited: Mutex::default() })
    }
}

impl Pause for Helping {
    fn now(&self) -> DateTime<Utc> {
        "2026-11-01T00:00:00Z".parse().unwrap()
    }

    fn wait(&self, _call: &Call, length: StdDuration) -> bool {
        self.waited.lock().unwrap().push(length);
        if let Some(server) = self.server.lock().unwrap().take() {
            server.lock().unwrap().site.start();
        }
        true
    }
}

/// The facility.
pub struct Site {
    pub lab: Lab,
    api: String,
}

impl Site {
    /// Instruments for these tools; records go to the folder `share`. The clock shows `now`.
    pub fn new(api: String, tools: &[u64], pause: Arc<Helping>, now: DateTime<Utc>) -> Self {
        let mut lab = Lab::new();
        std::fs::create_dir(lab.path("share")).unwrap();
        lab.plugins.push(Arc::new(Tuned { pause, page_size: 1_000, page_events: 5_000 }));
        lab.harvester_of(
            "nemo-main",
            &format!("plugin = \"nemo\"\naddress = \"{api}\"\ntoken = {{ value = \"{TOKEN}\" }}"),
        );
        lab.table("share", "plugin = \"folder\"\npath = \"share\"");
        for tool in tools {
            lab.instrument(&format!("TOOL-{tool}"), "nemo", &format!("{api}tools/?id={tool}"));
        }
        let site = Self { lab, api };
        site.pass(now - site.lab.now());
        site
    }

    /// Time passes.
    pub fn pass(&self, time: Duration) {
        self.lab.clock.advance(time);
    }

    /// A file in the folder of a tool.
    pub fn file(&self, tool: u64, name: &str, modified: DateTime<Utc>) {
        put(
            &self.lab.path(&format!("files/TOOL-{tool}/{name}.txt")),
            &format!("magnification = {}000\n", name.len()),
            modified,
        );
    }

    pub fn id(&self, event: u64) -> SessionId {
        SessionId::new(format!("{}usage_events/?id={event}", self.api))
    }

    pub fn status(&self, event: u64) -> Option<RecordStatus> {
        session::status_of(self.lab.database().read(), &self.id(event)).unwrap()
    }

    pub fn state(&self, event: u64) -> SessionState {
        SessionState::load(self.lab.database().read(), &self.id(event)).unwrap().expect("a known session")
    }

    /// START and END of a session, as stored.
    pub fn times(&self, event: u64) -> Vec<String> {
        let sql = "SELECT timestamp FROM session_log WHERE session_identifier = ?1 AND event_type IN ('START', 'END') \
                   ORDER BY timestamp";
        let connection = rusqlite::Connection::open(self.lab.path("nexus.db")).unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([self.id(event).to_string()], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }
}

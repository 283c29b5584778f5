//! A facility whose bookings, or whose sessions, come from a calendar; run inside the test's own process.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use nexus_core::audit::AuditReport;
use nexus_core::clock::ManualClock;
use nexus_core::config::Config;
use nexus_core::db::{Access, Database};
use nexus_core::ids::SessionId;
use nexus_core::instrument::Instrument;
use nexus_core::pipeline::{self, Facility, Steps, StopFlag};
use nexus_core::plugins::Catalogue;
use nexus_core::report::RunReport;
use nexus_core::session;
use nexus_core::session_state::SessionState;
use nexus_plugin_api::{EventTime, UsageEvent};
use nexus_plugin_sharepoint::Tuned;
use nexus_tests::lab::{OfClock, ScriptedHarvester, audited, put};
use serde_json::Value;
use tempfile::TempDir;

use super::bench::{Bench, SEM, TITAN};

/// Where the sessions come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Another harvester, which asks the calendar for its bookings.
    Log,
    /// The calendar itself.
    Calendar,
}

/// A facility with the instruments `TITAN` and `SEM` and a folder as destination.
pub struct Site {
    pub bench: Bench,
    pub clock: Arc<ManualClock>,
    pub log: ScriptedHarvester,
    pub folder: TempDir,
}

/// What is known of a session.
#[derive(Debug)]
pub struct Outcome {
    pub status: String,
    pub reason: String,
    pub waiting: String,
    pub record: String,
}

impl Site {
    pub fn new(mut bench: Bench, source: Source) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["files", "data", "records"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        if source == Source::Calendar {
            bench = bench.with("sessions", Value::Bool(true));
        }
        let mut database = Database::create(&folder.path().join("nexus.db")).unwrap();
        let tx = database.transaction().unwrap();
        for (pid, list) in [("TITAN", TITAN), ("SEM", SEM)] {
            let (harvester, api_url) = match source {
                Source::Log => ("scripted", format!("https://logbook.example.org/{pid}")),
                Source::Calendar => ("sharepoint", bench.own_instrument(pid, list).api_url),
            };
            let instrument = Instrument {
                pid: pid.into(),
                api_url,
                calendar_url: String::new(),
                location: "Room 1".into(),
                display_name: format!("The {pid}"),
                property_tag: String::new(),
                filestore_path: pid.to_lowercase(),
                harvester: harvester.into(),
                timezone: "America/New_York".into(),
            };
            instrument.insert(&tx).unwrap();
            put(
                &folder.path().join(format!("files/{}/before.txt", pid.to_lowercase())),
                "",
                moment("2020-01-01T00:00:00Z"),
            );
        }
        tx.commit().unwrap();
        let clock = Arc::new(ManualClock::at(moment("2026-11-01T00:00:00Z")));
        Self { bench, clock, log: ScriptedHarvester::default(), folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A session of the log on the `TITAN`, and a file in it.
    pub fn session(&self, id: &str, user: &str, from: &str, to: &str) {
        self.session_on("TITAN", id, user, from, to);
    }

    /// A session of the log, and a file in it.
    pub fn session_on(&self, pid: &str, id: &str, user: &str, from: &str, to: &str) {
        let at = |text: &str| EventTime::Offset(text.parse().unwrap());
        self.log.put(UsageEvent {
            external_id: id.to_owned(),
            session_identifier: id.to_owned(),
            instrument_pid: pid.to_owned(),
            user: Some(user.to_owned()),
            start: at(from),
            end: Some(at(to)),
            cancelled: false,
        });
        self.file(pid, id, moment(from) + TimeDelta::minutes(1));
    }

    /// A file that an instrument wrote.
    pub fn file(&self, pid: &str, name: &str, time: DateTime<Utc>) {
        put(&self.path(&format!("files/{}/{name}.txt", pid.to_lowercase())), "magnification = 1000\n", time);
    }

    /// The settings as text.
    pub fn settings(&self) -> String {
        let calendar = self.bench.settings.as_object().unwrap();
        let lines: Vec<_> = calendar
            .iter()
            .map(|(key, value)| {
                let secret = matches!(key.as_str(), "password" | "token" | "client_secret");
                let value = toml(value);
                if secret { format!("{key} = {{ value = {value} }}") } else { format!("{key} = {value}") }
            })
            .collect();
        format!(
            "[database]\npath = \"nexus.db\"\n[storage]\ninstrument_data = \"files\"\ndata = \"data\"\n\
             [build]\nfile_strategy = \"inclusive\"\nthreads = 2\n\
             [harvesters.log]\nplugin = \"scripted\"\nreservations_from = \"calendar\"\n\
             [harvesters.calendar]\nplugin = \"sharepoint\"\n{}\n\
             [destinations.shelf]\nplugin = \"folder\"\npath = \"records\"\n",
            lines.join("\n")
        )
    }

    /// One whole run, which must get to its end; its counts must add up. An hour passes after it.
    pub fn run(&self) -> RunReport {
        self.steps(Steps::ALL)
    }

    /// A run that brings sessions and does nothing with them.
    pub fn harvest(&self) -> RunReport {
        self.steps(Steps { harvest: true, build: false, export: false })
    }

    /// What an audit says of the last 30 days.
    pub fn audit(&self) -> AuditReport {
        audited(&self.open(), None)
    }

    fn steps(&self, steps: Steps) -> RunReport {
        let report = pipeline::run(&self.open(), steps)
            .unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)));
        assert_eq!(report.build.planned, report.build.accounted(), "{report:?}");
        self.clock.advance(TimeDelta::hours(1));
        report
    }

    fn open(&self) -> Facility {
        let text = self.settings();
        let config = Config::from_text(&text, self.folder.path(), "nexus.toml")
            .unwrap_or_else(|error| panic!("{error}\n{text}"));
        let pause = Arc::new(OfClock(Arc::clone(&self.clock)));
        let catalogue = Catalogue::new(vec![
            Arc::new(self.log.clone()),
            Arc::new(Tuned { pause }),
            Arc::new(nexus_plugin_folder::Folder),
        ]);
        let clock = Arc::<ManualClock>::clone(&self.clock);
        Facility::open(&config, &catalogue, clock, StopFlag::default())
            .unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    /// What is known of a session.
    pub fn outcome(&self, id: &str) -> Outcome {
        let id = SessionId::new(id.to_owned());
        let database = Database::open(&self.path("nexus.db"), Access::Read).unwrap();
        let status = session::status_of(database.read(), &id).unwrap().expect("a session");
        let state = SessionState::load(database.read(), &id).unwrap().expect("a session of ours");
        let text = self.settings();
        let config = Config::from_text(&text, self.folder.path(), "nexus.toml").unwrap();
        let found = state.record_name.as_ref().and_then(|name| pipeline::folders(&config).find_record(name));
        Outcome {
            status: status.to_string(),
            reason: state.outcome_text.unwrap_or_default(),
            waiting: state.waiting_reason.unwrap_or_default(),
            record: found.map(|path| fs::read_to_string(path).unwrap()).unwrap_or_default(),
        }
    }

    /// The status of a session.
    pub fn status(&self, id: &str) -> String {
        self.outcome(id).status
    }

    /// The sessions of the log by their start: identifier, user, start and end.
    pub fn sessions(&self) -> Vec<[String; 4]> {
        let database = Database::open(&self.path("nexus.db"), Access::Read).unwrap();
        let sql = "SELECT a.session_identifier, coalesce(a.user, ''), a.timestamp, b.timestamp FROM session_log a \
                   JOIN session_log b ON a.session_identifier = b.session_identifier AND b.event_type = 'END' \
                   WHERE a.event_type = 'START' ORDER BY a.timestamp, 1";
        let mut statement = database.read().prepare(sql).unwrap();
        let rows =
            statement.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    /// Rows of a table.
    pub fn count(&self, table: &str) -> i64 {
        let database = Database::open(&self.path("nexus.db"), Access::Read).unwrap();
        database.read().query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }

    /// Records on the shelf.
    pub fn delivered(&self) -> usize {
        nexus_tests::lab::tree(&self.path("records"))
            .keys()
            .filter(|path| path.extension().is_some_and(|kind| kind == "xml"))
            .count()
    }
}

/// A moment.
pub fn moment(text: &str) -> DateTime<Utc> {
    text.parse::<DateTime<chrono::FixedOffset>>().unwrap().to_utc()
}

/// A value as TOML, in one line.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let pairs =
                table.iter().map(|(key, value)| format!("{} = {}", Value::from(key.as_str()), toml(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Array(all) => format!("[{}]", all.iter().map(toml).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

//! A facility that delivers to a site, and the plugin by itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use nexus_core::pipeline::{self, Steps};
use nexus_core::report::RunReport;
use nexus_core::session_state::SessionState;
use nexus_plugin_api::{Call, Delivery, Destination, Found, Instance, Plugin, PluginError, Remote};
use nexus_plugin_cdcs::Tuned;
use nexus_plugin_cdcs::pause::Pause;
use nexus_tests::fake_cdcs::{FakeCdcs, Record, TOKEN};
use nexus_tests::lab::{Lab, short_limits};
use nexus_tests::lone_destination;
use serde_json::{Value, json};
use tempfile::TempDir;

/// What a run asks before its first record: the template, the workspace.
pub const ONCE: usize = 2;

/// A facility of its own with one destination, `cdcs`.
pub struct Facility {
    pub lab: Lab,
    pub site: FakeCdcs,
}

impl Facility {
    pub fn new() -> Self {
        Self::with("")
    }

    /// With more lines in the table of the destination.
    pub fn with(more: &str) -> Self {
        let (mut lab, site) = (Lab::new(), FakeCdcs::start());
        lab.limits = nexus_core::plugins::Limits { deliver: Duration::from_mins(1), ..short_limits() };
        let token = format!("{{ value = \"{TOKEN}\" }}");
        lab.table("cdcs", &format!("plugin = \"cdcs\"\nurl = \"{}\"\ntoken = {token}\n{more}", site.url()));
        Self { lab, site }
    }

    /// A run, and the requests it made.
    pub fn run(&self) -> (RunReport, usize) {
        self.site.server.forget_requests();
        let report = self.lab.run();
        (report, self.site.server.requests().len())
    }

    /// Brings sessions and makes their records, and delivers nothing.
    pub fn build(&self) {
        let facility = self.lab.open().unwrap_or_else(|error| panic!("{error}"));
        pipeline::run(&facility, Steps { harvest: true, build: true, export: false }).unwrap();
    }

    /// The title of a session's record.
    pub fn title(&self, number: u32) -> String {
        let state = SessionState::load(self.lab.database().read(), &Lab::id(number)).unwrap().unwrap();
        state.record_name.unwrap()
    }

    /// The records at the site under a session's title.
    pub fn records(&self, number: u32) -> Vec<Record> {
        let title = self.title(number);
        self.site.records().into_iter().filter(|record| record.title == title).collect()
    }

    /// The one record at the site of a session, which must hold the record that is on disk and be public.
    pub fn the_record(&self, number: u32) -> Record {
        let records = self.records(number);
        assert_eq!(records.len(), 1, "{records:#?}");
        let record = records.into_iter().next().unwrap();
        let local = self.lab.record(number).unwrap();
        assert!(record.content.starts_with(&local), "{}\n{local}", record.content);
        record
    }
}

/// Time that stands still.
pub struct Still;

impl Pause for Still {
    fn now(&self) -> DateTime<Utc> {
        "2026-11-01T00:00:00Z".parse().unwrap()
    }

    fn wait(&self, _call: &Call, _length: Duration) -> bool {
        panic!("nobody waits here")
    }
}

/// The plugin by itself.
pub struct Bench {
    pub site: FakeCdcs,
    pub settings: Value,
    pub log: Arc<Mutex<Vec<String>>>,
    folder: TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Self::at(FakeCdcs::start())
    }

    pub fn at(site: FakeCdcs) -> Self {
        let settings = json!({"url": site.url(), "token": TOKEN});
        Self { site, settings, log: Arc::default(), folder: tempfile::tempdir().unwrap() }
    }

    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.settings[key] = value.into();
        self
    }

    /// An instance, as in a run of its own.
    pub fn plugin(&self) -> Box<dyn Destination> {
        let Instance::Destination(destination) =
            Tuned { pause: Arc::new(Still) }.create(&self.settings).unwrap()
        else {
            panic!("no destination")
        };
        destination
    }

    pub fn call(&self) -> Call {
        lone_destination::call("/nowhere".as_ref(), &self.log)
    }

    /// What was logged so far.
    pub fn logged(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// A session with a record that says so.
    pub fn delivery(&self, name: &str, words: &str) -> Delivery {
        let key = format!(
            "00000000-0000-4000-8000-{:0>12}",
            name.len() * 1_000 + name.bytes().map(usize::from).sum::<usize>()
        );
        let text = format!(
            "<?xml version='1.0' encoding='UTF-8'?>\n<Experiment xmlns=\"{}\"><title>{words}</title><summary>\
             <instrument pid=\"TEM-1\">The TEM</instrument></summary><acquisitionActivity seqno=\"0\">\
             <startTime>2026-05-04T10:00:00-06:00</startTime></acquisitionActivity></Experiment>\n",
            nexus_core::xml::NAMESPACE
        );
        let path = self.folder.path().join(format!("{}.xml", name.replace(['/', '$'], "_")));
        lone_destination::delivery(&path, key, name, &text)
    }

    /// Asks and delivers as the host does it, in an instance of its own.
    pub fn carry(&self, delivery: &Delivery) -> Result<Remote, PluginError> {
        self.carry_with(self.plugin().as_ref(), delivery)
    }

    pub fn carry_with(&self, plugin: &dyn Destination, delivery: &Delivery) -> Result<Remote, PluginError> {
        lone_destination::carry(plugin, &self.call(), delivery)
    }

    pub fn find(&self, delivery: &Delivery) -> Found {
        self.plugin().find(&self.call(), delivery).unwrap()
    }
}

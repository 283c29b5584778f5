//! A facility that delivers to a notebook, and the plugin by itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use nexus_core::clock::{Clock as _, ManualClock};
use nexus_core::pipeline::{self, Steps};
use nexus_core::report::RunReport;
use nexus_core::session_state::SessionState;
use nexus_plugin_api::{
    ActivityRef, Call, Checkpoint, DatasetRef, Delivery, Destination, Found, Instance, PathRef, Plugin,
    PluginError, Remote, Step,
};
use nexus_plugin_labarchives::Tuned;
use nexus_tests::fake_labarchives::{AKID, Call as Seen, FakeLabArchives, NOTEBOOK, PASSWORD, UID};
use nexus_tests::fault::{Fault, Rule};
use nexus_tests::lab::{Lab, short_limits};
use nexus_tests::lone_destination;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::holds::{self, Delivered, Spaced};
use super::time::Moving;
use nexus_tests::heard;

/// The folder that is made at the root unless the settings say otherwise.
pub const TOP: &str = "NexusLIMS Records";

/// The settings of the facility's notebook.
pub fn notebook() -> String {
    format!("notebook_id = \"{NOTEBOOK}\"\n")
}

/// A facility of its own with one destination, `eln`.
pub struct Facility {
    pub lab: Lab,
    pub site: FakeLabArchives,
    spaced: Spaced,
    mark: usize,
}

impl Facility {
    /// One worker.
    pub fn new() -> Self {
        Self::with(&notebook())
    }

    /// One worker, and these lines in the table of the destination.
    pub fn with(more: &str) -> Self {
        let mut facility = Self::bare(Spaced::Arriving);
        facility.table("eln", &format!("concurrency = 1\n{more}"));
        facility
    }

    /// As many workers as the program takes.
    pub fn of_many() -> Self {
        let mut facility = Self::bare(Spaced::Signed);
        facility.table("eln", &notebook());
        facility
    }

    /// Without a destination.
    pub fn bare(spaced: Spaced) -> Self {
        let mark = heard::listen();
        let mut lab = Lab::new();
        lab.limits = nexus_core::plugins::Limits { deliver: Duration::from_mins(2), ..short_limits() };
        let clock = Arc::clone(&lab.clock);
        let site = FakeLabArchives::start(Arc::new(move || clock.now()));
        if spaced == Spaced::Signed {
            keep_the_time_to_itself(&site);
        }
        let clock = Arc::clone(&lab.clock);
        lab.plugins.push(Arc::new(Tuned { pause: Arc::new(Moving(clock)) }));
        Self { lab, site, spaced, mark }
    }

    /// Adds a destination with the facility's key.
    pub fn table(&mut self, name: &str, more: &str) {
        let url = self.site.url();
        self.lab.table(
            name,
            &format!(
                "plugin = \"labarchives\"\nurl = \"{url}\"\naccess_key_id = \"{AKID}\"\n\
                 access_password = {{ value = \"{PASSWORD}\" }}\nuser_id = \"{UID}\"\n{more}"
            ),
        );
    }

    /// A run, and the calls it made.
    pub fn run(&self) -> (RunReport, Vec<Seen>) {
        let before = self.site.calls().len();
        let report = self.lab.run();
        (report, self.site.calls().split_off(before))
    }

    /// A run after a day.
    pub fn next_day(&self) -> (RunReport, Vec<Seen>) {
        self.lab.clock.advance(TimeDelta::days(1));
        self.run()
    }

    /// Brings sessions and makes their records, and delivers nothing.
    pub fn build(&self) {
        let facility = self.lab.open().unwrap_or_else(|error| panic!("{error}"));
        pipeline::run(&facility, Steps { harvest: true, build: true, export: false }).unwrap();
    }

    /// The row of a session.
    pub fn state(&self, number: u32) -> SessionState {
        SessionState::load(self.lab.database().read(), &Lab::id(number)).unwrap().unwrap()
    }

    /// Everything there is of a session at the site: one of each.
    pub fn the(&self, number: u32) -> Delivered {
        let state = self.state(number);
        let name = format!("{}.xml", state.record_name.unwrap());
        let record = self.lab.record(number).unwrap();
        holds::one_of_each(&self.site, &state.record_key, &name, record.as_bytes())
    }

    /// The same of all sessions, and nothing beside them.
    pub fn all(&self, numbers: impl IntoIterator<Item = u32>) -> Vec<Delivered> {
        let all: Vec<_> = numbers.into_iter().map(|number| self.the(number)).collect();
        assert_eq!(self.site.pages().len(), all.len(), "{:#?}", self.site.pages());
        all
    }

    /// Why a session is not delivered.
    pub fn trouble(&self, number: u32) -> String {
        self.lab.delivery(number, "eln").unwrap().failure_text.unwrap_or_default()
    }

    /// What was logged so far.
    pub fn logged(&self) -> String {
        heard::since(self.mark)
    }

    fn check(&self) {
        holds::calls_are_apart(&self.site.calls(), self.spaced);
        holds::no_secret_in_log(&self.site, &self.logged());
        for (table, rows) in self.lab.dump() {
            holds::no_secret_in(&self.site, &table, &format!("{rows:?}"));
        }
        for (path, bytes) in nexus_tests::lab::tree(&self.lab.path("data")) {
            holds::no_secret_in(&self.site, &path.display().to_string(), &String::from_utf8_lossy(&bytes));
        }
    }
}

/// Whatever the scenario was.
impl Drop for Facility {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.check();
        }
    }
}

/// While others move the clock, nobody can read it from the server.
fn keep_the_time_to_itself(site: &FakeLabArchives) {
    site.server.fail(Rule::at("/api/utilities/epoch_time", Fault::Html(404)));
}

/// The plugin by itself.
pub struct Bench {
    pub site: Arc<FakeLabArchives>,
    pub clock: Arc<ManualClock>,
    pub settings: Value,
    pub log: Arc<Mutex<Vec<String>>>,
    pub spaced: Spaced,
    folder: TempDir,
    mark: usize,
}

impl Bench {
    pub fn new() -> Self {
        let mark = heard::listen();
        let clock = Arc::new(ManualClock::at("2026-11-01T00:00:00Z".parse().unwrap()));
        let time = Arc::clone(&clock);
        let site = Arc::new(FakeLabArchives::start(Arc::new(move || time.now())));
        let settings = json!({
            "url": site.url(), "access_key_id": AKID, "access_password": PASSWORD, "user_id": UID,
            "notebook_id": NOTEBOOK,
        });
        let (log, folder) = (Arc::default(), tempfile::tempdir().unwrap());
        Self { site, clock, settings, log, spaced: Spaced::Arriving, folder, mark }
    }

    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.settings[key] = value.into();
        self
    }

    /// Several at once.
    pub fn of_many() -> Self {
        let mut bench = Self::new();
        bench.spaced = Spaced::Signed;
        keep_the_time_to_itself(&bench.site);
        bench
    }

    pub fn without(mut self, key: &str) -> Self {
        self.settings.as_object_mut().unwrap().remove(key);
        self
    }

    /// An instance, as in a run of its own.
    pub fn try_plugin(&self) -> Result<Box<dyn Destination>, PluginError> {
        let plugin = Tuned { pause: Arc::new(Moving(Arc::clone(&self.clock))) };
        match plugin.create(&self.settings)? {
            Instance::Destination(destination) => Ok(destination),
            _ => panic!("no destination"),
        }
    }

    pub fn plugin(&self) -> Box<dyn Destination> {
        self.try_plugin().unwrap()
    }

    pub fn call(&self) -> Call {
        lone_destination::call(self.folder.path(), &self.log)
    }

    /// What was logged so far.
    pub fn logged(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// A session with a record that says so.
    pub fn delivery(&self, name: &str, words: &str) -> Delivery {
        let digits = nexus_core::record::sha256_hex(name.as_bytes());
        let key = format!("00000000-0000-4000-8000-{}", &digits[..12]);
        let text = format!(
            "<?xml version='1.0' encoding='UTF-8'?>\n<Experiment><title>{words}</title></Experiment>\n"
        );
        let path = self.folder.path().join(format!("{}.xml", &digits[..16]));
        lone_destination::delivery(&path, key, name, &text)
    }

    /// Gives a session an activity with these files, each with a preview of that many bytes.
    pub fn with_previews(&self, mut delivery: Delivery, files: &[(&str, usize)]) -> Delivery {
        let mut datasets = Vec::new();
        for (at, (name, size)) in files.iter().enumerate() {
            let path = self.folder.path().join(format!("preview_{at}_{size}.png"));
            let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
            bytes.resize((*size).max(8), b'p');
            std::fs::write(&path, bytes).unwrap();
            datasets.push(DatasetRef {
                name: (*name).to_owned(),
                location: format!("tem/ada/{name}"),
                dataset_type: "Image".into(),
                preview: Some(PathRef::new(&path)),
            });
        }
        delivery.activities = vec![ActivityRef { seqno: 0, start: delivery.session.start, datasets }];
        delivery
    }

    /// Asks and delivers as the host does it, in an instance of its own.
    pub fn carry(&self, delivery: &Delivery) -> Result<Remote, PluginError> {
        self.carry_with(self.plugin().as_ref(), delivery)
    }

    pub fn carry_with(&self, plugin: &dyn Destination, delivery: &Delivery) -> Result<Remote, PluginError> {
        lone_destination::carry(plugin, &self.call(), delivery)
    }

    /// The checkpoints of a delivery, none lost.
    pub fn checkpoints(&self, delivery: &Delivery) -> Vec<Checkpoint> {
        let (plugin, call, mut delivery) = (self.plugin(), self.call(), delivery.clone());
        let mut all = Vec::new();
        while let Step::More(checkpoint) = plugin.deliver(&call, &delivery).unwrap() {
            all.push(checkpoint.clone());
            delivery.checkpoint = Some(checkpoint);
        }
        all
    }

    /// Carries it, as often as it takes, with the time that the host leaves between.
    pub fn insist(&self, delivery: &Delivery) -> Remote {
        let mut why = Vec::new();
        for _ in 0..4 {
            match self.carry(delivery) {
                Ok(remote) => return remote,
                Err(error) => why.push(error),
            }
            self.clock.advance(TimeDelta::minutes(5));
        }
        panic!("{why:#?}");
    }

    pub fn find(&self, delivery: &Delivery) -> Found {
        self.plugin().find(&self.call(), delivery).unwrap()
    }

    /// Everything there is of a session at the site: one of each.
    pub fn the(&self, delivery: &Delivery) -> Delivered {
        let bytes = std::fs::read(delivery.record.path.as_path()).unwrap();
        let name = format!("{}.xml", delivery.record.name);
        holds::one_of_each(&self.site, &delivery.record.key, &name, &bytes)
    }

    /// How many calls changed something.
    pub fn writes(&self) -> usize {
        self.site.calls().iter().filter(|call| call.writes()).count()
    }
}

/// Whatever the scenario was.
impl Drop for Bench {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            holds::calls_are_apart(&self.site.calls(), self.spaced);
            holds::no_secret_in_log(&self.site, &self.logged());
            holds::no_secret_in(&self.site, "the program's log", &heard::since(self.mark));
        }
    }
}

//! A facility inside the test's own process: scripted plugins, files with times, a clock that is moved by hand.

pub mod destination;
pub mod extractor;
pub mod harvester;
pub mod meddler;
mod pause;
pub use pause::OfClock;
mod trap;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use nexus_core::audit::{Audit, AuditReport};
use nexus_core::clock::{Clock as _, ManualClock};
use nexus_core::config::Config;
use nexus_core::db::{Access, Database};
use nexus_core::delivery::{Delivery, table};
use nexus_core::durable;
use nexus_core::extract::Readers;
use nexus_core::ids::SessionId;
use nexus_core::instrument::Instrument;
use nexus_core::pipeline::{self, Facility, PipelineError, Steps, StopFlag, Window};
use nexus_core::plugins::{Catalogue, Limits};
use nexus_core::report::RunReport;
use nexus_core::session::{self, RecordStatus};
use nexus_core::session_state::SessionState;
use nexus_core::upload_log::UploadLog;
use nexus_plugin_api::{EventTime, Plugin, UsageEvent};
use rusqlite::types::Value;
use tempfile::TempDir;

pub use destination::{Fault, FindFault, Hook, ScriptedDestination, Server};
pub use extractor::ScriptedExtractor;
pub use harvester::ScriptedHarvester;
pub use meddler::Meddler;

/// The instruments: PID, folder below the instrument data, zone.
pub const INSTRUMENTS: [(&str, &str, &str); 2] =
    [("LAB-TEM", "tem", "America/Denver"), ("LAB-SEM", "sem", "Europe/Berlin")];

/// One row of a dumped table: its values as text, in the order of the columns.
pub type DumpedRow = Vec<String>;

/// A facility of its own folder.
pub struct Lab {
    /// Its folder; everything lies below it.
    pub folder: TempDir,
    /// Its clock: shows 2024-03-10 12:00 UTC until it is moved.
    pub clock: Arc<ManualClock>,
    /// Where its sessions come from.
    pub harvester: ScriptedHarvester,
    /// Where its records go.
    pub servers: ScriptedDestination,
    /// Who reads its files, where a table names it ([`extractor`](Self::extractor)).
    pub extractor: ScriptedExtractor,
    /// How long a plugin's call may take.
    pub limits: Limits,
    /// More linked plugins.
    pub plugins: Vec<Arc<dyn Plugin>>,
    /// The program that runs libraries in a process of their own, and its first arguments.
    pub plugin_host: Vec<OsString>,
    destinations: String,
    harvester_name: String,
    own_harvester: String,
    harvesters: String,
    storage: String,
    threads: u32,
    build: String,
    export: String,
}

impl Lab {
    /// The build of a session with a file of this name ([`put_file`](Self::put_file)) panics.
    pub const TRAP: &str = trap::NAME;

    /// A facility without sessions and destinations.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["files/tem", "files/sem", "data"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let mut database = Database::create(&folder.path().join("nexus.db")).unwrap();
        let tx = database.transaction().unwrap();
        for (pid, path, zone) in INSTRUMENTS {
            let instrument = Instrument {
                pid: pid.into(),
                api_url: format!("https://lab.example.org/tools/{pid}"),
                calendar_url: "https://lab.example.org/calendar".into(),
                location: "Room 1".into(),
                display_name: format!("The {pid}"),
                property_tag: pid.into(),
                filestore_path: path.into(),
                harvester: "scripted".into(),
                timezone: zone.into(),
            };
            instrument.insert(&tx).unwrap();
        }
        tx.commit().unwrap();
        let clock = Arc::new(ManualClock::at("2024-03-10T12:00:00Z".parse().unwrap()));
        Self {
            folder,
            servers: ScriptedDestination::new(Arc::clone(&clock)),
            clock,
            harvester: ScriptedHarvester::default(),
            extractor: ScriptedExtractor::default(),
            limits: Limits::default(),
            plugins: Vec::new(),
            plugin_host: Vec::new(),
            destinations: String::new(),
            harvester_name: "lab".to_owned(),
            own_harvester: String::new(),
            harvesters: String::new(),
            storage: String::new(),
            threads: 2,
            build: String::new(),
            export: String::new(),
        }
    }

    /// The same with these destinations, each with a server of its name; the first has the highest priority.
    pub fn with_destinations(names: &[&str]) -> Self {
        let mut lab = Self::new();
        for (at, name) in names.iter().enumerate() {
            lab.destination(name, &format!("priority = {}", 100 - at));
        }
        lab
    }

    /// A path below the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Adds a destination that delivers to the scripted server of its name, with more lines for its table.
    pub fn destination(&mut self, name: &str, more: &str) -> Server {
        self.table(name, &format!("plugin = \"store\"\nserver = \"{name}\"\n{more}"));
        self.servers.server(name)
    }

    /// Adds a destination of any kind.
    pub fn table(&mut self, name: &str, lines: &str) {
        writeln!(self.destinations, "[destinations.{name}]\n{lines}").unwrap();
    }

    /// Adds lines to the table of the scripted harvester.
    pub fn own_harvester(&mut self, lines: &str) {
        writeln!(self.own_harvester, "{lines}").unwrap();
    }

    /// Puts other lines into the table of the scripted harvester.
    pub fn own_harvester_anew(&mut self, lines: &str) {
        self.own_harvester = format!("{lines}\n");
    }

    /// Gives the scripted harvester another name.
    pub fn rename_harvester(&mut self, name: &str) {
        name.clone_into(&mut self.harvester_name);
    }

    /// Adds another harvester.
    pub fn source(&mut self, name: &str, lines: &str) {
        writeln!(self.harvesters, "[harvesters.{name}]\n{lines}").unwrap();
    }

    /// Adds the scripted extractor under this name, with more lines for its table.
    pub fn extractor(&mut self, name: &str, more: &str) {
        writeln!(self.destinations, "[extractors.{name}]\nplugin = \"scripted-reader\"\n{more}").unwrap();
    }

    /// Adds an extractor of any carrier.
    pub fn extractor_of(&mut self, name: &str, lines: &str) {
        writeln!(self.destinations, "[extractors.{name}]\n{lines}").unwrap();
    }

    /// Changes a piece of the destinations' settings.
    pub fn reconfigure(&mut self, from: &str, to: &str) {
        assert!(self.destinations.contains(from), "`{from}` is in none of:\n{}", self.destinations);
        self.destinations = self.destinations.replace(from, to);
    }

    /// Adds lines to the settings of the storage.
    pub fn storage(&mut self, lines: &str) {
        writeln!(self.storage, "{lines}").unwrap();
    }

    /// Adds lines to the settings of the build.
    pub fn build(&mut self, lines: &str) {
        writeln!(self.build, "{lines}").unwrap();
    }

    /// Has records built one after the other, in the order of their numbers; deliveries are taken in that order.
    pub fn build_one_by_one(&mut self) {
        self.threads = 1;
    }

    /// Sets the export strategy.
    #[must_use]
    pub fn strategy(mut self, strategy: &str) -> Self {
        self.export = format!("[export]\nstrategy = \"{strategy}\"\n");
        self
    }

    /// The identifier of a session.
    pub fn id(number: u32) -> SessionId {
        SessionId::new(format!("lab-use-{number}"))
    }

    /// When a session begins: the sessions are two hours apart, and all are over more than two days before the
    /// clock's first moment (up to number 40).
    pub fn start(number: u32) -> DateTime<Utc> {
        "2024-03-04T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::hours(2 * i64::from(number))
    }

    /// The usage event of a session: an hour on one of the instruments, in turn.
    pub fn event(number: u32) -> UsageEvent {
        let (pid, _, _) = INSTRUMENTS[number as usize % INSTRUMENTS.len()];
        let at = |time: DateTime<Utc>| EventTime::Offset(time.fixed_offset());
        UsageEvent {
            external_id: number.to_string(),
            session_identifier: Self::id(number).to_string(),
            instrument_pid: pid.into(),
            user: Some("ada".into()),
            start: at(Self::start(number)),
            end: Some(at(Self::start(number) + TimeDelta::hours(1))),
            cancelled: false,
        }
    }

    /// Puts a file into a session's window.
    pub fn put_file(&self, number: u32, name: &str) {
        let (_, folder, _) = INSTRUMENTS[number as usize % INSTRUMENTS.len()];
        let path = self.path(&format!("files/{folder}/{number}_{name}.txt"));
        put(&path, &format!("magnification = {number}000\n"), Self::start(number) + TimeDelta::minutes(10));
    }

    /// Adds finished sessions with consent and a file each.
    pub fn sessions(&self, numbers: impl IntoIterator<Item = u32>) {
        for number in numbers {
            self.harvester.put(Self::event(number));
            self.put_file(number, "image");
        }
    }

    /// The settings.
    pub fn config(&self) -> Config {
        let text = format!(
            "[database]\npath = \"nexus.db\"\n[storage]\ninstrument_data = \"files\"\ndata = \"data\"\n{}\
             [build]\nfile_strategy = \"inclusive\"\nthreads = {}\n{}{}\
             [harvesters.{}]\nplugin = \"scripted\"\n{}{}{}",
            self.storage,
            self.threads,
            self.build,
            self.export,
            self.harvester_name,
            self.own_harvester,
            self.harvesters,
            self.destinations
        );
        Config::from_text(&text, self.folder.path(), "lab.toml")
            .unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    fn pause(&self) -> Arc<dyn nexus_plugin_cdcs::pause::Pause> {
        Arc::new(OfClock(Arc::clone(&self.clock)))
    }

    /// The facility, ready to be run.
    pub fn open(&self) -> Result<Facility, PipelineError> {
        let mut linked: Vec<Arc<dyn Plugin>> = vec![
            Arc::new(self.harvester.clone()),
            Arc::new(self.servers.clone()),
            Arc::new(self.extractor.clone()),
            Arc::new(nexus_plugin_folder::Folder),
            Arc::new(nexus_plugin_cdcs::Tuned { pause: self.pause() }),
            Arc::new(nexus_plugin_labarchives::Tuned { pause: self.pause() }),
            Arc::new(nexus_plugin_sharepoint::Tuned { pause: self.pause() }),
            Arc::new(nexus_test_shaky::LinkedShaky),
        ];
        linked.extend(self.plugins.iter().cloned());
        let catalogue =
            Catalogue::new(linked).with_limits(self.limits).with_plugin_host(self.plugin_host.clone());
        let clock = Arc::new(trap::Clock(Arc::clone(&self.clock)));
        let mut facility = Facility::open(&self.config(), &catalogue, clock, StopFlag::default())?;
        let readers = std::mem::replace(&mut facility.readers, Readers::new(facility.folders.scratch()));
        facility.readers = readers.with("trap", &["txt"], i32::MAX, Arc::new(trap::Reader));
        Ok(facility)
    }

    /// A run that brings sessions and does nothing with them.
    pub fn harvest(&self) -> RunReport {
        let facility = self.open().unwrap_or_else(|error| panic!("{error}"));
        pipeline::run(&facility, Steps { harvest: true, build: false, export: false }).unwrap()
    }

    /// What an audit says of the events that ended at this instant or later; nothing may be written.
    pub fn audit(&self, since: DateTime<Utc>) -> AuditReport {
        audited(&self.open().unwrap_or_else(|error| panic!("{error}")), Some(since))
    }

    /// A harvest that reads a span again.
    pub fn harvest_again(&self, from: DateTime<Utc>, until: Option<DateTime<Utc>>) -> RunReport {
        let mut facility = self.open().unwrap_or_else(|error| panic!("{error}"));
        facility.window = Some(Window { from, until });
        pipeline::run(&facility, Steps { harvest: true, build: false, export: false }).unwrap()
    }

    /// One run, which must get to its end; its counts must add up.
    pub fn run(&self) -> RunReport {
        self.run_with(|_| {})
    }

    /// One run of a facility with a change or two.
    pub fn run_with(&self, change: impl FnOnce(&mut Facility)) -> RunReport {
        let mut facility = self.open().unwrap_or_else(|error| panic!("{error}"));
        change(&mut facility);
        let report = pipeline::run(&facility, Steps::ALL)
            .unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)));
        let build = &report.build;
        assert_eq!(build.planned, build.accounted(), "{report:?}");
        assert_eq!(
            report.sessions.len() as u64 + build.lines_left_out + build.not_reached + build.beyond_limit,
            build.planned,
            "{report:?}"
        );
        report
    }

    /// A run of readers that do what the meddler was told to do when they come to a file.
    pub fn run_meddled(&self, meddler: &Meddler) -> RunReport {
        self.run_with(|facility| facility.readers = meddler.readers(&facility.folders.scratch()))
    }

    /// A run some time later.
    pub fn run_after(&self, step: TimeDelta) -> RunReport {
        self.clock.advance(step);
        self.run()
    }

    /// The database, for looking.
    pub fn database(&self) -> Database {
        Database::open(&self.path("nexus.db"), Access::Read).unwrap()
    }

    /// The database, for the hands of another program.
    pub fn sql(&self, sql: &str, params: &[&str]) -> usize {
        let connection = rusqlite::Connection::open(self.path("nexus.db")).unwrap();
        connection.execute(sql, rusqlite::params_from_iter(params)).unwrap()
    }

    /// Why a session is not built yet.
    pub fn waits_for(&self, number: u32) -> Option<String> {
        SessionState::load(self.database().read(), &Self::id(number)).unwrap()?.waiting_reason
    }

    /// The record of a session, if it is on disk.
    pub fn record(&self, number: u32) -> Option<String> {
        let state = SessionState::load(self.database().read(), &Self::id(number)).unwrap()?;
        let path = pipeline::folders(&self.config()).find_record(&state.record_name?)?;
        Some(fs::read_to_string(path).unwrap())
    }

    /// The files of a session's record as it is on disk: their locations, activity by activity.
    pub fn activities(&self, number: u32) -> Vec<Vec<String>> {
        let record = self.record(number).unwrap_or_default();
        let located = |activity: &str| {
            let ends = activity.split("<location>").skip(1).map(|rest| rest.split_once('<').unwrap().0);
            ends.map(str::to_owned).collect()
        };
        record.split("<acquisitionActivity").skip(1).map(located).collect()
    }

    /// Asks for every record once more.
    pub fn rebuild_all(&self) {
        self.sql("UPDATE nexus_session SET rebuild_requested = 1 WHERE content_sha256 IS NOT NULL", &[]);
    }

    /// The status of a session.
    pub fn status(&self, number: u32) -> Option<RecordStatus> {
        session::status_of(self.database().read(), &Self::id(number)).unwrap()
    }

    /// A delivery of a session.
    pub fn delivery(&self, number: u32, destination: &str) -> Option<Delivery> {
        table::load(self.database().read(), &Self::id(number), &destination.into()).unwrap()
    }

    /// What the upload log says of a session at a destination: success, and else the class.
    pub fn uploads(&self, number: u32, destination: &str) -> Vec<String> {
        let rows = UploadLog::of_session(self.database().read(), &Self::id(number)).unwrap().rows;
        rows.into_iter()
            .filter(|row| row.destination == destination.into())
            .map(|row| {
                assert_eq!(row.success, row.error_message.is_none(), "{row:?}");
                let metadata = row.metadata.expect("our rows have metadata");
                assert!(metadata["key"].is_string() && metadata["attempt"].is_u64(), "{metadata}");
                if row.success { "ok".to_owned() } else { metadata["class"].as_str().unwrap().to_owned() }
            })
            .collect()
    }

    /// Every row of every table but the bookkeeping of migrations, for comparisons.
    pub fn dump(&self) -> BTreeMap<String, Vec<DumpedRow>> {
        let database = self.database();
        let names = database.query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", &[]);
        let mut tables = BTreeMap::new();
        for row in names.unwrap().rows {
            let [Value::Text(name)] = row.as_slice() else { panic!("{row:?}") };
            let rows = database.query(&format!("SELECT * FROM \"{name}\""), &[]).unwrap().rows;
            let rows = rows.into_iter().map(|row| row.iter().map(|value| format!("{value:?}")).collect());
            tables.insert(name.clone(), rows.collect());
        }
        tables
    }

    /// The moment the clock shows.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

/// What an audit of a facility says. Its sums are checked by itself.
pub fn audited(facility: &Facility, since: Option<DateTime<Utc>>) -> AuditReport {
    let database = Database::open(&facility.config.database.path, Access::Read).unwrap();
    let audit = Audit {
        harvesters: &facility.plugins.harvesters,
        clock: facility.clock.as_ref(),
        stop: &facility.stop,
        since,
        until: None,
        instruments: BTreeSet::new(),
        only: BTreeSet::new(),
        storage: None,
    };
    audit.run(&database).unwrap_or_else(|error| panic!("{error}"))
}

/// Puts a file somewhere, with its time.
pub fn put(path: &Path, text: &str, modified: DateTime<Utc>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    File::options().append(true).open(path).unwrap().set_modified(modified.into()).unwrap();
}

/// Every file below a folder with its bytes, every other entry with its kind; by path below the folder.
pub fn tree(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let name = path.strip_prefix(root).unwrap().to_owned();
            let is = if kind.is_file() { fs::read(&path).unwrap() } else { format!("{kind:?}").into_bytes() };
            found.insert(name, is);
            if kind.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

/// What is left half-written below a folder.
pub fn left_overs(root: &Path) -> Vec<PathBuf> {
    let left = |path: &PathBuf| {
        durable::is_temporary(path) || path.components().any(|part| part.as_os_str() == "read-0")
    };
    tree(root).into_keys().filter(left).collect()
}

/// Deadlines that a test can wait for, long enough for a machine with much to do.
pub fn short_limits() -> Limits {
    Limits {
        ask: Duration::from_mins(1),
        deliver: Duration::from_secs(2),
        extract: Duration::from_secs(2),
        grace: Duration::from_millis(50),
        ..Limits::default()
    }
}

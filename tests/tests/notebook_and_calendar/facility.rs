//! The facility, its calendar and its notebook.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use nexus_core::clock::{Clock as _, ManualClock};
use nexus_core::config::Config;
use nexus_core::db::{Access, Database};
use nexus_core::delivery::{Delivery, table};
use nexus_core::ids::SessionId;
use nexus_core::instrument::Instrument;
use nexus_core::pipeline::{self, Facility, Steps, StopFlag};
use nexus_core::plugins::{Catalogue, Limits};
use nexus_core::report::RunReport;
use nexus_core::session;
use nexus_core::session_state::SessionState;
use nexus_tests::fake_labarchives::{self, AKID, FakeLabArchives, NOTEBOOK, Node, UID};
use nexus_tests::fake_sharepoint::{self, Door, FakeSharePoint, Item};
use nexus_tests::heard;
use nexus_tests::lab::{OfClock, put};
use tempfile::TempDir;

pub const LIST: &str = "Titan's Events";
pub const ZONE: &str = "America/New_York";
/// Token with which a user is enrolled; never stored.
pub const USERS_TOKEN: &str = "planted-users-token-81f2";

/// A facility with one instrument.
pub struct NotebookFacility {
    pub folder: TempDir,
    pub clock: Arc<ManualClock>,
    pub calendar: FakeSharePoint,
    pub notebook: FakeLabArchives,
    /// More lines for the table of the calendar, of the notebook.
    pub of_calendar: String,
    pub of_notebook: String,
    /// More destinations, as tables.
    pub more_destinations: String,
    uses: String,
    /// Where in the log this facility begins.
    heard: usize,
}

impl NotebookFacility {
    pub fn new() -> Self {
        let heard = heard::listen();
        let folder = tempfile::tempdir().unwrap();
        for name in ["files/titan", "data", "shelf"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let mut database = Database::create(&folder.path().join("nexus.db")).unwrap();
        let tx = database.transaction().unwrap();
        let instrument = Instrument {
            pid: "TITAN".into(),
            api_url: "logbook:TITAN".into(),
            calendar_url: "https://sp.example.org/Lists/Titan/calendar.aspx".into(),
            location: "Room 1".into(),
            display_name: "The Titan".into(),
            property_tag: "1".into(),
            filestore_path: "titan".into(),
            harvester: "logbook".into(),
            timezone: ZONE.into(),
        };
        instrument.insert(&tx).unwrap();
        tx.commit().unwrap();
        put(&folder.path().join("files/titan/before.txt"), "", "2020-01-01T00:00:00Z".parse().unwrap());
        let clock = Arc::new(ManualClock::at("2026-11-01T12:00:00Z".parse().unwrap()));
        let calendar = FakeSharePoint::start();
        calendar.add_list(LIST);
        calendar.door(Door::Basic);
        calendar.set_clock(clock.now());
        let time = Arc::clone(&clock);
        Self {
            folder,
            calendar,
            notebook: FakeLabArchives::start(Arc::new(move || time.now())),
            clock,
            of_calendar: String::new(),
            of_notebook: String::new(),
            more_destinations: String::new(),
            uses: "id,instrument,user,start,end\n".to_owned(),
            heard,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A use by Ada of an hour with one file, and what the calendar says of it: booked half an hour before and after.
    pub fn used_and_booked(&mut self, number: u64, start: &str) {
        self.used(number, start);
        let start: DateTime<Utc> = start.parse().unwrap();
        let half = TimeDelta::minutes(30);
        let text = |time: DateTime<Utc>| time.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let (from, to) = (text(start - half), text(start + TimeDelta::hours(1) + half));
        self.calendar.put(LIST, Item::new(number, &format!("Experiment {number}"), &from, &to).by(12));
    }

    /// A use by Ada of an hour with one file.
    pub fn used(&mut self, number: u64, start: &str) {
        let start: DateTime<Utc> = start.parse().unwrap();
        let end = start + TimeDelta::hours(1);
        writeln!(self.uses, "{number},TITAN,ada,{},{}", start.to_rfc3339(), end.to_rfc3339()).unwrap();
        fs::write(self.path("usage.csv"), &self.uses).unwrap();
        let file = self.path(&format!("files/titan/{number}.txt"));
        put(&file, "magnification = 1000\n", start + TimeDelta::minutes(20));
    }

    /// What stands in `nexus.toml`.
    pub fn settings(&self) -> String {
        // What a facility's own settings say takes the place of what stands here.
        let own = |lines: &str, key: &str| lines.lines().any(|line| line.starts_with(key));
        let or = |lines: &str, defaults: &[&str]| {
            let mut all = lines.to_owned();
            for default in defaults {
                let key = default.split_whitespace().next().unwrap();
                if !own(lines, key) {
                    writeln!(all, "{default}").unwrap();
                }
            }
            all
        };
        let (user, word) = (fake_sharepoint::USER, fake_sharepoint::PASSWORD);
        let calendar = or(
            &self.of_calendar,
            &[
                &format!("address = '{}'", self.calendar.rest()),
                "auth = \"basic\"",
                &format!("user = '{user}'"),
                &format!("password = {{ value = '{word}' }}"),
                &format!("lists = {{ TITAN = \"{LIST}\" }}"),
            ],
        );
        let notebook = or(
            &self.of_notebook,
            &[
                &format!("url = '{}'", self.notebook.url()),
                &format!("access_key_id = '{AKID}'"),
                &format!("access_password = {{ value = '{}' }}", fake_labarchives::PASSWORD),
                &format!("user_id = {{ value = '{UID}' }}"),
                &format!("notebook_id = '{NOTEBOOK}'"),
                "after = [\"shelf\"]",
            ],
        );
        format!(
            "[database]\npath = \"nexus.db\"\n[storage]\ninstrument_data = \"files\"\ndata = \"data\"\n\
             [build]\nfile_strategy = \"inclusive\"\nthreads = 2\n\
             [harvesters.log]\nplugin = \"logbook\"\npath = \"usage.csv\"\nname = \"em\"\n\
             instruments = [\"TITAN\"]\nreservations_from = \"calendar\"\n\
             [harvesters.calendar]\nplugin = \"sharepoint\"\n{calendar}\n\
             [destinations.shelf]\nplugin = \"folder\"\npath = \"shelf\"\npriority = 100\n\
             [destinations.notebook]\nplugin = \"labarchives\"\npriority = 90\n{notebook}\n{}\n",
            self.more_destinations
        )
    }

    fn config(&self) -> Config {
        let text = self.settings();
        Config::from_text(&text, self.folder.path(), "nexus.toml")
            .unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    /// One whole run, which must get to its end; its counts must add up, and it must have told no secret.
    pub fn run(&self) -> RunReport {
        let pause = || Arc::new(OfClock(Arc::clone(&self.clock)));
        let catalogue = Catalogue::new(vec![
            Arc::new(nexus_plugin_logbook::Logbook),
            Arc::new(nexus_plugin_sharepoint::Tuned { pause: pause() }),
            Arc::new(nexus_plugin_folder::Folder),
            Arc::new(nexus_plugin_labarchives::Tuned { pause: pause() }),
            Arc::new(nexus_plugin_cdcs::Tuned { pause: pause() }),
        ])
        .with_limits(Limits { deliver: std::time::Duration::from_mins(5), ..Limits::default() });
        let clock = Arc::<ManualClock>::clone(&self.clock);
        let facility = Facility::open(&self.config(), &catalogue, clock, StopFlag::default())
            .unwrap_or_else(|error| panic!("{error}"));
        let report = pipeline::run(&facility, Steps::ALL)
            .unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)));
        assert_eq!(report.build.planned, report.build.accounted(), "{report:?}");
        drop(facility);
        let log = heard::since(self.heard);
        // What would show that the log is empty only because nobody looks at it.
        assert!(log.contains("_api/web") || log.contains("/v1.0/"), "requests are logged");
        self.nothing_secret_is_in(&[("the log", log), ("the report", format!("{report:?}"))]);
        report
    }

    /// A run some time later.
    pub fn run_after(&self, step: TimeDelta) -> RunReport {
        self.clock.advance(step);
        self.calendar.set_clock(self.clock.now());
        self.run()
    }

    /// No secret of the settings, of the servers' answers, or of the requests stands in these texts, in the database, or
    /// in any file that the program wrote.
    pub fn nothing_secret_is_in(&self, told: &[(&str, String)]) {
        use base64::Engine as _;
        let (user, word) = (fake_sharepoint::USER, fake_sharepoint::PASSWORD);
        let mut secrets = vec![
            word.to_owned(),
            base64::engine::general_purpose::STANDARD.encode(format!("{user}:{word}")),
            fake_sharepoint::SECRET.to_owned(),
            fake_sharepoint::TOKEN_BEGINS.to_owned(),
            fake_labarchives::PASSWORD.to_owned(),
            fake_labarchives::ECHOED.to_owned(),
            USERS_TOKEN.to_owned(),
        ];
        for call in self.notebook.calls() {
            secrets.extend(
                call.parameters.into_iter().filter(|(name, _)| name == "sig").map(|(_, value)| value),
            );
        }
        let mut places = told.to_vec();
        for name in ["nexus.db", "data", "shelf"] {
            places.push((name, everything_below(&self.path(name))));
        }
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            for (place, text) in &places {
                assert!(!text.contains(secret.as_str()), "{place} tells {secret}");
                assert!(!text.contains(&encoded), "{place} tells {encoded}");
            }
        }
    }

    pub fn id(number: u64) -> SessionId {
        SessionId::new(format!("logbook:em/{number}"))
    }

    pub fn database(&self) -> Database {
        Database::open(&self.path("nexus.db"), Access::Read).unwrap()
    }

    pub fn status(&self, number: u64) -> String {
        let status = session::status_of(self.database().read(), &Self::id(number)).unwrap();
        status.map(|status| status.to_string()).unwrap_or_default()
    }

    /// Why a session is not built, or how it ended.
    pub fn reason(&self, number: u64) -> String {
        let state = SessionState::load(self.database().read(), &Self::id(number)).unwrap().unwrap();
        [state.outcome_text, state.waiting_reason].into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    pub fn delivery(&self, number: u64, destination: &str) -> Delivery {
        table::load(self.database().read(), &Self::id(number), &destination.into()).unwrap().unwrap()
    }

    /// The record of a session as it stands in the folder.
    pub fn record(&self, number: u64) -> String {
        let state = SessionState::load(self.database().read(), &Self::id(number)).unwrap().unwrap();
        let name = format!("{}.xml", state.record_name.unwrap());
        let found = find(&self.path("shelf"), &name).unwrap_or_else(|| panic!("{name} is not on the shelf"));
        fs::read_to_string(found).unwrap()
    }

    /// There is one page for each of these sessions, in the place where it belongs, with one summary and the record.
    pub fn one_page_each(&self, numbers: &[u64]) {
        let pages = self.notebook.pages();
        assert_eq!(pages.len(), numbers.len(), "{pages:#?}");
        for number in numbers {
            let page = self.page(*number);
            let path = self.notebook.path(&page);
            assert_eq!(path[..2], ["NexusLIMS Records", "TITAN"], "{path:?}");
            let entries = self.notebook.on_page(&page);
            let kinds: Vec<_> = entries.iter().map(|entry| entry.part_type.to_lowercase()).collect();
            let count = |kind: &str| kinds.iter().filter(|one| *one == kind).count();
            assert_eq!((count("text entry"), count("attachment"), kinds.len()), (1, 1, 2), "{entries:#?}");
            let record =
                entries.iter().find(|entry| entry.part_type.eq_ignore_ascii_case("attachment")).unwrap();
            assert_eq!(String::from_utf8_lossy(&record.bytes), self.record(*number));
        }
    }

    /// The page of a session.
    pub fn page(&self, number: u64) -> Node {
        let session = Self::id(number);
        let pages: Vec<_> =
            self.notebook.pages().into_iter().filter(|page| page.text.ends_with(session.as_str())).collect();
        assert_eq!(pages.len(), 1, "{pages:#?}");
        pages.into_iter().next().unwrap()
    }

    /// The database, for the hands of another program.
    pub fn sql(&self, sql: &str, params: &[&str]) -> usize {
        let connection = rusqlite::Connection::open(self.path("nexus.db")).unwrap();
        connection.execute(sql, rusqlite::params_from_iter(params)).unwrap()
    }

    /// Ada has an account of her own at LabArchives, and the facility knows it; returns its uid.
    pub fn ada_is_enrolled(&self) -> String {
        let uid = self.notebook.add_user("Ada Lovelace", "ada@example.org", USERS_TOKEN);
        self.sql(
            "INSERT INTO external_user_identifiers
                 (nexuslims_username, external_system, external_id, email, created_at)
             VALUES ('ada', 'labarchives_eln', ?1, 'ada@example.org', '2024-01-01T00:00:00')",
            &[&uid],
        );
        uid
    }
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find_map(|path| if path.is_dir() { find(&path, name) } else { path.ends_with(name).then_some(path) })
}

fn everything_below(path: &Path) -> String {
    if path.is_dir() {
        return fs::read_dir(path).unwrap().map(|entry| everything_below(&entry.unwrap().path())).collect();
    }
    String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
}

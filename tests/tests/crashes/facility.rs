//! A small facility with a log of sessions, for the built program.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use chrono::{DateTime, TimeDelta, Utc};
use nexus_core::db::{Access, Database};
use nexus_core::instrument::Instrument;
use nexus_tests::nexus_bin::nexus;
use rusqlite::types::Value;
use tempfile::TempDir;

/// The destination that cannot be asked.
pub const LEDGER: &str = "ledger";

const TREES: [&str; 2] = ["first", "second"];

/// A facility of its own folder.
pub struct Facility(TempDir);

/// Where everything stands, without what differs from run to run.
#[derive(Debug, PartialEq)]
pub struct Stand {
    pub statuses: BTreeMap<String, String>,
    /// Session, record name, content.
    pub records: Vec<(String, String, String)>,
    /// Paths below the two trees.
    pub delivered: BTreeSet<PathBuf>,
    /// Paths below the records folder.
    pub kept: BTreeSet<PathBuf>,
    /// Session, destination, state, content.
    pub deliveries: Vec<(String, String, String, String)>,
    /// Session, destination, how many successes.
    pub successes: Vec<(String, String, String)>,
    /// How often the ledger holds each session.
    pub ledger: BTreeMap<String, usize>,
}

impl Facility {
    /// One instrument, as many sessions as wanted, and these destinations.
    pub fn new(sessions: u32, destinations: &str) -> Self {
        let facility = Self(tempfile::tempdir().unwrap());
        for name in ["files/tem", "data", "first", "second"] {
            fs::create_dir_all(facility.path(name)).unwrap();
        }
        let mut database = Database::create(&facility.path("nexus.db")).unwrap();
        let tx = database.transaction().unwrap();
        let instrument = Instrument {
            pid: "LAB-TEM".into(),
            api_url: "https://lab.example.org/tools/1".into(),
            calendar_url: "https://lab.example.org/calendar".into(),
            location: "Room 1".into(),
            display_name: "The TEM".into(),
            property_tag: "1".into(),
            filestore_path: "tem".into(),
            harvester: "logbook".into(),
            timezone: "America/Denver".into(),
        };
        instrument.insert(&tx).unwrap();
        tx.commit().unwrap();
        facility.write_log(sessions, "ada", 60);
        for number in (0..sessions).filter(|number| number % 11 != 7) {
            facility.put_files(number, ["image", "spectrum"], start(number) + TimeDelta::minutes(10));
        }
        let settings = format!(
            "[database]\npath = \"nexus.db\"\n\
             [storage]\ninstrument_data = \"files\"\ndata = \"data\"\n\
             [build]\nfile_strategy = \"inclusive\"\nthreads = 2\n\
             [export]\nstrategy = \"all\"\n\
             [harvesters.log]\nplugin = \"logbook\"\npath = \"usage.csv\"\n\
             {destinations}"
        );
        fs::write(facility.path("nexus.toml"), settings).unwrap();
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/ledger.py");
        fs::copy(program, facility.path("ledger.py")).unwrap();
        facility
    }

    fn write_log(&self, sessions: u32, user: &str, minutes: i64) {
        let mut log = String::from("id,instrument,user,start,end,title,consent\n");
        for number in 0..sessions {
            let (start, end) = (start(number), start(number) + TimeDelta::minutes(minutes));
            let consent = if number % 13 == 5 { "no" } else { "yes" };
            let [from, to] = [start, end].map(|time| time.to_rfc3339());
            writeln!(log, "{number},LAB-TEM,{user},{from},{to},Grains {number},{consent}").unwrap();
        }
        fs::write(self.path("usage.csv"), log).unwrap();
    }

    /// All usage events turn out to be another user's, and half an hour longer, in which there are files of all of them.
    pub fn revise(&self, sessions: u32) {
        for number in 0..sessions {
            self.put_files(number, ["late"; 2], start(number) + TimeDelta::minutes(80));
        }
        self.write_log(sessions, "bea", 90);
    }

    /// Changes a piece of the settings.
    pub fn reconfigure(&self, from: &str, to: &str) {
        let settings = fs::read_to_string(self.path("nexus.toml")).unwrap();
        assert!(settings.contains(from), "{settings}");
        fs::write(self.path("nexus.toml"), settings.replace(from, to)).unwrap();
    }

    fn put_files(&self, number: u32, names: [&str; 2], modified: DateTime<Utc>) {
        for name in names {
            let path = self.path(&format!("files/tem/{number}_{name}.txt"));
            fs::write(&path, format!("magnification = {number}000\n")).unwrap();
            File::options().append(true).open(&path).unwrap().set_modified(modified.into()).unwrap();
        }
    }

    /// A path below its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Starts a run.
    pub fn start(&self) -> Child {
        let log = File::options().create(true).append(true).open(self.path("nexus.log")).unwrap();
        nexus(self.0.path()).arg("run").stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    /// Runs until nothing is left to do, which the second run must find.
    pub fn to_the_end(&self) {
        for _ in 0..2 {
            let code = self.start().wait().unwrap().code();
            assert!(matches!(code, Some(0 | 4)), "nexus ended with {code:?}:\n{}", self.log());
        }
    }

    /// What the runs said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("nexus.log")).unwrap_or_default()
    }

    /// Rows, as text.
    pub fn query(&self, sql: &str) -> Vec<Vec<String>> {
        let database = Database::open(&self.path("nexus.db"), Access::Read).unwrap();
        let text = |value: Value| match value {
            Value::Text(text) => text,
            Value::Integer(number) => number.to_string(),
            Value::Null => String::new(),
            other => panic!("{other:?}"),
        };
        database
            .query(sql, &[])
            .unwrap()
            .rows
            .into_iter()
            .map(|row| row.into_iter().map(text).collect())
            .collect()
    }

    /// Sessions that were in hand at two kills are settled as crashed, since nobody can tell a kill from a crash.
    /// Counts them, and asks for them once more.
    pub fn retry_the_crashed(&self) -> usize {
        let crashed =
            self.query("SELECT session_identifier FROM nexus_session WHERE outcome_code = 'crashed'");
        let connection = rusqlite::Connection::open(self.path("nexus.db")).unwrap();
        for session in &crashed {
            for sql in [
                "DELETE FROM session_log WHERE session_identifier = ?1 AND event_type = 'RECORD_GENERATION'",
                "UPDATE session_log SET record_status = 'TO_BE_BUILT' WHERE session_identifier = ?1",
                "UPDATE nexus_session SET outcome_code = NULL, outcome_text = NULL, last_status = 'TO_BE_BUILT', \
                 attempts = 0 WHERE session_identifier = ?1",
            ] {
                connection.execute(sql, [&session[0]]).unwrap();
            }
        }
        crashed.len()
    }

    /// The same of rebuilds, as a person does it.
    pub fn rebuild_the_crashed(&self) -> usize {
        let crashed =
            self.query("SELECT session_identifier FROM nexus_session WHERE outcome_code = 'rebuild_crashed'");
        for session in &crashed {
            let mut command = nexus(self.0.path());
            command.args(["sessions", "rebuild", &session[0]]).stdout(Stdio::null());
            assert!(command.status().unwrap().success());
        }
        crashed.len()
    }

    /// What the ledger holds: how often each session.
    pub fn ledger(&self) -> BTreeMap<String, usize> {
        let mut sessions = BTreeMap::new();
        for line in fs::read_to_string(self.path("ledger.txt")).unwrap_or_default().lines() {
            *sessions.entry(line.to_owned()).or_default() += 1;
        }
        sessions
    }

    /// Does what a person does about deliveries whose end nobody can tell: looks, and says so. Counts them.
    pub fn look_at_the_ledger(&self) -> usize {
        let found = self.query(
            "SELECT session_identifier, destination FROM nexus_delivery WHERE state = 'unknown' ORDER BY 1",
        );
        let ledger = self.ledger();
        for row in &found {
            assert_eq!(row[1], LEDGER, "{} can be asked", row[1]);
            let verb = if ledger.contains_key(&row[0]) { "forget" } else { "retry" };
            let mut command = nexus(self.0.path());
            command.args(["export", verb, &row[0], "--destination", LEDGER]).stdout(Stdio::null());
            assert!(command.status().unwrap().success());
        }
        found.len()
    }

    /// Where everything stands.
    pub fn stand(&self) -> Stand {
        let mut statuses = BTreeMap::new();
        for row in self.query("SELECT DISTINCT session_identifier, record_status FROM session_log") {
            let twice = statuses.insert(row[0].clone(), row[1].clone());
            assert_eq!(twice, None, "rows of {} have different statuses", row[0]);
        }
        let three = |row: Vec<String>| (row[0].clone(), row[1].clone(), row[2].clone());
        let records = self
            .query("SELECT session_identifier, record_name, content_sha256 FROM nexus_session ORDER BY 1")
            .into_iter()
            .map(three)
            .collect();
        let deliveries = self
            .query(
                "SELECT session_identifier, destination, state, delivered_sha256 FROM nexus_delivery
                  WHERE destination <> 'ledger' ORDER BY 1, 2",
            )
            .into_iter()
            .map(|row| (row[0].clone(), row[1].clone(), row[2].clone(), row[3].clone()))
            .collect();
        let successes = self
            .query(
                "SELECT session_identifier, destination_name, sum(success) FROM upload_log
                  WHERE destination_name <> 'ledger' GROUP BY 1, 2 ORDER BY 1, 2",
            )
            .into_iter()
            .map(three)
            .collect();
        let mut delivered = BTreeSet::new();
        for tree in TREES {
            files_below(&self.path(tree), Path::new(tree), &mut delivered);
        }
        let mut kept = BTreeSet::new();
        files_below(&self.path("data/records"), Path::new(""), &mut kept);
        let ledger = self.ledger();
        // Given up only because it is there.
        let settled = self.query(
            "SELECT session_identifier FROM nexus_delivery
              WHERE destination = 'ledger' AND state IN ('delivered', 'not_wanted') ORDER BY 1",
        );
        let settled: Vec<_> = settled.into_iter().flatten().collect();
        assert_eq!(ledger.keys().cloned().collect::<Vec<_>>(), settled, "{}", self.log());
        Stand { statuses, records, delivered, kept, deliveries, successes, ledger }
    }
}

/// When a session begins.
fn start(number: u32) -> DateTime<Utc> {
    "2024-03-04T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::hours(2 * i64::from(number))
}

fn files_below(folder: &Path, name: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = name.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            files_below(&entry.path(), &name, found);
        } else {
            found.insert(name);
        }
    }
}

//! The program is killed at any moment, again and again: it ends where an uninterrupted run ends.
//!
//! `NEXUS_TEST_KILLS` asks for more kills, `NEXUS_TEST_SEED` repeats a failure.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use nexus_core::db::{Access, Database};
use nexus_core::instrument::Instrument;
use nexus_tests::nexus_bin::nexus;
use rusqlite::types::Value;
use tempfile::TempDir;

const SESSIONS: u32 = 40;
const TREES: [&str; 2] = ["first", "second"];
/// However slow the machine was in the undisturbed run.
const LONGEST_WAIT: Duration = Duration::from_secs(4);
/// Kills of one facility, before it is left to come to its end.
const KILLS_IN_A_ROW: u64 = 5;

/// Small and repeatable (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}

struct Facility(TempDir);

/// Where everything stands, without what differs from run to run.
#[derive(Debug, PartialEq)]
struct Stand {
    statuses: BTreeMap<String, String>,
    /// Session, record name, content.
    records: Vec<(String, String, String)>,
    /// Paths below the two trees.
    delivered: BTreeSet<PathBuf>,
    /// Paths below the records folder.
    kept: BTreeSet<PathBuf>,
    /// Session, destination, state, content.
    deliveries: Vec<(String, String, String, String)>,
    /// Session, destination, how many successes.
    successes: Vec<(String, String, String)>,
}

impl Facility {
    fn new() -> Self {
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
        let mut log = String::from("id,instrument,user,start,end,title,consent\n");
        for number in 0..SESSIONS {
            let start = "2024-03-04T00:00:00Z".parse::<DateTime<Utc>>().unwrap()
                + TimeDelta::hours(2 * i64::from(number));
            let end = start + TimeDelta::hours(1);
            let consent = if number % 13 == 5 { "no" } else { "yes" };
            let [from, to] = [start, end].map(|time| time.to_rfc3339());
            writeln!(log, "{number},LAB-TEM,ada,{from},{to},Grains {number},{consent}").unwrap();
            if number % 11 != 7 {
                facility.put_files(number, start);
            }
        }
        fs::write(facility.path("usage.csv"), log).unwrap();
        let settings = "[database]\npath = \"nexus.db\"\n\
             [storage]\ninstrument_data = \"files\"\ndata = \"data\"\n\
             [build]\nfile_strategy = \"inclusive\"\nthreads = 2\n\
             [export]\nstrategy = \"all\"\n\
             [harvesters.log]\nplugin = \"logbook\"\npath = \"usage.csv\"\n\
             [destinations.first]\nplugin = \"folder\"\npath = \"first\"\npriority = 100\n\
             [destinations.second]\nplugin = \"folder\"\npath = \"second\"\nafter = [\"first\"]\n";
        fs::write(facility.path("nexus.toml"), settings).unwrap();
        facility
    }

    fn put_files(&self, number: u32, start: DateTime<Utc>) {
        for name in ["image", "spectrum"] {
            let path = self.path(&format!("files/tem/{number}_{name}.txt"));
            fs::write(&path, format!("magnification = {number}000\n")).unwrap();
            let modified = start + TimeDelta::minutes(10);
            File::options().append(true).open(&path).unwrap().set_modified(modified.into()).unwrap();
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn start(&self) -> Child {
        let log = File::options().create(true).append(true).open(self.path("nexus.log")).unwrap();
        nexus(self.0.path()).arg("run").stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    /// Runs until nothing is left to do, which the second run must find.
    fn to_the_end(&self) {
        for _ in 0..2 {
            let code = self.start().wait().unwrap().code();
            assert!(matches!(code, Some(0 | 4)), "nexus ended with {code:?}:\n{}", self.log());
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("nexus.log")).unwrap_or_default()
    }

    fn query(&self, sql: &str) -> Vec<Vec<String>> {
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
    fn retry_the_crashed(&self) -> usize {
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

    fn stand(&self) -> Stand {
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
                "SELECT session_identifier, destination, state, delivered_sha256 FROM nexus_delivery ORDER BY 1, 2",
            )
            .into_iter()
            .map(|row| (row[0].clone(), row[1].clone(), row[2].clone(), row[3].clone()))
            .collect();
        let successes = self
            .query(
                "SELECT session_identifier, destination_name, sum(success) FROM upload_log GROUP BY 1, 2 ORDER BY 1, 2",
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
        Stand { statuses, records, delivered, kept, deliveries, successes }
    }
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

/// Kills the program after that time, unless it ended before.
fn kill_after(mut child: Child, wait: Duration) -> bool {
    std::thread::sleep(wait);
    let early = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    early
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// The stand of a run that nobody disturbed, and how long it took.
fn undisturbed() -> (Stand, Duration) {
    let facility = Facility::new();
    let began = Instant::now();
    facility.start().wait().unwrap();
    let took = began.elapsed();
    facility.to_the_end();
    let stand = facility.stand();
    let count = |status: &str| stand.statuses.values().filter(|found| *found == status).count();
    assert_eq!(stand.statuses.len(), SESSIONS as usize, "{}", facility.log());
    assert_eq!((count("NO_CONSENT"), count("NO_FILES_FOUND"), count("COMPLETED")), (3, 2, 35));
    assert_eq!(
        stand.delivered.iter().filter(|path| path.extension() == Some("xml".as_ref())).count(),
        2 * 35
    );
    assert!(stand.successes.iter().all(|(_, _, successes)| successes == "1"));
    (stand, took)
}

#[test]
fn killed_at_any_moment_it_ends_where_an_undisturbed_run_ends() {
    let kills = number("NEXUS_TEST_KILLS").unwrap_or(25);
    // The program is brought up to date before the clock is looked at.
    nexus_tests::nexus_bin::path();
    let (expected, took) = undisturbed();
    let millis = u64::try_from(took.min(LONGEST_WAIT).as_millis()).unwrap();
    let (mut killed, mut trial) = (0, number("NEXUS_TEST_SEED").unwrap_or(1));
    while killed < kills {
        let mut random = Random(trial);
        let facility = Facility::new();
        let mut waits = Vec::new();
        for _ in 0..KILLS_IN_A_ROW {
            let wait = random.below(millis);
            waits.push(wait);
            killed += u64::from(kill_after(facility.start(), Duration::from_millis(wait)));
        }
        facility.to_the_end();
        let crashed = facility.retry_the_crashed();
        if crashed > 0 {
            facility.to_the_end();
        }
        eprintln!("seed {trial}: killed after {waits:?} ms of {millis}; {crashed} taken for crashes");
        let found = facility.stand();
        assert!(
            found == expected,
            "NEXUS_TEST_SEED={trial}, killed after {waits:?} ms:\n{}\n{}",
            difference(&found, &expected),
            facility.log()
        );
        trial += 1;
    }
}

fn difference(found: &Stand, expected: &Stand) -> String {
    let (found, expected) = (format!("{found:#?}"), format!("{expected:#?}"));
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (found, expected) = (lines(&found), lines(&expected));
    format!("too much: {:#?}\nmissing: {:#?}", found.difference(&expected), expected.difference(&found))
}

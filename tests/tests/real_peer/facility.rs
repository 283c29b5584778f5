//! A small facility: two instruments, five usage events with their files, a database, NEMO and CDCS beside it; and both
//! programs configured for it.

use std::fmt::Write as _;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Output};

use chrono::{DateTime, Duration, TimeZone, Utc};
use chrono_tz::Tz;
use nexus_core::db::Database;
use nexus_tests::fake_cdcs::{self, FakeCdcs};
use nexus_tests::fake_nemo::{self, FakeNemo, Person, Reservation, UsageEvent, questions};
use nexus_tests::nexus_bin::nexus;
use nexus_tests::peer::Peer;
use rusqlite::Connection;
use tempfile::TempDir;

/// What a facility is made of. The sessions and how they must end, whoever builds them:
/// 1 and 3 with consent in the event, 2 with consent in its reservation, 4 refused, 5 without files.
pub struct Facility {
    pub folder: TempDir,
    pub nemo: FakeNemo,
    pub cdcs: FakeCdcs,
    pub peer: Peer,
}

/// Number and final status of every session.
pub const OUTCOMES: [(u64, &str); 5] =
    [(1, "COMPLETED"), (2, "COMPLETED"), (3, "COMPLETED"), (4, "NO_CONSENT"), (5, "NO_FILES_FOUND")];

pub const TEM: &str = "Borealis-TEM-012345";
pub const SEM: &str = "Linden-SEM-222222";

/// A row of session_log, without its number.
pub type LogRow = (String, String, String, String, String, Option<String>);

/// Session, tool, start (UTC), whether it has files.
fn events() -> [(u64, u64, DateTime<Utc>, bool); 5] {
    let at = |day, hour| Utc.with_ymd_and_hms(2024, 3, day, hour, 0, 0).single().unwrap();
    [
        (1, 1, at(5, 14), true),
        (2, 1, at(5, 18), true),
        (3, 2, at(6, 9), true),
        (4, 2, at(6, 13), true),
        (5, 1, at(7, 14), false),
    ]
}

const LENGTH: Duration = Duration::minutes(90);

impl Facility {
    /// Everything but the database.
    pub fn new(peer: &Peer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["files/borealis", "files/linden", "data"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let facility = Self {
            folder,
            nemo: FakeNemo::start(Tz::America__New_York),
            cdcs: FakeCdcs::start(),
            peer: peer.clone(),
        };
        facility.nemo.add_tool(1, "Borealis TEM");
        facility.nemo.add_tool(2, "Linden SEM");
        facility.nemo.add_user(Person::new(3, "k.ito", "Jun", "Ito"));
        for (id, tool, start, has_files) in events() {
            facility.put_event(id, tool, start);
            if has_files {
                facility.put_files(id, tool, start);
            }
        }
        facility
    }

    /// The same with a database that NexusLIMS made.
    pub fn with_peer_database(peer: &Peer) -> Self {
        let facility = Self::new(peer);
        let output = facility.peer_db().arg("init").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        facility.add_instruments();
        facility
    }

    /// The same with a database that nexus made.
    pub fn with_our_database(peer: &Peer) -> Self {
        let facility = Self::new(peer);
        Database::create(&facility.path("nexus.db")).unwrap();
        facility.add_instruments();
        facility
    }

    /// Settings of nexus for the same facility. The logbook tells what NEMO knows, under NEMO's session identifiers;
    /// its times are in the instruments' zones, NEMO's in the server's. Records go into the folder `tree`.
    pub fn configure_nexus(&self) {
        std::fs::create_dir_all(self.path("tree")).unwrap();
        let settings = format!(
            "[database]\npath = \"nexus.db\"\n\
             [storage]\ninstrument_data = \"files\"\ndata = \"data\"\n\
             [build]\nfile_strategy = \"inclusive\"\n\
             [harvesters.log]\nplugin = \"logbook\"\npath = \"usage.csv\"\ninstruments = [\"{TEM}\", \"{SEM}\"]\n\
             [destinations.tree]\nplugin = \"folder\"\npath = \"tree\"\n"
        );
        std::fs::write(self.path("nexus.toml"), settings).unwrap();
        let mut log = String::from("id,instrument,user,start,end,title,consent,session\n");
        for (id, tool, start, _) in events() {
            let (pid, zone) =
                if tool == 1 { (TEM, Tz::America__New_York) } else { (SEM, Tz::Europe__Berlin) };
            let [from, to] = [start, start + LENGTH].map(|time| time.with_timezone(&zone).to_rfc3339());
            let consent = if id == 4 { "no" } else { "yes" };
            let session = self.nemo.session(id);
            writeln!(log, "{id},{pid},k.ito,{from},{to},Grain size {id},{consent},{session}").unwrap();
        }
        std::fs::write(self.path("usage.csv"), log).unwrap();
    }

    /// `nexus` in this facility.
    pub fn nexus(&self, arguments: &[&str]) -> Command {
        let mut command = nexus(self.folder.path());
        command.args(arguments);
        command
    }

    /// Runs `nexus`, which must end with this code; returns what it printed.
    pub fn nexus_ends(&self, arguments: &[&str], expected: i32) -> String {
        let output = self.nexus(arguments).output().unwrap();
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let code = output.status.code().unwrap();
        assert_eq!(code, expected, "nexus {}:\n{text}", arguments.join(" "));
        text
    }

    /// Names of the records in the folder `tree`, sorted.
    pub fn delivered_by_nexus(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut folders = vec![self.path("tree")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|suffix| suffix == "xml") {
                    names.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        names.sort();
        names
    }

    fn put_event(&self, id: u64, tool: u64, start: DateTime<Utc>) {
        let event = UsageEvent::new(id, tool, 3, start, LENGTH);
        let consent = if id == 4 { "Disagree" } else { "Agree" };
        let answers = questions(consent, &format!("Grain size {id}"));
        if id != 2 {
            self.nemo.put_event(event.with_run_data(&answers));
            return;
        }
        self.nemo.put_event(event);
        let before = Duration::minutes(30);
        self.nemo.put_reservation(
            Reservation::new(70, tool, 3, start - before, LENGTH + before).with_answers(answers),
        );
    }

    fn put_files(&self, id: u64, tool: u64, start: DateTime<Utc>) {
        let folder = if tool == 1 { "borealis" } else { "linden" };
        for number in 1..=3 {
            let path = self.path(&format!("files/{folder}/run{id}_{number}.txt"));
            std::fs::write(&path, format!("magnification = {number}000\n")).unwrap();
            let modified = start + Duration::minutes(10 * number);
            File::options().append(true).open(&path).unwrap().set_modified(modified.into()).unwrap();
        }
    }

    pub fn add_instruments(&self) {
        let connection = self.database();
        for (pid, tool, name, folder, zone) in [
            (TEM, 1, "Borealis TEM", "./borealis", "America/New_York"),
            (SEM, 2, "Linden SEM", "./linden", "Europe/Berlin"),
        ] {
            let url = self.nemo.tool_url(tool);
            let values = [pid, &url, "", "Room 1", name, "1", folder, "nemo", zone];
            let sql = "INSERT INTO instruments (instrument_pid, api_url, calendar_url, location, display_name, \
                       property_tag, filestore_path, harvester, timezone) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
            connection.execute(sql, values).unwrap();
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn database(&self) -> Connection {
        Connection::open(self.path("nexus.db")).unwrap()
    }

    /// `nexuslims db`, which knows the path of the database only.
    pub fn peer_db(&self) -> Command {
        let mut command = self.peer.nexuslims(self.folder.path());
        command.arg("db").env("NX_DB_PATH", self.path("nexus.db"));
        command
    }

    /// NexusLIMS with all its settings.
    pub fn configured(&self, mut command: Command) -> Command {
        command
            .env("NX_DB_PATH", self.path("nexus.db"))
            .env("NX_DATA_PATH", self.path("data"))
            .env("NX_INSTRUMENT_DATA_PATH", self.path("files"))
            .env("NX_FILE_STRATEGY", "inclusive")
            .env("NX_CDCS_URL", self.cdcs.url())
            .env("NX_CDCS_TOKEN", fake_cdcs::TOKEN)
            .env("NX_NEMO_ADDRESS_1", self.nemo.api())
            .env("NX_NEMO_TOKEN_1", fake_nemo::TOKEN);
        command
    }

    /// `nexuslims build-records` over all times: harvest, build, export.
    pub fn peer_builds(&self) -> Command {
        let mut command = self.configured(self.peer.nexuslims(self.folder.path()));
        command.args(["build-records", "-v", "--from", "none"]);
        command
    }

    /// Only the first step of `nexuslims build-records`, by NexusLIMS's own function for it.
    pub fn peer_harvests(&self) -> Output {
        let mut command = self.configured(self.peer.python(self.folder.path()));
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/real/peer_harvest.py");
        command.arg(script).output().unwrap()
    }

    /// session_log in the order of its rows.
    pub fn session_log(&self) -> Vec<LogRow> {
        let connection = self.database();
        let sql = "SELECT session_identifier, instrument, timestamp, event_type, record_status, user \
                   FROM session_log ORDER BY id_session_log";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// upload_log: session, destination, success.
    pub fn upload_log(&self) -> Vec<(String, String, bool)> {
        let connection = self.database();
        let sql = "SELECT session_identifier, destination_name, success FROM upload_log ORDER BY id";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// The status of every session; each has one status on all its rows.
    pub fn statuses(&self) -> Vec<(u64, String)> {
        let connection = self.database();
        let sql = "SELECT DISTINCT session_identifier, record_status FROM session_log";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
        let prefix = self.nemo.session(0).trim_end_matches('0').to_owned();
        let mut statuses: Vec<(u64, String)> = rows
            .unwrap()
            .map(Result::unwrap)
            .map(|(session, status)| (session.strip_prefix(&prefix).unwrap().parse().unwrap(), status))
            .collect();
        statuses.sort();
        statuses
    }

    /// Every session ended as it must.
    pub fn assert_outcomes(&self) {
        let expected: Vec<_> = OUTCOMES.iter().map(|(id, status)| (*id, (*status).to_owned())).collect();
        assert_eq!(self.statuses(), expected);
    }

    /// Names of the records of the completed sessions, sorted.
    pub fn record_names() -> [String; 3] {
        [format!("2024-03-05_{TEM}_1"), format!("2024-03-05_{TEM}_2"), format!("2024-03-06_{SEM}_3")]
    }

    /// CDCS holds one record for every completed session, and nothing else.
    pub fn assert_one_record_each_at_cdcs(&self) {
        let mut titles: Vec<_> = self.cdcs.records().into_iter().map(|record| record.title).collect();
        titles.sort();
        assert_eq!(titles, Self::record_names());
    }
}

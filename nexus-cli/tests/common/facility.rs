//! A small facility: two microscopes in two time zones, a usage log, a share for the records.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::time::SystemTime;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{Outcome, Sandbox};

/// The beginning of every `nexus.toml`; what follows is a facility's own.
pub const SETTINGS: &str = r#"
[database]
path = "nexus.db"

[storage]
instrument_data = "instruments"
data = "data"

[harvesters.log]
plugin = "logbook"
path = "usage.csv"
name = "lab"
instruments = ["TEM", "SEM"]
"#;

/// One destination.
pub const SHARE: &str = r#"
[destinations.share]
plugin = "folder"
path = "share"
"#;

const INSTRUMENTS: &str = "\
instrument_pid,api_url,calendar_url,location,display_name,property_tag,filestore_path,harvester,timezone
TEM,logbook:TEM,,Room 1,Test TEM,T-1,tem,logbook,Europe/Berlin
SEM,logbook:SEM,,Room 2,Test SEM,S-1,sem,logbook,America/Denver
";

const HEADINGS: &str = "id,instrument,user,start,end,title,consent,cancelled";

/// The tables of a database, each with its rows.
pub type Dump = BTreeMap<String, Value>;

/// A facility in a folder of its own.
pub struct Facility {
    pub sandbox: Sandbox,
}

impl Facility {
    /// Two instruments with one old file each, an empty log, the destination `share`; nothing harvested yet.
    pub fn new() -> Self {
        let facility = Self { sandbox: Sandbox::new() };
        facility.settings(SHARE);
        facility.folder("data").folder("share").log(&[]);
        for instrument in ["tem", "sem"] {
            facility.save(&format!("{instrument}/old.tif"), "2020-01-01T00:00:00Z");
        }
        facility.nexus(["db", "init", "--database", "nexus.db"]).code(0);
        facility.sandbox.write("instruments.csv", INSTRUMENTS);
        facility.nexus(["instruments", "import", "instruments.csv"]).done();
        facility
    }

    /// One session of each microscope with one file each: `logbook:lab/1` and `logbook:lab/2`.
    pub fn with_two_sessions() -> Self {
        let facility = Self::new();
        facility.log(&[
            "1,TEM,anna,2024-03-05 09:00,2024-03-05 11:00,Grains,yes,",
            "2,SEM,bea,2024-03-06 10:00,2024-03-06 12:00,Fracture,yes,",
        ]);
        facility.save("tem/grain.tif", "2024-03-05T09:30:00+01:00");
        facility.save("sem/deep/fracture.tif", "2024-03-06T11:59:59-07:00");
        facility
    }

    /// As many sessions of the TEM, an hour each, with one file each; the user of each has a name of this length.
    pub fn with_sessions(count: u32, name_length: usize) -> Self {
        let facility = Self::new();
        facility.settings(&format!("{SHARE}[build]\npreviews = false\n"));
        let start: DateTime<Utc> = "2024-01-01T00:00:00Z".parse().unwrap();
        let user = "u".repeat(name_length);
        let rows: Vec<String> = (1..=count)
            .map(|number| {
                let start = start + TimeDelta::hours(i64::from(number));
                let at = start + TimeDelta::minutes(30);
                facility.save(&format!("tem/{number}.dm3"), &at.to_rfc3339());
                let end = start + TimeDelta::minutes(59);
                format!("{number},TEM,{user},{},{},,yes,", start.to_rfc3339(), end.to_rfc3339())
            })
            .collect();
        facility.log(&rows.iter().map(String::as_str).collect::<Vec<_>>());
        facility
    }

    /// Writes the settings: the common ones, and these.
    pub fn settings(&self, own: &str) -> &Self {
        self.sandbox.write("nexus.toml", format!("{SETTINGS}{own}"));
        self
    }

    /// Makes a folder.
    pub fn folder(&self, name: &str) -> &Self {
        fs::create_dir_all(self.sandbox.path(name)).unwrap();
        self
    }

    /// Writes the usage log; columns as in [`HEADINGS`].
    pub fn log(&self, rows: &[&str]) -> &Self {
        self.sandbox.write("usage.csv", format!("{HEADINGS}\n{}\n", rows.join("\n")));
        self
    }

    /// A file that an instrument saved at this moment.
    pub fn save(&self, name: &str, at: &str) -> &Self {
        let path = self.sandbox.write(&format!("instruments/{name}"), format!("file {name}"));
        let at: SystemTime = DateTime::parse_from_rfc3339(at).unwrap().into();
        File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
        self
    }

    /// Changes the database as somebody else would.
    pub fn sql(&self, sql: &str) -> &Self {
        rusqlite::Connection::open(self.sandbox.path("nexus.db")).unwrap().execute(sql, []).unwrap();
        self
    }

    /// Runs `nexus` in the facility's folder.
    pub fn nexus<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Outcome {
        self.sandbox.nexus(args)
    }

    /// The report of `nexus run`, which ends with this code.
    #[track_caller]
    pub fn run(&self, code: i32) -> Value {
        self.step("run", code)
    }

    /// The report of `nexus run`, or of one of its steps, whose counts are checked.
    #[track_caller]
    pub fn step(&self, step: &str, code: i32) -> Value {
        self.step_with(step, &[], code)
    }

    /// The same, with options.
    #[track_caller]
    pub fn step_with(&self, step: &str, options: &[&str], code: i32) -> Value {
        let outcome = self.nexus([&[step, "--json", "--quiet"], options].concat()).code(code);
        assert_eq!(outcome.stderr, "");
        let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
        adds_up(&report);
        assert_eq!(code == 4, !report["needs_person"].as_array().unwrap().is_empty(), "{report:#}");
        report
    }

    /// The rows of a read-only statement.
    #[track_caller]
    pub fn rows(&self, sql: &str) -> Value {
        self.nexus(["db", "query", sql, "--json"]).json()
    }

    /// The values of the one column that a statement gives.
    #[track_caller]
    pub fn column(&self, sql: &str) -> Vec<Value> {
        let rows = self.rows(sql);
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| row.as_object().unwrap().values().next().unwrap().clone()).collect()
    }

    /// The status of every session; all rows of a session have the same.
    #[track_caller]
    pub fn statuses(&self) -> BTreeMap<String, String> {
        let rows = self.rows("SELECT DISTINCT session_identifier, record_status FROM session_log");
        let mut statuses = BTreeMap::new();
        for row in rows.as_array().unwrap() {
            let text = |column: &str| row[column].as_str().unwrap().to_owned();
            let before = statuses.insert(text("session_identifier"), text("record_status"));
            assert_eq!(before, None, "rows of {} disagree", text("session_identifier"));
        }
        statuses
    }

    /// The status of one session; `""` if it is not in the session log.
    #[track_caller]
    pub fn status(&self, id: &str) -> String {
        self.statuses().remove(id).unwrap_or_default()
    }

    /// Everything the database holds.
    pub fn dump(&self) -> Dump {
        let names = self.column("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");
        let name = |name: Value| name.as_str().unwrap().to_owned();
        names
            .into_iter()
            .map(name)
            .map(|table| (table.clone(), self.rows(&format!("SELECT * FROM {table}"))))
            .collect()
    }

    /// Everything the database holds, but the moment when a run last looked.
    pub fn dump_without_heartbeat(&self) -> Dump {
        let mut dump = self.dump();
        if let Some(rows) = dump.get_mut("nexus_meta").and_then(Value::as_array_mut) {
            rows.retain(|row| row["key"] != "heartbeat");
        }
        dump
    }

    /// Every file and folder but the database itself, with content and time of change.
    pub fn tree(&self) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
        let root = self.sandbox.path("");
        let mut tree = BTreeMap::new();
        add(&root, &root, &mut tree);
        tree.remove("nexus.db");
        tree
    }

    /// The names of all files below a folder; none if it is not there.
    pub fn files(&self, folder: &str) -> Vec<String> {
        let root = self.sandbox.path(folder);
        let mut tree = BTreeMap::new();
        if root.exists() {
            add(&root, &root, &mut tree);
        }
        tree.into_keys().filter(|name| !name.ends_with('/')).collect()
    }
}

/// A folder has a slash at its end.
fn add(root: &Path, folder: &Path, tree: &mut BTreeMap<String, (Vec<u8>, SystemTime)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            tree.insert(format!("{name}/"), (Vec::new(), SystemTime::UNIX_EPOCH));
            add(root, &path, tree);
        } else {
            let changed = fs::metadata(&path).unwrap().modified().unwrap();
            tree.insert(name, (fs::read(&path).unwrap(), changed));
        }
    }
}

/// Every event is accounted for, and every session that was planned, once, with a line of its own.
#[track_caller]
pub fn adds_up(report: &Value) {
    let build = report["build"].as_object().unwrap();
    let count = |name: &str| build[name].as_u64().unwrap();
    let left = count("not_reached") + count("beyond_limit");
    let parts = ["built", "no_consent", "no_reservation", "no_files", "error"].map(count);
    let waiting: u64 =
        build["waiting"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(count("planned"), parts.iter().sum::<u64>() + waiting + left, "{report:#}");
    for counts in report["harvest"].as_object().unwrap().values() {
        let count = |name: &str| counts[name].as_u64().unwrap();
        let parts = ["new", "revised", "revised_late", "open", "cancelled", "unchanged"].map(count);
        let rejected = counts["rejected"].as_array().unwrap().iter();
        let refused =
            rejected.filter(|row| row["place"].as_str().unwrap().starts_with("usage event")).count();
        assert_eq!(count("events"), parts.iter().sum::<u64>() + refused as u64, "{report:#}");
    }
    let lines = report["sessions"].as_array().unwrap().len() as u64;
    assert_eq!(count("planned") - left, lines + count("lines_left_out"), "{report:#}");
}

/// What a report says of one session.
#[track_caller]
pub fn line<'a>(report: &'a Value, id: &str) -> &'a Value {
    let lines = report["sessions"].as_array().unwrap();
    lines.iter().find(|line| line["session"] == id).unwrap_or_else(|| panic!("no line of {id}: {report:#}"))
}

/// What a report wants of a person, one text per line, the facility's folder written `[DIR]`.
pub fn needs_person(report: &Value) -> Vec<&str> {
    report["needs_person"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

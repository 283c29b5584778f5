//! The conformance kit on the plugins that come with nexus and on the examples, on every carrier.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::any::Any;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;
use nexus_core::config::{Carrier, Isolation};
use nexus_core::plugins::conformance::{Options, Outcome, Place, Report, Status, run};
use nexus_core::plugins::{Catalogue, Surroundings};
use nexus_plugin_api::host::{Guarded, Wired};
use nexus_plugin_api::{InstrumentRef, Plugin};
use nexus_plugin_cdcs::Cdcs;
use nexus_plugin_folder::Folder;
use nexus_plugin_labarchives::LabArchives;
use nexus_plugin_logbook::Logbook;
use nexus_plugin_nemo::Nemo;
use nexus_plugin_sharepoint::SharePoint;
use nexus_tests::fake_cdcs::{self, FakeCdcs};
use nexus_tests::fake_labarchives::{self, FakeLabArchives};
use nexus_tests::fake_nemo::{FakeNemo, Person, Reservation, TOKEN, UsageEvent, questions};
use nexus_tests::fake_sharepoint::{self, Door, FakeSharePoint, Item};
use serde_json::{Value, json};

/// The library of this name beside the test binary.
fn library(name: &str) -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    let file = format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    exe.parent().unwrap().join(file)
}

/// A plugin by a carrier, and the carrier's name.
type Carried = (&'static str, Arc<dyn Wired>);

fn load(how: &'static str, carrier: &Carrier, linked: Option<Arc<dyn Plugin>>, place: &Place) -> Carried {
    let program = env!("CARGO_BIN_EXE_plugin_program");
    let linked = linked.into_iter().collect();
    let catalogue = Catalogue::new(linked).with_plugin_host(vec![program.into(), "host".into()]);
    let surroundings =
        Surroundings { scratch: place.scratch(), folder: place.folder(), ..Surroundings::default() };
    let plugin = catalogue.load(carrier, None, "plugin", &surroundings);
    (how, plugin.unwrap_or_else(|error| panic!("{how}: {error}")))
}

fn in_library(path: &Path, isolation: Isolation) -> Carrier {
    Carrier::Library { path: path.to_owned(), sha256: None, isolation, processes: 1 }
}

/// The same trial on both carriers of a library.
fn both(path: &Path, trial: impl Fn() -> Trial) -> Vec<Report> {
    let of = |(how, isolation)| {
        let trial = trial();
        let (how, plugin) = load(how, &in_library(path, isolation), None, &trial.options.place);
        trial.of(how, plugin)
    };
    [("library", Isolation::None), ("library in a process", Isolation::Process)].map(of).into()
}

/// The same trial of a first-party plugin on every carrier; the kit sees no difference.
fn everywhere(plugin: &(impl Plugin + Clone + 'static), name: &str, trial: impl Fn() -> Trial) {
    let program = Carrier::command(vec![env!("CARGO_BIN_EXE_plugin_program").to_owned(), name.to_owned()]);
    let linked = Carrier::Linked { plugin: name.to_owned() };
    let mut reports = both(&library(&format!("nexus_{name}")), &trial);
    for (how, carrier) in [("linked", linked), ("program", program)] {
        let trial = trial();
        let (how, plugin) = load(how, &carrier, Some(Arc::new(plugin.clone())), &trial.options.place);
        reports.push(trial.of(how, plugin));
    }
    for report in &reports {
        assert_eq!(outline(report), outline(&reports[0]));
    }
}

/// What a plugin is given, in a folder of its own, and the server it speaks to.
struct Trial {
    options: Options,
    _server: Option<Box<dyn Any>>,
    _folder: tempfile::TempDir,
}

impl Trial {
    fn new(settings: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::new(Place::below(folder.path()).unwrap());
        options.settings.clone_from(settings.as_object().unwrap());
        // Hashes take their time in a debug build.
        options.large = 512 << 10;
        Self { options, _server: None, _folder: folder }
    }

    /// The same with a server that lasts as long as the trial.
    fn beside(server: impl Any, settings: &Value) -> Self {
        Self { _server: Some(Box::new(server)), ..Self::new(settings) }
    }

    /// The same of a harvester of these instruments, named and found as the source does it.
    fn of_instruments(mut self, instruments: &[(&str, String)]) -> Self {
        let instrument = |(pid, api_url): &(&str, String)| InstrumentRef {
            pid: (*pid).to_owned(),
            display_name: format!("{pid} (room 1)"),
            api_url: api_url.clone(),
            timezone: "America/Denver".into(),
            location: "room 1".into(),
        };
        self.options.instruments = instruments.iter().map(instrument).collect();
        self
    }

    /// A trial of a harvester that reads this log.
    fn with_log(key: &str, name: &str, text: &str) -> Self {
        let trial = Self::new(&json!({key: format!("{{tmp}}/{name}")}));
        fs::write(trial.options.place.tmp().join(name), text).unwrap();
        let address = |pid| (pid, format!("https://scheduler.example.org/api/tools/?id={pid}"));
        trial.of_instruments(&["TITAN", "QUANTA"].map(address))
    }

    /// A trial of the harvester of NEMO.
    fn with_nemo() -> Self {
        let nemo = FakeNemo::start(Tz::America__Denver);
        for (tool, name) in [(1, "Titan"), (2, "Quanta"), (3, "Polisher")] {
            nemo.add_tool(tool, name);
        }
        nemo.add_user(Person::new(3, "ada", "Ada", "Lovelace"));
        nemo.add_user(Person::new(4, "bob", "", ""));
        let at = |text: &str| -> DateTime<Utc> { text.parse().unwrap() };
        let event = |id, tool, user, start| UsageEvent::new(id, tool, user, at(start), Duration::hours(2));
        nemo.put_event(
            event(1, 1, 3, "2024-03-05T16:10:00Z").with_run_data(&questions("Agree", "Grains, \"fine\"")),
        );
        nemo.put_event(event(2, 1, 4, "2024-03-05T19:00:00Z").with_run_data(&questions("Disagree", "μ")));
        nemo.put_event(event(3, 1, 4, "2024-03-06T21:00:00Z"));
        nemo.put_event(event(4, 2, 3, "2024-03-10T08:30:00Z"));
        nemo.put_event(event(5, 3, 3, "2024-03-07T16:00:00Z"));
        nemo.put_event(UsageEvent { end: None, ..event(6, 2, 4, "2024-03-11T16:00:00Z") });
        // Of the events without answers, the third has no booking and the fourth has one.
        let booked = Reservation::new(7, 2, 3, at("2024-03-10T08:00:00Z"), Duration::hours(3));
        nemo.put_reservation(booked.with_answers(questions("Agree", "Before the clock changes, and after")));
        let tools = [("TITAN", nemo.tool_url(1)), ("QUANTA", nemo.tool_url(2))];
        let settings = json!({"address": nemo.api(), "token": TOKEN, "user_ids": true});
        Self::beside(nemo, &settings).of_instruments(&tools)
    }

    /// A trial of the harvester of SharePoint, whose events are sessions; by Microsoft Graph or by `_api`.
    fn with_sharepoint(graph: bool) -> Self {
        let site = FakeSharePoint::start();
        for (list, ids) in [("Titan", 0), ("Quanta \"μ\"", 10)] {
            site.add_list(list);
            let event = |id, from: &str, to: &str| {
                Item::new(
                    ids + id,
                    "Grains, \"fine\"",
                    &format!("2024-03-{from}Z"),
                    &format!("2024-03-{to}Z"),
                )
            };
            site.put(list, event(1, "05T16:10:00", "05T18:10:00").by(12));
            site.put(list, event(2, "05T19:00:00", "05T20:00:00").by(13).consent(json!("Disagree")));
            site.put(list, event(3, "06T21:00:00", "06T22:00:00").by(13).consent(Value::Null));
            site.put(list, event(4, "08T00:00:00", "08T23:59:00").all_day().by(12));
            let days = "<repeat><daily dayFrequency=\"1\"/></repeat><repeatInstances>3</repeatInstances>";
            site.put(list, event(5, "09T16:00:00", "11T16:00:00").by(12).repeating(3600, days));
            site.put(
                list,
                event(6, "10T20:00:00", "10T21:00:00").by(12).instead_of(ids + 5, "2024-03-10T15:00:00Z"),
            );
            site.put(list, event(7, "12T16:00:00", "12T17:00:00").by(12).cancelled());
        }
        site.door(Door::Bearer);
        let (api, address) = if graph { ("graph", site.graph()) } else { ("rest", site.rest()) };
        let list = |title: &str| match api {
            "graph" => format!("{address}/lists/{}", site.list_id(title)),
            _ => format!("{address}/_api/web/lists(guid'{}')", site.list_id(title)),
        };
        let instruments = [("TITAN", list("Titan")), ("QUANTA", list("Quanta \"μ\""))];
        let settings = json!({
            "address": address, "api": api, "auth": "bearer", "token": fake_sharepoint::TOKEN, "sessions": true,
            "timezone": "America/Denver", "look_back": "10000 days",
        });
        Self::beside(site, &settings).of_instruments(&instruments)
    }

    fn of(&self, how: &str, plugin: Arc<dyn Wired>) -> Report {
        let report = run(plugin, &self.options);
        let failures: Vec<_> = report.failures().collect();
        assert!(failures.is_empty(), "{how}: {failures:#?}");
        assert!(report.passed() >= 60, "{how}: {} passed: {report:#?}", report.passed());
        report
    }
}

/// The checks, without what differs from trial to trial.
fn outline(report: &Report) -> Vec<(&'static str, bool)> {
    let line = |outcome: &Outcome| (outcome.name, outcome.status == Status::Passed);
    report.checks.iter().map(line).collect()
}

const LOG: &str = "id,instrument,user,start,end,title,consent\n\
                   1,TITAN,ada,2024-03-05 09:10,2024-03-05 11:00,\"Grains, \"\"fine\"\"\",yes\n\
                   2,TITAN,bob,2024-03-05T12:00:00-07:00,2024-03-05T13:00:00-07:00,μ,no\n\
                   3,TITAN,bob,2024-03-06 14:00,,still in use,yes\n\
                   4,QUANTA,eve,2024-03-06 09:00,2024-03-06 15:00,,yes\n\
                   5,QUANTA,eve,not a time,2024-03-06 15:00,,yes\n\
                   6,OTHER,eve,2024-03-05 15:00,2024-03-05 16:00,,yes\n";

const TALLY: &str = "# id\tinstrument\tuser\tstart\tend\tconsent\n\
                     t1\tTITAN\tada\t2024-03-05T09:10:00-07:00\t2024-03-05T11:00:00-07:00\tyes\n\
                     t2\tQUANTA\tbob\t2024-03-06T09:10:00\t2024-03-06T11:00:00\tno\n\
                     t3\tTITAN\tbob\t2024-03-07T09:10:00\t2024-03-07T10:00:00\tyes\n\
                     t4\tTITAN\tbob\t2024-03-08T09:10:00\t\tyes\n";

#[test]
fn the_folder_conforms_on_every_carrier() {
    everywhere(&Folder, "folder", || Trial::new(&json!({"path": "{tmp}"})));
}

#[test]
fn the_folder_with_previews_conforms() {
    let settings = json!({"path": "{tmp}", "previews": true, "layout": "{instrument}/{user}/{key}.xml"});
    Trial::new(&settings).of("linked", Arc::new(Guarded::new(Folder).unwrap()));
}

#[test]
fn cdcs_conforms_on_every_carrier() {
    everywhere(&Cdcs, "cdcs", || {
        let site = FakeCdcs::start();
        let settings = json!({"url": site.url(), "token": fake_cdcs::TOKEN});
        Trial::beside(site, &settings)
    });
}

#[test]
fn labarchives_conforms_on_every_carrier() {
    everywhere(&LabArchives, "labarchives", || {
        let site = FakeLabArchives::on_real_time();
        let settings = json!({
            "url": site.url(),
            "access_key_id": fake_labarchives::AKID,
            "access_password": fake_labarchives::PASSWORD,
            "user_id": fake_labarchives::UID,
            "notebook_id": fake_labarchives::NOTEBOOK,
            "call_interval": "0 s",
        });
        Trial::beside(site, &settings)
    });
}

#[test]
fn the_logbook_conforms_on_every_carrier() {
    everywhere(&Logbook, "logbook", || Trial::with_log("path", "usage.csv", LOG));
}

#[test]
fn nemo_conforms_on_every_carrier() {
    everywhere(&Nemo, "nemo", Trial::with_nemo);
}

#[test]
fn sharepoint_conforms_on_every_carrier() {
    everywhere(&SharePoint, "sharepoint", || Trial::with_sharepoint(false));
}

#[test]
fn sharepoint_by_graph_conforms() {
    Trial::with_sharepoint(true).of("linked", Arc::new(Guarded::new(SharePoint).unwrap()));
}

#[test]
fn the_examples_in_rust_conform() {
    both(&library("nexus_example_index"), || Trial::new(&json!({"file": "{tmp}/index.txt"})));
    both(&library("nexus_example_tally"), || Trial::with_log("file", "tally.txt", TALLY));
}

#[test]
fn the_examples_in_c_conform() {
    let folder = tempfile::tempdir().unwrap();
    let Some(tally) = in_c(&folder.path().join("libtally.so"), "tally-harvester-c/tally.c") else { return };
    both(&tally, || Trial::with_log("file", "tally.txt", TALLY));
    let Some(shelf) = in_c(&folder.path().join("libshelf.so"), "shelf-destination-c/shelf.c") else { return };
    both(&shelf, || Trial::new(&json!({"folder": "{tmp}"})));
}

fn in_c(library: &Path, source: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let done = Command::new("cc")
        .args(["-std=c11", "-O2", "-fPIC", "-shared", "-I"])
        .arg(root.join("nexus-plugin-api/include"))
        .arg("-o")
        .arg(library)
        .arg(root.join("examples").join(source))
        .output();
    match done {
        Ok(done) => {
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            Some(library.to_owned())
        }
        Err(error) => {
            eprintln!("SKIPPED: {source} is not built, there is no C compiler `cc` ({error})");
            None
        }
    }
}

#[test]
fn the_example_in_python_conforms() {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no `python3`");
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/python-destination/share.py");
    let script = script.canonicalize().unwrap().to_string_lossy().into_owned();
    let trial = Trial::new(&json!({"folder": "{tmp}"}));
    let carrier = Carrier::command(vec!["python3".to_owned(), script]);
    let (how, plugin) = load("program", &carrier, None, &trial.options.place);
    trial.of(how, plugin);
}

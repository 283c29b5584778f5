//! The conformance kit on the plugins that come with nexus and on the examples, on every carrier.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use nexus_core::plugins::conformance::{Options, Outcome, Place, Report, Status, run};
use nexus_plugin_api::host::{self, Guarded, Wired};
use nexus_plugin_api::{InstrumentRef, Plugin as _};
use nexus_plugin_folder::Folder;
use nexus_plugin_logbook::Logbook;
use serde_json::{Value, json};

/// The library of this name beside the test binary.
fn library(name: &str) -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    let file = format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    exe.parent().unwrap().join(file)
}

fn loaded(name: &str) -> Arc<dyn Wired> {
    Arc::new(host::open(&library(name)).unwrap())
}

/// What a plugin is given, in a folder of its own.
struct Trial {
    options: Options,
    _folder: tempfile::TempDir,
}

impl Trial {
    fn new(settings: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::new(Place::below(folder.path()).unwrap());
        options.settings = settings.as_object().unwrap().clone();
        // Hashes take their time in a debug build.
        options.large = 512 << 10;
        Self { options, _folder: folder }
    }

    /// A trial of a harvester that reads this log.
    fn with_log(key: &str, name: &str, text: &str) -> Self {
        let mut trial = Self::new(&json!({key: format!("{{tmp}}/{name}")}));
        fs::write(trial.options.place.tmp().join(name), text).unwrap();
        trial.options.instruments = ["TITAN", "QUANTA"]
            .map(|pid| InstrumentRef {
                pid: pid.into(),
                display_name: format!("{pid} (room 1)"),
                api_url: format!("https://scheduler.example.org/api/tools/?id={pid}"),
                timezone: "America/Denver".into(),
                location: "room 1".into(),
            })
            .into();
        trial
    }

    fn of(&self, plugin: Arc<dyn Wired>) -> Report {
        let report = run(plugin, &self.options);
        let failures: Vec<_> = report.failures().collect();
        assert!(failures.is_empty(), "{failures:#?}");
        assert!(report.passed() >= 60, "{} passed: {report:#?}", report.passed());
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
    let settings = json!({"path": "{tmp}"});
    let linked = Trial::new(&settings).of(Arc::new(Guarded::new(Folder).unwrap()));
    let library = Trial::new(&settings).of(loaded("nexus_folder"));
    assert_eq!(outline(&linked), outline(&library));
}

#[test]
fn the_folder_with_previews_conforms() {
    let settings = json!({"path": "{tmp}", "previews": true, "layout": "{instrument}/{user}/{key}.xml"});
    Trial::new(&settings).of(Arc::new(Guarded::new(Folder).unwrap()));
}

#[test]
fn the_logbook_conforms_on_every_carrier() {
    let trial = || Trial::with_log("path", "usage.csv", LOG);
    let linked = trial().of(Arc::new(Guarded::new(Logbook).unwrap()));
    let library = trial().of(loaded("nexus_logbook"));
    assert_eq!(outline(&linked), outline(&library));
}

#[test]
fn the_index_conforms() {
    Trial::new(&json!({"file": "{tmp}/index.txt"})).of(loaded("nexus_example_index"));
}

#[test]
fn the_tally_conforms_in_rust_and_in_c() {
    let trial = || Trial::with_log("file", "tally.txt", TALLY);
    let rust = trial().of(loaded("nexus_example_tally"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("libtally.so");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let built = Command::new("cc")
        .args(["-std=c11", "-O1", "-fPIC", "-shared", "-I"])
        .arg(root.join("nexus-plugin-api/include"))
        .arg("-o")
        .arg(&file)
        .arg(root.join("examples/tally-harvester-c/tally.c"))
        .status()
        .unwrap();
    assert!(built.success());
    let c = trial().of(Arc::new(host::open(&file).unwrap()));
    assert_eq!(rust.passed(), c.passed());
}

#[test]
fn the_manifests_of_both_carriers_are_one() {
    assert_eq!(Folder.manifest(), loaded("nexus_folder").manifest());
    assert_eq!(Logbook.manifest(), loaded("nexus_logbook").manifest());
}

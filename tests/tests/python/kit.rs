//! The conformance kit on the plugins in Python, as their own `nexus-test.toml` says.

use std::path::PathBuf;
use std::time::Duration;

use nexus_core::config::Carrier;
use nexus_core::plugins::conformance::{self, FILE_NAME, Options, Place, Project, Report};
use nexus_core::plugins::{Catalogue, Surroundings};
use nexus_tests::program::script;

/// What the kit says of the program in a folder.
pub fn tried(python: &str, folder: &str) -> Report {
    let folder = std::fs::canonicalize(script(folder)).unwrap();
    let project = Project::read(&folder.join(FILE_NAME)).unwrap();
    let words = project.command.unwrap();
    assert_eq!(words[0], "python3");
    let mut options = Options::new(Place::new().unwrap());
    options.settings = project.settings;
    // Lines that want no answer get none, and the kit waits for it; a Python takes its time on a busy machine.
    options.limit = Duration::from_secs(20);
    let words = vec![python.to_owned(), folder.join(PathBuf::from(&words[1])).display().to_string()];
    let carrier = Carrier::Command { words, sha256: None, processes: 1 };
    let surroundings = Surroundings { folder: options.place.folder(), ..Surroundings::default() };
    let plugin = Catalogue::default().load(&carrier, None, "kit", &surroundings).unwrap();
    conformance::run(plugin, &options)
}

fn must_conform(report: &Report, least: usize) {
    let failures: Vec<String> =
        report.failures().map(|(check, failure)| format!("{}: {}", check.name, failure.why)).collect();
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(report.passed() >= least, "only {} checks passed", report.passed());
}

#[test]
fn the_example_destination_conforms() {
    must_conform(&tried("python3", "examples/python-destination"), 60);
}

#[test]
fn the_bridge_conforms_as_far_as_an_exporter_can() {
    must_conform(&tried("python3", "plugins/python-bridge"), 50);
}

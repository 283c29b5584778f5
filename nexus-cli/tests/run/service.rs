//! The units for systemd: what they call is a command of this program, and they are as systemd wants them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::Sandbox;
use crate::common::facility::Facility;

fn unit(name: &str) -> (PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/systemd").join(name);
    let text = fs::read_to_string(&path).unwrap();
    (path, text)
}

fn value<'a>(unit: &'a str, key: &str) -> &'a str {
    unit.lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        .unwrap_or_else(|| panic!("{key}?"))
}

#[test]
fn the_service_calls_a_run_and_takes_a_run_at_work_for_success() {
    let (_, service) = unit("nexus.service");
    let start = value(&service, "ExecStart");
    let words = start.split(' ').map(|word| word.replace("/srv/nexus/nexus.toml", "nexus.toml"));
    let words: Vec<String> = words.skip(1).collect();
    let facility = Facility::with_two_sessions();
    facility.nexus(&words).done();
    assert_eq!(facility.column("SELECT count(*) FROM upload_log")[0], 2);

    let at_work = File::create(facility.sandbox.path("data/.builder.lock")).unwrap();
    at_work.lock().unwrap();
    let code: i32 = value(&service, "SuccessExitStatus").parse().unwrap();
    facility.nexus(&words).code(code);
}

#[test]
fn systemd_takes_the_units() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no systemd-analyze here, so nobody has judged the units");
        return;
    }
    let sandbox = Sandbox::new();
    let (_, service) = unit("nexus.service");
    // systemd looks for the program as well.
    let service =
        sandbox.write("nexus.service", service.replace("/usr/local/bin/nexus", env!("CARGO_BIN_EXE_nexus")));
    let (timer, _) = unit("nexus.timer");
    let timer = sandbox.write("nexus.timer", fs::read(timer).unwrap());
    let judged = Command::new("systemd-analyze").arg("verify").args([&service, &timer]).output().unwrap();
    let said = String::from_utf8_lossy(&judged.stderr);
    assert!(judged.status.success() && !said.contains(&*sandbox.path("").to_string_lossy()), "{said}");
}

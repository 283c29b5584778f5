//! The built program, at its most talkative.

use std::fs;
use std::process::Output;

use chrono::Utc;
use nexus_tests::nexus_bin::nexus;

use super::facility::NotebookFacility;

fn everything_said(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_log_of_everything_holds_no_secret() {
    let mut facility = NotebookFacility::new();
    facility.clock.set(Utc::now());
    facility.calendar.set_clock(Utc::now());
    facility.of_notebook = "call_interval = \"0 s\"\n".to_owned();
    facility.used_and_booked(1, "2026-05-04T14:00:00Z");
    fs::write(facility.path("nexus.toml"), facility.settings()).unwrap();
    for arguments in
        [&["-vvv", "config", "check"][..], &["-vvv", "run"], &["-vvv", "sessions", "show", "logbook:em/1"]]
    {
        let output =
            nexus(facility.folder.path()).env("NEXUS_LOG", "trace").args(arguments).output().unwrap();
        let said = everything_said(&output);
        assert!(output.status.success(), "{arguments:?}: {said}");
        if arguments[1] == "run" {
            assert!(said.contains("entries/add_entry") && said.contains("_api/web/lists"), "{said}");
        }
        facility.nothing_secret_is_in(&[("the program", said)]);
    }
    facility.one_page_each(&[1]);
}

//! Ctrl-C: once to finish what is in hand, twice to stop at once; the next run goes on.
//!
//! A run that is to be stopped writes so much to its log that it must wait for somebody to read it: until
//! then it cannot come to its end.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::JoinHandle;

use serde_json::Value;

use crate::common::facility::{Facility, adds_up};

const SESSIONS: u32 = 200;
/// With a line of this length for each, the log is three times as long as a pipe holds (64 KiB).
const NAME: usize = 1000;

/// A run under way, one session of which is done.
struct Underway {
    child: Child,
    log: BufReader<ChildStderr>,
    printed: JoinHandle<String>,
}

fn begin(facility: &Facility) -> Underway {
    let mut command = facility.sandbox.command(["run", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let printed = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).unwrap();
        text
    });
    let mut underway = Underway { log: BufReader::new(child.stderr.take().unwrap()), child, printed };
    underway.read_to("/200 logbook:lab/");
    underway
}

impl Underway {
    /// Reads the log up to a line with this text.
    #[track_caller]
    fn read_to(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "the log ended without `{text}`");
        }
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success(), "{kill}");
    }

    /// Reads the rest; returns the exit code and what was printed.
    fn end(mut self) -> (Option<i32>, String) {
        std::io::copy(&mut self.log, &mut std::io::sink()).unwrap();
        (self.child.wait().unwrap().code(), self.printed.join().unwrap())
    }
}

/// Every session has one record, delivered once.
#[track_caller]
fn everything_once(facility: &Facility) {
    let statuses = facility.statuses();
    assert_eq!(statuses.len(), SESSIONS as usize);
    assert!(statuses.values().all(|status| status == "COMPLETED"), "{statuses:?}");
    assert_eq!(facility.column("SELECT count(*) FROM upload_log WHERE success")[0], SESSIONS);
    assert_eq!(facility.column("SELECT count(DISTINCT session_identifier) FROM upload_log")[0], SESSIONS);
    assert_eq!(facility.column("SELECT max(record_version) FROM nexus_session")[0], 1);
    assert_eq!(facility.files("share").len(), SESSIONS as usize * 2);
    assert!(facility.files("data/.scratch").is_empty());
}

#[test]
fn the_first_ctrl_c_finishes_what_is_in_hand_and_the_next_run_goes_on() {
    let facility = Facility::with_sessions(SESSIONS, NAME);
    let mut run = begin(&facility);
    run.signal("INT");
    run.read_to("stopping: finishing what is in hand (once more to stop at once)");
    let (code, stdout) = run.end();
    assert_eq!(code, Some(0));
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["interrupted"], true);
    adds_up(&report);
    let built = report["build"]["built"].as_u64().unwrap();
    assert!(built > 0 && report["build"]["not_reached"].as_u64().unwrap() > 0, "{:#}", report["build"]);
    assert_eq!(facility.column("SELECT count(*) FROM nexus_session WHERE attempts > 0")[0], 0, "in hand");

    let text = facility.nexus(["run", "--quiet", "--brief"]).done();
    assert!(text.contains(&format!("build: {} to be built = ", u64::from(SESSIONS) - built)), "{text}");
    everything_once(&facility);
}

#[test]
fn the_second_ctrl_c_stops_at_once_and_loses_nothing() {
    let facility = Facility::with_sessions(SESSIONS, NAME);
    let run = begin(&facility);
    // As long as nobody reads the log, the run cannot end by itself.
    run.signal("INT");
    run.signal("TERM");
    let (code, stdout) = run.end();
    assert_eq!(code, Some(130));
    assert!(stdout.is_empty(), "there is no report");
    assert!(facility.statuses().values().any(|status| status == "TO_BE_BUILT"));
    facility.nexus(["run", "--quiet"]).done();
    everything_once(&facility);
}

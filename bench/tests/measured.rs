//! The small process that runs a program and tells what it cost.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;

/// The report, for a program that may take this long. What is written to `standard input` of the helper stays open.
fn measured(log: &Path, timeout: &str, program: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nexus-bench"));
    command.arg("measured").arg("--log").arg(log).args(["--timeout", timeout, "--"]).args(program);
    let mut helper = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let held = helper.stdin.take();
    let output = helper.wait_with_output().unwrap();
    drop(held);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_output_and_the_exit_code_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let report = measured(&log, "1 h", &["sh", "-c", "echo out; echo err >&2; exit 3"]);
    assert_eq!(report["end"]["Code"], 3, "{report}");
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "out\nerr\n");
}

#[test]
fn what_the_programs_children_used_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let busy = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
    let cpu = |script: &str| {
        let report = measured(&log, "1 h", &["sh", "-c", script]);
        assert!(report["cost"]["peak_bytes"].as_u64().unwrap() > 100_000, "{report}");
        report["cost"]["cpu_seconds"].as_f64().unwrap()
    };
    let (child, idle) = (cpu(&format!("sh -c '{busy}'; true")), cpu("true"));
    assert!(child > idle, "{child} {idle}");
}

#[test]
fn a_program_that_does_not_end_is_stopped_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    // The second process holds the pipe open: the first one ends only if both are stopped.
    let report = measured(&log, "50 ms", &["sh", "-c", "tail -f /dev/null | cat; true"]);
    assert_eq!(report["end"], "Timeout", "{report}");
}

#[test]
fn a_program_is_stopped_when_the_benchmark_goes_away() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_nexus-bench"));
    command.arg("measured").arg("--log").arg(&log).args([
        "--timeout",
        "1 h",
        "--",
        "tail",
        "-f",
        "/dev/null",
    ]);
    let mut helper = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    drop(helper.stdin.take());
    let output = helper.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("Timeout"), "{output:?}");
}

#[test]
fn what_is_typed_at_the_benchmark_does_not_reach_who_stops_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    // The shell stands for the benchmark: who runs it at a terminal and types Ctrl-C interrupts its whole group.
    let mut command = Command::new("sh");
    command.args(["-c", "\"$0\" \"$@\"; true", env!("CARGO_BIN_EXE_nexus-bench"), "measured", "--log"]);
    command.arg(&log).args(["--timeout", "1 h", "--", "tail", "-f", "/dev/null"]).process_group(0);
    let mut benchmark = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while !log.exists() {
        assert!(begun.elapsed() < Duration::from_mins(1), "the helper has not begun");
        std::thread::yield_now();
    }
    killpg(Pid::from_raw(i32::try_from(benchmark.id()).unwrap()), Signal::SIGINT).unwrap();
    drop(benchmark.stdin.take());
    // To the end: until the helper, too, is gone.
    let output = benchmark.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("Timeout"), "{output:?}");
}

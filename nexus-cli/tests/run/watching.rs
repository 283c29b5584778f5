//! How far a run is: lines in a log, a bar on a terminal.

use std::process::{Command, Stdio};

use crate::common::facility::Facility;

#[test]
fn a_log_has_one_line_for_each_session_and_quiet_has_none() {
    let facility = Facility::with_two_sessions();
    facility.log(&[
        "1,TEM,anna,2024-03-05 09:00,2024-03-05 11:00,Grains,yes,",
        "2,SEM,bea,2024-03-06 10:00,2024-03-06 12:00,Fracture,no,",
    ]);
    let outcome = facility.nexus(["run"]).code(0);
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{}", outcome.stderr);
    let built = "/2 logbook:lab/1 (TEM, 2024-03-05 09:00 +01:00, anna): built, 1 file, ";
    assert!(lines.iter().any(|line| line.contains(built)), "no `{built}` in:\n{}", outcome.stderr);
    let refused =
        "/2 logbook:lab/2 (SEM, 2024-03-06 10:00 -07:00, bea): NO_CONSENT: the answer to consent is `no`";
    assert!(lines.iter().any(|line| line.contains(refused)), "no `{refused}` in:\n{}", outcome.stderr);
    assert!(lines[0].contains(" INFO session: 1/2 ") || lines[0].contains(" INFO 1/2 "), "{}", lines[0]);
    assert!(lines[1].contains(" 2/2 "), "{}", lines[1]);
    assert!(!outcome.stderr.contains('\u{1b}'), "no colours in a log");

    let facility = Facility::with_two_sessions();
    facility.nexus(["run", "--quiet"]).done();
}

/// `script` gives the program a terminal.
#[test]
fn a_terminal_has_a_bar_that_is_gone_at_the_end() {
    let facility = Facility::with_sessions(12, 1);
    let program = env!("CARGO_BIN_EXE_nexus");
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command"])
        .arg(format!("stty cols 120; '{program}' run -v"))
        .arg("/dev/null")
        .current_dir(facility.sandbox.path(""))
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let screen = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    assert!(output.status.success(), "{screen}");
    assert!(screen.contains("] 12/12 sessions, "), "{screen}");
    assert!(screen.contains(" left"), "{screen}");
    // Log lines stand above the bar, each whole.
    let whole = screen.lines().filter(|line| line.contains(", u): built, 1 file, ")).count();
    assert_eq!(whole, 12, "{screen}");
    // The report comes after the bar was cleared away.
    let (_, report) = screen.rsplit_once("\u{1b}[2K").unwrap();
    assert!(report.contains("build: 12 to be built = 12 built"), "{screen}");
    assert!(!report.contains("] 12/12 sessions"), "{screen}");

    let quiet = Facility::with_sessions(2, 1);
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command"])
        .arg(format!("'{program}' run --quiet --brief"))
        .arg("/dev/null")
        .current_dir(quiet.sandbox.path(""))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let screen = String::from_utf8_lossy(&output.stdout);
    assert!(screen.starts_with("harvest log: 2 events"), "{screen}");
    assert!(!screen.contains('\u{1b}'), "{screen}");
}

//! One run at a time on a data folder.

use std::fs::{self, File};
use std::process::Stdio;

use crate::common::facility::Facility;

#[test]
fn while_another_program_holds_the_data_folder_a_run_changes_nothing() {
    let facility = Facility::with_two_sessions();
    let lock = File::create(facility.sandbox.path("data/.builder.lock")).unwrap();
    lock.lock().unwrap();
    let before = facility.dump();
    for args in [&["run"][..], &["harvest"], &["build"], &["export"]] {
        facility.nexus(args).refused(
            5,
            "error: `[DIR]/data/.builder.lock` is locked by another program, perhaps NexusLIMS\n  \
             hint: nothing was changed; it will be done by the next run",
        );
    }
    for args in [&["adopt"][..], &["sessions", "retry", "--status", "NO_CONSENT"], &["export", "retry"]] {
        facility.nexus(args).refused(
            5,
            "error: `[DIR]/data/.builder.lock` is locked by another program, perhaps NexusLIMS\n  \
             hint: nothing was changed; give the command again when the other one is done",
        );
    }
    assert_eq!(facility.dump(), before);
    lock.unlock().unwrap();
    facility.run(0);
}

#[test]
fn of_two_runs_at_once_one_runs_and_the_other_says_who_does() {
    let facility = Facility::with_two_sessions();
    // A command that writes to the database holds the first run up, when it has the data folder already.
    let held = File::create(facility.sandbox.path("nexus.db.lock")).unwrap();
    held.lock().unwrap();
    let mut command = facility.sandbox.command(["run", "--json"]);
    let mut first = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let holder = facility.sandbox.path("data/.builder.lock.holder");
    while !holder.exists() {
        assert!(first.try_wait().unwrap().is_none(), "it ended without taking the data folder");
        std::thread::yield_now();
    }
    let process = first.id().to_string();
    let second = facility.nexus(["run"]).code(5);
    assert_eq!(second.stdout, "");
    let (told, hint) = second.stderr.split_once('\n').unwrap();
    let expected = format!("error: `[DIR]/data/.builder.lock` is locked by `nexus run` (process {process}");
    assert!(told.starts_with(&expected), "{told}");
    assert!(told.contains(") since 20") && told.ends_with(" UTC"), "{told}");
    assert_eq!(hint, "  hint: nothing was changed; it will be done by the next run\n");

    held.unlock().unwrap();
    let first = first.wait_with_output().unwrap();
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    assert!(!holder.exists(), "nobody holds it any more");
    assert_eq!(fs::metadata(facility.sandbox.path("data/.builder.lock")).unwrap().len(), 0);
    assert_eq!(facility.column("SELECT count(*) FROM upload_log")[0], 2);
}

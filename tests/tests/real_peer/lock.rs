//! One lock keeps the two programs apart, whoever comes first.

use std::process::{Child, Command, Stdio};

use nexus_core::lock::{DatabaseLock, RUN_LOCK_NAME, RunLock};
use nexus_tests::fault::{Fault, Gate, Rule};
use nexus_tests::peer::Peer;

use crate::facility::Facility;

#[test]
fn nexuslims_says_that_another_instance_runs() {
    let Some(peer) = Peer::find() else { return };
    let facility = Facility::with_peer_database(&peer);
    let lock = RunLock::try_acquire(&facility.path("data")).unwrap();
    assert_nexuslims_is_kept_out(&facility);
    drop(lock);
    assert!(facility.peer_builds().output().unwrap().status.success());
    facility.assert_outcomes();
}

#[test]
fn nexuslims_is_kept_out_while_nexus_runs() {
    let Some(peer) = Peer::find() else { return };
    let facility = Facility::with_our_database(&peer);
    facility.configure_nexus();
    // `nexus run` takes the lock of the data folder first, and waits for that of the database.
    let database = DatabaseLock::try_acquire(&facility.path("nexus.db")).unwrap();
    let mut running = Running::start(facility.nexus(&["run"]));
    let holder = facility.path("data").join(format!("{RUN_LOCK_NAME}.holder"));
    while !holder.exists() {
        assert_eq!(running.0.try_wait().unwrap(), None, "nexus ended without taking the lock");
        std::thread::yield_now();
    }
    // Stopped, it holds the lock as long as NexusLIMS needs to find it held.
    running.signal("STOP");
    drop(database);
    assert_nexuslims_is_kept_out(&facility);
    running.signal("CONT");
    running.0.wait().unwrap();
    facility.assert_outcomes();
    assert_eq!(facility.delivered_by_nexus(), Facility::record_names());
}

#[test]
fn nexus_is_kept_out_while_nexuslims_runs() {
    let Some(peer) = Peer::find() else { return };
    let facility = Facility::with_our_database(&peer);
    facility.configure_nexus();
    let gate = Gate::new();
    // The first thing that a run asks NEMO for, with the lock in its hand.
    facility.nemo.server.fail(Rule::on("/api/", Fault::HoldAfter(gate.clone())).times(1));
    let mut running = Running::start(facility.peer_builds());
    gate.wait_for_arrivals(1);
    for command in ["run", "harvest"] {
        let text = facility.nexus_ends(&[command], 5);
        assert!(text.contains(RUN_LOCK_NAME) && text.contains("locked by"), "{text}");
    }
    assert_eq!(facility.session_log(), []);

    gate.open();
    assert!(running.0.wait().unwrap().success());
    facility.assert_outcomes();
}

/// `nexuslims build-records` prints its note, ends with 0, and has asked nobody anything.
fn assert_nexuslims_is_kept_out(facility: &Facility) {
    let before = facility.session_log();
    let output = facility.peer_builds().output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains("Another instance is already running"), "{text}");
    assert_eq!(facility.session_log(), before);
    assert_eq!(facility.nemo.server.requests().len(), 0);
}

/// A process that does not outlive its test.
struct Running(Child);

impl Running {
    fn start(mut command: Command) -> Self {
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").arg(format!("-{name}")).arg(id).status().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

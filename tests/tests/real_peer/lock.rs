//! One lock keeps the two programs apart, whoever comes first.

use std::process::Stdio;

use nexus_core::lock::{LockError, RunLock};
use nexus_tests::fault::{Fault, Gate, Rule};
use nexus_tests::peer::Peer;

use crate::facility::Facility;

#[test]
fn nexuslims_waits_for_nobody_and_says_who_is_there() {
    let Some(peer) = Peer::find() else { return };
    let facility = Facility::with_peer_database(&peer);
    let lock = RunLock::try_acquire(&facility.path("data")).unwrap();
    let held = facility.peer_builds().output().unwrap();
    let text = String::from_utf8_lossy(&held.stdout);
    assert!(held.status.success(), "{held:?}");
    assert!(text.contains("Another instance is already running"), "{text}");
    assert_eq!(facility.session_log(), []);
    assert_eq!(facility.nemo.server.requests().len(), 0);

    drop(lock);
    assert!(facility.peer_builds().output().unwrap().status.success());
    facility.assert_outcomes();
}

#[test]
fn nexus_sees_that_nexuslims_runs() {
    let Some(peer) = Peer::find() else { return };
    let facility = Facility::with_peer_database(&peer);
    let data = facility.path("data");
    let gate = Gate::new();
    // The first thing that a run asks NEMO for, with the lock in its hand.
    facility.nemo.server.fail(Rule::on("/api/", Fault::HoldAfter(gate.clone())).times(1));
    let mut running = facility.peer_builds().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    gate.wait_for_arrivals(1);
    let refused = RunLock::try_acquire(&data).unwrap_err();
    assert!(matches!(refused, LockError::Held { .. }), "{refused}");

    gate.open();
    assert!(running.wait().unwrap().success());
    facility.assert_outcomes();
    RunLock::try_acquire(&data).unwrap();
}

//! A backlog that one program harvested is built by the other.

use nexus_tests::peer::Peer;

use crate::facility::Facility;

#[test]
fn the_facility_suits_nexuslims() {
    let Some(peer) = Peer::find() else { return };
    let facility = Facility::with_peer_database(&peer);
    let output = facility.peer_builds().output().unwrap();
    assert!(output.status.success(), "{output:?}");
    facility.assert_outcomes();
    facility.assert_one_record_each_at_cdcs();
}

#[test]
fn nexuslims_harvests_without_building() {
    let Some(peer) = Peer::find() else { return };
    let facility = Facility::with_peer_database(&peer);
    let output = facility.peer_harvests();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(facility.session_log().len(), 10);
    assert!(facility.statuses().iter().all(|(_, status)| status == "TO_BE_BUILT"));
    assert_eq!(facility.cdcs.server.requests().len(), 0);
}

//! A backlog that one program harvested is built by the other.

use nexus_tests::peer::Peer;

use crate::facility::{Facility, LogRow};

#[test]
fn nexuslims_builds_what_nexus_harvested() {
    let Some(peer) = Peer::find() else { return };
    let facility = Facility::with_our_database(&peer);
    facility.configure_nexus();
    facility.nexus_ends(&["harvest"], 0);
    let harvested = facility.session_log();
    assert_eq!(harvested.len(), 10);
    assert!(facility.statuses().iter().all(|(_, status)| status == "TO_BE_BUILT"));

    let output = facility.peer_builds().output().unwrap();
    assert!(output.status.success(), "{output:?}");
    facility.assert_outcomes();
    facility.assert_one_record_each_at_cdcs();
    let built = facility.session_log();
    assert_eq!(built.len(), 15, "a row for every attempt, and none was harvested twice: {built:#?}");
    let times = |rows: &[LogRow]| rows.iter().take(10).map(|row| row.2.clone()).collect::<Vec<_>>();
    assert_eq!(times(&built), times(&harvested));

    let uploads = facility.upload_log();
    for _ in 0..2 {
        facility.nexus_ends(&["run"], 0);
        assert_eq!(facility.session_log(), built);
        assert_eq!(facility.upload_log(), uploads);
        assert_eq!(facility.delivered_by_nexus(), Vec::<String>::new());
        facility.assert_one_record_each_at_cdcs();
    }
}

#[test]
fn nexus_builds_what_nexuslims_harvested() {
    let Some(peer) = Peer::find() else { return };
    let facility = Facility::with_peer_database(&peer);
    let output = facility.peer_harvests();
    assert!(output.status.success(), "{output:?}");
    let harvested = facility.session_log();
    assert_eq!(harvested.len(), 10);
    assert!(facility.statuses().iter().all(|(_, status)| status == "TO_BE_BUILT"));
    assert_eq!(facility.cdcs.server.requests().len(), 0);

    facility.configure_nexus();
    let text = facility.nexus_ends(&["run"], 4);
    assert!(text.contains("`nexus adopt`"), "{text}");
    facility.nexus_ends(&["adopt"], 0);
    assert_eq!(facility.session_log(), harvested, "taking a database on changes nothing in it");
    facility.nexus_ends(&["run"], 0);
    facility.assert_outcomes();
    assert_eq!(facility.delivered_by_nexus(), Facility::record_names());
    let mut uploads = facility.upload_log();
    uploads.sort();
    let expected = [1, 2, 3].map(|id| (facility.nemo.session(id), "tree".to_owned(), true));
    assert_eq!(uploads, expected);

    // Nothing is left for NexusLIMS, which says so by status 1, and nothing for nexus.
    let settled = facility.session_log();
    let output = facility.peer_builds().output().unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("No 'TO_BE_BUILT' sessions were found"), "{text}");
    assert_eq!(facility.cdcs.records().len(), 0);
    facility.nexus_ends(&["run"], 0);
    assert_eq!(facility.session_log(), settled);
    assert_eq!(facility.delivered_by_nexus(), Facility::record_names());
}

#[test]
fn what_nexuslims_delivered_is_not_delivered_by_nexus() {
    let Some(peer) = Peer::find() else { return };
    let facility = Facility::with_peer_database(&peer);
    let output = facility.peer_builds().output().unwrap();
    assert!(output.status.success(), "{output:?}");
    facility.assert_outcomes();
    facility.assert_one_record_each_at_cdcs();
    let (built, uploads) = (facility.session_log(), facility.upload_log());
    assert_eq!(uploads.len(), 3);

    facility.configure_nexus();
    facility.nexus_ends(&["run"], 4);
    facility.nexus_ends(&["adopt", "--deliver-missing"], 0);
    facility.nexus_ends(&["run"], 0);
    assert_eq!(facility.session_log(), built);
    assert_eq!(facility.upload_log(), uploads);
    assert_eq!(facility.delivered_by_nexus(), Vec::<String>::new());
}

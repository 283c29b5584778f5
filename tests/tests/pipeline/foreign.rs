//! What NexusLIMS did to the shared tables between two runs. Nothing is delivered twice.

use nexus_core::adopt::{self, Sources};
use nexus_core::clock::ManualClock;
use nexus_core::db::{Access, Database};
use nexus_core::delivery::{Origin, State};
use nexus_core::instrument::Instruments;
use nexus_core::pipeline;
use nexus_core::session::RecordStatus;
use nexus_plugin_api::ReservationAnswer;
use nexus_tests::lab::{Fault, Lab};

/// NexusLIMS moves all rows of a session.
fn moves(lab: &Lab, number: u32, status: &str) {
    let id = Lab::id(number);
    let moved = lab.sql(
        "UPDATE session_log SET record_status = ?1 WHERE session_identifier = ?2",
        &[status, id.as_str()],
    );
    assert!(moved >= 2);
}

/// NexusLIMS adds a row as it does when it begins a record.
fn generates(lab: &Lab, number: u32, status: &str) {
    lab.sql(
        "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status, user) \
         SELECT session_identifier, instrument, '2024-03-10T06:00:00-06:00', 'RECORD_GENERATION', ?1, 'nexuslims' \
         FROM session_log WHERE session_identifier = ?2 AND event_type = 'START'",
        &[status, Lab::id(number).as_str()],
    );
}

/// NexusLIMS notes an upload.
fn uploads(lab: &Lab, number: u32, destination: &str, record_id: &str) {
    lab.sql(
        "INSERT INTO upload_log (session_identifier, destination_name, success, timestamp, record_id, record_url) \
         VALUES (?1, ?2, 1, '2024-03-10T06:00:01', ?3, 'https://store.example.org/' || ?3)",
        &[Lab::id(number).as_str(), destination, record_id],
    );
}

#[test]
fn a_session_that_it_completed_is_accepted() {
    let lab = Lab::with_destinations(&["a", "b"]);
    lab.sessions(1..=3);
    lab.harvest();
    moves(&lab, 2, "COMPLETED");
    generates(&lab, 2, "COMPLETED");
    uploads(&lab, 2, "a", "theirs");
    let report = lab.run();
    assert_eq!(report.build.built, 2);
    assert_eq!(lab.status(2), Some(RecordStatus::Completed));
    let delivery = lab.delivery(2, "a").unwrap();
    assert_eq!((delivery.state, delivery.origin), (State::Delivered, Origin::Peer));
    assert_eq!(delivery.remote_id.as_deref(), Some("theirs"));
    assert_eq!(lab.servers.server("a").of("lab-use-2"), []);
    assert_eq!(lab.servers.server("b").of("lab-use-2"), []);
    assert_eq!(lab.servers.server("a").counts().creates, 2);
}

#[test]
fn what_it_delivered_of_ours_is_not_delivered_again_and_what_is_due_stays_due() {
    let mut lab = Lab::with_destinations(&["a", "b"]).strategy("all");
    lab.reconfigure("server = \"a\"", "server = \"a\"\nremark = \"one\"");
    lab.sessions([1]);
    for name in ["a", "b"] {
        lab.servers
            .server(name)
            .on_deliver("lab-use-1", [Fault::Refuse(nexus_plugin_api::FailureClass::Auth)]);
    }
    lab.run();
    assert_eq!(lab.status(1), Some(RecordStatus::BuiltNotExported));
    uploads(&lab, 1, "a", "theirs");
    moves(&lab, 1, "COMPLETED");
    lab.run();
    lab.reconfigure("remark = \"one\"", "remark = \"two\"");
    lab.reconfigure("server = \"b\"", "server = \"b\"\nremark = \"two\"");
    lab.run();
    assert_eq!(lab.status(1), Some(RecordStatus::Completed));
    assert_eq!(lab.servers.server("a").counts().creates, 0, "theirs is there");
    assert_eq!(lab.servers.server("b").counts().creates, 1, "what was missing is delivered");
    assert_eq!(lab.delivery(1, "a").unwrap().origin, Origin::Peer);
}

#[test]
fn a_session_that_it_reset_is_built_again_and_its_object_updated() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2]);
    lab.run();
    let server = lab.servers.server("a");
    moves(&lab, 1, "TO_BE_BUILT");
    let report = lab.run();
    assert_eq!(report.build.built, 1);
    assert_eq!(lab.status(1), Some(RecordStatus::Completed));
    assert_eq!((server.counts().creates, server.counts().updates), (2, 0), "equal content delivers nothing");
    moves(&lab, 1, "TO_BE_BUILT");
    lab.put_file(1, "second");
    lab.run();
    assert_eq!(lab.status(1), Some(RecordStatus::Completed));
    assert_eq!((server.counts().creates, server.counts().updates), (2, 1));
    assert_eq!(server.of("lab-use-1").len(), 1);
    assert_eq!(lab.uploads(1, "a"), ["ok", "ok"]);
}

#[test]
fn a_reset_session_whose_files_are_gone_keeps_its_object() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 3]);
    lab.run();
    moves(&lab, 1, "TO_BE_BUILT");
    std::fs::remove_file(lab.path("files/sem/1_image.txt")).unwrap();
    lab.run();
    assert_eq!(lab.status(1), Some(RecordStatus::NoFilesFound));
    assert_eq!(lab.servers.server("a").of("lab-use-1").len(), 1);
    assert_eq!(lab.delivery(1, "a").unwrap().state, State::Delivered);
}

#[test]
fn a_session_that_it_could_not_export_is_told_of_and_left_alone() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2]);
    lab.harvest();
    moves(&lab, 1, "BUILT_NOT_EXPORTED");
    generates(&lab, 1, "BUILT_NOT_EXPORTED");
    let report = lab.run();
    assert!(report.needs_person.iter().any(|line| line.contains("adopt --deliver-missing")), "{report:?}");
    assert_eq!((report.build.planned, lab.status(1)), (1, Some(RecordStatus::BuiltNotExported)));
    assert_eq!(lab.delivery(1, "a"), None);
    assert_eq!(lab.servers.server("a").counts().creates, 1);
}

#[test]
fn a_session_that_it_settled_without_a_record_is_accepted() {
    for status in ["NO_CONSENT", "NO_RESERVATION", "NO_FILES_FOUND", "ERROR"] {
        let lab = Lab::with_destinations(&["a"]);
        lab.sessions([1]);
        lab.harvest();
        moves(&lab, 1, status);
        let report = lab.run();
        assert_eq!(report.build.planned, 0);
        assert_eq!(lab.status(1).unwrap().to_string(), status);
        moves(&lab, 1, "TO_BE_BUILT");
        lab.run();
        assert_eq!(lab.status(1), Some(RecordStatus::Completed), "asked for again");
    }
}

#[test]
fn what_both_may_have_delivered_is_told_to_a_person() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2]);
    let server = lab.servers.server("a");
    server.can_find(false);
    server.on_deliver("lab-use-1", [Fault::LostAfterWrite]);
    lab.run();
    uploads(&lab, 1, "a", "theirs");
    uploads(&lab, 2, "a", "theirs-too");
    let report = lab.run();
    let told = |number| report.needs_person.iter().any(|line| line.contains(Lab::id(number).as_str()));
    assert!(told(1) && told(2), "{report:?}");
    assert_eq!(lab.delivery(1, "a").unwrap().state, State::Unknown);
    assert_eq!(lab.delivery(2, "a").unwrap().state, State::Delivered);
    assert_eq!(server.counts().creates, 2);
    let report = lab.run();
    assert!(!report.needs_person.iter().any(|line| line.contains("theirs")), "said once: {report:?}");
}

#[test]
fn failures_that_it_logged_change_nothing() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1]);
    lab.sql(
        "INSERT INTO upload_log (session_identifier, destination_name, success, timestamp, error_message) \
         VALUES ('lab-use-1', 'a', 0, '2024-03-10T06:00:01', 'no')",
        &[],
    );
    lab.run();
    assert_eq!(lab.status(1), Some(RecordStatus::Completed));
    assert_eq!(lab.servers.server("a").counts().creates, 1);
}

#[test]
fn what_its_exporter_calls_a_key_does_not_make_an_upload_ours() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1]);
    lab.harvest();
    moves(&lab, 1, "COMPLETED");
    uploads(&lab, 1, "a", "theirs");
    lab.sql("UPDATE upload_log SET metadata_json = '{\"key\": \"bucket/1\"}'", &[]);
    lab.run();
    let delivery = lab.delivery(1, "a").unwrap();
    assert_eq!((delivery.state, delivery.origin), (State::Delivered, Origin::Peer));
}

#[test]
fn rows_of_the_upload_log_that_got_the_numbers_of_deleted_ones_are_seen() {
    for deleted in [1, 2, 3] {
        for added in [1, 2, 3, 4] {
            let lab = Lab::with_destinations(&["a"]);
            lab.sessions(1..=2);
            lab.run();
            uploads(&lab, 1, "x", "first");
            uploads(&lab, 2, "x", "second");
            lab.run();
            // Somebody removes the last rows, and NexusLIMS goes on where SQLite lets it.
            lab.sql(
                "DELETE FROM upload_log WHERE id > (SELECT max(id) FROM upload_log) - ?1",
                &[&deleted.to_string()],
            );
            for number in 0..added {
                uploads(&lab, 1 + number % 2, &format!("y{}", number / 2), &format!("new-{number}"));
            }
            let report = lab.run();
            for number in 0..added {
                let row = lab.delivery(1 + number % 2, &format!("y{}", number / 2));
                let case = format!("{deleted} deleted, {added} added: {number}; {report:?}");
                assert_eq!(row.expect(&case).remote_id, Some(format!("new-{number}")));
            }
            assert!(report.needs_person.is_empty(), "{report:?}");
            let told = |lab: &Lab| {
                lab.dump()["nexus_event"]
                    .iter()
                    .filter(|row| format!("{row:?}").contains("delivered_by_peer"))
                    .count()
            };
            assert_eq!(told(&lab), 2 + usize::try_from(added).unwrap(), "{deleted} deleted, {added} added");
            let before = lab.dump();
            lab.run();
            let mut after = lab.dump();
            after.insert("nexus_meta".into(), before["nexus_meta"].clone());
            assert_eq!(before, after, "and once is enough");
        }
    }
}

#[test]
fn rows_in_the_place_of_deleted_ones_are_seen_after_a_crash_too() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1]);
    lab.run();
    uploads(&lab, 1, "x", "first");
    lab.run();
    lab.sql("DELETE FROM upload_log WHERE destination_name = ?1", &["x"]);
    uploads(&lab, 1, "y", "second");
    // An attempt was cut off: what becomes of it is the first thing that the next run writes into the log.
    lab.sql("UPDATE nexus_delivery SET state = 'in_flight' WHERE destination = ?1", &["a"]);
    lab.run();
    assert_eq!(lab.delivery(1, "y").unwrap().remote_id.as_deref(), Some("second"));
}

#[test]
fn what_it_uploaded_before_adopt_was_said_once_more_is_not_overlooked() {
    let mut lab = Lab::with_destinations(&["a"]);
    lab.reconfigure("server = \"a\"", "server = \"a\"\nremark = \"one\"");
    lab.sessions([1]);
    let server = lab.servers.server("a");
    server.on_deliver("lab-use-1", [Fault::Refuse(nexus_plugin_api::FailureClass::Auth)]);
    lab.run();
    uploads(&lab, 1, "a", "theirs");
    moves(&lab, 1, "COMPLETED");
    let facility = lab.open().unwrap();
    let mut database = Database::open(&lab.path("nexus.db"), Access::Write).unwrap();
    let tx = database.transaction().unwrap();
    let instruments = Instruments::load(&tx).unwrap();
    let sources = Sources::of(&facility.config);
    let clock = ManualClock::at(lab.now());
    adopt::adopt(
        &tx,
        &pipeline::routes(&facility.config),
        &facility.folders,
        &instruments,
        &sources,
        true,
        &clock,
    )
    .unwrap();
    tx.commit().unwrap();
    drop((database, facility));
    lab.reconfigure("remark = \"one\"", "remark = \"two\"");
    lab.run();
    assert_eq!(server.counts().creates, 0, "theirs is there");
    assert_eq!(lab.delivery(1, "a").unwrap().remote_id.as_deref(), Some("theirs"));
}

#[test]
fn a_delivered_session_that_somebody_has_built_again_and_that_has_no_consent_any_more_is_told() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2]);
    lab.run();
    lab.sql(
        "UPDATE session_log SET record_status = 'TO_BE_BUILT' WHERE event_type <> 'RECORD_GENERATION'",
        &[],
    );
    let refused = ReservationAnswer::NoConsent { reason: "taken back".to_owned() };
    lab.harvester.answer(Lab::id(1).as_str(), refused);
    let report = lab.run();
    assert_eq!(
        (lab.status(1), lab.status(2)),
        (Some(RecordStatus::NoConsent), Some(RecordStatus::Completed))
    );
    let told: Vec<_> =
        report.needs_person.iter().filter(|line| line.contains("stays where it was delivered")).collect();
    assert!(
        told.len() == 1 && told[0].contains("session lab-use-1") && told[0].contains("taken back"),
        "{report:?}"
    );
    assert!(lab.run().needs_person.is_empty());
}

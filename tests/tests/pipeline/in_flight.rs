//! A record that is built again while an earlier one of it is on its way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nexus_core::delivery::State;
use nexus_core::session_state::SessionState;
use nexus_plugin_api::FailureClass;
use nexus_tests::lab::{Fault, Hook, Lab, Meddler};

/// A session whose rebuild is committed exactly while its first record is being delivered.
fn met_in_flight(can_find: bool) {
    let mut lab = Lab::with_destinations(&["a"]);
    lab.reconfigure("server = \"a\"", "server = \"a\"\nremark = \"one\"");
    let server = lab.servers.server("a");
    server.can_find(can_find);
    lab.sessions([1]);
    let is_sent = Arc::new(AtomicBool::new(false));
    let (path, sent) = (lab.path("nexus.db"), Arc::clone(&is_sent));
    let until_rebuilt = Hook::new(move || {
        sent.store(true, Ordering::SeqCst);
        let version = || {
            let connection = rusqlite::Connection::open(&path).unwrap();
            let read = "SELECT record_version FROM nexus_session";
            connection.query_row(read, [], |row| row.get::<_, u32>(0)).unwrap()
        };
        while version() < 2 {
            std::thread::yield_now();
        }
    });
    server.on_deliver("lab-use-1", [Fault::Refuse(FailureClass::Auth), Fault::First(until_rebuilt)]);
    lab.run();
    assert_eq!(lab.delivery(1, "a").unwrap().state, State::Failed);
    lab.put_file(1, "second");
    lab.rebuild_all();
    lab.reconfigure("\"one\"", "\"two\"");
    let until_sent = Meddler::new().when("second.txt", move |_| {
        while !is_sent.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
    });
    let report = lab.run_meddled(&until_sent);
    assert_eq!(report.needs_person, Vec::<String>::new());
    assert_eq!(lab.uploads(1, "a"), ["auth", "ok", "ok"]);
    let state = SessionState::load(lab.database().read(), &Lab::id(1)).unwrap().unwrap();
    let row = lab.delivery(1, "a").unwrap();
    assert_eq!((row.state, row.delivered_sha256), (State::Delivered, state.content_sha256.clone()));
    let objects = server.of("lab-use-1");
    assert_eq!((server.counts().creates, server.counts().updates), (1, 1));
    assert_eq!(
        objects.iter().map(|object| Some(&object.content)).collect::<Vec<_>>(),
        [state.content_sha256.as_ref()]
    );
}

#[test]
fn the_outcome_counts_and_the_new_record_follows() {
    met_in_flight(true);
}

#[test]
fn nobody_need_look_at_a_destination_that_cannot_be_asked() {
    met_in_flight(false);
}

//! A destination that cannot be asked, under another name.

use chrono::TimeDelta;
use nexus_core::db::{Access, Database};
use nexus_core::delivery::{self, Event, Origin, State, table};
use nexus_core::session::RecordStatus;
use nexus_tests::lab::{Fault, Lab, Server};

/// A facility whose destination `a` cannot be asked and has met the session once; then it is called `b`.
fn renamed(fault: Option<Fault>) -> (Lab, Server) {
    let mut lab = Lab::with_destinations(&["a"]);
    lab.sessions([1]);
    let server = lab.servers.server("a");
    server.can_find(false);
    server.on_deliver("lab-use-1", fault);
    lab.run();
    lab.reconfigure("[destinations.a]", "[destinations.b]");
    (lab, server)
}

fn retry(lab: &Lab) {
    let row = lab.delivery(1, "b").unwrap();
    let (next, _) = delivery::step(&row, Event::Retry, lab.now());
    let mut database = Database::open(&lab.path("nexus.db"), Access::Write).unwrap();
    let tx = database.transaction().unwrap();
    table::save(&tx, &row, &next).unwrap();
    tx.commit().unwrap();
}

#[test]
fn a_rebuild_changes_the_object_that_the_old_name_made() {
    let (lab, server) = renamed(None);
    // Equal content first: nothing is sent.
    lab.rebuild_all();
    let report = lab.run_after(TimeDelta::days(1));
    assert!(report.needs_person.is_empty(), "{report:?}");
    assert_eq!((server.counts().creates, server.counts().updates), (1, 0));
    let row = lab.delivery(1, "b").unwrap();
    assert_eq!((row.state, row.remote_id), (State::Delivered, lab.delivery(1, "a").unwrap().remote_id));
    lab.put_file(1, "second");
    lab.rebuild_all();
    lab.run_after(TimeDelta::days(1));
    assert_eq!((server.counts().creates, server.counts().updates), (1, 1));
    assert_eq!(server.of("lab-use-1").len(), 1);
    // And back again.
    let mut lab = lab;
    lab.reconfigure("[destinations.b]", "[destinations.a]");
    lab.put_file(1, "third");
    lab.rebuild_all();
    lab.run_after(TimeDelta::days(1));
    assert_eq!((server.counts().creates, server.counts().updates), (1, 2));
}

#[test]
fn a_changed_record_goes_into_the_object_that_the_old_name_made() {
    let (lab, server) = renamed(None);
    lab.put_file(1, "second");
    lab.rebuild_all();
    lab.run_after(TimeDelta::days(1));
    assert_eq!((server.counts().creates, server.counts().updates), (1, 1));
    let kinds =
        lab.dump()["nexus_event"].iter().filter(|row| format!("{row:?}").contains("taken_over")).count();
    assert_eq!(kinds, 1, "its story tells of it");
}

#[test]
fn what_was_unclear_stays_so_and_a_person_decides() {
    let (lab, server) = renamed(Some(Fault::LostAfterWrite));
    assert_eq!(lab.delivery(1, "a").unwrap().state, State::Unknown);
    lab.rebuild_all();
    let report = lab.run_after(TimeDelta::days(1));
    assert_eq!(lab.delivery(1, "b").unwrap().state, State::Unknown);
    assert!(report.needs_person.iter().any(|text| text.contains("as destination `a`")), "{report:?}");
    assert_eq!(server.counts().delivers, 1);
    retry(&lab);
    lab.run_after(TimeDelta::days(1));
    assert_eq!(lab.delivery(1, "b").unwrap().state, State::Delivered, "somebody has looked");
    assert_eq!(server.counts().delivers, 2);
}

#[test]
fn where_nobody_noted_the_place_a_person_decides() {
    let (lab, server) = renamed(None);
    // As NexusLIMS delivers.
    let origin = Origin::Peer.to_string();
    lab.sql("UPDATE nexus_delivery SET target = NULL, origin = ?1, delivered_sha256 = NULL", &[&origin]);
    lab.rebuild_all();
    let report = lab.run_after(TimeDelta::days(1));
    assert_eq!(lab.delivery(1, "b").unwrap().state, State::Unknown, "{report:?}");
    assert!(
        report.needs_person.iter().any(|text| text.contains("`a`, which the configuration")),
        "{report:?}"
    );
    retry(&lab);
    lab.run_after(TimeDelta::days(1));
    assert_eq!((lab.delivery(1, "b").unwrap().state, server.counts().creates), (State::Delivered, 2));
}

#[test]
fn another_place_or_a_name_that_is_still_there_gets_an_object_of_its_own() {
    let (mut lab, server) = renamed(None);
    server.moves_to("elsewhere");
    lab.rebuild_all();
    lab.run_after(TimeDelta::days(1));
    assert_eq!((lab.delivery(1, "b").unwrap().state, server.counts().creates), (State::Delivered, 2));
    // Two names for one place, both in the configuration: as somebody wished.
    lab.table("c", "plugin = \"store\"\nserver = \"a\"");
    lab.rebuild_all();
    lab.run_after(TimeDelta::days(1));
    assert_eq!((lab.delivery(1, "c").unwrap().state, server.counts().creates), (State::Delivered, 3));
    assert_eq!(lab.status(1), Some(RecordStatus::Completed));
}

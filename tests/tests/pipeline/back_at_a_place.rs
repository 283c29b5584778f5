//! Destinations that cannot be asked and come back to a place where they have been, or where another one has been.

use chrono::TimeDelta;
use nexus_core::delivery::State;
use nexus_core::session::RecordStatus;
use nexus_tests::lab::{Lab, Server};

fn built_anew(lab: &Lab, file: &str) -> nexus_core::report::RunReport {
    lab.put_file(1, file);
    lab.rebuild_all();
    lab.run_after(TimeDelta::days(1))
}

/// A facility whose destination `a` cannot be asked, was moved to another place, and has an object at both.
fn moved() -> (Lab, Server) {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1]);
    let server = lab.servers.server("a");
    server.can_find(false);
    lab.run();
    server.moves_to("elsewhere");
    built_anew(&lab, "second");
    assert_eq!((server.counts().creates, server.counts().updates), (2, 0), "one object at each place");
    (lab, server)
}

#[test]
fn a_destination_that_is_back_changes_the_object_that_it_left_there() {
    let (lab, server) = moved();
    let left = lab.delivery(1, "a").unwrap();
    server.moves_to("store:a");
    built_anew(&lab, "third");
    assert_eq!((server.counts().creates, server.counts().updates), (2, 1));
    assert_ne!(lab.delivery(1, "a").unwrap().remote_id, left.remote_id);
    server.moves_to("elsewhere");
    built_anew(&lab, "fourth");
    assert_eq!((server.counts().creates, server.counts().updates), (2, 2));
    assert_eq!(lab.delivery(1, "a").unwrap().remote_id, left.remote_id);
    assert_eq!(lab.delivery(1, "a").unwrap().state, State::Delivered);
}

#[test]
fn where_nobody_noted_which_place_it_was_a_person_decides() {
    let (lab, server) = moved();
    // As an earlier version and NexusLIMS write them.
    lab.sql("UPDATE upload_log SET metadata_json = NULL", &[]);
    server.moves_to("store:a");
    let report = built_anew(&lab, "third");
    assert_eq!((server.counts().creates, server.counts().updates), (2, 0));
    assert_eq!(lab.delivery(1, "a").unwrap().state, State::Unknown);
    assert!(report.needs_person.iter().any(|text| text.contains("a place that was not noted")), "{report:?}");
}

#[test]
fn a_first_move_needs_nobody() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1]);
    let server = lab.servers.server("a");
    server.can_find(false);
    lab.run();
    lab.sql("UPDATE upload_log SET metadata_json = NULL", &[]);
    server.moves_to("elsewhere");
    built_anew(&lab, "second");
    assert_eq!((lab.delivery(1, "a").unwrap().state, server.counts().creates), (State::Delivered, 2));
}

/// A facility whose destinations `a` and `b` cannot be asked and have an object each; then they have changed places.
fn changed() -> (Lab, [Server; 2]) {
    let mut lab = Lab::with_destinations(&["a", "b"]);
    lab.sessions([1]);
    let servers = ["a", "b"].map(|name| lab.servers.server(name));
    for server in &servers {
        server.can_find(false);
    }
    lab.run();
    lab.reconfigure("server = \"a\"", "server = \"c\"");
    lab.reconfigure("server = \"b\"", "server = \"a\"");
    lab.reconfigure("server = \"c\"", "server = \"b\"");
    (lab, servers)
}

fn objects(lab: &Lab) -> [Option<String>; 2] {
    ["a", "b"].map(|name| lab.delivery(1, name).unwrap().remote_id)
}

#[test]
fn two_that_change_places_change_each_others_objects() {
    let (lab, servers) = changed();
    let [first, second] = objects(&lab);
    built_anew(&lab, "second");
    for server in &servers {
        assert_eq!((server.counts().creates, server.counts().updates), (1, 1), "{server:?}");
    }
    assert_eq!(objects(&lab), [second, first]);
    assert_eq!(lab.status(1), Some(RecordStatus::Completed));
}

#[test]
fn one_that_cannot_say_where_it_is_leaves_the_others_object_undecided() {
    let (lab, servers) = changed();
    // It is where `b` is now.
    servers[0].down(Some(nexus_plugin_api::PluginError::transient("no route")));
    built_anew(&lab, "second");
    assert_eq!((servers[1].counts().creates, servers[1].counts().updates), (1, 0));
    assert_eq!(lab.delivery(1, "a").unwrap().state, State::Due);
    servers[0].down(None);
    lab.run_after(TimeDelta::days(1));
    for server in &servers {
        assert_eq!((server.counts().creates, server.counts().updates), (1, 1), "{server:?}");
    }
}

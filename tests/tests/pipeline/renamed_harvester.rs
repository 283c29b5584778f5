//! A harvester under another name.

use nexus_core::cursor::Cursor;
use nexus_core::session::RecordStatus;
use nexus_core::session_state::SessionState;
use nexus_plugin_api::{PluginError, ReservationAnswer, UsageEvent};
use nexus_tests::lab::Lab;

/// One session is built, one waits for its reservation, one event is in use; then the harvester `lab` has another name.
fn renamed() -> Lab {
    let mut lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2, 3]);
    let away = ReservationAnswer::Failed(PluginError::transient("away"));
    lab.harvester.answer(Lab::id(2).as_str(), away);
    lab.harvester.put(UsageEvent { end: None, ..Lab::event(3) });
    lab.run();
    assert_eq!(lab.status(1), Some(RecordStatus::Completed));
    lab.rename_harvester("scheduler");
    lab
}

fn state(lab: &Lab, number: u32) -> SessionState {
    SessionState::load(lab.database().read(), &Lab::id(number)).unwrap().unwrap()
}

fn names(lab: &Lab) -> Vec<String> {
    let name = |number| state(lab, number).harvester.unwrap().to_string();
    [1, 2, 3].map(name).to_vec()
}

#[test]
fn what_the_old_name_brought_is_the_new_ones_and_that_is_told_once() {
    let lab = renamed();
    let told = |report: &nexus_core::report::RunReport| {
        report.warnings.iter().filter(|text| text.contains("same source as `lab`")).count()
    };
    let report = lab.run();
    assert_eq!((names(&lab), told(&report)), (vec!["scheduler".to_owned(); 3], 1), "{report:?}");
    assert!(Cursor::of_harvester(lab.database().read(), &"lab".into()).unwrap().is_empty());
    assert!(!Cursor::of_harvester(lab.database().read(), &"scheduler".into()).unwrap().is_empty());
    assert_eq!(told(&lab.run()), 0);
    assert_eq!(lab.servers.server("a").counts().creates, 1);
    assert_eq!(lab.dump()["nexus_session"].len(), 3);
}

#[test]
fn an_event_that_was_in_use_is_asked_for_and_one_that_goes_is_noticed() {
    let lab = renamed();
    lab.run();
    // From now on only what is asked for by name is told.
    lab.harvester.tell_from(lab.now());
    lab.harvester.put(Lab::event(3));
    lab.run();
    assert_eq!(lab.status(3), Some(RecordStatus::Completed));
    lab.harvester.tell_from(Lab::start(0));
    lab.harvester.remove("2");
    lab.run();
    lab.run();
    assert_eq!(lab.status(2), Some(RecordStatus::NoReservation));
}

#[test]
fn a_session_whose_server_has_moved_too_does_not_come_a_second_time() {
    let mut lab = Lab::with_destinations(&["a"]);
    let at = |host: &str| UsageEvent {
        session_identifier: format!("https://{host}.example.org/events/?id=1"),
        ..Lab::event(1)
    };
    lab.own_harvester("address = \"https://lab.example.org/\"");
    lab.put_file(1, "image");
    lab.harvester.put(at("lab"));
    lab.run();
    assert_eq!(lab.servers.server("a").counts().creates, 1);
    lab.sql("UPDATE instruments SET api_url = replace(api_url, '//lab.', '//new.')", &[]);
    lab.rename_harvester("scheduler");
    lab.own_harvester_anew(
        "address = \"https://new.example.org/\"\naliases = [\"https://lab.example.org/\"]",
    );
    lab.harvester.put(at("new"));
    let report = lab.run();
    assert_eq!(lab.dump()["nexus_session"].len(), 1, "{report:?}");
    assert_eq!(lab.servers.server("a").counts().creates, 1);
}

#[test]
fn another_source_takes_over_nothing_and_open_events_of_a_removed_one_are_told() {
    let mut lab = renamed();
    lab.rename_harvester("other");
    for number in [1, 2, 3] {
        lab.harvester.remove(&number.to_string());
    }
    // Its first event has an id that the other source used as well.
    let foreign = UsageEvent { external_id: "1".to_owned(), ..Lab::event(4) };
    lab.harvester.put(foreign);
    for _ in 0..3 {
        let report = lab.run();
        let told = |text: &&String| text.contains("`nexus harvesters retire lab`");
        assert_eq!(report.needs_person.iter().filter(told).count(), 1, "{report:?}");
    }
    assert_eq!(names(&lab), ["lab", "lab", "lab"]);
    assert_eq!(lab.status(4), Some(RecordStatus::NoFilesFound));
    assert!(state(&lab, 3).open_since.is_some());
}

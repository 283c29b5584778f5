//! The session that is meant.

use super::super::find::{at_time, find};
use super::stage::{ID, Stage, arrived, at, claim};
use crate::delivery::Event;

fn found(stage: &Stage, text: &str) -> Vec<(String, Vec<String>)> {
    let found = find(stage.database.read(), text).unwrap();
    found.into_iter().map(|one| (one.session_identifier.to_string(), one.found_as)).collect()
}

fn delivered() -> Stage {
    let mut stage = Stage::usual();
    stage.harvested().built().happens("cdcs", [claim(true), Event::FoundNone, arrived()]);
    stage
}

#[test]
fn by_whatever_one_has_in_hand() {
    let stage = delivered();
    for (text, how) in [
        (ID, "a session"),
        ("2024-03-05_TEM_17", "the record"),
        ("/somewhere/2024-03-05_TEM_17.xml", "the record"),
        ("65e6f2", "an object at `cdcs`"),
        ("https://cdcs.example.org/data?id=65e6f2", "an object at `cdcs`"),
        ("https://cdcs.example.org/data?id=65e6f2/", "an object at `cdcs`"),
        ("17", "a usage event of harvester `nemo-main`"),
    ] {
        assert_eq!(found(&stage, text), [(ID.to_owned(), vec![how.to_owned()])], "{text}");
    }
    for text in ["18", "", "65e6", "2024-03-05_TEM_18.xml", "https://cdcs.example.org/data"] {
        assert_eq!(found(&stage, text), [], "{text}");
    }
}

#[test]
fn several_that_may_be_meant_are_all_told() {
    let mut stage = delivered();
    stage.sql(
        "INSERT INTO nexus_session (session_identifier, record_key, harvester, external_id, instrument_pid)
         VALUES ('other', 'k', 'nemo-south', '17', 'TEM'), ('third', 'l', 'nemo-south', '65e6f2', 'TEM')",
    );
    let ids = |text: &str| found(&stage, text).into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(ids("17"), [ID, "other"]);
    assert_eq!(ids("65e6f2"), [ID, "third"]);
    assert_eq!(ids("third"), ["third"], "what is called so goes before what is called like it");
}

#[test]
fn on_a_database_that_nexus_never_met() {
    let mut stage = delivered();
    stage.sql("DROP TABLE nexus_session; DROP TABLE nexus_delivery; DROP TABLE nexus_meta");
    for text in [ID, "2024-03-05_TEM_17.xml", "65e6f2", "https://cdcs.example.org/data?id=65e6f2"] {
        assert_eq!(found(&stage, text).len(), 1, "{text}");
    }
    assert_eq!(found(&stage, "17"), []);
}

#[test]
fn at_a_moment_the_session_that_holds_it_or_its_neighbours() {
    let mut stage = Stage::usual();
    stage.harvested().sql(
        "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status) VALUES
            ('naive', 'TEM', '2024-03-05T11:00:00', 'START', 'TO_BE_BUILT'),
            ('naive', 'TEM', '2024-03-05T12:00:00', 'END', 'TO_BE_BUILT'),
            ('odd', 'TEM', 'never', 'START', 'TO_BE_BUILT'),
            ('far', 'TEM', '2024-03-07T11:00:00', 'START', 'TO_BE_BUILT'),
            ('far', 'TEM', '2024-03-07T12:00:00', 'END', 'TO_BE_BUILT'),
            ('elsewhere', 'SEM', '2024-03-06T11:00:00', 'START', 'TO_BE_BUILT');
         INSERT INTO nexus_session (session_identifier, record_key, instrument_pid, open_since, seen_digest)
         VALUES ('open', 'k', 'TEM', '2024-03-08T09:00:00.000000Z', 'TEM bea 2024-03-08T09:00 ')",
    );
    let around = |time: &str| {
        let found = at_time(stage.database.read(), &"TEM".into(), at(time)).unwrap();
        let name = |span: super::super::Span| span.session_identifier.to_string();
        let holding: Vec<String> = found.holding.into_iter().map(name).collect();
        (holding, found.before.map(name), found.after.map(name))
    };
    let some = |name: &str| Some(name.to_owned());
    assert_eq!(around("2024-03-05T08:30:00Z"), (vec![ID.to_owned()], None, None));
    assert_eq!(around("2024-03-05T10:00:00Z"), (vec![ID.to_owned(), "naive".to_owned()], None, None));
    assert_eq!(around("2024-03-05T11:00:00Z"), (vec!["naive".to_owned()], None, None));
    assert_eq!(around("2024-03-06T11:00:00Z"), (vec![], some("naive"), some("far")));
    assert_eq!(around("2024-03-01T11:00:00Z"), (vec![], None, some(ID)));
    assert_eq!(around("2024-03-09T11:00:00Z"), (vec!["open".to_owned()], None, None), "it has not ended");
}

//! Whatever stands in the database, something is said, in whole sentences.

use chrono::TimeDelta;
use serde_json::json;

use super::super::{Chapter, Facts, Subject, explain};
use super::stage::{Stage, arrived, claim};
use crate::delivery::{Event, Hold, Origin, State, Strategy};
use crate::session::RecordStatus;
use crate::timestamp::UtcTime;

#[track_caller]
fn is_sound(facts: Facts) {
    let shown = format!("{facts:?}");
    let explanation = explain(facts);
    let chapter = |subject| explanation.chapters.iter().find(|chapter| chapter.subject == subject);
    for subject in [Subject::Session, Subject::Status, Subject::Next] {
        assert!(chapter(subject).is_some(), "nothing is said about {subject:?}: {shown}");
    }
    for Chapter { paragraphs, .. } in &explanation.chapters {
        for sentence in paragraphs.iter().flat_map(|paragraph| &paragraph.sentences) {
            let is_link = sentence.contains("://");
            assert!(is_link || sentence.ends_with(['.', ')']), "no end: `{sentence}`");
            assert!(
                !sentence.contains("..") && !sentence.contains("{}") && !sentence.contains("``"),
                "`{sentence}`"
            );
            assert!(
                sentence.starts_with(|c: char| !c.is_lowercase()) || sentence.starts_with("ada"),
                "`{sentence}`"
            );
        }
    }
}

#[test]
fn every_status_with_every_state_of_a_delivery() {
    let mut stage = Stage::new(Strategy::BestEffort, &[("cdcs", &[]), ("notebook", &["cdcs"])]);
    stage.harvested().built().happens("cdcs", [claim(true), Event::FoundNone, arrived()]).ends_run();
    let facts = stage.facts();
    let statuses = RecordStatus::ALL.iter().map(|status| Some(status.to_string()));
    for status in statuses.chain([None, Some("PAUSED".to_owned())]) {
        for (state, hold) in State::ALL
            .iter()
            .map(|state| (*state, (*state == State::Held).then_some(Hold::After)))
            .chain(Hold::ALL.iter().map(|hold| (State::Held, Some(*hold))))
        {
            for bits in 0..64_u8 {
                let bit = |at: u8| bits & (1 << at) != 0;
                let mut facts = facts.clone();
                facts.status.clone_from(&status);
                facts.at_work = if bit(0) { facts.at_work } else { None };
                facts.strategy = if bit(1) { Strategy::All } else { Strategy::FirstSuccess };
                if bit(5) {
                    facts.remembered = None;
                    facts.booking = None;
                }
                let one = &mut facts.deliveries[0];
                one.line.state = state;
                one.line.held_for = hold;
                one.configured = bit(2);
                one.can_find = bit(3);
                one.line.in_doubt = bit(4);
                one.absent_after = bit(4).then(|| facts.now.plus(TimeDelta::minutes(2)));
                one.line.attempt = u32::from(bits) % 3;
                one.line.origin = if bit(3) { Origin::Peer } else { Origin::Nexus };
                is_sound(facts);
            }
        }
    }
}

#[test]
fn what_is_left_out_is_counted_and_all_can_be_asked_for() {
    let mut stage = Stage::usual();
    stage.harvested();
    stage.change(|tx, journal, now| {
        for number in 0..30 {
            let at = now + TimeDelta::minutes(number);
            journal.note(tx, &super::stage::id(), at, "warning", &format!("file {number}")).unwrap();
        }
    });
    let told = stage.text(&[Subject::Happened]);
    assert_eq!(told.lines().nth(1), Some("  (12 happenings before that; `--all` tells everything.)"));
    assert_eq!(told.lines().last(), Some("  2024-03-05 11:44 +01:00  The build noticed: file 29."));
    assert_eq!(told.lines().count(), 22);
    stage.happenings = None;
    let told = stage.text(&[Subject::Happened]);
    assert_eq!(told.lines().count(), 33);
    assert!(told.contains("Run 1 (nexus 0.1.0) began, and was interrupted."), "{told}");
}

#[test]
fn the_facts_hold_no_credentials_and_no_reservation_of_megabytes() {
    let mut stage = Stage::usual();
    stage.harvested().built_as("c", &json!({ "url": "https://u:hunter2@nemo.example.org/", "title": "T" }));
    let json = serde_json::to_value(stage.explained()).unwrap();
    assert!(!json.to_string().contains("hunter2"), "{json:#}");
    assert_eq!(json["facts"]["booking"]["url"], "https://***@nemo.example.org/");
    assert_eq!(json["facts"]["remembered"]["reservation"], serde_json::Value::Null);
    assert_eq!(
        json["facts"]["files_until"],
        UtcTime::new("2024-03-07T10:00:00Z".parse().unwrap()).to_string()
    );
    assert_eq!(json["chapters"][0]["subject"], "session");
}

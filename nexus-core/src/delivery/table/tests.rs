//! Rows there and back, the queue, and recovery.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::db::Database;
use crate::delivery::{Class, Hold, Origin, TargetFacts};

fn start() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn after(seconds: i64) -> DateTime<Utc> {
    start() + TimeDelta::seconds(seconds)
}

fn due(session: &str, not_before: Option<DateTime<Utc>>) -> Delivery {
    Delivery {
        state: State::Due,
        wanted_sha256: Some("h1".to_owned()),
        not_before,
        ..Delivery::new(session.into(), "archive".into(), start())
    }
}

fn database_with(rows: &[Delivery]) -> Database {
    let mut database = Database::in_memory().unwrap();
    let tx = database.transaction().unwrap();
    for row in rows {
        insert(&tx, row).unwrap();
    }
    tx.commit().unwrap();
    database
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn every_row_comes_back_as_it_was(
        words in (
            prop::sample::select(State::ALL),
            proptest::option::of(prop::sample::select(Hold::ALL)),
            proptest::option::of(prop::sample::select(Class::ALL)),
            prop::sample::select(Origin::ALL),
            proptest::option::of(prop_oneof![Just(LeftBehind::None), Just(LeftBehind::Maybe)]),
        ),
        texts in proptest::collection::vec(proptest::option::of("[a-zé'\"]{0,9}"), 9),
        times in proptest::collection::vec(proptest::option::of(-1_000_000_000_i64..1_000_000_000), 3),
        numbers in (any::<u32>(), 0_i64..100_000, proptest::option::of(any::<i64>()), any::<bool>()),
    ) {
        let (state, held_for, failure_class, origin, failure_effect) = words;
        let (attempt, settle, upload_log_id, can_find) = numbers;
        let text = |n: usize| texts[n].clone();
        let time = |n: usize| times[n].map(|micros| start() + TimeDelta::microseconds(micros));
        let row = Delivery {
            target: text(0),
            can_find,
            settle: TimeDelta::seconds(settle),
            state,
            held_for,
            wanted_sha256: text(1),
            delivered_sha256: text(2),
            remote_id: text(3),
            remote_url: text(4),
            checkpoint: text(5).map(|text| Checkpoint(json!({ "page": [1.5, text] }))),
            checkpoint_sha256: text(6),
            attempt,
            intent_at: time(0),
            absent_after: time(1),
            failure_class,
            failure_effect,
            failure_text: text(7),
            config_digest: text(8),
            not_before: time(2),
            origin,
            upload_log_id,
            ..Delivery::new("s".into(), "d".into(), start())
        };
        let mut database = database_with(std::slice::from_ref(&row));
        prop_assert_eq!(load(database.read(), &row.session, &row.destination).unwrap(), Some(row.clone()));

        let blank = Delivery { updated_at: after(1), ..Delivery::new("s".into(), "d".into(), start()) };
        let tx = database.transaction().unwrap();
        save(&tx, &row, &blank).unwrap();
        let back = Delivery { updated_at: after(2), ..row };
        save(&tx, &blank, &back).unwrap();
        prop_assert_eq!(of_session(&tx, &back.session).unwrap(), [back]);
    }
}

#[test]
fn a_row_that_somebody_changed_is_not_overwritten() {
    let row = due("s", None);
    let mut database = database_with(std::slice::from_ref(&row));
    let tx = database.transaction().unwrap();
    let (claimed, _) = step(
        &row,
        Event::Claim {
            target: TargetFacts { id: "A".to_owned(), can_find: true, settle: TimeDelta::seconds(1) },
            config_digest: "c".to_owned(),
        },
        start(),
    );
    assert!(claimed.updated_at > row.updated_at, "even if the clock stands still");
    save(&tx, &row, &claimed).unwrap();
    let (other, _) = step(&row, Event::NotWanted, after(1));
    let error = save(&tx, &row, &other).unwrap_err();
    assert!(matches!(error, DeliveryError::Stale { .. }), "{error}");
    assert_eq!(load(&tx, &row.session, &row.destination).unwrap(), Some(claimed.clone()));
    save(&tx, &row, &row).unwrap();
    assert!(insert(&tx, &claimed).is_err(), "one row for a session and a destination");
}

#[test]
fn the_queue_is_read_in_pages_without_loss() {
    let mut rows: Vec<Delivery> = (0..10).rev().map(|n| due(&format!("new-{n}"), None)).collect();
    rows.extend((0..10).map(|n| due(&format!("again-{n}"), Some(after(n / 3)))));
    rows.push(due("later", Some(after(11))));
    rows.push(Delivery { destination: "other".into(), ..due("elsewhere", None) });
    rows.push(Delivery { state: State::Failed, ..due("failed", None) });
    let database = database_with(&rows);
    let archive = "archive".into();
    for limit in 1..25 {
        let mut seen = Vec::new();
        let mut end = None;
        loop {
            let page = due_page(database.read(), &archive, after(10), end.as_ref(), limit).unwrap();
            assert!(page.rows.len() <= limit);
            seen.extend(page.rows);
            end = page.next;
            if end.is_none() {
                break;
            }
        }
        let names: Vec<_> = seen.iter().map(|row| row.session.as_str().to_owned()).collect();
        assert_eq!(names.len(), 20, "limit {limit}: {names:?}");
        assert_eq!(seen[..10], rows[..10], "as they were built");
        assert_eq!(seen[10..], rows[10..20]);
    }
}

#[test]
fn a_record_is_needed_until_its_last_delivery_is_over() {
    for &state in State::ALL {
        let delivered = Delivery { destination: "z".into(), state: State::Delivered, ..due("s", None) };
        let database = database_with(&[Delivery { state, ..due("s", None) }, delivered]);
        let needed = |count: bool| needs_record(database.read(), &"s".into(), &|_| count).unwrap();
        let is_over = matches!(state, State::Delivered | State::NotWanted);
        assert_eq!(needed(true), !is_over, "{state}");
        assert!(!needed(false), "of a destination that is not configured nobody waits");
    }
}

#[test]
fn the_rows_of_a_destination_follow_one_another_however_they_come() {
    let session = |n: i64| format!("s{}", 9 - n);
    let to = |n: i64, name: &str| Delivery { destination: name.into(), ..due(&session(n), None) };
    let mut database = database_with(&[]);
    let tx = database.transaction().unwrap();
    insert(&tx, &to(0, "archive")).unwrap();
    tx.execute("UPDATE nexus_delivery SET rowid = 7", []).unwrap(); // As an earlier version numbered it.
    for n in 1..5 {
        insert(&tx, &to(n, "archive")).unwrap();
        insert(&tx, &to(n, "notebook")).unwrap();
    }
    let mut statement =
        tx.prepare("SELECT rowid FROM nexus_delivery WHERE destination = ?1 ORDER BY rowid").unwrap();
    for (name, older) in [("archive", vec![7]), ("notebook", vec![])] {
        let first = place::span(&name.into()).start + 1;
        let rows: Vec<i64> =
            statement.query_map([name], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows, [older, (first..first + 4).collect()].concat(), "{name}");
    }
    let page = due_page(&tx, &"archive".into(), start(), None, 9).unwrap();
    let sessions: Vec<_> = page.rows.iter().map(|row| row.session.to_string()).collect();
    assert_eq!(sessions, (0..5).map(session).collect::<Vec<_>>(), "as their records were built");
}

fn plan(database: &Database, sql: &str) -> Vec<String> {
    let mut statement = database.read().prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let mut rows = statement.raw_query();
    let mut plan = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        plan.push(row.get(3).unwrap());
    }
    plan
}

#[test]
fn what_a_run_asks_follows_an_index() {
    let database = Database::in_memory().unwrap();
    for sql in [
        queue::DUE,
        queue::DUE_AGAIN,
        "SELECT * FROM nexus_delivery WHERE state IN ('in_flight', 'unknown') AND (state = 'in_flight'
            OR (can_find = 1 AND absent_after IS NOT NULL)) ORDER BY session_identifier, destination",
        "SELECT * FROM nexus_session WHERE attempts > 0 ORDER BY session_identifier",
        "SELECT * FROM nexus_session WHERE rebuild_requested <> 0 ORDER BY session_identifier",
        "SELECT * FROM nexus_session WHERE harvester = 'n' AND open_since IS NOT NULL ORDER BY open_since",
    ] {
        let plan = plan(&database, sql).join("; ");
        assert!(plan.contains(" USING INDEX nexus_") && !plan.contains("TEMP B-TREE"), "{plan}");
    }
}

#[test]
fn a_run_waits_for_questions_only() {
    let question = Delivery { absent_after: Some(after(50)), ..due("question", Some(after(50))) };
    let resting = Delivery { absent_after: Some(after(20)), ..due("resting", Some(after(30))) };
    let database = database_with(&[due("rest", Some(after(10))), resting, question]);
    assert_eq!(next_question(database.read(), &"archive".into()).unwrap(), Some(after(50)));
    assert_eq!(next_question(database.read(), &"other".into()).unwrap(), None);
}

#[test]
fn recovery_asks_about_what_was_in_flight() {
    let flying = Delivery {
        state: State::InFlight,
        can_find: true,
        intent_at: Some(start()),
        attempt: 1,
        ..due("flying", None)
    };
    let blind = Delivery { session: "blind".into(), can_find: false, ..flying.clone() };
    let abandoned = Delivery {
        session: "abandoned".into(),
        state: State::Unknown,
        absent_after: Some(after(1)),
        ..flying.clone()
    };
    let mut database = database_with(&[flying, blind, abandoned, due("waiting", None)]);
    let tx = database.transaction().unwrap();
    let mut recovered = recover(&tx, after(60), None, 2).unwrap();
    let last = recovered[1].row.clone();
    recovered.extend(recover(&tx, after(60), Some(&last), 2).unwrap());
    let states: Vec<_> =
        recovered.iter().map(|found| (found.row.session.as_str(), found.row.state)).collect();
    assert_eq!(states, [("abandoned", State::Due), ("blind", State::Unknown), ("flying", State::Due)]);
    let logged = |found: &Recovered| found.effects.iter().any(|e| matches!(e, Effect::WriteUploadLog(_)));
    assert_eq!(recovered.iter().map(logged).collect::<Vec<_>>(), [false, true, true]);
    let mut row = recovered[1].row.clone();
    set_upload_log_id(&tx, &mut row, 12).unwrap();
    assert_eq!(load(&tx, &row.session, &row.destination).unwrap(), Some(row));
    assert!(recover(&tx, after(61), None, 9).unwrap().is_empty());
}

#[test]
fn a_change_touches_only_what_it_can_change() {
    let delivered = |session: &str, target: &str| Delivery {
        state: State::Delivered,
        target: Some(target.to_owned()),
        config_digest: Some("c1".to_owned()),
        ..due(session, None)
    };
    let failed = |session: &str, digest: &str| Delivery {
        state: State::Failed,
        failure_class: Some(Class::Auth),
        config_digest: Some(digest.to_owned()),
        ..due(session, None)
    };
    let moved = Delivery { state: State::Held, held_for: Some(Hold::Moved), ..delivered("moved", "B") };
    let unclear = |session: &str, can_find| Delivery {
        state: State::Unknown,
        can_find,
        failure_class: Some(Class::Unknown),
        ..delivered(session, "B")
    };
    let database = database_with(&[
        delivered("here", "B"),
        delivered("there", "A"),
        failed("old config", "c1"),
        failed("same config", "c2"),
        moved,
        unclear("unclear", false),
        unclear("unclear, can be asked", true),
        Delivery { state: State::Due, ..failed("tried", "c1") },
        Delivery { state: State::Due, ..failed("tried with these settings", "c2") },
        due("fresh", None),
    ]);
    let touched = |after: &str, limit| -> Vec<String> {
        let page = touched_by_change(database.read(), &"archive".into(), "B", "c2", &after.into(), limit);
        page.unwrap().iter().map(|row| row.session.to_string()).collect()
    };
    assert_eq!(touched("", 9), ["moved", "old config", "there", "tried", "unclear"]);
    assert_eq!(touched("", 2), ["moved", "old config"]);
    assert_eq!(touched("old config", 2), ["there", "tried"]);
    let held = |hold| held_for(database.read(), &"archive".into(), hold, &"".into(), 9).unwrap().len();
    assert_eq!((held(Hold::Moved), held(Hold::After)), (1, 0));
}

/// A backlog is due at every destination, and each of them looks for what a change touches when a run begins.
#[test]
fn what_is_due_and_never_failed_is_not_read_for_a_change() {
    let database = database_with(&[]);
    let plan = plan(&database, TOUCHED);
    let reads: Vec<&String> = plan.iter().filter(|line| line.contains("nexus_delivery")).collect();
    assert_eq!(reads.len(), 4, "{plan:#?}");
    for line in reads {
        let by_state = line.contains("nexus_delivery_due (destination=? AND state=?)");
        assert!(by_state || line.contains("nexus_delivery_failed (destination=?"), "{line}");
    }
}

#[test]
fn a_strange_value_is_named_not_swallowed() {
    let mut database = database_with(&[due("s", None)]);
    let tx = database.transaction().unwrap();
    for (column, value) in
        [("checkpoint", "{"), ("failure_effect", "some"), ("intent_at", "noon"), ("origin", "x")]
    {
        let sql = format!("UPDATE nexus_delivery SET {column} = '{value}'");
        if tx.execute(&sql, []).is_err() {
            continue; // The table itself refuses it.
        }
        let error = load(&tx, &"s".into(), &"archive".into()).unwrap_err();
        assert!(error.to_string().contains("session `s` to archive"), "{error}");
        tx.execute(&format!("UPDATE nexus_delivery SET {column} = NULL"), []).unwrap();
    }
    tx.execute("UPDATE nexus_delivery SET settle_seconds = 9223372036854775807", []).unwrap();
    assert!(load(&tx, &"s".into(), &"archive".into()).is_err());
}

/// Whatever becomes of a row, it is met once: who goes through the pages comes to an end.
#[test]
fn what_is_put_off_is_paged_by_session() {
    let later = |days| Some(start() + TimeDelta::days(days));
    let database =
        database_with(&[due("c", later(9)), due("a", later(20)), due("b", later(7)), due("d", None)]);
    let page = |after: &str, limit| -> Vec<String> {
        let beyond = start() + TimeDelta::days(8);
        let page = put_off_beyond(database.read(), &"archive".into(), beyond, &after.into(), limit);
        page.unwrap().iter().map(|row| row.session.to_string()).collect()
    };
    assert_eq!(page("", 9), ["a", "c"]);
    assert_eq!(page("", 1), ["a"]);
    assert_eq!(page("a", 1), ["c"]);
    assert_eq!(page("c", 1), Vec::<String>::new());
}

//! Sessions remembered, named and changed.

use chrono::{DateTime, NaiveDate, TimeDelta};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::db::Database;

fn at(seconds: i64) -> UtcTime {
    UtcTime::new(DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds))
}

fn day() -> NaiveDate {
    "2024-03-05".parse().unwrap()
}

fn seen(session: &str, external_id: Option<&str>) -> NewSessionState {
    NewSessionState {
        session: session.into(),
        harvester: external_id.map(|_| "nemo".into()),
        external_id: external_id.map(str::to_owned),
        instrument: "SEM-1".into(),
        open_since: None,
        seen_digest: Some("d1".to_owned()),
    }
}

fn load(tx: &Transaction<'_>, session: &str) -> SessionState {
    SessionState::load(tx, &session.into()).unwrap().unwrap()
}

#[test]
fn the_key_never_changes() {
    // In remote objects all over the world: if this fails, the code is wrong, not the test.
    assert_eq!(record_key(&"https://nemo.example.org/api/usage_events/?id=501".into()), KEY_OF_501);
}

const KEY_OF_501: &str = "e68586c8-33b4-5fb9-b32c-b63760f5fd0e";

#[test]
fn a_session_is_remembered_once() {
    let mut database = Database::in_memory().unwrap();
    let tx = database.transaction().unwrap();
    let new = NewSessionState { open_since: Some(at(5)), ..seen("https://a/?id=1", Some("1")) };
    let first = new.insert(&tx).unwrap();
    assert_eq!(first.record_key, record_key(&"https://a/?id=1".into()));
    assert_eq!((first.open_since, first.attempts, first.rebuild_requested), (Some(at(5)), 0, false));
    let again = NewSessionState { open_since: None, ..new }.insert(&tx).unwrap();
    assert_eq!(again, first, "nothing is overwritten");
    let moved = seen("https://new-address/?id=1", Some("1")).insert(&tx).unwrap();
    assert_eq!(moved.session, first.session, "an event keeps the identifier it was stored under");
}

#[test]
fn an_old_session_learns_who_harvests_it_and_only_once() {
    let mut database = Database::in_memory().unwrap();
    let tx = database.transaction().unwrap();
    let old = seen("s", None).insert(&tx).unwrap();
    let known = seen("s", Some("7")).insert(&tx).unwrap();
    assert_eq!((known.record_key, known.external_id.as_deref()), (old.record_key, Some("7")));
    assert_eq!(seen("s", None).insert(&tx).unwrap().external_id.as_deref(), Some("7"));
    let error = seen("s", Some("8")).insert(&tx).unwrap_err();
    assert!(matches!(error, SessionStateError::ExternalIdTaken { .. }), "{error}");
}

#[test]
fn names_like_those_of_nexuslims_for_numbered_events() {
    let name = |session: &str| record_name(day(), &"Example-SEM-0001".into(), &session.into());
    assert_eq!(name("https://nemo.example.org/api/usage_events/?id=501"), "2024-03-05_Example-SEM-0001_501");
    assert_eq!(name("https://n/api/usage_events/?x=1&id=501"), "2024-03-05_Example-SEM-0001_501");
    assert_eq!(name("https://n/?id=5a"), "2024-03-05_Example-SEM-0001_https~3a~2f~2fn~2f~3fid~3d5a");
    assert_eq!(name("lab_book-17"), "2024-03-05_Example-SEM-0001_lab_book-17");
    let slash = record_name(day(), &"SEM/1_2".into(), &"https://n/?id=5".into());
    assert_eq!(slash, "2024-03-05_SEM~2f1~5f2_https~3a~2f~2fn~2f~3fid~3d5");
    let line = record_name(day(), &"SEM\n1".into(), &"https://n/?id=5".into());
    assert_eq!(line, "2024-03-05_SEM~0a1_https~3a~2f~2fn~2f~3fid~3d5");
}

#[test]
fn a_name_is_reserved_once_and_namesakes_get_a_number() {
    let mut database = Database::in_memory().unwrap();
    let tx = database.transaction().unwrap();
    for server in ["a", "b", "c"] {
        seen(&format!("https://{server}/?id=1"), None).insert(&tx).unwrap();
    }
    let reserve = |server: &str, day: NaiveDate| {
        reserve_record_name(&tx, &format!("https://{server}/?id=1").into(), day).unwrap()
    };
    assert_eq!(reserve("a", day()), "2024-03-05_SEM-1_1");
    assert_eq!(reserve("b", day()), "2024-03-05_SEM-1_1-2");
    assert_eq!(reserve("c", day()), "2024-03-05_SEM-1_1-3");
    let later = day().succ_opt().unwrap();
    assert_eq!(reserve("b", later), "2024-03-05_SEM-1_1-2");
    let unknown = reserve_record_name(&tx, &"nobody".into(), day()).unwrap_err();
    assert!(unknown.to_string().contains("`nobody`"));
}

#[test]
fn waiting_keeps_its_moment_while_the_reason_stays() {
    let mut database = Database::in_memory().unwrap();
    let tx = database.transaction().unwrap();
    let session = "s".into();
    seen("s", None).insert(&tx).unwrap();
    let waiting = |tx: &Transaction<'_>| (load(tx, "s").waiting_reason, load(tx, "s").waiting_since);
    wait(&tx, &session, "no files yet", at(1)).unwrap();
    wait(&tx, &session, "no files yet", at(2)).unwrap();
    assert_eq!(waiting(&tx), (Some("no files yet".to_owned()), Some(at(1))));
    wait(&tx, &session, "storage is away", at(3)).unwrap();
    assert_eq!(waiting(&tx), (Some("storage is away".to_owned()), Some(at(3))));
    clear_waiting(&tx, &session).unwrap();
    assert_eq!(waiting(&tx), (None, None));
}

#[test]
fn a_build_ends_waiting_wishes_and_attempts() {
    let mut database = Database::in_memory().unwrap();
    let tx = database.transaction().unwrap();
    let session = "s".into();
    seen("s", None).insert(&tx).unwrap();
    settle(&tx, &session, "no_files", "there were none").unwrap();
    wait(&tx, &session, "no files yet", at(1)).unwrap();
    request_rebuild(&tx, &session).unwrap();
    begin_attempt(&tx, &session).unwrap();
    assert_eq!(SessionState::to_rebuild(&tx).unwrap().len(), 1);
    let facts = BuildFacts {
        content_sha256: "c".to_owned(),
        file_sha256: "f".to_owned(),
        file_size: 1 << 33,
        file_count: 25,
        built_at: at(9),
        built_by: "nexus 0.1.0".to_owned(),
    };
    built(&tx, &session, &facts).unwrap();
    built(&tx, &session, &facts).unwrap();
    let state = load(&tx, "s");
    assert_eq!(state.record_version, 2);
    assert_eq!((state.file_size, state.file_count, state.built_at), (Some(1 << 33), Some(25), Some(at(9))));
    assert_eq!((state.rebuild_requested, state.attempts), (false, 0));
    assert_eq!((state.waiting_reason, state.outcome_code), (None, None));
    assert!(SessionState::to_rebuild(&tx).unwrap().is_empty());
}

#[test]
fn two_crashes_in_a_row_are_noticed() {
    let mut database = Database::in_memory().unwrap();
    let tx = database.transaction().unwrap();
    let session = "s".into();
    seen("s", None).insert(&tx).unwrap();
    let crashes = |tx: &Transaction<'_>| {
        unfinished(tx).unwrap().iter().map(|u| (u.crashes, u.is_dangerous())).collect()
    };
    let none: Vec<(u32, bool)> = crashes(&tx);
    assert!(none.is_empty());
    begin_attempt(&tx, &session).unwrap();
    assert_eq!(crashes(&tx), [(1, false)]);
    begin_attempt(&tx, &session).unwrap();
    assert_eq!(crashes(&tx), [(2, true)]);
    end_attempt(&tx, &session).unwrap();
    assert!(crashes(&tx).is_empty());
    begin_attempt(&tx, &session).unwrap();
    settle(&tx, &session, "error", "it failed").unwrap();
    assert!(crashes(&tx).is_empty(), "a failure is no crash");
}

#[test]
fn open_and_gone_events() {
    let mut database = Database::in_memory().unwrap();
    let tx = database.transaction().unwrap();
    let session = "s".into();
    NewSessionState { open_since: Some(at(5)), ..seen("s", Some("1")) }.insert(&tx).unwrap();
    seen("t", Some("2")).insert(&tx).unwrap();
    let open = |tx: &Transaction<'_>| {
        let open = SessionState::open(tx, &"nemo".into()).unwrap();
        open.into_iter().filter_map(|state| state.external_id).collect::<Vec<_>>()
    };
    assert_eq!(open(&tx), ["1"]);
    gone(&tx, &session, Some(at(7))).unwrap();
    gone(&tx, &session, Some(at(8))).unwrap();
    assert_eq!(load(&tx, "s").gone_since, Some(at(7)), "the first moment counts");
    revise(&tx, &session, Some("d2"), Some(at(4))).unwrap();
    assert_eq!((load(&tx, "s").gone_since, load(&tx, "s").open_since), (None, Some(at(4))));
    close(&tx, &session).unwrap();
    assert!(open(&tx).is_empty());
}

#[test]
fn the_rest_is_stored_as_given() {
    let mut database = Database::in_memory().unwrap();
    let tx = database.transaction().unwrap();
    let session = "s".into();
    seen("s", None).insert(&tx).unwrap();
    let reservation = json!({ "title": "Grain boundaries", "samples": [1.25, null] });
    set_reservation(&tx, &session, Some(&reservation)).unwrap();
    set_pending_revision(&tx, &session, Some("the end moved")).unwrap();
    set_last_status(&tx, &session, RecordStatus::Completed).unwrap();
    let state = load(&tx, "s");
    assert_eq!(state.reservation, Some(reservation));
    assert_eq!(state.pending_revision.as_deref(), Some("the end moved"));
    assert_eq!(state.last_status, Some(RecordStatus::Completed));
    let error = close(&tx, &"nobody".into()).unwrap_err();
    assert!(matches!(error, SessionStateError::NotKnown(_)), "{error}");
}

fn identifiers() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[ab_~/%.é-]{0,6}",
        1 => "https://n/\\?id=[0-9a]{1,3}",
        1 => "[ab]{120,200}",
        1 => "(ab|é|/){40,90}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn names_are_safe_short_and_tell_sessions_apart(
        one in (0_u64..3, "[a_/~]{0,3}", identifiers()),
        other in (0_u64..3, "[a_/~]{0,3}", identifiers()),
    ) {
        let name = |(days, pid, session): &(u64, String, String)| {
            record_name(day() + chrono::Days::new(*days), &pid.as_str().into(), &session.as_str().into())
        };
        let (a, b) = (name(&one), name(&other));
        for name in [&a, &b] {
            prop_assert!(name.len() <= LONGEST_NAME - 11);
            prop_assert!(!name.contains(['/', '\\', '\0']), "{}", name);
            prop_assert!(name.starts_with("2024-03-"));
        }
        let numbered = |session: &str| name::event_number(session).is_some();
        if one != other && !numbered(&one.2) && !numbered(&other.2) {
            prop_assert_ne!(a, b);
        }
    }
}

#[test]
fn what_ended_long_before_an_answer_is_not_looked_at() {
    let mut database = Database::in_memory().unwrap();
    let tx = database.transaction().unwrap();
    for (id, end) in [
        ("1", Some("2024-03-01T12:00:00-05:00")),
        ("2", Some("2024-03-04T23:59:00-12:00")),
        ("3", Some("2024-03-09 10:00:00")),
        ("4", None),
    ] {
        let open_since = end.is_none().then(|| at(0));
        let new = NewSessionState { open_since, ..seen(&format!("https://a/?id={id}"), Some(id)) };
        new.insert(&tx).unwrap();
        if let Some(end) = end {
            tx.execute(
                "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status)
                 VALUES (?1, 'SEM-1', ?2, 'END', 'COMPLETED')",
                [&format!("https://a/?id={id}"), end],
            )
            .unwrap();
        }
    }
    let page = |since: Option<&str>, held: &str, after: Option<&str>, most: usize| {
        let since = since.map(|since| since.parse().unwrap());
        let holds = |id: &str| id == held;
        let found = missing_events(&tx, &"nemo".into(), since, &holds, after, most).unwrap();
        found.into_iter().map(|event| event.external_id).collect::<Vec<_>>()
    };
    let missing = |since: Option<&str>, held: &str| page(since, held, None, 10);
    assert_eq!(missing(None, "2"), ["1", "3", "4"]);
    // Two days of doubt, since stored times have any offset; an event in use is always looked at.
    assert_eq!(missing(Some("2024-03-06T00:00:00Z"), "-"), ["2", "3", "4"]);
    assert_eq!(missing(Some("2024-03-08T00:00:00Z"), "-"), ["3", "4"]);
    assert_eq!(page(None, "2", None, 2), ["1", "3"]);
    assert_eq!(page(None, "2", Some("3"), 2), ["4"]);
    assert_eq!(page(None, "4", Some("3"), 2), [""; 0]);
    assert_eq!(missing_events(&tx, &"other".into(), None, &|_| false, None, 10).unwrap(), []);
}

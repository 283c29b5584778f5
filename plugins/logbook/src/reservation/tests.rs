use chrono::DateTime;
use nexus_plugin_api::{FailureClass, InstrumentRef};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::file::Snapshot;

const HEAD: &str = "id,instrument,user,start,end,consent,session,cancelled,sample,sample_pid,sample_details,\
                    sample_elements,reservation_start,reservation_end,title,project,division,url,email\n";

fn session(external_id: Option<&str>, identifier: &str, start: &str, end: &str) -> SessionRef {
    SessionRef {
        session_identifier: identifier.into(),
        external_id: external_id.map(Into::into),
        instrument: InstrumentRef {
            pid: "TEM-1".into(),
            display_name: "Titan".into(),
            api_url: String::new(),
            timezone: "America/Denver".into(),
            location: String::new(),
        },
        user: Some("ann".into()),
        user_emails: Vec::new(),
        start: DateTime::parse_from_rfc3339(start).unwrap(),
        end: DateTime::parse_from_rfc3339(end).unwrap(),
    }
}

fn of_id(id: &str) -> SessionRef {
    session(Some(id), "x", "2024-03-05T09:00:00-07:00", "2024-03-05T10:00:00-07:00")
}

fn ask_with(settings: &Value, text: &[u8], session: &SessionRef) -> ReservationAnswer {
    let mut settings = Settings::read(settings).unwrap();
    let dir = tempfile::tempdir().unwrap();
    settings.path = dir.path().join(settings.file_name());
    std::fs::write(&settings.path, text).unwrap();
    let Ok(book) = Book::read(Snapshot::take(&settings.path).unwrap(), &settings) else {
        return ReservationAnswer::Failed(PluginError::permanent("no table"));
    };
    answers(&Call::unlimited("/tmp"), &book, &settings, std::slice::from_ref(session)).remove(0)
}

fn ask(rows: &str, session: &SessionRef) -> ReservationAnswer {
    ask_with(&json!({"path": "/l/usage.csv"}), format!("{HEAD}{rows}").as_bytes(), session)
}

fn booking(answer: ReservationAnswer) -> Reservation {
    match answer {
        ReservationAnswer::Reservation(reservation) => *reservation,
        other => panic!("no reservation: {other:?}"),
    }
}

fn no_consent(answer: &ReservationAnswer) -> &str {
    match answer {
        ReservationAnswer::NoConsent { reason } => reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_row_is_its_own_reservation() {
    let row = "7,TEM-1,ann,2024-03-05 09:00,2024-03-05 10:00,Yes,,,a; b ;c,p1;;p3,one;two,Fe C;Si;,\
               2024-03-05 08:00,2024-03-05 12:00,Grain boundaries,Alloys,Div 1,https://x/7,a@x\n";
    let booking = booking(ask(row, &of_id("7")));
    assert_eq!(booking.internal_id.as_deref(), Some("7"));
    assert_eq!(booking.title.as_deref(), Some("Grain boundaries"));
    assert_eq!(booking.start.unwrap().to_string(), "2024-03-05T08:00:00");
    assert_eq!(booking.end.unwrap().to_string(), "2024-03-05T12:00:00");
    assert_eq!(booking.projects[0].name.as_deref(), Some("Alloys"));
    assert_eq!(booking.division.as_deref(), Some("Div 1"));
    let samples: Vec<_> =
        booking.samples.iter().map(|s| (s.name.as_deref(), s.pid.as_deref(), s.elements.join("+"))).collect();
    assert_eq!(
        samples,
        [
            (Some("a"), Some("p1"), "Fe+C".into()),
            (Some("b"), None, "Si".into()),
            (Some("c"), Some("p3"), String::new())
        ]
    );
    assert_eq!(booking.samples[1].details.as_deref(), Some("two"));
    assert!(booking.warnings.is_empty() && !booking.of_another_user);
}

#[test]
fn details_that_cannot_be_read_are_left_out_with_a_warning() {
    let row = "7,TEM-1,ann,2024-03-05 09:00,2024-03-05 10:00,yes,,,a;b,p;q;r,,,morning,,,,,,\n";
    let booking = booking(ask(row, &of_id("7")));
    assert_eq!(booking.start.unwrap().to_string(), "2024-03-05T09:00:00");
    assert_eq!(booking.samples.len(), 2);
    assert!(booking.samples.iter().all(|s| s.pid.is_none()));
    assert_eq!(booking.warnings.len(), 2);
}

#[test]
fn the_details_of_one_sample_may_hold_a_semicolon() {
    let row = "7,TEM-1,ann,2024-03-05 09:00,2024-03-05 10:00,yes,,,a,,cut; polished,Fe; C,,,,,,,\n";
    let samples = booking(ask(row, &of_id("7"))).samples;
    assert_eq!(samples[0].details.as_deref(), Some("cut; polished"));
    assert_eq!(samples[0].elements, ["Fe", "C"]);
}

#[test]
fn consent_is_only_ever_explicit() {
    let row = |answer: &str| format!("7,TEM-1,ann,2024-03-05 09:00,2024-03-05 10:00,{answer}\n");
    assert!(matches!(ask(&row(" AGREE "), &of_id("7")), ReservationAnswer::Reservation(_)));
    assert_eq!(no_consent(&ask(&row(""), &of_id("7"))), "consent was not answered (usage.csv line 2)");
    assert_eq!(
        no_consent(&ask(&row("ask me later"), &of_id("7"))),
        "the answer to consent is `ask me later` (usage.csv line 2)"
    );
}

#[test]
fn a_log_without_the_column_needs_a_word_of_the_facility() {
    let log = b"id,instrument,start,end\n7,TEM-1,2024-03-05 09:00,2024-03-05 10:00\n";
    let plain = json!({"path": "/l/usage.csv"});
    assert!(no_consent(&ask_with(&plain, log, &of_id("7"))).contains("no column `consent`"));
    let assume = json!({"path": "/l/usage.csv", "consent": "assume"});
    assert!(matches!(ask_with(&assume, log, &of_id("7")), ReservationAnswer::Reservation(_)));
    // Blank under a column that is there stays blank, and a slip in its name does not make it absent.
    let blank = b"id,instrument,start,end,consent\n7,TEM-1,2024-03-05 09:00,2024-03-05 10:00,\n";
    assert!(no_consent(&ask_with(&assume, blank, &of_id("7"))).contains("not answered"));
    let slip = b"id,instrument,start,end,consnet\n7,TEM-1,2024-03-05 09:00,2024-03-05 10:00,no\n";
    assert!(no_consent(&ask_with(&assume, slip, &of_id("7"))).contains("`consnet`"));
}

#[test]
fn sessions_of_others_are_found_by_identifier_then_by_time() {
    let rows = "1,TEM-1,ann,2024-03-05 08:00,2024-03-05 09:10,yes,,,,,,,,,early,,,,\n\
                2,Titan,bob,2024-03-05 09:05,2024-03-05 11:00,yes,,,,,,,,,most,,,,\n\
                3,TEM-1,ann,2024-03-05 09:00,2024-03-05 10:00,yes,,yes,,,,,,,cancelled,,,,\n\
                4,TEM-1,ann,2020-01-01 09:00,,yes,,,,,,,,,forgotten,,,,\n\
                5,SEM-1,ann,2024-03-05 09:00,2024-03-05 10:00,yes,,,,,,,,,elsewhere,,,,\n\
                6,TEM-1,ann,2019-03-05 09:00,2019-03-05 10:00,yes,https://s/6,,,,,,,,named,,,,\n";
    let title = |answer| booking(answer).title.unwrap();
    let (start, end) = ("2024-03-05T09:00:00-07:00", "2024-03-05T10:00:00-07:00");
    let by_time = booking(ask(rows, &session(None, "other", start, end)));
    assert_eq!(by_time.title.as_deref(), Some("most"));
    assert!(by_time.of_another_user);
    assert_eq!(title(ask(rows, &session(None, "https://s/6", start, end))), "named");
    // Touching is not overlapping.
    let after = session(None, "other", "2024-03-05T11:00:00-07:00", "2024-03-05T12:00:00-07:00");
    match ask(rows, &after) {
        ReservationAnswer::NoReservation { reason } => assert!(reason.contains("usage.csv for TEM-1")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_removed_row_is_gone_only_if_the_log_can_tell() {
    let other = "1,TEM-1,ann,2024-03-04 09:00,2024-03-04 10:00,yes\n";
    assert_eq!(ask(other, &of_id("7")), ReservationAnswer::Gone);
    let ours = session(None, "logbook:logbook/7", "2024-03-05T09:00:00-07:00", "2024-03-05T10:00:00-07:00");
    assert_eq!(ask(other, &ours), ReservationAnswer::Gone);
    let failed = |rows: &str| match ask(rows, &of_id("7")) {
        ReservationAnswer::Failed(error) => {
            assert_eq!(error.class, FailureClass::Permanent);
            error.message
        }
        other => panic!("{other:?}"),
    };
    // Rolled over, emptied, or perhaps the row that cannot be read.
    assert!(failed("1,TEM-1,ann,2024-04-04 09:00,2024-04-04 10:00,yes\n").contains("does not reach back"));
    assert!(failed("").contains("does not reach back"));
    assert!(
        failed(&format!("{other}7,TEM-1,ann,soon,,yes\n")).contains("usage.csv line 3 `start` is `soon`")
    );
    assert!(failed(&format!("{other}\"7,TEM-1\n")).contains("line 3"));
}

#[test]
fn a_cancelled_row_is_no_reservation() {
    let row = "7,TEM-1,ann,2024-03-05 09:00,2024-03-05 10:00,yes,,x\n";
    assert!(matches!(ask(row, &of_id("7")), ReservationAnswer::NoReservation { .. }));
}

#[test]
fn json_lines_answer_alike() {
    let log = br#"{"id": 7, "instrument": "TEM-1", "start": "2024-03-05 09:00", "end": "2024-03-05 10:00", "consent": true, "sample": ["a;b", "c"]}
{"id": 8, "instrument": "TEM-1", "start": "2024-03-05 09:00", "end": "2024-03-05 10:00", "consent": ["yes"]}"#;
    let settings = json!({"path": "/l/usage.jsonl"});
    let samples = booking(ask_with(&settings, log, &of_id("7"))).samples;
    assert_eq!(samples[0].name.as_deref(), Some("a;b"));
    assert!(matches!(ask_with(&settings, log, &of_id("8")), ReservationAnswer::Failed(_)));
}

#[test]
fn the_log_is_read_anew_when_it_was_changed_and_a_changed_row_answers_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("usage.csv");
    let log = crate::LogbookHarvester::new(Settings::read(&json!({"path": path})).unwrap());
    let call = Call::unlimited("/tmp");
    let row = |id: &str, answer: &str| format!("{id},TEM-1,ann,2024-03-05 09:00,2024-03-05 10:00,{answer}\n");
    let write = |rows: &[String]| std::fs::write(&path, format!("{HEAD}{}", rows.concat())).unwrap();
    let ask = || nexus_plugin_api::Harvester::reservations(&log, &call, &[of_id("7"), of_id("8")]).unwrap();
    write(&[row("7", "yes"), row("8", "yes")]);
    assert!(ask().iter().all(|answer| matches!(answer, ReservationAnswer::Reservation(_))));
    write(&[row("7", "never"), row("8", "yes")]);
    assert!(no_consent(&ask()[0]).contains("`never`"));
    // The same length, at once: even if the clock of the file system did not tick, no consent is concluded from
    // what was read before.
    write(&[row("7", "yes"), row("8", "yes")]);
    let book = log.book().unwrap();
    write(&[row("7", "yes"), row("8", "no!")]);
    let answers = answers(&call, &book, &log.settings, &[of_id("7"), of_id("8")]);
    assert!(matches!(answers[0], ReservationAnswer::Reservation(_)), "{answers:?}");
    match &answers[1] {
        ReservationAnswer::Failed(error) => assert_eq!(error.class, FailureClass::Transient),
        other => panic!("{other:?}"),
    }
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let base =
        format!("{HEAD}7,TEM-1,ann,2024-03-05 09:00,2024-03-05 10:00,no,,,a;b,,\"d,\n e\",Fe,,,t,p,d,u,e\n");
    proptest::collection::vec((0..base.len(), any::<u8>(), 0..3_u8), 0..12).prop_map(move |edits| {
        let mut bytes = base.clone().into_bytes();
        for (at, byte, how) in edits {
            let at = at.min(bytes.len().saturating_sub(1));
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => {
                    bytes.remove(at);
                }
            }
        }
        bytes
    })
}

/// Whether one of the usual affirmative words stands by itself anywhere in the text.
fn says_yes(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    consent::DEFAULT_AFFIRMATIVE.iter().any(|yes| {
        text.match_indices(yes).any(|(at, word)| {
            let before = text[..at].chars().next_back();
            let after = text[at + word.len()..].chars().next();
            !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
        })
    })
}

proptest! {
    #[test]
    fn no_bytes_panic_or_give_consent_by_accident(bytes in mutated()) {
        prop_assume!(!says_yes(&bytes[HEAD.len().min(bytes.len())..]));
        for settings in [json!({"path": "/l/usage.csv"}), json!({"path": "/l/usage.jsonl"})] {
            let answer = ask_with(&settings, &bytes, &of_id("7"));
            prop_assert!(!matches!(answer, ReservationAnswer::Reservation(_)), "{answer:?}");
        }
    }

    #[test]
    fn any_bytes_at_all(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for path in ["/l/usage.csv", "/l/usage.jsonl"] {
            let _ = ask_with(&json!({"path": path}), &bytes, &of_id("7"));
        }
    }
}

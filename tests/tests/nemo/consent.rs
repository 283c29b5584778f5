//! Consent and matching, row by row: what is on the server, and what the plugin answers.

use chrono::Duration;
use nexus_plugin_api::{Reservation as Found, ReservationAnswer};
use nexus_tests::fake_nemo::{Reservation, UsageEvent, questions};
use serde_json::{Value, json};

use super::bench::{Bench, event};
use super::table::{self, word};

fn booked(id: u64, user: u64, from: i64, minutes: i64) -> Reservation {
    let start = event(10, 1).start + Duration::minutes(from);
    let booking = Reservation::new(id, 1, user, start, Duration::minutes(minutes));
    booking.with_answers(questions("Agree", &format!("booking {id}")))
}

#[allow(clippy::needless_pass_by_value, reason = "reads better in the rows")]
fn consent(answer: Value) -> Value {
    json!({"data_consent": {"user_input": answer}, "experiment_title": {"user_input": "own"}})
}

/// The answer for event 10 of tool 1, an hour of user 3.
fn answer(bench: &Bench, run_data: Option<&str>, pre_run_data: Option<&str>) -> ReservationAnswer {
    let text = |text: Option<&str>| text.map(str::to_owned);
    let event = UsageEvent { run_data: text(run_data), pre_run_data: text(pre_run_data), ..event(10, 1) };
    bench.nemo.put_event(event.clone());
    bench.answer(&bench.session(&event))
}

fn found(answer: ReservationAnswer) -> Found {
    match answer {
        ReservationAnswer::Reservation(found) => *found,
        other => panic!("no reservation: {other:?}"),
    }
}

#[test]
fn the_first_place_that_asks_for_consent_decides() {
    let yes = consent(json!("Agree")).to_string();
    let no = consent(json!("Disagree")).to_string();
    let unanswered = json!({"data_consent": {"type": "radio"}}).to_string();
    let without = json!({"experiment_title": {"user_input": "x"}}).to_string();
    let nan = r#"{"data_consent": {"user_input": "Disagree"}, "x": {"user_input": NaN}}"#;
    let deep = format!(
        r#"{{"data_consent": {{"user_input": "Disagree"}}, "x": {}{}}}"#,
        "[".repeat(300),
        "]".repeat(300)
    );
    let refused = "no consent: the answer to consent is `Disagree` (run_data of usage event 10)";
    let rows: [(Option<&str>, Option<&str>, &str); 15] = [
        (Some(&yes), None, "own"),
        (Some(&yes), Some(&no), "own"),
        (Some(&no), Some(&yes), refused),
        (
            Some(&unanswered),
            Some(&yes),
            "no consent: consent was asked for and not answered (run_data of usage event 10)",
        ),
        (None, Some(&yes), "own"),
        (Some(""), Some(&yes), "own"),
        (Some("not json"), Some(&yes), "own"),
        (Some("[1, 2]"), Some(&yes), "own"),
        (Some("{}"), Some(&yes), "own"),
        (Some(&without), Some(&yes), "own"),
        (Some(&without), Some(&without), "booking 1"),
        (None, None, "booking 1"),
        (None, Some(&no), "no consent: the answer to consent is `Disagree` (pre_run_data of usage event 10)"),
        (Some(nan), None, refused),
        (
            Some(&deep),
            None,
            "no consent: run_data of usage event 10 cannot be read, so a refusal may be in it: it is nested too deeply to be read",
        ),
    ];
    for (run_data, pre_run_data, expected) in rows {
        let bench = Bench::new();
        bench.nemo.put_reservation(booked(1, 3, 0, 60));
        assert_eq!(word(answer(&bench, run_data, pre_run_data)), expected, "{run_data:?} {pre_run_data:?}");
    }
}

#[test]
fn only_a_known_yes_is_consent() {
    for (input, expected) in [
        (json!("Agree"), "own"),
        (json!(" AGREE "), "own"),
        (json!("yes"), "own"),
        (json!("true"), "own"),
        (json!("Disagree"), "no consent: the answer to consent is `Disagree` (run_data of usage event 10)"),
        (json!(" no "), "no consent: the answer to consent is ` no ` (run_data of usage event 10)"),
        (json!("I decline"), "no consent: the answer to consent is `I decline` (run_data of usage event 10)"),
        (json!(""), "no consent: consent was asked for and not answered (run_data of usage event 10)"),
        (json!(null), "no consent: consent was asked for and not answered (run_data of usage event 10)"),
        (json!(true), "no consent: the answer to consent is `true` (run_data of usage event 10)"),
        (json!(["Agree"]), "no consent: the answer to consent is `[\"Agree\"]` (run_data of usage event 10)"),
        (json!(1), "no consent: the answer to consent is `1` (run_data of usage event 10)"),
    ] {
        let bench = Bench::new();
        assert_eq!(
            word(answer(&bench, Some(&consent(input.clone()).to_string()), None)),
            expected,
            "{input}"
        );
    }
    let bench = Bench::new().with("affirmative", json!(["einverstanden"]));
    assert_eq!(word(answer(&bench, Some(&consent(json!("Einverstanden")).to_string()), None)), "own");
    assert!(word(answer(&bench, Some(&consent(json!("Agree")).to_string()), None)).starts_with("no consent"));
}

#[test]
fn the_booking_that_belongs_to_the_session() {
    let month = 30 * 24 * 60;
    let none = "no reservation: no booking of tool 1 overlaps 2026-05-05T09:00:00+00:00 to 2026-05-05T10:00:00+00:00";
    let cancelled = Reservation { cancelled: true, ..booked(1, 3, 0, 60) };
    let of_area = Reservation { tool: None, ..booked(1, 3, 0, 60) };
    let older = Reservation { created: Some(event(0, 1).start), ..booked(2, 3, 0, 60) };
    let newer = Reservation { created: Some(event(1, 1).start), ..booked(1, 3, 0, 60) };
    let rows: Vec<(&str, Vec<Reservation>, &str)> = vec![
        ("nothing", vec![], none),
        ("before and after, touching", vec![booked(1, 3, -60, 60), booked(2, 3, 60, 60)], none),
        ("the greater part", vec![booked(1, 3, -60, 80), booked(2, 3, 20, 60)], "booking 2"),
        ("a month long", vec![booked(1, 3, -month, 2 * month)], "booking 1"),
        ("cancelled", vec![cancelled], none),
        ("of an area", vec![of_area], none),
        (
            "of equals the one that is filled most",
            vec![booked(1, 3, 0, 480), booked(2, 3, 0, 120)],
            "booking 2",
        ),
        ("of equals the newest", vec![older, newer], "booking 1"),
        (
            "another person's",
            vec![booked(1, 4, 0, 60)],
            "no reservation: the only booking of tool 1 in that time is another person's (reservation 1 of staff)",
        ),
        ("one's own comes first", vec![booked(1, 4, 0, 60), booked(2, 3, 50, 60)], "booking 2"),
    ];
    for (what, bookings, expected) in rows {
        let bench = Bench::new();
        for booking in bookings {
            bench.nemo.put_reservation(booking);
        }
        assert_eq!(word(answer(&bench, None, None)), expected, "{what}");
    }
}

#[test]
fn another_persons_booking_is_used_only_if_configured_and_is_marked() {
    let bench = Bench::new().with("others_bookings", json!(true));
    bench.nemo.put_reservation(booked(1, 4, 0, 60));
    let other = found(answer(&bench, None, None));
    assert!(other.of_another_user);
    assert_eq!(other.username.as_deref(), Some("staff"));
    bench.nemo.put_reservation(booked(2, 3, 59, 60));
    let own = found(answer(&bench, None, None));
    assert!(!own.of_another_user && own.internal_id.as_deref() == Some("2"));
}

#[test]
fn a_session_without_length_lies_in_its_booking() {
    let bench = Bench::new();
    bench.nemo.put_reservation(booked(1, 3, -60, 60));
    bench.nemo.put_reservation(booked(2, 3, 0, 60));
    let event = UsageEvent { end: Some(event(10, 1).start), ..event(10, 1) };
    bench.nemo.put_event(event.clone());
    assert_eq!(word(bench.answer(&bench.session(&event))), "booking 2");
}

#[test]
fn consent_is_looked_for_in_the_winner_alone() {
    let bench = Bench::new();
    bench.nemo.put_reservation(booked(1, 3, 0, 20));
    bench.nemo.put_reservation(booked(2, 3, 20, 60).with_answers(questions("Disagree", "x")));
    let expected = "no consent: the answer to consent is `Disagree` (reservation 2)";
    assert_eq!(word(answer(&bench, None, None)), expected);
    bench.nemo.put_reservation(Reservation { question_data: None, ..booked(2, 3, 20, 60) });
    assert_eq!(word(answer(&bench, None, None)), "no consent: no question was answered (reservation 2)");
}

#[test]
fn the_fields_of_a_booking() {
    let bench = Bench::new();
    bench.nemo.put_reservation(booked(9, 3, -30, 120));
    let booking = found(answer(&bench, None, None));
    let site = bench.nemo.server.url();
    assert_eq!(booking.internal_id.as_deref(), Some("9"));
    assert_eq!(booking.url, Some(format!("{site}event_details/reservation/9/")));
    assert_eq!(booking.user_full_name.as_deref(), Some("純 伊藤 (k.ito)"));
    assert_eq!(booking.user_email.as_deref(), Some("k.ito@example.net"));
    assert_eq!(booking.created_by.as_deref(), Some("k.ito"));
    assert_eq!(booking.start.unwrap().to_string(), "2026-05-05T04:30:00-04:00");
    assert_eq!(booking.end.unwrap().to_string(), "2026-05-05T06:30:00-04:00");
    assert_eq!(booking.last_updated.unwrap().to_string(), "2026-05-03T04:30:00-04:00");
    assert_eq!(booking.purpose.as_deref(), Some("To see what is there"));
    assert_eq!(booking.projects[0].id.as_deref(), Some("AL-2"));
    assert_eq!(booking.samples[0].name.as_deref(), Some("Coupon 4"));
    assert!(booking.warnings.is_empty(), "{:?}", booking.warnings);
}

#[test]
fn the_fields_of_answers_given_at_the_tool() {
    let bench = Bench::new();
    let event =
        UsageEvent { operator: Some(4), ..event(10, 1) }.with_run_data(&questions("Agree", "Grain size"));
    bench.nemo.put_event(event.clone());
    let booking = found(bench.answer(&bench.session(&event)));
    assert_eq!(booking.internal_id.as_deref(), Some("10"));
    assert_eq!(booking.url, Some(format!("{}event_details/usage/10/", bench.nemo.server.url())));
    assert_eq!(booking.username.as_deref(), Some("k.ito"));
    assert_eq!(booking.created_by.as_deref(), Some("staff"));
    assert_eq!(booking.start.unwrap().to_string(), "2026-05-05T05:00:00-04:00");
    assert_eq!(booking.end.unwrap().to_string(), "2026-05-05T06:00:00-04:00");
    assert_eq!(booking.last_updated, booking.start);
}

#[test]
fn a_detail_that_cannot_be_read_costs_no_record() {
    let bench = Bench::new();
    let data = json!({
        "data_consent": {"user_input": "Agree"}, "experiment_title": {"user_input": ["a", "b"]},
        "experiment_purpose": {"user_input": "a\u{0}b"}, "project_id": "odd",
        "sample_group": {"user_input": {"0": {"sample_name": "x"}, "1": 7, "2": {"periodic_table": ["Fe", "Xx", 3]}}},
    });
    let booking = found(answer(&bench, Some(&data.to_string()), None));
    assert_eq!((booking.title, booking.purpose.as_deref()), (None, Some("a\u{0}b")));
    assert_eq!(booking.samples.len(), 2);
    assert_eq!(booking.warnings.len(), 4, "{:?}", booking.warnings);
}

#[test]
fn events_that_are_not_there_and_sessions_of_others() {
    let bench = Bench::new();
    assert_eq!(word(bench.answer(&bench.session(&event(10, 1)))), "gone");
    // A session that came from elsewhere, such as a table kept by hand, takes the booking of its time.
    bench.nemo.put_reservation(booked(1, 3, 0, 60));
    let mut session = bench.session(&event(10, 1));
    session.external_id = None;
    session.session_identifier = "logbook:lab/17".into();
    assert_eq!(word(bench.answer(&session)), "booking 1");
    session.user = Some("somebody".into());
    assert!(word(bench.answer(&session)).starts_with("no reservation: the only booking"));
    session.user = None;
    assert_eq!(found(bench.answer(&session)).warnings.len(), 1, "whose it is was not compared");
    // One that NexusLIMS harvested, under a former address.
    let bench = bench.with("aliases", json!(["http://old.example.org/api/"]));
    session.session_identifier = "http://old.example.org/api/usage_events/?id=10".into();
    assert_eq!(word(bench.answer(&session)), "gone");
    bench.nemo.put_event(event(10, 1).with_run_data(&consent(json!("Agree"))));
    assert_eq!(word(bench.answer(&session)), "own");
    session.instrument.api_url = "https://elsewhere.example.org/1".into();
    session.session_identifier = "logbook:lab/17".into();
    assert!(word(bench.answer(&session)).starts_with("failed: instrument TOOL-1 has the api_url"));
}

#[test]
fn answers_that_the_server_cannot_read_cost_one_session() {
    let bench = Bench::new();
    let sessions: Vec<_> = (0..20)
        .map(|id| {
            let event = event(id, 1 + id % 2);
            let booking = Reservation::new(id, event.tool, 3, event.start, Duration::hours(1));
            let booking = booking.with_answers(questions("Agree", &format!("booking {id}")));
            bench.nemo.put_reservation(Reservation { broken: id == 13, ..booking });
            bench.nemo.put_event(event.clone());
            bench.session(&event)
        })
        .collect();
    for (id, answer) in bench.answers(&sessions).into_iter().enumerate() {
        let expected = if id == 13 {
            "failed: NEMO itself cannot read the answers of reservation 13".to_owned()
        } else {
            format!("booking {id}")
        };
        assert_eq!(word(answer), expected);
    }
}

#[test]
fn a_tool_that_is_gone_costs_its_own_sessions_alone() {
    let bench = Bench::new();
    let sessions: Vec<_> = [(1, 1), (2, 2)]
        .map(|(id, tool)| {
            let event = event(id, tool);
            let booking = Reservation::new(id, tool, 3, event.start, Duration::hours(1));
            bench.nemo.put_reservation(booking.with_answers(questions("Agree", &format!("booking {id}"))));
            bench.nemo.put_event(event.clone());
            bench.session(&event)
        })
        .into();
    bench.nemo.remove_tool(2);
    let words: Vec<_> = bench.answers(&sessions).into_iter().map(word).collect();
    assert_eq!(words[0], "booking 1");
    assert!(words[1].starts_with("no reservation: tool 2 is not known"), "{words:?}");
}

#[test]
fn the_table_holds() {
    let bench = Bench::new();
    let rows = table::rows();
    assert!(rows.len() >= 60);
    let sessions = table::put(&bench, &rows);
    table::compare(&rows, bench.answers(&sessions));
}

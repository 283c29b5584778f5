//! Every rule of consent and matching as a row: what is on the server, and what becomes of the session. The same
//! rows are put to the fake server and to a real one.

use chrono::{DateTime, Duration, Utc};
use nexus_plugin_api::{ReservationAnswer, SessionRef};
use nexus_tests::fake_nemo::{Reservation, UsageEvent, questions};
use serde_json::{Value, json};

use super::bench::{Bench, origin};

/// One session and what becomes of it: `title` of the record, or the beginning of the reason why there is none.
pub struct Row {
    pub id: u64,
    pub run_data: Option<String>,
    pub pre_run_data: Option<String>,
    pub bookings: Vec<Reservation>,
    pub expected: &'static str,
}

/// The start of a row's session of one hour; the rows are days apart.
pub fn start(id: u64) -> DateTime<Utc> {
    origin() + Duration::days(3 * i64::try_from(id).unwrap())
}

#[allow(clippy::unnecessary_wraps, reason = "as the rows hold it")]
fn own(answer: &Value) -> Option<String> {
    Some(
        json!({"data_consent": {"user_input": answer}, "experiment_title": {"user_input": "own"}})
            .to_string(),
    )
}

#[allow(clippy::unnecessary_wraps, reason = "as the rows hold it")]
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// All rows.
pub fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut add = |run: Option<String>, pre: Option<String>, spans: &[(u64, i64, i64, &str)], expected| {
        let id = rows.len() as u64 + 1;
        let bookings = spans.iter().zip(1..).map(|((user, from, minutes, consent), number)| {
            let start = start(id) + Duration::minutes(*from);
            let booking = Reservation::new(id * 10 + number, 1, *user, start, Duration::minutes(*minutes));
            match *consent {
                "null" => booking,
                "broken" => Reservation { broken: true, ..booking.with_answers(json!({"x": 1})) },
                "cancelled" => {
                    Reservation { cancelled: true, ..booking.with_answers(questions("Agree", "cancelled")) }
                }
                consent => booking.with_answers(questions(consent, &format!("booking {number}"))),
            }
        });
        let bookings = bookings.collect();
        rows.push(Row { id, run_data: run, pre_run_data: pre, bookings, expected });
    };
    let booked: &[(u64, i64, i64, &str)] = &[(3, 0, 60, "Agree")];
    for yes in ["Agree", " agree ", "AGREED", "I agree", "yes", "Y", "true", "Consent", "accepted"] {
        add(own(&json!(yes)), None, &[], "own");
        add(None, own(&json!(yes)), &[], "own");
    }
    let answered = "no consent: the answer to consent is ";
    let unanswered = "no consent: consent was asked for and not answered";
    for no in [
        json!("Disagree"),
        json!("no"),
        json!(" No "),
        json!("I decline"),
        json!("maybe"),
        json!(true),
        json!(1),
        json!(["Agree"]),
        json!({"a": "Agree"}),
    ] {
        add(own(&no), None, booked, answered);
        add(None, own(&no), booked, answered);
    }
    for nothing in [json!(""), json!("  "), json!(null)] {
        add(own(&nothing), own(&json!("Agree")), booked, unanswered);
    }
    add(text(r#"{"data_consent": {"type": "radio"}}"#), own(&json!("Agree")), booked, unanswered);
    add(own(&json!("Disagree")), own(&json!("Agree")), booked, answered);
    add(own(&json!("Agree")), own(&json!("Disagree")), booked, "own");
    for passed in [
        "",
        " ",
        "no json",
        "[1]",
        "7",
        "null",
        "{}",
        r#"{"experiment_title": {"user_input": "x"}}"#,
        "{\"data_consent\"",
    ] {
        add(text(passed), own(&json!("Agree")), &[], "own");
        add(text(passed), None, booked, "booking 1");
    }
    add(text(r#"{"data_consent": {"user_input": "Disagree"}, "x": NaN}"#), None, booked, answered);
    add(text(r#"{"data_consent": {"user_input": "Disagree \ud83d"}}"#), None, booked, answered);
    let none = "no reservation: no booking";
    add(None, None, &[], none);
    add(None, None, booked, "booking 1");
    add(None, None, &[(3, -60, 60, "Agree"), (3, 60, 60, "Agree")], none);
    add(None, None, &[(3, -60, 80, "Agree"), (3, 20, 60, "Agree")], "booking 2");
    add(None, None, &[(3, -1400, 2900, "Agree")], "booking 1");
    add(None, None, &[(3, 0, 480, "Agree"), (3, 0, 120, "Agree")], "booking 2");
    add(None, None, &[(3, 0, 60, "cancelled")], none);
    add(None, None, &[(4, 0, 60, "Agree")], "no reservation: the only booking");
    add(None, None, &[(4, 0, 60, "Agree"), (3, 50, 60, "Agree")], "booking 2");
    add(None, None, &[(3, 0, 20, "Agree"), (3, 20, 60, "Disagree")], answered);
    add(None, None, &[(3, 0, 60, "null")], "no consent: no question was answered");
    add(None, None, &[(3, 0, 60, "broken")], "failed: NEMO itself cannot read the answers of reservation");
    rows
}

/// Puts the rows on the fake server; the sessions they stand for.
pub fn put(bench: &Bench, rows: &[Row]) -> Vec<SessionRef> {
    rows.iter()
        .map(|row| {
            let event = UsageEvent::new(row.id, 1, 3, start(row.id), Duration::hours(1));
            let event = UsageEvent {
                run_data: row.run_data.clone(),
                pre_run_data: row.pre_run_data.clone(),
                ..event
            };
            for booking in &row.bookings {
                bench.nemo.put_reservation(booking.clone());
            }
            bench.nemo.put_event(event.clone());
            bench.session(&event)
        })
        .collect()
}

/// A short word for an answer: the title, or why there is none.
pub fn word(answer: ReservationAnswer) -> String {
    match answer {
        ReservationAnswer::Reservation(found) => found.title.unwrap_or_default(),
        ReservationAnswer::NoConsent { reason } => format!("no consent: {reason}"),
        ReservationAnswer::NoReservation { reason } => format!("no reservation: {reason}"),
        ReservationAnswer::Gone => "gone".into(),
        ReservationAnswer::Failed(error) => format!("failed: {error}"),
    }
}

/// Holds the answers against the rows.
pub fn compare(rows: &[Row], answers: Vec<ReservationAnswer>) {
    assert_eq!(rows.len(), answers.len());
    for (row, answer) in rows.iter().zip(answers) {
        let word = word(answer);
        let (run, pre) = (&row.run_data, &row.pre_run_data);
        assert!(
            word.starts_with(row.expected),
            "row {}: {run:?} {pre:?}: {word}, not {}",
            row.id,
            row.expected
        );
    }
}

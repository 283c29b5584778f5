//! The rows.

use chrono::Duration;
use serde_json::{Value, json};

use super::{Row, TOOL, start};
use crate::fake_nemo::{Reservation, questions};

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

/// A booking around a row's session: whose, minutes from its start, length, and the answer to the question of
/// consent, or one of the words `null`, `broken`, `cancelled`.
type Span = (u64, i64, i64, &'static str);

struct Rows(Vec<Row>);

impl Rows {
    fn add(&mut self, run: Option<String>, pre: Option<String>, spans: &[Span], expected: &'static str) {
        let id = self.0.len() as u64 + 1;
        let bookings = spans.iter().zip(1..).map(|((user, from, minutes, consent), number)| {
            let start = start(id) + Duration::minutes(*from);
            let booking = Reservation::new(id * 10 + number, TOOL, *user, start, Duration::minutes(*minutes));
            match *consent {
                "null" => booking,
                "broken" => Reservation { broken: true, ..booking.with_answers(json!({"x": 1})) },
                "cancelled" => {
                    Reservation { cancelled: true, ..booking.with_answers(questions("Agree", "cancelled")) }
                }
                consent => booking.with_answers(questions(consent, &format!("booking {number}"))),
            }
        });
        self.0.push(Row {
            id,
            user: 3,
            operator: None,
            minutes: 60,
            run_data: run,
            pre_run_data: pre,
            bookings: bookings.collect(),
            file: true,
            expected,
        });
    }

    /// The row that was added last.
    fn last(&mut self) -> &mut Row {
        self.0.last_mut().unwrap()
    }

    /// A row whose booking, of half an hour before to half an hour after, has these answers besides consent.
    fn answered(&mut self, answers: &Value, expected: &'static str) {
        self.add(None, None, &[(3, -30, 120, "null")], expected);
        let mut all = json!({"data_consent": {"user_input": "Agree"}});
        for (question, input) in answers.as_object().unwrap() {
            all[question] = json!({ "user_input": input });
        }
        self.last().bookings[0].question_data = Some(all);
    }
}

/// All rows, in the order of their sessions.
pub fn rows() -> Vec<Row> {
    let mut rows = Rows(Vec::new());
    consent(&mut rows);
    matching(&mut rows);
    fields(&mut rows);
    rows.0
}

/// Who asks first decides, and only a known yes is consent.
fn consent(rows: &mut Rows) {
    let booked: &[Span] = &[(3, 0, 60, "Agree")];
    for yes in ["Agree", " agree ", "AGREED", "I agree", "yes", "Y", "true", "Consent", "accepted"] {
        rows.add(own(&json!(yes)), None, &[], "own");
        rows.add(None, own(&json!(yes)), &[], "own");
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
        rows.add(own(&no), None, booked, answered);
        rows.add(None, own(&no), booked, answered);
    }
    for nothing in [json!(""), json!("  "), json!(null)] {
        rows.add(own(&nothing), own(&json!("Agree")), booked, unanswered);
    }
    rows.add(text(r#"{"data_consent": {"type": "radio"}}"#), own(&json!("Agree")), booked, unanswered);
    rows.add(own(&json!("Disagree")), own(&json!("Agree")), booked, answered);
    rows.add(own(&json!("Agree")), own(&json!("Disagree")), booked, "own");
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
        rows.add(text(passed), own(&json!("Agree")), &[], "own");
        rows.add(text(passed), None, booked, "booking 1");
    }
    rows.add(text(r#"{"data_consent": {"user_input": "Disagree"}, "x": NaN}"#), None, booked, answered);
    rows.add(text(r#"{"data_consent": {"user_input": "Disagree \ud83d"}}"#), None, booked, answered);
}

/// Which booking belongs to the session.
fn matching(rows: &mut Rows) {
    let answered = "no consent: the answer to consent is ";
    let none = "no reservation: no booking";
    rows.add(None, None, &[], none);
    rows.add(None, None, &[(3, 0, 60, "Agree")], "booking 1");
    rows.add(None, None, &[(3, -60, 60, "Agree"), (3, 60, 60, "Agree")], none);
    rows.add(None, None, &[(3, -60, 80, "Agree"), (3, 20, 60, "Agree")], "booking 2");
    rows.add(None, None, &[(3, -1400, 2900, "Agree")], "booking 1");
    rows.add(None, None, &[(3, 0, 480, "Agree"), (3, 0, 120, "Agree")], "booking 2");
    rows.add(None, None, &[(3, 0, 60, "cancelled")], none);
    rows.add(None, None, &[(4, 0, 60, "Agree")], "no reservation: the only booking");
    rows.add(None, None, &[(4, 0, 60, "Agree"), (3, 50, 60, "Agree")], "booking 2");
    rows.add(None, None, &[(3, 0, 20, "Agree"), (3, 20, 60, "Disagree")], answered);
    rows.add(None, None, &[(3, 0, 60, "null")], "no consent: no question was answered");
    rows.add(
        None,
        None,
        &[(3, 0, 60, "broken")],
        "failed: NEMO itself cannot read the answers of reservation",
    );
    // No length, between two bookings: it lies in the one that begins then.
    rows.add(None, None, &[(3, -60, 60, "Agree"), (3, 0, 60, "Agree")], "booking 2");
    rows.last().minutes = 0;
    rows.last().file = false;
    // Whatever is answered, a session without files has no record.
    rows.add(own(&json!("Agree")), None, &[], "own");
    rows.last().file = false;
    rows.add(own(&json!("Disagree")), None, &[], answered);
    rows.last().file = false;
}

/// What a record is told.
fn fields(rows: &mut Rows) {
    let all = questions("Agree", "Grain size").to_string();
    // Somebody worked for the user: the user's session it is.
    rows.add(Some(all.clone()), None, &[], "Grain size");
    rows.last().operator = Some(4);
    rows.add(None, Some(all.clone()), &[], "Grain size");
    // A user without a name is told by the log-in name.
    rows.add(Some(all), None, &[], "Grain size");
    rows.last().user = 4;
    rows.add(None, None, &[(4, -30, 120, "Agree")], "booking 1");
    rows.last().user = 4;
    rows.answered(&json!({}), "");
    rows.answered(&json!({"experiment_title": "  ", "experiment_purpose": "", "project_id": ""}), "");
    rows.answered(
        &json!({"experiment_title": "a < b & \"c\" ]]> 🔬 結晶", "experiment_purpose": "one\ntwo & <three>"}),
        "a < b & \"c\" ]]> 🔬 結晶",
    );
    rows.answered(&json!({"experiment_title": "a\u{1}b", "experiment_purpose": "tab\there\u{0}"}), "a");
    rows.answered(&json!({"experiment_title": 7, "experiment_purpose": ["x"], "project_id": true}), "7");
    rows.answered(&json!({"experiment_title": {"a": 1}, "project_id": 12.50}), "");
    rows.answered(
        &json!({
            "experiment_title": "samples",
            "sample_group": {
                "0": {"sample_name": "hdl:1/77", "sample_or_pid": "PID", "sample_details": null},
                "2": {
                    "sample_name": "Coupon 4", "sample_or_pid": "Sample Name", "sample_details": "polished",
                    "periodic_table": ["Fe", "C"],
                },
                "3": {"sample_name": "third", "sample_or_pid": "sample name", "sample_details": ""},
            },
        }),
        "samples",
    );
    rows.answered(
        &json!({
            "experiment_title": "odd samples",
            "sample_group": {
                "0": {"sample_name": "no kind"},
                "1": {"sample_name": "kind of nothing", "sample_or_pid": null},
                "2": {"sample_name": "another kind", "sample_or_pid": "Lot", "sample_details": "kept"},
                "3": 7,
                "4": {"sample_or_pid": "PID", "periodic_table": ["Fe", "Xx", "Fe", "fe", 3, null]},
            },
        }),
        "odd samples",
    );
    rows.answered(&json!({"experiment_title": "no samples", "sample_group": {}}), "no samples");
    // What a forced log-off leaves of a group.
    rows.answered(
        &json!({"experiment_title": "forced", "sample_group": {"0": {"sample_name": "", "sample_or_pid": ""}}}),
        "forced",
    );
    rows.answered(
        &json!({"experiment_title": "flat", "sample_name": "Coupon 5", "sample_details": "as cast"}),
        "flat",
    );
    rows.answered(&json!({"experiment_title": "group of text", "sample_group": "Coupon 6"}), "group of text");
    rows.answered(&json!({"experiment_title": "x".repeat(300)}), "xxx");
}

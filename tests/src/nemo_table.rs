//! Every rule of consent, matching and record fields as a row: what is on a NEMO server, and what becomes of the session.
//!
//! The rows are put to the fake server and to a real one. [`compare`] holds the plugin's answers against the short
//! word of each row; [`compare_outcomes`] holds what a whole run left (status, reason, fields of the record) against
//! the table in `tests/testdata/nemo/rows.md`. With `UPDATE_DOCS=1` that table is written anew, to be read before it is committed.

mod rows;
mod written;

use chrono::{DateTime, Duration, Utc};
use nexus_plugin_api::ReservationAnswer;

use crate::fake_nemo::{FakeNemo, Person, Reservation, UsageEvent};

pub use rows::rows;
pub use written::{Fields, Outcome, Outcomes, compare_outcomes};

/// The tool of every row.
pub const TOOL: u64 = 1;

/// One session and what becomes of it.
#[derive(Debug, Clone)]
pub struct Row {
    /// Number of the usage event.
    pub id: u64,
    /// Whose session it is; user 3 is k.ito, user 4 has no name.
    pub user: u64,
    /// Who worked for the user, if somebody else did.
    pub operator: Option<u64>,
    /// How long it took.
    pub minutes: i64,
    /// Answers given at its end, as text.
    pub run_data: Option<String>,
    /// Answers given at its beginning, as text.
    pub pre_run_data: Option<String>,
    /// What was booked around it.
    pub bookings: Vec<Reservation>,
    /// Whether the instrument wrote a file meanwhile.
    pub file: bool,
    /// `title` of the record, or the beginning of the reason why there is none.
    pub expected: &'static str,
}

impl Row {
    /// The usage event on the server.
    pub fn event(&self) -> UsageEvent {
        UsageEvent {
            operator: self.operator,
            run_data: self.run_data.clone(),
            pre_run_data: self.pre_run_data.clone(),
            ..UsageEvent::new(self.id, TOOL, self.user, start(self.id), Duration::minutes(self.minutes))
        }
    }
}

/// The beginning of everything.
pub fn origin() -> DateTime<Utc> {
    "2026-05-04T13:00:00Z".parse().unwrap()
}

/// The start of a row's session; the rows are days apart.
pub fn start(id: u64) -> DateTime<Utc> {
    origin() + Duration::days(3 * i64::try_from(id).unwrap())
}

/// Puts tool, people and rows on a fake server.
pub fn put(nemo: &FakeNemo, rows: &[Row]) {
    nemo.add_tool(TOOL, "Borealis TEM");
    nemo.add_user(Person::new(3, "k.ito", "純", "伊藤"));
    nemo.add_user(Person::new(4, "staff", "", ""));
    for row in rows {
        for booking in &row.bookings {
            nemo.put_reservation(booking.clone());
        }
        nemo.put_event(row.event());
    }
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

/// Holds the plugin's answers against the rows.
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

//! What a whole run leaves of each row, as a table that people can read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::Row;

/// What a record says of the facts that come from a scheduler. Texts are as in the record; times in the zone of
/// the instrument.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    /// Its title.
    pub title: String,
    /// Number of the reservation or usage event.
    pub id: String,
    /// Web page of it; the address of the site stands as `<site>`.
    pub link: String,
    /// Who.
    pub experimenter: String,
    /// Booked from.
    pub from: String,
    /// Booked until.
    pub to: String,
    /// Why.
    pub motivation: String,
    /// Numbers of projects.
    pub projects: Vec<String>,
    /// Each sample in one text: `ref=… name=… description=… elements=…`.
    pub samples: Vec<String>,
}

/// What a run left of one session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The status of its rows in the session log.
    pub status: String,
    /// Whose session the log says it is.
    pub user: String,
    /// Why there is no record, or not yet; empty if there is one.
    pub reason: String,
    /// What was left out of the record or changed.
    pub warnings: Vec<String>,
    /// What the record says.
    pub record: Option<Fields>,
}

/// What a run left, by the number of the row.
pub type Outcomes = BTreeMap<u64, Outcome>;

const FILE: &str = "testdata/nemo/rows.md";

const HEAD: &str = "\
# Rows of a NEMO server, and what becomes of them

Each row is a session of an hour on one tool (unless told otherwise) and what a whole run leaves of it. Written by the tests
with `UPDATE_DOCS=1`; the same table holds for the fake server and for NEMO-CE itself. Bookings are `number: user,
minutes from the session's start, length`. Line feeds and other controls stand as `\\n` and the like.

";

/// Holds what a run left against the table, and against the short word of each row.
pub fn compare_outcomes(rows: &[Row], found: &Outcomes) {
    for row in rows {
        let outcome = found.get(&row.id).unwrap_or_else(|| panic!("row {} is in no session", row.id));
        let expected = expected_status(row);
        assert_eq!(outcome.status, expected, "row {}: {outcome:?}", row.id);
        assert_eq!(outcome.record.is_some(), expected == "COMPLETED", "row {}: {outcome:?}", row.id);
        if let Some(record) = outcome.record.as_ref().filter(|_| !row.expected.is_empty()) {
            assert!(record.title.starts_with(row.expected), "row {}: {record:?}", row.id);
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let text = table(rows, found);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let different: Vec<String> = kept
        .lines()
        .zip(text.lines())
        .filter(|(kept, now)| kept != now)
        .map(|(kept, now)| format!("- {kept}\n+ {now}"))
        .collect();
    assert!(
        different.is_empty() && kept.lines().count() == text.lines().count(),
        "{FILE} says something else ({} and {} lines); UPDATE_DOCS=1 writes it anew\n{}",
        kept.lines().count(),
        text.lines().count(),
        different.join("\n")
    );
}

/// The status that follows from a row's short word.
fn expected_status(row: &Row) -> &'static str {
    for (word, status) in
        [("no consent: ", "NO_CONSENT"), ("no reservation: ", "NO_RESERVATION"), ("failed: ", "TO_BE_BUILT")]
    {
        if row.expected.starts_with(word) {
            return status;
        }
    }
    if row.file { "COMPLETED" } else { "NO_FILES_FOUND" }
}

fn table(rows: &[Row], found: &Outcomes) -> String {
    let mut text = HEAD.to_owned();
    text.push_str(
        "## The server\n\n| row | user | run_data | pre_run_data | bookings | |\n|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let mut more = Vec::new();
        if row.minutes != 60 {
            more.push(format!("{} minutes long", row.minutes));
        }
        if let Some(operator) = row.operator {
            more.push(format!("operator {operator}"));
        }
        if !row.file {
            more.push("no file".to_owned());
        }
        line(
            &mut text,
            &[
                row.id.to_string(),
                row.user.to_string(),
                row.run_data.clone().unwrap_or_default(),
                row.pre_run_data.clone().unwrap_or_default(),
                bookings(row),
                more.join(", "),
            ],
        );
    }
    text.push_str("\n## Sessions\n\n| row | status | user | reason | warnings |\n|---|---|---|---|---|\n");
    for row in rows {
        let one = found.get(&row.id).cloned().unwrap_or_default();
        line(&mut text, &[row.id.to_string(), one.status, one.user, one.reason, one.warnings.join("; ")]);
    }
    text.push_str(
        "\n## Records\n\n| row | title | id, link | experimenter | reservationStart | reservationEnd | motivation | \
         project_id | samples |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let Some(one) = found.get(&row.id).and_then(|one| one.record.clone()) else { continue };
        let fields = [
            row.id.to_string(),
            one.title,
            format!("{}, {}", one.id, one.link),
            one.experimenter,
            one.from,
            one.to,
            one.motivation,
            one.projects.join("; "),
            one.samples.join("; "),
        ];
        line(&mut text, &fields);
    }
    text
}

fn bookings(row: &Row) -> String {
    let told = row.bookings.iter().map(|one| {
        let from = (one.start - super::start(row.id)).num_minutes();
        let length = (one.end - one.start).num_minutes();
        let mut told = format!("{}: {}, {from}, {length}", one.id, one.user);
        if one.cancelled {
            told.push_str(", cancelled");
        }
        match &one.question_data {
            _ if one.broken => told.push_str(", answers that are no JSON"),
            Some(answers) => write!(told, ", {answers}").unwrap(),
            None => told.push_str(", no answers"),
        }
        told
    });
    told.collect::<Vec<_>>().join("; ")
}

fn line(text: &mut String, cells: &[String]) {
    for cell in cells {
        let cell = cell.replace('|', "\\|");
        let cell: String = cell
            .chars()
            .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
            .collect();
        write!(text, "| {cell} ").unwrap();
    }
    text.push_str("|\n");
}

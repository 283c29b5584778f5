//! What a site holds: people, lists with their columns, items, and the events of group calendars.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

/// A person of the site.
#[derive(Debug, Clone)]
pub struct Person {
    /// Number in the site's hidden list of users.
    pub id: u64,
    /// Name as it is shown.
    pub title: String,
    /// E-mail address.
    pub mail: String,
    /// Login name, with its claims prefix and domain.
    pub login: String,
}

impl Person {
    /// A person of the domain `example` with an address at example.org.
    pub fn new(id: u64, account: &str, title: &str) -> Self {
        Self {
            id,
            title: title.to_owned(),
            mail: format!("{account}@example.org"),
            login: format!("i:0#.w|example\\{account}"),
        }
    }
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text, rich text, choices: whatever the item says.
    Text,
    /// A number.
    Number,
    /// Yes or no.
    Boolean,
    /// A moment.
    Date,
    /// One person.
    Person,
    /// Several persons.
    People,
}

/// A column of a list.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name for people; can be changed.
    pub title: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether filters on it work on large lists, and on Graph without a special header.
    pub indexed: bool,
    /// Whether it is left out where people choose columns.
    pub hidden: bool,
}

/// An item of a calendar list, as it is stored.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its number.
    pub id: u64,
    /// `Title`.
    pub title: String,
    /// `EventDate`, as it is written: the site's wall clock with a `Z` where `all_day`.
    pub start: DateTime<Utc>,
    /// `EndDate`, as it is written; of a master, the end of the last occurrence.
    pub end: DateTime<Utc>,
    /// `fAllDayEvent`.
    pub all_day: bool,
    /// `EventType`: 0 single, 1 master, 3 deleted, 4 changed.
    pub kind: u8,
    /// `RecurrenceData`.
    pub rule: Option<String>,
    /// `MasterSeriesItemID`.
    pub master: Option<u64>,
    /// `RecurrenceID`: the start that this occurrence had.
    pub original: Option<DateTime<Utc>>,
    /// `Duration` in seconds; `None`: as long as it is.
    pub duration: Option<i64>,
    /// `EventCanceled`.
    pub cancelled: bool,
    /// `Author`.
    pub author: u64,
    /// People columns.
    pub people: BTreeMap<String, Vec<u64>>,
    /// All other columns.
    pub columns: BTreeMap<String, Value>,
    /// `Modified`; `Created` is the same.
    pub modified: DateTime<Utc>,
}

impl Item {
    /// A single event made by person 12, without anybody in `UserName`, with consent given.
    pub fn new(id: u64, title: &str, start: &str, end: &str) -> Self {
        Self {
            id,
            title: title.to_owned(),
            start: start.parse().unwrap(),
            end: end.parse().unwrap(),
            all_day: false,
            kind: 0,
            rule: None,
            master: None,
            original: None,
            duration: None,
            cancelled: false,
            author: 12,
            people: BTreeMap::new(),
            columns: BTreeMap::from([("DataConsent".to_owned(), json!("Agree"))]),
            modified: "2025-02-27T20:02:11Z".parse().unwrap(),
        }
    }

    /// The same booked by somebody, who stands in `UserName` too.
    #[must_use]
    pub fn by(mut self, person: u64) -> Self {
        self.author = person;
        self.of(&[person])
    }

    /// The same with these people in `UserName`.
    #[must_use]
    pub fn of(mut self, people: &[u64]) -> Self {
        self.people.insert("UserName".to_owned(), people.to_vec());
        self
    }

    /// The same with a value in a column; null takes it out.
    #[must_use]
    #[allow(clippy::needless_pass_by_value, reason = "reads better where items are made")]
    pub fn with(mut self, column: &str, value: Value) -> Self {
        self.columns.insert(column.to_owned(), value);
        self
    }

    /// The same with this answer to the question for consent; null: none.
    #[must_use]
    pub fn consent(self, answer: Value) -> Self {
        self.with("DataConsent", answer)
    }

    /// The same for whole days: `start` and `end` are the site's wall clock.
    #[must_use]
    pub fn all_day(mut self) -> Self {
        self.all_day = true;
        self
    }

    /// The same, but it does not take place.
    #[must_use]
    pub fn cancelled(mut self) -> Self {
        self.cancelled = true;
        self
    }

    /// The same as a series: `end` is that of its last occurrence, each lasts this many seconds. `repeat` is what
    /// stands in the rule.
    #[must_use]
    pub fn repeating(mut self, duration: i64, repeat: &str) -> Self {
        self.kind = 1;
        self.duration = Some(duration);
        let rule =
            format!("<recurrence><rule><firstDayOfWeek>su</firstDayOfWeek>{repeat}</rule></recurrence>");
        self.rule = Some(rule);
        self
    }

    /// The same as an occurrence of a series that was changed.
    #[must_use]
    pub fn instead_of(mut self, master: u64, original: &str) -> Self {
        self.kind = 4;
        self.master = Some(master);
        self.original = Some(original.parse().unwrap());
        self
    }

    /// The occurrence of a series that was deleted.
    pub fn deleted(id: u64, master: u64, original: &str) -> Self {
        let item = Self::new(id, "Deleted", original, original).instead_of(master, original);
        Self { kind: 3, ..item }
    }

    /// What a column holds, people apart; the names are those inside the server.
    pub(super) fn value(&self, column: &str) -> Value {
        let date = |time: Option<DateTime<Utc>>| time.map_or(Value::Null, |time| json!(text(time)));
        match column {
            "Id" | "ID" | "id" => json!(self.id),
            "Title" => json!(self.title),
            "EventDate" => date(Some(self.start)),
            "EndDate" => date(Some(self.end)),
            "fAllDayEvent" => json!(self.all_day),
            "fRecurrence" => json!(matches!(self.kind, 1 | 3 | 4)),
            "RecurrenceData" => json!(self.rule),
            "EventType" => json!(self.kind),
            "MasterSeriesItemID" => json!(self.master),
            "RecurrenceID" => date(self.original),
            "Duration" => json!(self.duration.unwrap_or((self.end - self.start).num_seconds())),
            "EventCanceled" => json!(self.cancelled),
            "Modified" | "Created" => date(Some(self.modified)),
            other => self.columns.get(other).cloned().unwrap_or(Value::Null),
        }
    }

    /// The people in a column.
    pub(super) fn people(&self, column: &str) -> Vec<u64> {
        match column {
            "Author" | "Editor" => vec![self.author],
            other => self.people.get(other).cloned().unwrap_or_default(),
        }
    }
}

/// A moment as both dialects write it.
pub(super) fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A list.
#[derive(Debug, Clone)]
pub(super) struct List {
    /// A GUID.
    pub(super) id: String,
    pub(super) columns: BTreeMap<String, Column>,
    pub(super) items: BTreeMap<u64, Item>,
}

impl List {
    /// A calendar with the columns that every calendar has, and those that facilities add.
    pub(super) fn calendar(number: usize) -> Self {
        let shown = [
            ("Title", "Title", Kind::Text),
            ("EventDate", "Start Time", Kind::Date),
            ("EndDate", "End Time", Kind::Date),
            ("fAllDayEvent", "All Day Event", Kind::Boolean),
            ("fRecurrence", "Recurrence", Kind::Boolean),
            ("Category", "Category", Kind::Text),
            ("Description", "Description", Kind::Text),
            ("Location", "Location", Kind::Text),
            ("Modified", "Modified", Kind::Date),
            ("Created", "Created", Kind::Date),
            ("Author", "Created By", Kind::Person),
            ("Editor", "Modified By", Kind::Person),
            ("UserName", "User Name", Kind::People),
            ("Title_x0020_of_x0020_Experiment", "Title of Experiment", Kind::Text),
            ("Experiment_x0020_Purpose", "Experiment Purpose", Kind::Text),
            ("Sample_x0020_Details", "Sample Details", Kind::Text),
            ("ProjectID", "ProjectID", Kind::Text),
            ("DataConsent", "Data Consent", Kind::Text),
        ];
        let hidden = [
            ("Id", "ID", Kind::Number),
            ("RecurrenceData", "RecurrenceData", Kind::Text),
            ("EventType", "Event Type", Kind::Number),
            ("MasterSeriesItemID", "MasterSeriesItemID", Kind::Number),
            ("RecurrenceID", "Recurrence ID", Kind::Date),
            ("Duration", "Duration", Kind::Number),
            ("EventCanceled", "Event Cancelled", Kind::Boolean),
        ];
        let column = |hidden| {
            move |(name, title, kind): (&str, &str, Kind)| {
                let indexed = name == "Id";
                (name.to_owned(), Column { title: title.to_owned(), kind, indexed, hidden })
            }
        };
        Self {
            id: format!("5f2c8c1e-0000-4000-8000-{number:012}"),
            columns: shown
                .into_iter()
                .map(column(false))
                .chain(hidden.into_iter().map(column(true)))
                .collect(),
            items: BTreeMap::new(),
        }
    }
}

/// An event of a group's calendar; the service has expanded recurrences already.
#[derive(Debug, Clone)]
pub struct GroupEvent {
    /// Opaque.
    pub id: String,
    /// The subject.
    pub subject: String,
    /// When it begins.
    pub start: DateTime<Utc>,
    /// When it ends; of an all-day event, midnight after its last day.
    pub end: DateTime<Utc>,
    /// Name and address of the organizer.
    pub organizer: (String, String),
    /// Whether it is for whole days.
    pub all_day: bool,
    /// Whether it does not take place.
    pub cancelled: bool,
    /// The series that it belongs to.
    pub master: Option<String>,
    /// `singleInstance`, `occurrence`, `exception`, `seriesMaster`.
    pub kind: String,
    /// HTML.
    pub body: String,
    /// The categories.
    pub categories: Vec<String>,
}

impl GroupEvent {
    /// A single event of Ada Lovelace.
    pub fn new(id: &str, subject: &str, start: &str, end: &str) -> Self {
        Self {
            id: id.to_owned(),
            subject: subject.to_owned(),
            start: start.parse().unwrap(),
            end: end.parse().unwrap(),
            organizer: ("Ada Lovelace".to_owned(), "ada@example.org".to_owned()),
            all_day: false,
            cancelled: false,
            master: None,
            kind: "singleInstance".to_owned(),
            body: String::new(),
            categories: Vec::new(),
        }
    }
}

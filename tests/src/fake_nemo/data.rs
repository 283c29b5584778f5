//! The rows of a fake NEMO server, and how they look from outside.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::time_text;

/// A person with an account.
#[derive(Debug, Clone)]
pub struct Person {
    /// NEMO's number.
    pub id: u64,
    /// The log-in name.
    pub username: String,
    /// First name; may be empty.
    pub first_name: String,
    /// Last name; may be empty.
    pub last_name: String,
    /// E-mail address; may be empty.
    pub email: String,
}

impl Person {
    /// A person with an address at example.net.
    pub fn new(id: u64, username: &str, first_name: &str, last_name: &str) -> Self {
        let [username, first_name, last_name] = [username, first_name, last_name].map(str::to_owned);
        let email = format!("{username}@example.net");
        Self { id, username, first_name, last_name, email }
    }
}

/// The use of a tool.
#[derive(Debug, Clone)]
pub struct UsageEvent {
    /// NEMO's number.
    pub id: u64,
    /// The tool's number.
    pub tool: u64,
    /// The user's number.
    pub user: u64,
    /// The operator's number; `None`: the user's.
    pub operator: Option<u64>,
    /// When it began.
    pub start: DateTime<Utc>,
    /// When it ended; `None` while in use.
    pub end: Option<DateTime<Utc>>,
    /// Answers given when it began: text that holds JSON, see [`questions`].
    pub pre_run_data: Option<String>,
    /// Answers given when it ended.
    pub run_data: Option<String>,
}

impl UsageEvent {
    /// A finished event without answers.
    pub fn new(id: u64, tool: u64, user: u64, start: DateTime<Utc>, length: Duration) -> Self {
        let end = Some(start + length);
        Self { id, tool, user, operator: None, start, end, pre_run_data: None, run_data: None }
    }

    /// The same with answers given at its end.
    #[must_use]
    pub fn with_run_data(mut self, answers: &Value) -> Self {
        self.run_data = Some(answers.to_string());
        self
    }
}

/// A booking of a tool.
#[derive(Debug, Clone)]
pub struct Reservation {
    /// NEMO's number.
    pub id: u64,
    /// The tool's number; `None` for the booking of an area.
    pub tool: Option<u64>,
    /// The user's number; also the creator.
    pub user: u64,
    /// When it was made; `None`: two days before it begins.
    pub created: Option<DateTime<Utc>>,
    /// When it begins.
    pub start: DateTime<Utc>,
    /// When it ends.
    pub end: DateTime<Utc>,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// The answers, see [`questions`].
    pub question_data: Option<Value>,
    /// Whether the text behind the answers is no JSON, so that the server fails whenever it should show it.
    pub broken: bool,
}

impl Reservation {
    /// A booking without answers.
    pub fn new(id: u64, tool: u64, user: u64, start: DateTime<Utc>, length: Duration) -> Self {
        let (tool, end) = (Some(tool), start + length);
        Self {
            id,
            tool,
            user,
            created: None,
            start,
            end,
            cancelled: false,
            question_data: None,
            broken: false,
        }
    }

    /// The same with answers.
    #[must_use]
    pub fn with_answers(mut self, answers: Value) -> Self {
        self.question_data = Some(answers);
        self
    }
}

/// Answers to the usual questions: consent, a title, a purpose, a project, one sample.
pub fn questions(consent: &str, title: &str) -> Value {
    json!({
        "data_consent": {
            "type": "radio", "name": "data_consent", "title": "May the data be kept?",
            "choices": ["Agree", "Disagree"], "user_input": consent,
        },
        "experiment_title": {
            "type": "textbox", "name": "experiment_title", "title": "Title", "user_input": title,
        },
        "experiment_purpose": {
            "type": "textarea", "name": "experiment_purpose", "title": "Why", "user_input": "To see what is there",
        },
        "project_id": { "type": "textbox", "name": "project_id", "title": "Project", "user_input": "AL-2" },
        "sample_group": {
            "type": "group", "name": "sample_group", "title": "Samples", "questions": [],
            "user_input": {
                "0": { "sample_name": "Coupon 4", "sample_or_pid": "Sample Name", "sample_details": "polished" },
            },
        },
    })
}

#[derive(Default)]
pub(super) struct Facility {
    pub(super) tools: BTreeMap<u64, String>,
    pub(super) users: BTreeMap<u64, Person>,
    pub(super) events: BTreeMap<u64, UsageEvent>,
    pub(super) reservations: BTreeMap<u64, Reservation>,
}

impl Facility {
    /// Every row of an endpoint, in the order in which the server lists them; `None` for an unknown endpoint.
    pub(super) fn rows(&self, endpoint: &str, zone: Tz) -> Option<Vec<Value>> {
        Some(match endpoint {
            "tools" => self.tools.iter().map(|(id, name)| tool(*id, name)).collect(),
            "users" => self.users.values().map(user).collect(),
            "projects" => vec![project()],
            "usage_events" => {
                let mut events: Vec<_> = self.events.values().collect();
                events.sort_by_key(|event| std::cmp::Reverse(event.start));
                events.into_iter().map(|event| usage_event(event, zone)).collect()
            }
            "reservations" => {
                let mut reservations: Vec<_> = self.reservations.values().collect();
                reservations.sort_by_key(|reservation| std::cmp::Reverse(reservation.start));
                reservations.into_iter().map(|booking| reservation(booking, zone)).collect()
            }
            _ => return None,
        })
    }

    /// Whether the answers of a reservation are no JSON.
    pub(super) fn is_broken(&self, reservation: u64) -> bool {
        self.reservations.get(&reservation).is_some_and(|booking| booking.broken)
    }

    /// The object that a foreign key of this name points to.
    pub(super) fn linked(&self, key: &str, id: u64) -> Option<Value> {
        match key {
            "user" | "operator" | "creator" => self.users.get(&id).map(user),
            "tool" => self.tools.get(&id).map(|name| tool(id, name)),
            "project" | "projects" => (id == 1).then(project),
            _ => None,
        }
    }
}

fn tool(id: u64, name: &str) -> Value {
    json!({
        "id": id, "name": name, "visible": true, "parent_tool": null, "_category": "Microscopes",
        "_location": "Room 1", "_serial": null, "_operational": true, "_primary_owner": null, "_superusers": [],
    })
}

fn user(person: &Person) -> Value {
    json!({
        "id": person.id, "user_documents": [], "username": person.username, "first_name": person.first_name,
        "last_name": person.last_name, "email": person.email, "domain": "", "notes": null, "badge_number": null,
        "access_expiration": null, "is_active": true, "is_staff": false, "is_superuser": false,
        "training_required": false, "date_joined": "2020-01-02T08:00:00Z", "last_login": null, "type": null,
        "groups": [], "user_permissions": [], "qualifications": [], "projects": [1], "managed_projects": [],
    })
}

fn project() -> Value {
    json!({
        "id": 1, "principal_investigators": [], "users": [], "name": "Alloys \"A & B\"",
        "application_identifier": "AL-2", "start_date": null, "active": true, "account": 1, "discipline": null,
        "project_types": [], "only_allow_tools": [],
    })
}

fn usage_event(event: &UsageEvent, zone: Tz) -> Value {
    json!({
        "id": event.id, "start": time_text(event.start, zone), "end": event.end.map(|end| time_text(end, zone)),
        "has_ended": if event.end.is_some() { event.id } else { 0 }, "note": null, "validated": false,
        "remote_work": false, "training": false, "pre_run_data": event.pre_run_data, "run_data": event.run_data,
        "waived": false, "waived_on": null, "user": event.user, "operator": event.operator.unwrap_or(event.user), "project": 1,
        "tool": event.tool, "staff_charge": null, "validated_by": null, "waived_by": null,
    })
}

fn reservation(booking: &Reservation, zone: Tz) -> Value {
    json!({
        "id": booking.id, "question_data": booking.question_data, "configuration_options": [],
        "creation_time": time_text(booking.created.unwrap_or(booking.start - Duration::days(2)), zone),
        "start": time_text(booking.start, zone), "end": time_text(booking.end, zone), "short_notice": false,
        "cancelled": booking.cancelled, "cancellation_time": null, "missed": false, "shortened": false,
        "additional_information": null, "self_configuration": false, "title": "", "note": null, "validated": false,
        "waived": false, "waived_on": null, "user": booking.user, "creator": booking.user, "invitee": null,
        "tool": booking.tool, "area": if booking.tool.is_none() { json!(1) } else { Value::Null }, "project": 1,
        "cancelled_by": null, "descendant": null, "validated_by": null, "waived_by": null, "tool_accessories": [],
    })
}

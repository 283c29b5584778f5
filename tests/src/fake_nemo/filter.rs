//! The filters of a NEMO list, with the server's ways of refusing and ignoring.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Value, json};

use super::data::Facility;
use crate::http::Request;

/// The rows that pass every filter, or the body of a 400.
pub(super) fn apply(
    endpoint: &str,
    mut rows: Vec<Value>,
    request: &Request,
    facility: &Facility,
) -> Result<Vec<Value>, Value> {
    // A parameter without a value is no filter.
    for (name, value) in request.query.iter().filter(|(_, value)| !value.is_empty()) {
        let (field, lookup) = name.split_once("__").unwrap_or((name, "exact"));
        match (endpoint, field, lookup) {
            (_, "id", "exact" | "in") => {
                let ids = numbers(name, value)?;
                rows.retain(|row| row["id"].as_u64().is_some_and(|id| ids.contains(&id)));
            }
            ("usage_events" | "reservations", "tool_id" | "tool" | "user_id" | "user", "exact" | "in") => {
                let ids = numbers(name, value)?;
                let key = field.trim_end_matches("_id");
                let known = |id: &u64| match key {
                    "tool" => facility.tools.contains_key(id),
                    _ => facility.users.contains_key(id),
                };
                if !ids.iter().all(known) {
                    let text = "Select a valid choice. That choice is not one of the available choices.";
                    return Err(refusal(name, text));
                }
                rows.retain(|row| row[key].as_u64().is_some_and(|id| ids.contains(&id)));
            }
            ("usage_events" | "reservations", "start" | "end", "gte" | "gt" | "lte" | "lt") => {
                let bound = time(name, value)?;
                rows.retain(|row| row[field].as_str().is_some_and(|text| keeps(text, lookup, bound)));
            }
            ("usage_events" | "reservations", "end", "isnull") => match value.to_ascii_lowercase().as_str() {
                "true" => rows.retain(|row| row["end"].is_null()),
                "false" => rows.retain(|row| !row["end"].is_null()),
                _ => {}
            },
            ("reservations", "cancelled", "exact") => match value.to_ascii_lowercase().as_str() {
                "true" => rows.retain(|row| row["cancelled"] == true),
                "false" | "0" => rows.retain(|row| row["cancelled"] == false),
                _ => {}
            },
            ("users", "username", "exact") => rows.retain(|row| row["username"] == **value),
            ("users", "username", "iexact") => {
                let wanted = value.to_lowercase();
                rows.retain(|row| row["username"].as_str().is_some_and(|name| name.to_lowercase() == wanted));
            }
            ("users", "username", "in") => {
                let wanted: Vec<_> = value.split(',').collect();
                rows.retain(|row| row["username"].as_str().is_some_and(|name| wanted.contains(&name)));
            }
            _ => {}
        }
    }
    Ok(rows)
}

fn refusal(parameter: &str, text: &str) -> Value {
    json!({ parameter: [text] })
}

fn numbers(parameter: &str, value: &str) -> Result<Vec<u64>, Value> {
    let items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| item.parse().map_err(|_| refusal(parameter, "Enter a number."))).collect()
}

/// A bound with offset or `Z`. A raw `+` has become a blank on the way here and is refused, as by the real server.
fn time(parameter: &str, value: &str) -> Result<DateTime<Utc>, Value> {
    let parsed = DateTime::parse_from_rfc3339(value).map(|time| time.to_utc());
    // A naive bound is in the server's zone there; here in UTC, which no test relies on.
    let naive = || value.parse::<NaiveDateTime>().map(|time| time.and_utc());
    parsed.or_else(|_| naive()).map_err(|_| refusal(parameter, "Enter a valid date/time."))
}

fn keeps(text: &str, lookup: &str, bound: DateTime<Utc>) -> bool {
    let Ok(time) = DateTime::parse_from_rfc3339(text) else { return false };
    match lookup {
        "gte" => time >= bound,
        "gt" => time > bound,
        "lte" => time <= bound,
        _ => time < bound,
    }
}

//! Whatever a site may answer, read as a harvest and a look-up of reservations read it: for a fuzzer, and for the tests
//! that do the same on every build.
//!
//! Nothing may panic, no event may end before it begins, and nothing but a known yes may be consent.

use std::sync::Arc;

use chrono_tz::Tz;
use nexus_plugin_consent::USUAL;
use serde_json::Value;
use url::Url;

use crate::client::{complaint, list_page, object};
use crate::consent::Consent;
use crate::event::{Columns, Event, Exceptions, Item, read};
use crate::people::{Person, UserName};
use crate::recurrence::{MOST_OCCURRENCES, Rule};
use crate::row::Row;
use crate::{graph, rest, zone};

/// The columns of the interfaces.
const OF_A_LIST: Columns<'_> = Columns { start: "EventDate", end: "EndDate" };
const OF_A_CALENDAR: Columns<'_> = Columns { start: "start", end: "end" };

/// How an interface reads an item, and the columns of its times.
type Interface = (fn(Value) -> Option<Row>, Columns<'static>);

const INTERFACES: [Interface; 3] =
    [(rest::row, OF_A_LIST), (graph::row, OF_A_LIST), (graph::event_row, OF_A_CALENDAR)];

/// Reads the body of an answer, and a text that is none as the rule of a recurring event; tells how many events were
/// read.
///
/// # Errors
/// An event ends before it begins, there are more occurrences than are made, or consent was read out of something that
/// is no known yes.
pub fn answer(body: &[u8]) -> Result<usize, String> {
    let Ok(answer) = serde_json::from_slice::<Value>(body) else {
        return Ok(usize::from(Rule::parse(&String::from_utf8_lossy(body)).is_ok()));
    };
    let _ = (complaint(&answer), zone::of_site(&answer), zone::of_site(&object(answer.clone())));
    let url = Url::parse("https://sp.example.org/_api/web/lists").map_err(|error| error.to_string())?;
    let rows = list_page(&url, answer.clone()).unwrap_or_else(|| vec![answer]);
    let mut understood = 0;
    for value in rows {
        people(&value);
        for (row, columns) in INTERFACES {
            let Some(row) = row(value.clone()).map(Arc::new) else { continue };
            consent(&row)?;
            for zone in [chrono_tz::America::New_York, chrono_tz::Pacific::Apia] {
                understood += events(&row, columns, zone)?;
            }
        }
    }
    Ok(understood)
}

fn events(row: &Arc<Row>, columns: Columns<'_>, zone: Tz) -> Result<usize, String> {
    let Ok(item) = read::<()>(row, columns, &mut || Ok(zone)).map_err(|()| "no zone".to_owned())? else {
        return Ok(0);
    };
    let events = match item {
        Item::Event(event) | Item::Changed(_, _, event) => vec![event],
        Item::Series(row, series) => Exceptions::default().without(&row, &series),
        Item::Deleted(..) | Item::Unreadable(..) => Vec::new(),
    };
    if events.len() > MOST_OCCURRENCES {
        return Err(format!("{} occurrences", events.len()));
    }
    let backwards = |event: &&Event| event.end < event.start || event.key().is_empty();
    match events.iter().find(backwards) {
        Some(event) => Err(format!("it ends before it begins, or has no name: {event:?}")),
        None => Ok(events.len()),
    }
}

fn people(value: &Value) {
    let columns = value.as_object().into_iter().flat_map(|columns| columns.values());
    for person in columns.chain([value]).flat_map(Person::read_all) {
        for rule in [UserName::Account, UserName::Mail, UserName::MailLocal] {
            let name = person.user_name(rule);
            let _ = person.is(rule, name.as_deref(), &[]);
        }
    }
}

/// Every column of an item may be the one that answers to consent.
fn consent(row: &Row) -> Result<(), String> {
    let consent = Consent::new(None, false)?;
    for column in row.fields.keys() {
        let _ = (row.text(column), row.texts(column), row.time(column), row.flag(column), row.number(column));
        let answer = row.value(column);
        if consent.given(answer).is_ok() && !answer.is_some_and(is_yes) {
            return Err(format!("consent was read out of {answer:?}"));
        }
        let categories = row.texts(column);
        if consent.given_among(&categories).is_ok() && !categories.iter().any(|one| is_usual(one)) {
            return Err(format!("consent was read out of the categories {categories:?}"));
        }
    }
    Ok(())
}

fn is_yes(answer: &Value) -> bool {
    match answer {
        Value::Bool(yes) => *yes,
        Value::String(text) => is_usual(text),
        Value::Array(several) => !several.is_empty() && several.iter().all(is_yes_in_words),
        _ => false,
    }
}

fn is_yes_in_words(answer: &Value) -> bool {
    answer.as_str().is_some_and(is_usual)
}

fn is_usual(text: &str) -> bool {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    USUAL.contains(&words.as_str())
}

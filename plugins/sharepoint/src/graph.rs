//! Lists and calendars by Microsoft Graph.

use nexus_plugin_http::{HeaderName, HeaderValue};
use serde_json::{Map, Value, json};
use url::Url;

use crate::address::{ListAddress, query};
use crate::event::utc;
use crate::people::Person;
use crate::row::Row;
use crate::span::Span;

/// Rows of a page of a list.
const PAGE: &str = "200";

/// Rows of a page of a list that is read as a whole; the service may give fewer.
const LARGE_PAGE: &str = "1000";

/// Events of a page of a calendar.
const CALENDAR_PAGE: &str = "500";

/// Lets the service search columns without an index.
pub fn without_index() -> (HeaderName, HeaderValue) {
    prefer("HonorNonIndexedQueriesWarningMayFailRandomly")
}

/// Makes the service write times in UTC.
pub fn in_utc() -> (HeaderName, HeaderValue) {
    prefer("outlook.timezone=\"UTC\"")
}

fn prefer(what: &'static str) -> (HeaderName, HeaderValue) {
    (HeaderName::from_static("prefer"), HeaderValue::from_static(what))
}

/// The items of a list that meet a stretch of time.
pub fn in_window(list: &ListAddress, (start, end): (&str, &str), (from, to): Span) -> Url {
    let filter = format!("fields/{start} lt '{}' and fields/{end} gt '{}'", utc(to), utc(from));
    list.below("/items", &query(&[("$expand", "fields"), ("$filter", &filter), ("$top", PAGE)]))
}

/// All items of a list.
pub fn all(list: &ListAddress) -> Url {
    list.below("/items", &query(&[("$expand", "fields"), ("$top", LARGE_PAGE)]))
}

/// The first item of a list.
pub fn first(list: &ListAddress) -> Url {
    list.below("/items", &query(&[("$expand", "fields"), ("$top", "1")]))
}

/// The occurrences of a recurring event that were moved or taken out.
pub fn exceptions(list: &ListAddress, master: &str) -> Url {
    let filter = format!("fields/MasterSeriesItemID eq {master}");
    list.below("/items", &query(&[("$expand", "fields"), ("$filter", &filter), ("$top", PAGE)]))
}

/// One item of a list.
pub fn item(list: &ListAddress, id: &str) -> Url {
    list.below(&format!("/items/{id}"), &query(&[("$expand", "fields")]))
}

/// The events of a calendar that meet a stretch of time, recurring ones taken apart.
pub fn in_calendar(list: &ListAddress, (from, to): Span) -> Url {
    let pairs = [("startDateTime", utc(from)), ("endDateTime", utc(to)), ("$top", CALENDAR_PAGE.to_owned())];
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, text)| (*name, text.as_str())).collect();
    list.below("", &query(&pairs))
}

/// One event of a calendar.
pub fn event(list: &ListAddress, id: &str) -> Url {
    let mut url = list.url.clone();
    let path = url.path();
    let calendar = path.get(..path.len().saturating_sub("/calendarView".len())).unwrap_or(path);
    url.set_path(&format!("{calendar}/events/{}", crate::address::encoded(id)));
    url
}

/// A person of a list's site by number.
pub fn user(site: &str, id: &str) -> Option<Url> {
    Url::parse(&format!("{site}/lists/User%20Information%20List/items/{id}?$expand=fields")).ok()
}

/// An item of a list as it comes; `None` without a number.
pub fn row(value: Value) -> Option<Row> {
    let Value::Object(mut item) = value else { return None };
    let Some(Value::Object(fields)) = item.remove("fields") else { return None };
    let text = |key: &str| item.get(key).and_then(Value::as_str).map(str::to_owned);
    let id = item.get("id").and_then(crate::row::whole)?;
    Some(Row {
        id: id.to_string(),
        created_by: item.get("createdBy").and_then(|by| Person::read(by.get("user")?)),
        modified: text("lastModifiedDateTime"),
        web_url: text("webUrl"),
        fields,
    })
}

/// An event of a calendar as it comes, in the form of an item; `None` without a name.
pub fn event_row(value: Value) -> Option<Row> {
    let Value::Object(event) = value else { return None };
    let text = |key: &str| event.get(key).and_then(Value::as_str).map(str::to_owned);
    let time = |key: &str| {
        let time = event.get(key)?;
        let clock = time.get("dateTime")?.as_str()?;
        let zone = time.get("timeZone").and_then(Value::as_str).unwrap_or("UTC");
        let is_utc = matches!(zone, "UTC" | "Etc/UTC" | "Etc/GMT" | "GMT") && !clock.ends_with('Z');
        Some(json!(if is_utc { format!("{clock}Z") } else { clock.to_owned() }))
    };
    let is_series = text("type").as_deref() == Some("seriesMaster");
    // The service takes series apart; the series itself is no event.
    if is_series {
        return None;
    }
    let mut fields = Map::new();
    for key in ["subject", "organizer", "body", "categories", "location", "isCancelled"] {
        if let Some(value) = event.get(key).filter(|value| !value.is_null()) {
            fields.insert(key.to_owned(), value.clone());
        }
    }
    for key in ["start", "end"] {
        if let Some(time) = time(key) {
            fields.insert(key.to_owned(), time);
        }
    }
    if event.get("isAllDay") == Some(&Value::Bool(true)) {
        fields.insert("fAllDayEvent".to_owned(), Value::Bool(true));
    }
    Some(Row {
        id: text("id")?,
        created_by: event.get("organizer").and_then(|one| Person::read(one.get("emailAddress")?)),
        modified: text("lastModifiedDateTime"),
        web_url: text("webLink"),
        fields,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_has_a_number_and_columns() {
        let item = json!({
            "id": "470", "lastModifiedDateTime": "2025-02-27T20:02:11Z", "webUrl": "https://x/470_.000",
            "createdBy": {"user": {"displayName": "Ada Lovelace", "email": "ada@contoso.com"}},
            "fields": {"Title": "EELS", "EventDate": "2025-03-03T14:00:00Z"}
        });
        let row = row(item).unwrap();
        assert_eq!((row.id.as_str(), row.text("Title").as_deref()), ("470", Some("EELS")));
        assert_eq!(row.created_by.unwrap().mail.as_deref(), Some("ada@contoso.com"));
        assert!(super::row(json!({"id": "470"})).is_none());
    }

    #[test]
    fn an_event_of_a_calendar_looks_like_an_item() {
        let event = json!({
            "id": "AAMk=", "subject": "EELS", "isAllDay": false, "isCancelled": false, "type": "occurrence",
            "start": {"dateTime": "2025-03-03T14:00:00.0000000", "timeZone": "UTC"},
            "end": {"dateTime": "2025-03-03T15:00:00.0000000", "timeZone": "UTC"},
            "categories": ["Agree"], "organizer": {"emailAddress": {"name": "Ada", "address": "ada@contoso.com"}}
        });
        let row = event_row(event.clone()).unwrap();
        assert_eq!(row.time("start").unwrap().at.unwrap().timestamp(), 1_741_010_400);
        assert_eq!(row.created_by.unwrap().name.as_deref(), Some("Ada"));
        let mut master = event;
        master["type"] = json!("seriesMaster");
        assert!(event_row(master).is_none());
    }
}

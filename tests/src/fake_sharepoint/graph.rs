//! The dialect of Microsoft Graph: list items with their `fields`, and the calendars of groups and mailboxes.

use chrono::{DateTime, Duration, NaiveDateTime, Utc};
use serde_json::{Map, Value, json};

use super::data::{GroupEvent, Item, Kind, List, text};
use super::filter::Dialect;
use super::page::{self, Refusal};
use super::{GRAPH_SITE, Habits, Site};
use crate::http::{Request, Response};

const PREFER: &str = "HonorNonIndexedQueriesWarningMayFailRandomly";

fn error(status: u16, code: &str, message: &str) -> Response {
    let inner = json!({
        "code": code, "date": "2026-11-01T00:00:00", "request-id": "9d1f0a9f-0000-4000-8000-000000000002",
    });
    Response::json(status, &json!({"error": {"code": code, "message": message, "innerError": inner}}))
        .with_header("request-id", "9d1f0a9f-0000-4000-8000-000000000002".to_owned())
}

fn gone() -> Response {
    error(404, "itemNotFound", "The specified item was not found.")
}

fn ok(body: &Value) -> Response {
    let kind = "application/json;odata.metadata=minimal;odata.streaming=true;charset=utf-8";
    Response::new(200, kind, body.to_string().into_bytes())
}

/// Answers what lies below `v1.0/`.
pub(super) fn answer(request: &Request, below: &str, site: &Site, habits: &Habits) -> Response {
    let below = below.trim_end_matches('/');
    if let Some((owner, rest)) = below
        .strip_prefix("groups/")
        .or_else(|| below.strip_prefix("users/"))
        .map(|rest| rest.split_once('/').unwrap_or((rest, "")))
    {
        return of_calendar(request, owner, rest, site, habits);
    }
    let Some(rest) = below.strip_prefix("sites/") else { return gone() };
    let host = request.header("host").unwrap_or_default();
    let about = || {
        ok(&json!({
            "id": GRAPH_SITE, "displayName": "Microscopy", "webUrl": format!("http://{host}/sites/microscopy"),
        }))
    };
    if rest.ends_with(":/sites/microscopy") {
        return about();
    }
    let Some(rest) = rest.strip_prefix(GRAPH_SITE) else { return gone() };
    match rest {
        "" => about(),
        "/lists" => {
            let rows = site.lists.iter().map(|(title, list)| about_list(title, list, host));
            ok(&json!({ "value": rows.collect::<Vec<_>>() }))
        }
        _ => match rest.strip_prefix("/lists/") {
            None => gone(),
            Some(rest) => {
                let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
                if name == "User Information List" {
                    return users(request, rest, site, habits);
                }
                let found = site.lists.iter().find(|(title, list)| *title == name || list.id == name);
                let Some((title, list)) = found else {
                    return error(
                        404,
                        "itemNotFound",
                        "The provided path does not exist, or does not represent a site",
                    );
                };
                match rest {
                    "" => ok(&about_list(title, list, host)),
                    "columns" => columns(list),
                    "items" => items(request, title, list, site, habits),
                    one => match one.strip_prefix("items/").and_then(|id| id.parse().ok()) {
                        None => gone(),
                        Some(id) => one_item(request, title, list, site, id),
                    },
                }
            }
        },
    }
}

fn about_list(title: &str, list: &List, host: &str) -> Value {
    json!({
        "id": list.id, "name": title, "displayName": title,
        "webUrl": format!("http://{host}/sites/microscopy/Lists/{}", title.replace(' ', "%20")),
        "list": {"contentTypesEnabled": false, "hidden": false, "template": "events"},
    })
}

fn columns(list: &List) -> Response {
    let rows = list.columns.iter().map(|(name, column)| {
        let (facet, value) = match column.kind {
            Kind::Text => ("text", json!({"allowMultipleLines": true})),
            Kind::Number => ("number", json!({"decimalPlaces": "automatic"})),
            Kind::Boolean => ("boolean", json!({})),
            Kind::Date => ("dateTime", json!({"format": "dateTime"})),
            Kind::Person => ("personOrGroup", json!({"allowMultipleSelection": false})),
            Kind::People => ("personOrGroup", json!({"allowMultipleSelection": true})),
        };
        json!({
            "id": format!("col-{name}"), "name": name, "displayName": column.title, "indexed": column.indexed,
            "hidden": column.hidden, "readOnly": false, facet: value,
        })
    });
    ok(&json!({ "value": rows.collect::<Vec<_>>() }))
}

/// Which columns of `fields` are asked for.
enum Asked {
    /// `fields` is not expanded.
    Nothing,
    All,
    Names(Vec<String>),
}

fn fields_of(request: &Request, list: &List) -> Result<Asked, String> {
    let Some(text) = request.parameter("$expand") else { return Ok(Asked::Nothing) };
    let Some(rest) = text.strip_prefix("fields") else {
        return Err(format!("Could not find a property named '{text}' on type 'microsoft.graph.listItem'."));
    };
    if rest.is_empty() {
        return Ok(Asked::All);
    }
    let inner = rest.trim_start_matches('(').trim_end_matches(')');
    let inner = inner.trim_start_matches("$select=").trim_start_matches("select=");
    let names: Vec<_> = inner.split(',').map(|name| name.trim().to_owned()).collect();
    for name in &names {
        let column = name.strip_suffix("LookupId").unwrap_or(name);
        if !matches!(column, "id" | "ID") && !list.columns.contains_key(column) {
            return Err(format!("Field '{column}' is not recognized"));
        }
    }
    Ok(Asked::Names(names))
}

fn row(title: &str, item: &Item, asked: &Asked, list: &List, site: &Site, host: &str) -> Value {
    let author = site.people.get(&item.author);
    let user = author.map_or(
        Value::Null,
        |one| json!({"user": {"id": format!("oid-{}", one.id), "displayName": one.title, "email": one.mail}}),
    );
    let mut row = json!({
        "@odata.etag": "\"3\"", "id": item.id.to_string(), "createdDateTime": text(item.modified),
        "lastModifiedDateTime": text(item.modified),
        "webUrl": format!("http://{host}/sites/microscopy/Lists/{}/{}_.000", title.replace(' ', "%20"), item.id),
        "createdBy": user,
    });
    if matches!(asked, Asked::Nothing) {
        return row;
    }
    let wanted = |name: &str| match asked {
        Asked::Names(names) => {
            names.iter().any(|one| one == name || one.strip_suffix("LookupId") == Some(name))
        }
        _ => true,
    };
    let mut fields = Map::new();
    fields.insert("@odata.etag".to_owned(), json!("\"3\""));
    if wanted("id") || wanted("Id") {
        fields.insert("id".to_owned(), json!(item.id.to_string()));
    }
    for (name, column) in list.columns.iter().filter(|(name, _)| *name != "Id" && wanted(name)) {
        let people = item.people(name);
        match column.kind {
            Kind::Person => {
                if let Some(id) = people.first() {
                    fields.insert(format!("{name}LookupId"), json!(id.to_string()));
                }
            }
            Kind::People => {
                let people = people.iter().filter_map(|id| site.people.get(id));
                let rows: Vec<_> = people
                    .map(|one| json!({"LookupId": one.id, "LookupValue": one.title, "Email": one.mail}))
                    .collect();
                if !rows.is_empty() {
                    fields.insert(name.clone(), Value::Array(rows));
                }
            }
            _ => {
                let value = item.value(name);
                if !value.is_null() {
                    fields.insert(name.clone(), value);
                }
            }
        }
    }
    row["fields"] = Value::Object(fields);
    row
}

fn items(request: &Request, title: &str, list: &List, site: &Site, habits: &Habits) -> Response {
    let asked = match fields_of(request, list) {
        Ok(asked) => asked,
        Err(message) => return error(400, "invalidRequest", &message),
    };
    let prefers = request.header("prefer").is_some_and(|value| value.contains(PREFER));
    let host = request.header("host").unwrap_or_default();
    match page::of(request, list, habits, Dialect::Graph, prefers) {
        Ok(page) => {
            let rows = page.items.iter().map(|item| row(title, item, &asked, list, site, host));
            let mut body = json!({ "value": rows.collect::<Vec<_>>() });
            if let Some(next) = page.next {
                body["@odata.nextLink"] = json!(next);
            }
            ok(&body)
        }
        Err(Refusal::Wrong(message)) => error(400, "invalidRequest", &message),
        Err(Refusal::NotIndexed(column)) => error(
            400,
            "invalidRequest",
            &format!(
                "Field '{column}' cannot be referenced in filter or orderby as it is not indexed. Provide the 'Prefer: \
             {PREFER}' header to allow this, but be warned that such queries may fail on large lists."
            ),
        ),
        // What a large list without an index makes of such a question, even when nobody else asks.
        Err(Refusal::TooLarge) => error(429, "activityLimitReached", "The request has been throttled")
            .with_header("Retry-After", "5".to_owned()),
    }
}

fn one_item(request: &Request, title: &str, list: &List, site: &Site, id: u64) -> Response {
    let Some(item) = list.items.get(&id) else { return gone() };
    let host = request.header("host").unwrap_or_default();
    match fields_of(request, list) {
        // A single item comes with its fields in any case.
        Ok(Asked::Nothing) => ok(&row(title, item, &Asked::All, list, site, host)),
        Ok(asked) => ok(&row(title, item, &asked, list, site, host)),
        Err(message) => error(400, "invalidRequest", &message),
    }
}

/// The hidden list of the people of a site.
fn users(request: &Request, rest: &str, site: &Site, habits: &Habits) -> Response {
    if habits.refuse_user_list {
        return error(403, "accessDenied", "Access denied");
    }
    let one = |id: u64| {
        let person = site.people.get(&id)?;
        let account = person.login.rsplit(['|', '\\']).next().unwrap_or_default();
        Some(json!({"id": id.to_string(), "fields": {
            "id": id.to_string(), "Title": person.title, "EMail": person.mail, "UserName": account,
            "Name": person.login,
        }}))
    };
    match rest {
        "items" => {
            if request.parameter("$filter").is_some() {
                return error(400, "invalidRequest", "Invalid filter clause");
            }
            ok(&json!({ "value": site.people.keys().filter_map(|id| one(*id)).collect::<Vec<_>>() }))
        }
        rest => {
            let id = rest.strip_prefix("items/").and_then(|id| id.parse().ok());
            id.and_then(one).map_or_else(gone, |row| ok(&row))
        }
    }
}

/// The calendar of a group or a mailbox.
fn of_calendar(request: &Request, owner: &str, rest: &str, site: &Site, habits: &Habits) -> Response {
    let Some(events) = site.calendars.get(owner) else {
        return error(404, "Request_ResourceNotFound", &format!("Resource '{owner}' does not exist."));
    };
    let shown = |event: &GroupEvent| shown(event, request);
    let rest = rest.strip_prefix("calendar/").unwrap_or(rest);
    if rest.is_empty() || rest == "calendar" {
        return ok(&json!({"id": owner, "name": "Calendar", "displayName": owner}));
    }
    if let Some(id) = rest.strip_prefix("events/") {
        let found = events.iter().find(|event| event.id == id);
        return found.map_or_else(
            || error(404, "ErrorItemNotFound", "The specified object was not found in the store."),
            |event| ok(&shown(event)),
        );
    }
    if rest != "calendarView" {
        return gone();
    }
    let bound = |name: &str| {
        let text = request.parameter(name)?;
        let naive = || text.parse::<NaiveDateTime>().map(|time| time.and_utc());
        text.parse::<DateTime<Utc>>().or_else(|_| naive()).ok()
    };
    let (Some(from), Some(to)) = (bound("startDateTime"), bound("endDateTime")) else {
        return error(
            400,
            "ErrorInvalidParameter",
            "This request requires a time window specified by the query string parameters StartDateTime and EndDateTime.",
        );
    };
    let mut found: Vec<_> = events.iter().filter(|one| one.start < to && one.end > from).collect();
    found.sort_by_key(|one| one.start);
    let top: usize = request.parameter("$top").and_then(|top| top.parse().ok()).unwrap_or(10);
    let most = top.min(1000).min(habits.page);
    let skip: usize = request.parameter("$skip").and_then(|skip| skip.parse().ok()).unwrap_or(0);
    let rows: Vec<_> = found.iter().skip(skip).take(most).map(|event| shown(event)).collect();
    let mut body = json!({ "value": rows });
    if found.len() > skip + most {
        let host = request.header("host").unwrap_or_default();
        let path = request.target.split('?').next().unwrap_or_default();
        let rest: Vec<_> = request
            .query
            .iter()
            .filter(|(key, _)| key != "$skip")
            .map(|(key, value)| {
                format!(
                    "{}={}",
                    key.replace('$', "%24"),
                    value.replace(':', "%3a").replace('+', "%2b").replace(' ', "%20")
                )
            })
            .collect();
        body["@odata.nextLink"] =
            json!(format!("http://{host}{path}?{}&%24skip={}", rest.join("&"), skip + most));
    }
    ok(&body)
}

fn shown(event: &GroupEvent, request: &Request) -> Value {
    let prefer = request.header("prefer").unwrap_or_default();
    // Without the header the mailbox's own zone holds; here one that no test expects.
    let (zone, shift) = if prefer.contains("outlook.timezone=\"UTC\"") {
        ("UTC", Duration::zero())
    } else {
        ("Tokyo Standard Time", Duration::hours(9))
    };
    let shift = if event.all_day { Duration::zero() } else { shift };
    let at = |time: DateTime<Utc>| json!({"dateTime": (time + shift).format("%Y-%m-%dT%H:%M:%S%.6f0").to_string(), "timeZone": zone});
    let host = request.header("host").unwrap_or_default();
    json!({
        "@odata.etag": "W/\"x\"", "id": event.id, "subject": event.subject, "start": at(event.start),
        "end": at(event.end), "isAllDay": event.all_day, "isCancelled": event.cancelled,
        "seriesMasterId": event.master, "type": event.kind, "categories": event.categories,
        "body": {"contentType": "html", "content": event.body},
        "bodyPreview": "", "lastModifiedDateTime": "2025-02-27T20:02:11Z",
        "webLink": format!("http://{host}/owa/?itemid={}", event.id),
        "organizer": {"emailAddress": {"name": event.organizer.0, "address": event.organizer.1}},
    })
}

//! The dialect `_api/web`: JSON without metadata, or verbose; Atom for who asks for neither.

use serde_json::{Map, Value, json};

use super::data::{Item, Kind, List};
use super::filter::Dialect;
use super::page::{self, Refusal};
use super::{Habits, Site};
use crate::http::{Request, Response};

/// How the answer is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Verbose,
    Atom,
}

impl Form {
    fn of(request: &Request, habits: &Habits) -> Result<Self, Response> {
        let accept = request.header("accept").unwrap_or_default();
        if accept.contains("odata=verbose") {
            return Ok(Self::Verbose);
        }
        if accept.contains("application/json") {
            if habits.verbose_only {
                return Err(Response::new(406, "text/plain", Vec::new()));
            }
            return Ok(Self::Plain);
        }
        Ok(Self::Atom)
    }

    fn response(self, status: u16, body: &Value) -> Response {
        let kind = match self {
            Self::Plain => "application/json;odata=nometadata;streaming=true;charset=utf-8",
            Self::Verbose => "application/json;odata=verbose;charset=utf-8",
            Self::Atom => return atom(status),
        };
        Response::new(status, kind, body.to_string().into_bytes())
            .with_header("SPRequestGuid", "9d1f0a9f-0000-4000-8000-000000000001".to_owned())
    }

    /// One thing.
    fn one(self, thing: &Value) -> Response {
        match self {
            Self::Verbose => self.response(200, &json!({ "d": thing })),
            _ => self.response(200, thing),
        }
    }

    /// A page of things.
    fn many(self, rows: &[Value], next: Option<String>) -> Response {
        let (mut body, link) = match self {
            Self::Verbose => (json!({ "results": rows }), "__next"),
            _ => (json!({ "value": rows }), "odata.nextLink"),
        };
        if let Some(next) = next {
            body[link] = json!(next);
        }
        match self {
            Self::Verbose => self.response(200, &json!({ "d": body })),
            _ => self.response(200, &body),
        }
    }

    fn error(self, status: u16, code: &str, message: &str) -> Response {
        let inner = json!({"code": code, "message": {"lang": "en-US", "value": message}});
        let name = if self == Self::Verbose { "error" } else { "odata.error" };
        self.response(status, &json!({ name: inner }))
    }
}

fn atom(status: u16) -> Response {
    let body = if status == 200 {
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><feed xmlns=\"http://www.w3.org/2005/Atom\"></feed>"
    } else {
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><m:error xmlns:m=\"http://schemas.microsoft.com/ado/2007/08/\
         dataservices/metadata\"><m:code>-1</m:code><m:message xml:lang=\"en-US\">no</m:message></m:error>"
    };
    Response::new(status, "application/atom+xml;type=feed;charset=utf-8", body.as_bytes().to_vec())
}

const WRONG: &str = "-1, Microsoft.SharePoint.Client.InvalidClientQueryException";

/// Answers what lies below `_api/`.
pub(super) fn answer(request: &Request, below: &str, site: &Site, habits: &Habits) -> Response {
    let form = match Form::of(request, habits) {
        Ok(form) => form,
        Err(refusal) => return refusal,
    };
    let below = below.strip_prefix("web/").unwrap_or(below).trim_end_matches('/');
    match below {
        "web" => form.one(&json!({"Title": "Microscopy", "Url": Site::url(request)})),
        "currentuser" => {
            form.one(&json!({"Id": 99, "Title": "Records", "LoginName": "i:0#.w|example\\records"}))
        }
        "RegionalSettings/TimeZone" | "regionalsettings/timezone" => {
            if habits.refuse_time_zone {
                return form.error(403, "-2147024891, System.UnauthorizedAccessException", "Access denied.");
            }
            let (id, description) = &habits.time_zone;
            let west = if *id == 4 { -60 } else { 300 };
            let bias = json!({"Bias": west, "DaylightBias": -60, "StandardBias": 0});
            form.one(&json!({"Description": description, "Id": id, "Information": bias}))
        }
        "lists" => {
            form.many(&site.lists.iter().map(|(title, list)| about(title, list)).collect::<Vec<_>>(), None)
        }
        _ => match below.strip_prefix("lists") {
            Some(rest) => of_list(request, rest, site, habits, form),
            None => form.error(
                404,
                "-1, Microsoft.SharePoint.Client.ResourceNotFoundException",
                "Cannot find resource.",
            ),
        },
    }
}

fn about(title: &str, list: &List) -> Value {
    json!({
        "Id": list.id, "Title": title, "BaseTemplate": 106, "Hidden": false, "ItemCount": list.items.len(),
        "DefaultViewUrl": format!("/sites/microscopy/Lists/{title}/calendar.aspx"),
    })
}

/// `/getbytitle('…')…` or `(guid'…')…`.
fn of_list(request: &Request, rest: &str, site: &Site, habits: &Habits, form: Form) -> Response {
    let lower = rest.to_lowercase();
    let by_title = lower.starts_with("/getbytitle(");
    let Some((named, rest)) = rest.split_once('(').and_then(|(_, rest)| literal(rest)) else {
        return form.error(400, WRONG, "The expression is not valid.");
    };
    let found = site.lists.iter().find(|(title, list)| {
        if by_title { title.to_lowercase() == named.to_lowercase() } else { list.id == named.to_lowercase() }
    });
    let Some((title, list)) = found else {
        let url = Site::url(request);
        let message = format!("List '{named}' does not exist at site with URL '{url}'.");
        return form.error(404, "-1, System.ArgumentException", &message);
    };
    match rest.trim_end_matches('/') {
        "" => form.one(&about(title, list)),
        "/fields" => fields(request, list, form),
        "/items" => items(request, list, site, habits, form),
        one => {
            let id = one.strip_prefix("/items(").and_then(|one| one.strip_suffix(')'));
            match id.and_then(|id| id.parse().ok()) {
                None => form.error(400, WRONG, "The expression is not valid."),
                Some(id) => item(request, list, site, id, form),
            }
        }
    }
}

/// A quoted literal up to the closing parenthesis, and what comes after it: `Ada''s list')/items`.
fn literal(text: &str) -> Option<(String, &str)> {
    let text = text.strip_prefix("guid").unwrap_or(text).strip_prefix('\'')?;
    let mut inner = String::new();
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        if letter != '\'' {
            inner.push(letter);
        } else if letters.next_if(|(_, next)| *next == '\'').is_some() {
            inner.push('\'');
        } else {
            return Some((inner, text[at + 1..].strip_prefix(')')?));
        }
    }
    None
}

fn fields(request: &Request, list: &List, form: Form) -> Response {
    let visible = match request.parameter("$filter") {
        None => false,
        Some("Hidden eq false") => true,
        Some(_) => return form.error(400, WRONG, "The expression is not valid."),
    };
    let rows = list.columns.iter().filter(|(_, column)| !(visible && column.hidden)).map(|(name, column)| {
        let kind = match column.kind {
            Kind::Text => "Text",
            Kind::Number => "Number",
            Kind::Boolean => "Boolean",
            Kind::Date => "DateTime",
            Kind::Person => "User",
            Kind::People => "UserMulti",
        };
        json!({
            "Title": column.title, "InternalName": if name == "Id" { "ID" } else { name }, "TypeAsString": kind,
            "Indexed": column.indexed, "Hidden": column.hidden,
        })
    });
    form.many(&rows.collect::<Vec<_>>(), None)
}

/// What is to be seen of each item.
struct Shape {
    names: Option<Vec<String>>,
    expand: Vec<String>,
}

impl Shape {
    fn of(request: &Request, list: &List) -> Result<Self, String> {
        let split = |name| {
            let text = request.parameter(name)?;
            Some(text.split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>())
        };
        let expand = split("$expand").unwrap_or_default();
        let is_person = |name: &str| {
            list.columns.get(name).is_some_and(|one| matches!(one.kind, Kind::Person | Kind::People))
        };
        for name in &expand {
            if !is_person(name) {
                return Err(format!("The field or property '{name}' does not exist."));
            }
        }
        let names = split("$select");
        for name in names.iter().flatten() {
            let (column, part) = name.split_once('/').map_or((name.as_str(), None), |(a, b)| (a, Some(b)));
            let column = column.strip_prefix("OData_").filter(|rest| rest.starts_with('_')).unwrap_or(column);
            match part {
                Some(part) if !matches!(part, "Title" | "EMail" | "Name" | "Id") => {
                    return Err(format!("The field or property '{part}' does not exist."));
                }
                Some(_) if is_person(column) && !expand.iter().any(|one| one == column) => {
                    return Err(format!(
                        "The query to field '{column}' is not valid. The $select query string must specify the \
                         target fields and the $expand query string must contains {column}."
                    ));
                }
                None if is_person(column) => {
                    return Err(format!("The query to field '{column}' is not valid."));
                }
                Some(_) if is_person(column) => {}
                None if known(column, list) => {}
                _ => return Err(format!("The field or property '{column}' does not exist.")),
            }
        }
        Ok(Self { names, expand })
    }

    fn row(&self, item: &Item, list: &List, site: &Site, form: Form) -> Value {
        let mut row = Map::new();
        if form == Form::Verbose {
            row.insert("__metadata".to_owned(), json!({"type": "SP.Data.EventsListItem", "etag": "\"3\""}));
        }
        if let Some(names) = &self.names {
            for name in names.iter().filter(|name| !name.contains('/')) {
                let inside = name.strip_prefix("OData_").filter(|rest| rest.starts_with('_')).unwrap_or(name);
                row.insert(name.clone(), item.value(inside));
            }
        } else {
            for (name, column) in &list.columns {
                if !matches!(column.kind, Kind::Person | Kind::People) {
                    row.insert(name.clone(), item.value(name));
                }
            }
            row.insert("AuthorId".to_owned(), json!(item.author));
        }
        if row.contains_key("Id") {
            row.insert("ID".to_owned(), json!(item.id));
        }
        for column in &self.expand {
            let asked: Vec<_> = self
                .names
                .iter()
                .flatten()
                .filter_map(|name| name.split_once('/').filter(|(of, _)| of == column).map(|(_, part)| part))
                .collect();
            let people: Vec<_> = item
                .people(column)
                .iter()
                .filter_map(|id| site.people.get(id))
                .map(|person| {
                    let all = json!({
                        "Id": person.id, "Title": person.title, "EMail": person.mail, "Name": person.login,
                    });
                    let parts = asked.iter().map(|part| ((*part).to_owned(), all[*part].clone()));
                    Value::Object(parts.collect())
                })
                .collect();
            let many = list.columns.get(column).is_some_and(|one| one.kind == Kind::People);
            let value = match (many, form) {
                (false, _) => people.into_iter().next().unwrap_or(Value::Null),
                (true, Form::Verbose) => json!({ "results": people }),
                // Without anybody the column is not there at all.
                (true, _) if people.is_empty() => Value::Null,
                (true, _) => Value::Array(people),
            };
            row.insert(column.clone(), value);
        }
        Value::Object(row)
    }
}

fn known(name: &str, list: &List) -> bool {
    let person_id = || {
        let column = name.strip_suffix("Id").and_then(|name| list.columns.get(name));
        column.is_some_and(|one| matches!(one.kind, Kind::Person | Kind::People))
    };
    matches!(name, "ID" | "GUID") || list.columns.contains_key(name) || person_id()
}

fn items(request: &Request, list: &List, site: &Site, habits: &Habits, form: Form) -> Response {
    let shape = match Shape::of(request, list) {
        Ok(shape) => shape,
        Err(message) => return form.error(400, WRONG, &message),
    };
    match page::of(request, list, habits, Dialect::Rest, true) {
        Ok(page) => form.many(
            &page.items.iter().map(|item| shape.row(item, list, site, form)).collect::<Vec<_>>(),
            page.next,
        ),
        Err(Refusal::Wrong(message)) => form.error(400, WRONG, &message),
        Err(Refusal::TooLarge | Refusal::NotIndexed(_)) => form.error(
            500,
            "-2147024860, Microsoft.SharePoint.SPQueryThrottledException",
            "The attempted operation is prohibited because it exceeds the list view threshold.",
        ),
    }
}

fn item(request: &Request, list: &List, site: &Site, id: u64, form: Form) -> Response {
    let Some(item) = list.items.get(&id) else {
        let message = "Item does not exist. It may have been deleted by another user.";
        return form.error(404, "-2130575338, Microsoft.SharePoint.SPException", message);
    };
    match Shape::of(request, list) {
        Ok(shape) => form.one(&shape.row(item, list, site, form)),
        Err(message) => form.error(400, WRONG, &message),
    }
}

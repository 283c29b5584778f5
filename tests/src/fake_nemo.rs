//! A NEMO server, as far as a harvester sees one.
//!
//! It answers the API root and `tools`, `users`, `projects`, `usage_events`, `reservations` as NEMO-CE 8 does: lists without
//! `page_size` are one array, unknown parameters and empty values mean no filter, an unknown id in a filter by foreign
//! key is a 400, a path without its last slash is a redirect, `expand`, `fields` and `omit` shape the rows, and a
//! reservation whose answers are no JSON breaks every list that shows them.

mod data;
mod dump;
mod filter;
mod shape;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

pub use data::{Person, Reservation, UsageEvent, questions};

use crate::http::{Request, Response, Server, Service};
use data::Facility;

/// The token of the account that the harvester uses.
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef01234567";

/// A running server with one project and nothing else in it.
pub struct FakeNemo {
    /// Requests, faults, address.
    pub server: Server,
    state: Arc<State>,
}

struct State {
    zone: Tz,
    token: Mutex<String>,
    /// The status of an answer to bad credentials: 403, or 401 where tokens are the site's first way in.
    unauthorized: Mutex<u16>,
    /// Lists that the account may not view.
    forbidden: Mutex<BTreeSet<String>>,
    facility: Mutex<Facility>,
}

impl FakeNemo {
    /// Starts a server that writes its times in this zone.
    pub fn start(zone: Tz) -> Self {
        let state = Arc::new(State {
            zone,
            token: Mutex::new(TOKEN.to_owned()),
            unauthorized: Mutex::new(403),
            forbidden: Mutex::default(),
            facility: Mutex::new(Facility::default()),
        });
        Self { server: Server::start(Arc::<State>::clone(&state)), state }
    }

    /// The API root that is configured: `http://127.0.0.1:PORT/api/`.
    pub fn api(&self) -> String {
        format!("{}api/", self.server.url())
    }

    /// The `api_url` of an instrument.
    pub fn tool_url(&self, tool: u64) -> String {
        format!("{}tools/?id={tool}", self.api())
    }

    /// The session identifier of a usage event.
    pub fn session(&self, event: u64) -> String {
        format!("{}usage_events/?id={event}", self.api())
    }

    /// From now on only this token is right.
    pub fn change_token(&self, token: &str) {
        token.clone_into(&mut self.state.token.lock().unwrap());
    }

    /// From now on bad credentials are answered with this status.
    pub fn answer_unauthorized_with(&self, status: u16) {
        *self.state.unauthorized.lock().unwrap() = status;
    }

    /// From now on the account lacks the right to view this list.
    pub fn forbid(&self, list: &str) {
        self.state.forbidden.lock().unwrap().insert(list.to_owned());
    }

    /// From now on the account has every right again.
    pub fn allow_all(&self) {
        self.state.forbidden.lock().unwrap().clear();
    }

    /// Adds a tool.
    pub fn add_tool(&self, id: u64, name: &str) {
        self.state.facility.lock().unwrap().tools.insert(id, name.to_owned());
    }

    /// Removes a tool; its events stay.
    pub fn remove_tool(&self, id: u64) {
        self.state.facility.lock().unwrap().tools.remove(&id);
    }

    /// Adds a user.
    pub fn add_user(&self, person: Person) {
        self.state.facility.lock().unwrap().users.insert(person.id, person);
    }

    /// Adds a usage event, or replaces the one with its id.
    pub fn put_event(&self, event: UsageEvent) {
        self.state.facility.lock().unwrap().events.insert(event.id, event);
    }

    /// Removes a usage event, as an administrator can.
    pub fn remove_event(&self, id: u64) {
        self.state.facility.lock().unwrap().events.remove(&id);
    }

    /// Removes a reservation.
    pub fn remove_reservation(&self, id: u64) {
        self.state.facility.lock().unwrap().reservations.remove(&id);
    }

    /// Adds a reservation, or replaces the one with its id.
    pub fn put_reservation(&self, reservation: Reservation) {
        self.state.facility.lock().unwrap().reservations.insert(reservation.id, reservation);
    }
}

impl Service for State {
    fn handle(&self, request: &Request) -> Response {
        let Some(endpoint) = request.path.strip_prefix("/api/") else { return Response::html(404) };
        if let Some(refusal) = self.refuse(request) {
            return refusal;
        }
        if request.method != "GET" {
            return detail(403, "You do not have permission to perform this action.");
        }
        if endpoint.is_empty() {
            return root(request);
        }
        let Some(endpoint) = endpoint.strip_suffix('/') else {
            let query =
                request.query.iter().map(|(key, value)| format!("{key}={}", value.replace('+', "%2B")));
            let target = format!("{}/?{}", request.path, query.collect::<Vec<_>>().join("&"));
            return Response::html(301).with_header("Location", target);
        };
        if self.forbidden.lock().unwrap().contains(endpoint) {
            return detail(403, "You do not have permission to perform this action.");
        }
        if endpoint == "metadata" {
            return Response::json(200, &json!({ "nemo_version": "8.1.5" }));
        }
        let facility = self.facility.lock().unwrap();
        match facility.rows(endpoint, self.zone) {
            None => Response::html(404),
            Some(rows) => match filter::apply(endpoint, rows, request, &facility) {
                Ok(rows) => page(rows, request, &facility, endpoint),
                Err(refusal) => Response::json(400, &refusal),
            },
        }
    }
}

impl State {
    /// The answer to bad credentials, if they are bad.
    fn refuse(&self, request: &Request) -> Option<Response> {
        let header = request.header("authorization").unwrap_or_default();
        let mut words = header.split_whitespace();
        let status = *self.unauthorized.lock().unwrap();
        if !words.next().unwrap_or_default().eq_ignore_ascii_case("token") {
            return Some(detail(status, "Authentication credentials were not provided."));
        }
        match (words.next(), words.next()) {
            (None, _) => Some(detail(status, "Invalid token header. No credentials provided.")),
            (Some(_), Some(_)) => {
                Some(detail(status, "Invalid token header. Token string should not contain spaces."))
            }
            (Some(token), None) if token != self.token.lock().unwrap().as_str() => {
                Some(detail(status, "Invalid token."))
            }
            (Some(_), None) => None,
        }
    }
}

/// A time as this server writes it: its zone's offset, a fraction only when there is one, `Z` in UTC.
fn time_text(time: DateTime<Utc>, zone: Tz) -> String {
    let format =
        if time.timestamp_subsec_micros() == 0 { "%Y-%m-%dT%H:%M:%S" } else { "%Y-%m-%dT%H:%M:%S%.6f" };
    if zone == Tz::UTC {
        format!("{}Z", time.format(format))
    } else {
        time.with_timezone(&zone).format(&format!("{format}%:z")).to_string()
    }
}

fn detail(status: u16, text: &str) -> Response {
    Response::json(status, &json!({ "detail": text }))
}

fn root(request: &Request) -> Response {
    let host = request.header("host").unwrap_or_default();
    let names = ["projects", "reservations", "tools", "usage_events", "users"];
    let urls = names.map(|name| (name.to_owned(), json!(format!("http://{host}/api/{name}/"))));
    Response::json(200, &Value::Object(urls.into_iter().collect()))
}

/// The whole list, or one page of it when the client asks for pages.
fn page(rows: Vec<Value>, request: &Request, facility: &Facility, endpoint: &str) -> Response {
    let breaks = |rows: &[Value]| {
        let broken = |row: &Value| row["id"].as_u64().is_some_and(|id| facility.is_broken(id));
        endpoint == "reservations" && shape::shows(request, "question_data") && rows.iter().any(broken)
    };
    let Some(asked) = request.parameter("page_size") else {
        if breaks(&rows) {
            return Response::html(500);
        }
        return Response::json(200, &Value::Array(shape::apply(rows, request, facility)));
    };
    let size = asked.parse().ok().filter(|size| *size > 0).unwrap_or(1000);
    let number: usize = request.parameter("page").and_then(|page| page.parse().ok()).unwrap_or(1);
    let pages = rows.len().div_ceil(size).max(1);
    if number == 0 || number > pages {
        return detail(404, "Invalid page.");
    }
    let host = request.header("host").unwrap_or_default();
    let link = |page: usize| {
        let kept = request.query.iter().filter(|(key, _)| key != "page");
        let query: Vec<_> = kept.map(|(key, value)| format!("{key}={}", value.replace('+', "%2B"))).collect();
        json!(format!("http://{host}{}?{}&page={page}", request.path, query.join("&")))
    };
    let results: Vec<_> = rows.iter().skip((number - 1) * size).take(size).cloned().collect();
    if breaks(&results) {
        return Response::html(500);
    }
    let results = shape::apply(results, request, facility);
    Response::json(
        200,
        &json!({
            "count": rows.len(),
            "next": if number < pages { link(number + 1) } else { Value::Null },
            "previous": if number > 1 { link(number - 1) } else { Value::Null },
            "results": results,
        }),
    )
}

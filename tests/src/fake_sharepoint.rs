//! A SharePoint site, as far as a harvester sees one: one list of items, told in two dialects.
//!
//! `_api/web` speaks as an on-premises server does (JSON without metadata, verbose, Atom for who asks for neither), and
//! `v1.0` as Microsoft Graph. Both filter for real, refuse unknown columns, `$skip` and each other's literals, give out
//! links with more encoding than is needed, and want them back as they are. A service for tokens is on the same port.
//! What is unusual about a site is said in its [`Habits`].

mod data;
mod filter;
mod graph;
mod page;
mod rest;
mod signin;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use serde_json::Value;

pub use data::{Column, GroupEvent, Item, Kind, Person};
pub use signin::{CLIENT, Door, PASSWORD, SECRET, TENANT, TOKEN, TOKEN_BEGINS, USER};

use crate::http::{Request, Response, Server, Service};
use data::List;
use signin::SignIn;

/// Graph's number of the site.
pub const GRAPH_SITE: &str =
    "contoso.sharepoint.com,2c712604-1370-44e7-a1f5-426573fda80a,2d2244c3-251a-49ea-93a8-39e1c3a060fe";

/// The scope of Graph's tokens.
pub(crate) const GRAPH_SCOPE: &str = "https://graph.microsoft.com/.default";

/// Where the link to the next page leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextLink {
    /// To the next page.
    Plain,
    /// To this origin.
    Elsewhere(String),
    /// To a page that links to itself.
    Loop,
}

/// What is unusual about a site; the default is nothing.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a habit of its own")]
pub struct Habits {
    /// The most rows in a page, whatever is asked for.
    pub page: usize,
    /// The rows in a page if nothing is asked for.
    pub default_page: usize,
    /// Where the link to the next page leads.
    pub next: NextLink,
    /// Rows in a list beyond which filters on columns without an index fail.
    pub threshold: usize,
    /// `_api` knows no JSON but the verbose one, as before 2013 SP1.
    pub verbose_only: bool,
    /// Columns that cannot be used in filters, whatever they hold.
    pub refused_in_filters: Vec<String>,
    /// A filtered question answers 200 with no rows.
    pub filters_find_nothing: bool,
    /// Graph's list of users is not for this account.
    pub refuse_user_list: bool,
    /// The site's zone is not for this account.
    pub refuse_time_zone: bool,
    /// Number and description of the site's zone.
    pub time_zone: (u32, String),
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            page: 5000,
            default_page: 100,
            next: NextLink::Plain,
            threshold: 5000,
            verbose_only: false,
            refused_in_filters: Vec::new(),
            filters_find_nothing: false,
            refuse_user_list: false,
            refuse_time_zone: false,
            time_zone: (10, "(UTC-05:00) Eastern Time (US and Canada)".to_owned()),
        }
    }
}

/// What is on the site.
#[derive(Debug, Default)]
pub(crate) struct Site {
    people: BTreeMap<u64, Person>,
    lists: BTreeMap<String, List>,
    calendars: BTreeMap<String, Vec<GroupEvent>>,
}

impl Site {
    fn url(request: &Request) -> String {
        format!("http://{}/sites/microscopy", request.header("host").unwrap_or_default())
    }
}

/// A running site with Ada Lovelace (12) and Bob Noyce (13), and no list.
pub struct FakeSharePoint {
    /// Requests, faults, address.
    pub server: Server,
    state: Arc<State>,
}

struct State {
    site: Mutex<Site>,
    habits: Mutex<Habits>,
    signin: Mutex<SignIn>,
    /// Links to next pages that were given out.
    links: Mutex<BTreeSet<String>>,
}

impl FakeSharePoint {
    /// Starts a site that asks for no sign-in.
    pub fn start() -> Self {
        let state = Arc::new(State {
            site: Mutex::default(),
            habits: Mutex::default(),
            signin: Mutex::new(SignIn::new()),
            links: Mutex::default(),
        });
        let site = Self { server: Server::start(Arc::<State>::clone(&state)), state };
        site.add_person(Person::new(12, "ada", "Lovelace, Ada"));
        site.add_person(Person::new(13, "bob", "Noyce, Bob"));
        site
    }

    /// The address of the site for `_api`: `http://127.0.0.1:PORT/sites/microscopy`.
    pub fn rest(&self) -> String {
        format!("{}sites/microscopy", self.server.url())
    }

    /// The address of the site for Graph.
    pub fn graph(&self) -> String {
        format!("{}v1.0/sites/{GRAPH_SITE}", self.server.url())
    }

    /// The address of a group's calendar.
    pub fn calendar(&self, group: &str) -> String {
        format!("{}v1.0/groups/{group}/calendarView", self.server.url())
    }

    /// Where tokens are given out to applications of [`TENANT`].
    pub fn token_url(&self) -> String {
        format!("{}{TENANT}/oauth2/v2.0/token", self.server.url())
    }

    /// Adds a list with the usual columns.
    pub fn add_list(&self, title: &str) {
        let mut site = self.state.site.lock().unwrap();
        let number = site.lists.len() + 1;
        site.lists.insert(title.to_owned(), List::calendar(number));
    }

    /// The GUID of a list.
    pub fn list_id(&self, title: &str) -> String {
        self.state.site.lock().unwrap().lists[title].id.clone()
    }

    /// Removes a list.
    pub fn remove_list(&self, title: &str) {
        self.state.site.lock().unwrap().lists.remove(title);
    }

    /// Adds an item to a list, or replaces the one with its number.
    pub fn put(&self, list: &str, item: Item) {
        let mut site = self.state.site.lock().unwrap();
        site.lists.get_mut(list).expect("a list").items.insert(item.id, item);
    }

    /// Removes an item.
    pub fn remove(&self, list: &str, id: u64) {
        let mut site = self.state.site.lock().unwrap();
        site.lists.get_mut(list).expect("a list").items.remove(&id);
    }

    /// Adds a column to a list, or replaces the one of its name.
    pub fn put_column(&self, list: &str, name: &str, kind: Kind) {
        let column = Column { title: name.to_owned(), kind, indexed: false, hidden: false };
        let mut site = self.state.site.lock().unwrap();
        site.lists.get_mut(list).expect("a list").columns.insert(name.to_owned(), column);
    }

    /// Removes a column from a list.
    pub fn remove_column(&self, list: &str, name: &str) {
        let mut site = self.state.site.lock().unwrap();
        site.lists.get_mut(list).expect("a list").columns.remove(name).expect("a column");
    }

    /// Gives columns of a list an index.
    pub fn index(&self, list: &str, names: &[&str]) {
        let mut site = self.state.site.lock().unwrap();
        let list = site.lists.get_mut(list).expect("a list");
        for name in names {
            list.columns.get_mut(*name).expect("a column").indexed = true;
        }
    }

    /// Adds a person, or replaces the one with their number.
    pub fn add_person(&self, person: Person) {
        self.state.site.lock().unwrap().people.insert(person.id, person);
    }

    /// Puts these events into the calendar of a group or mailbox, in place of those that were there.
    pub fn set_calendar(&self, owner: &str, events: Vec<GroupEvent>) {
        self.state.site.lock().unwrap().calendars.insert(owner.to_owned(), events);
    }

    /// Changes what is unusual about the site.
    pub fn habits(&self, change: impl FnOnce(&mut Habits)) {
        change(&mut self.state.habits.lock().unwrap());
    }

    /// From now on this is asked of everybody who comes.
    pub fn door(&self, door: Door) {
        self.state.signin.lock().unwrap().door = door;
    }

    /// Tokens given out from now on are good for so many requests, whatever `expires_in` says.
    pub fn tokens_last(&self, requests: Option<usize>) {
        self.state.signin.lock().unwrap().lasts = requests;
    }

    /// Tokens given out from now on say that they are good for so many seconds.
    pub fn tokens_expire_in(&self, seconds: u64) {
        self.state.signin.lock().unwrap().expires_in = seconds;
    }

    /// No token that was given out so far is good any more.
    pub fn expire_tokens(&self) {
        self.state.signin.lock().unwrap().expire();
    }

    /// How many tokens were asked for.
    pub fn tokens_asked(&self) -> usize {
        self.state.signin.lock().unwrap().asked
    }

    /// Sets the clock of the service for tokens; it shows 2026-11-01 00:00 UTC until then.
    pub fn set_clock(&self, now: DateTime<Utc>) {
        self.state.signin.lock().unwrap().now = now;
    }
}

impl Service for State {
    fn handle(&self, request: &Request) -> Response {
        if request.path.ends_with("/oauth2/v2.0/token") {
            return self.signin.lock().unwrap().token(request);
        }
        if request.path.starts_with("/_layouts/") {
            return Response::html(200);
        }
        let graph = request.path.strip_prefix("/v1.0/");
        let rest = request.path.strip_prefix("/sites/microscopy/_api/");
        if graph.is_none() && rest.is_none() {
            return Response::html(404);
        }
        if let Some(refusal) = self.signin.lock().unwrap().refuse(request, graph.is_some()) {
            return refusal;
        }
        if request.method != "GET" {
            return Response::html(405);
        }
        let (site, habits) = (self.site.lock().unwrap(), self.habits.lock().unwrap());
        if request.parameter("$skiptoken").is_some() && !self.links.lock().unwrap().contains(&request.target)
        {
            return Response::new(400, "text/plain", b"this link was not given out".to_vec());
        }
        let response = match (graph, rest) {
            (Some(below), _) => graph::answer(request, below, &site, &habits),
            (None, below) => rest::answer(request, below.unwrap_or_default(), &site, &habits),
        };
        self.links.lock().unwrap().extend(next_target(&response));
        response
    }
}

/// Path and query of the link to the next page.
fn next_target(response: &Response) -> Option<String> {
    let body: Value = serde_json::from_slice(response.body()).ok()?;
    let links = [&body["odata.nextLink"], &body["@odata.nextLink"], &body["d"]["__next"]];
    let link = links.into_iter().find_map(Value::as_str)?;
    let rest = link.strip_prefix("http://")?;
    Some(rest[rest.find('/')?..].to_owned())
}

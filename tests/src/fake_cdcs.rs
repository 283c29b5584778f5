//! A CDCS server, as far as an exporter sees one.
//!
//! It answers what `core_main_app` 2.18 answers: core settings, templates, workspaces, records (create, read, change,
//! delete, assign, change owner, list, query), users. Nothing makes a title unique, as on the real server, so a client
//! that delivers twice makes two records. Content is not checked against a schema: use a [`Fault`](crate::fault::Fault)
//! for a refusal.

mod records;
mod users;

use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

pub use records::Record;
pub use users::Role;

use crate::http::{Request, Response, Server, Service};
use records::Records;
use users::Accounts;

/// The token of the account that delivers.
pub const TOKEN: &str = "89abcdef0123456789abcdef0123456789abcdef";

/// Title of the template that fits the records.
pub const TEMPLATE_TITLE: &str = "Nexus Experiment Schema";
/// The current version of that template.
pub const TEMPLATE: u64 = 12;
/// The workspace that everybody may read.
pub const PUBLIC_WORKSPACE: u64 = 1;

/// A running server with one template, one public workspace, and one superuser who owns [`TOKEN`].
pub struct FakeCdcs {
    /// Requests, faults, address.
    pub server: Server,
    state: Arc<Mutex<State>>,
}

struct State {
    /// In the order in which the server lists them, which an administrator can change.
    templates: Vec<Value>,
    workspaces: Vec<Value>,
    accounts: Accounts,
    records: Records,
}

impl Default for State {
    fn default() -> Self {
        Self {
            templates: vec![template(4, TEMPLATE_TITLE, &[9, TEMPLATE])],
            workspaces: vec![json!({
                "id": PUBLIC_WORKSPACE, "title": "Global Public Workspace", "owner": null, "is_public": true,
            })],
            accounts: Accounts::default(),
            records: Records::default(),
        }
    }
}

impl FakeCdcs {
    /// Starts the server.
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let site = Site(Arc::clone(&state));
        Self { server: Server::start(Arc::new(site)), state }
    }

    /// The address that is configured: `http://127.0.0.1:PORT/`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Every record, oldest first.
    pub fn records(&self) -> Vec<Record> {
        self.state().records.all().to_vec()
    }

    /// Adds an account with a token of its own; returns the user's number.
    pub fn add_account(&self, username: &str, token: &str, role: Role) -> u64 {
        self.state().accounts.add(username, Some(token), role)
    }

    /// From now on the deliverer's account has this token.
    pub fn change_token(&self, token: &str) {
        self.state().accounts.change_token(TOKEN, token);
    }

    /// Puts another template before the others, as an administrator's ranking does.
    pub fn put_template_first(&self, manager: u64, title: &str, version: u64) {
        self.state().templates.insert(0, template(manager, title, &[version]));
    }

    /// Puts a private workspace before the others.
    pub fn put_workspace_first(&self, id: u64, title: &str, owner: u64) {
        let workspace = json!({ "id": id, "title": title, "owner": owner.to_string(), "is_public": false });
        self.state().workspaces.insert(0, workspace);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn template(manager: u64, title: &str, versions: &[u64]) -> Value {
    let versions: Vec<_> = versions.iter().map(u64::to_string).collect();
    json!({
        "id": manager, "current": versions.last(), "versions": versions, "disabled_versions": [], "title": title,
        "user": null, "is_disabled": false, "creation_date": "2024-01-02T03:04:05.678901Z", "display_rank": null,
    })
}

struct Site(Arc<Mutex<State>>);

impl Service for Site {
    fn handle(&self, request: &Request) -> Response {
        self.0.lock().unwrap().answer(request)
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Response {
        let Some(path) = request.path.strip_prefix("/rest/") else { return Response::html(404) };
        let user = match self.accounts.authenticate(request) {
            Ok(user) => user,
            Err(refusal) => return refusal,
        };
        let parts: Vec<&str> = path.split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["core-settings", ""]) => Response::json(200, &core_settings()),
            ("GET", ["template-version-manager", "global", ""]) => self.list_templates(request),
            ("GET", ["workspace", "read_access" | "write_access", ""]) => {
                Response::json(200, &json!(self.workspaces))
            }
            ("GET" | "POST", ["user", ""]) => self.accounts.answer(request, user),
            ("PATCH", ["data", id, "assign", workspace]) => {
                let known = self.workspace_ids().iter().any(|id| workspace.parse() == Ok(*id));
                self.records.assign(&self.accounts, user, id, workspace, known)
            }
            ("PATCH", ["data", id, "change-owner", owner]) => {
                self.records.change_owner(&self.accounts, user, id, owner)
            }
            ("POST", ["data", ""]) => {
                let (templates, workspaces) = (self.template_versions(), self.workspace_ids());
                self.records.create(request, user, &templates, &workspaces)
            }
            ("POST", ["data", "query", ""]) => self.records.query(&self.accounts, user, request),
            ("GET", ["data", ""]) => self.records.list_own(user, request),
            ("GET", ["admin", "data", ""]) => self.records.list_all(&self.accounts, user, request),
            ("GET", ["data", "download", id, ""]) => self.records.download(&self.accounts, user, id),
            ("GET", ["data", id, ""]) => self.records.read(&self.accounts, user, id),
            ("PATCH", ["data", id, ""]) => self.records.change(&self.accounts, user, id, request),
            ("DELETE", ["data", id, ""]) => self.records.delete(&self.accounts, user, id),
            (method, ["data" | "user", ..]) if !["GET", "POST", "PATCH", "DELETE"].contains(&method) => {
                detail(405, &format!("Method \"{method}\" not allowed."))
            }
            _ => Response::html(404),
        }
    }

    fn list_templates(&self, request: &Request) -> Response {
        let title = request.parameter("title");
        let disabled = request.parameter("is_disabled").map(|value| value == "true");
        let hits = self.templates.iter().filter(|row| {
            title.is_none_or(|wanted| row["title"] == wanted)
                && disabled.is_none_or(|wanted| row["is_disabled"] == wanted)
        });
        Response::json(200, &json!(hits.collect::<Vec<_>>()))
    }

    fn template_versions(&self) -> Vec<u64> {
        let versions = self.templates.iter().filter_map(|row| row["versions"].as_array()).flatten();
        versions.filter_map(number).collect()
    }

    fn workspace_ids(&self) -> Vec<u64> {
        self.workspaces.iter().filter_map(|row| number(&row["id"])).collect()
    }
}

fn core_settings() -> Value {
    json!({
        "core_version": "2.18.0",
        "database": { "engine": "PostgreSQL", "version": 150_018 },
        "mongodb": { "data_indexing": false, "version": null },
    })
}

/// A number, also one written as text: the server takes both.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn detail(status: u16, text: &str) -> Response {
    Response::json(status, &json!({ "detail": text }))
}

fn message(status: u16, text: &str) -> Response {
    Response::json(status, &json!({ "message": text }))
}

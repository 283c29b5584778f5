//! A CDCS server, as far as an exporter sees one.
//!
//! It answers what `core_main_app` 2.18 answers: core settings, templates, workspaces, records (create, read, change,
//! delete, assign, change owner, list, query), users. Nothing makes a title unique, as on the real server, so a client
//! that delivers twice makes two records. Content is not checked against a schema: use a [`Fault`](crate::fault::Fault)
//! for a refusal.

mod content;
mod records;
mod templates;
mod users;

use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

pub use records::Record;
pub use users::Role;

use crate::http::{Request, Response, Server, Service};
use records::Records;
use templates::Templates;
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
    /// The path of the site, without the slash at its end.
    below: String,
    templates: Templates,
    /// In the order in which the server lists them.
    workspaces: Vec<Value>,
    accounts: Accounts,
    records: Records,
}

impl Default for State {
    fn default() -> Self {
        Self {
            below: String::new(),
            templates: Templates::default(),
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
        Self::start_below("")
    }

    /// Starts a server whose site lies below a path, such as `/cdcs`: there is nothing else.
    pub fn start_below(path: &str) -> Self {
        let state = State { below: path.to_owned(), ..State::default() };
        let state = Arc::new(Mutex::new(state));
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

    /// Removes every record.
    pub fn forget_records(&self) {
        self.state().records = Records::default();
    }

    /// Adds an account with a token of its own; returns the user's number.
    pub fn add_account(&self, username: &str, token: &str, role: Role) -> u64 {
        self.state().accounts.add(username, Some(token), role)
    }

    /// An account gets this e-mail address.
    pub fn set_email(&self, username: &str, email: &str) {
        self.state().accounts.set_email(username, email);
    }

    /// The names of all accounts.
    pub fn account_names(&self) -> Vec<String> {
        self.state().accounts.names()
    }

    /// From now on the deliverer's account has this token.
    pub fn change_token(&self, token: &str) {
        self.state().accounts.change_token(TOKEN, token);
    }

    /// Puts another template before the others, as an administrator's ranking does.
    pub fn put_template_first(&self, manager: u64, title: &str, version: u64) {
        self.state().templates.put_first(manager, title, &[version]);
    }

    /// Gives the template another title.
    pub fn rename_template(&self, title: &str) {
        self.state().templates.change(TEMPLATE_TITLE, |row| row["title"] = title.into());
    }

    /// The template is kept, and no longer used.
    pub fn disable_template(&self) {
        self.state().templates.change(TEMPLATE_TITLE, |row| row["is_disabled"] = true.into());
    }

    /// Removes all versions of the template for a new one.
    pub fn replace_template(&self, version: u64) {
        let version = version.to_string();
        self.state().templates.change(TEMPLATE_TITLE, |row| {
            row["versions"] = json!([version]);
            row["current"] = json!(version);
        });
    }

    /// Adds a version of the template, and makes it the current one.
    pub fn add_template_version(&self, version: u64) {
        let version = version.to_string();
        self.state().templates.change(TEMPLATE_TITLE, |row| {
            row["current"] = json!(version);
            if let Some(versions) = row["versions"].as_array_mut() {
                versions.push(json!(version));
            }
        });
    }

    /// The current version of a template.
    pub fn current_version(&self, title: &str) -> Option<u64> {
        self.state().templates.current(title)
    }

    /// The schema of a version.
    pub fn schema(&self, version: u64) -> Option<String> {
        self.state().templates.schema(version)
    }

    /// Puts a private workspace before the others.
    pub fn put_workspace_first(&self, id: u64, title: &str, owner: u64) {
        let workspace = json!({ "id": id, "title": title, "owner": owner.to_string(), "is_public": false });
        self.state().workspaces.insert(0, workspace);
    }

    /// Puts a public workspace that somebody made before the others.
    pub fn put_public_workspace_first(&self, id: u64, title: &str, owner: u64) {
        let workspace = json!({ "id": id, "title": title, "owner": owner.to_string(), "is_public": true });
        self.state().workspaces.insert(0, workspace);
    }

    /// The public workspace of the site gets another number.
    pub fn renumber_public_workspace(&self, id: u64) {
        for workspace in &mut self.state().workspaces {
            if workspace["id"] == PUBLIC_WORKSPACE {
                workspace["id"] = id.into();
            }
        }
    }

    /// Stores a record that came another way, private and under the current template; returns its number.
    pub fn put_record(&self, title: &str, owner: u64, content: &str) -> u64 {
        self.put_record_under(TEMPLATE, title, owner, content)
    }

    /// The same under another version of the template.
    pub fn put_record_under(&self, template: u64, title: &str, owner: u64, content: &str) -> u64 {
        self.state().records.put(template, None, owner, title, content)
    }

    /// Changes a stored record, as a person does it in the pages of the site.
    pub fn change_record(&self, id: u64, change: impl FnOnce(&mut Record)) {
        self.state().records.edit(id, change);
    }

    /// The content of records is called `content` from now on.
    pub fn call_it_content(&self) {
        self.state().records.content_field = "content";
    }

    /// Content with this text in it is refused from now on, with status 500 and this message.
    pub fn refuse_content(&self, text: &str, message: &str) {
        self.state().records.refused.push((text.to_owned(), message.to_owned()));
    }

    /// A create takes no notice of the workspace from now on.
    pub fn ignore_workspaces(&self) {
        self.state().records.ignores_workspaces = true;
    }

    /// The server writes each record it stores in its own way from now on: a persistent identifier at the root, no
    /// comments behind the document.
    pub fn rewrite_records(&self) {
        self.state().records.rewrites = true;
    }

    /// Nobody but superusers may publish from now on.
    pub fn forbid_publishing(&self) {
        self.state().records.publishing_forbidden = true;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

struct Site(Arc<Mutex<State>>);

impl Service for Site {
    fn handle(&self, request: &Request) -> Response {
        self.0.lock().unwrap().answer(request)
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Response {
        let below = request.path.strip_prefix(&self.below);
        let Some(path) = below.and_then(|path| path.strip_prefix("/rest/")) else {
            return Response::html(404);
        };
        let path = path.to_owned();
        let user = match self.accounts.authenticate(request) {
            Ok(user) => user,
            Err(refusal) => return refusal,
        };
        let parts: Vec<&str> = path.split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["core-settings", ""]) => Response::json(200, &core_settings()),
            ("GET", ["template-version-manager", "global", ""]) => self.templates.list(request),
            ("GET", ["template", id, ""]) => self.templates.read(id),
            ("POST", ["template", "global", ""]) => self.templates.create(&self.accounts, user, request),
            ("POST", ["template-version-manager", manager, "version", ""]) => {
                self.templates.add_version(&self.accounts, user, manager, request)
            }
            ("PATCH", ["template", "version", version, "current", ""]) => {
                self.templates.make_current(&self.accounts, user, version)
            }
            ("GET", ["workspace", "read_access", ""]) => Response::json(200, &json!(self.workspaces)),
            ("GET", ["workspace", "write_access", ""]) => self.list_writable(user),
            ("GET" | "POST", ["user", ""]) => self.accounts.answer(request, user),
            ("PATCH", ["data", id, "assign", workspace]) => {
                let known = self.workspace_ids().iter().any(|id| workspace.parse() == Ok(*id));
                self.records.assign(&self.accounts, user, id, workspace, known)
            }
            ("PATCH", ["data", id, "change-owner", owner]) => {
                self.records.change_owner(&self.accounts, user, id, owner)
            }
            ("POST", ["data", ""]) => {
                let (templates, workspaces) = (self.templates.versions(), self.workspace_ids());
                self.records.create(request, &self.accounts, user, &templates, &workspaces)
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

    /// The account's own, and all of them for a superuser: the public one is left out although it can be used.
    fn list_writable(&self, user: u64) -> Response {
        let all = self.accounts.role(user) == Role::Superuser;
        let may = |row: &&Value| all || number(&row["owner"]) == Some(user);
        Response::json(200, &json!(self.workspaces.iter().filter(may).collect::<Vec<_>>()))
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

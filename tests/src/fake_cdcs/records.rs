//! The records of a fake CDCS server.

use chrono::{Duration, TimeZone, Utc};
use serde_json::{Value, json};

use super::users::{Accounts, Role};
use super::{PUBLIC_WORKSPACE, detail, message, number};
use crate::http::{Request, Response};

/// A stored record.
#[derive(Debug, Clone)]
pub struct Record {
    /// The server's number.
    pub id: u64,
    /// The template version it was stored under.
    pub template: u64,
    /// `None`: private.
    pub workspace: Option<u64>,
    /// The owner's number.
    pub owner: u64,
    /// The title, without outer white space.
    pub title: String,
    /// The XML, as it was sent.
    pub content: String,
    created: u64,
    changed: u64,
    touched: u64,
}

/// All records, oldest first. The clock counts the changes: every change is one second later.
pub(super) struct Records {
    rows: Vec<Record>,
    last_id: u64,
    clock: u64,
    /// What the content is called in requests and answers.
    pub(super) content_field: &'static str,
    /// Content with the first text in it is refused with the second.
    pub(super) refused: Vec<(String, String)>,
    pub(super) ignores_workspaces: bool,
    pub(super) rewrites: bool,
    pub(super) publishing_forbidden: bool,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            last_id: 0,
            clock: 0,
            content_field: "xml_content",
            refused: Vec::new(),
            ignores_workspaces: false,
            rewrites: false,
            publishing_forbidden: false,
        }
    }
}

impl Records {
    pub(super) fn all(&self) -> &[Record] {
        &self.rows
    }

    pub(super) fn create(
        &mut self,
        request: &Request,
        accounts: &Accounts,
        user: u64,
        templates: &[u64],
        workspaces: &[u64],
    ) -> Response {
        let Some(body) = request.json() else { return message(500, "JSON parse error - Expecting value") };
        let title = body["title"].as_str().unwrap_or_default().trim();
        if title.is_empty() {
            return invalid("title", "This field may not be blank.");
        }
        if title.chars().count() > 200 {
            return invalid("title", "Ensure this field has no more than 200 characters.");
        }
        let Some(template) = number(&body["template"]).filter(|id| templates.contains(id)) else {
            return invalid("template", &format!("Invalid pk {} - object does not exist.", body["template"]));
        };
        let workspace = number(&body["workspace"]);
        if !body["workspace"].is_null() && !workspace.is_some_and(|id| workspaces.contains(&id)) {
            return invalid(
                "workspace",
                &format!("Invalid pk {} - object does not exist.", body["workspace"]),
            );
        }
        let Some(content) = body[self.content_field].as_str() else {
            let text = format!("This field is required. Either set `content` or `{}`.", self.content_field);
            return invalid(self.content_field, &text);
        };
        if let Some(refusal) = self.refuse_content(content) {
            return refusal;
        }
        if workspace.is_some() && self.may_not_publish(accounts, user) {
            return message(500, "The user doesn't have enough rights to publish.");
        }
        let workspace = workspace.filter(|_| !self.ignores_workspaces);
        let id = self.put(template, workspace, user, title, content);
        self.rows
            .iter()
            .find(|record| record.id == id)
            .map_or_else(|| message(500, "gone"), |record| Response::json(201, &self.shown(record)))
    }

    pub(super) fn put(
        &mut self,
        template: u64,
        workspace: Option<u64>,
        owner: u64,
        title: &str,
        content: &str,
    ) -> u64 {
        self.last_id += 1;
        self.clock += 1;
        self.rows.push(Record {
            id: self.last_id,
            template,
            workspace,
            owner,
            title: title.to_owned(),
            content: self.stored(content, self.last_id),
            created: self.clock,
            changed: self.clock,
            touched: self.clock,
        });
        self.last_id
    }

    pub(super) fn edit(&mut self, id: u64, change: impl FnOnce(&mut Record)) {
        if let Some(record) = self.rows.iter_mut().find(|record| record.id == id) {
            change(record);
        }
    }

    /// What is kept of a content.
    fn stored(&self, content: &str, id: u64) -> String {
        let Some(end) = content.rfind("</").filter(|_| self.rewrites) else { return content.to_owned() };
        let (head, tail) = content.split_at(end);
        let root = format!("{head}{}>", tail.split('>').next().unwrap_or_default());
        root.replacen("Experiment ", &format!("Experiment pid=\"https://pid.example.org/{id}\" "), 1)
    }

    fn may_not_publish(&self, accounts: &Accounts, user: u64) -> bool {
        self.publishing_forbidden && accounts.role(user) != Role::Superuser
    }

    /// What the server refuses whatever the schema says, and what it was told to refuse.
    fn refuse_content(&self, content: &str) -> Option<Response> {
        if content.trim().is_empty() {
            return Some(message(500, "Document is empty, line 1, column 1"));
        }
        if !content.trim_start_matches('\u{feff}').starts_with('<') {
            return Some(message(500, "Start tag expected, '<' not found, line 1, column 1"));
        }
        let told = self.refused.iter().find(|(text, _)| content.contains(text))?;
        Some(message(500, &told.1))
    }

    pub(super) fn read(&self, accounts: &Accounts, user: u64, id: &str) -> Response {
        match self.find(id) {
            Err(refusal) => refusal,
            Ok(record) if may_read(accounts, user, record) => Response::json(200, &self.shown(record)),
            Ok(_) => message(403, "The user doesn't have enough rights to access this document."),
        }
    }

    pub(super) fn download(&self, accounts: &Accounts, user: u64, id: &str) -> Response {
        match self.find(id) {
            Err(refusal) => refusal,
            Ok(record) if may_read(accounts, user, record) => {
                Response::new(200, "text/xml", record.content.clone().into_bytes())
            }
            Ok(_) => message(500, "The user doesn't have enough rights to access this document."),
        }
    }

    /// Title and content only; a workspace or template in the body is ignored.
    pub(super) fn change(&mut self, accounts: &Accounts, user: u64, id: &str, request: &Request) -> Response {
        let clock = self.tick();
        let body = request.json().unwrap_or_default();
        if let Err(refusal) = self.find_to_change(accounts, user, id) {
            return refusal;
        }
        // By the other name it is an unknown key, and those are passed over.
        let content = body[self.content_field].as_str();
        if let Some(refusal) = content.and_then(|content| self.refuse_content(content)) {
            return refusal;
        }
        let content = content.map(|content| self.stored(content, id.parse().unwrap_or_default()));
        let record = match self.find_to_change(accounts, user, id) {
            Ok(record) => record,
            Err(refusal) => return refusal,
        };
        if let Some(content) = content {
            record.content = content;
            record.changed = clock;
        }
        if let Some(title) = body["title"].as_str() {
            title.trim().clone_into(&mut record.title);
        }
        record.touched = clock;
        let record = record.clone();
        Response::json(200, &self.shown(&record))
    }

    pub(super) fn delete(&mut self, accounts: &Accounts, user: u64, id: &str) -> Response {
        let number = match self.find_to_change(accounts, user, id) {
            Ok(record) => record.id,
            Err(refusal) => return refusal,
        };
        self.rows.retain(|record| record.id != number);
        Response::new(204, "application/json", Vec::new())
    }

    pub(super) fn assign(
        &mut self,
        accounts: &Accounts,
        user: u64,
        id: &str,
        workspace: &str,
        known: bool,
    ) -> Response {
        let Ok(target) = workspace.parse() else {
            return message(500, &format!("Field 'id' expected a number but got '{workspace}'."));
        };
        if !known || self.find(id).is_err() {
            return message(404, "Data or workspace not found.");
        }
        let clock = self.tick();
        let forbidden = self.may_not_publish(accounts, user);
        match self.find_to_change(accounts, user, id) {
            Ok(_) if forbidden => message(403, "The user doesn't have enough rights to publish."),
            Ok(record) => {
                record.workspace = Some(target);
                record.touched = clock;
                Response::json(200, &json!({}))
            }
            Err(refusal) => refusal,
        }
    }

    pub(super) fn change_owner(&mut self, accounts: &Accounts, user: u64, id: &str, owner: &str) -> Response {
        if accounts.role(user) == Role::Ordinary {
            return detail(403, "You do not have permission to perform this action.");
        }
        let Some(owner) = owner.parse().ok().filter(|id| accounts.exists(*id)) else {
            return message(500, "User matching query does not exist.");
        };
        let clock = self.tick();
        match self.find_to_change(accounts, user, id) {
            Ok(record) => {
                record.owner = owner;
                record.touched = clock;
                Response::json(200, &json!({}))
            }
            Err(refusal) => refusal,
        }
    }

    /// `GET rest/data/`: only what the token's user owns, in pages.
    pub(super) fn list_own(&self, user: u64, request: &Request) -> Response {
        let title = request.parameter("title");
        let hits =
            self.rows.iter().filter(|record| record.owner == user && title.is_none_or(|t| record.title == t));
        self.page(newest_first(hits), request)
    }

    /// `GET rest/admin/data/`: everything, for superusers.
    pub(super) fn list_all(&self, accounts: &Accounts, user: u64, request: &Request) -> Response {
        if accounts.role(user) != Role::Superuser {
            return message(403, "Only a superuser can use this feature.");
        }
        let title = request.parameter("title");
        let number = |name: &str| request.parameter(name).and_then(|value| value.parse::<u64>().ok());
        let (template, workspace, owner) = (number("template"), number("workspace"), number("user"));
        let hits = self.rows.iter().filter(|record| {
            title.is_none_or(|t| record.title == t)
                && template.is_none_or(|id| record.template == id)
                && workspace.is_none_or(|id| record.workspace == Some(id))
                && owner.is_none_or(|id| record.owner == id)
        });
        let shown = newest_first(hits).into_iter().map(|record| {
            let mut shown = self.shown(record);
            shown.as_object_mut().map(|record| record.remove("checksum"));
            shown
        });
        Response::json(200, &Value::Array(shown.collect()))
    }

    /// `POST rest/data/query/`: by title, templates, workspaces; the content query must be empty.
    pub(super) fn query(&self, accounts: &Accounts, user: u64, request: &Request) -> Response {
        let body = request.json().unwrap_or_default();
        match &body["query"] {
            Value::Null => return message(400, "Expected parameters not provided."),
            query if query.as_object().is_some_and(serde_json::Map::is_empty) => {}
            _ => return message(501, "this fake server does not look into content"),
        }
        let title = body["title"].as_str();
        if title.is_some_and(|title| title.contains('$')) {
            return message(500, "Unsupported $ operator found.");
        }
        let listed = |key: &str| {
            let ids = body[key].as_array()?.iter().filter_map(|entry| number(&entry["id"]));
            Some(ids.collect::<Vec<_>>())
        };
        let (templates, workspaces) = (listed("templates"), listed("workspaces"));
        let hits = self.rows.iter().filter(|record| {
            may_read(accounts, user, record)
                && title.is_none_or(|title| record.title == title)
                && templates.as_ref().is_none_or(|ids| ids.contains(&record.template))
                && workspaces.as_ref().is_none_or(|ids| record.workspace.is_some_and(|id| ids.contains(&id)))
        });
        let hits = newest_first(hits);
        if body["all"] != true && body["all"] != "true" {
            return self.page(hits, request);
        }
        if hits.len() > 100 {
            return message(400, "Number of documents is over the limit.");
        }
        Response::json(200, &json!(hits.into_iter().map(|record| self.shown(record)).collect::<Vec<_>>()))
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn find(&self, id: &str) -> Result<&Record, Response> {
        let number: u64 = parse(id)?;
        let found = self.rows.iter().find(|record| record.id == number);
        found.ok_or_else(|| message(404, "Data not found."))
    }

    fn find_to_change(&mut self, accounts: &Accounts, user: u64, id: &str) -> Result<&mut Record, Response> {
        let number: u64 = parse(id)?;
        let found = self.rows.iter_mut().find(|record| record.id == number);
        let record = found.ok_or_else(|| message(404, "Data not found."))?;
        if record.owner == user || accounts.role(user) == Role::Superuser {
            Ok(record)
        } else if record.workspace.is_some() {
            Err(message(403, "The user does not have the permission to write into this workspace."))
        } else {
            Err(message(403, "The user doesn't have enough rights to access this document."))
        }
    }
}

fn parse(id: &str) -> Result<u64, Response> {
    id.parse().map_err(|_| message(500, &format!("Field 'id' expected a number but got '{id}'.")))
}

fn may_read(accounts: &Accounts, user: u64, record: &Record) -> bool {
    record.owner == user
        || record.workspace == Some(PUBLIC_WORKSPACE)
        || accounts.role(user) == Role::Superuser
}

fn invalid(field: &str, text: &str) -> Response {
    Response::json(400, &json!({ "message": { field: [text] } }))
}

fn newest_first<'a>(records: impl Iterator<Item = &'a Record>) -> Vec<&'a Record> {
    let mut records: Vec<_> = records.collect();
    records.sort_by_key(|record| std::cmp::Reverse(record.changed));
    records
}

impl Records {
    /// Ten records a page.
    fn page(&self, records: Vec<&Record>, request: &Request) -> Response {
        let number: usize = request.parameter("page").and_then(|page| page.parse().ok()).unwrap_or(1);
        let pages = records.len().div_ceil(10).max(1);
        if number == 0 || number > pages {
            return message(500, "Invalid page.");
        }
        let link = |page: usize| json!(format!("http://behind-a-proxy.invalid{}?page={page}", request.path));
        let count = records.len();
        let results: Vec<_> =
            records.into_iter().skip((number - 1) * 10).take(10).map(|record| self.shown(record)).collect();
        Response::json(
            200,
            &json!({
                "count": count,
                "next": if number < pages { link(number + 1) } else { Value::Null },
                "previous": if number > 1 { link(number - 1) } else { Value::Null },
                "results": results,
            }),
        )
    }

    fn shown(&self, record: &Record) -> Value {
        let time = |seconds: u64| {
            let passed = Duration::seconds(i64::try_from(seconds).unwrap_or(i64::MAX));
            let start = Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).single();
            start.map(|start| (start + passed).format("%Y-%m-%dT%H:%M:%S.250000Z").to_string())
        };
        let mut shown = json!({
            "id": record.id, "template": record.template, "workspace": record.workspace,
            "user_id": record.owner.to_string(), "title": record.title, "checksum": null,
            "creation_date": time(record.created), "last_modification_date": time(record.changed),
            "last_change_date": time(record.touched),
        });
        shown[self.content_field] = record.content.as_str().into();
        shown
    }
}

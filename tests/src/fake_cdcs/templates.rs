//! The templates of a fake CDCS server.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::users::{Accounts, Role};
use super::{TEMPLATE, TEMPLATE_TITLE, message, number};
use crate::http::{Request, Response};

/// Templates, in the order in which the server lists them, which an administrator can change.
pub(super) struct Templates {
    managers: Vec<Value>,
    schemas: BTreeMap<u64, String>,
}

impl Default for Templates {
    fn default() -> Self {
        let mut templates = Self { managers: Vec::new(), schemas: BTreeMap::new() };
        templates.put_first(4, TEMPLATE_TITLE, &[9, TEMPLATE]);
        let schema = nexus_core::validate::SCHEMA;
        templates.schemas.insert(9, schema.replacen("Experiment", "OldExperiment", 1));
        templates.schemas.insert(TEMPLATE, schema.to_owned());
        templates
    }
}

impl Templates {
    pub(super) fn put_first(&mut self, manager: u64, title: &str, versions: &[u64]) {
        let versions: Vec<_> = versions.iter().map(u64::to_string).collect();
        let row = json!({
            "id": manager, "current": versions.last(), "versions": versions, "disabled_versions": [],
            "title": title, "user": null, "is_disabled": false,
            "creation_date": "2024-01-02T03:04:05.678901Z", "display_rank": null,
        });
        self.managers.insert(0, row);
    }

    pub(super) fn change(&mut self, title: &str, change: impl FnOnce(&mut Value)) {
        if let Some(row) = self.managers.iter_mut().find(|row| row["title"] == title) {
            change(row);
        }
    }

    /// The numbers under which a record can be stored.
    pub(super) fn versions(&self) -> Vec<u64> {
        let versions = self.managers.iter().filter_map(|row| row["versions"].as_array()).flatten();
        versions.filter_map(number).collect()
    }

    pub(super) fn current(&self, title: &str) -> Option<u64> {
        number(&self.managers.iter().find(|row| row["title"] == title)?["current"])
    }

    pub(super) fn schema(&self, version: u64) -> Option<String> {
        self.schemas.get(&version).cloned()
    }

    pub(super) fn list(&self, request: &Request) -> Response {
        let title = request.parameter("title");
        let disabled = request.parameter("is_disabled").map(|value| value == "true");
        let hits = self.managers.iter().filter(|row| {
            title.is_none_or(|wanted| row["title"] == wanted)
                && disabled.is_none_or(|wanted| row["is_disabled"] == wanted)
        });
        Response::json(200, &json!(hits.collect::<Vec<_>>()))
    }

    pub(super) fn read(&self, id: &str) -> Response {
        match id.parse().ok().and_then(|id: u64| Some((id, self.schemas.get(&id)?))) {
            Some((id, content)) => Response::json(200, &shown(id, content)),
            None => message(404, "Template not found."),
        }
    }

    /// `POST rest/template/global/`.
    pub(super) fn create(&mut self, accounts: &Accounts, user: u64, request: &Request) -> Response {
        if let Some(refusal) = not_staff(accounts, user) {
            return refusal;
        }
        let body = request.json().unwrap_or_default();
        let (title, content) = (body["title"].as_str().unwrap_or_default(), body["content"].as_str());
        if self.managers.iter().any(|row| row["title"] == title) {
            let text = "template version manager with this title already exists.";
            return Response::json(400, &json!({"message": {"title": [text]}}));
        }
        let content = match schema(content) {
            Ok(content) => content,
            Err(refusal) => return refusal,
        };
        let version = self.next_version();
        let manager = self.managers.iter().filter_map(|row| number(&row["id"])).max().unwrap_or(0) + 1;
        self.put_first(manager, title, &[version]);
        let answer = Response::json(201, &shown(version, &content));
        self.schemas.insert(version, content);
        answer
    }

    /// `POST rest/template-version-manager/<manager>/version/`: stored, and not yet current.
    pub(super) fn add_version(
        &mut self,
        accounts: &Accounts,
        user: u64,
        manager: &str,
        request: &Request,
    ) -> Response {
        if let Some(refusal) = not_staff(accounts, user) {
            return refusal;
        }
        let body = request.json().unwrap_or_default();
        let content = match schema(body["content"].as_str()) {
            Ok(content) => content,
            Err(refusal) => return refusal,
        };
        let version = self.next_version();
        let found = self
            .managers
            .iter_mut()
            .find(|row| number(&row["id"]).map(|id| id.to_string()) == Some(manager.to_owned()));
        let Some(versions) = found.and_then(|row| row["versions"].as_array_mut()) else {
            return message(404, "Template Version Manager not found.");
        };
        versions.push(version.to_string().into());
        let answer = Response::json(201, &shown(version, &content));
        self.schemas.insert(version, content);
        answer
    }

    /// `PATCH rest/template/version/<version>/current/`.
    pub(super) fn make_current(&mut self, accounts: &Accounts, user: u64, version: &str) -> Response {
        if let Some(refusal) = not_staff(accounts, user) {
            return refusal;
        }
        for row in &mut self.managers {
            if row["versions"].as_array().is_some_and(|all| all.iter().any(|one| one == version)) {
                row["current"] = version.into();
                return Response::json(200, &json!({}));
            }
        }
        message(404, "Template not found.")
    }

    fn next_version(&self) -> u64 {
        self.versions().into_iter().chain(self.schemas.keys().copied()).max().unwrap_or(0) + 1
    }
}

fn not_staff(accounts: &Accounts, user: u64) -> Option<Response> {
    let text = "Only administrators can use this feature.";
    (accounts.role(user) == Role::Ordinary).then(|| message(403, text))
}

fn schema(content: Option<&str>) -> Result<String, Response> {
    match content {
        Some(content) if content.contains(":schema") => Ok(content.to_owned()),
        _ => Err(message(400, "XSD Error: The document is not a schema.")),
    }
}

fn shown(version: u64, content: &str) -> Value {
    json!({
        "id": version, "user": null, "filename": "schema.xsd", "checksum": null, "content": content,
        "hash": "0", "format": "XSD", "dependencies": [],
    })
}

//! The fake server answers as the real one: statuses, the shapes of bodies, and the words of refusals.

use nexus_tests::fake_cdcs::{self, FakeCdcs, Role};
use nexus_tests::real_cdcs::{
    ORDINARY, OTHER_TEMPLATE_TITLE, RealCdcs, STAFF, SUPERUSER, TEMPLATE_TITLE, ask,
};
use serde_json::{Map, Value, json};

/// A server, and what the words of a question stand for there.
struct Side {
    url: String,
    tokens: [String; 4],
    words: Vec<(&'static str, String)>,
}

impl Side {
    /// Puts a question; the first record that it creates is `{id}` from then on.
    fn ask(&mut self, who: usize, method: &str, path: &str, body: &str) -> (u16, Value) {
        let put = |text: &str| {
            self.words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value))
        };
        let body: Value = serde_json::from_str(&put(body)).unwrap_or_default();
        let body = Some(&body).filter(|body| !body.is_null());
        let (status, answer) = ask(&self.url, &self.tokens[who], method, &put(path), body);
        if status == 201 && !self.words.iter().any(|(word, _)| *word == "{id}") {
            self.words.push(("{id}", answer["id"].to_string()));
        }
        (status, shape(&answer))
    }
}

/// Kinds in place of values, but words of refusals as they are.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            // How many versions there are, and who is ranked, is a matter of what was put there.
            let known = |key: &str, value: &Value| match key {
                "message" | "detail" => value.clone(),
                "xml_content" => json!("text"),
                "versions" => json!(value.as_array().map(Vec::is_empty)),
                "display_rank" => json!("rank"),
                _ => shape(value),
            };
            Value::Object(
                map.iter().map(|(key, value)| (key.clone(), known(key, value))).collect::<Map<_, _>>(),
            )
        }
        Value::Array(all) => Value::Array(all.iter().map(shape).collect()),
        Value::String(text) if text.parse::<u64>().is_ok() => json!("digits"),
        Value::String(text) if text.ends_with('Z') && text.contains('T') => json!("time"),
        Value::String(_) => json!("text"),
        Value::Number(_) => json!("number"),
        other => other.clone(),
    }
}

// Places in the list of tokens.
const ANYBODY: usize = 0;
const STAFF_ACCOUNT: usize = 1;
const EVERYTHING: usize = 2;
const NOBODY: usize = 3;

#[test]
fn the_fake_server_answers_as_the_real_one() {
    let Some(cdcs) = RealCdcs::start() else { return };
    let fake = FakeCdcs::start();
    let nobody = "4".repeat(40);
    fake.add_account("ada", ORDINARY, Role::Ordinary);
    fake.add_account("grace", STAFF, Role::Staff);
    let managers = cdcs.ask("GET", "rest/template-version-manager/global/", None).1;
    let notes = managers.as_array().unwrap().iter().find(|one| one["title"] == OTHER_TEMPLATE_TITLE).unwrap();
    let side = |url: String, superuser: &str, template: &str, title: &str, workspace: u64, user: &str| Side {
        url,
        tokens: [ORDINARY, STAFF, superuser, &nobody].map(str::to_owned),
        words: vec![
            ("{template}", template.to_owned()),
            ("{title}", title.replace(' ', "%20")),
            ("{workspace}", workspace.to_string()),
            ("{user}", user.to_owned()),
        ],
    };
    let users = cdcs.ask("GET", "rest/user/", None).1;
    let grace =
        users.as_array().unwrap().iter().find(|one| one["username"] == "grace").unwrap()["id"].to_string();
    let (version, public) = (notes["current"].as_str().unwrap(), cdcs.workspace());
    let mut real = side(cdcs.url(), SUPERUSER, version, OTHER_TEMPLATE_TITLE, public, &grace);
    let (version, public) = (fake_cdcs::TEMPLATE.to_string(), fake_cdcs::PUBLIC_WORKSPACE);
    let mut fake = side(fake.url(), fake_cdcs::TOKEN, &version, TEMPLATE_TITLE, public, "3");
    let record = r#"{"template": {template}, "title": "one", "workspace": {workspace}, "xml_content": "<note>n</note>"}"#;
    let bare = r#"{"template": {template}, "title": "two", "xml_content": "<note>n</note>"}"#;
    let mut different = Vec::new();
    for (who, method, path, body) in [
        (NOBODY, "GET", "rest/core-settings/", ""),
        (NOBODY, "POST", "rest/data/", record),
        (ANYBODY, "GET", "rest/template-version-manager/global/?is_disabled=false&title={title}", ""),
        (ANYBODY, "GET", "rest/template-version-manager/global/?title=none", ""),
        (ANYBODY, "POST", "rest/data/query/", "{}"),
        (ANYBODY, "POST", "rest/data/query/", r#"{"query": {}, "title": "one", "all": true}"#),
        (ANYBODY, "POST", "rest/data/", record),
        (ANYBODY, "GET", "rest/data/{id}/", ""),
        (ANYBODY, "GET", "rest/data/99999/", ""),
        (
            ANYBODY,
            "POST",
            "rest/data/",
            r#"{"template": {template}, "title": " ", "xml_content": "<note/>"}"#,
        ),
        (ANYBODY, "POST", "rest/data/", r#"{"template": "99999", "title": "x", "xml_content": "<note/>"}"#),
        (
            ANYBODY,
            "POST",
            "rest/data/",
            r#"{"template": {template}, "title": "x", "workspace": "99999", "xml_content": "<note/>"}"#,
        ),
        (
            ANYBODY,
            "POST",
            "rest/data/query/",
            r#"{"query": {}, "title": "one", "templates": [{"id": {template}}]}"#,
        ),
        (ANYBODY, "POST", "rest/data/query/", r#"{"query": {}, "title": "a$b", "all": true}"#),
        (ANYBODY, "GET", "rest/data/?title=one", ""),
        (EVERYTHING, "GET", "rest/data/?title=one", ""),
        (EVERYTHING, "GET", "rest/admin/data/?title=one", ""),
        (STAFF_ACCOUNT, "GET", "rest/admin/data/?title=one", ""),
        (ANYBODY, "PATCH", "rest/data/{id}/", r#"{"title": "one", "xml_content": "<note>m</note>"}"#),
        (ANYBODY, "PATCH", "rest/data/{id}/", r#"{"content": "<note>x</note>"}"#),
        (ANYBODY, "PATCH", "rest/data/99999/", r#"{"title": "one"}"#),
        (ANYBODY, "PUT", "rest/data/{id}/", bare),
        (ANYBODY, "POST", "rest/data/", bare),
        (ANYBODY, "PATCH", "rest/data/{id}/assign/{workspace}", ""),
        (ANYBODY, "PATCH", "rest/data/{id}/assign/{workspace}/", ""),
        (ANYBODY, "PATCH", "rest/data/{id}/assign/99999", ""),
        (ANYBODY, "PATCH", "rest/data/{id}/change-owner/{user}", ""),
        (EVERYTHING, "PATCH", "rest/data/{id}/change-owner/99999", ""),
        (EVERYTHING, "PATCH", "rest/data/{id}/change-owner/{user}", ""),
        (ANYBODY, "PATCH", "rest/data/{id}/", r#"{"title": "one"}"#),
        (ANYBODY, "DELETE", "rest/data/{id}/", ""),
        (EVERYTHING, "DELETE", "rest/data/{id}/", ""),
        (EVERYTHING, "DELETE", "rest/data/{id}/", ""),
        (ANYBODY, "GET", "rest/user/", ""),
        (STAFF_ACCOUNT, "GET", "rest/user/", ""),
    ] {
        let (real, fake) = (real.ask(who, method, path, body), fake.ask(who, method, path, body));
        if real != fake {
            different.push(format!(
                "{who} {method} {path} {body}\n  real {} {}\n  fake {} {}",
                real.0, real.1, fake.0, fake.1
            ));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

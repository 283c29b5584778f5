//! Faults that a plugin of any kind can have; here a destination, but for the manifest of an extractor.

use nexus_plugin_api::message::Method;
use nexus_plugin_api::{FailureClass, LogLevel, PluginError, PluginKind};
use serde_json::{Value, json};

use super::TOKEN;
use super::fault::{Fault, How};

pub fn faults() -> Vec<Fault> {
    let faults: Vec<(&'static str, How)> =
        [manifest(), settings(), messages(), circumstances(), actions()].concat();
    let of_extractor = Fault {
        check: "manifest.suffixes",
        kind: PluginKind::Extractor,
        how: How::Manifest(|manifest| manifest.suffixes.push(".TIF".to_owned())),
    };
    let fault = |(check, how)| Fault { check, kind: PluginKind::Destination, how };
    faults.into_iter().map(fault).chain([of_extractor]).collect()
}

fn manifest() -> Vec<(&'static str, How)> {
    vec![
        ("manifest.loads", How::NotLoaded("`libx.so` is not a shared library")),
        ("manifest.name", How::Manifest(|m| m.name = "The Model!".to_owned())),
        ("manifest.version", How::Manifest(|m| m.version = "first".to_owned())),
        ("manifest.protocol", How::Manifest(|m| m.protocol = "2.0".to_owned())),
        ("manifest.summary", How::Manifest(|m| m.summary.push_str("\nAnd more."))),
        ("manifest.same-at-every-call", How::LaterManifest(|m| m.version = "1.0.1".to_owned())),
        ("manifest.settings-are-an-object", How::Manifest(|m| m.settings = json!({"type": "string"}))),
        (
            "manifest.settings-keywords",
            How::Manifest(|m| m.settings["properties"]["path"]["requierd"] = json!(true)),
        ),
        (
            "manifest.settings-required",
            How::Manifest(|m| m.settings["required"] = json!(["path", "nowhere"])),
        ),
        (
            "manifest.settings-described",
            How::Manifest(|m| m.settings["properties"]["path"]["description"] = json!("")),
        ),
        (
            "manifest.settings-defaults",
            How::Manifest(|m| m.settings["properties"]["retries"]["default"] = json!("3")),
        ),
        (
            "manifest.settings-are-its-own",
            How::Manifest(|m| m.settings["properties"]["priority"] = json!({"description": "Which first."})),
        ),
        (
            "manifest.secrets-are-marked",
            How::Manifest(|m| {
                m.settings["properties"]["api_key"] = json!({"type": "string", "description": "A key."})
            }),
        ),
        ("manifest.capabilities-known", How::Manifest(|m| m.capabilities.push("teleport".to_owned()))),
        ("manifest.capabilities-of-its-kind", How::Manifest(|m| m.capabilities.push("previews".to_owned()))),
    ]
}

fn settings() -> Vec<(&'static str, How)> {
    vec![
        ("settings.accepted", How::Settings(|settings| *settings = json!({}))),
        (
            "settings.missing-key-refused",
            How::Settings(|settings| {
                if settings.get("path").is_none() {
                    settings["path"] = json!("/usual");
                }
            }),
        ),
        (
            "settings.wrong-type-refused",
            How::Settings(|settings| {
                if settings["path"].is_array() {
                    settings["path"] = json!(settings["path"].to_string());
                }
            }),
        ),
        (
            "settings.refusal-is-permanent",
            How::Refusal(|_, error| PluginError { class: FailureClass::Transient, ..error }),
        ),
        (
            "settings.unknown-key",
            How::Settings(|settings| {
                if settings.get("conformance_unknown_key").is_some() {
                    *settings = json!({});
                }
            }),
        ),
        (
            "settings.secret-not-in-refusals",
            How::Refusal(|settings, mut error| {
                error.message.push_str(&settings.to_string());
                error
            }),
        ),
        (
            "settings.two-instances",
            How::Exchange(|seen| {
                if seen.method == Method::Check && seen.live() > 2 { seen.panic() } else { seen.pass() }
            }),
        ),
        ("settings.made-again", How::NeverTwice),
        (
            "settings.secret-not-in-replies",
            How::Exchange(|seen| match seen.method {
                Method::Target => {
                    seen.edit(|ok| ok["id"] = json!(format!("https://{TOKEN}@model.example.org")))
                }
                _ => seen.pass(),
            }),
        ),
        (
            "settings.secret-not-in-log",
            How::Exchange(|seen| {
                if seen.method == Method::Target {
                    seen.call.log(LogLevel::Debug, &format!("Authorization: Token {TOKEN}"));
                }
                seen.pass()
            }),
        ),
    ]
}

/// Spoils the reply to `check`.
fn of_check(seen: &super::fault::Seen<'_>, spoil: impl FnOnce(&mut Value)) -> super::fault::Reply {
    if seen.method != Method::Check {
        return seen.pass();
    }
    let mut reply: Value = serde_json::from_slice(&seen.pass()?).unwrap();
    if reply.get("ok").is_some() {
        spoil(&mut reply);
    }
    Ok(reply.to_string().into_bytes())
}

fn messages() -> Vec<(&'static str, How)> {
    vec![
        (
            "messages.a-reply-comes",
            How::Exchange(|seen| if seen.method == Method::Check { Ok(Vec::new()) } else { seen.pass() }),
        ),
        (
            "messages.reply-is-utf8",
            How::Exchange(|seen| match seen.method {
                Method::Check => Ok(b"{\"id\":1,\"ok\":{\"items\":[],\"x\":\"\xff\"}}".to_vec()),
                _ => seen.pass(),
            }),
        ),
        (
            "messages.reply-is-one-object",
            How::Exchange(|seen| match seen.method {
                Method::Check => Ok([b"checking\n".to_vec(), seen.pass()?].concat()),
                _ => seen.pass(),
            }),
        ),
        (
            "messages.reply-has-one-outcome",
            How::Exchange(|seen| of_check(seen, |reply| reply["unsupported"] = json!(true))),
        ),
        ("messages.id-is-repeated", How::Exchange(|seen| of_check(seen, |reply| reply["id"] = json!(4711)))),
        (
            "messages.check-is-answered",
            How::Exchange(|seen| of_check(seen, |reply| reply["ok"]["items"][0]["name"] = json!(""))),
        ),
        (
            "messages.check-finds-nothing-wrong",
            How::Exchange(|seen| of_check(seen, |reply| reply["ok"]["items"][0]["result"] = json!("failed"))),
        ),
        (
            "messages.large-id",
            How::Exchange(|seen| {
                of_check(seen, |reply| {
                    #[allow(
                        clippy::cast_precision_loss,
                        clippy::cast_possible_truncation,
                        reason = "the fault itself"
                    )]
                    #[allow(clippy::cast_sign_loss, reason = "the fault itself")]
                    if let Some(id) = reply["id"].as_u64() {
                        reply["id"] = json!(id as f64 as u64);
                    }
                })
            }),
        ),
        (
            "messages.unknown-fields-ignored",
            How::Exchange(|seen| match seen.request.get("conformance_news") {
                Some(_) => seen.refuse(),
                None => seen.pass(),
            }),
        ),
        (
            "messages.fields-in-any-order",
            How::Exchange(|seen| if seen.text.starts_with(b"{ ") { seen.refuse() } else { seen.pass() }),
        ),
        (
            "messages.unknown-method",
            How::Exchange(|seen| match seen.request["method"].as_str() {
                Some(word) if word.starts_with("conformance") => seen.refuse(),
                _ => seen.pass(),
            }),
        ),
        (
            "messages.method-of-another-kind",
            How::Exchange(
                |seen| if seen.method == Method::Extract { seen.ok(json!({})) } else { seen.pass() },
            ),
        ),
        (
            "messages.own-methods",
            How::Exchange(|seen| if seen.is_about("own-methods") { seen.unsupported() } else { seen.pass() }),
        ),
        (
            "messages.unreadable-request",
            How::Exchange(|seen| {
                if !seen.request["method"].is_string() {
                    seen.set("dead", 1);
                } else if seen.set("dead", 0) == 1 {
                    return seen.panic();
                }
                seen.pass()
            }),
        ),
        (
            "messages.missing-params",
            How::Exchange(|seen| match (seen.method, seen.request.get("params")) {
                (Method::Find, None) => seen.ok(json!("none")),
                _ => seen.pass(),
            }),
        ),
        (
            "messages.wrong-params",
            How::Exchange(|seen| if seen.params()["record"] == 7 { seen.panic() } else { seen.pass() }),
        ),
        (
            "messages.many-in-a-row",
            How::Exchange(|seen| {
                if seen.method != Method::Check {
                    seen.set("in a row", 0);
                } else if seen.count("in a row") == 150 {
                    return seen.refuse();
                }
                seen.pass()
            }),
        ),
        (
            "messages.at-the-same-time",
            How::Exchange(|seen| match seen.request["id"].as_u64() {
                Some(1_002_005) => {
                    let text = String::from_utf8(seen.pass()?).unwrap();
                    Ok(text.replace("1002005", "1002006").into_bytes())
                }
                _ => seen.pass(),
            }),
        ),
        (
            "messages.hostile-texts",
            How::Exchange(|seen| match seen.params()["session"]["user"].as_str() {
                Some(user) if user.contains("</title>") && seen.is_about("hostile") => seen.panic(),
                _ => seen.pass(),
            }),
        ),
        (
            "messages.large-request",
            How::Exchange(|seen| if seen.text.len() > 100_000 { seen.refuse() } else { seen.pass() }),
        ),
        (
            "messages.nothing-between-calls",
            How::Exchange(|seen| {
                if seen.method == Method::Target {
                    let done = "plugin `model` wrote `done`, which nobody had asked for, between two calls";
                    seen.call.log(LogLevel::Warn, done);
                }
                seen.pass()
            }),
        ),
        (
            "messages.errors-are-told",
            How::Exchange(|seen| {
                if !seen.asks(Method::Deliver, "missing") {
                    return seen.pass();
                }
                let message = "Traceback (most recent call last):\n  no-such-record.xml\n";
                seen.error(json!({"class": "permanent", "effect": "none", "message": message}))
            }),
        ),
    ]
}

fn circumstances() -> Vec<(&'static str, How)> {
    vec![
        ("circumstances.nothing-left-behind", How::LeavesBehind),
        (
            "circumstances.no-deadline",
            How::Exchange(|seen| if seen.call.deadline.is_none() { seen.refuse() } else { seen.pass() }),
        ),
        (
            "circumstances.deadline-passed",
            How::Exchange(|seen| if seen.is_about("deadline") { seen.hang() } else { seen.pass() }),
        ),
        (
            "circumstances.cancelled-before",
            How::Exchange(|seen| if seen.is_about("unwanted") { seen.hang() } else { seen.pass() }),
        ),
        (
            "circumstances.cancelled-midway",
            How::Exchange(|seen| if seen.is_about("midway") { seen.hang() } else { seen.pass() }),
        ),
        (
            "circumstances.answers-after-cancel",
            How::Exchange(|seen| {
                if seen.method == Method::Check && seen.call.cancel.is_cancelled() {
                    seen.set("stuck", 1);
                } else if seen.set("stuck", 0) == 1 {
                    return seen.refuse();
                }
                seen.pass()
            }),
        ),
        (
            "circumstances.log-lines",
            How::Exchange(|seen| {
                if seen.method == Method::Target {
                    seen.call.log(LogLevel::Info, " ");
                }
                seen.pass()
            }),
        ),
        (
            "circumstances.log-levels",
            How::Exchange(|seen| {
                if seen.method == Method::Target {
                    seen.call.log(LogLevel::Error, "all is well");
                }
                seen.pass()
            }),
        ),
        (
            "circumstances.folders-untouched",
            How::Exchange(|seen| {
                let current = seen.call.scratch.parent().unwrap().join("current");
                std::fs::write(current.join("model.log"), "hello").unwrap();
                seen.pass()
            }),
        ),
    ]
}

fn actions() -> Vec<(&'static str, How)> {
    vec![
        (
            "actions.are-listed",
            How::Exchange(|seen| if seen.method == Method::Actions { seen.refuse() } else { seen.pass() }),
        ),
        ("actions.claim-is-true", How::Manifest(|m| m.capabilities.retain(|word| word != "actions"))),
        (
            "actions.names",
            How::Exchange(|seen| match seen.method {
                Method::Actions => seen.edit(|ok| ok["actions"][1]["name"] = json!("Purge It")),
                _ => seen.pass(),
            }),
        ),
        (
            "actions.summaries",
            How::Exchange(|seen| match seen.method {
                Method::Actions => seen.edit(|ok| ok["actions"][0]["summary"] = json!("")),
                _ => seen.pass(),
            }),
        ),
        (
            "actions.arguments",
            How::Exchange(|seen| match seen.method {
                Method::Actions => seen.edit(|ok| ok["actions"][0]["arguments"] = json!(["name"])),
                _ => seen.pass(),
            }),
        ),
        (
            "actions.unknown-refused",
            How::Exchange(|seen| match seen.params()["name"].as_str() {
                Some(name) if name.starts_with("conformance") => seen.ok(json!({"message": "done"})),
                _ => seen.pass(),
            }),
        ),
        (
            "actions.reading-ones-answer",
            How::Exchange(|seen| match seen.params()["name"].as_str() {
                Some("count") => seen.ok(json!({"message": ""})),
                _ => seen.pass(),
            }),
        ),
    ]
}

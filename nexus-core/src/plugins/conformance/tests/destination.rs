//! Faults of destinations.

use nexus_plugin_api::PluginKind;
use nexus_plugin_api::message::Method;
use serde_json::{Value, json};

use super::fault::{Fault, How, Reply, Seen};

pub fn faults() -> Vec<Fault> {
    let fault = |(check, how)| Fault { check, kind: PluginKind::Destination, how };
    [basics(), finding(), once(), steps(), facts()].concat().into_iter().map(fault).collect()
}

fn of_target(seen: &Seen<'_>, spoil: impl FnOnce(&mut Value)) -> Reply {
    if seen.method == Method::Target { seen.edit(spoil) } else { seen.pass() }
}

fn one(id: &str) -> Value {
    json!({"one": {"id": id}})
}

fn many() -> Value {
    json!({"many": [{"id": "object-1"}, {"id": "object-2"}]})
}

fn basics() -> Vec<(&'static str, How)> {
    vec![
        ("destination.target", How::Exchange(|seen| of_target(seen, |ok| ok["id"] = json!(" ")))),
        (
            "destination.target-stays-equal",
            How::Exchange(|seen| {
                of_target(seen, |ok| ok["id"] = json!(format!("session {}", seen.count("targets"))))
            }),
        ),
        (
            "destination.settle-time",
            How::Exchange(|seen| of_target(seen, |ok| ok["settle_seconds"] = json!(10_000_000))),
        ),
        ("destination.claims-find", How::Manifest(|m| m.capabilities.retain(|word| word != "find"))),
        (
            "destination.find-unknown",
            How::Exchange(
                |seen| if seen.is_about("unknown") { seen.ok(one("object-1")) } else { seen.pass() },
            ),
        ),
        (
            "destination.delivers",
            How::Exchange(|seen| match seen.asks(Method::Deliver, "first") {
                true => seen.ok(json!({"more": {"at": seen.count("steps")}})),
                false => seen.pass(),
            }),
        ),
        (
            "destination.remote-id",
            How::Exchange(|seen| {
                seen.edit(|ok| {
                    for outcome in ["done", "one"] {
                        if seen.is_about("first") && ok.get(outcome).is_some() {
                            ok[outcome]["id"] = json!("object\n1");
                        }
                    }
                })
            }),
        ),
        (
            "destination.remote-url",
            How::Exchange(|seen| {
                seen.edit(|ok| {
                    if seen.is_about("first") && ok.get("done").is_some() {
                        ok["done"]["url"] = json!("object 1");
                    }
                })
            }),
        ),
    ]
}

fn finding() -> Vec<(&'static str, How)> {
    vec![
        (
            "destination.find-makes-nothing",
            How::Exchange(|seen| match seen.is_about("looked-for") && seen.count("looks") > 0 {
                true => seen.ok(one("object-1")),
                false => seen.pass(),
            }),
        ),
        (
            "destination.deliver-then-find",
            How::Exchange(|seen| {
                if seen.asks(Method::Find, "first") { seen.ok(json!("none")) } else { seen.pass() }
            }),
        ),
        (
            "destination.find-in-a-fresh-instance",
            How::Exchange(|seen| {
                if seen.asks(Method::Deliver, "first") {
                    seen.set("who delivered", seen.instance());
                } else if seen.asks(Method::Find, "first") {
                    let who = seen.set("who delivered", 0);
                    seen.set("who delivered", who);
                    if who != seen.instance() {
                        return seen.ok(json!("none"));
                    }
                }
                seen.pass()
            }),
        ),
        (
            "destination.content-hash",
            How::Exchange(|seen| {
                seen.edit(|ok| {
                    if seen.asks(Method::Find, "first") {
                        ok["one"]["content_sha256"] = json!("00".repeat(32));
                    }
                })
            }),
        ),
        (
            "destination.two-keys-two-objects",
            How::Exchange(|seen| match seen.asks(Method::Deliver, "two-keys") {
                true => seen.ok(json!({"done": {"id": "the object"}})),
                false => seen.pass(),
            }),
        ),
        (
            "destination.same-name-two-keys",
            How::Exchange(|seen| match seen.asks(Method::Find, "same-name") {
                true => seen.ok(one("the other one")),
                false => seen.pass(),
            }),
        ),
        (
            "destination.many-sessions",
            How::Exchange(|seen| match seen.asks(Method::Find, "many") && seen.count("many") > 10 {
                true => seen.ok(json!("none")),
                false => seen.pass(),
            }),
        ),
    ]
}

/// After the session of this check was delivered, two objects are there.
macro_rules! two_objects {
    ($check:literal, $label:literal) => {
        (
            $check,
            How::Exchange(|seen| if seen.asks(Method::Find, $label) { seen.ok(many()) } else { seen.pass() }),
        )
    };
}

fn once() -> Vec<(&'static str, How)> {
    vec![
        two_objects!("destination.deliver-twice-makes-one", "twice"),
        (
            "destination.deliver-again-with-previous",
            How::Exchange(|seen| {
                match seen.asks(Method::Deliver, "again") && !seen.params()["previous"].is_null() {
                    true => seen.ok(json!({"done": {"id": "another"}})),
                    false => seen.pass(),
                }
            }),
        ),
        (
            "destination.find-after-lost-answer",
            How::Exchange(
                |seen| if seen.asks(Method::Find, "lost") { seen.ok(json!("none")) } else { seen.pass() },
            ),
        ),
        (
            "destination.deliver-after-cancel",
            How::Exchange(|seen| match seen.asks(Method::Find, "cancelled") && seen.count("looks") > 0 {
                true => seen.ok(many()),
                false => seen.pass(),
            }),
        ),
        (
            "destination.at-the-same-time",
            How::Exchange(|seen| {
                match seen.asks(Method::Deliver, "at-the-same-time") && seen.count("busy") == 2 {
                    true => seen.refuse(),
                    false => seen.pass(),
                }
            }),
        ),
        (
            "destination.update-replaces",
            How::Exchange(|seen| {
                seen.edit(|ok| {
                    if seen.asks(Method::Find, "updated") {
                        ok["one"]["content_sha256"] = json!("00".repeat(32));
                    }
                })
            }),
        ),
        two_objects!("destination.update-twice-makes-one", "updated-twice"),
    ]
}

fn steps() -> Vec<(&'static str, How)> {
    vec![
        ("destination.claims-steps", How::Manifest(|m| m.capabilities.retain(|word| word != "steps"))),
        (
            "destination.checkpoint-size",
            How::Exchange(|seen| {
                seen.edit(|ok| {
                    if seen.asks(Method::Deliver, "first") && ok.get("more").is_some() {
                        ok["more"]["whole record"] = json!("x".repeat(70_000));
                    }
                })
            }),
        ),
        (
            "destination.steps-resumed",
            How::Exchange(|seen| {
                if !seen.asks(Method::Deliver, "resumed") {
                    return seen.pass();
                }
                let before = seen.set("who", seen.instance());
                let another = !seen.params()["checkpoint"].is_null() && before != seen.instance();
                if another { seen.refuse() } else { seen.pass() }
            }),
        ),
        two_objects!("destination.step-repeated", "repeated"),
        two_objects!("destination.begun-again", "begun-again"),
        two_objects!("destination.old-checkpoint", "old-checkpoint"),
        (
            "destination.foreign-checkpoint",
            How::Exchange(|seen| match seen.params()["checkpoint"].is_array() {
                true => seen.panic(),
                false => seen.pass(),
            }),
        ),
    ]
}

fn facts() -> Vec<(&'static str, How)> {
    vec![
        (
            "destination.missing-record",
            How::Exchange(
                |seen| if seen.asks(Method::Deliver, "missing") { seen.refuse() } else { seen.pass() },
            ),
        ),
        (
            "destination.missing-record-leaves-nothing",
            How::Exchange(|seen| {
                if seen.asks(Method::Find, "refused") { seen.ok(one("half")) } else { seen.pass() }
            }),
        ),
        (
            "destination.record-is-a-folder",
            How::Exchange(|seen| match seen.asks(Method::Deliver, "folder") {
                true => seen.ok(json!({"done": {"id": "a folder"}})),
                false => seen.pass(),
            }),
        ),
        (
            "destination.record-unchanged",
            How::Exchange(|seen| {
                if seen.asks(Method::Deliver, "unchanged") {
                    let path = seen.params()["record"]["path"].as_str().unwrap();
                    std::fs::write(format!("{path}.sent"), "yes").unwrap();
                }
                seen.pass()
            }),
        ),
        (
            "destination.record-path-not-utf8",
            How::Exchange(|seen| match seen.params()["record"]["path"].is_object() {
                true => seen.panic(),
                false => seen.pass(),
            }),
        ),
        (
            "destination.large-record",
            How::Exchange(|seen| if seen.is_about("large") { seen.refuse() } else { seen.pass() }),
        ),
        (
            "destination.bare-facts",
            How::Exchange(|seen| {
                match seen.method == Method::Deliver && seen.params()["session"]["user"].is_null() {
                    true => seen.panic(),
                    false => seen.pass(),
                }
            }),
        ),
        (
            "destination.full-facts",
            How::Exchange(|seen| if seen.is_about("full") { seen.refuse() } else { seen.pass() }),
        ),
        (
            "destination.unicode-name",
            How::Exchange(|seen| match seen.asks(Method::Find, "unicode") {
                true => seen.ok(json!("none")),
                false => seen.pass(),
            }),
        ),
        (
            "destination.hostile-facts",
            How::Exchange(|seen| match seen.params()["session"]["user"].as_str() {
                Some(user) if user.contains("</title>") && seen.is_about("hostile-facts") => seen.panic(),
                _ => seen.pass(),
            }),
        ),
        (
            "destination.no-way-out",
            How::Exchange(|seen| {
                if seen.asks(Method::Deliver, "no-way-out") {
                    let root = seen.call.scratch.parent().unwrap();
                    std::fs::write(root.join("given").join("conformance-escaped"), "x").unwrap();
                }
                seen.pass()
            }),
        ),
    ]
}

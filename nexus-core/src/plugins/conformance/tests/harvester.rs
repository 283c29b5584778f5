//! Faults of harvesters.

use nexus_plugin_api::PluginKind;
use nexus_plugin_api::message::Method;
use serde_json::{Value, json};

use super::fault::{Fault, How, Reply, Seen};

pub fn faults() -> Vec<Fault> {
    let fault = |(check, how)| Fault { check, kind: PluginKind::Harvester, how };
    [pages(), events(), windows(), reservations(), offers()].concat().into_iter().map(fault).collect()
}

/// Spoils every page of events.
fn of_page(seen: &Seen<'_>, spoil: impl FnOnce(&mut Value)) -> Reply {
    if seen.method == Method::Harvest { seen.edit(spoil) } else { seen.pass() }
}

/// Spoils the event of this number.
fn of_event(seen: &Seen<'_>, number: &str, spoil: impl FnOnce(&mut Value)) -> Reply {
    of_page(seen, |page| {
        let events = page["events"].as_array_mut().unwrap();
        if let Some(event) = events.iter_mut().find(|event| event["external_id"] == number) {
            spoil(event);
        }
    })
}

/// Asks for another page than the host did, if `wanted`.
fn asked(seen: &Seen<'_>, wanted: bool, spoil: impl FnOnce(&mut Value)) -> Reply {
    if seen.method == Method::Harvest && wanted { seen.pass_with(spoil) } else { seen.pass() }
}

fn an_event() -> Value {
    json!({"external_id": "99", "session_identifier": "model-use-99", "instrument_pid": "MODEL-A",
           "start": "2024-03-05T09:00:00", "end": "2024-03-05T10:00:00"})
}

fn pages() -> Vec<(&'static str, How)> {
    vec![
        (
            "harvester.harvest",
            How::Exchange(|seen| match seen.method {
                Method::Harvest => seen.ok(json!({"usage": []})),
                _ => seen.pass(),
            }),
        ),
        (
            "harvester.times",
            How::Exchange(|seen| of_event(seen, "1", |event| event["start"] = json!("05/03/2024 9am"))),
        ),
        (
            "harvester.events-are-readable",
            How::Exchange(|seen| of_event(seen, "1", |event| event["session_identifier"] = Value::Null)),
        ),
        ("harvester.paging-ends", How::Exchange(|seen| of_page(seen, |page| page["more"] = json!("4")))),
    ]
}

fn events() -> Vec<(&'static str, How)> {
    vec![
        (
            "harvester.ids-are-there",
            How::Exchange(|seen| of_event(seen, "1", |event| event["session_identifier"] = json!(""))),
        ),
        (
            "harvester.external-ids-are-unique",
            How::Exchange(|seen| {
                of_page(seen, |page| {
                    let events = page["events"].as_array_mut().unwrap();
                    events.extend(events.first().cloned());
                })
            }),
        ),
        (
            "harvester.session-identifiers-are-unique",
            How::Exchange(|seen| {
                of_event(seen, "1", |event| event["session_identifier"] = json!("model-use-2"))
            }),
        ),
        (
            "harvester.ids-are-stable",
            How::Exchange(|seen| {
                let identifier = format!("model-use-{}-1", seen.instance());
                of_event(seen, "1", |event| event["session_identifier"] = json!(identifier))
            }),
        ),
        (
            "harvester.start-before-end",
            How::Exchange(|seen| of_event(seen, "1", |event| event["start"] = json!("2024-03-20T09:00:00Z"))),
        ),
        (
            "harvester.only-instruments-asked",
            How::Exchange(|seen| of_event(seen, "1", |event| event["instrument_pid"] = json!("MODEL-C"))),
        ),
        (
            "harvester.progress-of-each",
            How::Exchange(|seen| {
                of_page(seen, |page| {
                    page["instruments"].as_array_mut().unwrap().pop();
                })
            }),
        ),
        (
            "harvester.span-is-one",
            How::Exchange(|seen| {
                of_page(seen, |page| {
                    if let Some(progress) = page["instruments"].as_array_mut().unwrap().first_mut() {
                        progress["covered_from"] = json!("2025-01-01T00:00:00Z");
                    }
                })
            }),
        ),
        (
            "harvester.rejected-rows-are-told",
            How::Exchange(|seen| of_page(seen, |page| page["rejected"][0]["reason"] = json!(" "))),
        ),
        (
            "harvester.users-are-of-known-systems",
            How::Exchange(|seen| of_page(seen, |page| page["users"][0]["system"] = json!("ldap"))),
        ),
        (
            "harvester.no-instruments",
            How::Exchange(|seen| {
                let none = seen.params()["instruments"].as_array().is_some_and(Vec::is_empty);
                of_page(seen, |page| {
                    if none {
                        page["events"] = json!([an_event()]);
                    }
                })
            }),
        ),
        (
            "harvester.unknown-instrument",
            How::Exchange(|seen| match seen.request.to_string().contains("CONFORMANCE-UNKNOWN") {
                true => seen.ok(json!({"events": []})),
                false => seen.pass(),
            }),
        ),
    ]
}

fn windows() -> Vec<(&'static str, How)> {
    vec![
        (
            "harvester.cursor-brings-nothing-new",
            How::Exchange(|seen| match seen.params()["instruments"][0]["cursor"].as_str() {
                Some("all") => seen.ok(json!({"events": [an_event()]})),
                _ => seen.pass(),
            }),
        ),
        (
            "harvester.foreign-cursor-loses-nothing",
            How::Exchange(|seen| match seen.params()["instruments"][0]["cursor"].as_str() {
                Some(cursor) if cursor.contains("conformance") => seen.ok(json!({"events": []})),
                _ => seen.pass(),
            }),
        ),
        (
            "harvester.foreign-page",
            How::Exchange(|seen| match seen.params()["page"].as_str() {
                Some(page) if page.contains("conformance") => seen.ok(json!({"events": [an_event()]})),
                _ => seen.pass(),
            }),
        ),
        (
            "harvester.window-from",
            How::Exchange(|seen| {
                let params = seen.params();
                let only = params["until"].is_null() && params["open"] == json!([]);
                asked(seen, only, |params| params["from"] = Value::Null)
            }),
        ),
        (
            "harvester.window-until",
            How::Exchange(|seen| {
                let only = seen.params()["from"].is_null();
                asked(seen, only, |params| params["until"] = Value::Null)
            }),
        ),
        (
            "harvester.empty-window",
            How::Exchange(|seen| {
                let both = !seen.params()["from"].is_null() && !seen.params()["until"].is_null();
                asked(seen, both, |params| {
                    params["from"] = Value::Null;
                    params["until"] = Value::Null;
                })
            }),
        ),
        (
            "harvester.open-events",
            How::Exchange(|seen| {
                asked(seen, seen.params().get("open").is_some(), |params| params["open"] = json!([]))
            }),
        ),
        (
            "harvester.unknown-open-event",
            How::Exchange(|seen| match seen.params()["open"][0].as_str() {
                Some("conformance-no-such-event") => seen.refuse(),
                _ => seen.pass(),
            }),
        ),
    ]
}

/// Spoils the answers.
fn of_answers(seen: &Seen<'_>, spoil: impl FnOnce(&mut Vec<Value>)) -> Reply {
    match seen.method {
        Method::Reservations => seen.edit(|ok| spoil(ok["answers"].as_array_mut().unwrap())),
        _ => seen.pass(),
    }
}

/// How many sessions are asked about, and whether an unknown one is among them.
fn sessions(seen: &Seen<'_>) -> (usize, bool) {
    let sessions = seen.params()["sessions"].as_array().map_or(0, Vec::len);
    (sessions, seen.params().to_string().contains("conformance-nobody"))
}

fn reservations() -> Vec<(&'static str, How)> {
    vec![
        (
            "harvester.no-sessions-no-answers",
            How::Exchange(|seen| {
                of_answers(seen, |answers| {
                    if answers.is_empty() {
                        answers.push(json!("gone"));
                    }
                })
            }),
        ),
        (
            "harvester.unknown-session",
            How::Exchange(|seen| match (seen.method, sessions(seen)) {
                (Method::Reservations, (1, true)) => seen.refuse(),
                _ => seen.pass(),
            }),
        ),
        (
            "harvester.consent-is-explicit",
            How::Exchange(|seen| match (seen.method, sessions(seen)) {
                (Method::Reservations, (1, true)) => seen.ok(json!({"answers": [{"reservation": {}}]})),
                _ => seen.pass(),
            }),
        ),
        (
            "harvester.one-answer-each",
            How::Exchange(|seen| {
                of_answers(seen, |answers| {
                    if answers.len() > 1 {
                        answers.pop();
                    }
                })
            }),
        ),
        (
            "harvester.answers-in-order",
            How::Exchange(|seen| {
                if seen.method != Method::Reservations || sessions(seen).0 < 2 {
                    return seen.pass();
                }
                seen.pass_with(|params| {
                    let sessions = params["sessions"].as_array_mut().unwrap();
                    sessions.sort_by_key(|session| {
                        session["external_id"].as_str().unwrap_or_default().to_owned()
                    });
                })
            }),
        ),
        (
            "harvester.unknown-spoils-no-other",
            How::Exchange(|seen| {
                let spoiled = matches!(sessions(seen), (2.., true));
                of_answers(seen, |answers| {
                    if spoiled {
                        answers.fill(json!("gone"));
                    }
                })
            }),
        ),
        (
            "harvester.answers-are-stable",
            How::Exchange(|seen| {
                let instance = seen.instance();
                of_answers(seen, |answers| {
                    if let [_, second, ..] = answers.as_mut_slice() {
                        let reason = format!("no answer in instance {instance}");
                        *second = json!({"no_consent": {"reason": reason}});
                        answers.fill(json!({"no_consent": {"reason": reason}}));
                    }
                })
            }),
        ),
        (
            "harvester.reasons-are-told",
            How::Exchange(|seen| {
                of_answers(seen, |answers| {
                    for answer in answers {
                        if answer.get("no_consent").is_some() {
                            answer["no_consent"]["reason"] = json!("");
                        }
                    }
                })
            }),
        ),
        (
            "harvester.reservation-times",
            How::Exchange(|seen| {
                of_answers(seen, |answers| {
                    for answer in answers {
                        if answer.get("reservation").is_some() {
                            answer["reservation"]["end"] = json!("2020-01-01T00:00:00");
                        }
                    }
                })
            }),
        ),
    ]
}

fn offers() -> Vec<(&'static str, How)> {
    vec![
        (
            "harvester.claims-instruments",
            How::Manifest(|m| m.capabilities.retain(|word| word != "instruments")),
        ),
        (
            "harvester.instruments-are-sound",
            How::Exchange(|seen| match seen.method {
                Method::Instruments => {
                    seen.edit(|ok| ok["instruments"][0]["timezone"] = json!("Mars/Olympus"))
                }
                _ => seen.pass(),
            }),
        ),
    ]
}

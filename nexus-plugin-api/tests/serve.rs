//! A plugin served in lines: what the contract test cannot see, because it only sees answers.
//!
//! Not under Miri, where the reader of a pipe waits for ever when its writer is gone. All of it is safe code.
#![cfg(not(miri))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::io::{self, Write};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use common::Probe;
use common::lines::{Lines, Served};
use nexus_plugin_api::message::{MAX_LOG_LINE, MAX_MESSAGE};
use nexus_plugin_api::{
    Call, CheckReport, Delivery, Destination, Found, Instance, LogLevel, Manifest, Plugin, PluginError,
    PluginKind, Step, Target, serve,
};
use serde_json::{Value, json};

fn served(kind: PluginKind, settings: &Value) -> Served {
    let mut served = Served::new(Probe(kind));
    let reply = served.ask(&json!({"id": 1, "method": "configure", "params": {"settings": settings}}));
    assert_eq!(reply, json!({"id": 1, "ok": {}}));
    served
}

fn message(reply: &Value) -> &str {
    reply["error"]["message"].as_str().unwrap_or_else(|| panic!("{reply}"))
}

#[test]
fn a_call_is_cancelled_by_its_id_and_by_no_other() {
    let mut served = served(PluginKind::Destination, &json!({"wait": true}));
    served.put(r#"{"cancel":2}"#);
    for id in [2, 3] {
        served.put(format!(r#"{{"id":{id},"method":"target","params":{{}}}}"#));
        assert_eq!(served.json(), json!({"log": {"level": "info", "message": "waiting"}}));
        // One that is over, one that was never asked, and what a newer host may say.
        served.put(r#"{"cancel":1}"#);
        served.put(r#"{"cancel":99}"#);
        served.put(r#"{"pause":{"id":3}}"#);
        served.put(format!(r#"{{"cancel":{id}}}"#));
        let reply = served.json();
        assert_eq!((reply["id"].as_u64(), message(&reply)), (Some(id), "stopped: cancelled true"));
    }
    let (outcome, rest) = served.end();
    assert!(outcome.is_ok() && rest.is_empty(), "{rest:?}");
}

#[test]
fn a_deadline_counts_from_the_line() {
    let mut served = served(PluginKind::Harvester, &json!({"wait": true}));
    served.put(r#"{"deadline_ms":0,"id":2,"method":"check"}"#);
    served.line();
    assert_eq!(message(&served.json()), "stopped: cancelled false");
}

#[test]
fn the_end_of_the_input_cancels_what_runs() {
    let mut served = served(PluginKind::Harvester, &json!({"wait": true}));
    served.put(r#"{"id":2,"method":"check"}"#);
    served.line();
    let (outcome, rest) = served.end();
    outcome.unwrap();
    let [reply] = rest.as_slice() else { panic!("{rest:?}") };
    assert!(reply.contains("stopped: cancelled true"), "{reply}");
}

#[test]
fn a_file_of_requests_is_answered_in_its_order() {
    let mut served = Served::new(Probe(PluginKind::Extractor));
    served.put(r#"{"id":4,"method":"manifest"}"#);
    served.put(r#"{"id":3,"method":"configure","params":{"settings":{}}}"#);
    served.put(r#"{"id":9,"method":"accepts","params":{"path":"/a.tif"}}"#);
    let (outcome, replies) = served.end();
    outcome.unwrap();
    let ids: Vec<Value> =
        replies.iter().map(|reply| serde_json::from_str::<Value>(reply).unwrap()["id"].clone()).collect();
    assert_eq!(ids, [4, 3, 9]);
}

#[test]
fn a_panic_costs_its_call() {
    let mut served = served(PluginKind::Destination, &json!({"panic_in": "run_action"}));
    let params = json!({"name": "enrol", "arguments": {}});
    for id in [2, 3] {
        assert_eq!(
            served.ask(&json!({"id": id, "method": "run_action", "params": params})),
            json!({"id": id, "error": {
                "class": "permanent",
                "effect": "maybe",
                "message": "plugin `probe-destination` panicked in `run_action`: told to panic in run_action"
            }})
        );
        assert_eq!(served.ask(&json!({"id": 7, "method": "target"}))["ok"]["settle_seconds"], 3);
    }
}

#[test]
fn calls_need_settings_that_were_accepted() {
    let mut served = Served::new(Probe(PluginKind::Harvester));
    let not_yet = json!({"id": 1, "error": {
        "class": "permanent",
        "effect": "none",
        "message": "`check` came before a `configure` that worked",
        "hint": "the first two requests are `manifest` and `configure`"
    }});
    let check = json!({"id": 1, "method": "check"});
    let configure =
        |settings: Value| json!({"id": 2, "method": "configure", "params": {"settings": settings}});
    assert_eq!(served.ask(&check), not_yet);
    assert_eq!(message(&served.ask(&configure(json!({"refuse": "yes"})))), "`refuse` is set");
    assert_eq!(served.ask(&check), not_yet);
    let posing = configure(json!({"pose_as": "extractor"}));
    assert!(message(&served.ask(&posing)).contains("is of kind extractor"));
    assert_eq!(served.ask(&configure(json!({})))["ok"], json!({}));
    assert!(served.ask(&check)["ok"].is_object());
    // The last settings are the ones that count.
    assert!(
        message(&served.ask(&configure(json!({"panic_in": "create"})))).contains("when it was configured")
    );
    assert_eq!(served.ask(&check), not_yet);
    let without = served.ask(&json!({"id": 3, "method": "configure", "params": {}}));
    assert!(message(&without).contains("`settings`"), "{without}");
}

#[test]
fn methods_that_are_not_known_or_not_its_own_are_unsupported() {
    let mut served = Served::new(Probe(PluginKind::Harvester));
    let unsupported = json!({"id": 7, "unsupported": true});
    assert_eq!(served.ask(&json!({"id": 7, "method": "dance"})), unsupported);
    served.ask(&json!({"id": 1, "method": "configure", "params": {"settings": {}}}));
    for method in ["dance", "", "Manifest", "deliver", "extract"] {
        assert_eq!(served.ask(&json!({"id": 7, "method": method})), unsupported, "{method}");
    }
}

#[test]
fn fields_of_a_newer_host_are_ignored() {
    let mut served = Served::new(Probe(PluginKind::Extractor));
    let reply = served.ask(&json!({"trace": {"id": 3}, "id": 1, "method": "configure",
                                   "params": {"settings": {}, "mode": 7}, "priority": [1]}));
    assert_eq!(reply, json!({"id": 1, "ok": {}}));
    let reply = served.ask(&json!({"id": 2, "method": "accepts", "params": {"path": "/a.tif", "size": 8}}));
    assert_eq!(reply, json!({"id": 2, "ok": {"accepts": true}}));
}

#[test]
fn what_is_no_request_is_answered_and_the_next_one_is_heard() {
    let mut served = Served::new(Probe(PluginKind::Extractor));
    let card = served.ask(&json!({"id": 5, "method": "manifest"}));
    for garbage in [
        &b"hello"[..],
        b"{\"id\":5,\"method\":\"manifest\"",
        b"{\"method\":\"manifest\"}",
        b"{\"id\":5,\"method\":\"mani\xff\xfefest\"}",
        b"\0\0\0",
        b"{\"id\":5,\"method\":\"manifest\"} {\"id\":6,\"method\":\"manifest\"}",
    ] {
        served.put(garbage);
        let reply = served.json();
        assert_eq!(reply["id"], 0);
        assert!(message(&reply).starts_with("the request cannot be read: "), "{reply}");
        served.put(b"\r");
        assert_eq!(served.ask(&json!({"id": 5, "method": "manifest"})), card);
    }
}

#[test]
fn a_request_without_end_is_refused_and_the_next_one_is_heard() {
    let mut served = Served::new(Probe(PluginKind::Extractor));
    served.put(format!(r#"{{"id":5,"method":"manifest","x":"{}"}}"#, "x".repeat(MAX_MESSAGE)));
    let reply = served.json();
    assert_eq!(message(&reply), "the request has more than the 67108864 bytes that are read");
    assert!(served.ask(&json!({"id": 5, "method": "manifest"}))["ok"].is_object());
}

/// A destination whose manifest and answers are given.
struct Card {
    manifest: Manifest,
    target: fn() -> String,
    keep: Option<Arc<Keep>>,
}

/// Keeps the call of `target`, which logs a long line and waits to be told to go on.
struct Keep {
    call: Mutex<Option<Call>>,
    go_on: Mutex<mpsc::Receiver<()>>,
}

impl Card {
    fn new() -> Self {
        let manifest = Manifest::new("card", "1.0.0", PluginKind::Destination);
        Self { manifest, target: String::new, keep: None }
    }
}

impl Plugin for Card {
    fn manifest(&self) -> Manifest {
        self.manifest.clone()
    }
    fn create(&self, _settings: &Value) -> Result<Instance, PluginError> {
        Ok(Instance::Destination(Box::new(Answer { target: self.target, keep: self.keep.clone() })))
    }
}

struct Answer {
    target: fn() -> String,
    keep: Option<Arc<Keep>>,
}

impl Destination for Answer {
    fn target(&self, call: &Call) -> Result<Target, PluginError> {
        if let Some(keep) = &self.keep {
            *keep.call.lock().unwrap() = Some(call.clone());
            call.log(LogLevel::Warn, &"μ".repeat(MAX_LOG_LINE));
            keep.go_on.lock().unwrap().recv().unwrap();
        }
        Ok(Target { id: (self.target)(), can_find: false, settle_seconds: 0 })
    }
    fn find(&self, _call: &Call, _delivery: &Delivery) -> Result<Found, PluginError> {
        Ok(Found::None)
    }
    fn deliver(&self, _call: &Call, _delivery: &Delivery) -> Result<Step, PluginError> {
        Err(PluginError::permanent("not today"))
    }
    fn check(&self, _call: &Call) -> Result<CheckReport, PluginError> {
        Ok(CheckReport::default())
    }
}

#[test]
fn a_plugin_of_another_protocol_is_refused_by_name() {
    let mut card = Card::new();
    card.manifest.protocol = "2.0".into();
    let Err(error) = Lines::new(card) else { panic!("accepted") };
    assert_eq!(error.to_string(), "plugin `card` (plugin program `x.py`) cannot be used");
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "it speaks protocol 2.0, this program speaks 1.0; a newer nexus is needed"
    );
}

#[test]
fn an_answer_that_nobody_would_read_is_an_error() {
    let card = Card { target: || "x".repeat(MAX_MESSAGE), ..Card::new() };
    let mut served = Served::new(card);
    served.ask(&json!({"id": 1, "method": "configure", "params": {"settings": {}}}));
    let reply = served.ask(&json!({"id": 2, "method": "target"}));
    assert!(message(&reply).starts_with("plugin `card` answered `target` with 671089"), "{reply}");
    assert_eq!(reply["error"]["effect"], "none");
}

#[test]
fn a_log_line_is_cut_and_comes_while_its_call_lasts_or_never() {
    let (go_on, told) = mpsc::channel();
    let keep = Arc::new(Keep { call: Mutex::new(None), go_on: Mutex::new(told) });
    let mut served = Served::new(Card { keep: Some(Arc::clone(&keep)), ..Card::new() });
    served.ask(&json!({"id": 1, "method": "configure", "params": {"settings": {}}}));
    let target = json!({"id": 2, "method": "target"});
    let line = served.ask(&target);
    assert_eq!(line, json!({"log": {"level": "warn", "message": "μ".repeat(MAX_LOG_LINE / 2)}}));
    go_on.send(()).unwrap();
    assert!(served.json()["ok"].is_object());
    let earlier: Call = keep.call.lock().unwrap().take().unwrap();
    earlier.log(LogLevel::Error, "a line of a call that is over");
    // Also while another call runs.
    assert!(served.ask(&target)["log"].is_object());
    earlier.log(LogLevel::Error, "a line of a call that is over");
    go_on.send(()).unwrap();
    assert!(served.json()["ok"].is_object());
    assert!(served.ask(&json!({"id": 3, "method": "check"}))["ok"].is_object());
    let (outcome, rest) = served.end();
    assert!(outcome.is_ok() && rest.is_empty(), "{rest:?}");
}

/// Breaks when the log is written, or the reply.
struct Broken {
    at: &'static str,
    said: mpsc::Sender<String>,
}

impl Write for Broken {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        if text.contains(self.at) {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe));
        }
        self.said.send(text).unwrap();
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn it_ends_when_nobody_reads_any_more() {
    let input = b"{\"id\":1,\"method\":\"configure\",\"params\":{\"settings\":{\"log\":true}}}\n\
        {\"id\":2,\"method\":\"check\"}\n{\"id\":3,\"method\":\"check\"}\n";
    for (at, lines) in [("Warn", 2), ("\"ok\":{\"items\"", 6), ("\"id\":1", 0), ("nothing", 13)] {
        let (said, hear) = mpsc::channel();
        let outcome = serve::serve(&Probe(PluginKind::Harvester), &input[..], Broken { at, said });
        assert_eq!(outcome.is_err(), at != "nothing", "{at}: {outcome:?}");
        assert_eq!(hear.iter().count(), lines, "{at}");
    }
}

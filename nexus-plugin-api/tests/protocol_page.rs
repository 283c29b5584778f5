//! The examples of `docs/plugin-protocol.md` are messages: read by the types, and fitting the schemas.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod json_schema;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use nexus_plugin_api::message::line::{CancelLine, Circumstances, LogLine};
use nexus_plugin_api::message::{
    AcceptsAnswer, ActionParams, ActionsAnswer, ConfigureParams, ExtractAnswer, InstrumentsAnswer, Method,
    PathParams, Reply, ReservationsAnswer, ReservationsParams, head, params, read_reply,
};
use nexus_plugin_api::schema::{self, Document};
use nexus_plugin_api::{
    ActionOutcome, CheckReport, Delivery, Found, HarvestPage, HarvestRequest, Manifest, MetaMap, PathRef,
    Step, Target,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

const PAGE: &str = include_str!("../../docs/plugin-protocol.md");

/// A message of the page: whether the host sends it, and its JSON.
struct Message {
    from_host: bool,
    json: Value,
}

/// The messages of the fenced blocks, in their order.
fn messages() -> Vec<Message> {
    let mut messages = Vec::new();
    for block in PAGE.split("```text\n").skip(1) {
        let block = block.split("```").next().unwrap();
        let mut starts: Vec<usize> = block.match_indices(['→', '←']).map(|(at, _)| at).collect();
        starts.push(block.len());
        for (start, end) in starts.iter().zip(&starts[1..]) {
            let text = &block[*start..*end];
            let json = serde_json::from_str(&text['→'.len_utf8()..]);
            messages.push(Message {
                from_host: text.starts_with('→'),
                json: json.unwrap_or_else(|error| panic!("{error}: {text}")),
            });
        }
    }
    messages
}

/// Whether everything that stands in the example is still there after the types have read and written it.
fn kept(example: &Value, written: &Value) -> bool {
    match (example, written) {
        (Value::Object(example), Value::Object(written)) => {
            example.iter().all(|(key, value)| written.get(key).is_some_and(|other| kept(value, other)))
        }
        (Value::Array(example), Value::Array(written)) => {
            example.len() == written.len() && example.iter().zip(written).all(|(a, b)| kept(a, b))
        }
        (example, written) => example == written,
    }
}

fn schema_of(name: &str) -> Option<&'static Value> {
    static DOCUMENTS: LazyLock<Vec<Document>> = LazyLock::new(schema::documents);
    DOCUMENTS.iter().find(|document| document.name == name).map(|document| &document.schema)
}

fn must_fit(name: &str, value: &Value) {
    let schema = schema_of(name).unwrap_or_else(|| panic!("there is no schema {name}"));
    assert_eq!(json_schema::problems(schema, value), Vec::<String>::new(), "{name}: {value:#}");
}

fn same(name: &str, example: &Value, read: &impl Serialize) {
    let written = serde_json::to_value(read).unwrap();
    assert!(
        kept(example, &written),
        "{name}: the page says\n{example:#}\nread and written it is\n{written:#}"
    );
    if schema_of(name).is_some() {
        must_fit(name, example);
        must_fit(name, &written);
    }
}

fn params_are<P: DeserializeOwned + Serialize>(method: Method, request: &Value) {
    let read: P = params(method, request.to_string().as_bytes()).unwrap();
    same(&format!("{method}.params"), &request["params"], &read);
}

/// Whether the reply was an answer.
fn answer_is<T: DeserializeOwned + Serialize>(method: Method, reply: &Value) -> bool {
    must_fit("reply", reply);
    let id = reply["id"].as_u64().unwrap();
    match read_reply::<T>(id, reply.to_string().as_bytes()).unwrap() {
        Reply::Ok(answer) => {
            same(&format!("{method}.answer"), &reply["ok"], &answer);
            true
        }
        Reply::Error(error) => {
            same("error", &reply["error"], &error);
            false
        }
        Reply::Unsupported => false,
    }
}

fn request_is_read(request: &Value) -> Method {
    must_fit("request", request);
    let text = request.to_string();
    let circumstances: Circumstances = serde_json::from_str(&text).unwrap();
    let written = serde_json::to_value(&circumstances).unwrap();
    for key in ["deadline_ms", "scratch"] {
        assert_eq!(request.get(key), written.get(key), "{text}");
    }
    let method: Method = head(text.as_bytes()).unwrap().method.parse().unwrap();
    match method {
        Method::Manifest | Method::Check | Method::Instruments | Method::Target | Method::Actions => {
            assert_eq!(request["params"], json!({}), "{method}");
        }
        Method::Configure => params_are::<ConfigureParams<'_>>(method, request),
        Method::Harvest => params_are::<HarvestRequest>(method, request),
        Method::Reservations => params_are::<ReservationsParams<'_>>(method, request),
        Method::Find | Method::Deliver => params_are::<Delivery>(method, request),
        Method::Accepts | Method::Extract => params_are::<PathParams<'_>>(method, request),
        Method::RunAction => params_are::<ActionParams<'_>>(method, request),
    }
    method
}

fn reply_is_read(method: Method, reply: &Value) -> bool {
    match method {
        Method::Manifest => answer_is::<Manifest>(method, reply),
        Method::Configure => answer_is::<Map<String, Value>>(method, reply),
        Method::Check => answer_is::<CheckReport>(method, reply),
        Method::Harvest => answer_is::<HarvestPage>(method, reply),
        Method::Reservations => answer_is::<ReservationsAnswer>(method, reply),
        Method::Instruments => answer_is::<InstrumentsAnswer>(method, reply),
        Method::Target => answer_is::<Target>(method, reply),
        Method::Find => answer_is::<Found>(method, reply),
        Method::Deliver => answer_is::<Step>(method, reply),
        Method::Accepts => answer_is::<AcceptsAnswer>(method, reply),
        Method::Extract => answer_is::<ExtractAnswer>(method, reply),
        Method::Actions => answer_is::<ActionsAnswer>(method, reply),
        Method::RunAction => answer_is::<ActionOutcome>(method, reply),
    }
}

#[test]
fn every_example_is_a_message_and_every_method_has_one() {
    let mut asked: Option<(u64, Method)> = None;
    let mut shown = BTreeSet::new();
    for Message { from_host, json } in messages() {
        if json.get("cancel").is_some() {
            must_fit("cancel", &json);
            same("cancel", &json, &serde_json::from_value::<CancelLine>(json.clone()).unwrap());
        } else if json.get("log").is_some() {
            assert!(!from_host);
            same("log", &json, &serde_json::from_value::<LogLine>(json.clone()).unwrap());
        } else if from_host {
            asked = Some((json["id"].as_u64().unwrap(), request_is_read(&json)));
        } else {
            let (id, method) = asked.take().expect("a reply follows its request");
            assert_eq!(json["id"].as_u64(), Some(id), "{json}");
            if reply_is_read(method, &json) {
                shown.insert(method.as_str());
            }
        }
    }
    let all: BTreeSet<&str> = Method::ALL.iter().map(|method| method.as_str()).collect();
    assert_eq!(shown, all);
}

/// The indented lines of a section that are JSON, up to blanks and a comment.
fn pieces(section: &str) -> Vec<Value> {
    let (_, rest) = PAGE.split_once(&format!("\n## {section}\n")).unwrap();
    let rest = rest.split("\n## ").next().unwrap();
    let lines = rest.lines().filter_map(|line| line.strip_prefix("    "));
    lines
        .filter(|line| line.starts_with(['{', '"']))
        .map(|line| serde_json::Deserializer::from_str(line).into_iter().next().unwrap().unwrap())
        .collect()
}

#[test]
fn the_shorter_pieces_are_read_as_well() {
    for (section, name, count) in [("find", "find.answer", 2), ("deliver", "deliver.answer", 1)] {
        let pieces = pieces(section);
        assert_eq!(pieces.len(), count, "{section}");
        for piece in pieces {
            if section == "find" {
                same(name, &piece, &serde_json::from_value::<Found>(piece.clone()).unwrap());
            } else {
                same(name, &piece, &serde_json::from_value::<Step>(piece.clone()).unwrap());
            }
        }
    }
    let paths = pieces("Paths and files");
    assert_eq!(paths.len(), 2);
    for path in paths {
        same("path", &path, &serde_json::from_value::<PathRef>(path.clone()).unwrap());
    }
}

/// The words in backticks of a table's column.
fn column(section: &str, column: usize) -> Vec<&'static str> {
    let (_, rest) = PAGE.split_once(&format!("\n## {section}\n")).unwrap();
    let rest = rest.split("\n## ").next().unwrap();
    let rows = rest.lines().filter(|line| line.starts_with("| "));
    let cells = rows.filter_map(|row| row.split(" | ").nth(column));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn the_examples_of_metadata_values_are_exact() {
    let examples = column("Metadata values", 2);
    assert!(examples.len() >= 12, "{examples:?}");
    for example in examples {
        let text = format!("{{\"value\":{example}}}");
        let Ok(read) = serde_json::from_str::<MetaMap>(&text) else { panic!("{text}") };
        let written: Value = serde_json::to_value(&read).unwrap();
        assert!(kept(&serde_json::from_str(&text).unwrap(), &written), "{text} became {written}");
        must_fit(
            "extract.answer",
            &json!({"signals": [{"dataset_type": "Image", "metadata": {"a": written["value"]}}]}),
        );
    }
}

#[test]
fn the_words_of_failures_are_the_types() {
    let words = column("Failures", 0);
    for word in ["transient", "rate_limited", "auth", "permanent", "none", "maybe"] {
        assert!(words.contains(&word), "{word} is not explained: {words:?}");
    }
}

//! The JSON Schemas in `docs/schemas`: made from the types, and fitting what the types write.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod json_schema;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use nexus_plugin_api::message::{ExtractAnswer, PathParams};
use nexus_plugin_api::schema::{self, documents};
use nexus_plugin_api::{
    EventTime, Found, MetaMap, MetaNode, MetaValue, PathRef, PluginError, Remote, Reservation, Signal, Step,
};
use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas/protocol-1.0")
}

#[test]
fn the_files_are_what_the_types_say() {
    let wanted: BTreeMap<String, String> = documents()
        .into_iter()
        .map(|document| {
            let text = serde_json::to_string_pretty(&document.schema).unwrap();
            (format!("{}.json", document.name), format!("{text}\n"))
        })
        .collect();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::create_dir_all(folder()).unwrap();
        for (name, text) in &wanted {
            fs::write(folder().join(name), text).unwrap();
        }
    }
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let found: BTreeMap<String, String> = entries
        .filter(|path| path.extension() == Some(OsStr::new("json")))
        .map(|path| {
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap())
        })
        .collect();
    assert!(
        found.keys().eq(wanted.keys()),
        "docs/schemas/protocol-1.0 has other files: {:?}",
        found.keys().collect::<Vec<_>>()
    );
    for (name, text) in wanted {
        assert!(
            found[&name] == text,
            "docs/schemas/protocol-1.0/{name} is not what the types say; run this test with UPDATE_DOCS=1"
        );
    }
}

fn schema_of(name: &str) -> &'static Value {
    static DOCUMENTS: LazyLock<Vec<schema::Document>> = LazyLock::new(documents);
    &DOCUMENTS.iter().find(|document| document.name == name).unwrap().schema
}

fn fits(name: &str, value: &impl Serialize) -> Result<(), TestCaseError> {
    let value = serde_json::to_value(value).unwrap();
    let problems = json_schema::problems(schema_of(name), &value);
    prop_assert!(problems.is_empty(), "{name}: {problems:?}");
    Ok(())
}

fn meta_value() -> impl Strategy<Value = MetaValue> {
    let number = prop_oneof![
        any::<i64>().prop_map(MetaValue::Integer),
        any::<f64>().prop_map(MetaValue::Float),
        "[0-9]{1,5}\\.[0-9]{0,5}".prop_map(MetaValue::Decimal),
    ];
    let leaf = prop_oneof![
        any::<String>().prop_map(MetaValue::Text),
        number.clone(),
        any::<bool>().prop_map(MetaValue::Boolean),
        Just(MetaValue::Null),
        (number, any::<String>()).prop_map(|(n, unit)| MetaValue::Quantity(Box::new(n), unit)),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(MetaValue::List))
}

fn meta_map() -> impl Strategy<Value = MetaMap> {
    let entries = |node: BoxedStrategy<MetaNode>| {
        prop::collection::vec((any::<String>(), node), 0..4).prop_map(MetaMap)
    };
    let leaf = entries(meta_value().prop_map(MetaNode::Value).boxed());
    leaf.prop_recursive(3, 16, 4, move |inner| {
        let node = prop_oneof![meta_value().prop_map(MetaNode::Value), inner.prop_map(MetaNode::Map)];
        entries(node.boxed())
    })
}

fn path() -> impl Strategy<Value = PathRef> {
    any::<Vec<u8>>().prop_map(|bytes| {
        use std::os::unix::ffi::OsStringExt as _;
        PathRef::new(PathBuf::from(std::ffi::OsString::from_vec(bytes)))
    })
}

fn time() -> impl Strategy<Value = EventTime> {
    (0..4_000_000_000_i64, prop::bool::ANY).prop_map(|(seconds, local)| {
        let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap();
        if local { EventTime::Local(time.naive_utc()) } else { EventTime::Offset(time.fixed_offset()) }
    })
}

proptest! {
    #[test]
    fn what_is_written_by_hand_fits(metadata in meta_map(), path in path(), time in time()) {
        fits("extract.params", &PathParams { path: std::borrow::Cow::Borrowed(&path) })?;
        let signal = Signal {
            dataset_type: "Image".into(),
            metadata,
            warnings: vec![vec!["a".into()]],
            preview: Some(path),
        };
        fits("extract.answer", &ExtractAnswer { signals: vec![signal] })?;
        let booking = Reservation { start: Some(time), ..Reservation::default() };
        fits("reservations.answer", &json!({"answers": [{"reservation": booking}]}))?;
    }
}

#[test]
fn choices_fit_in_each_of_their_forms() {
    let remote = Remote { id: "1".into(), url: None, content_sha256: Some("ab".into()) };
    for found in [Found::None, Found::One(remote.clone()), Found::Many(vec![remote.clone(), remote.clone()])]
    {
        fits("find.answer", &found).unwrap();
    }
    let more = Step::More(nexus_plugin_api::Checkpoint(json!({"part": 2})));
    for step in [Step::Done(remote), more] {
        fits("deliver.answer", &step).unwrap();
    }
    for error in [
        PluginError::permanent("a"),
        PluginError::transient("a").maybe_done(),
        PluginError::auth("a").with_hint("b"),
        PluginError::new(nexus_plugin_api::FailureClass::RateLimited { until: None }, "a"),
    ] {
        fits("error", &error).unwrap();
        fits("reply", &json!({"id": 3, "error": error})).unwrap();
        fits("reservations.answer", &json!({"answers": [{"failed": error}, "gone"]})).unwrap();
    }
}

#[test]
fn what_the_host_refuses_does_not_fit() {
    for (name, value) in [
        ("error", json!({"class": "sad", "effect": "none", "message": "a"})),
        ("error", json!({"class": "permanent", "message": "a"})),
        ("error", json!({"class": "permanent", "effect": "none"})),
        ("error", json!({"class": "rate_limited", "until": 7, "effect": "none", "message": "a"})),
        ("reply", json!({"id": 3})),
        ("reply", json!({"id": 3, "ok": {}, "unsupported": true})),
        ("reply", json!({"ok": {}})),
        ("find.answer", json!("nothing")),
        ("find.answer", json!({"one": {"url": "a"}})),
        ("find.answer", json!({"many": {"id": "1"}})),
        ("deliver.answer", json!({"id": "1"})),
        ("target.answer", json!({"id": "x"})),
        ("target.answer", json!({"id": "x", "can_find": "yes"})),
        ("manifest.answer", json!({"name": "a", "version": "1", "kind": "exporter", "protocol": "1.0"})),
        ("accepts.params", json!({"path": {"bytes": "2f6"}})),
        ("accepts.params", json!({})),
        ("extract.answer", json!({"signals": [{"dataset_type": "Image"}]})),
        ("extract.answer", json!({"signals": [{"dataset_type": "Image", "metadata": {"Stage": {"X": 1}}}]})),
        (
            "extract.answer",
            json!({"signals": [{"dataset_type": "Image", "metadata": {"X": {"unit": "nm"}}}]}),
        ),
        ("extract.answer", json!({"signals": [{"dataset_type": "Image", "metadata": {"X": [{"map": {}}]}}]})),
        ("log", json!({"log": {"level": "loud", "message": "a"}})),
        ("harvest.answer", json!({"events": [{"external_id": "1"}]})),
    ] {
        let problems = json_schema::problems(schema_of(name), &value);
        assert!(!problems.is_empty(), "{name} lets {value} pass");
    }
}

#[test]
fn what_may_be_left_out_may_be_left_out() {
    for (name, value) in [
        ("target.answer", json!({"id": "x", "can_find": false, "colour": "red"})),
        ("manifest.answer", json!({"name": "a", "version": "1", "kind": "harvester", "protocol": "1.0"})),
        ("harvest.answer", json!({"events": []})),
        ("error", json!({"class": "rate_limited", "effect": "maybe", "message": "a"})),
        ("check.answer", json!({"items": [{"name": "a", "result": "ok"}]})),
    ] {
        assert_eq!(json_schema::problems(schema_of(name), &value), Vec::<String>::new(), "{name}");
    }
}

//! my-plugin as nexus sees it: through the table of its library. What else nexus wants is tried by
//! `nexus plugins test`.

use my_plugin::MyPlugin;

use nexus_plugin_api::{
    Call, Extractor, Instance, MetaNode, MetaValue, PathRef, Plugin as _, host, plugin_entry,
};
use serde_json::json;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sample.kvp");

fn reader() -> Box<dyn Extractor> {
    let plugin = host::from_entry(plugin_entry!(MyPlugin)).unwrap();
    let Ok(Instance::Extractor(reader)) = plugin.create(&json!({})) else {
        panic!()
    };
    reader
}

fn call() -> Call {
    Call::unlimited("")
}

#[test]
fn names_and_values_are_read() {
    let path = PathRef::new(SAMPLE);
    assert_eq!(reader().accepts(&call(), &path), Ok(true));
    let signals = reader().extract(&call(), &path).unwrap();
    let value = |name: &str| match signals[0].metadata.get(name) {
        Some(MetaNode::Value(value)) => value.clone(),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(
        value("Voltage"),
        MetaValue::Quantity(Box::new(MetaValue::Integer(200)), "kV".into())
    );
    assert_eq!(value("Magnification"), MetaValue::Integer(45000));
    assert_eq!(value("Operator"), MetaValue::Text("ada".into()));
}

#[test]
fn other_files_are_left_alone() {
    let path = PathRef::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    assert_eq!(reader().accepts(&call(), &path), Ok(false));
    assert!(reader().extract(&call(), &path).is_err());
}

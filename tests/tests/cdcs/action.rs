//! `push-template`.

use nexus_core::validate::SCHEMA;
use nexus_plugin_api::{ActionOutcome, FailureClass, PluginError};
use nexus_tests::fake_cdcs::{Role, TEMPLATE, TEMPLATE_TITLE};
use nexus_tests::fault::{Fault, Rule};
use serde_json::{Value, json};

use super::bench::Bench;

fn push(bench: &Bench, arguments: &Value) -> Result<ActionOutcome, PluginError> {
    bench.plugin().run_action(&bench.call(), "push-template", arguments)
}

#[test]
fn a_site_without_the_template_gets_it_once() {
    let bench = Bench::new().with("template", "Ours");
    let done = push(&bench, &json!({})).unwrap();
    assert_eq!(done.data["changed"], true);
    assert_eq!(bench.site.schema(bench.site.current_version("Ours").unwrap()).as_deref(), Some(SCHEMA));
    let again = push(&bench, &json!({})).unwrap();
    assert_eq!(again.data["changed"], false);
    assert!(again.message.contains("there already"), "{}", again.message);
    assert_eq!(bench.site.server.count("POST", "/"), 1);
    bench.carry(&bench.delivery("r", "one")).unwrap();
}

#[test]
fn another_schema_becomes_the_current_version() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ours.xsd");
    let changed = SCHEMA.replacen("Experiment", "Session", 1);
    std::fs::write(&path, &changed).unwrap();
    let arguments = json!({"schema": path});
    // The first attempt comes half the way.
    bench.site.server.fail(Rule::on("/rest/template/version/", Fault::DropBefore).times(1));
    push(&bench, &arguments).unwrap_err();
    assert_eq!(bench.site.current_version(TEMPLATE_TITLE), Some(TEMPLATE));
    let done = push(&bench, &arguments).unwrap();
    let version = bench.site.current_version(TEMPLATE_TITLE).unwrap();
    assert_eq!((bench.site.schema(version), &done.data["version"]), (Some(changed), &json!(version)));
    assert_eq!(bench.site.server.count("POST", "/"), 1, "it was uploaded once");
    // And back to what is there already.
    let back = push(&bench, &Value::Null).unwrap();
    assert!(back.message.contains("put back to version 12"), "{}", back.message);
    assert_eq!(bench.site.current_version(TEMPLATE_TITLE), Some(TEMPLATE));
}

#[test]
fn what_does_not_work_is_said() {
    let bench = Bench::new().with("token", "adas").with("template", "Ours");
    bench.site.add_account("ada", "adas", Role::Ordinary);
    let error = push(&bench, &json!({})).unwrap_err();
    assert_eq!(error.class, FailureClass::Auth);
    assert!(error.hint.unwrap().contains("staff"));

    let bench = Bench::new();
    let missing = push(&bench, &json!({"schema": "/nowhere/x.xsd"})).unwrap_err();
    assert!(missing.message.contains("/nowhere/x.xsd"), "{missing}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no.xsd");
    std::fs::write(&path, "<a/>").unwrap();
    let refused = push(&bench, &json!({"schema": path})).unwrap_err();
    assert!(refused.message.contains("XSD Error"), "{refused}");
    assert!(push(&bench, &json!({"shema": "x"})).unwrap_err().message.contains("shema"));
    assert!(push(&bench, &json!([1])).is_err());
    assert!(bench.plugin().run_action(&bench.call(), "else", &Value::Null).is_err());
}

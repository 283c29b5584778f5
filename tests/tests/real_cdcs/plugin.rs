//! What a person does with the plugin: `check`, and `push-template`.

use nexus_core::validate::SCHEMA;
use nexus_plugin_api::{
    ActionOutcome, Call, CheckResult, Destination, FailureClass, Instance, Plugin as _, PluginError,
};
use nexus_plugin_cdcs::Cdcs;
use nexus_tests::real_cdcs::{ORDINARY, RealCdcs, STAFF, SUPERUSER};
use serde_json::{Value, json};

fn plugin(cdcs: &RealCdcs, token: &str, more: &[(&str, Value)]) -> Box<dyn Destination> {
    let mut settings = json!({"url": cdcs.url(), "token": token});
    for (key, value) in more {
        settings[key] = value.clone();
    }
    let Instance::Destination(destination) = Cdcs.create(&settings).unwrap() else {
        panic!("no destination")
    };
    destination
}

/// The checks that did not pass.
fn troubles(plugin: &dyn Destination) -> Vec<String> {
    let report = plugin.check(&Call::unlimited("/nowhere")).unwrap();
    let bad = report.items.into_iter().filter(|item| item.result != CheckResult::Ok);
    bad.map(|item| format!("{}: {}", item.name, item.detail)).collect()
}

#[test]
fn what_is_wrong_is_told_apart() {
    let Some(cdcs) = RealCdcs::start() else { return };
    let told = |token: &str, more: &[(&str, Value)]| troubles(plugin(&cdcs, token, more).as_ref());
    for token in [ORDINARY, STAFF, SUPERUSER] {
        assert_eq!(told(token, &[]), [""; 0]);
    }
    assert_eq!(told(SUPERUSER, &[("user_owned_records", json!(true))]), [""; 0]);
    for (token, more, name) in [
        (&*"4".repeat(40), ("workspace", json!("public")), "token accepted: "),
        (STAFF, ("user_owned_records", json!(true)), "right to give records away: "),
        (ORDINARY, ("template", json!("Nexus")), "template there: "),
        (ORDINARY, ("workspace", json!("Nowhere")), "workspace there: "),
        (ORDINARY, ("url", json!(format!("{}cdcs/", cdcs.url()))), "address is a CDCS site: "),
    ] {
        let told = told(token, &[more]);
        assert!(told.len() == 1 && told[0].starts_with(name), "{name}: {told:?}");
    }
}

#[test]
fn the_template_is_pushed_once() {
    let Some(cdcs) = RealCdcs::start() else { return };
    let push = |token: &str, title: &str, arguments: Value| -> Result<ActionOutcome, PluginError> {
        let plugin = plugin(&cdcs, token, &[("template", json!(title))]);
        plugin.run_action(&Call::unlimited("/nowhere"), "push-template", &arguments)
    };
    let changed = |done: Result<ActionOutcome, PluginError>| done.unwrap().data["changed"].clone();
    let refused = push(ORDINARY, "Ours", json!({})).unwrap_err();
    assert_eq!(refused.class, FailureClass::Auth, "{refused:?}");
    assert_eq!(changed(push(STAFF, "Ours", json!({}))), true);
    assert_eq!(changed(push(STAFF, "Ours", json!({}))), false);
    assert_eq!(troubles(plugin(&cdcs, ORDINARY, &[("template", json!("Ours"))]).as_ref()), [""; 0]);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ours.xsd");
    std::fs::write(&path, SCHEMA.replace("</xs:schema>", "<!-- ours --></xs:schema>")).unwrap();
    assert_eq!(changed(push(STAFF, "Ours", json!({"schema": path}))), true);
    assert_eq!(changed(push(STAFF, "Ours", json!({"schema": path}))), false);
    let told = troubles(plugin(&cdcs, ORDINARY, &[("template", json!("Ours"))]).as_ref());
    assert!(told.len() == 1 && told[0].starts_with("schema: "), "{told:?}");
    let back = push(STAFF, "Ours", json!({})).unwrap();
    assert!(back.message.contains("put back to"), "{}", back.message);

    std::fs::write(&path, "<a/>").unwrap();
    let refused = push(STAFF, "Ours", json!({"schema": path})).unwrap_err();
    assert_eq!(refused.class, FailureClass::Permanent);
    assert!(refused.message.contains("is not a schema document"), "{refused}");
}

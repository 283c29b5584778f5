//! my-plugin as nexus sees it: through the table of its library. What else nexus wants is tried by
//! `nexus plugins test`.

use std::path::Path;

use my_plugin::MyPlugin;

use nexus_plugin_api::{
    Call, FailureClass, HarvestRequest, Harvester, Instance, Plugin as _, ReservationAnswer,
    SessionRef, host, plugin_entry,
};
use serde_json::{Value, json};

const LINES: &str = r#"{"id": "1", "instrument": "TITAN", "user": "ada", "start": "2024-03-05T09:10:00-07:00", "end": "2024-03-05T11:00:00-07:00", "consent": "yes"}
{"id": "2", "instrument": "TITAN", "start": "2024-03-05T12:00:00-07:00"}

{"id": "3", "instrument": "LASER", "start": "2024-03-05T12:00:00-07:00"}
{"id": "4", "instrument": "TITAN", "start": "yesterday"}
"#;

fn diary(file: &Path) -> Box<dyn Harvester> {
    let plugin = host::from_entry(plugin_entry!(MyPlugin)).unwrap();
    let Ok(Instance::Harvester(diary)) = plugin.create(&json!({"file": file})) else {
        panic!()
    };
    diary
}

fn titan() -> Value {
    json!({"pid": "TITAN", "display_name": "Titan", "api_url": "https://x.org/1", "timezone": "UTC"})
}

fn session(external_id: &str) -> SessionRef {
    serde_json::from_value(json!({
        "session_identifier": format!("my-plugin:{external_id}"), "external_id": external_id,
        "instrument": titan(), "start": "2024-03-05T09:10:00Z", "end": "2024-03-05T11:00:00Z"
    }))
    .unwrap()
}

fn call() -> Call {
    Call::unlimited("")
}

#[test]
fn uses_become_events() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("diary");
    std::fs::write(&file, LINES).unwrap();
    let request: HarvestRequest =
        serde_json::from_value(json!({"instruments": [{"instrument": titan()}]})).unwrap();
    let page = diary(&file).harvest(&call(), &request).unwrap();
    let ids: Vec<&str> = page
        .events
        .iter()
        .map(|event| event.external_id.as_str())
        .collect();
    assert_eq!(ids, ["1", "2"]);
    assert_eq!(page.events[1].end, None);
    assert_eq!(
        (page.outside[0].tool.as_str(), page.outside[0].count),
        ("LASER", 1)
    );
    assert_eq!(page.rejected[0].place, "line 5");
}

#[test]
fn the_asked_for_time_counts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("diary");
    std::fs::write(&file, LINES).unwrap();
    let told = |until: &str, open: &[&str]| {
        let request =
            json!({"instruments": [{"instrument": titan()}], "until": until, "open": open});
        let request: HarvestRequest = serde_json::from_value(request).unwrap();
        diary(&file)
            .harvest(&call(), &request)
            .unwrap()
            .events
            .len()
    };
    assert_eq!(told("2024-03-05T18:00:00Z", &[]), 1);
    assert_eq!(told("2024-03-05T18:00:00Z", &["1"]), 2);
    assert_eq!(told("2024-03-05T18:00:01Z", &[]), 2);
}

#[test]
fn only_yes_is_consent() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("diary");
    std::fs::write(&file, LINES).unwrap();
    let sessions = ["2", "1", "99"].map(session);
    let answers = diary(&file).reservations(&call(), &sessions).unwrap();
    assert!(matches!(answers[0], ReservationAnswer::NoConsent { .. }));
    assert!(matches!(answers[1], ReservationAnswer::Reservation(_)));
    assert!(matches!(answers[2], ReservationAnswer::Gone));
}

#[test]
fn a_missing_diary_is_a_passing_failure() {
    let error = diary(Path::new("/nowhere/diary"))
        .reservations(&call(), &[])
        .unwrap_err();
    assert_eq!(error.class, FailureClass::Transient);
}

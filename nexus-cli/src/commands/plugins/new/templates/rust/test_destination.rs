//! my-plugin as nexus sees it: through the table of its library. What else nexus wants is tried by
//! `nexus plugins test`.

use std::path::Path;

use my_plugin::MyPlugin;

use nexus_plugin_api::{
    Call, Delivery, Destination, FailureClass, Found, Instance, Plugin as _, Step, host,
    plugin_entry,
};
use serde_json::json;

fn share(folder: &Path) -> Box<dyn Destination> {
    let plugin = host::from_entry(plugin_entry!(MyPlugin)).unwrap();
    let Ok(Instance::Destination(share)) = plugin.create(&json!({"folder": folder})) else {
        panic!()
    };
    share
}

/// A delivery of a record with this text; the record lies below `folder`.
fn delivery(folder: &Path, key: &str, text: &str) -> Delivery {
    let path = folder.join("source");
    std::fs::write(&path, text).unwrap();
    let instrument = json!({"pid": "TITAN", "display_name": "Titan", "api_url": "https://x.org/1", "timezone": "UTC"});
    serde_json::from_value(json!({
        "record": {
            "path": path, "key": key, "name": "2024-03-05_TITAN_1", "size": text.len(),
            "content_sha256": format!("of {text}"), "file_sha256": "00"
        },
        "session": {
            "identifier": "1", "instrument": instrument,
            "start": "2024-03-05T09:10:00Z", "end": "2024-03-05T11:00:00Z"
        },
        "activities": [],
        "others": []
    }))
    .unwrap()
}

fn call() -> Call {
    Call::unlimited("")
}

#[test]
fn a_record_is_found_once_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let (share, delivery) = (
        share(folder.path()),
        delivery(folder.path(), "7a9f", "<Experiment/>"),
    );
    assert_eq!(share.find(&call(), &delivery), Ok(Found::None));
    let Ok(Step::Done(remote)) = share.deliver(&call(), &delivery) else {
        panic!()
    };
    assert_eq!(
        std::fs::read_to_string(folder.path().join(&remote.id)).unwrap(),
        "<Experiment/>"
    );
    assert_eq!(share.find(&call(), &delivery), Ok(Found::One(remote)));
}

#[test]
fn a_record_that_has_changed_takes_the_place_of_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let share = share(folder.path());
    let deliver =
        |key: &str, text: &str| match share.deliver(&call(), &delivery(folder.path(), key, text)) {
            Ok(Step::Done(remote)) => remote,
            other => panic!("{other:?}"),
        };
    let (first, other, second) = (deliver("1", "a"), deliver("2", "b"), deliver("1", "longer"));
    assert_eq!(first.id, second.id);
    assert_ne!(first.id, other.id);
    assert_eq!(
        std::fs::read_to_string(folder.path().join(&second.id)).unwrap(),
        "longer"
    );
}

#[test]
fn a_share_that_is_not_mounted_is_a_passing_failure() {
    let folder = tempfile::tempdir().unwrap();
    let share = share(&folder.path().join("missing"));
    let error = share
        .deliver(&call(), &delivery(folder.path(), "1", "a"))
        .unwrap_err();
    assert_eq!(error.class, FailureClass::Transient);
}

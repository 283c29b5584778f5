//! `examples/python-destination`: finds, delivers, replaces, and says what is wrong.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nexus_core::record::sha256_hex;
use nexus_plugin_api::message::Reply;
use nexus_plugin_api::{
    CheckReport, Delivery, Effect, FailureClass, Found, Manifest, PROTOCOL_VERSION, PathRef, PluginError,
    PluginKind, Remote, Step, Target,
};
use nexus_tests::program::{Program, script};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::delivery::delivery;

const SCRIPT: &str = "examples/python-destination/share.py";

/// A folder, and the plugin set to deliver into `share` below it.
fn started() -> (TempDir, Program) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("share")).unwrap();
    let mut program = Program::script(SCRIPT);
    program.configure(&json!({"folder": folder.path().join("share")})).unwrap();
    (folder, program)
}

fn find(program: &mut Program, delivery: &Delivery) -> Found {
    program.ask("find", &serde_json::to_value(delivery).unwrap()).unwrap()
}

fn deliver(program: &mut Program, delivery: &Delivery) -> Result<Remote, PluginError> {
    match program.ask("deliver", &serde_json::to_value(delivery).unwrap())? {
        Step::Done(remote) => Ok(remote),
        more @ Step::More(_) => panic!("{more:?}"),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("share")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn it_has_no_more_than_sixty_lines_and_needs_nothing_but_python() {
    let text = fs::read_to_string(script(SCRIPT)).unwrap();
    assert!(text.lines().count() <= 60, "{}", text.lines().count());
    let mut isolated = Program::start(std::process::Command::new("python3").arg("-IS").arg(script(SCRIPT)));
    let manifest: Manifest = isolated.ask("manifest", &json!({})).unwrap();
    assert_eq!((manifest.name.as_str(), manifest.kind), ("share", PluginKind::Destination));
    assert_eq!(manifest.protocol, PROTOCOL_VERSION);
    assert_eq!(isolated.end(), (Some(0), String::new()));
}

#[test]
fn a_record_is_delivered_found_and_replaced() {
    let (folder, mut program) = started();
    let mut delivery = delivery(folder.path());
    assert_eq!(find(&mut program, &delivery), Found::None);
    let remote = deliver(&mut program, &delivery).unwrap();
    assert_eq!(remote.content_sha256.as_ref(), Some(&delivery.record.content_sha256));
    assert_eq!(find(&mut program, &delivery), Found::One(remote.clone()));
    let place = folder.path().join("share").join(&remote.id);
    assert_eq!(fs::read(&place).unwrap(), fs::read(delivery.record.path.as_path()).unwrap());

    fs::write(delivery.record.path.as_path(), "<new/>").unwrap();
    delivery.record.file_sha256 = sha256_hex(b"<new/>");
    delivery.record.content_sha256 = sha256_hex(b"new content");
    delivery.previous = Some(remote.clone());
    let Found::One(before) = find(&mut program, &delivery) else { panic!("not found") };
    assert_ne!(before.content_sha256, Some(delivery.record.content_sha256.clone()));
    let after = deliver(&mut program, &delivery).unwrap();
    assert_eq!(after.id, remote.id);
    assert_eq!(after.content_sha256, Some(delivery.record.content_sha256));
    assert_eq!(fs::read_to_string(&place).unwrap(), "<new/>");
    assert_eq!(names(folder.path()).len(), 2, "{:?}", names(folder.path()));
    assert_eq!(program.end(), (Some(0), String::new()));
}

#[test]
fn a_delivery_that_was_cut_short_is_not_taken_for_done() {
    let (folder, mut program) = started();
    let delivery = delivery(folder.path());
    let remote = deliver(&mut program, &delivery).unwrap();
    let record = folder.path().join("share").join(&remote.id);
    // Between the note and the record.
    fs::write(&record, "an older record").unwrap();
    let Found::One(found) = find(&mut program, &delivery) else { panic!("not found") };
    assert_eq!((found.id, found.content_sha256), (remote.id.clone(), None));
    // The note alone is no delivery.
    fs::remove_file(&record).unwrap();
    assert_eq!(find(&mut program, &delivery), Found::None);
    // Without a note nobody knows what it is.
    assert_eq!(deliver(&mut program, &delivery).unwrap(), remote);
    fs::remove_file(record.with_extension("json")).unwrap();
    let Found::One(found) = find(&mut program, &delivery) else { panic!("not found") };
    assert_eq!(found.content_sha256, None);
}

#[test]
fn a_record_whose_path_is_not_utf8_is_delivered() {
    let (folder, mut program) = started();
    let mut delivery = delivery(folder.path());
    let odd = folder.path().join(OsStr::from_bytes(b"\xff\xfe.xml"));
    fs::rename(delivery.record.path.as_path(), &odd).unwrap();
    delivery.record.path = PathRef::new(odd);
    assert!(deliver(&mut program, &delivery).is_ok());
}

#[test]
fn names_stay_inside_the_folder_and_apart() {
    let (folder, mut program) = started();
    let mut one = delivery(folder.path());
    one.record.name = format!("../../etc/passwd \u{1F52C}{}", "x".repeat(300));
    let mut two = one.clone();
    two.record.key = "b2d9a1f0-0000-5000-8000-000000000002".into();
    let remote = deliver(&mut program, &one).unwrap();
    assert_eq!(find(&mut program, &two), Found::None);
    assert_ne!(deliver(&mut program, &two).unwrap().id, remote.id);
    assert_eq!(names(folder.path()).len(), 4);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "the share and the record");
}

#[test]
fn what_is_wrong_is_told_with_its_class_and_nothing_is_left() {
    let (folder, mut program) = started();
    let mut delivery = delivery(folder.path());
    delivery.record.path = PathRef::new(folder.path().join("gone.xml"));
    let error = deliver(&mut program, &delivery).unwrap_err();
    assert_eq!((error.class, error.effect), (FailureClass::Permanent, Effect::None));
    assert!(error.message.contains("gone.xml"), "{error}");
    assert_eq!(names(folder.path()), Vec::<String>::new());

    fs::remove_dir(folder.path().join("share")).unwrap();
    let error = program.ask::<Target>("target", &json!({})).unwrap_err();
    assert_eq!((error.class, error.effect), (FailureClass::Transient, Effect::None));
    assert!(error.message.contains("share"), "{error}");
    let report: CheckReport = program.ask("check", &json!({})).unwrap();
    assert!(!report.passed(), "{report:?}");
}

#[test]
fn what_it_does_not_know_is_unsupported_and_a_cancel_line_wants_no_answer() {
    let (_folder, mut program) = started();
    program.write("{\"cancel\": 1}");
    assert!(matches!(program.call::<Value>("harvest", &json!({})), Reply::Unsupported));
    assert!(matches!(program.call::<Value>("actions", &json!({})), Reply::Unsupported));
    let target: Target = program.ask("target", &json!({})).unwrap();
    assert!(target.can_find && target.id.starts_with("file:///"), "{target:?}");
    assert_eq!(program.end(), (Some(0), String::new()));
}

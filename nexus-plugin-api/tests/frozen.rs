//! Plugins of 1.0, frozen as C sources with the header of their day: every later build must be able to use them.
//! If a test here fails, compiled plugins out there would fail as well. The files in `tests/frozen` stay as they are.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, unsafe_code, reason = "tests")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{delivery, destination, extractor, harvest_request, harvester, sessions};
use nexus_plugin_api::host::{self, LoadedPlugin};
use nexus_plugin_api::{
    Call, Cancel, Checkpoint, Effect, FailureClass, Found, Instance, LogLevel, PathRef, Plugin, PluginError,
    PluginKind, Remote, ReservationAnswer, Step, Target,
};
use serde_json::json;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frozen")
}

/// A frozen plugin, compiled with its own header and no other; `None`, loudly, where there is no compiler.
struct Frozen {
    plugin: LoadedPlugin,
    library: PathBuf,
    work: tempfile::TempDir,
}

impl Frozen {
    fn load(kind: PluginKind) -> Option<Self> {
        let work = tempfile::tempdir().unwrap();
        let library = work.path().join("libfrozen.so");
        let done = Command::new("cc")
            .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-I"])
            .args([&folder(), Path::new("-o"), &library, &folder().join(format!("{kind}.c"))])
            .output()
            .inspect_err(|error| eprintln!("SKIPPED: there is no C compiler `cc` ({error})"))
            .ok()?;
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        Some(Self { plugin: host::open(&library).unwrap(), library, work })
    }

    fn instance(&self) -> Instance {
        self.plugin.create(&json!({"place": "here"})).unwrap_or_else(|error| panic!("{error}"))
    }

    fn call(&self) -> Call {
        Call::unlimited(self.work.path())
    }

    /// Buffers and instances that the plugin has made and not got back.
    fn held(&self) -> i32 {
        type Held = unsafe extern "C" fn() -> i32;
        // SAFETY: the library is loaded for good, so loading it again runs no initialiser.
        let library = unsafe { libloading::Library::new(&self.library) }.unwrap();
        // SAFETY: the frozen plugins define this function with this type.
        let held = unsafe { library.get::<Held>(b"frozen_held") }.unwrap();
        // SAFETY: it takes nothing and adds two atomic numbers.
        unsafe { held() }
    }

    /// What every kind is asked; everything was given back afterwards.
    fn drive_what_all_share(&self) {
        let error = self.plugin.create(&json!({})).err().unwrap();
        assert_eq!(error, PluginError::permanent("`place` is missing").with_hint("say where"));
        let too_long = json!({"place": "x".repeat(5000)});
        assert!(self.plugin.create(&too_long).err().unwrap().message.contains("NEXUS_PANICKED"));

        let instance = self.instance();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let log = Arc::new(move |level, line: &str| sink.lock().unwrap().push((level, line.to_owned())));
        let hour = Instant::now() + Duration::from_hours(1);
        let call = Call::new(Some(hour), Cancel::new(), "/scratch".into(), log);
        call.cancel.cancel();
        let report = instance.check(&call).unwrap();
        let details: Vec<&str> = report.items.iter().map(|item| item.detail.as_str()).collect();
        assert_eq!(details, ["/scratch", "some", "1, call 1"]);
        let expected = [
            (LogLevel::Error, "an error"),
            (LogLevel::Warn, "a warning"),
            (LogLevel::Info, "☃"),
            (LogLevel::Debug, "a detail"),
            (LogLevel::Trace, ""),
        ];
        assert_eq!(*lines.lock().unwrap(), expected.map(|(level, line)| (level, line.to_owned())));
        let report = instance.check(&Call::unlimited("")).unwrap();
        let details: Vec<&str> = report.items.iter().map(|item| item.detail.as_str()).collect();
        assert_eq!(details, ["", "none", "0, call 2"]);

        let [action] = &instance.actions()[..] else { panic!("{:?}", instance.actions()) };
        assert_eq!((action.name.as_str(), action.writes), ("enrol", true));
        let outcome = instance.run_action(&self.call(), "enrol", &json!({"user": "ada"})).unwrap();
        assert_eq!((outcome.message.as_str(), &outcome.data["n"]), ("enrolled", &json!([1, 2.5, null])));
        assert_eq!(outcome.users[0].external_id, "7");
        let error = instance.run_action(&self.call(), "dance", &json!({})).unwrap_err();
        assert_eq!((error.effect, error.hint.as_deref()), (Effect::Maybe, Some("wait")));
        let until = Some("2026-03-01T00:00:00Z".parse().unwrap());
        assert_eq!(error.class, FailureClass::RateLimited { until });
    }
}

#[test]
fn a_harvester_of_1_0_is_used() {
    let Some(frozen) = Frozen::load(PluginKind::Harvester) else { return };
    let manifest = frozen.plugin.manifest();
    assert_eq!((manifest.name.as_str(), manifest.kind), ("frozen-harvester", PluginKind::Harvester));
    assert_eq!(manifest.settings["properties"]["token"]["secret"], true);
    assert_eq!(manifest.capabilities, ["instruments", "actions"]);
    frozen.drive_what_all_share();

    let instance = frozen.instance();
    let harvester = harvester(&instance);
    let page = harvester.harvest(&frozen.call(), &harvest_request()).unwrap();
    let [first, second] = &page.events[..] else { panic!("{page:?}") };
    assert_eq!((first.session_identifier.as_str(), first.user.as_deref()), ("s-17", Some("ada")));
    assert_eq!((first.end.is_some(), second.end, second.cancelled), (true, None, false));
    assert_eq!(page.instruments[0].cursor.as_deref(), Some("c18"));
    assert!(page.instruments[0].complete && page.instruments[0].covered_from.is_some());
    assert_eq!((page.outside[0].count, page.rejected[0].place.as_str()), (3, "line 3"));
    assert_eq!((page.users[0].system.as_str(), page.more.as_deref()), ("nemo", Some("page 2")));

    let answers = harvester.reservations(&frozen.call(), &sessions(5)).unwrap();
    let [ReservationAnswer::Reservation(booked), no_consent, no_reservation, gone, failed] = &answers[..]
    else {
        panic!("{answers:?}")
    };
    assert_eq!((booked.title.as_deref(), booked.of_another_user), (Some("Grains"), true));
    assert_eq!(
        (&booked.samples[0].elements[..], &booked.warnings[..]),
        (&["Fe".into()][..], &["w".into()][..])
    );
    assert_eq!(*no_consent, ReservationAnswer::NoConsent { reason: "Disagree".into() });
    assert_eq!(*no_reservation, ReservationAnswer::NoReservation { reason: "none".into() });
    assert_eq!(*gone, ReservationAnswer::Gone);
    assert_eq!(*failed, ReservationAnswer::Failed(PluginError::auth("401")));
    assert_eq!(harvester.instruments(&frozen.call()).unwrap()[0].name, "Titan");
    drop(instance);
    assert_eq!(frozen.held(), 0);
}

#[test]
fn a_destination_of_1_0_is_used() {
    let Some(frozen) = Frozen::load(PluginKind::Destination) else { return };
    assert_eq!(frozen.plugin.manifest().capabilities, ["find", "steps", "update"]);
    frozen.drive_what_all_share();

    let instance = frozen.instance();
    let destination = destination(&instance);
    let remote = |id: &str| Remote { id: id.into(), url: None, content_sha256: None };
    // Its calls are counted: the second one is answered with two, the third with none, the fourth with one.
    let target = destination.target(&frozen.call()).unwrap();
    let expected = Target { id: "https://x.example.org/t/4".into(), can_find: true, settle_seconds: 120 };
    assert_eq!(target, expected);
    let mut delivery = delivery();
    let found = || destination.find(&frozen.call(), &delivery).unwrap();
    assert_eq!(found(), Found::Many(vec![remote("r1"), remote("r2")]));
    assert_eq!(found(), Found::None);
    let Found::One(one) = found() else { panic!("not one") };
    assert_eq!((one.id.as_str(), one.content_sha256.as_deref()), ("r1", Some("abab")));

    delivery.checkpoint = None;
    let Ok(Step::More(checkpoint)) = destination.deliver(&frozen.call(), &delivery) else {
        panic!("not more")
    };
    assert_eq!(checkpoint, Checkpoint(json!({"step": 1, "at": 0.1})));
    delivery.checkpoint = Some(checkpoint);
    assert_eq!(destination.deliver(&frozen.call(), &delivery), Ok(Step::Done(remote("r1"))));
    delivery.checkpoint = Some(Checkpoint(json!("another")));
    let error = destination.deliver(&frozen.call(), &delivery).unwrap_err();
    assert!(error.message.contains("NEXUS_PANICKED") && error.effect == Effect::Maybe, "{error:?}");
    drop(instance);
    assert_eq!(frozen.held(), 0);
}

#[test]
fn an_extractor_of_1_0_is_used() {
    let Some(frozen) = Frozen::load(PluginKind::Extractor) else { return };
    let manifest = frozen.plugin.manifest();
    assert_eq!((manifest.suffixes, manifest.priority), (vec!["abc".to_owned()], -5));
    frozen.drive_what_all_share();

    let instance = frozen.instance();
    let extractor = extractor(&instance);
    assert_eq!(extractor.accepts(&frozen.call(), &PathRef::new("/data/a.abc")), Ok(true));
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::ffi::OsStrExt;
        let odd = PathRef::new(std::ffi::OsStr::from_bytes(b"/data/\xff.abc"));
        assert_eq!(extractor.accepts(&frozen.call(), &odd), Ok(false));
    }
    let signals = extractor.extract(&frozen.call(), &PathRef::new("/data/a.abc")).unwrap();
    let [signal] = &signals[..] else { panic!("{signals:?}") };
    assert_eq!(signal.dataset_type, "Image");
    let keys: Vec<&str> = signal.metadata.0.iter().map(|(key, _)| key.as_str()).collect();
    let expected = ["Text", "Count", "Tilt", "None", "Yes", "Many", "Odd", "Digits", "Voltage", "Stage"];
    assert_eq!(keys, expected);
    // Every form of value is what it was: written again, it is the same text.
    assert_eq!(
        serde_json::to_string(&signal.metadata).unwrap(),
        r#"{"Text":"t","Count":3,"Tilt":-0.5,"None":null,"Yes":true,"Many":[1,2],"Odd":{"float":"nan"},"Digits":{"decimal":"1.20"},"Voltage":{"quantity":300.0,"unit":"kV"},"Stage":{"map":{"X":{"quantity":{"decimal":"1.0"},"unit":"nm"}}}}"#
    );
    assert_eq!(signal.warnings, [["Stage", "X"]]);
    let preview = signal.preview.as_ref().unwrap().as_path();
    assert_eq!(std::fs::read(preview).unwrap(), b"png");
    drop(instance);
    assert_eq!(frozen.held(), 0);
}

/// A header without its comments: the fields of each structure, and everything else that it declares.
#[derive(Debug)]
struct Header {
    structures: BTreeMap<String, Vec<String>>,
    others: Vec<String>,
}

fn read(path: &Path) -> Header {
    let mut text = std::fs::read_to_string(path).unwrap();
    while let Some(start) = text.find("/*") {
        let end = text[start..].find("*/").unwrap() + start + 2;
        text.replace_range(start..end, " ");
    }
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut others: Vec<String> = Vec::new();
    let mut code = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with('#') {
            others.push(words(line));
        } else {
            code.push_str(line);
            code.push('\n');
        }
    }
    let mut structures = BTreeMap::new();
    while let Some(start) = code.find("typedef struct ") {
        let (open, close) =
            (code[start..].find('{').unwrap() + start, code[start..].find('}').unwrap() + start);
        let end = code[close..].find(';').unwrap() + close;
        let name = words(&code[close + 1..end]);
        let fields: Vec<String> =
            code[open + 1..close].split(';').map(words).filter(|field| !field.is_empty()).collect();
        assert!(!fields.is_empty() && structures.insert(name, fields).is_none());
        code.replace_range(start..=end, "");
    }
    others.extend(code.split(';').map(words).filter(|statement| !statement.is_empty()));
    Header { structures, others }
}

#[test]
fn the_header_of_today_has_every_declaration_of_1_0() {
    let today = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("include/nexus_plugin.h"));
    let frozen = read(&folder().join("nexus_plugin.h"));
    assert_eq!(frozen.structures.len(), 4);
    assert!(frozen.others.len() > 20, "{:#?}", frozen.others);
    for declaration in &frozen.others {
        assert!(today.others.contains(declaration), "`{declaration}` is gone from the header");
    }
    for (name, fields) in &frozen.structures {
        let now = today.structures.get(name).unwrap_or_else(|| panic!("`{name}` is gone from the header"));
        // What is passed by value cannot grow; the table and the call grow at their ends.
        let compared = if ["NexusBytes", "NexusBuffer"].contains(&name.as_str()) {
            now.as_slice()
        } else {
            now.get(..fields.len()).unwrap_or(now)
        };
        assert_eq!(compared, fields, "`{name}` is another");
    }
}

//! One plugin, linked and behind the table: the same answers, errors, panics and circumstances.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::lines::Lines as InLines;
use common::{
    KINDS, Probe, ask_everything, carriers, delivery, destination, entry, extractor, harvester, instances,
    sessions,
};
use nexus_plugin_api::host::{self, Guarded};
use nexus_plugin_api::{
    Call, Cancel, Effect, FailureClass, Found, Instance, LogLevel, Manifest, PathRef, Plugin, PluginError,
    PluginKind, Step,
};
use serde_json::json;

fn call() -> Call {
    Call::unlimited("/scratch")
}

#[test]
fn the_manifest_is_the_same() {
    for kind in KINDS {
        for (carrier, plugin) in carriers(kind) {
            assert_eq!(plugin.manifest(), Probe(kind).manifest(), "{carrier}");
        }
    }
}

#[test]
fn every_answer_is_the_same() {
    for kind in KINDS {
        let settings = json!({"text": "q\"\\ \u{0}μ", "found": "many"});
        let Ok(bare) = Probe(kind).create(&settings) else { panic!("refused") };
        let expected = ask_everything(&bare, &call());
        assert!(expected.iter().all(|(_, outcome)| outcome.is_ok()), "{expected:?}");
        for (carrier, instance) in instances(kind, &settings) {
            assert_eq!(instance.kind(), kind);
            assert_eq!(ask_everything(&instance, &call()), expected, "{carrier}");
            assert_eq!(instance.actions(), bare.actions(), "{carrier}");
        }
    }
}

#[test]
fn a_delivery_goes_on_from_its_checkpoint() {
    for (carrier, instance) in instances(PluginKind::Destination, &json!({})) {
        let destination = destination(&instance);
        let mut delivery = delivery();
        let Ok(Step::More(checkpoint)) = destination.deliver(&call(), &delivery) else { panic!("{carrier}") };
        assert_eq!(checkpoint.0["exact"], json!(0.1));
        delivery.checkpoint = Some(checkpoint.clone());
        let Ok(Step::Done(remote)) = destination.deliver(&call(), &delivery) else { panic!("{carrier}") };
        assert_eq!(remote.id, checkpoint.0.to_string());
        assert_eq!(destination.find(&call(), &delivery), Ok(Found::None));
    }
}

#[cfg(unix)]
#[test]
fn names_that_are_not_utf8_cross() {
    use std::os::unix::ffi::OsStrExt;
    let path = PathRef::new(std::ffi::OsStr::from_bytes(b"/data/\xff\xfe.tif"));
    for (carrier, instance) in instances(PluginKind::Extractor, &json!({})) {
        let signals = extractor(&instance).extract(&call(), &path).unwrap();
        assert_eq!(signals[0].preview.as_ref(), Some(&path), "{carrier}");
        let scratch = Call::unlimited(path.as_path());
        assert!(instance.check(&scratch).is_ok(), "{carrier}");
    }
}

#[test]
fn errors_keep_class_effect_and_hint() {
    let until = "2026-03-01T00:00:00Z".parse().unwrap();
    for error in [
        PluginError::permanent("no template `x`").with_hint("push it"),
        PluginError::transient("connection refused").maybe_done(),
        PluginError::auth("401"),
        PluginError::new(FailureClass::RateLimited { until: Some(until) }, "429"),
        PluginError::new(FailureClass::RateLimited { until: None }, "429 \u{0} \"q\""),
    ] {
        // Miri takes minutes for each of them.
        for kind in KINDS.into_iter().take(if cfg!(miri) { 1 } else { KINDS.len() }) {
            for (carrier, instance) in instances(kind, &json!({"error": error})) {
                for (method, outcome) in ask_everything(&instance, &call()) {
                    assert_eq!(outcome, Err(error.clone()), "{method}, {carrier}");
                }
            }
        }
    }
}

#[test]
fn a_panic_costs_one_call_in_every_method() {
    for (kind, method) in [
        (PluginKind::Harvester, "check"),
        (PluginKind::Harvester, "run_action"),
        (PluginKind::Harvester, "harvest"),
        (PluginKind::Harvester, "reservations"),
        (PluginKind::Harvester, "instruments"),
        (PluginKind::Destination, "check"),
        (PluginKind::Destination, "run_action"),
        (PluginKind::Destination, "target"),
        (PluginKind::Destination, "find"),
        (PluginKind::Destination, "deliver"),
        (PluginKind::Extractor, "check"),
        (PluginKind::Extractor, "run_action"),
        (PluginKind::Extractor, "accepts"),
        (PluginKind::Extractor, "extract"),
    ]
    .into_iter()
    // Miri takes minutes for each of them.
    .step_by(if cfg!(miri) { 4 } else { 1 })
    {
        for (carrier, instance) in instances(kind, &json!({"panic_in": method})) {
            for (asked, outcome) in ask_everything(&instance, &call()) {
                if asked != method {
                    assert!(outcome.is_ok(), "{asked} after a panic in {method}, {carrier}");
                    continue;
                }
                let error = outcome.unwrap_err();
                assert_eq!(
                    error.message,
                    format!("plugin `probe-{kind}` panicked in `{method}`: told to panic in {method}"),
                    "{carrier}"
                );
                assert_eq!(error.class, FailureClass::Permanent);
                let effect =
                    if ["deliver", "run_action"].contains(&method) { Effect::Maybe } else { Effect::None };
                assert_eq!(error.effect, effect, "{method}, {carrier}");
            }
        }
    }
}

#[test]
fn panics_elsewhere_cost_nothing_else() {
    for kind in KINDS {
        for (carrier, plugin) in carriers(kind) {
            let Err(error) = plugin.create(&json!({"panic_in": "create"})) else { panic!("{carrier}") };
            assert_eq!(
                error.message,
                format!("plugin `probe-{kind}` panicked when it was configured: told to")
            );
            let instance =
                plugin.create(&json!({"panic_in": "actions"})).unwrap_or_else(|_| panic!("{carrier}"));
            assert_eq!(instance.actions(), []);
            let instance =
                plugin.create(&json!({"panic_in": "drop"})).unwrap_or_else(|_| panic!("{carrier}"));
            drop(instance);
        }
    }
}

struct PanickingManifest;
impl Plugin for PanickingManifest {
    fn manifest(&self) -> Manifest {
        panic!("no idea who I am")
    }
    fn create(&self, _settings: &serde_json::Value) -> Result<Instance, PluginError> {
        Err(PluginError::permanent("never asked"))
    }
}

#[test]
fn a_manifest_that_panics_is_refused() {
    let expected = "a linked plugin gave no usable manifest: it panicked: no idea who I am";
    let Err(linked) = Guarded::new(PanickingManifest) else { panic!("accepted") };
    assert_eq!(linked.to_string(), expected);
    let table = host::from_entry(nexus_plugin_api::plugin_entry!(PanickingManifest)).unwrap_err();
    assert_eq!(table.to_string(), expected);
    let Err(lines) = InLines::new(PanickingManifest) else { panic!("accepted") };
    assert_eq!(
        lines.to_string(),
        "plugin program `x.py` gave no usable manifest: it panicked: no idea who I am"
    );
}

#[test]
fn a_plugin_whose_making_panics_is_refused() {
    fn boom() -> Probe {
        panic!("no plugin today")
    }
    let entry = nexus_plugin_api::plugin_entry!(boom());
    for _ in 0..2 {
        assert!(host::from_entry(entry).unwrap_err().to_string().contains("it panicked"));
    }
}

#[test]
fn settings_that_are_refused_and_kinds_that_do_not_match() {
    for (carrier, plugin) in carriers(PluginKind::Harvester) {
        let Err(error) = plugin.create(&json!({"refuse": "yes"})) else { panic!("{carrier}") };
        assert_eq!(error, PluginError::permanent("`refuse` is set").with_hint("take it out"));
        let Err(error) = plugin.create(&json!({"pose_as": "extractor"})) else { panic!("{carrier}") };
        assert_eq!(
            error.message, "the manifest says harvester, the instance that was made is of kind extractor",
            "{carrier}"
        );
    }
}

#[test]
fn too_few_reservations_are_not_guessed_at() {
    for (carrier, instance) in instances(PluginKind::Harvester, &json!({"short": true})) {
        let error = harvester(&instance).reservations(&call(), &sessions(3)).unwrap_err();
        assert_eq!(
            error.message,
            "plugin `probe-harvester` was asked for the reservations of 3 sessions and gave 1 answers",
            "{carrier}"
        );
    }
}

#[test]
fn a_large_answer_arrives_whole() {
    let length = if cfg!(miri) { 200 } else { 5_000_000 };
    let text = "μ".repeat(length);
    for (carrier, instance) in instances(PluginKind::Destination, &json!({"text": text})) {
        assert_eq!(destination(&instance).target(&call()).unwrap().id.len(), 2 * length, "{carrier}");
    }
}

type Lines = Arc<Mutex<Vec<(LogLevel, String)>>>;

/// A call whose log lines are collected.
fn logging_call() -> (Call, Lines) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let call = Call::new(
        None,
        Cancel::new(),
        "/scratch".into(),
        Arc::new(move |level, line: &str| sink.lock().unwrap().push((level, line.to_owned()))),
    );
    (call, lines)
}

#[test]
fn log_lines_arrive_with_their_level() {
    for (carrier, instance) in instances(PluginKind::Extractor, &json!({"log": true})) {
        let (call, lines) = logging_call();
        instance.check(&call).unwrap();
        let expected = [
            (LogLevel::Error, "check μ Error"),
            (LogLevel::Warn, "check μ Warn"),
            (LogLevel::Info, "check μ Info"),
            (LogLevel::Debug, "check μ Debug"),
            (LogLevel::Trace, "check μ Trace"),
        ]
        .map(|(level, line)| (level, line.to_owned()));
        assert_eq!(*lines.lock().unwrap(), expected, "{carrier}");
    }
}

#[test]
fn a_log_that_panics_does_not_cross() {
    let plugin = host::from_entry(entry(PluginKind::Extractor)).unwrap();
    let Ok(instance) = plugin.create(&json!({"log": true})) else { panic!("refused") };
    let call = Call::new(None, Cancel::new(), "".into(), Arc::new(|_, _| panic!("disk full")));
    assert!(instance.check(&call).is_ok());
}

#[test]
fn the_deadline_is_seen_inside() {
    let hour = Duration::from_hours(1);
    for (carrier, instance) in instances(PluginKind::Harvester, &json!({})) {
        for (deadline, expected) in
            [(None, "no limit"), (Some(Instant::now() + hour), "60 min"), (Some(Instant::now()), "0 min")]
        {
            let call = Call::new(deadline, Cancel::new(), "".into(), Arc::new(|_, _| {}));
            let report = instance.check(&call).unwrap();
            assert_eq!(report.items[1].detail, expected, "{carrier}");
        }
    }
    for (carrier, instance) in instances(PluginKind::Harvester, &json!({"wait": true})) {
        let call = Call::new(Some(Instant::now()), Cancel::new(), "".into(), Arc::new(|_, _| {}));
        let error = instance.check(&call).unwrap_err();
        assert_eq!(error.message, "stopped: cancelled false", "{carrier}");
    }
}

#[test]
fn the_cancel_flag_is_seen_inside_while_the_call_lasts() {
    for (carrier, instance) in instances(PluginKind::Destination, &json!({"wait": true})) {
        let (told, waiting) = mpsc::channel();
        let told = Mutex::new(told);
        let cancel = Cancel::new();
        let call = Call::new(
            None,
            cancel.clone(),
            "".into(),
            Arc::new(move |_, _: &str| told.lock().unwrap().send(()).unwrap()),
        );
        let error = std::thread::scope(|scope| {
            let asking = scope.spawn(|| destination(&instance).deliver(&call, &delivery()).unwrap_err());
            waiting.recv().unwrap();
            cancel.cancel();
            asking.join().unwrap()
        });
        assert_eq!(error, PluginError::transient("stopped: cancelled true"), "{carrier}");
    }
}

#[test]
fn a_call_that_a_plugin_keeps_is_harmless() {
    let plugin = host::from_entry(entry(PluginKind::Destination)).unwrap();
    let Ok(instance) = plugin.create(&json!({})) else { panic!("refused") };
    {
        let (first, lines) = logging_call();
        first.cancel.cancel();
        instance.check(&first).unwrap();
        drop(first);
        assert_eq!(Arc::strong_count(&lines), 1, "the host's circumstances are gone");
    }
    let (second, lines) = logging_call();
    let report = instance.check(&second).unwrap();
    assert_eq!(report.items[2].name, "earlier call");
    assert_eq!(report.items[2].detail, "true", "the flag as it was last");
    assert_eq!(*lines.lock().unwrap(), []);
}

#[test]
fn one_instance_serves_several_threads() {
    for (carrier, instance) in instances(PluginKind::Extractor, &json!({"text": "t"})) {
        let expected = extractor(&instance).extract(&call(), &PathRef::new("/a.tif")).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..if cfg!(miri) { 3 } else { 100 } {
                        let again = extractor(&instance).extract(&call(), &PathRef::new("/a.tif"));
                        assert_eq!(again.unwrap(), expected, "{carrier}");
                    }
                });
            }
        });
    }
}

#[test]
fn an_instance_may_outlive_its_plugin() {
    for kind in KINDS {
        for (carrier, instance) in instances(kind, &json!({})) {
            assert!(instance.check(&call()).is_ok(), "{carrier}");
        }
    }
}

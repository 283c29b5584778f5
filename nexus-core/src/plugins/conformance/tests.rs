//! The kit on plugins that are sound, and on plugins with one fault each.
#![allow(
    clippy::match_bool,
    reason = "a fault reads well as a table: when it strikes, and what is done else"
)]
#![allow(clippy::unnecessary_wraps, reason = "all faults answer with a reply or the lack of one")]
#![allow(clippy::semicolon_if_nothing_returned, reason = "faults of one line")]

mod destination;
mod every_kind;
mod extractor;
mod fault;
mod harvester;
mod models;

use std::collections::BTreeSet;
use std::sync::Arc;

use nexus_plugin_api::host::Guarded;
use nexus_plugin_api::message::Method;
use nexus_plugin_api::{PluginError, PluginKind};
use serde_json::{Map, Value, json};

use self::fault::{Fault, Gate, How, Tampered};
use super::*;

const KINDS: [PluginKind; 3] = [PluginKind::Destination, PluginKind::Harvester, PluginKind::Extractor];

/// The value of the model's secret.
const TOKEN: &str = "conformance-token-4711";

/// A trial of the model of a kind, and the folder of its samples.
fn options(kind: PluginKind) -> (Options, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::new(Place::below(folder.path()).unwrap());
    let settings = json!({"path": "{tmp}", "token": TOKEN, "retries": 2});
    options.settings = settings.as_object().unwrap().clone();
    // Hashes and JSON take their time in a debug build.
    options.large = 128 << 10;
    match kind {
        PluginKind::Destination => {}
        PluginKind::Harvester => options.instruments = models::instruments(),
        PluginKind::Extractor => options.samples = models::samples(folder.path()),
    }
    (options, folder)
}

fn sound(kind: PluginKind) -> Arc<dyn nexus_plugin_api::host::Wired> {
    match kind {
        PluginKind::Destination => Arc::new(Guarded::new(models::Destination::default()).unwrap()),
        PluginKind::Harvester => Arc::new(Guarded::new(models::Harvester).unwrap()),
        PluginKind::Extractor => Arc::new(Guarded::new(models::Extractor).unwrap()),
    }
}

fn faults() -> Vec<Fault> {
    [every_kind::faults(), destination::faults(), harvester::faults(), extractor::faults()].concat()
}

/// Rights mean nothing to root, so there the check of them is skipped.
fn is_unprovable(name: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let locked = folder.path().join("locked");
    std::fs::write(&locked, "x").unwrap();
    std::fs::set_permissions(&locked, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    name == "extractor.unreadable-file" && std::fs::read(&locked).is_ok()
}

#[test]
fn sound_plugins_pass_every_check() {
    for kind in KINDS {
        let (options, _folder) = options(kind);
        let report = run(sound(kind), &options);
        for outcome in &report.checks {
            let good = outcome.status == Status::Passed || is_unprovable(outcome.name);
            assert!(good, "{kind}: {outcome:#?}");
        }
    }
}

#[test]
fn what_a_manifest_may_leave_out_is_no_fault() {
    let (mut options, _folder) = options(PluginKind::Extractor);
    options.only = vec!["manifest".to_owned(), "settings.accepted".to_owned()];
    let spoil = How::Manifest(|manifest| {
        manifest.settings = Value::Null;
        manifest.summary.clear();
    });
    let report = run(Arc::new(Tampered::new(sound(PluginKind::Extractor), spoil, Gate::default())), &options);
    assert!(report.conforms(), "{report:#?}");
    assert_eq!(report.checks.last().unwrap().status, Status::Passed);
}

/// Of a plugin that gives no usable answer nobody can say what the check is about.
#[test]
fn no_answer_has_a_remedy_of_its_own() {
    for (how, why, remedy) in [
        (
            How::Exchange(|seen| match seen.method {
                Method::Deliver => Err(PluginError::transient("it ended").with_hint("read on")),
                _ => seen.pass(),
            }),
            "`deliver` was not answered: it ended",
            "read on",
        ),
        (
            How::Exchange(|seen| match seen.method {
                Method::Deliver => seen.error(json!({"class": "transient", "message": "no"})),
                _ => seen.pass(),
            }),
            "missing field `effect`",
            "what the protocol says about `deliver`, or about failures",
        ),
    ] {
        let (options, _folder) = options(PluginKind::Destination);
        let options = Options { only: vec!["destination.delivers".to_owned()], ..options };
        let plugin = Tampered::new(sound(PluginKind::Destination), how, Gate::default());
        let report = run(Arc::new(plugin), &options);
        let failure = report.failures().next().unwrap().1;
        assert!(failure.why.contains(why) && failure.remedy.contains(remedy), "{failure:?}");
    }
}

#[test]
fn every_check_has_a_broken_plugin() {
    let proven: BTreeSet<&str> = faults().iter().map(|fault| fault.check).collect();
    let all: BTreeSet<&str> = checks().map(|check| check.name).collect();
    assert_eq!(proven, all);
    assert!(all.len() >= 60, "{}", all.len());
}

/// Tries every fault whose number leaves this rest: the tests run side by side.
fn broken_plugins(rest: usize) {
    for fault in faults().into_iter().skip(rest).step_by(8) {
        if is_unprovable(fault.check) {
            continue;
        }
        let (options, _folder) = options(fault.kind);
        let gate = Gate::default();
        let report = match fault.how {
            How::NotLoaded(why) => refused(why, &options),
            how => run(Arc::new(Tampered::new(sound(fault.kind), how, gate.clone())), &options),
        };
        gate.open();
        let failed: Vec<&str> = report.failures().map(|(outcome, _)| outcome.name).collect();
        assert_eq!(failed, [fault.check], "{report:#?}");
        let (_, failure) = report.failures().next().unwrap();
        assert!(!failure.why.is_empty() && !failure.remedy.is_empty(), "{failure:?}");
        let shown = serde_json::to_string(&report).unwrap();
        assert!(!shown.contains(TOKEN), "{shown}");
    }
}

macro_rules! broken {
    ($($name:ident $rest:literal)*) => {$(
        #[test]
        fn $name() {
            broken_plugins($rest);
        }
    )*};
}

broken! {
    a_fault_fails_its_check_and_no_other_0 0
    a_fault_fails_its_check_and_no_other_1 1
    a_fault_fails_its_check_and_no_other_2 2
    a_fault_fails_its_check_and_no_other_3 3
    a_fault_fails_its_check_and_no_other_4 4
    a_fault_fails_its_check_and_no_other_5 5
    a_fault_fails_its_check_and_no_other_6 6
    a_fault_fails_its_check_and_no_other_7 7
}

#[test]
fn names_promises_and_needs_are_sound() {
    let mut before = BTreeSet::new();
    for check in checks() {
        let (group, rest) = check.name.split_once('.').unwrap();
        let word =
            |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        assert!(word(group) && word(rest) && !rest.is_empty(), "{}", check.name);
        for sentence in [check.promise, check.remedy] {
            assert!(sentence.ends_with('.') && !sentence.contains('\n'), "{}: {sentence}", check.name);
        }
        for need in check.needs {
            assert!(before.contains(need), "{} needs {need}, which comes later or never", check.name);
        }
        assert!(before.insert(check.name), "{} is there twice", check.name);
    }
}

#[test]
fn a_group_is_tried_with_what_it_needs() {
    let (mut options, _folder) = options(PluginKind::Destination);
    options.only = vec!["actions".to_owned()];
    let report = run(sound(PluginKind::Destination), &options);
    let names: Vec<&str> = report.checks.iter().map(|outcome| outcome.name).collect();
    assert!(names.contains(&"actions.names") && names.contains(&"messages.id-is-repeated"), "{names:?}");
    assert!(!names.contains(&"destination.target") && !names.contains(&"actions"), "{names:?}");
}

#[test]
fn what_is_not_given_is_asked_for() {
    let (mut options, _folder) = options(PluginKind::Extractor);
    options.settings.remove("path");
    let reason = |report: &Report, name: &str| {
        let outcome = report.checks.iter().find(|outcome| outcome.name == name).unwrap();
        match &outcome.status {
            Status::Skipped { reason } => reason.clone(),
            other => panic!("{name}: {other:?}"),
        }
    };
    let report = run(sound(PluginKind::Extractor), &options);
    assert!(report.conforms());
    assert_eq!(reason(&report, "extractor.folder"), "needs `--setting path=…`");

    let (mut options, _folder) = self::options(PluginKind::Extractor);
    options.samples.clear();
    let report = run(sound(PluginKind::Extractor), &options);
    assert!(reason(&report, "extractor.dataset-types").starts_with("needs `--sample FILE`"));
}

#[test]
fn a_failure_shows_request_and_reply_cut_and_masked() {
    let (options, _folder) = options(PluginKind::Destination);
    let how = How::Exchange(|seen| match seen.method {
        Method::Check if seen.text.len() > 100_000 => {
            seen.error(json!({"class": "permanent", "effect": "none", "message": TOKEN}))
        }
        _ => seen.pass(),
    });
    let report = run(Arc::new(Tampered::new(sound(PluginKind::Destination), how, Gate::default())), &options);
    let (_, failure) =
        report.failures().find(|(outcome, _)| outcome.name == "messages.large-request").unwrap();
    let exchange = failure.exchange.as_ref().unwrap();
    assert!(exchange.request.len() < 2_000 && exchange.request.contains("bytes in all"), "{exchange:?}");
    assert!(exchange.reply.contains("***") && !exchange.reply.contains(TOKEN), "{exchange:?}");
}

#[test]
fn a_file_that_is_read_differently_says_where() {
    fn every_other(seen: &fault::Seen<'_>, spoil: fn(&mut Map<String, Value>)) -> fault::Reply {
        if seen.method != Method::Extract
            || !seen.is_file("sample-1")
            || seen.count("reads").is_multiple_of(2)
        {
            return seen.pass();
        }
        seen.edit(|ok| spoil(ok["signals"][0]["metadata"].as_object_mut().unwrap()))
    }
    let why = |how| {
        let (options, _folder) = options(PluginKind::Extractor);
        let report =
            run(Arc::new(Tampered::new(sound(PluginKind::Extractor), how, Gate::default())), &options);
        let mut failures = report.failures();
        failures.find(|(outcome, _)| outcome.name == "extractor.same-answer-twice").unwrap().1.why.clone()
    };
    let order = why(How::Exchange(|seen| {
        every_other(seen, |map| *map = std::mem::take(map).into_iter().rev().collect())
    }));
    assert!(order.contains("the keys of its metadata come in another order, here `"), "{order}");
    let value = why(How::Exchange(|seen| {
        every_other(seen, |map| {
            map.insert("counts".to_owned(), json!(3));
        })
    }));
    assert!(value.contains("counts") && value.contains("and then"), "{value}");
}

#[test]
fn the_records_of_the_kit_are_valid() {
    let (options, _folder) = options(PluginKind::Destination);
    let bench = bench::Bench::new(sound(PluginKind::Destination), &options);
    let delivery = sample::delivery(&bench, "valid").unwrap();
    let bytes = std::fs::read(delivery.record.path.as_path()).unwrap();
    assert_eq!(delivery.record.file_sha256, crate::record::sha256_hex(&bytes));
    crate::validate::shipped().unwrap().validate(&bytes).unwrap();
}

#[test]
fn the_reference_page_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/plugin-testing.md");
    let (begin, end) = ("<!-- generated from the list of checks: begin -->\n\n", "\n<!-- generated: end -->");
    let page = std::fs::read_to_string(&path).unwrap();
    let from = page.find(begin).unwrap() + begin.len();
    let to = from + page[from..].find(end).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{}{}{}", &page[..from], reference(), &page[to..])).unwrap();
        return;
    }
    assert!(
        page[from..to] == reference(),
        "docs/plugin-testing.md is not what the list of checks says; run this test with UPDATE_DOCS=1"
    );
}

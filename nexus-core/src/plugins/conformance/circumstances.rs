//! Deadlines, cancellation, and the log.

use std::time::Duration;

use nexus_plugin_api::PluginKind;
use nexus_plugin_api::message::{Method, Reply};
use serde_json::{Value, json};

use super::bench::{Bench, Nothing, Terms, quoted};
use super::check::{Check, Stop, Verdict, must};
use super::messages::WORKS;
use super::sample;

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "circumstances.no-deadline",
        "A call without a deadline is answered.",
        "Take a missing deadline for no limit.",
        &[WORKS],
        no_deadline,
    ),
    Check::new(
        "circumstances.deadline-passed",
        "A call whose deadline has passed ends soon, with whatever answer.",
        "Look at the time left before and during long work, and give up with a transient error.",
        &[WORKS],
        |bench| ends(bench, Terms::Late, "deadline"),
    ),
    Check::new(
        "circumstances.cancelled-before",
        "A call that is cancelled before it begins ends soon, with whatever answer.",
        "Look at the cancel flag before and during long work.",
        &[WORKS],
        |bench| ends(bench, Terms::Unwanted, "unwanted"),
    ),
    Check::new(
        "circumstances.cancelled-midway",
        "A call that is cancelled while it runs ends soon, with whatever answer.",
        "Look at the cancel flag between the parts of long work, such as pages, files or chunks.",
        &[WORKS],
        |bench| ends(bench, Terms::CancelledAfter(Duration::from_millis(5)), "midway"),
    ),
    Check::new(
        "circumstances.answers-after-cancel",
        "After a cancelled call the instance answers as before.",
        "Leave nothing locked or half-read when a call is given up.",
        &["circumstances.cancelled-before"],
        after_cancel,
    ),
];

fn no_deadline(bench: &mut Bench<'_>) -> Verdict {
    let line = bench.line()?;
    let reply: Reply<Value> = bench.ask_under(&line, Terms::Unlimited, Method::Check, &Nothing {})?;
    must(matches!(reply, Reply::Ok(_)), || format!("`check` is answered {}", quoted(&reply)))
}

/// The longest call that the kind has.
fn longest(bench: &mut Bench<'_>, label: &str) -> Result<(Method, Value), Stop> {
    Ok(match bench.manifest.kind {
        PluginKind::Destination => {
            let delivery = sample::delivery_of(bench, label, bench.options.large)?;
            (Method::Deliver, sample::json(&delivery)?)
        }
        PluginKind::Harvester => {
            let queries = sample::queries(&bench.options.instruments);
            (Method::Harvest, json!({"instruments": queries}))
        }
        PluginKind::Extractor => match bench.options.samples.first() {
            Some(path) => (Method::Extract, json!({"path": nexus_plugin_api::PathRef::new(path)})),
            None => (Method::Extract, json!({"path": sample::noise(bench, label)?})),
        },
    })
}

fn ends(bench: &mut Bench<'_>, terms: Terms, label: &str) -> Verdict {
    let (method, params) = longest(bench, label)?;
    let line = bench.connect()?;
    let id = bench.next_id();
    let request = json!({"id": id, "method": method, "params": params}).to_string();
    // Any answer will do, and so will the carrier's word that it ended the call.
    bench.exchange(&line, terms, method, request.as_bytes()).map(drop)
}

fn after_cancel(bench: &mut Bench<'_>) -> Verdict {
    let line = bench.connect()?;
    let request = json!({"id": bench.next_id(), "method": "check", "params": {}}).to_string();
    let _ = bench.exchange(&line, Terms::Unwanted, Method::Check, request.as_bytes())?;
    let reply: Reply<Value> = bench.ask(&line, Method::Check, &Nothing {})?;
    must(matches!(reply, Reply::Ok(_)), || format!("`check` is answered {}", quoted(&reply)))
}

//! Faults of extractors.

use nexus_plugin_api::PluginKind;
use nexus_plugin_api::message::Method;
use serde_json::{Value, json};

use super::fault::{Fault, How, Reply, Seen};

pub fn faults() -> Vec<Fault> {
    let fault = |(check, how)| Fault { check, kind: PluginKind::Extractor, how };
    [strange(), samples()].concat().into_iter().map(fault).collect()
}

/// Reads a file, whatever it is, as one without signals.
fn reads_nothing(seen: &Seen<'_>, part: &str) -> Reply {
    if seen.method == Method::Extract && seen.is_file(part) {
        seen.ok(json!({"signals": []}))
    } else {
        seen.pass()
    }
}

fn stumbles(seen: &Seen<'_>, part: &str) -> Reply {
    if seen.method == Method::Extract && seen.is_file(part) { seen.panic() } else { seen.pass() }
}

fn strange() -> Vec<(&'static str, How)> {
    vec![
        (
            "extractor.foreign-file",
            How::Exchange(|seen| {
                if seen.is_file("foreign.") { seen.ok(json!({"accepts": true})) } else { seen.pass() }
            }),
        ),
        (
            "extractor.accepts-is-cheap",
            How::Exchange(|seen| if seen.is_file("large.") { seen.hang() } else { seen.pass() }),
        ),
        ("extractor.noise", How::Exchange(|seen| stumbles(seen, "noise."))),
        ("extractor.empty-file", How::Exchange(|seen| stumbles(seen, "empty."))),
        ("extractor.missing-file", How::Exchange(|seen| reads_nothing(seen, "no-such-file."))),
        ("extractor.folder", How::Exchange(|seen| reads_nothing(seen, "folder."))),
        ("extractor.unreadable-file", How::Exchange(|seen| reads_nothing(seen, "locked."))),
    ]
}

/// Spoils the first signal of every sample.
fn of_signal(seen: &Seen<'_>, spoil: impl FnOnce(&mut Value)) -> Reply {
    if seen.method == Method::Extract && seen.is_file("sample-1") {
        seen.edit(|ok| spoil(&mut ok["signals"][0]))
    } else {
        seen.pass()
    }
}

fn samples() -> Vec<(&'static str, How)> {
    vec![
        (
            "extractor.own-files-accepted",
            How::Exchange(|seen| match seen.method == Method::Accepts && seen.is_file("sample-2") {
                true => seen.ok(json!({"accepts": false})),
                false => seen.pass(),
            }),
        ),
        ("extractor.own-files-read", How::Exchange(|seen| reads_nothing(seen, "sample-2"))),
        (
            "extractor.dataset-types",
            How::Exchange(|seen| of_signal(seen, |signal| signal["dataset_type"] = json!("Picture"))),
        ),
        (
            "extractor.metadata-is-exact",
            How::Exchange(|seen| of_signal(seen, |signal| signal["metadata"]["counts"] = json!(u64::MAX))),
        ),
        (
            "extractor.metadata-keys",
            How::Exchange(|seen| of_signal(seen, |signal| signal["metadata"][""] = json!(1))),
        ),
        (
            "extractor.warnings-name-keys",
            How::Exchange(|seen| of_signal(seen, |signal| signal["warnings"] = json!([["voltage", "kV"]]))),
        ),
        ("extractor.claims-previews", How::Manifest(|m| m.capabilities.retain(|word| word != "previews"))),
        (
            "extractor.preview-in-scratch",
            How::Exchange(|seen| {
                of_signal(seen, |signal| {
                    let path = seen.call.scratch.parent().unwrap().join("files").join("elsewhere.png");
                    std::fs::write(&path, super::super::sample::PNG).unwrap();
                    signal["preview"] = json!(path);
                })
            }),
        ),
        (
            "extractor.preview-is-png",
            How::Exchange(|seen| {
                of_signal(seen, |signal| {
                    std::fs::write(signal["preview"].as_str().unwrap(), "GIF89a").unwrap()
                })
            }),
        ),
        (
            "extractor.file-unchanged",
            How::Exchange(|seen| {
                let path = seen.params()["path"].as_str().unwrap_or_default();
                if seen.method == Method::Extract && path.contains("/untouched/") {
                    std::fs::write(format!("{path}.idx"), "index").unwrap();
                }
                seen.pass()
            }),
        ),
        (
            "extractor.same-answer-twice",
            How::Exchange(|seen| {
                of_signal(seen, |signal| signal["metadata"]["read"] = json!(seen.count("reads")))
            }),
        ),
        ("extractor.strange-name", How::Exchange(|seen| reads_nothing(seen, "😀"))),
        (
            "extractor.name-not-utf8",
            How::Exchange(|seen| if seen.params()["path"].is_object() { seen.panic() } else { seen.pass() }),
        ),
        ("extractor.truncated-file", How::Exchange(|seen| stumbles(seen, "part-2"))),
    ]
}

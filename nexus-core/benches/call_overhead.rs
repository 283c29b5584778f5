//! What a call to a plugin costs beyond what the plugin does, on every carrier.
//!
//! `cargo bench -p nexus-core --bench call_overhead`. The plugin is a destination that gives back what it was given:
//! `deliver` with a checkpoint of 4 KiB or 1 MiB, and the same checkpoint in the answer. What JSON costs depends on what
//! is written in it, so there are three of 4 KiB: a plain text, one with a quote every eighth character, and a list of
//! files as a destination keeps it that delivers one by one. For the process carrier this very program is the
//! plugin, and the one that runs a library.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark stops at the first surprise")]

use std::process::ExitCode;

use divan::Bencher;
use divan::counter::BytesCount;
use nexus_core::config::Carrier;
use nexus_core::plugins::{Catalogue, Surroundings};
use nexus_plugin_api::host::{self, Guarded};
use nexus_plugin_api::{
    Call, CheckReport, Checkpoint, Delivery, Destination, Found, Instance, Manifest, Plugin, PluginError,
    PluginKind, Step, Target, plugin_entry, serve,
};
use serde_json::{Value, json};

/// What goes in each direction.
const CHECKPOINTS: [&str; 4] = ["4 KiB, plain", "4 KiB, quotes", "4 KiB, a list", "1 MiB, quotes"];

fn checkpoint(named: &str) -> Value {
    let (size, what) = named.split_once(", ").unwrap();
    let size = if size == "4 KiB" { 4 << 10 } else { 1 << 20 };
    let file = |number: usize| {
        json!({
            "location": format!("tem/2024/grain {number:04}.dm4"),
            "id": "b2d9a1f0-0000-5000-8000-000000000002",
            "size": 1_234_567 + number,
        })
    };
    match what {
        "plain" => "checkpoint of 7 ".repeat(size / 16).into(),
        "quotes" => "checkpoint \"7\" ".repeat(size / 15).into(),
        _ => json!({"uploaded": (0..size / 105).map(file).collect::<Vec<_>>()}),
    }
}

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("program") => serve::stdio(Echo),
        Some("plugin-host") => serve::host(in_this_process, std::io::stdin(), std::io::stdout()),
        _ => {
            divan::main();
            ExitCode::SUCCESS
        }
    }
}

struct Echo;

impl Plugin for Echo {
    fn manifest(&self) -> Manifest {
        Manifest::new("echo", "1.0.0", PluginKind::Destination)
    }
    fn create(&self, _settings: &Value) -> Result<Instance, PluginError> {
        Ok(Instance::Destination(Box::new(Self)))
    }
}

impl Destination for Echo {
    fn target(&self, _call: &Call) -> Result<Target, PluginError> {
        Ok(Target { id: String::new(), can_find: false, settle_seconds: 0 })
    }
    fn find(&self, _call: &Call, _delivery: &Delivery) -> Result<Found, PluginError> {
        Ok(Found::None)
    }
    fn deliver(&self, _call: &Call, delivery: &Delivery) -> Result<Step, PluginError> {
        delivery
            .checkpoint
            .clone()
            .map(Step::More)
            .ok_or_else(|| PluginError::permanent("nothing to give back"))
    }
    fn check(&self, _call: &Call) -> Result<CheckReport, PluginError> {
        Ok(CheckReport::default())
    }
}

/// The table of a library, without the file.
fn in_this_process() -> Result<host::LoadedPlugin, PluginError> {
    host::from_entry(plugin_entry!(Echo)).map_err(|error| PluginError::permanent(error.to_string()))
}

fn another_process(role: &str) -> impl Plugin {
    let words = vec![std::env::current_exe().unwrap().to_str().unwrap().to_owned(), role.to_owned()];
    let surroundings = Surroundings { folder: "/".into(), ..Surroundings::default() };
    Catalogue::default().load(&Carrier::command(words), None, "echo", &surroundings).unwrap()
}

/// Calls with this checkpoint in each direction.
fn echo(bencher: Bencher, plugin: &dyn Plugin, named: &str) {
    let Ok(Instance::Destination(destination)) = plugin.create(&json!({})) else { panic!("refused") };
    let mut delivery: Delivery = serde_json::from_value(json!({
        "record": {"path": "/r.xml", "key": "k", "name": "n", "content_sha256": "", "file_sha256": "", "size": 1},
        "session": {"identifier": "1", "start": "2024-03-05T09:10:00-07:00", "end": "2024-03-05T09:11:00-07:00",
                    "instrument": {"pid": "TEM", "display_name": "TEM", "api_url": "x", "timezone": "UTC"}},
        "activities": []
    }))
    .unwrap();
    let checkpoint = Checkpoint(checkpoint(named));
    let size = serde_json::to_string(&checkpoint).unwrap().len();
    delivery.checkpoint = Some(checkpoint);
    let call = Call::unlimited("");
    let expected = delivery.checkpoint.clone().map(Step::More);
    assert_eq!(destination.deliver(&call, &delivery).ok(), expected);
    bencher.counter(BytesCount::new(2 * size)).bench_local(|| destination.deliver(&call, &delivery));
}

#[divan::bench(args = CHECKPOINTS)]
fn linked(bencher: Bencher, named: &str) {
    echo(bencher, &Guarded::new(Echo).unwrap(), named);
}

#[divan::bench(args = CHECKPOINTS)]
fn library_in_this_process(bencher: Bencher, named: &str) {
    echo(bencher, &in_this_process().unwrap(), named);
}

#[divan::bench(args = CHECKPOINTS)]
fn program(bencher: Bencher, named: &str) {
    echo(bencher, &another_process("program"), named);
}

#[divan::bench(args = CHECKPOINTS)]
fn library_in_a_process(bencher: Bencher, named: &str) {
    echo(bencher, &another_process("plugin-host"), named);
}

//! Plugins in Python that do wrong what can be done wrong.

mod faults;
mod life;
mod safety;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nexus_plugin_api::host::{Wire, Wired};
use nexus_plugin_api::message::{self, Method};
use nexus_plugin_api::{Call, Cancel, LogLevel, PluginError};
use tempfile::TempDir;

use super::{Launch, ProcessPlugin, StartError};
use crate::plugins::{Limits, Surroundings};

/// What every plugin here begins with; its own lines may replace any of it.
const PRELUDE: &str = r#"
import json, os, signal, subprocess, sys, time
signal.alarm(120)  # Whoever should have killed it and did not has failed; nobody waits longer to see it.
SETTINGS = {}
def say(text):
    sys.stdout.buffer.write(text.encode() + b"\n")
    sys.stdout.buffer.flush()
def reply(r, ok):
    say(json.dumps({"id": r["id"], "ok": ok}))
def note(name):
    """How often this was noted before, over all processes."""
    with open(name, "ab") as file:
        file.write(b"x")
        return file.tell() - 1
def manifest(r):
    reply(r, {"name": "shaky", "version": "1", "kind": "destination", "protocol": "1.0"})
def configure(r):
    SETTINGS.update(r["params"]["settings"])
    reply(r, {})
def answer(r):
    reply(r, {"pid": os.getpid(), "settings": SETTINGS, "request": r})
def cancel(r):
    pass
def main():
    for line in sys.stdin.buffer:
        r = json.loads(line)
        if "method" not in r:
            cancel(r)
        else:
            {"manifest": manifest, "configure": configure}.get(r["method"], answer)(r)
"#;

/// A plugin, and what was heard of it.
struct Bench {
    home: TempDir,
    surroundings: Surroundings,
    limits: Limits,
    processes: usize,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    fn new(body: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("shaky.py"), format!("{PRELUDE}{body}\nmain()\n")).unwrap();
        let surroundings = Surroundings { folder: home.path().to_owned(), ..Surroundings::default() };
        let limits = Limits { patience: Duration::from_millis(100), ..Limits::default() };
        Self { home, surroundings, limits, processes: 1, heard: Arc::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn plugin(&self) -> Result<ProcessPlugin, StartError> {
        let words = ["python3", "shaky.py"].map(str::to_owned);
        let launch = Launch::command("bench", &words, &self.surroundings, self.limits)?
            .with_processes(self.processes)
            .with_log(self.log());
        ProcessPlugin::start(launch)
    }

    fn log(&self) -> nexus_plugin_api::call::LogSink {
        let heard = Arc::clone(&self.heard);
        Arc::new(move |level: LogLevel, line: &str| heard.lock().unwrap().push(format!("{level:?} {line}")))
    }

    fn wire(&self) -> Box<dyn Wire> {
        self.plugin().unwrap().connect(&serde_json::json!({"key": "value"})).unwrap()
    }

    fn call(&self, limit: Duration) -> Call {
        Call::new(Some(Instant::now() + limit), Cancel::new(), self.path("scratch"), self.log())
    }

    fn ask(&self, wire: &dyn Wire, method: Method) -> Result<serde_json::Value, PluginError> {
        ask(wire, method, &self.call(Duration::from_mins(1)))
    }

    /// How often a plugin of this bench noted this.
    fn noted(&self, name: &str) -> u64 {
        fs::metadata(self.path(name)).map_or(0, |found| found.len())
    }
}

fn ask(wire: &dyn Wire, method: Method, call: &Call) -> Result<serde_json::Value, PluginError> {
    let request = message::request(7, method, &serde_json::json!({"text": "é\n"})).unwrap();
    let reply = wire.exchange(call, method, &request)?;
    let reply: serde_json::Value = serde_json::from_slice(&reply).unwrap();
    assert_eq!(reply["id"], 7);
    Ok(reply["ok"].clone())
}

/// Waits until it is so; what takes longer than a minute never comes.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{what}: waited in vain");
        std::thread::yield_now();
    }
}

/// Whether a process whose number is in a file has ended.
fn has_ended(pid: &Path) -> bool {
    let pid = fs::read_to_string(pid).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    stat.is_err() || stat.unwrap().contains(") Z ")
}

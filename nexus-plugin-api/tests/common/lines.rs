//! The process carrier without a process: a plugin served in a thread, and a host at the other ends.

use std::io::{BufRead, BufReader, PipeWriter, Write, pipe};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nexus_plugin_api::host::{Wire, check_manifest, instance_over};
use nexus_plugin_api::message::line::{CancelLine, Circumstances, LogLine};
use nexus_plugin_api::message::{self, ConfigureParams, Method, Reply};
use nexus_plugin_api::{Call, Instance, Manifest, PathRef, Plugin, PluginError, host, serve};
use serde_json::Value;

use super::PATIENCE;

/// A plugin being served, spoken to in lines.
pub struct Served {
    requests: Option<PipeWriter>,
    lines: Receiver<String>,
    /// How serving ended, once it has.
    ended: Receiver<std::io::Result<()>>,
}

impl Served {
    pub fn new(plugin: impl Plugin + 'static) -> Self {
        let (their_requests, requests) = pipe().unwrap();
        let (replies, their_replies) = pipe().unwrap();
        let (send, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(replies).lines() {
                // Nobody listens: the test has seen enough.
                let _ = send.send(line.unwrap());
            }
        });
        let (end, ended) = mpsc::channel();
        thread::spawn(move || {
            let _ = end.send(serve::serve(&plugin, their_requests, their_replies));
        });
        Self { requests: Some(requests), lines, ended }
    }

    /// Writes one line.
    pub fn put(&mut self, line: impl AsRef<[u8]>) {
        let requests = self.requests.as_mut().unwrap();
        requests.write_all(line.as_ref()).unwrap();
        requests.write_all(b"\n").unwrap();
    }

    /// The next line that comes.
    pub fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("the plugin ended, or says nothing")
    }

    /// The next line that comes, as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// Puts a request and brings the next line.
    pub fn ask(&mut self, request: &Value) -> Value {
        self.put(request.to_string());
        self.json()
    }

    /// Ends the input, and waits for the end of the program.
    pub fn end(mut self) -> (std::io::Result<()>, Vec<String>) {
        self.requests = None;
        let outcome = self.ended.recv_timeout(PATIENCE).expect("it goes on although its input has ended");
        let mut rest = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => rest.push(line),
                Err(RecvTimeoutError::Disconnected) => return (outcome, rest),
                Err(RecvTimeoutError::Timeout) => panic!("its output never ends"),
            }
        }
    }

    fn request(&mut self, call: &Call, id: u64, request: &[u8]) -> Result<Vec<u8>, PluginError> {
        let circumstances = Circumstances {
            deadline_ms: call.time_left().map(|left| u64::try_from(left.as_millis()).unwrap()),
            scratch: Some(PathRef::new(&call.scratch)),
        };
        let mut line = serde_json::to_vec(&circumstances).unwrap();
        *line.last_mut().unwrap() = b',';
        line.extend(request.strip_prefix(b"{").unwrap());
        self.put(line);
        let begun = Instant::now();
        let mut cancelled = false;
        loop {
            assert!(begun.elapsed() < 2 * PATIENCE, "no reply");
            let line = match self.lines.recv_timeout(Duration::from_millis(1)) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => {
                    if call.cancel.is_cancelled() && !cancelled {
                        cancelled = true;
                        self.put(serde_json::to_vec(&CancelLine { cancel: id }).unwrap());
                    }
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return Err(PluginError::transient("it ended")),
            };
            match serde_json::from_str::<LogLine>(&line) {
                Ok(LogLine { log }) => call.log(log.level, &log.message),
                Err(_) => return Ok(line.into_bytes()),
            }
        }
    }
}

struct Way(Mutex<Served>);

impl Wire for Way {
    fn exchange(&self, call: &Call, _method: Method, request: &[u8]) -> Result<Vec<u8>, PluginError> {
        let id = message::head(request)?.id;
        self.0.lock().unwrap().request(call, id, request)
    }
}

/// A plugin whose every instance is served in a thread of its own.
pub struct Lines {
    plugin: Arc<dyn Plugin>,
    manifest: Manifest,
}

impl Lines {
    pub fn new(plugin: impl Plugin + 'static) -> Result<Self, host::LoadError> {
        let plugin: Arc<dyn Plugin> = Arc::new(plugin);
        let mut served = Served::new(Arc::clone(&plugin));
        let request = message::request(1, Method::Manifest, &Value::Null).unwrap();
        let reply = served.request(&Call::unlimited(""), 1, &request).unwrap();
        let origin = host::Origin::Program("x.py".into());
        let refused = |reason: String| host::LoadError::Manifest { origin: origin.clone(), reason };
        let manifest = match message::read_reply::<Manifest>(1, &reply) {
            Ok(Reply::Ok(manifest)) => manifest,
            Ok(Reply::Error(error)) => return Err(refused(error.message)),
            other => return Err(refused(format!("{other:?}"))),
        };
        check_manifest(&manifest, &origin)?;
        Ok(Self { plugin, manifest })
    }
}

impl Plugin for Lines {
    fn manifest(&self) -> Manifest {
        self.manifest.clone()
    }

    fn create(&self, settings: &Value) -> Result<Instance, PluginError> {
        let mut served = Served::new(Arc::clone(&self.plugin));
        let params = ConfigureParams { settings: std::borrow::Cow::Borrowed(settings) };
        let request = message::request(1, Method::Configure, &params).unwrap();
        let reply = served.request(&Call::unlimited(""), 1, &request)?;
        match message::read_reply::<Value>(1, &reply) {
            Ok(Reply::Ok(_)) => {}
            Ok(Reply::Error(error)) => return Err(error),
            other => panic!("{other:?}"),
        }
        let who = format!("plugin `{}`", self.manifest.name);
        Ok(instance_over(&who, self.manifest.kind, Box::new(Way(Mutex::new(served)))))
    }
}

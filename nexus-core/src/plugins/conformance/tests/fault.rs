//! A sound plugin with somebody in between who spoils one thing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use nexus_plugin_api::host::{Wire, Wired};
use nexus_plugin_api::message::Method;
use nexus_plugin_api::{Call, Instance, Manifest, Plugin, PluginError, PluginKind};
use serde_json::{Value, json};

pub type Reply = Result<Vec<u8>, PluginError>;

/// Which check must fail, and what is done to which model.
#[derive(Clone)]
pub struct Fault {
    pub check: &'static str,
    pub kind: PluginKind,
    pub how: How,
}

/// What is spoiled.
#[derive(Clone, Copy)]
pub enum How {
    /// The plugin cannot be had.
    NotLoaded(&'static str),
    /// The manifest.
    Manifest(fn(&mut Manifest)),
    /// The manifest, from the second call on.
    LaterManifest(fn(&mut Manifest)),
    /// The settings, on their way in.
    Settings(fn(&mut Value)),
    /// The refusal of settings.
    Refusal(fn(&Value, PluginError) -> PluginError),
    /// What is answered.
    Exchange(fn(&Seen<'_>) -> Reply),
    /// Instances are refused that come too soon after one that was never used.
    NeverTwice,
    /// A process of it is left after its end.
    LeavesBehind,
}

/// Where calls hang until the test is over.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let mut open = self.0.0.lock().unwrap();
        while !*open {
            open = self.0.1.wait(open).unwrap();
        }
    }
}

/// What the one in between remembers, over all instances.
#[derive(Default)]
struct Memory {
    numbers: Mutex<BTreeMap<String, u64>>,
    instances: AtomicU64,
    live: AtomicU64,
    manifests: AtomicU64,
    /// The settings of an instance that was dropped and never used.
    unused: Mutex<Option<Value>>,
}

pub struct Tampered {
    inner: Arc<dyn Wired>,
    how: How,
    gate: Gate,
    memory: Arc<Memory>,
}

impl Tampered {
    pub fn new(inner: Arc<dyn Wired>, how: How, gate: Gate) -> Self {
        Self { inner, how, gate, memory: Arc::default() }
    }
}

impl Plugin for Tampered {
    fn manifest(&self) -> Manifest {
        let mut manifest = self.inner.manifest();
        let before = self.memory.manifests.fetch_add(1, Ordering::SeqCst);
        match self.how {
            How::Manifest(spoil) => spoil(&mut manifest),
            How::LaterManifest(spoil) if before > 0 => spoil(&mut manifest),
            _ => {}
        }
        manifest
    }

    fn create(&self, settings: &Value) -> Result<Instance, PluginError> {
        self.inner.create(settings)
    }
}

impl Wired for Tampered {
    fn connect(&self, settings: &Value) -> Result<Box<dyn Wire>, PluginError> {
        let mut given = settings.clone();
        match self.how {
            How::Settings(spoil) => spoil(&mut given),
            How::NeverTwice if self.memory.unused.lock().unwrap().take().as_ref() == Some(settings) => {
                return Err(PluginError::permanent("the port is in use"));
            }
            _ => {}
        }
        let inner = self.inner.connect(&given).map_err(|error| match self.how {
            How::Refusal(spoil) => spoil(settings, error),
            _ => error,
        })?;
        self.memory.live.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(Between {
            inner,
            how: self.how,
            gate: self.gate.clone(),
            memory: Arc::clone(&self.memory),
            number: self.memory.instances.fetch_add(1, Ordering::SeqCst),
            settings: settings.clone(),
            calls: AtomicU64::new(0),
        }))
    }
}

struct Between {
    inner: Box<dyn Wire>,
    how: How,
    gate: Gate,
    memory: Arc<Memory>,
    number: u64,
    settings: Value,
    calls: AtomicU64,
}

impl Drop for Between {
    fn drop(&mut self) {
        self.memory.live.fetch_sub(1, Ordering::SeqCst);
        if self.calls.load(Ordering::SeqCst) == 0 {
            *self.memory.unused.lock().unwrap() = Some(self.settings.clone());
        }
    }
}

impl Wire for Between {
    fn exchange(&self, call: &Call, method: Method, request: &[u8]) -> Reply {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let How::Exchange(spoil) = self.how else { return self.inner.exchange(call, method, request) };
        let parsed: Value = serde_json::from_slice(request).unwrap_or_default();
        let parsed = if parsed.is_object() { parsed } else { json!({}) };
        spoil(&Seen { between: self, call, method, text: request, request: parsed })
    }

    fn let_go(&self) -> Vec<String> {
        if matches!(self.how, How::LeavesBehind) { vec!["sleep".to_owned()] } else { self.inner.let_go() }
    }
}

/// One call, seen by the one in between.
pub struct Seen<'s> {
    between: &'s Between,
    pub call: &'s Call,
    pub method: Method,
    /// The request as it is.
    pub text: &'s [u8],
    /// The request as JSON; null if it is none.
    pub request: Value,
}

impl Seen<'_> {
    /// The reply of the sound plugin.
    pub fn pass(&self) -> Reply {
        self.between.inner.exchange(self.call, self.method, self.text)
    }

    /// The reply of the sound plugin to another request.
    pub fn pass_with(&self, spoil: impl FnOnce(&mut Value)) -> Reply {
        let mut request = self.request.clone();
        spoil(&mut request["params"]);
        self.between.inner.exchange(self.call, self.method, request.to_string().as_bytes())
    }

    /// The reply of the sound plugin with its answer spoiled.
    pub fn edit(&self, spoil: impl FnOnce(&mut Value)) -> Reply {
        let reply = self.pass()?;
        let mut reply: Value = serde_json::from_slice(&reply).unwrap();
        if let Some(answer) = reply.get_mut("ok") {
            spoil(answer);
        }
        Ok(reply.to_string().into_bytes())
    }

    fn reply(&self, name: &str, value: Value) -> Reply {
        let mut reply = json!({"id": self.request["id"]});
        reply[name] = value;
        Ok(reply.to_string().into_bytes())
    }

    pub fn ok(&self, answer: Value) -> Reply {
        self.reply("ok", answer)
    }

    pub fn error(&self, error: Value) -> Reply {
        self.reply("error", error)
    }

    pub fn refuse(&self) -> Reply {
        self.error(json!({"class": "transient", "effect": "none", "message": "not today"}))
    }

    pub fn unsupported(&self) -> Reply {
        self.reply("unsupported", json!(true))
    }

    pub fn panic(&self) -> Reply {
        Err(PluginError::permanent(format!("plugin `model` panicked in `{}`: boom", self.method)))
    }

    /// Never answers, as long as the test is not over.
    pub fn hang(&self) -> Reply {
        self.between.gate.wait();
        self.refuse()
    }

    pub fn params(&self) -> &Value {
        &self.request["params"]
    }

    /// Whether this call is about the record of a check.
    pub fn is_about(&self, label: &str) -> bool {
        let name = self.params()["record"]["name"].as_str().unwrap_or_default();
        name.contains(&format!("_{label}_"))
    }

    /// The same, for one method.
    pub fn asks(&self, method: Method, label: &str) -> bool {
        self.method == method && self.is_about(label)
    }

    /// Whether the file asked about has this in its name.
    pub fn is_file(&self, part: &str) -> bool {
        self.params()["path"].as_str().is_some_and(|path| path.rsplit('/').next().unwrap().contains(part))
    }

    /// The number of this instance.
    pub fn instance(&self) -> u64 {
        self.between.number
    }

    pub fn live(&self) -> u64 {
        self.between.memory.live.load(Ordering::SeqCst)
    }

    /// Adds one to a number that all instances share; gives what it was before.
    pub fn count(&self, name: &str) -> u64 {
        let mut numbers = self.between.memory.numbers.lock().unwrap();
        let number = numbers.entry(name.to_owned()).or_default();
        *number += 1;
        *number - 1
    }

    /// Sets a number that all instances share; gives what it was before.
    pub fn set(&self, name: &str, value: u64) -> u64 {
        self.between.memory.numbers.lock().unwrap().insert(name.to_owned(), value).unwrap_or_default()
    }
}

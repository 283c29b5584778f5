//! Where a plugin is tried: requests out, replies in, everything noted.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nexus_plugin_api::call::LogSink;
use nexus_plugin_api::host::{Wire, Wired};
use nexus_plugin_api::message::{self, Method, Reply};
use nexus_plugin_api::{Call, Cancel, LogLevel, Manifest, PluginError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::check::{Stop, fail, skip};
use super::destination::Deliveries;
use super::exchange::Exchange;
use super::harvester::Harvested;
use super::options::Options;
use crate::secret::{Redactor, Secret};

/// The way to an instance, shared with the thread of a call.
pub(super) type Line = Arc<dyn Wire>;

/// Under which circumstances a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Terms {
    /// With the usual deadline.
    Usual,
    /// Without a limit.
    Unlimited,
    /// The deadline has passed.
    Late,
    /// Cancelled before it begins.
    Unwanted,
    /// Cancelled after this long.
    CancelledAfter(Duration),
}

/// A line of the plugin's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Logged {
    pub(super) level: LogLevel,
    pub(super) message: String,
    /// The method under way.
    pub(super) method: Method,
}

/// One plugin on the bench.
pub(super) struct Bench<'o> {
    pub(super) plugin: Arc<dyn Wired>,
    pub(super) manifest: Manifest,
    pub(super) options: &'o Options,
    pub(super) settings: Value,
    /// The values of the settings that the schema calls secrets.
    pub(super) secrets: Vec<String>,
    pub(super) redactor: Redactor,
    pub(super) log: Arc<Mutex<Vec<Logged>>>,
    /// Log lines at level error during calls that were answered well.
    pub(super) false_alarms: Vec<Logged>,
    /// Every error the plugin gave, with the exchange it came in.
    pub(super) errors: Vec<(PluginError, Option<Exchange>)>,
    /// Exchanges whose reply held a secret.
    pub(super) leaks: Vec<Exchange>,
    /// The last request and reply.
    pub(super) last: Option<Exchange>,
    /// What the watched folders held at the beginning.
    pub(super) watched: Vec<(PathBuf, Vec<String>)>,
    pub(super) harvested: Option<Arc<Harvested>>,
    pub(super) deliveries: Deliveries,
    line: Option<Line>,
    last_id: u64,
}

/// What a method without params is given.
#[derive(Debug, Serialize)]
pub(super) struct Nothing {}

impl<'o> Bench<'o> {
    pub(super) fn new(plugin: Arc<dyn Wired>, options: &'o Options) -> Self {
        let manifest = plugin.manifest();
        let settings = options.resolved();
        let redactor = Redactor::default();
        let secrets = secrets(&manifest.settings, &settings);
        for secret in &secrets {
            redactor.learn(&Secret::new(secret.clone()));
        }
        let watched = [options.place.folder()].into_iter().chain(options.watched.clone());
        let watched = watched.map(|folder| (folder.clone(), listing(&folder))).collect();
        Self {
            plugin,
            manifest,
            options,
            settings,
            secrets,
            redactor,
            log: Arc::default(),
            false_alarms: Vec::new(),
            errors: Vec::new(),
            leaks: Vec::new(),
            last: None,
            watched,
            harvested: None,
            deliveries: Deliveries::default(),
            line: None,
            last_id: 0,
        }
    }

    /// The required settings that were not given.
    pub(super) fn missing_settings(&self) -> Vec<&str> {
        let required = self.manifest.settings["required"].as_array();
        let names = required.into_iter().flatten().filter_map(Value::as_str);
        names.filter(|name| self.settings.get(name).is_none()).collect()
    }

    /// Whether the manifest claims this word.
    pub(super) fn claims(&self, word: &str) -> bool {
        self.manifest.capabilities.iter().any(|claimed| claimed == word)
    }

    /// Stops the check unless the manifest claims this word.
    pub(super) fn must_claim(&self, word: &str) -> Result<(), Stop> {
        if self.claims(word) { Ok(()) } else { skip(format!("the manifest does not claim `{word}`")) }
    }

    /// Makes an instance of these settings.
    pub(super) fn connect_with(&mut self, settings: &Value) -> Result<Result<Line, PluginError>, Stop> {
        let (answer, answered) = mpsc::sync_channel(1);
        let (plugin, given) = (Arc::clone(&self.plugin), settings.clone());
        spawn(move || {
            let _ = answer.send(plugin.connect(&given));
        })?;
        let request =
            serde_json::to_vec(&serde_json::json!({"method": "configure", "params": {"settings": settings}}));
        let request = request.unwrap_or_default();
        match answered.recv_timeout(self.options.limit) {
            Ok(Ok(wire)) => Ok(Ok(Arc::from(wire))),
            Ok(Err(error)) => {
                self.last = Some(Exchange::of(&request, Err(&error.message), &self.redactor));
                self.errors.push((error.clone(), self.last.clone()));
                Ok(Err(error))
            }
            Err(RecvTimeoutError::Timeout) => {
                self.last = Some(Exchange::of(&request, Err("too late"), &self.redactor));
                fail(format!("no instance was made within {:?}", self.options.limit))
            }
            Err(RecvTimeoutError::Disconnected) => fail("it panicked when an instance was made"),
        }
    }

    /// A fresh instance.
    pub(super) fn connect(&mut self) -> Result<Line, Stop> {
        let missing = self.missing_settings();
        if let Some(name) = missing.first() {
            return skip(format!("needs `--setting {name}=…`"));
        }
        let settings = self.settings.clone();
        self.connect_with(&settings)?
            .map_err(|error| Stop::Fail(format!("the settings given are refused: {}", told(&error))))
    }

    /// The instance that most checks share.
    pub(super) fn line(&mut self) -> Result<Line, Stop> {
        if let Some(line) = &self.line {
            return Ok(Arc::clone(line));
        }
        let line = self.connect()?;
        self.line = Some(Arc::clone(&line));
        Ok(line)
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// A call under these circumstances, and its cancel flag.
    pub(super) fn call(&self, terms: Terms, method: Method) -> (Call, Cancel) {
        let cancel = Cancel::new();
        let now = Instant::now();
        let deadline = match terms {
            Terms::Unlimited => None,
            Terms::Late => Some(now.checked_sub(Duration::from_secs(1)).unwrap_or(now)),
            Terms::Usual | Terms::Unwanted | Terms::CancelledAfter(_) => now.checked_add(self.options.limit),
        };
        if terms == Terms::Unwanted {
            cancel.cancel();
        }
        (Call::new(deadline, cancel.clone(), self.options.place.scratch(), self.sink(method)), cancel)
    }

    fn sink(&self, method: Method) -> LogSink {
        let log = Arc::clone(&self.log);
        Arc::new(move |level, message| {
            let logged = Logged { level, message: message.to_owned(), method };
            log.lock().unwrap_or_else(PoisonError::into_inner).push(logged);
        })
    }

    /// Puts these bytes to an instance and brings what came back: a reply of whatever form, or why there is none.
    ///
    /// # Errors
    /// It did not end in time.
    pub(super) fn exchange(
        &mut self,
        line: &Line,
        terms: Terms,
        method: Method,
        request: &[u8],
    ) -> Result<Result<Vec<u8>, PluginError>, Stop> {
        let (call, cancel) = self.call(terms, method);
        let (answer, answered) = mpsc::sync_channel(1);
        let (wire, bytes) = (Arc::clone(line), request.to_vec());
        spawn(move || {
            let reply = wire.exchange(&call, method, &bytes);
            // An instance that is dropped by its owner is gone at once.
            drop(wire);
            let _ = answer.send(reply);
        })?;
        let Options { limit, grace, .. } = *self.options;
        // A call that nobody wants has its grace from the beginning, any other after its deadline.
        let first = match terms {
            Terms::Usual | Terms::Unlimited => limit,
            Terms::Late | Terms::Unwanted => Duration::ZERO,
            Terms::CancelledAfter(pause) => pause,
        };
        let mut result = answered.recv_timeout(first);
        if matches!(result, Err(RecvTimeoutError::Timeout)) {
            if terms != Terms::Late {
                cancel.cancel();
            }
            result = answered.recv_timeout(grace);
        }
        match result {
            Ok(reply) => {
                let shown = reply.as_deref().map_err(|error| error.message.as_str());
                let exchange = Exchange::of(request, shown, &self.redactor);
                if let Ok(bytes) = &reply {
                    self.look_for_secrets(bytes, &exchange);
                }
                self.last = Some(exchange);
                Ok(reply)
            }
            Err(problem) => {
                self.last = Some(Exchange::of(request, Err("too late"), &self.redactor));
                // Its instance may be stuck for ever.
                self.line = None;
                match problem {
                    RecvTimeoutError::Timeout => fail(format!(
                        "`{method}` did not end within {grace:?} of {}",
                        if matches!(terms, Terms::Late | Terms::Usual | Terms::Unlimited) {
                            "its deadline"
                        } else {
                            "being cancelled"
                        }
                    )),
                    RecvTimeoutError::Disconnected => fail(format!("it panicked in `{method}`")),
                }
            }
        }
    }

    fn look_for_secrets(&mut self, reply: &[u8], exchange: &Exchange) {
        let text = String::from_utf8_lossy(reply);
        if self.secrets.iter().any(|secret| text.contains(secret)) {
            self.leaks.push(exchange.clone());
        }
    }

    /// The same; that there is no reply, or that the plugin panicked, fails the check.
    pub(super) fn reply(
        &mut self,
        line: &Line,
        terms: Terms,
        method: Method,
        request: &[u8],
    ) -> Result<Vec<u8>, Stop> {
        match self.exchange(line, terms, method, request)? {
            Ok(reply) => Ok(reply),
            Err(error) => Err(Stop::Unanswered {
                why: format!("`{method}` was not answered: {}", error.message),
                remedy: error.hint.unwrap_or_else(|| {
                    format!("Find out what the plugin does in `{method}`: it must answer, if need be with an error.")
                }),
            }),
        }
    }

    /// Asks an instance under these circumstances. Whatever is no reply to this request fails the check.
    pub(super) fn ask_under<T: DeserializeOwned>(
        &mut self,
        line: &Line,
        terms: Terms,
        method: Method,
        params: &impl Serialize,
    ) -> Result<Reply<T>, Stop> {
        let id = self.next_id();
        let request = message::request(id, method, params)
            .map_err(|error| Stop::Skip(format!("the request cannot be written as JSON: {error}")))?;
        let before = self.alarms();
        let reply = self.reply(line, terms, method, &request)?;
        let answer = self.read(id, method, &reply)?;
        if matches!(answer, Reply::Ok(_)) {
            let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            let alarms = log.iter().filter(|line| line.level == LogLevel::Error).skip(before).cloned();
            self.false_alarms.extend(alarms);
        }
        Ok(answer)
    }

    fn alarms(&self) -> usize {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().filter(|line| line.level == LogLevel::Error).count()
    }

    /// Reads the reply to request `id`.
    pub(super) fn read<T: DeserializeOwned>(
        &mut self,
        id: u64,
        method: Method,
        reply: &[u8],
    ) -> Result<Reply<T>, Stop> {
        let answer = message::read_reply::<T>(id, reply).map_err(|error| {
            let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
            Stop::Unanswered {
                why: format!("the reply to `{method}` cannot be used: {error}{}", source.unwrap_or_default()),
                remedy: format!(
                    "Compare the reply with what the protocol says about `{method}`, or about failures."
                ),
            }
        })?;
        if let Reply::Error(error) = &answer {
            self.errors.push((error.clone(), self.last.clone()));
            if panicked(error, method) {
                return fail(error.message.clone());
            }
        }
        Ok(answer)
    }

    /// Asks an instance.
    pub(super) fn ask<T: DeserializeOwned>(
        &mut self,
        line: &Line,
        method: Method,
        params: &impl Serialize,
    ) -> Result<Reply<T>, Stop> {
        self.ask_under(line, Terms::Usual, method, params)
    }

    /// Asks an instance something that it must be able to answer.
    pub(super) fn get<T: DeserializeOwned>(
        &mut self,
        line: &Line,
        method: Method,
        params: &impl Serialize,
    ) -> Result<T, Stop> {
        match self.ask(line, method, params)? {
            Reply::Ok(answer) => Ok(answer),
            Reply::Error(error) => fail(format!("`{method}` failed: {}", told(&error))),
            Reply::Unsupported => fail(format!("`{method}` is answered `unsupported`")),
        }
    }

    /// Asks the shared instance something that it must be able to answer.
    pub(super) fn get_here<T: DeserializeOwned>(
        &mut self,
        method: Method,
        params: &impl Serialize,
    ) -> Result<T, Stop> {
        let line = self.line()?;
        self.get(&line, method, params)
    }

    /// Whether the instance still answers.
    pub(super) fn must_be_alive(&mut self, line: &Line, after: &str) -> Result<(), Stop> {
        let shown = self.last.clone();
        match self.ask::<Value>(line, Method::Check, &Nothing {}) {
            Ok(_) => {
                self.last = shown;
                Ok(())
            }
            Err(Stop::Fail(why) | Stop::Unanswered { why, .. }) => {
                fail(format!("after {after} the instance answers nothing any more: {why}"))
            }
            Err(other) => Err(other),
        }
    }

    /// Shows this exchange if the check fails now.
    pub(super) fn show(&mut self, exchange: &Exchange) {
        self.last = Some(exchange.clone());
    }
}

/// What an error says, with its hint.
pub(super) fn told(error: &PluginError) -> String {
    match &error.hint {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message.clone(),
    }
}

/// Whether the net under a linked plugin caught it.
fn panicked(error: &PluginError, method: Method) -> bool {
    error.message.contains(&format!("panicked in `{method}`"))
}

fn spawn(work: impl FnOnce() + Send + 'static) -> Result<(), Stop> {
    let made = std::thread::Builder::new().name("conformance".to_owned()).spawn(work);
    made.map(drop).map_err(|error| Stop::Skip(format!("no thread for the call: {error}")))
}

/// The values of the settings that the schema calls secrets. Very short ones are in every text.
fn secrets(schema: &Value, settings: &Value) -> Vec<String> {
    let properties = schema["properties"].as_object();
    let secret = |(_, property): &(&String, &Value)| property["secret"] == true;
    let value = |(name, _): (&String, &Value)| settings.get(name)?.as_str().map(str::to_owned);
    properties
        .into_iter()
        .flatten()
        .filter(secret)
        .filter_map(value)
        .filter(|value| value.len() >= 4)
        .collect()
}

/// What lies in a folder: names, sizes and times, not further down.
pub(super) fn listing(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let line = |entry: std::fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        match entry.metadata() {
            Ok(metadata) if metadata.is_file() => {
                format!("{name} ({} bytes, {:?})", metadata.len(), metadata.modified().ok())
            }
            _ => name,
        }
    };
    let mut lines: Vec<String> = entries.flatten().map(line).collect();
    lines.sort();
    lines
}

/// The value as it is shown in a sentence.
pub(super) fn quoted(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    if text.chars().count() <= 200 { text } else { text.chars().take(200).chain(['…']).collect() }
}

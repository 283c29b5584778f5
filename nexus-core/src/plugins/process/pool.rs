//! The processes of one instance: who is free, who is started, and what is asked again after a death.

use std::borrow::Cow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nexus_plugin_api::host::Wire;
use nexus_plugin_api::message::line::{Circumstances, LogEntry};
use nexus_plugin_api::message::{self, ConfigureParams, Method, Reply};
use nexus_plugin_api::{Call, LogLevel, Manifest, PathRef, PluginError};

use super::Launch;
use super::child::{Process, Readiness};
use super::ending::{Broken, Exit};
use super::lines::quoted;
use super::words::shown;
use crate::causes::with_causes;
use crate::plugins::groups::Idle;

/// Ids of the first two requests of a process; callers count from 1.
const MANIFEST_ID: u64 = 2_000_000_001;
const CONFIGURE_ID: u64 = 2_000_000_002;
/// The first pause before another process is started after a death, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Between two looks at a call's deadline and cancel flag while it waits.
const TICK: Duration = Duration::from_millis(20);
/// How long processes that are told to end may take altogether before they are killed.
const FAREWELL: Duration = Duration::from_millis(500);

/// How a warning ends that tells what an idle process did wrong.
pub(in crate::plugins) const BETWEEN_CALLS: &str = "between two calls";

/// The processes of one instance.
pub(super) struct Pool {
    launch: Arc<Launch>,
    /// The plugin's name and file, for messages.
    who: String,
    manifest: Manifest,
    settings: serde_json::Value,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Process>,
    /// Idle and at work.
    processes: usize,
    /// How many died since the last answer.
    deaths: u32,
    /// When the next one may be started.
    not_before: Option<Instant>,
}

impl Pool {
    pub fn new(
        launch: Arc<Launch>,
        manifest: Manifest,
        settings: &serde_json::Value,
        first: Option<Process>,
    ) -> Arc<Self> {
        let idle: Vec<Process> = first.into_iter().collect();
        let state = State { processes: idle.len(), idle, ..State::default() };
        let pool = Arc::new(Self {
            who: super::who(&manifest.name, &launch),
            launch,
            manifest,
            settings: settings.clone(),
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let idle: Arc<dyn Idle> = pool.clone();
        pool.launch.groups.watch(Arc::downgrade(&idle));
        pool
    }

    /// A configured process that nobody else uses; waits for one while the call is wanted.
    pub fn take(&self, call: &Call) -> Result<Lease<'_>, PluginError> {
        let mut state = self.lock();
        loop {
            if let Some(mut process) = state.idle.pop() {
                drop(state);
                let readiness = process.readiness(&|entry| self.between(entry));
                if let Readiness::Ready = readiness {
                    let mut lease = Lease { pool: self, process: Some(process) };
                    self.configure(&mut lease, call)?;
                    return Ok(lease);
                }
                let fault = self.fault(&readiness, process.end(Duration::ZERO));
                call.log(LogLevel::Warn, &format!("{} {fault}", self.who));
                self.lost();
                state = self.lock();
                continue;
            }
            if state.processes < self.launch.processes {
                state.processes += 1;
                drop(state);
                let mut lease = Lease { pool: self, process: None };
                self.pause(call)?;
                lease.process = Some(self.start(call)?);
                self.configure(&mut lease, call)?;
                return Ok(lease);
            }
            if call.should_stop() {
                return Err(self.not_begun("no process of it became free in time"));
            }
            let waited = self.changed.wait_timeout(state, TICK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until another process may be started.
    fn pause(&self, call: &Call) -> Result<(), PluginError> {
        loop {
            let until = self.lock().not_before;
            let left = until.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(());
            }
            if call.should_stop() {
                return Err(self.not_begun("it died again and again, and was not started once more in time"));
            }
            std::thread::sleep(left.min(TICK));
        }
    }

    /// Starts a process, which must still be the plugin that it was.
    fn start(&self, call: &Call) -> Result<Process, PluginError> {
        let failed = |why: String| self.not_begun(&format!("it could not be started again: {why}"));
        let (process, manifest) = match begin(&self.launch, call) {
            Ok(begun) => begun,
            Err(error) => {
                self.died();
                return Err(failed(with_causes(&error)));
            }
        };
        let same = |manifest: &Manifest| (manifest.name.clone(), manifest.kind, manifest.protocol.clone());
        if same(&manifest) != same(&self.manifest) {
            return Err(failed(format!("by now it is `{}` ({})", manifest.name, manifest.kind)));
        }
        Ok(process)
    }

    /// Gives it the settings, if it has not got them yet.
    fn configure(&self, lease: &mut Lease<'_>, call: &Call) -> Result<(), PluginError> {
        let Some(process) = lease.process.as_mut().filter(|process| !process.configured) else {
            return Ok(());
        };
        let params = ConfigureParams { settings: Cow::Borrowed(&self.settings) };
        let request = message::request(CONFIGURE_ID, Method::Configure, &params).map_err(|error| {
            PluginError::permanent(format!("the settings of {} are not JSON: {error}", self.who))
        })?;
        let (line, id) = dressed(&request, call);
        let reply = process.exchange(line, id, call, self.launch.patience, &|entry| self.tell(call, entry));
        let reply = match reply {
            Ok(reply) => reply,
            Err(broken) => return Err(lease.bury(&broken, Method::Configure)),
        };
        match message::read_reply::<serde_json::Value>(CONFIGURE_ID, &reply) {
            Ok(Reply::Ok(_) | Reply::Unsupported) => {
                process.configured = true;
                Ok(())
            }
            Ok(Reply::Error(error)) => Err(error),
            Err(error) => Err(PluginError::permanent(format!(
                "{} answered `configure` with something unusable: {error}",
                self.who
            ))),
        }
    }

    /// What an idle process did, for a sentence that begins with its name.
    fn fault(&self, readiness: &Readiness, exit: Exit) -> String {
        match readiness {
            Readiness::Ready | Readiness::Gone => format!("{} {BETWEEN_CALLS}", exit.describe()),
            Readiness::Said(line) => {
                let line = quoted(&shown(line, &self.launch.redactor));
                format!("wrote `{line}`, which nobody had asked for, {BETWEEN_CALLS}")
            }
            Readiness::Hasty => "answered before it had read the whole request, and was killed".to_owned(),
        }
    }

    fn not_begun(&self, why: &str) -> PluginError {
        PluginError::transient(format!("{} was not asked: {why}", self.who))
    }

    /// A log line of a call.
    fn tell(&self, call: &Call, entry: &LogEntry) {
        call.log(entry.level, &shown(entry.message.as_bytes(), &self.launch.redactor));
    }

    /// A log line that came between two calls.
    fn between(&self, entry: &LogEntry) {
        (self.launch.log)(entry.level, &shown(entry.message.as_bytes(), &self.launch.redactor));
    }

    fn answered(&self) {
        let mut state = self.lock();
        state.deaths = 0;
        state.not_before = None;
    }

    fn died(&self) {
        let mut state = self.lock();
        let pause = PAUSES.0.saturating_mul(1 << state.deaths.min(16)).min(PAUSES.1);
        state.deaths = state.deaths.saturating_add(1);
        state.not_before = Instant::now().checked_add(pause);
    }

    /// One that was idle is gone.
    fn lost(&self) {
        self.died();
        self.lock().processes -= 1;
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// Ends those that nobody uses, and says whom they left behind.
    fn let_go(&self) -> Vec<String> {
        let mut idle = std::mem::take(&mut self.lock().idle);
        // All at once first, so that they end at the same time.
        for process in &mut idle {
            process.ask_to_end();
        }
        let begun = Instant::now();
        let mut left = Vec::new();
        for process in &mut idle {
            left.append(&mut process.let_go(FAREWELL.saturating_sub(begun.elapsed())));
        }
        let mut state = self.lock();
        state.processes -= idle.len();
        drop(state);
        self.changed.notify_all();
        left
    }
}

impl Idle for Pool {
    fn dismiss(&self) {
        let left = self.let_go();
        if !left.is_empty() {
            let (who, count) = (&self.who, left.len());
            let left = shown(left.join("`, `").as_bytes(), &self.launch.redactor);
            let text =
                format!("{who} ended and left {count} of its processes behind, which were killed: `{left}`");
            (self.launch.log)(LogLevel::Warn, &text);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.dismiss();
    }
}

/// A process in the hands of one call; without one, the right to start it.
pub(super) struct Lease<'p> {
    pool: &'p Pool,
    process: Option<Process>,
}

impl Lease<'_> {
    /// Ends the process after a failure, which becomes what a person is told.
    fn bury(&mut self, broken: &Broken, method: Method) -> PluginError {
        let (exit, last) = match &mut self.process {
            Some(process) => {
                let exit =
                    if broken.is_death() { process.end_after_closing() } else { process.end(Duration::ZERO) };
                (exit, broken.is_death().then(|| process.last_words()).flatten())
            }
            None => (Exit::Killed, None),
        };
        self.process = None;
        self.pool.died();
        broken.told(&self.pool.who, method, exit, last.as_deref(), &self.pool.launch.redactor)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let process = self.process.take().filter(|process| process.configured);
        let mut state = self.pool.lock();
        match process {
            Some(process) => state.idle.push(process),
            None => state.processes -= 1,
        }
        drop(state);
        self.pool.changed.notify_one();
    }
}

/// The way to an instance that is carried by processes.
pub(super) struct PoolWire(pub Arc<Pool>);

impl Wire for PoolWire {
    fn let_go(&self) -> Vec<String> {
        self.0.let_go()
    }

    fn exchange(&self, call: &Call, method: Method, request: &[u8]) -> Result<Vec<u8>, PluginError> {
        let pool = &self.0;
        let mut again = true;
        loop {
            let mut lease = pool.take(call)?;
            let (line, id) = dressed(request, call);
            let Some(process) = lease.process.as_mut() else {
                return Err(pool.not_begun("it has no process"));
            };
            match process.exchange(line, id, call, pool.launch.patience, &|entry| pool.tell(call, entry)) {
                Ok(reply) => {
                    pool.answered();
                    return Ok(reply);
                }
                Err(broken) => {
                    let error = lease.bury(&broken, method);
                    let harmless = !broken.sent || !method.may_have_effect();
                    if !(again && harmless && broken.is_death()) || call.should_stop() {
                        return Err(error);
                    }
                    tracing::warn!(plugin = %pool.launch.name, "{}; `{method}` is put to another process", error.message);
                    again = false;
                }
            }
        }
    }
}

/// Starts a process and asks who it is.
pub(super) fn begin(launch: &Launch, call: &Call) -> Result<(Process, Manifest), super::StartError> {
    launch.check()?;
    let spawn = |source| super::StartError::Spawn { program: launch.program.clone(), source };
    let mut process = Process::start(launch).map_err(spawn)?;
    let refused = |reason: String| super::unusable_manifest(launch, &reason);
    let request = message::request(MANIFEST_ID, Method::Manifest, &serde_json::json!({}))
        .map_err(|error| refused(error.to_string()))?;
    let (line, id) = dressed(&request, call);
    let log = |entry: &LogEntry| {
        (launch.log)(entry.level, &shown(entry.message.as_bytes(), &launch.redactor));
    };
    let reply = match process.exchange(line, id, call, launch.patience, &log) {
        Ok(reply) => reply,
        Err(broken) => {
            let exit =
                if broken.is_death() { process.end_after_closing() } else { process.end(Duration::ZERO) };
            let last = broken.is_death().then(|| process.last_words()).flatten();
            let error = broken.told("it", Method::Manifest, exit, last.as_deref(), &launch.redactor);
            return Err(refused(super::with_hint(&error)));
        }
    };
    let manifest = match message::read_reply::<Manifest>(MANIFEST_ID, &reply) {
        Ok(Reply::Ok(manifest)) => manifest,
        Ok(Reply::Error(error)) => return Err(refused(masked(error, launch).message)),
        Ok(Reply::Unsupported) => return Err(refused("it does not know the method `manifest`".to_owned())),
        Err(error) => return Err(refused(with_causes(&error))),
    };
    nexus_plugin_api::host::check_manifest(&manifest, &launch.origin)?;
    Ok((process, manifest))
}

fn masked(mut error: PluginError, launch: &Launch) -> PluginError {
    error.message = launch.redactor.mask(&error.message).into_owned();
    error
}

/// The request as a line, with the circumstances of its call, and its id.
fn dressed(request: &[u8], call: &Call) -> (Vec<u8>, Option<u64>) {
    let id = message::head(request).ok().map(|head| head.id);
    let circumstances = Circumstances {
        deadline_ms: call.time_left().map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
        scratch: (!call.scratch.as_os_str().is_empty()).then(|| PathRef::new(call.scratch.clone())),
    };
    let mut line = serde_json::to_vec(&circumstances).unwrap_or_default();
    match (line.pop(), request.strip_prefix(b"{")) {
        (Some(b'}'), Some(rest)) => {
            if line.len() > 1 && !rest.trim_ascii_start().starts_with(b"}") {
                line.push(b',');
            }
            line.extend_from_slice(rest);
        }
        // No object: it is passed on as it is, and the plugin must say so.
        _ => line = request.to_vec(),
    }
    // A line end can only stand between the parts of a message, where a blank does as well.
    for byte in &mut line {
        if *byte == b'\n' || *byte == b'\r' {
            *byte = b' ';
        }
    }
    (line, id)
}

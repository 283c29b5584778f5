//! The process carrier: a plugin that is a program, spoken to in lines of JSON.
//!
//! ```text
//! Launch: what is started, and how      Pool: the processes of one instance
//!   └ ProcessPlugin: its manifest         └ Process: two pipes and an end
//! ```
//!
//! A process is started when it is needed and kept. It has a process group of its own, is asked for its manifest
//! and given its settings first, and answers one call at a time. Whatever goes wrong costs that call at most:
//! the process is killed with its group, and the next call starts another, after a pause that grows with
//! every death until one answers.

mod child;
mod ending;
pub(crate) mod lines;
mod pool;
mod words;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nexus_plugin_api::call::LogSink;
use nexus_plugin_api::host::{self, LoadError, Origin, Wire, Wired, instance_over};
use nexus_plugin_api::{Call, Cancel, Instance, LogLevel, Manifest, Plugin, PluginError};

use super::Surroundings;
use super::call::Limits;
use super::files::{self, FileError, Program, check_pin};
use super::groups::Groups;
use crate::secret::Redactor;
use child::Process;
pub(super) use pool::BETWEEN_CALLS;
use pool::{Pool, PoolWire};

/// A program that cannot be used as a plugin, and why.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its files.
    #[error("{0}")]
    File(#[from] FileError),
    /// The system does not start it.
    #[error("failed to start `{}`{}: {source}", program.display(), files::behind(program, source))]
    Spawn {
        /// The program.
        program: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Its library or its manifest.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// How the processes of a plugin are started, and what becomes of their log.
pub struct Launch {
    /// What the log and notes call it.
    name: String,
    /// What errors call it.
    origin: Origin,
    program: PathBuf,
    arguments: Vec<OsString>,
    /// Where they start.
    folder: PathBuf,
    /// Variables that they do not inherit: those that hold secrets.
    without: Vec<String>,
    /// How many at the same time.
    processes: usize,
    /// What is looked at before every start.
    files: Files,
    /// SHA-256 that its file must have.
    pin: Option<String>,
    /// For a manifest, and for settings that are given for the first time.
    ask: Duration,
    /// How long a call that was asked to end may take to do so.
    patience: Duration,
    log: LogSink,
    redactor: Redactor,
    groups: Arc<Groups>,
}

enum Files {
    Program(Program),
    Library(PathBuf),
}

impl Launch {
    /// A program. The first of its words is looked up now.
    ///
    /// # Errors
    /// There is no such program.
    pub fn command(
        name: &str,
        words: &[String],
        surroundings: &Surroundings,
        limits: Limits,
    ) -> Result<Self, FileError> {
        let program = Program::find(words, &surroundings.folder, std::env::var_os("PATH").as_ref())?;
        let origin = Origin::Program(words.join(" "));
        let (path, arguments) = (program.path.clone(), program.arguments.clone());
        Ok(Self::new(name, origin, path, arguments, Files::Program(program), surroundings, limits))
    }

    /// A library, run by the program that `plugin_host` names with its first arguments.
    ///
    /// # Errors
    /// Nothing is there that could run it.
    pub fn library(
        name: &str,
        plugin_host: &[OsString],
        library: &Path,
        surroundings: &Surroundings,
        limits: Limits,
    ) -> Result<Self, FileError> {
        let (program, arguments) = plugin_host.split_first().ok_or(FileError::NoProgram)?;
        let arguments = arguments.iter().cloned().chain([library.into()]).collect();
        let origin = Origin::File(library.to_owned());
        let files = Files::Library(library.to_owned());
        Ok(Self::new(name, origin, program.into(), arguments, files, surroundings, limits))
    }

    fn new(
        name: &str,
        origin: Origin,
        program: PathBuf,
        arguments: Vec<OsString>,
        files: Files,
        surroundings: &Surroundings,
        limits: Limits,
    ) -> Self {
        Self {
            name: name.to_owned(),
            origin,
            program,
            arguments,
            folder: surroundings.folder.clone(),
            without: surroundings.without.clone(),
            processes: 1,
            files,
            pin: None,
            ask: limits.ask,
            patience: limits.patience.min(limits.grace / 2),
            log: log_of(name),
            redactor: surroundings.redactor.clone(),
            groups: Arc::clone(&surroundings.groups),
        }
    }

    /// So many at the same time; 1 without this.
    #[must_use]
    pub fn with_processes(self, processes: usize) -> Self {
        Self { processes: processes.max(1), ..self }
    }

    /// Its file must have this SHA-256 (lower-case hexadecimal).
    #[must_use]
    pub fn with_pin(self, pin: Option<&str>) -> Self {
        Self { pin: pin.map(str::to_owned), ..self }
    }

    /// What it writes to standard error goes there, line by line and masked; to the log without this.
    #[must_use]
    pub fn with_log(self, log: LogSink) -> Self {
        Self { log, ..self }
    }

    /// The file that makes the plugin what it is.
    pub fn file(&self) -> &Path {
        match &self.files {
            Files::Program(program) => program.identity(),
            Files::Library(path) => path,
        }
    }

    /// Nobody could have put other code there since the last look.
    fn check(&self) -> Result<(), StartError> {
        match &self.files {
            Files::Program(program) => Ok(program.check(self.pin.as_deref())?),
            Files::Library(path) => {
                host::inspect(path)?;
                Ok(check_pin(path, self.pin.as_deref())?)
            }
        }
    }

    fn call(&self) -> Call {
        let (sink, redactor) = (Arc::clone(&self.log), self.redactor.clone());
        let log: LogSink = Arc::new(move |level, message| sink(level, &redactor.mask(message)));
        Call::new(Instant::now().checked_add(self.ask), Cancel::new(), PathBuf::new(), log)
    }
}

/// A plugin that is carried by processes of its own. Its first process is kept for its first instance.
pub struct ProcessPlugin {
    launch: Arc<Launch>,
    manifest: Manifest,
    first: Mutex<Option<Process>>,
}

impl ProcessPlugin {
    /// Starts a process and asks who it is.
    ///
    /// # Errors
    /// It cannot be started, or is no plugin that can be used.
    pub fn start(launch: Launch) -> Result<Self, StartError> {
        let (process, manifest) = pool::begin(&launch, &launch.call())?;
        Ok(Self { launch: Arc::new(launch), manifest, first: Mutex::new(Some(process)) })
    }
}

impl Plugin for ProcessPlugin {
    fn manifest(&self) -> Manifest {
        self.manifest.clone()
    }

    fn create(&self, settings: &serde_json::Value) -> Result<Instance, PluginError> {
        let who = who(&self.manifest.name, &self.launch);
        Ok(instance_over(&who, self.manifest.kind, self.connect(settings)?))
    }
}

impl Wired for ProcessPlugin {
    fn connect(&self, settings: &serde_json::Value) -> Result<Box<dyn Wire>, PluginError> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let pool = Pool::new(Arc::clone(&self.launch), self.manifest.clone(), settings, first);
        // Now, so that settings it refuses are refused with the configuration.
        drop(pool.take(&self.launch.call())?);
        Ok(Box::new(PoolWire(pool)))
    }
}

/// The plugin's name and file, for messages.
fn who(name: &str, launch: &Launch) -> String {
    match &launch.origin {
        Origin::File(path) => format!("plugin `{name}` ({})", path.display()),
        Origin::Program(command) => format!("plugin `{name}` ({command})"),
        Origin::Linked => format!("plugin `{name}`"),
    }
}

fn unusable_manifest(launch: &Launch, reason: &str) -> StartError {
    StartError::Load(LoadError::Manifest { origin: launch.origin.clone(), reason: reason.to_owned() })
}

fn with_hint(error: &PluginError) -> String {
    match &error.hint {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message.clone(),
    }
}

/// The program's own log, under the plugin's name.
pub(super) fn log_of(name: &str) -> LogSink {
    let name = name.to_owned();
    Arc::new(move |level, message| match level {
        LogLevel::Error => tracing::error!(plugin = %name, "{message}"),
        LogLevel::Warn => tracing::warn!(plugin = %name, "{message}"),
        LogLevel::Info => tracing::info!(plugin = %name, "{message}"),
        LogLevel::Debug => tracing::debug!(plugin = %name, "{message}"),
        LogLevel::Trace => tracing::trace!(plugin = %name, "{message}"),
    })
}

#[cfg(test)]
mod tests;

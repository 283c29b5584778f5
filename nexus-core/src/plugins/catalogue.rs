//! The plugins there are: linked ones by name, others by their file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nexus_plugin_api::host::{self, Wired};
use nexus_plugin_api::{Manifest, Plugin, PluginKind};

use super::OpenError;
use super::call::Limits;
use super::files::{FileError, check_pin};
use super::groups::Groups;
use super::process::{Launch, ProcessPlugin, StartError};
use crate::config::{Carrier, Config, Isolation, SecretSource};
use crate::secret::Redactor;

/// Below the data folder: the notes of plugins' process groups.
const GROUPS_FOLDER: &str = ".plugins";

/// The plugins linked into a program, and how it runs others.
#[derive(Clone, Default)]
pub struct Catalogue {
    linked: Vec<Arc<dyn Plugin>>,
    pub(super) limits: Limits,
    /// The program that runs a library in a process of its own, and its first arguments.
    plugin_host: Vec<OsString>,
}

/// What plugins need of their surroundings, the same for all of a facility.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The folder for files that cross.
    pub scratch: PathBuf,
    /// Where plugins that are programs start: the folder of the configuration.
    pub folder: PathBuf,
    /// What must never be shown; also of what a plugin writes to its log.
    pub redactor: Redactor,
    /// Variables of the environment that plugins do not inherit.
    pub without: Vec<String>,
    /// Where their process groups are noted.
    pub groups: Arc<Groups>,
}

impl Surroundings {
    /// The surroundings of a configuration: its folder, the variables that it names as secrets, and the notes of
    /// process groups in its data folder.
    pub fn of(config: &Config, scratch: PathBuf) -> Self {
        let variable = |(_, source): (String, &SecretSource)| match source {
            SecretSource::Env(name) => Some(name.clone()),
            SecretSource::File(_) | SecretSource::Value(_) => None,
        };
        Self {
            scratch,
            folder: config.folder.clone(),
            redactor: Redactor::default(),
            without: config.secrets().into_iter().filter_map(variable).collect(),
            groups: Arc::new(Groups::at(config.storage.data.join(GROUPS_FOLDER))),
        }
    }
}

impl Catalogue {
    /// The plugins linked into a program.
    pub fn new(linked: Vec<Arc<dyn Plugin>>) -> Self {
        Self { linked, ..Self::default() }
    }

    /// The same plugins, with other deadlines for their calls.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The same plugins; libraries run under this program, whose last argument is the library's path.
    #[must_use]
    pub fn with_plugin_host(self, words: Vec<OsString>) -> Self {
        Self { plugin_host: words, ..self }
    }

    /// The linked plugins, in the order they were named.
    pub fn linked(&self) -> &[Arc<dyn Plugin>] {
        &self.linked
    }

    /// The plugin that a carrier brings. Of linked plugins of one name, the one of the wanted `kind` is taken.
    /// `table` is what an error names: a table of the configuration, or what the person typed.
    ///
    /// # Errors
    /// There is no such plugin, or its file cannot be used.
    pub fn load(
        &self,
        carrier: &Carrier,
        kind: Option<PluginKind>,
        table: &str,
        surroundings: &Surroundings,
    ) -> Result<Arc<dyn Wired>, OpenError> {
        let table = table.to_owned();
        match carrier {
            Carrier::Linked { plugin } => {
                let found = self.find(plugin, kind).ok_or_else(|| OpenError::Unknown {
                    table: table.clone(),
                    kind: kind.map_or_else(String::new, |kind| format!("{kind} ")),
                    plugin: plugin.clone(),
                    known: self.names(kind),
                })?;
                // A panic in a linked plugin ends its call, not the run.
                match host::Guarded::new(found) {
                    Ok(guarded) => Ok(Arc::new(guarded)),
                    Err(error) => Err(OpenError::Load { table, error }),
                }
            }
            Carrier::Library { path, sha256, isolation: Isolation::Process, processes } => {
                let name = short(&table);
                let host = &self.plugin_host;
                let launch = Launch::library(name, host, path, surroundings, self.limits);
                start(&table, launch, sha256.as_deref(), *processes)
            }
            Carrier::Library { path, sha256, isolation: Isolation::None, .. } => {
                library(table, path, sha256.as_deref())
            }
            Carrier::Command { words, sha256, processes } => {
                let launch = Launch::command(short(&table), words, surroundings, self.limits);
                start(&table, launch, sha256.as_deref(), *processes)
            }
        }
    }

    fn find(&self, name: &str, kind: Option<PluginKind>) -> Option<Arc<dyn Plugin>> {
        let named = |plugin: &&Arc<dyn Plugin>| plugin.manifest().name == name;
        let fits = |plugin: &&Arc<dyn Plugin>| {
            named(plugin) && kind.is_none_or(|kind| plugin.manifest().kind == kind)
        };
        self.linked.iter().find(fits).or_else(|| self.linked.iter().find(named)).cloned()
    }

    fn names(&self, kind: Option<PluginKind>) -> String {
        let wanted = |manifest: &Manifest| kind.is_none_or(|kind| manifest.kind == kind);
        let names: Vec<String> =
            self.linked.iter().map(Plugin::manifest).filter(wanted).map(|m| m.name).collect();
        names.join(", ")
    }
}

/// What the log calls the plugin of a table: `destinations.cdcs` is `cdcs`.
fn short(table: &str) -> &str {
    match table.split_once('.') {
        Some(("harvesters" | "destinations" | "extractors", name)) => name,
        _ => table,
    }
}

fn start(
    table: &str,
    launch: Result<Launch, FileError>,
    pin: Option<&str>,
    processes: usize,
) -> Result<Arc<dyn Wired>, OpenError> {
    let started = launch
        .map_err(StartError::from)
        .and_then(|launch| ProcessPlugin::start(launch.with_pin(pin).with_processes(processes)));
    match started {
        Ok(plugin) => Ok(Arc::new(plugin)),
        Err(error) => Err(OpenError::Start { table: table.to_owned(), error }),
    }
}

fn library(table: String, path: &Path, pin: Option<&str>) -> Result<Arc<dyn Wired>, OpenError> {
    if let Err(error) = check_pin(path, pin) {
        return Err(OpenError::Start { table, error: error.into() });
    }
    match host::open(path) {
        Ok(plugin) => Ok(Arc::new(plugin)),
        Err(error) => Err(OpenError::Load { table, error }),
    }
}

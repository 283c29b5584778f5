//! From the configuration's tables to plugin instances.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nexus_plugin_api::host::{self, LoadError};
use nexus_plugin_api::{Instance, Plugin, PluginError, PluginKind};

use super::call::{Caller, Limits};
use super::{DestinationInstance, HarvesterInstance};
use crate::config::{self, Carrier, Config, Isolation, PluginSettings, Problem, SecretError};
use crate::record::sha256_hex;
use crate::secret::Redactor;

/// The plugins linked into a program.
#[derive(Clone, Default)]
pub struct Catalogue {
    linked: Vec<Arc<dyn Plugin>>,
    limits: Limits,
}

/// The instances a configuration makes.
#[derive(Debug, Default)]
pub struct Plugins {
    /// Harvesters, in the order of the file.
    pub harvesters: Vec<HarvesterInstance>,
    /// Destinations, by falling priority, then in the order of the file.
    pub destinations: Vec<DestinationInstance>,
}

/// A table of the configuration that makes no instance.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No linked plugin has this name.
    #[error("[{table}]: there is no {kind} plugin `{plugin}`; there are: {known}")]
    Unknown {
        /// The table.
        table: String,
        /// What was wanted.
        kind: PluginKind,
        /// The name.
        plugin: String,
        /// The names there are.
        known: String,
    },
    /// The plugin is of another kind.
    #[error("[{table}]: plugin `{plugin}` is a {is}, not a {wanted}")]
    OtherKind {
        /// The table.
        table: String,
        /// Its name.
        plugin: String,
        /// Its kind.
        is: PluginKind,
        /// The kind the table is for.
        wanted: PluginKind,
    },
    /// Its settings are not as its schema wants them.
    #[error(
        "the settings in [{table}] cannot be used\n\n{}",
        .problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n")
    )]
    Settings {
        /// The table.
        table: String,
        /// What is wrong.
        problems: Vec<Problem>,
    },
    /// A secret cannot be fetched.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The plugin refuses its settings.
    #[error("[{table}]: plugin `{plugin}` refuses its settings: {error}")]
    Refused {
        /// The table.
        table: String,
        /// Its name.
        plugin: String,
        /// Why.
        error: PluginError,
    },
    /// The library cannot be loaded.
    #[error("[{table}]: {error}")]
    Load {
        /// The table.
        table: String,
        /// Why.
        error: LoadError,
    },
    /// The library cannot be read.
    #[error("[{table}]: `{}` cannot be read", path.display())]
    Unreadable {
        /// The table.
        table: String,
        /// The library.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The library is not the one that was pinned.
    #[error("[{table}]: `{}` has SHA-256 {found}, not the pinned {wanted}", path.display())]
    Pin {
        /// The table.
        table: String,
        /// The library.
        path: PathBuf,
        /// Its digest.
        found: String,
        /// The digest of the configuration.
        wanted: String,
    },
    /// This version cannot run the plugin that way.
    #[error("[{table}]: this version of nexus cannot run {what}")]
    Carrier {
        /// The table.
        table: String,
        /// What it cannot run, and what to write instead.
        what: &'static str,
    },
}

impl Catalogue {
    /// The plugins linked into a program.
    pub fn new(linked: Vec<Arc<dyn Plugin>>) -> Self {
        Self { linked, limits: Limits::default() }
    }

    /// The same plugins, with other deadlines for their calls.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Makes every instance the configuration names; all mistakes are told together.
    ///
    /// # Errors
    /// One per table that makes no instance.
    pub fn open(
        &self,
        config: &Config,
        scratch: &Path,
        redactor: &Redactor,
    ) -> Result<Plugins, Vec<OpenError>> {
        let (mut plugins, mut errors) = (Plugins::default(), Vec::new());
        let caller =
            |name: &str| Caller::new(name.to_owned(), scratch.to_owned(), self.limits, redactor.clone());
        for table in &config.harvesters {
            match self.instance(&table.carrier, &table.settings, PluginKind::Harvester, redactor) {
                Ok((plugin, Instance::Harvester(harvester))) => plugins.harvesters.push(HarvesterInstance {
                    name: table.name.clone(),
                    plugin,
                    address: table.address.clone(),
                    aliases: table.aliases.clone(),
                    instruments: table.instruments.clone(),
                    reservations_from: table.reservations_from.clone(),
                    caller: caller(table.name.as_str()),
                    harvester: Arc::from(harvester),
                }),
                Ok((plugin, other)) => {
                    errors.push(other_kind(&table.settings, plugin, &other, PluginKind::Harvester));
                }
                Err(error) => errors.push(error),
            }
        }
        for table in &config.destinations {
            let digest = match config.digest_of(table) {
                Ok(digest) => digest,
                Err(error) => {
                    errors.push(error.into());
                    continue;
                }
            };
            match self.instance(&table.carrier, &table.settings, PluginKind::Destination, redactor) {
                Ok((plugin, Instance::Destination(destination))) => {
                    plugins.destinations.push(DestinationInstance {
                        name: table.name.clone(),
                        plugin,
                        priority: table.priority,
                        after: table.after.clone(),
                        config_digest: digest,
                        caller: caller(table.name.as_str()),
                        destination: Arc::from(destination),
                    });
                }
                Ok((plugin, other)) => {
                    errors.push(other_kind(&table.settings, plugin, &other, PluginKind::Destination));
                }
                Err(error) => errors.push(error),
            }
        }
        plugins.destinations.sort_by_key(|destination| std::cmp::Reverse(destination.priority));
        if errors.is_empty() { Ok(plugins) } else { Err(errors) }
    }

    fn instance(
        &self,
        carrier: &Carrier,
        settings: &PluginSettings,
        kind: PluginKind,
        redactor: &Redactor,
    ) -> Result<(String, Instance), OpenError> {
        let table = settings.table().to_owned();
        let plugin = self.plugin(carrier, &table, kind)?;
        let manifest = plugin.manifest();
        if manifest.kind != kind {
            return Err(OpenError::OtherKind {
                table,
                plugin: manifest.name,
                is: manifest.kind,
                wanted: kind,
            });
        }
        let problems = config::check_settings(settings, &manifest.settings);
        if !problems.is_empty() {
            return Err(OpenError::Settings { table, problems });
        }
        let resolved = settings.resolve(&manifest.settings, redactor)?;
        match plugin.create(&resolved) {
            Ok(instance) => Ok((manifest.name, instance)),
            Err(mut error) => {
                error.message = redactor.mask(&error.message).into_owned();
                Err(OpenError::Refused { table, plugin: manifest.name, error })
            }
        }
    }

    fn plugin(&self, carrier: &Carrier, table: &str, kind: PluginKind) -> Result<Arc<dyn Plugin>, OpenError> {
        let table = table.to_owned();
        match carrier {
            Carrier::Linked { plugin } => {
                let found = self.find(plugin, kind).ok_or_else(|| OpenError::Unknown {
                    table: table.clone(),
                    kind,
                    plugin: plugin.clone(),
                    known: self.names(kind),
                })?;
                // A panic in a linked plugin ends its call, not the run.
                match host::Guarded::new(found) {
                    Ok(guarded) => Ok(Arc::new(guarded)),
                    Err(error) => Err(OpenError::Load { table, error }),
                }
            }
            Carrier::Library { isolation: Isolation::Process, .. } => Err(OpenError::Carrier {
                table,
                what: "a library in a process of its own: to load it into this one, where a crash of the plugin is a \
                       crash of the run, write isolation = \"none\"",
            }),
            Carrier::Library { path, sha256, isolation: Isolation::None } => {
                library(table, path, sha256.as_deref())
            }
            Carrier::Command { .. } => {
                Err(OpenError::Carrier { table, what: "a plugin that is a program (`command`)" })
            }
        }
    }

    fn find(&self, name: &str, kind: PluginKind) -> Option<Arc<dyn Plugin>> {
        let named = |plugin: &&Arc<dyn Plugin>| plugin.manifest().name == name;
        let fits = |plugin: &&Arc<dyn Plugin>| named(plugin) && plugin.manifest().kind == kind;
        self.linked.iter().find(fits).or_else(|| self.linked.iter().find(named)).cloned()
    }

    fn names(&self, kind: PluginKind) -> String {
        let names: Vec<String> =
            self.linked.iter().map(Plugin::manifest).filter(|m| m.kind == kind).map(|m| m.name).collect();
        names.join(", ")
    }
}

fn library(table: String, path: &Path, pin: Option<&str>) -> Result<Arc<dyn Plugin>, OpenError> {
    if let Some(wanted) = pin {
        let bytes = std::fs::read(path).map_err(|source| OpenError::Unreadable {
            table: table.clone(),
            path: path.to_owned(),
            source,
        })?;
        let found = sha256_hex(&bytes);
        if found != wanted {
            return Err(OpenError::Pin { table, path: path.to_owned(), found, wanted: wanted.to_owned() });
        }
    }
    match host::open(path) {
        Ok(plugin) => Ok(Arc::new(plugin)),
        Err(error) => Err(OpenError::Load { table, error }),
    }
}

fn other_kind(
    settings: &PluginSettings,
    plugin: String,
    instance: &Instance,
    wanted: PluginKind,
) -> OpenError {
    OpenError::OtherKind { table: settings.table().to_owned(), plugin, is: instance.kind(), wanted }
}

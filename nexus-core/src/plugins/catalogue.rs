//! The plugins there are: linked ones by name, others by their file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nexus_plugin_api::host::{self, Wired};
use nexus_plugin_api::{Manifest, Plugin, PluginKind};

use super::OpenError;
use super::call::Limits;
use crate::config::{Carrier, Isolation};
use crate::record::sha256_hex;
use crate::secret::Redactor;

/// The plugins linked into a program, and how it runs others.
#[derive(Clone, Default)]
pub struct Catalogue {
    linked: Vec<Arc<dyn Plugin>>,
    pub(super) limits: Limits,
    /// The program that runs a library in a process of its own, and its first arguments.
    #[allow(dead_code, reason = "until the process carrier is there")]
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
        _surroundings: &Surroundings,
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

fn library(table: String, path: &Path, pin: Option<&str>) -> Result<Arc<dyn Wired>, OpenError> {
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

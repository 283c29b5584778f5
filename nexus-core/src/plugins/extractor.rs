//! An extractor as the configuration names it.

use std::path::Path;
use std::sync::Arc;

use nexus_plugin_api::{CheckReport, Extractor, Instance, PathRef, PluginKind, Signal};

use super::call::{CallError, Caller};
use super::instances::other_kind;
use super::{Catalogue, OpenError, Surroundings};
use crate::config::{Config, ExtractorConfig};
use crate::ids::ExtractorName;

/// How many files an extractor may hang on before it is off for the run. A call that is left behind can do no
/// harm, since extractors only read, but each keeps a thread for ever.
const PATIENCE: usize = 4;

/// One `[extractors.NAME]` table, ready to read files.
///
/// Many threads of the build call it at once. Every call has a thread to itself, for linked extractors too: a reader of
/// foreign formats that hangs on one damaged file must not hang the run, and only a thread can be left behind.
pub struct ExtractorInstance {
    /// Its name in the configuration.
    pub name: ExtractorName,
    /// The plugin's own name; what records call it.
    pub plugin: String,
    /// The plugin's own version, for records.
    pub version: String,
    /// Suffixes of the files that it is asked about: lower case, without the dot.
    pub suffixes: Vec<String>,
    /// Higher is asked first.
    pub priority: i32,
    pub(super) caller: Caller,
    pub(super) extractor: Arc<dyn Extractor>,
}

impl ExtractorInstance {
    /// Whether too many calls of it never ended, so that it is not asked again in this run.
    pub fn is_off(&self) -> bool {
        self.caller.is_off()
    }

    /// What it reads out of a file; `None` if it says that the file is not one of its own. Pictures are drawn
    /// into `scratch`, a folder for this call alone.
    ///
    /// # Errors
    /// What the plugin says, or that it did not answer in time.
    pub fn read(&self, path: &Path, scratch: &Path) -> Result<Option<Vec<Signal>>, CallError> {
        let (extractor, path) = (Arc::clone(&self.extractor), PathRef::new(path));
        self.caller.within_using(scratch.to_owned(), "extract", self.caller.limits.extract, move |call| {
            if extractor.accepts(call, &path)? { extractor.extract(call, &path).map(Some) } else { Ok(None) }
        })
    }

    /// The same without being asked whether the file is one of its own.
    ///
    /// # Errors
    /// What the plugin says, or that it did not answer in time.
    pub fn extract(&self, path: &Path, scratch: &Path) -> Result<Vec<Signal>, CallError> {
        let (extractor, path) = (Arc::clone(&self.extractor), PathRef::new(path));
        self.caller.within_using(scratch.to_owned(), "extract", self.caller.limits.extract, move |call| {
            extractor.extract(call, &path)
        })
    }

    /// Whether it can work now.
    ///
    /// # Errors
    /// What the plugin says, or that it did not answer in time.
    pub fn check(&self) -> Result<CheckReport, CallError> {
        let extractor = Arc::clone(&self.extractor);
        self.caller.within("check", self.caller.limits.ask, move |call| extractor.check(call))
    }
}

impl std::fmt::Debug for ExtractorInstance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExtractorInstance")
            .field("name", &self.name)
            .field("plugin", &self.plugin)
            .finish_non_exhaustive()
    }
}

impl Catalogue {
    /// The extractors that the configuration names, in the order of the file, and those that cannot be had.
    pub fn extractors(
        &self,
        config: &Config,
        surroundings: &Surroundings,
    ) -> (Vec<Arc<ExtractorInstance>>, Vec<OpenError>) {
        let (mut made, mut errors) = (Vec::new(), Vec::new());
        for table in &config.extractors {
            match self.extractor(table, surroundings) {
                Ok(extractor) => made.push(Arc::new(extractor)),
                Err(error) => errors.push(error),
            }
        }
        (made, errors)
    }

    fn extractor(
        &self,
        table: &ExtractorConfig,
        surroundings: &Surroundings,
    ) -> Result<ExtractorInstance, OpenError> {
        let (manifest, instance) =
            self.instance(&table.carrier, &table.settings, PluginKind::Extractor, surroundings)?;
        let Instance::Extractor(extractor) = instance else {
            return Err(other_kind(&table.settings, manifest, &instance, PluginKind::Extractor));
        };
        let suffixes = table.suffixes.clone().unwrap_or_else(|| bare(&manifest.suffixes));
        if suffixes.is_empty() {
            let table = table.settings.table().to_owned();
            return Err(OpenError::NoSuffixes { table, plugin: manifest.name });
        }
        let Surroundings { scratch, redactor, .. } = surroundings;
        let mut caller = Caller::new(table.name.to_string(), scratch.clone(), self.limits, redactor.clone())
            .with_turns(table.carrier.at_once());
        caller.patience = PATIENCE;
        Ok(ExtractorInstance {
            name: table.name.clone(),
            plugin: manifest.name,
            version: manifest.version,
            suffixes,
            priority: table.priority.unwrap_or(manifest.priority),
            caller,
            extractor: Arc::from(extractor),
        })
    }
}

/// A plugin may write `.TIF`.
fn bare(suffixes: &[String]) -> Vec<String> {
    let bare = suffixes.iter().map(|suffix| suffix.trim_start_matches('.').to_lowercase());
    bare.filter(|suffix| !suffix.is_empty()).collect()
}

//! An extractor that does as it is told, file by file.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use nexus_plugin_api::{
    Call, CheckReport, Extractor, Instance, Manifest, MetaMap, MetaValue, PathRef, Plugin, PluginError,
    PluginKind, Signal,
};

type Deed = Arc<dyn Fn(&Call, &Path) -> Result<Vec<Signal>, PluginError> + Send + Sync>;

/// Reads texts: tells their length, unless told otherwise. Shared by its clones.
#[derive(Clone)]
pub struct ScriptedExtractor {
    /// The version in its manifest.
    pub version: &'static str,
    deeds: Arc<Mutex<Vec<(String, Deed)>>>,
}

impl Default for ScriptedExtractor {
    fn default() -> Self {
        Self { version: "7.2.1", deeds: Arc::default() }
    }
}

impl ScriptedExtractor {
    /// Does this with the files that have `part` in their names.
    pub fn when(
        &self,
        part: &str,
        deed: impl Fn(&Call, &Path) -> Result<Vec<Signal>, PluginError> + Send + Sync + 'static,
    ) {
        self.deeds.lock().unwrap_or_else(PoisonError::into_inner).push((part.to_owned(), Arc::new(deed)));
    }

    /// One signal with these values.
    pub fn image(values: &[(&str, MetaValue)]) -> Signal {
        let mut metadata = MetaMap::default();
        for (key, value) in values {
            metadata.insert(*key, value.clone());
        }
        Signal { dataset_type: "Image".to_owned(), metadata, warnings: Vec::new(), preview: None }
    }
}

impl Plugin for ScriptedExtractor {
    fn manifest(&self) -> Manifest {
        let manifest = Manifest::new("scripted-reader", self.version, PluginKind::Extractor);
        Manifest { suffixes: vec![".TXT".to_owned()], priority: 5, ..manifest }
    }

    fn create(&self, _settings: &serde_json::Value) -> Result<Instance, PluginError> {
        Ok(Instance::Extractor(Box::new(self.clone())))
    }
}

impl Extractor for ScriptedExtractor {
    fn accepts(&self, _call: &Call, path: &PathRef) -> Result<bool, PluginError> {
        Ok(!path.as_path().to_string_lossy().contains("declined"))
    }

    fn extract(&self, call: &Call, path: &PathRef) -> Result<Vec<Signal>, PluginError> {
        let path = path.as_path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let deeds = self.deeds.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, deed)) = deeds.iter().find(|(part, _)| name.contains(part.as_str())) {
            return deed(call, path);
        }
        let length = std::fs::metadata(path).map_err(|error| PluginError::permanent(error.to_string()))?;
        Ok(vec![Self::image(&[("Length", MetaValue::Text(length.len().to_string()))])])
    }

    fn check(&self, _call: &Call) -> Result<CheckReport, PluginError> {
        Ok(CheckReport::default())
    }
}

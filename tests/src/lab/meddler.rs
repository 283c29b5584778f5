//! Somebody who changes files at the moment when they are read.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use nexus_core::extract::Readers;
use nexus_plugin_api::{Call, CheckReport, Extractor, MetaMap, MetaValue, PathRef, PluginError, Signal};

type Deed = Box<dyn Fn(&Path) + Send>;

/// Does something when a file is read whose name has a certain ending. Shared by its clones.
#[derive(Clone, Default)]
pub struct Meddler(Arc<Mutex<Vec<(String, Deed)>>>);

impl Meddler {
    /// Nothing is done yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// When a file whose name ends so is read, does this after its first bytes.
    #[must_use]
    pub fn when(self, ending: &str, deed: impl Fn(&Path) + Send + 'static) -> Self {
        self.0.lock().unwrap().push((ending.to_owned(), Box::new(deed)));
        self
    }

    /// The readers of a facility with this meddler about: they tell the length of each file.
    pub fn readers(&self, scratch: &Path) -> Readers {
        Readers::new(scratch).with("meddled", &["txt"], 0, Arc::new(Reader(self.clone())))
    }
}

struct Reader(Meddler);

impl Extractor for Reader {
    fn accepts(&self, _call: &Call, _path: &PathRef) -> Result<bool, PluginError> {
        Ok(true)
    }

    fn extract(&self, _call: &Call, path: &PathRef) -> Result<Vec<Signal>, PluginError> {
        let path = path.as_path();
        let bytes = fs::read(path).map_err(|error| PluginError::permanent(error.to_string()))?;
        let name = path.file_name().unwrap().to_string_lossy();
        for (_, deed) in self.0.0.lock().unwrap().iter().filter(|(ending, _)| name.ends_with(ending.as_str()))
        {
            deed(path);
        }
        let mut metadata = MetaMap::default();
        metadata.insert("Length", MetaValue::Text(bytes.len().to_string()));
        Ok(vec![Signal { dataset_type: "Image".to_owned(), metadata, warnings: Vec::new(), preview: None }])
    }

    fn check(&self, _call: &Call) -> Result<CheckReport, PluginError> {
        Ok(CheckReport::default())
    }
}

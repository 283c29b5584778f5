//! An extractor: "what does this file say about itself?"

use serde::{Deserialize, Serialize};

use crate::{Action, ActionOutcome, Call, CheckReport, MetaMap, PathRef, PluginError};

/// One signal of a file: an image, a spectrum, …; most files hold one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Signal {
    /// The dataset type of the record: `Image`, `Spectrum`, `SpectrumImage`, `Diffraction`, `Misc`, `Unknown`.
    pub dataset_type: String,
    /// Metadata, nested as the extractor likes; the host flattens it.
    pub metadata: MetaMap,
    /// Key paths of values that deserve a warning.
    #[serde(default)]
    pub warnings: Vec<Vec<String>>,
    /// A preview picture (PNG) the extractor made in the call's scratch folder, if any.
    #[serde(default)]
    pub preview: Option<PathRef>,
}

/// Reads metadata out of files.
pub trait Extractor: Send + Sync {
    /// Whether this file is one of its own. Called only for the suffixes of its manifest;
    /// must be cheap (read the first bytes).
    fn accepts(&self, call: &Call, path: &PathRef) -> Result<bool, PluginError>;

    /// Reads the file. Never writes beside it.
    fn extract(&self, call: &Call, path: &PathRef) -> Result<Vec<Signal>, PluginError>;

    /// Whether it can work (an interpreter found, a library loaded).
    fn check(&self, call: &Call) -> Result<CheckReport, PluginError>;

    /// The actions this extractor offers.
    fn actions(&self) -> Vec<Action> {
        Vec::new()
    }

    /// Runs one of them.
    fn run_action(
        &self,
        _call: &Call,
        name: &str,
        _arguments: &serde_json::Value,
    ) -> Result<ActionOutcome, PluginError> {
        Err(PluginError::permanent(format!("there is no action `{name}`")))
    }
}

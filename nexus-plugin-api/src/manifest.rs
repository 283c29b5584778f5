//! What a plugin says about itself before anything is asked of it.

use serde::{Deserialize, Serialize};

/// The protocol this crate speaks, `major.minor`. A host refuses another major by name; minors only add.
///
/// | version | what came |
/// |---|---|
/// | 1.0 | manifest, check, harvest, reservations, instruments, target, find, deliver, accepts, extract, actions |
pub const PROTOCOL_VERSION: &str = "1.0";

/// What a plugin does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum PluginKind {
    /// Brings sessions and reservations.
    Harvester,
    /// Takes records.
    Destination,
    /// Reads files.
    Extractor,
}

impl PluginKind {
    /// The word that is shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Harvester => "harvester",
            Self::Destination => "destination",
            Self::Extractor => "extractor",
        }
    }
}

impl std::fmt::Display for PluginKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The words of [`Manifest::capabilities`]. They are shown to people before anything is configured, and the
/// conformance kit holds a plugin to them; what counts in a run is what it answers.
pub mod capability {
    /// Destination: it can tell whether an object for a session exists.
    pub const FIND: &str = "find";
    /// Destination: a delivery may take several steps and is resumed from its checkpoint.
    pub const STEPS: &str = "steps";
    /// Destination: a record that has changed replaces what was delivered before.
    pub const UPDATE: &str = "update";
    /// Harvester: it can list the instruments of its source.
    pub const INSTRUMENTS: &str = "instruments";
    /// Extractor: it draws previews.
    pub const PREVIEWS: &str = "previews";
    /// Any kind: it offers actions.
    pub const ACTIONS: &str = "actions";
}

/// The plugin's identity card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Manifest {
    /// The word that configurations use: lower case, digits, hyphens, underscores.
    pub name: String,
    /// The plugin's own version.
    pub version: String,
    /// What it does.
    pub kind: PluginKind,
    /// The protocol it speaks, `major.minor`.
    pub protocol: String,
    /// One sentence for the listing.
    #[serde(default)]
    pub summary: String,
    /// JSON Schema of its settings (an object schema); a property with `"secret": true` is a secret.
    #[serde(default)]
    pub settings: serde_json::Value,
    /// What it can do beyond what its kind must: the words of [`capability`]. Unknown words are left alone.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// For an extractor: the suffixes it reads, lower case, without the dot.
    #[serde(default)]
    pub suffixes: Vec<String>,
    /// For an extractor: higher is asked first.
    #[serde(default)]
    pub priority: i32,
}

impl Manifest {
    /// A manifest of the given name and kind that speaks [`PROTOCOL_VERSION`].
    #[must_use]
    pub fn new(name: &str, version: &str, kind: PluginKind) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            kind,
            protocol: PROTOCOL_VERSION.to_owned(),
            summary: String::new(),
            settings: serde_json::json!({"type": "object", "properties": {}}),
            capabilities: Vec::new(),
            suffixes: Vec::new(),
            priority: 0,
        }
    }

    /// Adds the sentence for the listing.
    #[must_use]
    pub fn with_summary(mut self, summary: &str) -> Self {
        summary.clone_into(&mut self.summary);
        self
    }

    /// Adds what it can do beyond what its kind must: words of [`capability`].
    #[must_use]
    pub fn with_capabilities(mut self, words: &[&str]) -> Self {
        self.capabilities = words.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Adds the JSON Schema of the settings.
    #[must_use]
    pub fn with_settings(mut self, schema: serde_json::Value) -> Self {
        self.settings = schema;
        self
    }
}

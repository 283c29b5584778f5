//! The settings of one tree.

use std::path::PathBuf;

use nexus_plugin_api::PluginError;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::layout::Layout;

/// The settings, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The root: must exist.
    pub path: PathBuf,
    /// Where a record goes below it.
    pub layout: Layout,
    /// Whether preview pictures go along.
    pub previews: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    path: String,
    layout: Option<String>,
    #[serde(default)]
    previews: bool,
}

impl Settings {
    /// Reads and checks the plugin's table of the configuration.
    pub fn read(settings: &Value) -> Result<Self, PluginError> {
        let written = Written::deserialize(settings)
            .map_err(|error| PluginError::permanent(format!("settings of the folder: {error}")))?;
        if written.path.trim().is_empty() {
            return Err(PluginError::permanent("settings of the folder: `path` is blank"));
        }
        let layout = Layout::parse(written.layout.as_deref().unwrap_or(Layout::DEFAULT))
            .map_err(|reason| PluginError::permanent(format!("settings of the folder: `layout` {reason}")))?;
        Ok(Self { path: PathBuf::from(written.path), layout, previews: written.previews })
    }
}

/// JSON Schema of the settings.
pub fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["path"],
        "additionalProperties": false,
        "properties": {
            "path": {
                "type": "string",
                "format": "path",
                "description": "The folder that holds the tree. It must exist: a missing one is taken for a \
                                share that is not mounted, and never made."
            },
            "layout": {
                "type": "string",
                "default": Layout::DEFAULT,
                "description": "Where a record goes below it: {year} {month} {day} of the session's start, \
                                {instrument} (its PID), {user}, {name} (unique), {key} (unique). The file name \
                                must hold {name} or {key} and end in .xml."
            },
            "previews": {
                "type": "boolean",
                "default": false,
                "description": "Whether the preview pictures are copied beside the record."
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_settings_are_named() {
        for (settings, word) in [
            (json!({}), "path"),
            (json!({"path": ""}), "blank"),
            (json!({"path": "/x", "preview": true}), "preview"),
            (json!({"path": "/x", "layout": "{nme}.xml"}), "{nme}"),
            (json!({"path": "/x", "previews": "yes"}), "boolean"),
        ] {
            let message = Settings::read(&settings).unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
        assert!(Settings::read(&json!({"path": "/x"})).is_ok());
    }

    #[test]
    fn the_path_is_marked_for_the_host() {
        assert_eq!(schema()["properties"]["path"]["format"], "path");
    }
}

//! The settings of one log.

use std::path::PathBuf;

use nexus_plugin_api::PluginError;
use nexus_plugin_consent::Affirmative;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::column::COLUMNS;
use crate::consent::DEFAULT_AFFIRMATIVE;

/// How the file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A header row, then one row per use.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// What a log without the column `consent` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnAbsent {
    /// The facility asks for consent elsewhere: every row has it.
    Assume,
    /// No row has it.
    Require,
}

/// The settings, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The log.
    pub path: PathBuf,
    /// How it is written.
    pub format: Format,
    /// Goes into the session identifiers: frozen.
    pub name: String,
    /// Between the cells of a row; `None`: seen from the header.
    pub delimiter: Option<u8>,
    /// The answers that mean yes.
    pub affirmative: Affirmative,
    /// What a log without the column `consent` means.
    pub column_absent: ColumnAbsent,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    path: String,
    format: Option<Format>,
    name: Option<String>,
    delimiter: Option<String>,
    affirmative: Option<Vec<String>>,
    consent: Option<ColumnAbsent>,
}

impl Settings {
    /// Reads and checks the plugin's table of the configuration.
    pub fn read(settings: &Value) -> Result<Self, PluginError> {
        let written = Written::deserialize(settings)
            .map_err(|error| PluginError::permanent(format!("settings of the logbook: {error}")))?;
        if written.path.trim().is_empty() {
            return Err(PluginError::permanent("settings of the logbook: `path` is blank"));
        }
        let path = PathBuf::from(written.path);
        let format = match written.format {
            Some(format) => format,
            None => format_of(&path)?,
        };
        let name = written.name.unwrap_or_else(|| "logbook".to_owned());
        if name.is_empty()
            || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
        {
            return Err(PluginError::permanent(format!(
                "settings of the logbook: `name` is `{name}`; it takes lower-case letters, digits, - and _"
            )));
        }
        Ok(Self {
            path,
            format,
            name,
            delimiter: written.delimiter.as_deref().map(delimiter).transpose()?,
            affirmative: Affirmative::given_or(written.affirmative, &DEFAULT_AFFIRMATIVE).map_err(|why| {
                PluginError::permanent(format!("settings of the logbook: `affirmative` {why}"))
            })?,
            column_absent: written.consent.unwrap_or(ColumnAbsent::Require),
        })
    }

    /// The log's file name, as it stands in messages.
    pub fn file_name(&self) -> String {
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }
}

fn format_of(path: &std::path::Path) -> Result<Format, PluginError> {
    let suffix = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    match suffix.as_str() {
        "csv" | "tsv" | "txt" => Ok(Format::Csv),
        "jsonl" | "ndjson" | "json" => Ok(Format::Jsonl),
        _ => Err(PluginError::permanent(format!(
            "settings of the logbook: the name of `{}` does not tell how it is written",
            path.display()
        ))
        .with_hint("add format = \"csv\" or format = \"jsonl\"")),
    }
}

fn delimiter(text: &str) -> Result<u8, PluginError> {
    match text {
        "," => Ok(b','),
        ";" => Ok(b';'),
        "\t" | "tab" => Ok(b'\t'),
        "|" => Ok(b'|'),
        _ => Err(PluginError::permanent(format!(
            "settings of the logbook: `delimiter` is `{text}`; it takes \",\", \";\", \"|\" or \"tab\""
        ))),
    }
}

/// JSON Schema of the settings.
pub fn schema() -> Value {
    let columns: Vec<String> =
        COLUMNS.iter().map(|(_, name, meaning)| format!("{name}: {meaning}")).collect();
    json!({
        "type": "object",
        "description": format!("Sessions from a usage log. Its columns: {}.", columns.join("; ")),
        "required": ["path"],
        "additionalProperties": false,
        "properties": {
            "path": {
                "type": "string",
                "format": "path",
                "description": "The usage log: a CSV or JSON-lines file with a row for every use."
            },
            "format": {
                "enum": ["csv", "jsonl"],
                "description": "How the log is written; left out, the suffix tells."
            },
            "name": {
                "type": "string",
                "pattern": "^[a-z0-9_-]+$",
                "default": "logbook",
                "description": "Goes into every session identifier (logbook:<name>/<id>). Never change it: \
                                all sessions would be taken for new ones. Two logs need two names."
            },
            "delimiter": {
                "enum": [",", ";", "|", "tab"],
                "description": "Between the cells of a CSV row; left out, the header tells."
            },
            "affirmative": {
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "default": DEFAULT_AFFIRMATIVE,
                "description": "The answers in the column consent that mean yes, in any case of letters. \
                                Everything else is no consent."
            },
            "consent": {
                "enum": ["require", "assume"],
                "default": "require",
                "description": "What a log without a column consent means: no consent (require), or that the \
                                facility obtains consent elsewhere for every session (assume)."
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(settings: &Value) -> String {
        Settings::read(settings).unwrap_err().to_string()
    }

    #[test]
    fn the_suffix_tells_the_format() {
        assert_eq!(Settings::read(&json!({"path": "/a/usage.CSV"})).unwrap().format, Format::Csv);
        assert_eq!(Settings::read(&json!({"path": "/a/usage.jsonl"})).unwrap().format, Format::Jsonl);
        assert!(message(&json!({"path": "/a/usage.xlsx"})).contains("usage.xlsx"));
        assert!(Settings::read(&json!({"path": "/a/usage.log", "format": "csv"})).is_ok());
    }

    #[test]
    fn wrong_settings_are_named() {
        assert!(message(&json!({})).contains("path"));
        assert!(message(&json!({"path": " "})).contains("blank"));
        assert!(message(&json!({"path": "a.csv", "pth": "b"})).contains("pth"));
        assert!(message(&json!({"path": "a.csv", "name": "My Log"})).contains("My Log"));
        assert!(message(&json!({"path": "a.csv", "delimiter": "x"})).contains("delimiter"));
        assert!(message(&json!({"path": "a.csv", "consent": "yes"})).contains("yes"));
        assert!(message(&json!({"path": "a.csv", "affirmative": ["yes", " "]})).contains("affirmative"));
        assert!(message(&json!({"path": "a.csv", "affirmative": ["yes", "No"]})).contains("a refusal"));
    }

    #[test]
    fn the_path_is_marked_for_the_host() {
        assert_eq!(schema()["properties"]["path"]["format"], "path");
    }
}

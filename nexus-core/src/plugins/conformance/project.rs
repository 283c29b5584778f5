//! What a plugin's own folder says about how it is tried: `nexus-test.toml`.

use std::path::{Path, PathBuf};

use nexus_plugin_api::InstrumentRef;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The name of the file.
pub const FILE_NAME: &str = "nexus-test.toml";

/// A trial as the file describes it. Relative paths lie beside the file, and so does `{here}`.
///
/// ```toml
/// command = ["python3", "share.py"]     # or: library = "target/debug/libshare.so"
/// samples = ["samples/one.dm4"]         # an extractor's own files
///
/// [settings]
/// path = "{tmp}"                        # a fresh folder; {here} is the folder of this file
///
/// [[instruments]]                       # what a harvester is asked about
/// pid = "KIT-TEM"
/// timezone = "America/Denver"
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Project {
    /// The words that start the plugin, if it is a program.
    pub command: Option<Vec<String>>,
    /// The plugin's library, if it is one.
    pub library: Option<PathBuf>,
    /// The plugin's own keys.
    pub settings: Map<String, Value>,
    /// The instruments a harvester is asked about.
    pub instruments: Vec<InstrumentRef>,
    /// An extractor's own files.
    pub samples: Vec<PathBuf>,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// It cannot be read.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// It is not TOML, or has other keys.
    #[error("`{}` cannot be understood", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    command: Option<Vec<String>>,
    #[serde(default)]
    library: Option<PathBuf>,
    #[serde(default)]
    samples: Vec<PathBuf>,
    #[serde(default)]
    settings: toml::Table,
    #[serde(default)]
    instruments: Vec<Instrument>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Instrument {
    pid: String,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    api_url: Option<String>,
    #[serde(default)]
    timezone: Option<String>,
    #[serde(default)]
    location: String,
}

impl Project {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read or understood.
    pub fn read(path: &Path) -> Result<Self, ProjectError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ProjectError::Unreadable { path: path.to_owned(), source })?;
        let folder = std::path::absolute(path).ok().and_then(|path| path.parent().map(Path::to_owned));
        Self::from_text(&text, &folder.unwrap_or_default())
            .map_err(|source| ProjectError::Form { path: path.to_owned(), source: Box::new(source) })
    }

    /// Reads a table of settings alone, as `--settings` gives it.
    ///
    /// # Errors
    /// It cannot be read or understood.
    pub fn read_settings(path: &Path) -> Result<Map<String, Value>, ProjectError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ProjectError::Unreadable { path: path.to_owned(), source })?;
        let table: toml::Table = toml::from_str(&text)
            .map_err(|source| ProjectError::Form { path: path.to_owned(), source: Box::new(source) })?;
        Ok(object(table, &std::path::absolute(path).unwrap_or_default().with_file_name("")))
    }

    fn from_text(text: &str, folder: &Path) -> Result<Self, toml::de::Error> {
        let written: Written = toml::from_str(text)?;
        let beside = |path: PathBuf| folder.join(path);
        Ok(Self {
            command: written.command,
            library: written.library.map(beside),
            settings: object(written.settings, folder),
            instruments: written.instruments.into_iter().map(instrument).collect(),
            samples: written.samples.into_iter().map(beside).collect(),
        })
    }
}

/// An instrument of which only the name is known.
fn instrument(written: Instrument) -> InstrumentRef {
    let Instrument { pid, display_name, api_url, timezone, location } = written;
    InstrumentRef {
        display_name: display_name.unwrap_or_else(|| pid.clone()),
        api_url: api_url.unwrap_or_else(|| format!("https://scheduler.example.org/tools/{pid}")),
        timezone: timezone.unwrap_or_else(|| "UTC".to_owned()),
        location,
        pid,
    }
}

fn object(table: toml::Table, folder: &Path) -> Map<String, Value> {
    table.into_iter().map(|(key, value)| (key, json(value, folder))).collect()
}

fn json(value: toml::Value, folder: &Path) -> Value {
    match value {
        toml::Value::String(text) => {
            let here = folder.to_string_lossy();
            Value::String(text.replace("{here}", here.trim_end_matches('/')))
        }
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(values) => values.into_iter().map(|value| json(value, folder)).collect(),
        toml::Value::Table(table) => Value::Object(object(table, folder)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_says_what_is_tried_and_how() {
        let text = "command = [\"python3\", \"a.py\"]\nsamples = [\"one.dm4\"]\n[settings]\nlog = \"{here}/log.csv\"\n\
                    place = \"{tmp}\"\ncount = 3\n[[instruments]]\npid = \"T\"\n";
        let project = Project::from_text(text, Path::new("/plugins/a")).unwrap();
        assert_eq!(project.command, Some(vec!["python3".to_owned(), "a.py".to_owned()]));
        assert_eq!(project.samples, [PathBuf::from("/plugins/a/one.dm4")]);
        assert_eq!(project.settings["log"], "/plugins/a/log.csv");
        assert_eq!(project.settings["place"], "{tmp}");
        assert_eq!(project.settings["count"], 3);
        assert_eq!(project.instruments[0].timezone, "UTC");
    }

    #[test]
    fn unknown_keys_are_named() {
        let error = Project::from_text("setings = 1", Path::new("/")).unwrap_err();
        assert!(error.to_string().contains("setings"), "{error}");
    }
}

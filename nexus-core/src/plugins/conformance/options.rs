//! What a trial is given.

use std::path::PathBuf;
use std::time::Duration;

use nexus_plugin_api::InstrumentRef;
use serde_json::{Map, Value};

use super::place::Place;

/// What a trial is given.
#[derive(Debug)]
pub struct Options {
    /// Its folders.
    pub place: Place,
    /// The plugin's own keys, secrets resolved to text. `{tmp}` in a text stands for [`Place::tmp`].
    pub settings: Map<String, Value>,
    /// For a harvester: the instruments it is asked about.
    pub instruments: Vec<InstrumentRef>,
    /// For an extractor: files of its own.
    pub samples: Vec<PathBuf>,
    /// Names or groups of the checks wanted; empty: all. What they need is tried as well.
    pub only: Vec<String>,
    /// How long an ordinary call may take.
    pub limit: Duration,
    /// How long a call may go on after its deadline, or after it was cancelled.
    pub grace: Duration,
    /// Bytes of a large record or request.
    pub large: usize,
    /// More folders in which a plugin must leave nothing, such as this program's current one.
    pub watched: Vec<PathBuf>,
}

impl Options {
    /// Nothing but the folders; 30 seconds for a call, 2 after its deadline, large is 4 MiB.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            settings: Map::new(),
            instruments: Vec::new(),
            samples: Vec::new(),
            only: Vec::new(),
            limit: Duration::from_secs(30),
            grace: Duration::from_secs(2),
            large: 4 << 20,
            watched: Vec::new(),
        }
    }

    pub(super) fn wants(&self, name: &str) -> bool {
        let of = |wanted: &String| {
            name.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.only.is_empty() || self.only.iter().any(of)
    }

    /// The settings with `{tmp}` replaced.
    pub(super) fn resolved(&self) -> Value {
        let tmp = self.place.tmp().to_string_lossy();
        let mut settings = Value::Object(self.settings.clone());
        replace(&mut settings, &tmp);
        settings
    }
}

fn replace(value: &mut Value, tmp: &str) {
    match value {
        Value::String(text) if text.contains("{tmp}") => *text = text.replace("{tmp}", tmp),
        Value::Array(values) => values.iter_mut().for_each(|value| replace(value, tmp)),
        Value::Object(map) => map.values_mut().for_each(|value| replace(value, tmp)),
        _ => {}
    }
}

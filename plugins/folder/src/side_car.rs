//! The small file beside a record that says whose it is.

use std::io::{ErrorKind, Read as _};

use nexus_plugin_api::{Delivery, PluginError};
use serde::{Deserialize, Serialize};

use crate::failure;
use crate::place::Place;

/// A side-car is a few lines; whatever is larger is none.
const LARGEST: u64 = 16 * 1024 * 1024;

/// What stands in it. No time of delivery: the same delivery writes the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideCar {
    /// Key of the session.
    pub key: String,
    /// Session identifier, for people.
    pub session: String,
    /// Content hash of the record.
    pub content_sha256: String,
    /// Hash of the record file's bytes.
    pub file_sha256: String,
    /// File names of the previews.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previews: Vec<String>,
}

impl SideCar {
    /// The side-car of a delivery.
    pub fn of(delivery: &Delivery, previews: Vec<String>) -> Self {
        Self {
            key: delivery.record.key.clone(),
            session: delivery.session.identifier.clone(),
            content_sha256: delivery.record.content_sha256.clone(),
            file_sha256: delivery.record.file_sha256.clone(),
            previews,
        }
    }

    /// The side-car at a place, if there is one.
    pub fn read(place: &Place) -> Result<Option<Self>, PluginError> {
        let path = place.side_car();
        let mut bytes = Vec::new();
        let read = std::fs::File::open(&path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes));
        match read {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failure::of(&error, "read", &path)),
            Ok(_) => {}
        }
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            PluginError::permanent(format!("`{}` is not a side-car of a record: {error}", path.display()))
                .with_hint("another file lies where nexus keeps its own: move it away")
        })
    }

    /// Its bytes.
    pub fn bytes(&self) -> Result<Vec<u8>, PluginError> {
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| PluginError::permanent(format!("side-car of {}: {error}", self.key)))?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

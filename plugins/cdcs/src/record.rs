//! The record file, read for delivery.

use nexus_plugin_api::{Delivery, PluginError};
use sha2::{Digest, Sha256};

use crate::identity;

/// What is sent, and what it was made of.
pub struct Local {
    /// The record as it was built.
    text: String,
    /// With the session's key.
    pub content: String,
}

impl Local {
    /// Reads the record, if it is still the one that was built.
    pub fn read(delivery: &Delivery) -> Result<Self, PluginError> {
        let path = delivery.record.path.as_path();
        let shown = path.display();
        let bytes = std::fs::read(path)
            .map_err(|error| PluginError::permanent(format!("record `{shown}` cannot be read: {error}")))?;
        let again = "build the session again";
        let hash = sha256(&bytes);
        if hash != delivery.record.file_sha256 {
            return Err(PluginError::permanent(format!(
                "record `{shown}` is not the one that was built: its hash is {hash}, not {}",
                delivery.record.file_sha256
            ))
            .with_hint(again));
        }
        let text = String::from_utf8(bytes).map_err(|_| {
            PluginError::permanent(format!("record `{shown}` is not text in UTF-8")).with_hint(again)
        })?;
        let content = identity::stamped(&text, &delivery.record.key);
        Ok(Self { text, content })
    }

    /// Whether the site holds this very record.
    pub fn is_held(&self, held: &str) -> bool {
        held == self.content || identity::same_record(&self.text, held)
    }
}

/// SHA-256 as lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

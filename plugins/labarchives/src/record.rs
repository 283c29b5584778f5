//! The record file, read for delivery.

use std::fmt::Write as _;

use nexus_plugin_api::{Delivery, PluginError};
use sha2::{Digest as _, Sha256};

/// Reads the record, if it is still the one that was built.
pub fn read(delivery: &Delivery) -> Result<Vec<u8>, PluginError> {
    let path = delivery.record.path.as_path();
    let shown = path.display();
    let bytes = std::fs::read(path)
        .map_err(|error| PluginError::permanent(format!("record `{shown}` cannot be read: {error}")))?;
    let hash = sha256(&bytes);
    if hash != delivery.record.file_sha256 {
        return Err(PluginError::permanent(format!(
            "record `{shown}` is not the one that was built: its hash is {hash}, not {}",
            delivery.record.file_sha256
        ))
        .with_hint("build the session again"));
    }
    Ok(bytes)
}

/// SHA-256 as lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

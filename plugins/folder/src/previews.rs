//! Preview pictures beside a record.

use std::path::Path;

use nexus_plugin_api::{Call, Delivery, LogLevel, PluginError};

use crate::write;

/// A preview to be delivered.
#[derive(Debug)]
pub struct Preview {
    /// Its file name: activity, dataset, then the name it has.
    pub name: String,
    /// The picture.
    bytes: Vec<u8>,
}

/// The previews of a delivery. One that cannot be read is logged and left out: the record counts.
pub fn of(call: &Call, delivery: &Delivery) -> Vec<Preview> {
    let mut previews = Vec::new();
    for activity in &delivery.activities {
        for (number, dataset) in activity.datasets.iter().enumerate() {
            let Some(preview) = &dataset.preview else { continue };
            let path = preview.as_path();
            match std::fs::read(path) {
                Ok(bytes) => previews.push(Preview {
                    name: format!("{:03}-{number:04}-{}", activity.seqno, file_name(path)),
                    bytes,
                }),
                Err(error) => {
                    call.log(LogLevel::Warn, &format!("preview `{}` is left out: {error}", path.display()));
                }
            }
        }
    }
    previews
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.chars().map(|c| if c.is_control() || "/\\:*?\"<>|\u{fffd}".contains(c) { '_' } else { c }).collect()
}

/// Writes those that are not there yet.
pub fn write(root: &Path, folder: &Path, previews: &[Preview]) -> Result<(), PluginError> {
    if previews.is_empty() {
        return Ok(());
    }
    write::folders(root, folder)?;
    for preview in previews {
        let path = folder.join(&preview.name);
        if std::fs::read(&path).is_ok_and(|there| there == preview.bytes) {
            continue;
        }
        // Without the record they are nothing yet.
        write::atomic(&path, &preview.bytes)
            .map_err(|error| PluginError { effect: nexus_plugin_api::Effect::None, ..error })?;
    }
    Ok(())
}

/// Removes those of an earlier delivery that are wanted no more.
pub fn remove_stale(call: &Call, folder: &Path, before: &[String], now: &[String]) {
    for name in before.iter().filter(|name| !now.contains(name)) {
        // The names come from a file that somebody may have edited.
        if name.contains(['/', '\\']) || name.starts_with('.') {
            continue;
        }
        let path = folder.join(name);
        if let Err(error) = std::fs::remove_file(&path) {
            call.log(LogLevel::Warn, &format!("old preview `{}` stays: {error}", path.display()));
        }
    }
    // Fails while somebody keeps a file there, which is right.
    let _ = std::fs::remove_dir(folder);
}

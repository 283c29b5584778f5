//! Preview pictures.

use std::collections::HashMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nexus_plugin_api::Delivery;

use super::html::escaped;

/// A preview that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// What it shows: a file's name, and which of its signals.
    pub label: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: usize,
    /// What it is called as an attachment, without suffix; no two are called the same.
    stem: String,
}

/// The previews of a record, in its order; files that are not there any more are passed over.
pub fn pictures(delivery: &Delivery) -> Vec<Picture> {
    let mut pictures = Vec::new();
    let mut stems: HashMap<String, usize> = HashMap::new();
    for activity in &delivery.activities {
        let mut of_file: HashMap<&str, usize> = HashMap::new();
        for dataset in &activity.datasets {
            *of_file.entry(&dataset.location).or_default() += 1;
        }
        let mut so_far: HashMap<&str, usize> = HashMap::new();
        for dataset in &activity.datasets {
            let signals = of_file.get(dataset.location.as_str()).copied().unwrap_or(1);
            let number = so_far.entry(&dataset.location).or_default();
            *number += 1;
            let label = match signals {
                1 => dataset.name.clone(),
                several => format!("{} ({number} of {several})", dataset.name),
            };
            let Some(path) = dataset.preview.as_ref().map(|preview| preview.as_path().to_owned()) else {
                continue;
            };
            let Ok(size) = std::fs::metadata(&path).map(|facts| facts.len()) else { continue };
            let times = stems.entry(label.clone()).or_default();
            *times += 1;
            let stem = match *times {
                1 => format!("preview of {label}"),
                again => format!("preview of {label}, {again}"),
            };
            pictures.push(Picture { label, path, size: size.try_into().unwrap_or(usize::MAX), stem });
        }
    }
    pictures
}

impl Picture {
    /// A cell of the gallery with the picture in it; `None` if it cannot be read, or browsers do not show its kind.
    pub fn cell(&self) -> Option<String> {
        let bytes = std::fs::read(&self.path).ok()?;
        let (kind, _) = kind(&bytes)?;
        let label = escaped(&self.label.chars().take(300).collect::<String>());
        Some(format!(
            "<td style=\"padding:8px;text-align:center;vertical-align:top\"><img src=\"data:{kind};base64,{}\" \
             alt=\"{label}\" style=\"max-width:250px;max-height:250px\"/><br/><small>{label}</small></td>",
            STANDARD.encode(&bytes)
        ))
    }

    /// What it is called as an attachment.
    pub fn file_name(&self) -> String {
        let bytes = std::fs::read(&self.path).unwrap_or_default();
        let suffix = kind(&bytes).map_or("bin", |(_, suffix)| suffix);
        let stem: String = self
            .stem
            .chars()
            .map(|c| if c.is_control() || matches!(c, '/' | '\\') { '_' } else { c })
            .take(180)
            .collect();
        format!("{stem}.{suffix}")
    }
}

/// Media type and suffix, by what the file begins with.
fn kind(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let riff = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    Some(match bytes {
        _ if bytes.starts_with(b"\x89PNG\r\n\x1a\n") => ("image/png", "png"),
        _ if bytes.starts_with(b"\xff\xd8\xff") => ("image/jpeg", "jpg"),
        _ if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") => ("image/gif", "gif"),
        _ if bytes.starts_with(b"BM") && bytes.len() > 26 => ("image/bmp", "bmp"),
        _ if riff => ("image/webp", "webp"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_told_by_the_bytes() {
        assert_eq!(kind(b"\x89PNG\r\n\x1a\n\0"), Some(("image/png", "png")));
        assert_eq!(kind(b"\xff\xd8\xff\xe0"), Some(("image/jpeg", "jpg")));
        assert_eq!(kind(b"RIFF\0\0\0\0WEBPVP8 "), Some(("image/webp", "webp")));
        assert_eq!(kind(b"<svg onload=\"\">"), None);
        assert_eq!(kind(b""), None);
    }
}

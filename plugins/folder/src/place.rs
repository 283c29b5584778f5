//! The root, and the place of one record below it.

use std::path::{Component, Path, PathBuf};

use nexus_plugin_api::PluginError;

use crate::failure;
use crate::settings::Settings;

/// The root as it really is on disk.
#[derive(Debug)]
pub struct Root(PathBuf);

impl Root {
    /// Finds the root; never makes it.
    pub fn open(settings: &Settings) -> Result<Self, PluginError> {
        let path = &settings.path;
        let root = path.canonicalize().map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                PluginError::transient(format!("folder `{}` does not exist", path.display()))
                    .with_hint("is the share mounted? nexus never makes this folder itself")
            } else {
                failure::of(&error, "open folder", path)
            }
        })?;
        if !root.is_dir() {
            return Err(PluginError::permanent(format!("`{}` is not a folder", path.display()))
                .with_hint("let `path` name the folder that holds the records"));
        }
        Ok(Self(root))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> String {
        file_url(&self.0).trim_end_matches('/').to_owned()
    }

    /// The place of these path parts.
    pub fn place(&self, parts: &[String]) -> Place {
        Place { id: parts.join("/"), record: parts.iter().fold(self.0.clone(), |path, part| path.join(part)) }
    }

    /// The place of a remote id, if it is one that could be ours.
    pub fn place_of_id(&self, id: &str) -> Option<Place> {
        let path = Path::new(id);
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        let record = path.extension().is_some_and(|suffix| suffix == "xml");
        (plain && record).then(|| Place { id: id.to_owned(), record: self.0.join(path) })
    }
}

/// Where one session's record lies.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    id: String,
    record: PathBuf,
}

impl Place {
    /// The remote id: the path below the root, `/` between its parts.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The record.
    pub fn record(&self) -> &Path {
        &self.record
    }

    /// The side-car beside it.
    pub fn side_car(&self) -> PathBuf {
        self.record.with_extension("json")
    }

    /// The folder of its previews.
    pub fn previews(&self) -> PathBuf {
        let mut name = self.record.file_stem().unwrap_or_default().to_owned();
        name.push("_files");
        self.record.with_file_name(name)
    }

    /// The folder it lies in.
    pub fn folder(&self) -> &Path {
        self.record.parent().unwrap_or(Path::new("/"))
    }

    /// A link a person can open.
    pub fn url(&self) -> String {
        file_url(&self.record)
    }
}

/// A `file:` address, everything but plain characters percent-encoded byte by byte.
fn file_url(path: &Path) -> String {
    use std::fmt::Write as _;
    let mut url = String::from("file://");
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.' | b'_' | b'~') {
            url.push(char::from(*byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_percent_encoded() {
        assert_eq!(file_url(Path::new("/a b/ü%&.xml")), "file:///a%20b/%C3%BC%25%26.xml");
    }

    #[test]
    fn ids_never_lead_out_of_the_root() {
        let root = Root(PathBuf::from("/srv"));
        for id in ["../x.xml", "/etc/x.xml", "a/../../x.xml", "", "x.json", "./x.xml"] {
            assert_eq!(root.place_of_id(id), None, "{id}");
        }
        let place = root.place_of_id("2024/T 1/a.b.xml").unwrap();
        assert_eq!(place.side_car(), Path::new("/srv/2024/T 1/a.b.json"));
        assert_eq!(place.previews(), Path::new("/srv/2024/T 1/a.b_files"));
    }
}

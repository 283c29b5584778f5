//! Paths that cross as JSON, including names that are not UTF-8.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A path of the local file system.
///
/// In JSON it is a string; a path that is not UTF-8 is `{"bytes": "<hex>"}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathRef(PathBuf);

impl PathRef {
    /// Wraps a path.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The path.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    /// The path, by value.
    #[must_use]
    pub fn into_path_buf(self) -> PathBuf {
        self.0
    }
}

impl From<PathBuf> for PathRef {
    fn from(path: PathBuf) -> Self {
        Self(path)
    }
}

impl AsRef<Path> for PathRef {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Wire {
    Text(String),
    Bytes { bytes: String },
}

impl Serialize for PathRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(text) = self.0.to_str() {
            return serializer.serialize_str(text);
        }
        let bytes = hex(self.0.as_os_str().as_encoded_bytes());
        Wire::Bytes { bytes }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PathRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Wire::deserialize(deserializer)? {
            Wire::Text(text) => Ok(Self(text.into())),
            Wire::Bytes { bytes } => {
                let raw = unhex(&bytes).ok_or_else(|| D::Error::custom("`bytes` is not hexadecimal"))?;
                Ok(Self(os_string(raw).map_err(D::Error::custom)?.into()))
            }
        }
    }
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "the other platforms can fail")]
pub(crate) fn os_string(bytes: Vec<u8>) -> Result<OsString, String> {
    use std::os::unix::ffi::OsStringExt;
    Ok(OsString::from_vec(bytes))
}

#[cfg(not(unix))]
pub(crate) fn os_string(bytes: Vec<u8>) -> Result<OsString, String> {
    String::from_utf8(bytes).map(OsString::from).map_err(|error| error.to_string())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)] as char, DIGITS[usize::from(byte & 15)] as char])
        .collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_paths_are_plain_strings() {
        let path = PathRef::new("/data/a b.tif");
        assert_eq!(serde_json::to_string(&path).unwrap(), "\"/data/a b.tif\"");
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_not_utf8_survive_json() {
        let path = PathRef::new(os_string(b"/data/\xff\xfe.tif".to_vec()).unwrap());
        let text = serde_json::to_string(&path).unwrap();
        assert_eq!(text, "{\"bytes\":\"2f646174612ffffe2e746966\"}");
        assert_eq!(serde_json::from_str::<PathRef>(&text).unwrap(), path);
    }

    #[test]
    fn odd_hex_is_refused() {
        assert!(serde_json::from_str::<PathRef>("{\"bytes\":\"2f6\"}").is_err());
        assert!(serde_json::from_str::<PathRef>("{\"bytes\":\"zz\"}").is_err());
    }
}

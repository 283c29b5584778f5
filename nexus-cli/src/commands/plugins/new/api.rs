//! Where a Rust plugin finds nexus-plugin-api.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, anyhow};

/// A place of the crate.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Api {
    /// Its folder, absolute.
    Folder(String),
    /// A git repository that holds it.
    Git(String),
}

impl Api {
    /// The place that a person named: an address, a checkout of nexus, or the crate's own folder.
    pub(super) fn find(text: &str) -> anyhow::Result<Self> {
        if text.contains("://") || text.starts_with("git@") {
            return Ok(Self::Git(text.to_owned()));
        }
        let named = Path::new(text);
        let folder = [named.join("nexus-plugin-api"), named.to_owned()]
            .into_iter()
            .find(|folder| is_the_crate(folder))
            .and_then(|folder| folder.canonicalize().ok())
            .ok_or_else(|| {
                anyhow!("`{text}` is neither a checkout of nexus nor its folder nexus-plugin-api")
            })?;
        let text = folder.to_str().context("a path in Cargo.toml must be UTF-8")?;
        Ok(Self::Folder(text.to_owned()))
    }

    /// As a dependency of Cargo.toml has it.
    pub(super) fn dependency(&self) -> String {
        match self {
            Self::Folder(folder) => format!("path = {}", quoted(folder)),
            Self::Git(address) => format!("git = {}", quoted(address)),
        }
    }

    /// The versions of other crates that a checkout was tested with: its Cargo.lock.
    pub(super) fn lock(&self) -> Option<String> {
        match self {
            Self::Folder(folder) => fs::read_to_string(Path::new(folder).parent()?.join("Cargo.lock")).ok(),
            Self::Git(_) => None,
        }
    }

    /// The address of the repository, if it is one.
    pub(super) fn git(&self) -> Option<&str> {
        match self {
            Self::Git(address) => Some(address),
            Self::Folder(_) => None,
        }
    }
}

fn is_the_crate(folder: &Path) -> bool {
    fs::read_to_string(folder.join("Cargo.toml"))
        .is_ok_and(|text| text.lines().any(|line| line.trim() == "name = \"nexus-plugin-api\""))
}

/// A text as TOML has it; the escapes of JSON are escapes of TOML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_folders() {
        for address in
            ["https://x.org/nexus.git", "ssh://git@x.org/nexus", "git@x.org:nexus.git", "file:///srv/nexus"]
        {
            assert_eq!(Api::find(address).unwrap(), Api::Git(address.to_owned()));
        }
        let checkout = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let found = Api::find(checkout).unwrap();
        assert_eq!(found, Api::find(&format!("{checkout}/nexus-plugin-api")).unwrap());
        assert!(found.dependency().ends_with("/nexus-plugin-api\""), "{found:?}");
        let error = Api::find(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap_err().to_string();
        assert!(error.contains("is neither a checkout of nexus nor"), "{error}");
    }
}

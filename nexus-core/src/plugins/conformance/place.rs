//! The folders of one trial.

use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// A fresh folder for everything a trial writes; removed when dropped.
#[derive(Debug)]
pub struct Place {
    root: PathBuf,
    tmp: PathBuf,
}

impl Place {
    /// Makes the folders in the system's folder for temporary files.
    ///
    /// # Errors
    /// The folders cannot be made.
    pub fn new() -> io::Result<Self> {
        Self::below(&std::env::temp_dir())
    }

    /// Makes the folders below another one.
    ///
    /// # Errors
    /// The folders cannot be made.
    pub fn below(folder: &Path) -> io::Result<Self> {
        let root = folder.join(format!("nexus-conformance-{}", Uuid::new_v4().simple()));
        // So deep that a path that climbs out of it by a few steps is still seen.
        let tmp = root.join("given").join("to").join("the").join("plugin");
        let place = Self { root, tmp };
        for folder in [&place.tmp, &place.scratch(), &place.folder(), &place.files()] {
            std::fs::create_dir_all(folder)?;
        }
        Ok(place)
    }

    /// Holds all the others.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What `{tmp}` stands for in settings: empty, and the plugin's own.
    pub fn tmp(&self) -> &Path {
        &self.tmp
    }

    /// The folder for files that cross ([`nexus_plugin_api::Call::scratch`]).
    pub fn scratch(&self) -> PathBuf {
        self.root.join("scratch")
    }

    /// Where a plugin that is a program starts. It must not write there.
    pub fn folder(&self) -> PathBuf {
        self.root.join("current")
    }

    /// Records and files that the plugin is shown.
    pub(super) fn files(&self) -> PathBuf {
        self.root.join("files")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What a plugin leaves locked there is the temporary folder's affair.
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

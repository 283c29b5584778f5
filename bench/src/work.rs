//! The folder in which everything happens.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::args::Options;
use crate::show;

/// A folder of its own, removed at the end unless it is to be kept.
pub struct Work {
    folder: Option<TempDir>,
    path: PathBuf,
    keep: bool,
}

impl Work {
    /// Makes the folder.
    pub fn start(options: &Options) -> Result<Self> {
        let parent = options.folder.clone().unwrap_or_else(std::env::temp_dir);
        let parent = std::path::absolute(&parent).context("the working folder is unknown")?;
        let folder = TempDir::with_prefix_in("nexus-bench-", &parent)
            .with_context(|| format!("failed to make a folder in {}", parent.display()))?;
        let path = folder.path().to_owned();
        Ok(Self { folder: Some(folder), path, keep: options.keep })
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Removes a folder in it that is not needed any more, unless it is to be kept.
    pub fn done_with(&self, folder: &Path) -> Result<()> {
        if self.keep {
            return Ok(());
        }
        fs::remove_dir_all(folder).with_context(|| format!("failed to remove {}", folder.display()))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(folder) = self.folder.take().filter(|_| self.keep) {
            show::note(&format!("kept: {}", folder.keep().display()));
        }
    }
}

//! The folders that roots name.

use std::path::PathBuf;

use super::folder::Identity;
use super::{Root, Window};

/// A folder that at least one root names.
#[derive(Debug)]
pub(super) struct Place<'r> {
    /// As the first root says it.
    pub path: PathBuf,
    /// Without links.
    pub real: PathBuf,
    pub identity: Identity,
    /// Those of every root that it is.
    windows: Vec<&'r [Window]>,
}

impl<'r> Place<'r> {
    pub(super) fn of(root: &'r Root, real: PathBuf, identity: Identity) -> Self {
        Self { path: root.path.clone(), real, identity, windows: vec![&root.windows] }
    }

    /// It is this root as well.
    pub(super) fn share(&mut self, root: &'r Root) {
        self.windows.push(&root.windows);
    }

    pub(super) fn windows(&self) -> impl Iterator<Item = Window> {
        self.windows.iter().copied().flatten().copied()
    }

    /// Those of all places that it lies in, itself among them.
    pub(super) fn inside(&self, all: &[Self]) -> Vec<usize> {
        let above = all.iter().enumerate().filter(|(_, other)| self.real.starts_with(&other.real));
        above.map(|(number, _)| number).collect()
    }
}

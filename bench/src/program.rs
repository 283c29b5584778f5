//! The two programs: where they come from, how they are set up, and how they are run.

mod nexus;
mod peer;

use std::path::{Path, PathBuf};

pub use nexus::{Build, Nexus, NexusFacility};
pub use peer::{PeerFacility, find as find_peer};

/// The file of the database in a facility's folder.
const DATABASE: &str = "nexus.db";

/// The folder for what a program makes, in a facility's folder.
const DATA: &str = "data";

/// Where a program's output of one step goes.
fn log(folder: &Path, step: &str) -> PathBuf {
    folder.join(format!("{step}.log"))
}

//! The two programs: where they come from, how they are set up, and how they are run.

mod nexus;
mod peer;

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
pub use nexus::{Build, Ends, HEALTHY, Nexus, NexusFacility, make_way};
pub use peer::{PeerFacility, find as find_peer};

/// The file of the database in a facility's folder.
const DATABASE: &str = "nexus.db";

/// The folder for what a program makes, in a facility's folder.
const DATA: &str = "data";

/// Where a program's output of one step goes.
fn log(folder: &Path, step: &str) -> PathBuf {
    folder.join(format!("{step}.log"))
}

/// Starts a program in a process group of its own.
fn start(mut command: Command, log: &Path) -> Result<Child> {
    let output = File::options().create(true).append(true).open(log);
    let output = output.with_context(|| format!("failed to write {}", log.display()))?;
    let errors = output.try_clone().with_context(|| format!("failed to write {}", log.display()))?;
    command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
    command.spawn().with_context(|| format!("failed to start {}", command.get_program().display()))
}

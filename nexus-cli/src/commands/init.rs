//! `nexus init`.

use clap::Args;

use crate::args::Global;
use crate::exit_code::{ExitCode, Stop};

/// Arguments of `nexus init`.
#[derive(Debug, Args)]
pub struct InitArgs {}

/// Runs `nexus init`.
pub fn run(_global: &Global, _args: InitArgs) -> Result<ExitCode, Stop> {
    Err(Stop::from(anyhow::anyhow!("not there yet")))
}

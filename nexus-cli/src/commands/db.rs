//! `nexus db`.

use clap::Args;

use crate::args::Global;
use crate::exit_code::{ExitCode, Stop};

/// Arguments of `nexus db`.
#[derive(Debug, Args)]
pub struct DbArgs {}

/// Runs `nexus db`.
pub fn run(_global: &Global, _args: DbArgs) -> Result<ExitCode, Stop> {
    Err(Stop::from(anyhow::anyhow!("not there yet")))
}

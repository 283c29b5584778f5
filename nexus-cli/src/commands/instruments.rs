//! `nexus instruments`.

use clap::Args;

use crate::args::Global;
use crate::exit_code::{ExitCode, Stop};

/// Arguments of `nexus instruments`.
#[derive(Debug, Args)]
pub struct InstrumentsArgs {}

/// Runs `nexus instruments`.
pub fn run(_global: &Global, _args: InstrumentsArgs) -> Result<ExitCode, Stop> {
    Err(Stop::from(anyhow::anyhow!("not there yet")))
}

//! `nexus config`.

use clap::Args;

use crate::args::Global;
use crate::exit_code::{ExitCode, Stop};

/// Arguments of `nexus config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {}

/// Runs `nexus config`.
pub fn run(_global: &Global, _args: ConfigArgs) -> Result<ExitCode, Stop> {
    Err(Stop::from(anyhow::anyhow!("not there yet")))
}

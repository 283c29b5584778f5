//! `nexus users`.

use clap::Args;

use crate::args::Global;
use crate::exit_code::{ExitCode, Stop};

/// Arguments of `nexus users`.
#[derive(Debug, Args)]
pub struct UsersArgs {}

/// Runs `nexus users`.
pub fn run(_global: &Global, _args: UsersArgs) -> Result<ExitCode, Stop> {
    Err(Stop::from(anyhow::anyhow!("not there yet")))
}

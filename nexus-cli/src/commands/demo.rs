//! `nexus demo`: a small invented facility in a folder, and one run over it.

mod calendar;
mod facility;
mod files;
mod instruments;
mod logbook;
mod micrograph;
mod noise;
mod spectrum;

use std::path::PathBuf;

use clap::Args;

use crate::args::Global;
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::output;

/// Make a small facility in a folder, run over it, and show what happened.
///
/// Three invented microscopes in two time zones, a usage log with a dozen sessions, and the images and
/// spectra that belong to them. Nothing outside the folder is touched. Run it again: nothing changes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nexus demo\n  nexus demo /tmp/facility\n\n\
    Then look around:\n  nexus --config nexus-demo/nexus.toml sessions list")]
pub struct DemoArgs {
    /// The folder of the facility; made if it is not there.
    #[arg(value_name = "DIR", default_value = "nexus-demo")]
    pub dir: PathBuf,
}

/// Runs it.
pub fn run(_global: &Global, args: &DemoArgs) -> Result<ExitCode, Stop> {
    let facility = facility::create(&args.dir).or_stop(ExitCode::CannotStart)?;
    output::line(format!("facility: {}", facility.dir.display()));
    Ok(ExitCode::Done)
}

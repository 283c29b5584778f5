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
use nexus_core::config::Config;
use nexus_core::pipeline::Steps;

use crate::args::Global;
use crate::commands::run;
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
pub fn run(global: &Global, args: &DemoArgs) -> Result<ExitCode, Stop> {
    let facility = facility::create(&args.dir).or_stop(ExitCode::CannotStart)?;
    let config = Config::read(&facility.config).or_stop(ExitCode::Configuration)?;
    let report = run::execute(&config, Steps::ALL)?;
    if global.json {
        output::json(&report)?;
    } else {
        if facility.made {
            output::line(format!("made a facility in {}\n", facility.dir.display()));
        } else {
            output::line(format!("the facility in {} was there\n", facility.dir.display()));
        }
        run::print(&report, false);
        output::line(format!(
            "\nlook around:\n  {}  the usage log\n  {}  what the instruments saved\n  {}  the records\n  \
             nexus --config {} sessions list",
            facility.logbook.display(),
            facility.instrument_data.display(),
            facility.delivered.display(),
            facility.config.display(),
        ));
    }
    // What the demo shows on purpose (a session without files, one without consent) needs nobody.
    Ok(ExitCode::Done)
}

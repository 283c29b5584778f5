//! `nexus instruments remove`.

use clap::Args;
use nexus_core::ids::InstrumentPid;
use nexus_core::instrument::Instrument;

use super::{End, stop, writing};
use crate::args::Global;
use crate::database::Place;
use crate::exit_code::{ExitCode, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  Remove an instrument that was added by mistake:
    nexus instruments remove FEI-Titan-TEM-012345

An instrument that a row of session_log names is not removed: its sessions would be left without one.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RemoveArgs {
    /// The instrument.
    #[arg(value_name = "PID")]
    pid: String,
}

pub(super) fn run(global: &Global, place: &Place, args: &RemoveArgs) -> Result<ExitCode, Stop> {
    let pid = InstrumentPid::from(args.pid.as_str());
    let removed = writing(place, End::Commit, |tx| {
        let instrument = Instrument::get(tx, &pid).map_err(stop)?;
        Instrument::remove(tx, &pid).map_err(stop)?;
        Ok(instrument)
    })?;
    if global.json {
        output::json(&removed)?;
    } else {
        output::line(format!("removed {removed}"));
    }
    Ok(ExitCode::Done)
}

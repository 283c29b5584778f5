//! `nexus instruments add`.

use clap::Args;
use nexus_core::instrument::Instrument;

use super::{End, stop, writing};
use crate::args::Global;
use crate::database::Place;
use crate::exit_code::{ExitCode, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  An instrument that NEMO schedules as tool 7:
    nexus instruments add FEI-Titan-TEM-012345 \\
        --api-url 'https://nemo.example.org/api/tools/?id=7' --timezone America/Denver \\
        --filestore-path Titan --display-name 'Titan TEM'
  One whose use is written into a logbook:
    nexus instruments add BENCH-SEM-1 --harvester logbook --api-url logbook:bench-sem-1 \\
        --timezone Europe/Berlin --filestore-path bench-sem-1";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct AddArgs {
    /// The name that it keeps for ever; records and sessions refer to it.
    #[arg(value_name = "PID")]
    pid: String,
    /// Where its scheduler knows it; no two instruments have the same.
    #[arg(long, value_name = "URL")]
    api_url: String,
    /// The time zone it stands in, by its IANA name.
    #[arg(long, value_name = "ZONE")]
    timezone: String,
    /// Its folder, relative to the storage of all instruments.
    #[arg(long, value_name = "FOLDER")]
    filestore_path: String,
    /// Its name for people, which goes into records; the PID if it is left out.
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// The kind of harvester that knows its sessions.
    #[arg(long, value_name = "KIND", default_value = "nemo")]
    harvester: String,
    /// Its calendar, for people.
    #[arg(long, value_name = "URL", default_value = "")]
    calendar_url: String,
    /// Building and room.
    #[arg(long, value_name = "TEXT", default_value = "")]
    location: String,
    /// The facility's own number for it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    property_tag: String,
}

pub(super) fn run(global: &Global, place: &Place, args: AddArgs) -> Result<ExitCode, Stop> {
    let instrument = Instrument {
        display_name: args.display_name.unwrap_or_else(|| args.pid.clone()),
        pid: args.pid.into(),
        api_url: args.api_url,
        calendar_url: args.calendar_url,
        location: args.location,
        property_tag: args.property_tag,
        filestore_path: args.filestore_path,
        harvester: args.harvester,
        timezone: args.timezone,
    };
    writing(place, End::Commit, |tx| instrument.insert(tx).map_err(stop))?;
    if global.json {
        output::json(&instrument)?;
    } else {
        output::line(format!("added {instrument}"));
    }
    Ok(ExitCode::Done)
}

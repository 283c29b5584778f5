//! `nexus instruments edit`.

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
  An instrument has moved:
    nexus instruments edit FEI-Titan-TEM-012345 --location 'Building 5, room 3'
  Its server has a new name and its folder too:
    nexus instruments edit FEI-Titan-TEM-012345 \\
        --api-url 'https://nemo.example.com/api/tools/?id=7' --filestore-path titan

What is not named stays as it is. The PID cannot be changed, since sessions and records refer to it.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct EditArgs {
    /// The instrument.
    #[arg(value_name = "PID")]
    pid: String,
    #[command(flatten)]
    changes: Changes,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Changes {
    /// Where its scheduler knows it; no two instruments have the same.
    #[arg(long, value_name = "URL")]
    api_url: Option<String>,
    /// The time zone it stands in, by its IANA name. Stored times without an offset are read in it.
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Its folder, relative to the storage of all instruments.
    #[arg(long, value_name = "FOLDER")]
    filestore_path: Option<String>,
    /// Its name for people, which goes into records.
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// The kind of harvester that knows its sessions.
    #[arg(long, value_name = "KIND")]
    harvester: Option<String>,
    /// Its calendar, for people.
    #[arg(long, value_name = "URL")]
    calendar_url: Option<String>,
    /// Building and room.
    #[arg(long, value_name = "TEXT")]
    location: Option<String>,
    /// The facility's own number for it.
    #[arg(long, value_name = "TEXT")]
    property_tag: Option<String>,
}

impl Changes {
    fn apply(self, old: &Instrument) -> Instrument {
        let or = |new: Option<String>, old: &str| new.unwrap_or_else(|| old.to_owned());
        Instrument {
            pid: old.pid.clone(),
            api_url: or(self.api_url, &old.api_url),
            calendar_url: or(self.calendar_url, &old.calendar_url),
            location: or(self.location, &old.location),
            display_name: or(self.display_name, &old.display_name),
            property_tag: or(self.property_tag, &old.property_tag),
            filestore_path: or(self.filestore_path, &old.filestore_path),
            harvester: or(self.harvester, &old.harvester),
            timezone: or(self.timezone, &old.timezone),
        }
    }
}

pub(super) fn run(global: &Global, place: &Place, args: EditArgs) -> Result<ExitCode, Stop> {
    let pid = InstrumentPid::new(args.pid);
    let (old, new) = writing(place, End::Commit, |tx| {
        let old = Instrument::get(tx, &pid).map_err(stop)?;
        let new = args.changes.apply(&old);
        new.update(tx).map_err(stop)?;
        Ok((old, new))
    })?;
    if global.json {
        output::json(&new)?;
        return Ok(ExitCode::Done);
    }
    if old == new {
        output::line(format!("{pid} has these values already: nothing to do"));
        return Ok(ExitCode::Done);
    }
    output::line(format!("changed {pid}"));
    let (old, new) = (old.to_map(), new.to_map());
    for (field, value) in new {
        if let Some(before) = old.get(field).filter(|before| **before != value) {
            output::line(format!("  {field}: `{before}` -> `{value}`"));
        }
    }
    Ok(ExitCode::Done)
}

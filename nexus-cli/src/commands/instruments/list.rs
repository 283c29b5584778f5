//! `nexus instruments list`.

use clap::Args;
use nexus_core::instrument::{Instrument, Instruments};
use nexus_core::timestamp::Timestamp;
use serde::Serialize;

use super::reading;
use crate::args::Global;
use crate::database::Place;
use crate::exit_code::{ExitCode, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  List the instruments of the configured database:
    nexus instruments list
  Give the list to another program:
    nexus instruments list --json

Sessions that have ended are counted, whatever became of them. The last one is shown in the instrument's time zone.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ListArgs {}

/// Characters of an address in the table.
const ADDRESS_WIDTH: usize = 28;

/// One line of the list.
#[derive(Debug, Serialize)]
struct Line<'a> {
    instrument_pid: &'a str,
    display_name: &'a str,
    location: &'a str,
    api_url: &'a str,
    harvester: &'a str,
    sessions_total: i64,
    /// In the instrument's zone; as stored if that is none.
    last_session: Option<String>,
}

pub(super) fn run(global: &Global, place: &Place) -> Result<ExitCode, Stop> {
    let (instruments, usage) = reading(place, |database| {
        let instruments = Instruments::load(database.read())?;
        let usage = instruments.usage(database.read())?;
        Ok((instruments, usage))
    })?;
    let lines = instruments.iter().map(|instrument| {
        let usage = usage.get(&instrument.pid).copied().unwrap_or_default();
        let shown =
            |end: Timestamp| if global.json { exact(instrument, &end) } else { readable(instrument, &end) };
        Line {
            instrument_pid: instrument.pid.as_str(),
            display_name: &instrument.display_name,
            location: &instrument.location,
            api_url: &instrument.api_url,
            harvester: &instrument.harvester,
            sessions_total: usage.sessions_total,
            last_session: usage.last_session.map(shown),
        }
    });
    if global.json {
        output::json(&lines.collect::<Vec<_>>())?;
    } else if instruments.is_empty() {
        output::line("no instruments yet; `nexus instruments add` adds one");
    } else {
        let headings =
            ["Instrument", "Display name", "Location", "API URL", "Harvester", "Sessions", "Last session"];
        output::table(&headings, lines.map(Line::cells));
    }
    Ok(ExitCode::Done)
}

impl Line<'_> {
    fn cells(self) -> Vec<String> {
        let api_url = shortened(self.api_url);
        let texts = [self.instrument_pid, self.display_name, self.location, &api_url, self.harvester];
        let mut cells: Vec<_> = texts.map(str::to_owned).into();
        cells.push(self.sessions_total.to_string());
        cells.push(self.last_session.unwrap_or_else(|| "-".to_owned()));
        cells
    }
}

/// Beginning and end of a long address: the server and the number of the tool. `--json` has all of it.
fn shortened(address: &str) -> String {
    let count = address.chars().count();
    if count <= ADDRESS_WIDTH {
        return address.to_owned();
    }
    let half = ADDRESS_WIDTH / 2;
    address.chars().take(half - 1).chain(['…']).chain(address.chars().skip(count - half)).collect()
}

fn exact(instrument: &Instrument, end: &Timestamp) -> String {
    match instrument.localise(end) {
        Ok(local) => Timestamp::from_fixed(local.fixed_offset()).to_string(),
        Err(_) => end.to_string(),
    }
}

fn readable(instrument: &Instrument, end: &Timestamp) -> String {
    instrument.localise_text(end, Some("%Y-%m-%d %H:%M %Z")).unwrap_or_else(|_| end.to_string())
}

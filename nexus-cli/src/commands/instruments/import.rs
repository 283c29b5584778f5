//! `nexus instruments import`.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use nexus_core::instrument::{InstrumentError, Instruments};
use rusqlite::Transaction;
use serde::Serialize;

use super::export::Format;
use super::offered::{self, OfferedArgs};
use super::read::{Entry, Mistake, Parsed};
use super::{End, read, stop, writing};
use crate::args::Global;
use crate::database::Place;
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  Add the instruments of a spreadsheet:
    nexus instruments import instruments.csv
  See first what would happen:
    nexus instruments import instruments.csv --dry-run
  Replace the values of instruments that are there already:
    nexus instruments import instruments.csv --update
  See the tools of a scheduler, and which of them are instruments:
    nexus instruments import --from-harvester nemo-main
  Add two of them, each with a folder of its name:
    nexus instruments import --from-harvester nemo-main --tool 7 --tool 'Linden SEM' \\
        --timezone America/Denver --filestore-path '{pid}'

The columns, in any order: instrument_pid, api_url, filestore_path and timezone are needed; display_name (else \
the PID), harvester (else nemo), calendar_url, location and property_tag may be left out. JSON is a list of \
objects with these keys. With one mistake in the file nothing is stored, and all mistakes are listed by line.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ImportArgs {
    /// The file; - reads standard input.
    #[arg(
        value_name = "FILE",
        required_unless_present = "from_harvester",
        conflicts_with = "from_harvester"
    )]
    file: Option<PathBuf>,
    /// What the file holds; without this its name tells, .json or else CSV.
    #[arg(long, value_enum, conflicts_with = "from_harvester")]
    format: Option<Format>,
    /// Replace the values of instruments that are there with other values, instead of refusing them.
    #[arg(long, conflicts_with = "from_harvester")]
    update: bool,
    #[command(flatten)]
    offered: OfferedArgs,
    /// Check everything and print what would happen, but store nothing.
    #[arg(long)]
    dry_run: bool,
}

/// What became of the instruments of the file.
#[derive(Debug, Default, Serialize)]
struct Done {
    added: Vec<String>,
    updated: Vec<String>,
    unchanged: Vec<String>,
    dry_run: bool,
}

pub(super) fn run(global: &Global, place: &Place, args: &ImportArgs) -> Result<ExitCode, Stop> {
    if let Some(name) = &args.offered.from_harvester {
        return offered::run(global, place, &args.offered, name, args.dry_run);
    }
    let file = args.file.as_deref().unwrap_or(Path::new("-"));
    let text = content(file).or_stop(ExitCode::Failed)?;
    let is_json = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let format = args.format.unwrap_or(if is_json { Format::Json } else { Format::Csv });
    let parsed = match format {
        Format::Csv => read::csv(&text),
        Format::Json => read::json(&text),
    };
    let end = if args.dry_run { End::Undo } else { End::Commit };
    let done = writing(place, end, |tx| store(tx, parsed, file, args))?;
    if global.json {
        output::json(&done)?;
    } else {
        report(&done);
    }
    Ok(ExitCode::Done)
}

fn content(file: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).context("failed to read standard input")?;
    } else {
        bytes = std::fs::read(file).with_context(|| format!("failed to read `{}`", file.display()))?;
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = good.split(|byte| *byte == b'\n').count();
        anyhow!("`{}` is not UTF-8 text: line {line} has a byte that is none", file.display())
    })
}

/// Stores everything, or says everything that stands in the way.
fn store(tx: &Transaction<'_>, parsed: Parsed, file: &Path, args: &ImportArgs) -> Result<Done, Stop> {
    let Parsed { entries, mut mistakes } = parsed;
    let known = Instruments::load(tx).map_err(stop)?;
    let mut done = Done { dry_run: args.dry_run, ..Done::default() };
    let mut seen = BTreeMap::new();
    for Entry { line, instrument } in entries {
        let pid = instrument.pid.clone();
        if let Some(first) = seen.insert(pid.clone(), line) {
            let what = format!("instrument `{pid}` is in line {first} already");
            mistakes.push(Mistake { line, what });
            continue;
        }
        let stored = match known.get(&pid) {
            Some(old) if **old == instrument => {
                done.unchanged.push(pid.to_string());
                continue;
            }
            Some(_) if !args.update => {
                let what = format!("instrument `{pid}` is there with other values; --update replaces them");
                mistakes.push(Mistake { line, what });
                continue;
            }
            Some(_) => instrument.update(tx).map(|()| done.updated.push(pid.to_string())),
            None => instrument.insert(tx).map(|()| done.added.push(pid.to_string())),
        };
        match stored {
            Ok(()) => {}
            Err(error @ InstrumentError::Database { .. }) => return Err(stop(error)),
            Err(error) => mistakes.push(Mistake { line, what: error.to_string() }),
        }
    }
    if mistakes.is_empty() { Ok(done) } else { Err(refusal(file, mistakes)) }
}

fn refusal(file: &Path, mut mistakes: Vec<Mistake>) -> Stop {
    mistakes.sort_by_key(|mistake| mistake.line);
    let mut text = format!("nothing was imported from `{}`", file.display());
    for Mistake { line, what } in mistakes {
        text.push_str("\n  line ");
        text.push_str(&line.to_string());
        text.push_str(": ");
        text.push_str(&what);
    }
    Stop::new(ExitCode::Failed, anyhow!(text))
}

fn report(done: &Done) {
    let parts = [("added", &done.added), ("updated", &done.updated), ("unchanged", &done.unchanged)];
    for (verb, pids) in parts.into_iter().filter(|(_, pids)| !pids.is_empty()) {
        output::line(format!("{verb}: {}", pids.join(", ")));
    }
    if parts.iter().all(|(_, pids)| pids.is_empty()) {
        output::line("the file holds no instrument");
    }
    if done.dry_run {
        output::line("nothing was stored: this was a dry run");
    }
}

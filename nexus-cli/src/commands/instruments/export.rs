//! `nexus instruments export`.

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use nexus_core::instrument::{Field, Instrument, Instruments};

use super::reading;
use crate::args::Global;
use crate::database::Place;
use crate::exit_code::{ExitCode, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  Write the instruments into a file that a spreadsheet can open:
    nexus instruments export > instruments.csv
  Copy them into another database:
    nexus instruments export --json | nexus instruments import - --format json --database other.db";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ExportArgs {
    /// What to print: CSV, or JSON if --json is given.
    #[arg(long, value_enum)]
    format: Option<Format>,
}

/// How instruments are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Comma-separated values; the first line names the columns.
    Csv,
    /// A list of objects.
    Json,
}

pub(super) fn run(global: &Global, place: &Place, args: &ExportArgs) -> Result<ExitCode, Stop> {
    let instruments = reading(place, |database| Instruments::load(database.read()))?;
    let fallback = if global.json { Format::Json } else { Format::Csv };
    match args.format.unwrap_or(fallback) {
        Format::Json => output::json(&instruments.iter().map(AsRef::as_ref).collect::<Vec<&Instrument>>())?,
        Format::Csv => output::text(&csv(instruments.iter().map(AsRef::as_ref))?),
    }
    Ok(ExitCode::Done)
}

/// As `import` reads them.
pub(super) fn csv<'a>(instruments: impl Iterator<Item = &'a Instrument>) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(Field::ALL.iter().map(|field| field.as_str()))?;
    for instrument in instruments {
        let values = instrument.to_map();
        writer
            .write_record(Field::ALL.iter().map(|field| values.get(field.as_str()).copied().unwrap_or("")))?;
    }
    let bytes = writer.into_inner().context("failed to write CSV")?;
    String::from_utf8(bytes).context("failed to write CSV")
}

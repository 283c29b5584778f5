//! `nexus db backup`.

use std::path::PathBuf;

use clap::Args;
use nexus_core::db::peer;

use super::stop;
use crate::args::Global;
use crate::database::Place;
use crate::exit_code::{ExitCode, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  Beside the database, with date and time in the name:
    nexus db backup
  Somewhere else, under a name of your own:
    nexus db backup --to /backup/nexus-before-the-move.db

Of the copies beside the database only the newest three are kept, those made by upgrades and downgrades \
included. One made with --to is never removed. The copy is whole even while others write.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct BackupArgs {
    /// Write the copy to this new file.
    #[arg(long, value_name = "PATH")]
    to: Option<PathBuf>,
}

pub(super) fn run(global: &Global, place: &Place, args: &BackupArgs) -> Result<ExitCode, Stop> {
    let options = place.options();
    let copy = match &args.to {
        Some(to) => peer::backup_to(place.path(), to, &options),
        None => peer::backup(place.path(), &options),
    };
    let copy = copy.map_err(stop)?;
    if global.json {
        output::json(&serde_json::json!({ "backup": copy }))?;
    } else {
        output::line(format!("backup: {}", copy.display()));
    }
    Ok(ExitCode::Done)
}

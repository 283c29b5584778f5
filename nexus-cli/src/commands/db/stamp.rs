//! `nexus db stamp`.

use clap::Args;
use nexus_core::db::DbError;
use nexus_core::db::peer::{self, Revision};

use super::{report, stop};
use crate::args::Global;
use crate::database::Place;
use crate::exit_code::{ExitCode, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  A database from before there were revisions (1.4, made by the creation script):
    nexus db stamp v1_4_3 --database old.db
    nexus db upgrade --database old.db
  A demonstration database of NexusLIMS:
    nexus db stamp v2_5_0b --database nexuslims_demo.db

Nothing but the revision is written. The tables are compared with those of the revision first: one whose \
tables the database does not have is refused.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct StampArgs {
    /// The revision whose tables the database has.
    #[arg(value_name = "REVISION")]
    revision: Revision,
}

pub(super) fn run(global: &Global, place: &Place, args: &StampArgs) -> Result<ExitCode, Stop> {
    // Asked before the locks are taken, so that a refusal leaves nothing behind. What a stamp repairs is no refusal.
    match place.open() {
        Ok(_) | Err(DbError::HalfApplied { .. } | DbError::BrokenVersionTable { .. }) => {}
        Err(error) => return Err(stop(error)),
    }
    let _locks = place.lock()?;
    let done = peer::stamp(place.path(), args.revision, &place.options()).map_err(stop)?;
    report::print(global, &done)?;
    if !global.json && done.to != Some(Revision::HEAD) {
        output::line("next: nexus db upgrade");
    }
    Ok(ExitCode::Done)
}

//! `nexus users list`.

use clap::Args;
use nexus_core::external_user::{ExternalSystem, ExternalUserIdentifier};
use nexus_core::timestamp::Timestamp;

use super::reading;
use crate::args::Global;
use crate::database::Place;
use crate::exit_code::{ExitCode, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  List the identifiers of all users in all systems:
    nexus users list
  Those in one system, for another program:
    nexus users list --system cdcs --json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ListArgs {
    /// List this system only.
    #[arg(long, value_name = "SYSTEM")]
    system: Option<ExternalSystem>,
}

pub(super) fn run(global: &Global, place: &Place, args: &ListArgs) -> Result<ExitCode, Stop> {
    let mut found = reading(place, |database| ExternalUserIdentifier::all(database.read()))?;
    for row in &found.unreadable {
        tracing::warn!("{row}");
    }
    found.rows.retain(|row| args.system.is_none_or(|system| system == row.system));
    if global.json {
        output::json(&found.rows)?;
    } else if found.rows.is_empty() {
        output::line("no identifiers; `nexus users link` stores one");
    } else {
        let headings = ["User", "System", "Identifier", "E-mail", "Stored", "Verified", "Notes"];
        output::table(&headings, found.rows.into_iter().map(cells));
    }
    Ok(ExitCode::Done)
}

fn cells(row: ExternalUserIdentifier) -> Vec<String> {
    let day = |time: Option<Timestamp>| {
        time.map_or_else(|| "-".to_owned(), |time| time.naive_local().date().to_string())
    };
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    vec![
        row.user,
        row.system.to_string(),
        row.external_id,
        or_dash(row.email),
        day(row.created_at),
        day(row.last_verified_at),
        or_dash(row.notes),
    ]
}

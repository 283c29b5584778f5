//! `nexus users lookup`.

use anyhow::anyhow;
use clap::Args;
use nexus_core::external_user::{self, ExternalSystem};

use super::reading;
use crate::args::Global;
use crate::database::Place;
use crate::exit_code::{ExitCode, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  All identifiers of a user:
    nexus users lookup ann
  Her identifier in one system, and nothing else:
    nexus users lookup ann --system cdcs
  The user to whom an identifier belongs:
    nexus users lookup --system cdcs --id 42

If there is nothing to be found the command says so and ends with 1.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct LookupArgs {
    /// The user, by the name in the session log.
    #[arg(value_name = "USER", required_unless_present = "id", conflicts_with = "id")]
    user: Option<String>,
    /// Look in this system only.
    #[arg(long, value_name = "SYSTEM")]
    system: Option<ExternalSystem>,
    /// Find the user to whom this identifier belongs.
    #[arg(long, value_name = "ID", requires = "system")]
    id: Option<String>,
}

pub(super) fn run(global: &Global, place: &Place, args: &LookupArgs) -> Result<ExitCode, Stop> {
    match (&args.user, args.system, &args.id) {
        (_, Some(system), Some(id)) => user_of(global, place, system, id),
        (Some(user), system, _) => identifiers(global, place, user, system),
        // The command line is refused before this.
        _ => Err(Stop::new(ExitCode::Usage, anyhow!("name a user, or a system and an identifier"))),
    }
}

fn user_of(global: &Global, place: &Place, system: ExternalSystem, id: &str) -> Result<ExitCode, Stop> {
    let found = reading(place, |database| external_user::user_of(database.read(), system, id))?;
    let user = found.ok_or_else(|| nothing(format!("`{id}` in {system} belongs to no user")))?;
    if global.json {
        output::json(&serde_json::json!({
            "nexuslims_username": user,
            "external_system": system,
            "external_id": id,
        }))?;
    } else {
        output::line(user);
    }
    Ok(ExitCode::Done)
}

fn identifiers(
    global: &Global,
    place: &Place,
    user: &str,
    system: Option<ExternalSystem>,
) -> Result<ExitCode, Stop> {
    let mut found = reading(place, |database| external_user::all_of(database.read(), user))?;
    found.retain(|found, _| system.is_none_or(|asked| asked == *found));
    if found.is_empty() {
        let place = system.map_or_else(|| "any system".to_owned(), |system| system.to_string());
        return Err(nothing(format!("user `{user}` has no identifier in {place}")));
    }
    if global.json {
        output::json(&found)?;
        return Ok(ExitCode::Done);
    }
    for (in_system, id) in found {
        output::line(if system.is_some() { id } else { format!("{in_system}: {id}") });
    }
    Ok(ExitCode::Done)
}

fn nothing(text: String) -> Stop {
    Stop::new(ExitCode::Failed, anyhow!(text)).with_hint("`nexus users list` prints those there are")
}

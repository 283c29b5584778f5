//! `nexus users link`.

use clap::Args;
use nexus_core::clock::SystemClock;
use nexus_core::external_user::{ExternalSystem, Linked, NewIdentifier};

use super::writing;
use crate::args::Global;
use crate::database::Place;
use crate::exit_code::{ExitCode, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  User ann of the session log is user 42 of CDCS:
    nexus users link ann cdcs 42
  Say also who that is:
    nexus users link ann labarchives_eln 0987 --email ann@example.org --notes 'asked her on Monday'

If the user has an identifier in this system it is replaced, and counts as verified now. E-mail and notes that \
are not given stay as they are.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct LinkArgs {
    /// The user, by the name in the session log.
    #[arg(value_name = "USER")]
    user: String,
    /// The other system.
    #[arg(value_name = "SYSTEM")]
    system: ExternalSystem,
    /// The identifier there.
    #[arg(value_name = "ID")]
    external_id: String,
    /// An e-mail address, for people.
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Notes, for people.
    #[arg(long, value_name = "TEXT")]
    notes: Option<String>,
}

pub(super) fn run(global: &Global, place: &Place, args: &LinkArgs) -> Result<ExitCode, Stop> {
    let link = NewIdentifier {
        user: &args.user,
        system: args.system,
        external_id: &args.external_id,
        email: args.email.as_deref(),
        notes: args.notes.as_deref(),
    };
    let linked = writing(place, |tx| link.store(tx, &SystemClock))?;
    let LinkArgs { user, system, external_id, .. } = args;
    if global.json {
        output::json(&serde_json::json!({
            "nexuslims_username": user,
            "external_system": system,
            "external_id": external_id,
            "new": linked == Linked::Inserted,
        }))?;
        return Ok(ExitCode::Done);
    }
    let verb = match linked {
        Linked::Inserted => "linked",
        Linked::Updated => "linked again",
    };
    output::line(format!("{verb}: {user} is `{external_id}` in {system}"));
    Ok(ExitCode::Done)
}

//! `nexus users unlink`.

use anyhow::anyhow;
use clap::Args;
use nexus_core::external_user::{self, ExternalSystem};

use super::writing;
use crate::args::Global;
use crate::database::Place;
use crate::exit_code::{ExitCode, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  User ann has no account in CDCS any more:
    nexus users unlink ann cdcs";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct UnlinkArgs {
    /// The user, by the name in the session log.
    #[arg(value_name = "USER")]
    user: String,
    /// The other system.
    #[arg(value_name = "SYSTEM")]
    system: ExternalSystem,
}

pub(super) fn run(global: &Global, place: &Place, args: &UnlinkArgs) -> Result<ExitCode, Stop> {
    let UnlinkArgs { user, system } = args;
    let removed = writing(place, |tx| {
        let external_id = external_user::external_id(tx, user, *system)?;
        external_user::remove(tx, user, *system)?;
        Ok(external_id)
    })?;
    let Some(external_id) = removed else {
        return Err(Stop::new(ExitCode::Failed, anyhow!("user `{user}` has no identifier in {system}"))
            .with_hint("`nexus users list` prints those there are"));
    };
    if global.json {
        output::json(&serde_json::json!({
            "nexuslims_username": user,
            "external_system": system,
            "external_id": external_id,
        }))?;
    } else {
        output::line(format!("unlinked: {user} was `{external_id}` in {system}"));
    }
    Ok(ExitCode::Done)
}

//! `nexus harvesters rename`: a harvester that is called otherwise in the configuration now.

use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use nexus_core::db::Access;
use nexus_core::harvest::former::{self, RenameError, Renamed};
use nexus_core::ids::{HarvesterName, InstrumentPid};
use serde_json::json;

use crate::args::Global;
use crate::commands::{config, db};
use crate::database::{Asked, Place};
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  See first what is known under the old name:
    nexus harvesters rename nemo-old nemo-main --dry-run
  Do it:
    nexus harvesters rename nemo-old nemo-main

For a table [harvesters.OLD] that is called [harvesters.NEW] now, where nothing but your word proves that both are one \
source: a run recognises the new name by itself if the address is the same, or if an event with the same id is the same \
session. Do it before the next run, else the new name brings everything once more, as other sessions, and both cannot be \
joined any more. Sessions, usage events in use and how far was read become those of NEW.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RenameArgs {
    /// The name that it had in the configuration.
    #[arg(value_name = "OLD")]
    old: String,
    /// The name that it has there now.
    #[arg(value_name = "NEW")]
    new: String,
    /// Show what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(global: &Global, args: &RenameArgs) -> Result<ExitCode, Stop> {
    let config = config::load(global)?;
    let (old, new) = (HarvesterName::from(args.old.as_str()), HarvesterName::from(args.new.as_str()));
    let is_configured = |name: &HarvesterName| config.harvesters.iter().any(|table| table.name == *name);
    if is_configured(&old) {
        return Err(Stop::new(
            ExitCode::Failed,
            anyhow!("harvester `{old}` is in the configuration: what it brought is its own, and nothing was changed"),
        )
        .with_hint(format!("rename the table [harvesters.{old}] first")));
    }
    if !is_configured(&new) {
        let names: Vec<_> = config.harvesters.iter().map(|table| format!("`{}`", table.name)).collect();
        return Err(Stop::new(
            ExitCode::Failed,
            anyhow!("no harvester `{new}` is in the configuration: nothing was changed"),
        )
        .with_hint(format!("its harvesters: {}", names.join(", "))));
    }
    let place = Place::find(global, Asked { path: None, wait: Duration::from_secs(30) })?;
    let renamed = if args.dry_run {
        let database = place.open_at_head(Access::Read).map_err(db::stop)?;
        if database.has_own_tables().map_err(db::stop)? {
            former::plan(database.read(), &old, &new)
        } else {
            Err(RenameError::Unknown(old.clone()))
        }
        .map_err(|error| stop(error, &old))?
    } else {
        let _locks = place.lock()?;
        let mut database = place.open_at_head(Access::Write).map_err(db::stop)?;
        let tx = database.transaction().map_err(db::stop)?;
        let renamed = former::rename(&tx, &old, &new).map_err(|error| stop(error, &old))?;
        tx.commit().or_stop(ExitCode::Failed)?;
        renamed
    };
    if global.json {
        output::json(&json!({
            "from": old.as_str(), "to": new.as_str(), "renamed": renamed, "dry_run": args.dry_run,
        }))?;
    } else {
        told(&renamed, &old, &new, args.dry_run);
    }
    Ok(ExitCode::Done)
}

fn told(renamed: &Renamed, old: &HarvesterName, new: &HarvesterName, is_dry_run: bool) {
    let Renamed { sessions, open, instruments, already_read } = renamed;
    let verb = if is_dry_run { "would become" } else { "is" };
    output::line(format!(
        "what harvester `{old}` brought {verb} that of `{new}`: sessions: {sessions} ({open} of them in use when last asked)"
    ));
    if !instruments.is_empty() {
        output::line(format!("  read on from where `{old}` had read: {}", listed(instruments)));
    }
    if !already_read.is_empty() {
        output::line(format!(
            "  read by `{new}` itself before, which stays as it is: {}",
            listed(already_read)
        ));
    }
    if is_dry_run {
        output::line("nothing was changed: this was a dry run");
    }
}

fn listed(instruments: &[InstrumentPid]) -> String {
    instruments.iter().map(InstrumentPid::as_str).collect::<Vec<_>>().join(", ")
}

fn stop(error: RenameError, old: &HarvesterName) -> Stop {
    let hint = match &error {
        RenameError::Unknown(_) => {
            Some("`nexus db query \"SELECT DISTINCT harvester FROM nexus_session\"` lists the names that brought sessions".to_owned())
        }
        RenameError::Both { .. } => Some(format!(
            "nothing was changed: one event cannot have two sessions; if they are two sources, `nexus harvesters retire {old}` gives \
             up what was in use"
        )),
        RenameError::Table(_) => None,
    };
    let stop = Stop::new(ExitCode::Failed, error);
    match hint {
        Some(hint) => stop.with_hint(hint),
        None => stop,
    }
}

//! `nexus harvesters retire`: a harvester that is no longer configured.

use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use nexus_core::cursor::Cursor;
use nexus_core::db::Access;
use nexus_core::ids::HarvesterName;
use nexus_core::session_state;
use serde_json::json;

use crate::args::Global;
use crate::commands::{config, db};
use crate::database::{Asked, Place};
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  nexus harvesters retire nemo-old   the table [harvesters.nemo-old] is gone, and nothing took its place

Its usage events that were in use when it was last asked are given up: they become no sessions. How far it had read is \
forgotten; should a table get that name again, it reads everything, and what is known is recognised. Its sessions \
stay as they are. A harvester that was only given another name needs none of this: a run recognises it, or \
`nexus harvesters rename` says so.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RetireArgs {
    /// The name that it had in the configuration.
    #[arg(value_name = "NAME")]
    name: String,
}

pub(super) fn run(global: &Global, args: &RetireArgs) -> Result<ExitCode, Stop> {
    let config = config::load(global)?;
    let name = HarvesterName::from(args.name.as_str());
    if config.harvesters.iter().any(|table| table.name == name) {
        return Err(Stop::new(
            ExitCode::Failed,
            anyhow!(
                "harvester `{name}` is in the configuration and is asked by every run: nothing was changed"
            ),
        )
        .with_hint(format!("remove the table [harvesters.{name}] first")));
    }
    let place = Place::find(global, Asked { path: None, wait: Duration::from_secs(30) })?;
    let _locks = place.lock()?;
    let mut database = place.open_at_head(Access::Write).map_err(db::stop)?;
    let tx = database.transaction().map_err(db::stop)?;
    let events = session_state::close_all(&tx, &name).or_stop(ExitCode::Failed)?;
    let cursors = Cursor::forget(&tx, &name).or_stop(ExitCode::Failed)?;
    tx.commit().or_stop(ExitCode::Failed)?;
    if global.json {
        output::json(&json!({ "harvester": name.as_str(), "events": events, "instruments": cursors }))?;
    } else if events + cursors == 0 {
        output::line(format!("nothing is open or remembered under the name `{name}`"));
    } else {
        output::line(format!(
            "harvester `{name}` is retired: open usage events given up: {events}, instruments it had read: {cursors}"
        ));
    }
    Ok(ExitCode::Done)
}

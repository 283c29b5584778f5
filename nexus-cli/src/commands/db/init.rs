//! `nexus db init`.

use anyhow::Context as _;
use clap::Args;
use nexus_core::db::peer::Revision;
use nexus_core::db::{Database, DbError};

use super::stop;
use crate::args::Global;
use crate::database::Place;
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  Make the database that nexus.toml names:
    nexus db init
  Make one somewhere else:
    nexus db init --database /srv/nexus/nexus.db

An existing file is never overwritten. To start afresh, move the old file away first; to bring an old one \
up to date, run `nexus db upgrade`.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct InitArgs {}

pub(super) fn run(global: &Global, place: &Place) -> Result<ExitCode, Stop> {
    let path = place.path();
    // Asked before the lock is taken, so that a refusal leaves nothing behind.
    if path.symlink_metadata().is_ok() {
        return Err(exists(DbError::Exists { path: path.to_owned() }));
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("failed to make the folder `{}`", folder.display()))
            .or_stop(ExitCode::CannotStart)?;
    }
    let _locks = place.lock()?;
    let database = Database::create(path).map_err(exists)?;
    let path = database.path().unwrap_or(path);
    if global.json {
        output::json(&serde_json::json!({ "path": path, "revision": Revision::HEAD.as_str() }))?;
    } else {
        output::line(format!("made {}", path.display()));
        output::line(format!("none -> {}", Revision::HEAD));
    }
    Ok(ExitCode::Done)
}

fn exists(error: DbError) -> Stop {
    let there = matches!(error, DbError::Exists { .. });
    let stop = stop(error);
    if there {
        stop.with_hint("to start afresh, move the old file away first: its rows are not thrown away")
    } else {
        stop
    }
}

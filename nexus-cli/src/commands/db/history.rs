//! `nexus db history`.

use clap::Args;
use nexus_core::db::peer::{Revision, Standing};

use super::{goal, stop};
use crate::args::Global;
use crate::database::Place;
use crate::exit_code::{ExitCode, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  List the revisions of the shared tables, newest first, and mark that of a database:
    nexus db history --database nexus.db";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct HistoryArgs {}

pub(super) fn run(global: &Global, place: Option<&Place>) -> Result<ExitCode, Stop> {
    let current = match place {
        Some(place) => {
            let database = place.open().map_err(stop)?;
            match database.standing().map_err(stop)? {
                Standing::At(revision) => Some(revision),
                Standing::Empty | Standing::Unversioned(_) => None,
            }
        }
        None => None,
    };
    let newest_first = Revision::ALL.into_iter().rev();
    if global.json {
        let entries = newest_first.map(|revision| {
            serde_json::json!({
                "revision": revision.as_str(),
                "revises": revision.down().map(Revision::as_str),
                "title": revision.title(),
                "head": revision == Revision::HEAD,
                "current": Some(revision) == current,
            })
        });
        output::json(&entries.collect::<Vec<_>>())?;
        return Ok(ExitCode::Done);
    }
    for revision in newest_first {
        let head = if revision == Revision::HEAD { " (head)" } else { "" };
        let mark = if Some(revision) == current { " (current)" } else { "" };
        output::line(format!(
            "{} -> {revision}{head}{mark}, {}",
            goal::name(revision.down()),
            revision.title()
        ));
    }
    Ok(ExitCode::Done)
}

//! `nexus db current`.

use clap::Args;
use nexus_core::db::Database;
use nexus_core::db::peer::{Revision, Standing};

use super::stop;
use crate::args::Global;
use crate::database::Place;
use crate::exit_code::{ExitCode, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  Print the revision of the shared tables:
    nexus db current --database nexus.db
  Print also what it brought, and how far the tables of nexus are:
    nexus db current -v";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CurrentArgs {}

pub(super) fn run(global: &Global, place: &Place) -> Result<ExitCode, Stop> {
    let database = place.open().map_err(stop)?;
    let standing = database.standing().map_err(stop)?;
    let revision = match standing {
        Standing::At(revision) => Some(revision),
        Standing::Empty | Standing::Unversioned(_) => None,
    };
    // What stands in the way of working with it, in the words that every other command would use.
    let advice = database.require_head().err().map(|error| error.to_string());
    let own = own_version(&database)?;

    if global.json {
        output::json(&serde_json::json!({
            "path": database.path(),
            "revision": revision.map(Revision::as_str),
            "head": Revision::HEAD.as_str(),
            "at_head": revision == Some(Revision::HEAD),
            "revises": revision.and_then(Revision::down).map(Revision::as_str),
            "title": revision.map(Revision::title),
            "nexus_tables": own,
            "advice": advice,
        }))?;
        return Ok(ExitCode::Done);
    }
    let mark = if revision == Some(Revision::HEAD) { " (head)" } else { "" };
    output::line(format!("{}{mark}", revision.map_or("none", Revision::as_str)));
    if global.verbose > 0 {
        if let Some(revision) = revision {
            output::line(format!("  revises: {}", revision.down().map_or("none", Revision::as_str)));
            output::line(format!("  title: {}", revision.title()));
        }
        let own = own.map_or_else(|| "not there yet".to_owned(), |number| format!("at number {number}"));
        output::line(format!("  tables of nexus: {own}"));
        output::line(format!("  path: {}", database.path().unwrap_or(place.path()).display()));
    }
    if revision.is_none()
        && let Some(advice) = advice
    {
        output::line(format!("  {advice}"));
    }
    Ok(ExitCode::Done)
}

/// The last migration of the `nexus_*` tables that was applied; none before the first.
fn own_version(database: &Database) -> Result<Option<i64>, Stop> {
    let sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'nexus_schema_history'";
    if database.query(sql, &[]).map_err(stop)?.rows.is_empty() {
        return Ok(None);
    }
    let found = database.query("SELECT max(version) FROM nexus_schema_history", &[]).map_err(stop)?;
    Ok(match found.rows.first().map(Vec::as_slice) {
        Some([rusqlite::types::Value::Integer(number)]) => Some(*number),
        _ => None,
    })
}

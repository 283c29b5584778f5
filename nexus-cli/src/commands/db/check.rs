//! `nexus db check`.

use clap::Args;
use nexus_core::db::DbError;
use nexus_core::db::peer::{Revision, Standing};

use super::stop;
use crate::args::Global;
use crate::database::Place;
use crate::exit_code::{ExitCode, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  Upgrade only if it is needed, in a script:
    nexus db check --database nexus.db || nexus db upgrade --database nexus.db

Exit codes: 0 up to date, 4 an upgrade or a stamp is needed, 6 the file cannot be used.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CheckArgs {}

pub(super) fn run(global: &Global, place: &Place) -> Result<ExitCode, Stop> {
    let database = place.open().map_err(stop)?;
    let standing = database.standing().map_err(stop)?;
    let advice = match database.require_head() {
        Ok(()) => None,
        Err(error @ (DbError::NotAtHead { .. } | DbError::Empty { .. } | DbError::Unversioned { .. })) => {
            Some(error.to_string())
        }
        Err(error) => return Err(stop(error)),
    };
    let present = match standing {
        Standing::At(revision) => Some(revision),
        Standing::Empty | Standing::Unversioned(_) => None,
    };
    if global.json {
        let pending: Vec<_> = Revision::ALL
            .into_iter()
            .filter(|revision| Some(*revision) > present)
            .map(Revision::as_str)
            .collect();
        output::json(&serde_json::json!({
            "path": database.path(),
            "revision": present.map(Revision::as_str),
            "head": Revision::HEAD.as_str(),
            "up_to_date": advice.is_none(),
            "pending": pending,
            "advice": advice,
        }))?;
    } else if let Some(advice) = &advice {
        output::line(advice);
        if let Some(present) = present {
            output::line("pending:");
            for revision in Revision::ALL.into_iter().filter(|revision| *revision > present) {
                output::line(format!("  {revision}, {}", revision.title()));
            }
        }
    } else {
        output::line(format!("up to date (revision {})", Revision::HEAD));
    }
    Ok(if advice.is_none() { ExitCode::Done } else { ExitCode::NeedsPerson })
}

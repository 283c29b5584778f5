//! Identifiers of users that an action learned.

use nexus_core::clock::SystemClock;
use nexus_core::config::Config;
use nexus_core::db::{Access, Database};
use nexus_core::external_user::{ExternalSystem, ExternalUserError, Linked, NewIdentifier};
use nexus_plugin_api::MetUser;
use serde::Serialize;

use crate::output::chain;

/// What became of one.
#[derive(Debug, Serialize)]
pub(super) struct Stored<'u> {
    #[serde(flatten)]
    pub(super) user: &'u MetUser,
    /// Whether the user had none in this system.
    pub(super) new: bool,
    /// Why it was not stored.
    pub(super) problem: Option<String>,
}

/// Stores them in one transaction, each unless somebody else has it. The locks are the caller's.
pub(super) fn store<'u>(config: &Config, users: &'u [MetUser]) -> Vec<Stored<'u>> {
    all(config, users).unwrap_or_else(|error| not_stored(users, &format!("{error:#}")))
}

/// None was stored, for this reason.
pub(super) fn not_stored<'u>(users: &'u [MetUser], why: &str) -> Vec<Stored<'u>> {
    users.iter().map(|user| Stored { user, new: false, problem: Some(why.to_owned()) }).collect()
}

fn all<'u>(config: &Config, users: &'u [MetUser]) -> anyhow::Result<Vec<Stored<'u>>> {
    let mut database = Database::open(&config.database.path, Access::Write)?;
    database.require_head()?;
    let tx = database.transaction()?;
    let mut stored = Vec::with_capacity(users.len());
    for user in users {
        stored.push(one(&tx, user)?);
    }
    tx.commit()?;
    Ok(stored)
}

fn one<'u>(tx: &rusqlite::Transaction<'_>, user: &'u MetUser) -> Result<Stored<'u>, ExternalUserError> {
    let refused = |problem: String| Stored { user, new: false, problem: Some(problem) };
    let system: ExternalSystem = match user.system.parse() {
        Ok(system) => system,
        Err(error) => return Ok(refused(chain(&error))),
    };
    match NewIdentifier::met(user, system).store(tx, &SystemClock) {
        Ok(linked) => Ok(Stored { user, new: linked == Linked::Inserted, problem: None }),
        Err(error @ (ExternalUserError::Taken { .. } | ExternalUserError::Empty { .. })) => {
            Ok(refused(chain(&error)))
        }
        Err(error @ ExternalUserError::Database { .. }) => Err(error),
    }
}

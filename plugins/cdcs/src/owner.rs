//! The account that a record is given to.

use nexus_plugin_api::{Call, Delivery, LogLevel, PluginError};

use crate::memory::Seen;
use crate::settings::Settings;

/// Under this name the host keeps the numbers of accounts.
const SYSTEM: &str = "cdcs";

/// The number of the session's user at the site; `None`: the record stays with the account of the token.
pub fn wanted(settings: &Settings, call: &Call, delivery: &Delivery) -> Result<Option<u64>, PluginError> {
    if !settings.user_owned {
        return Ok(None);
    }
    let user = delivery.session.user.as_deref().unwrap_or("(nobody)");
    match delivery.external_ids.get(SYSTEM).map(|id| id.trim()) {
        Some(id) => match id.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(PluginError::permanent(format!(
                "the CDCS account of user `{user}` is `{id}`, which is no number"
            ))
            .with_hint(linking(user))),
        },
        None if settings.owner_required => {
            Err(PluginError::permanent(format!("user `{user}` has no CDCS account")).with_hint(linking(user)))
        }
        None => {
            call.log(
                LogLevel::Warn,
                &format!("user `{user}` has no CDCS account: the record stays with the account of the token"),
            );
            Ok(None)
        }
    }
}

fn linking(user: &str) -> String {
    format!(
        "`nexus users link {user} cdcs NUMBER`, with the number of the account at the site; then `nexus export retry`"
    )
}

/// Whether a record belongs to whom it should.
pub fn is_right(settings: &Settings, delivery: &Delivery, seen: &Seen) -> bool {
    let known = delivery.external_ids.get(SYSTEM).and_then(|id| id.trim().parse::<u64>().ok());
    !settings.user_owned || known.is_none() || known == seen.owner
}

//! The account that a record is given to.

use nexus_plugin_api::{Call, Delivery, LogLevel, PluginError};

use crate::CdcsDestination;
use crate::account::{Match, Person};
use crate::memory::Seen;

/// Under this name the host keeps the numbers of accounts.
const SYSTEM: &str = "cdcs";

/// The number of the session's user at the site; `None`: the record stays with the account of the token. A link that
/// a person made counts before the name; an account that is missing is made if the settings say so.
pub fn wanted(cdcs: &CdcsDestination, call: &Call, delivery: &Delivery) -> Result<Option<u64>, PluginError> {
    let settings = &cdcs.settings;
    if !settings.user_owned {
        return Ok(None);
    }
    if let Some(linked) = linked(delivery)? {
        return Ok(Some(linked));
    }
    let user = delivery.session.user.as_deref().unwrap_or("(nobody)");
    let found = match person(delivery) {
        None => Match::None,
        Some(person) if settings.create_accounts => cdcs.accounts.find_or_make(&cdcs.client, call, person)?,
        Some(person) => cdcs.accounts.find(&cdcs.client, call, person)?,
    };
    let why = match found {
        Match::One(id) => return Ok(Some(id)),
        Match::None => format!("user `{user}` has no CDCS account"),
        Match::Several => {
            format!("several CDCS accounts are called `{user}` or have that user's e-mail address")
        }
    };
    if settings.owner_required {
        return Err(PluginError::permanent(why).with_hint(linking(user)));
    }
    call.log(LogLevel::Warn, &format!("{why}: the record stays with the account of the token"));
    Ok(None)
}

fn person(delivery: &Delivery) -> Option<Person<'_>> {
    Some(Person { name: delivery.session.user.as_deref()?, emails: &delivery.user_emails })
}

/// The number that a person gave the user.
fn linked(delivery: &Delivery) -> Result<Option<u64>, PluginError> {
    let Some(id) = delivery.external_ids.get(SYSTEM).map(|id| id.trim()) else { return Ok(None) };
    let user = delivery.session.user.as_deref().unwrap_or("(nobody)");
    id.parse().map(Some).map_err(|_| {
        PluginError::permanent(format!("the CDCS account of user `{user}` is `{id}`, which is no number"))
            .with_hint(linking(user))
    })
}

fn linking(user: &str) -> String {
    format!(
        "`nexus users link {user} cdcs NUMBER`, with the number of the account at the site; then `nexus export retry`"
    )
}

/// Whether a record belongs to whom it should, as far as that can be told without changing the site.
pub fn is_right(
    cdcs: &CdcsDestination,
    call: &Call,
    delivery: &Delivery,
    seen: &Seen,
) -> Result<bool, PluginError> {
    if !cdcs.settings.user_owned {
        return Ok(true);
    }
    // A link that is no number is a matter of the delivery.
    let Ok(linked) = linked(delivery) else { return Ok(false) };
    let found = match (linked, person(delivery)) {
        (Some(id), _) => Match::One(id),
        (None, None) => return Ok(true),
        (None, Some(person)) => cdcs.accounts.find(&cdcs.client, call, person)?,
    };
    Ok(match found {
        Match::One(id) => seen.owner == Some(id),
        Match::None => !cdcs.settings.create_accounts,
        Match::Several => true,
    })
}

//! Whose notebook a record goes to.

use nexus_plugin_api::{Call, Delivery, FailureClass, LogLevel, PluginError};
use nexus_plugin_http::Once;

use crate::client::Client;
use crate::error::{ApiError, LabError};
use crate::name;
use crate::reply::{self, User};
use crate::settings::{Own, OwnNotebook, Place, Settings};
use crate::tree::{Shelf, stopped};

/// Under this name the host keeps the user ids of people.
pub const SYSTEM: &str = "labarchives_eln";

/// What is known of the people who were enrolled, by user id; `None`: the account is refused.
#[derive(Debug, Default)]
pub struct People(Once<String, Result<User, ApiError>>);

impl People {
    /// Who somebody is, and their notebooks. That an account is refused is an answer as well.
    fn get(&self, client: &Client, call: &Call, uid: &str) -> Result<Result<User, ApiError>, ApiError> {
        let asked = self.0.get(call, &uid.to_owned(), || match who(client, call, uid) {
            Err(error) if error.refuses_the_account() => Ok(Err(error)),
            other => other.map(Ok),
        });
        asked.unwrap_or_else(|| Err(stopped(client)))
    }

    /// Everybody is asked for again.
    pub fn forget(&self) {
        self.0.forget(|_| true);
    }
}

/// Who has this user id.
pub fn who(client: &Client, call: &Call, uid: &str) -> Result<User, ApiError> {
    client.read(call, "users/user_info_via_id", &[("uid", uid)], ("user", reply::user))
}

/// Where a session's record goes, and where else if the account is refused there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    /// Where it goes.
    pub shelf: Shelf,
    /// Where it goes if the user's own account is refused.
    pub otherwise: Option<Shelf>,
}

/// The facility's notebook; `None` in Inbox mode.
pub fn facility(settings: &Settings) -> Option<Shelf> {
    match &settings.place {
        Place::Notebook(nbid) => Some(Shelf { uid: settings.uid.clone(), nbid: nbid.clone(), own: false }),
        Place::Inbox(_) => None,
    }
}

/// The notebook for a session.
pub fn goal(
    settings: &Settings,
    client: &Client,
    people: &People,
    call: &Call,
    delivery: &Delivery,
    facility: Shelf,
) -> Result<Goal, LabError> {
    let alone = |shelf: Shelf| Ok(Goal { shelf, otherwise: None });
    let Some(own) = &settings.own else { return alone(facility) };
    let uid = delivery.external_ids.get(SYSTEM).map(|uid| uid.trim()).filter(|uid| !uid.is_empty());
    let Some(uid) = uid.filter(|uid| *uid != settings.uid) else { return alone(facility) };
    let user = match people.get(client, call, uid)? {
        Ok(user) => user,
        Err(error) if own.fallback => {
            said(call, delivery, &error.to_string());
            return alone(facility);
        }
        Err(error) => return Err(refused(delivery, &error).into()),
    };
    match notebook(own, &user, &facility.nbid) {
        Some(nbid) => {
            let otherwise = own.fallback.then_some(facility);
            Ok(Goal { shelf: Shelf { uid: uid.to_owned(), nbid, own: true }, otherwise })
        }
        None if own.notebook == OwnNotebook::Facility => alone(facility),
        None => {
            said(call, delivery, "they have no such notebook");
            alone(facility)
        }
    }
}

/// The facility's notebook if they share it, else one of theirs.
fn notebook(own: &Own, user: &User, shared: &str) -> Option<String> {
    let mut notebooks = user.notebooks.iter();
    if notebooks.clone().any(|notebook| notebook.id == shared) {
        return Some(shared.to_owned());
    }
    let found = match &own.notebook {
        OwnNotebook::Facility => None,
        OwnNotebook::Default => notebooks.find(|notebook| notebook.default),
        OwnNotebook::Named(named) => notebooks.find(|notebook| name::same(&notebook.name, named)),
    };
    found.map(|notebook| notebook.id.clone())
}

/// Says in the log that the facility's notebook takes the record.
pub fn said(call: &Call, delivery: &Delivery, why: &str) {
    let user = delivery.session.user.as_deref().unwrap_or("(nobody)");
    call.log(
        LogLevel::Warn,
        &format!("no notebook of user `{user}`: {why}: the facility's notebook takes the record"),
    );
}

/// The account of one user is refused: that is no failure of the destination as a whole.
pub fn refused(delivery: &Delivery, error: &ApiError) -> PluginError {
    let user = delivery.session.user.as_deref().unwrap_or("(nobody)");
    let mut told: PluginError = error.clone().into();
    told.class = FailureClass::Permanent;
    told.message = format!("the LabArchives account of user `{user}`: {error}");
    told.with_hint(format!(
        "enrol the user again with `nexus plugins run NAME enrol user={user} …`, or set `fallback = true`; then `nexus \
         export retry`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::Notebook;

    #[test]
    fn the_shared_notebook_comes_before_their_own() {
        let listed = |id: &str, name: &str, default: bool| Notebook {
            id: id.to_owned(),
            name: name.to_owned(),
            default,
        };
        let notebooks =
            vec![listed("1", "Other", false), listed("2", "Mine", true), listed("3", "Cafe\u{301}", false)];
        let user = User { uid: "u".to_owned(), name: None, email: None, notebooks };
        let of = |wanted: OwnNotebook, shared: &str| {
            notebook(&Own { notebook: wanted, fallback: true }, &user, shared)
        };
        assert_eq!(of(OwnNotebook::Default, "1").as_deref(), Some("1"));
        assert_eq!(of(OwnNotebook::Default, "9").as_deref(), Some("2"));
        assert_eq!(of(OwnNotebook::Named("Caf\u{e9}".to_owned()), "9").as_deref(), Some("3"));
        assert_eq!(of(OwnNotebook::Named("None".to_owned()), "9"), None);
        assert_eq!(of(OwnNotebook::Facility, "9"), None);
    }
}

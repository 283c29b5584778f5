//! Users' identifiers in other systems: table `external_user_identifiers`.
//!
//! A user has at most one identifier in a system, and an identifier belongs to at most one user.

use std::collections::BTreeMap;

use nexus_plugin_api::MetUser;
use rusqlite::{Connection, OptionalExtension as _, Params, Row, Transaction, params};
use serde::Serialize;

use crate::clock::Clock;
use crate::text_enum::text_enum;
use crate::timestamp::Timestamp;
use crate::unreadable::{Rows, read_rows};

text_enum! {
    /// A system in which a user has an identifier of their own.
    pub enum ExternalSystem as "an external system", error NotAnExternalSystem {
        /// The NEMO scheduler.
        Nemo = "nemo",
        /// LabArchives, the electronic notebook.
        LabArchivesEln = "labarchives_eln",
        /// LabArchives, the scheduler.
        LabArchivesScheduler = "labarchives_scheduler",
        /// CDCS, the curation system.
        Cdcs = "cdcs",
    }
}

/// A row of `external_user_identifiers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExternalUserIdentifier {
    /// Its number.
    pub id: i64,
    /// The user, by the name in the session log.
    #[serde(rename = "nexuslims_username")]
    pub user: String,
    /// The system.
    #[serde(rename = "external_system")]
    pub system: ExternalSystem,
    /// The identifier there.
    pub external_id: String,
    /// An e-mail address, for people.
    pub email: Option<String>,
    /// When it was stored; `None` if that cannot be read.
    pub created_at: Option<Timestamp>,
    /// When it was last found to be right, if it ever was.
    pub last_verified_at: Option<Timestamp>,
    /// Notes, for people.
    pub notes: Option<String>,
}

/// An identifier to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIdentifier<'a> {
    /// The user.
    pub user: &'a str,
    /// The system.
    pub system: ExternalSystem,
    /// The identifier there.
    pub external_id: &'a str,
    /// Replaces what is stored, unless it is empty.
    pub email: Option<&'a str>,
    /// Replaces what is stored, unless it is empty.
    pub notes: Option<&'a str>,
}

/// How a store ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linked {
    /// It is new.
    Inserted,
    /// The user had an identifier in this system; it was replaced or confirmed.
    Updated,
}

/// An identifier that could not be read or stored.
#[derive(Debug, thiserror::Error)]
pub enum ExternalUserError {
    /// The user or the identifier is empty.
    #[error("the {what} in system {system} is empty")]
    Empty {
        /// Which of the two.
        what: &'static str,
        /// The system.
        system: ExternalSystem,
    },
    /// It is somebody else's.
    #[error(
        "`{external_id}` in {system} already belongs to user `{holder}` and cannot be linked to `{user}`; \
         unlink it from `{holder}` first if that is wrong"
    )]
    Taken {
        /// The system.
        system: ExternalSystem,
        /// The identifier.
        external_id: String,
        /// Whose it is.
        holder: String,
        /// Who was to have it.
        user: String,
    },
    /// The database answered with an error.
    #[error("failed to {what}")]
    Database {
        /// What was asked of it.
        what: String,
        /// Its answer.
        source: rusqlite::Error,
    },
}

impl ExternalUserError {
    fn database(what: impl Into<String>) -> impl FnOnce(rusqlite::Error) -> Self {
        let what = what.into();
        move |source| Self::Database { what, source }
    }
}

/// A user's identifier in a system.
pub fn external_id(
    connection: &Connection,
    user: &str,
    system: ExternalSystem,
) -> Result<Option<String>, ExternalUserError> {
    connection
        .prepare_cached(
            "SELECT external_id FROM external_user_identifiers
             WHERE nexuslims_username = ?1 AND external_system = ?2",
        )
        .and_then(|mut statement| statement.query_row(params![user, system], |row| row.get(0)).optional())
        .map_err(ExternalUserError::database(format!("look for user `{user}` in {system}")))
}

/// The user to whom an identifier belongs.
pub fn user_of(
    connection: &Connection,
    system: ExternalSystem,
    external_id: &str,
) -> Result<Option<String>, ExternalUserError> {
    connection
        .prepare_cached(
            "SELECT nexuslims_username FROM external_user_identifiers
             WHERE external_system = ?1 AND external_id = ?2",
        )
        .and_then(|mut statement| {
            statement.query_row(params![system, external_id], |row| row.get(0)).optional()
        })
        .map_err(ExternalUserError::database(format!("look for `{external_id}` in {system}")))
}

/// All identifiers of a user, by system.
pub fn all_of(
    connection: &Connection,
    user: &str,
) -> Result<BTreeMap<ExternalSystem, String>, ExternalUserError> {
    Ok(known_of(connection, user)?.ids)
}

/// What is known of a user elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownUser {
    /// Identifiers, by system.
    pub ids: BTreeMap<ExternalSystem, String>,
    /// E-mail addresses, as they were stored; each once.
    pub emails: Vec<String>,
}

/// All that is known of a user elsewhere; nothing for one who is not known.
pub fn known_of(connection: &Connection, user: &str) -> Result<KnownUser, ExternalUserError> {
    let mut known = KnownUser::default();
    for row in ExternalUserIdentifier::of_user(connection, user)?.rows {
        let email = row.email.map(|email| email.trim().to_owned()).filter(|email| !email.is_empty());
        if let Some(email) = email.filter(|email| !known.emails.contains(email)) {
            known.emails.push(email);
        }
        known.ids.insert(row.system, row.external_id);
    }
    Ok(known)
}

/// The one user who has this e-mail address in some system, whatever its capitals; `None` if nobody has it, or several.
pub fn user_with_email(connection: &Connection, email: &str) -> Result<Option<String>, ExternalUserError> {
    let found = connection
        .prepare_cached(
            "SELECT DISTINCT nexuslims_username FROM external_user_identifiers
             WHERE lower(trim(email)) = lower(trim(?1)) LIMIT 2",
        )
        .and_then(|mut statement| {
            statement.query_map([email], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()
        })
        .map_err(ExternalUserError::database(format!("look for the user with the address `{email}`")))?;
    Ok(<[String; 1]>::try_from(found).ok().map(|[user]| user))
}

impl<'a> NewIdentifier<'a> {
    /// The identifier of a user whom a plugin met in this system.
    pub fn met(user: &'a MetUser, system: ExternalSystem) -> Self {
        Self {
            user: &user.username,
            system,
            external_id: &user.external_id,
            email: user.email.as_deref(),
            notes: None,
        }
    }

    /// Stores the identifier. If the user has one in this system it is replaced, with e-mail and notes if they
    /// are given, and counts as verified now; else it is added as created now.
    pub fn store(&self, tx: &Transaction<'_>, clock: &dyn Clock) -> Result<Linked, ExternalUserError> {
        for (what, text) in [("user", self.user), ("identifier", self.external_id)] {
            if text.trim().is_empty() {
                return Err(ExternalUserError::Empty { what, system: self.system });
            }
        }
        if let Some(holder) = user_of(tx, self.system, self.external_id)?.filter(|holder| holder != self.user)
        {
            return Err(ExternalUserError::Taken {
                system: self.system,
                external_id: self.external_id.to_owned(),
                holder,
                user: self.user.to_owned(),
            });
        }
        let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let now = Timestamp::from(clock.now());
        let values =
            params![self.user, self.system, self.external_id, given(self.email), given(self.notes), now];
        let what = || format!("link user `{}` to `{}` in {}", self.user, self.external_id, self.system);
        let updated = tx
            .execute(
                "UPDATE external_user_identifiers SET external_id = ?3, email = coalesce(?4, email),
                     notes = coalesce(?5, notes), last_verified_at = ?6
                 WHERE nexuslims_username = ?1 AND external_system = ?2",
                values,
            )
            .map_err(ExternalUserError::database(what()))?;
        if updated > 0 {
            return Ok(Linked::Updated);
        }
        tx.execute(
            "INSERT INTO external_user_identifiers
                 (nexuslims_username, external_system, external_id, email, notes, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            values,
        )
        .map_err(ExternalUserError::database(what()))?;
        Ok(Linked::Inserted)
    }
}

/// Forgets a user's identifier in a system; answers whether there was one.
pub fn remove(tx: &Transaction<'_>, user: &str, system: ExternalSystem) -> Result<bool, ExternalUserError> {
    tx.execute(
        "DELETE FROM external_user_identifiers WHERE nexuslims_username = ?1 AND external_system = ?2",
        params![user, system],
    )
    .map(|rows| rows > 0)
    .map_err(ExternalUserError::database(format!("unlink user `{user}` in {system}")))
}

impl ExternalUserIdentifier {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            user: row.get(1)?,
            system: row.get(2)?,
            external_id: row.get(3)?,
            email: row.get(4)?,
            created_at: row.get(5).ok(),
            last_verified_at: row.get(6).ok(),
            notes: row.get(7)?,
        })
    }

    /// All rows, by user, then by system.
    pub fn all(connection: &Connection) -> Result<Rows<Self>, ExternalUserError> {
        Self::select(connection, "", [])
    }

    /// The rows of one user, by system.
    pub fn of_user(connection: &Connection, user: &str) -> Result<Rows<Self>, ExternalUserError> {
        Self::select(connection, "WHERE nexuslims_username = ?1", [user])
    }

    fn select(
        connection: &Connection,
        condition: &'static str,
        params: impl Params,
    ) -> Result<Rows<Self>, ExternalUserError> {
        let sql = format!(
            "SELECT id, nexuslims_username, external_system, external_id, email, created_at, last_verified_at,
                    notes
             FROM external_user_identifiers {condition} ORDER BY nexuslims_username, external_system"
        );
        connection
            .prepare_cached(&sql)
            .and_then(|mut statement| {
                read_rows(&mut statement, params, "external_user_identifiers", false, Self::from_row)
            })
            .map_err(ExternalUserError::database("read the users' identifiers"))
    }
}

#[cfg(test)]
mod tests;

//! Which harvester the sessions of NexusLIMS come from, so that a harvest takes them for its own.
//!
//! NexusLIMS names a session after the address of its usage event, `<base>usage_events/?id=7`. A harvester whose
//! `address` or alias is that base brings the event again, under its present address: it has to be known by its
//! number then, or the session would be there twice.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction, params};
use serde::Serialize;

use crate::api_address::ApiBase;
use crate::config::Config;
use crate::ids::{HarvesterName, SessionId};
use crate::session::RecordStatus;

/// The addresses of the configured harvesters, the present one first.
#[derive(Debug, Clone, Default)]
pub struct Sources(Vec<(HarvesterName, Vec<ApiBase>)>);

impl Sources {
    /// Those of a configuration. An address that is none belongs to no session.
    pub fn of(config: &Config) -> Self {
        let bases = |table: &crate::config::HarvesterConfig| {
            let texts = table.address.iter().chain(&table.aliases);
            texts.filter_map(|text| ApiBase::parse(text).ok()).collect()
        };
        Self(config.harvesters.iter().map(|table| (table.name.clone(), bases(table))).collect())
    }

    /// Whose the sessions of the session log are, as far as their names tell.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn known(&self, conn: &Connection) -> rusqlite::Result<Known> {
        let mut known = Known::default();
        let mut statement = conn.prepare("SELECT DISTINCT session_identifier FROM session_log")?;
        for session in statement.query_map([], |row| Ok(row.get::<_, SessionId>(0).ok()))? {
            let Some(session) = session? else { continue };
            if let Some((harvester, ..)) = self.of_session(&session) {
                *known.harvesters.entry(harvester.clone()).or_default() += 1;
            } else if let Some((base, _)) = session.as_str().split_once("usage_events/") {
                *known.elsewhere.entry(base.to_owned()).or_default() += 1;
            }
        }
        Ok(known)
    }

    /// The harvester that knows a session, the event's number there, and how present its address is: 0 for
    /// `address` itself.
    fn of_session(&self, session: &SessionId) -> Option<(&HarvesterName, u64, usize)> {
        self.0.iter().find_map(|(name, bases)| {
            let numbered = |(at, base): (usize, &ApiBase)| {
                Some((name, base.number_in("usage_events", session.as_str())?, at))
            };
            bases.iter().enumerate().find_map(numbered)
        })
    }
}

/// Whose sessions there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Known {
    /// Sessions that a harvester of the configuration knows.
    pub harvesters: BTreeMap<HarvesterName, u64>,
    /// Sessions of usage events below addresses that no harvester has, by address.
    pub elsewhere: BTreeMap<String, u64>,
}

/// What was claimed.
#[derive(Debug, Default)]
pub(super) struct Claimed {
    /// Sessions whose harvester and event are known now.
    pub sessions: u64,
    /// Sessions of an event that is another session already.
    pub twice: Vec<SessionId>,
}

/// Tells every session that nobody harvested whose it is. Of several sessions of one event, which NexusLIMS makes when
/// its server is given another address, the one that may have a record is the event's, then the one under the more
/// present address.
pub(super) fn claim(tx: &Transaction<'_>, sources: &Sources) -> rusqlite::Result<Claimed> {
    let mut found: Vec<(bool, usize, SessionId, &HarvesterName, u64)> = unclaimed(tx)?
        .into_iter()
        .filter_map(|(session, has_record)| {
            let (name, number, at) = sources.of_session(&session)?;
            Some((!has_record, at, session, name, number))
        })
        .collect();
    found.sort();
    let mut claimed = Claimed::default();
    for (_, _, session, name, number) in found {
        let changed = tx
            .prepare_cached(
                "UPDATE OR IGNORE nexus_session SET harvester = ?2, external_id = ?3 WHERE session_identifier = ?1",
            )?
            .execute(params![session, name, number.to_string()])?;
        if changed == 0 {
            claimed.twice.push(session);
        } else {
            claimed.sessions += 1;
        }
    }
    Ok(claimed)
}

/// Sessions that nobody harvested, and whether a record of them may exist.
fn unclaimed(conn: &Connection) -> rusqlite::Result<Vec<(SessionId, bool)>> {
    let mut statement = conn.prepare(
        "SELECT session_identifier, last_status IN (?1, ?2) FROM nexus_session WHERE harvester IS NULL",
    )?;
    statement
        .query_map([RecordStatus::Completed, RecordStatus::BuiltNotExported], |row| {
            Ok((row.get(0)?, row.get::<_, Option<bool>>(1)?.unwrap_or_default()))
        })?
        .collect()
}

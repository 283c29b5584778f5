//! The first time on a database that has history: what is there, and taking it on.
//!
//! Until somebody says `nexus adopt`, a run on such a database changes nothing. Adopting remembers every
//! session with its status, and turns the peer's successful uploads into deliveries, so that none of its
//! records is delivered a second time. Sessions that a configured harvester knows become its own.

mod sources;

use std::collections::BTreeMap;
use std::fs;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Transaction};
use serde::Serialize;

pub use sources::{Known, Sources};

use crate::build::reserve_name;
use crate::clock::Clock;
use crate::delivery::{self, Delivery, Event, table};
use crate::export::Routes;
use crate::folders::Folders;
use crate::ids::{InstrumentPid, SessionId};
use crate::instrument::Instruments;
use crate::record::sha256_hex;
use crate::session::{self, RecordStatus};
use crate::session_state::{self, NewSessionState, SessionState};
use crate::timestamp::UtcTime;
use crate::unreadable::{Rows, UNREADABLE, read_rows};
use crate::upload_log::UploadLog;
use crate::writer::WriteError;
use crate::{meta, reconcile};

/// What a database with history holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Inheritance {
    /// When it was taken on (UTC); `None`: not yet.
    pub adopted_at: Option<String>,
    /// Sessions by status.
    pub sessions: BTreeMap<String, u64>,
    /// Successful uploads by destination.
    pub uploads: BTreeMap<String, u64>,
    /// Destinations with uploads that the configuration does not name.
    pub not_configured: Vec<String>,
}

impl Inheritance {
    /// Whether a run must not begin before `nexus adopt` was said.
    pub fn must_be_adopted(&self) -> bool {
        self.adopted_at.is_none() && !self.sessions.is_empty()
    }
}

/// What was taken on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Adopted {
    /// Sessions remembered.
    pub sessions: u64,
    /// Sessions without a START in the session log: nobody can build them, and they are left alone.
    pub without_start: u64,
    /// Sessions that a harvester of the configuration knows, under its present or a former address.
    pub claimed: u64,
    /// Sessions of an event that is another session already: the server had another address meanwhile.
    pub twice: Vec<SessionId>,
    /// Deliveries of the peer.
    pub deliveries: u64,
    /// Records of the peer that will be delivered.
    pub to_deliver: u64,
    /// Records of the peer that nobody asked to deliver.
    pub undelivered: u64,
    /// Sessions built by the peer whose record file is not where it should be.
    pub records_missing: Vec<SessionId>,
    /// Rows of the shared tables that cannot be read, and why.
    pub unreadable: Vec<String>,
}

/// Looks at what is there.
///
/// # Errors
/// The database cannot be read.
pub fn inspect(conn: &Connection, routes: &Routes) -> Result<Inheritance, WriteError> {
    let mut found = Inheritance::default();
    if has_own_tables(conn)? {
        found.adopted_at = meta::adopted_at(conn)?.map(|at| at.to_string());
    }
    found.sessions = session::counts(conn)?;
    let odd = |_| UNREADABLE.to_owned();
    let mut statement = conn.prepare(
        "SELECT destination_name, count(DISTINCT session_identifier) FROM upload_log WHERE success <> 0 GROUP BY 1",
    )?;
    for row in statement.query_map([], |row| Ok((row.get(0).unwrap_or_else(odd), row.get::<_, i64>(1)?)))? {
        let (destination, count): (String, i64) = row?;
        if !routes.has(&destination.as_str().into()) {
            found.not_configured.push(destination.clone());
        }
        *found.uploads.entry(destination).or_default() += count.unsigned_abs();
    }
    Ok(found)
}

/// A database that only NexusLIMS worked on has none of our tables.
pub(crate) fn has_own_tables(conn: &Connection) -> rusqlite::Result<bool> {
    conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'nexus_meta')",
        [],
        |row| row.get(0),
    )
}

/// Whether the database was taken on, at the price of one look-up.
///
/// # Errors
/// The database cannot be read.
pub fn is_adopted(conn: &Connection) -> Result<bool, WriteError> {
    Ok(meta::adopted_at(conn)?.is_some())
}

/// Whether the session log is empty: then there is nothing to take on.
///
/// # Errors
/// The database cannot be read.
pub fn is_new(conn: &Connection) -> Result<bool, WriteError> {
    Ok(conn.query_row("SELECT NOT EXISTS (SELECT 1 FROM session_log)", [], |row| row.get(0))?)
}

/// Remembers that there is nothing (more) to take on.
///
/// # Errors
/// The database cannot be written.
pub fn mark(tx: &Transaction<'_>, now: DateTime<Utc>) -> Result<(), WriteError> {
    Ok(meta::set_adopted(tx, UtcTime::new(now))?)
}

/// Takes on what is there. Safe to repeat.
///
/// With `deliver_missing`, records that the peer built and could not export become deliveries.
///
/// # Errors
/// The database cannot be read or written.
pub fn adopt(
    tx: &Transaction<'_>,
    routes: &Routes,
    folders: &Folders,
    instruments: &Instruments,
    sources: &Sources,
    deliver_missing: bool,
    clock: &dyn Clock,
) -> Result<Adopted, WriteError> {
    let now = clock.now();
    let mut adopted = Adopted::default();
    let unknown = unknown_sessions(tx)?;
    adopted.unreadable.extend(unknown.unreadable.iter().map(ToString::to_string));
    for (id, instrument, status) in unknown.rows {
        let new = NewSessionState {
            session: id.clone(),
            instrument,
            harvester: None,
            external_id: None,
            open_since: None,
            seen_digest: None,
        };
        new.insert(tx)?;
        if let Some(status) = status {
            session_state::set_last_status(tx, &id, status)?;
        }
        adopted.sessions += 1;
    }
    adopted.without_start = without_start(tx)?;
    let claimed = sources::claim(tx, sources)?;
    (adopted.claimed, adopted.twice) = (claimed.sessions, claimed.twice);
    let first = !is_adopted(tx)?;
    let seen = meta::upload_log_seen(tx)?;
    let mut last = 0;
    loop {
        let page = UploadLog::after(tx, last, 1000)?;
        let Some(end) = reconcile::end_of(&page) else { break };
        adopted.unreadable.extend(page.unreadable.iter().map(ToString::to_string));
        // What came since the last run is for the next one to take note of, whatever is known of it.
        for row in page.rows.iter().filter(|row| row.success && (first || row.id <= seen)) {
            if table::load(tx, &row.session_identifier, &row.destination)?.is_none() {
                // Nothing is known of the delivery yet, so there is nothing to tell.
                let _ = reconcile::adopt_upload(tx, row, now)?;
                adopted.deliveries += 1;
            }
        }
        last = end;
    }
    if first {
        reconcile::set_seen(tx, last)?;
    }
    if deliver_missing {
        deliver(tx, routes, folders, instruments, now, &mut adopted)?;
    } else {
        for id in session::with_status(tx, RecordStatus::BuiltNotExported)? {
            let ours = SessionState::load(tx, &id)?.is_some_and(|state| state.content_sha256.is_some());
            adopted.undelivered += u64::from(!ours);
        }
    }
    if first {
        mark(tx, now)?;
    }
    Ok(adopted)
}

fn without_start(conn: &Connection) -> rusqlite::Result<u64> {
    let count: i64 = conn.query_row(
        "SELECT count(DISTINCT session_identifier) FROM session_log WHERE session_identifier NOT IN (
            SELECT session_identifier FROM session_log WHERE event_type = 'START')",
        [],
        |row| row.get(0),
    )?;
    Ok(count.unsigned_abs())
}

/// A session, its instrument, and its status if that is one.
type Unknown = (SessionId, InstrumentPid, Option<RecordStatus>);

fn unknown_sessions(conn: &Connection) -> rusqlite::Result<Rows<Unknown>> {
    let mut statement = conn.prepare(
        "SELECT s.id_session_log, s.session_identifier, s.instrument, s.record_status FROM session_log s
          WHERE s.id_session_log IN (
                SELECT max(id_session_log) FROM session_log WHERE event_type = 'START' GROUP BY session_identifier)
            AND NOT EXISTS (SELECT 1 FROM nexus_session n WHERE n.session_identifier = s.session_identifier)",
    )?;
    read_rows(&mut statement, [], "session_log", true, |row| Ok((row.get(1)?, row.get(2)?, row.get(3).ok())))
}

/// Records of the peer that are still in the records folder are delivered as they are.
fn deliver(
    tx: &Transaction<'_>,
    routes: &Routes,
    folders: &Folders,
    instruments: &Instruments,
    now: DateTime<Utc>,
    adopted: &mut Adopted,
) -> Result<(), WriteError> {
    for id in session::with_status(tx, RecordStatus::BuiltNotExported)? {
        let Some(state) = SessionState::load(tx, &id)? else { continue };
        if state.content_sha256.is_some() {
            continue;
        }
        let Some(hash) = take_record(tx, &id, folders, instruments, now)? else {
            adopted.records_missing.push(id);
            continue;
        };
        for route in routes.destinations.iter() {
            let known = table::load(tx, &id, &route.name)?;
            let row = known.clone().unwrap_or_else(|| Delivery::new(id.clone(), route.name.clone(), now));
            let (next, _) =
                delivery::step(&row, Event::Wanted { content_sha256: hash.clone(), hold: None }, now);
            table::put(tx, known.as_ref(), &next)?;
        }
        adopted.to_deliver += 1;
    }
    Ok(())
}

/// Takes on a record that the peer built, as it is; answers its hash, or `None` if its file is not there.
pub(crate) fn take_record(
    tx: &Transaction<'_>,
    id: &SessionId,
    folders: &Folders,
    instruments: &Instruments,
    now: DateTime<Utc>,
) -> Result<Option<String>, WriteError> {
    let Some(session) = session::load(tx, id, instruments)? else { return Ok(None) };
    let name = reserve_name(tx, &session)?;
    let Some(bytes) = folders.find_record(&name).and_then(|path| fs::read(path).ok()) else {
        return Ok(None);
    };
    let hash = sha256_hex(&bytes);
    let facts = session_state::BuildFacts {
        content_sha256: hash.clone(),
        file_sha256: hash.clone(),
        file_size: bytes.len() as u64,
        file_count: 0,
        built_at: UtcTime::new(now),
        built_by: "NexusLIMS".to_owned(),
    };
    session_state::built(tx, id, &facts)?;
    Ok(Some(hash))
}

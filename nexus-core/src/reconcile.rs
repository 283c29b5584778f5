//! What another program did to the shared tables since our last run.
//!
//! Every run begins here. Upload log rows that are not ours become deliveries (origin `peer`); a status other
//! than the one we wrote last is a foreign move:
//!
//! | found | what we do |
//! |---|---|
//! | COMPLETED | accept; deliveries of ours that are still due stay due, and ask before they create |
//! | BUILT_NOT_EXPORTED | accept, and tell: `nexus adopt --deliver-missing` delivers its record |
//! | TO_BE_BUILT | build it again; a record that exists is updated, never doubled, for its deliveries are known |
//! | any other | accept: it is settled without a record |

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Transaction, params};

use crate::delivery::{self, Delivery, Effect, Event, PeerUpload, table};
use crate::export::{Routes, settle_session};
use crate::ids::SessionId;
use crate::journal::Journal;
use crate::report::Told;
use crate::session::RecordStatus;
use crate::unreadable::Rows;
use crate::upload_log::UploadLog;
use crate::writer::WriteError;
use crate::{meta, session_state};

/// Upload log rows, and sessions, looked at in one step.
const PAGE: u32 = 1000;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Foreign {
    /// Records that another program delivered.
    pub uploads: u64,
    /// Sessions that another program moved.
    pub moves: u64,
    /// Sessions that it built and could not export.
    pub built_not_exported: u64,
    /// What a person must know of its deliveries.
    pub told: Told,
}

/// Where the rows of the upload log begin that nobody has looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unseen {
    /// They come after this one.
    after: i64,
    /// Up to this one, some may have been looked at.
    doubtful: i64,
}

impl Unseen {
    /// Finds out. To be asked before this program adds a row to the log.
    ///
    /// SQLite gives the numbers of deleted rows at the end of a table to those that come next. So if the last row that was
    /// looked at is not what it was, those before it may be new as well, back to one that is surely old: one of ours, since
    /// we add none before this question is asked.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn find(tx: &Transaction<'_>) -> Result<Self, WriteError> {
        let seen = meta::upload_log_seen(tx)?;
        let mark = UploadLog::mark(tx, seen)?;
        let known = meta::upload_log_mark(tx)?;
        // Without a mark an earlier version was the last to look.
        if seen == 0 || mark.is_some() && (known.is_none() || known == mark) {
            return Ok(Self { after: seen, doubtful: 0 });
        }
        let mut at = seen;
        loop {
            let page = UploadLog::up_to(tx, at, PAGE)?;
            if let Some(ours) = page.rows.iter().find(|row| is_ours(row)) {
                return Ok(Self { after: ours.id, doubtful: seen });
            }
            match numbers(&page).min() {
                Some(first) => at = first - 1,
                None => return Ok(Self { after: 0, doubtful: seen }),
            }
        }
    }
}

/// The numbers of the rows of a page, also of those that cannot be read.
fn numbers(page: &Rows<UploadLog>) -> impl Iterator<Item = i64> {
    page.rows.iter().map(|row| row.id).chain(page.unreadable.iter().map(|row| row.row))
}

/// The number of the last row of a page; `None`: it is empty.
pub(crate) fn end_of(page: &Rows<UploadLog>) -> Option<i64> {
    numbers(page).max()
}

/// Remembers up to which row the upload log was looked at.
pub(crate) fn set_seen(tx: &Transaction<'_>, row: i64) -> Result<(), WriteError> {
    Ok(meta::set_upload_log_seen(tx, row, UploadLog::mark(tx, row)?.as_deref())?)
}

/// Takes note of everything another program did.
///
/// # Errors
/// The database cannot be read or written.
pub fn reconcile(
    tx: &Transaction<'_>,
    unseen: Unseen,
    routes: &Routes,
    journal: &Journal,
    now: DateTime<Utc>,
) -> Result<Foreign, WriteError> {
    let mut foreign = Foreign::default();
    uploads(tx, unseen, routes, journal, now, &mut foreign)?;
    moves(tx, journal, now, &mut foreign)?;
    Ok(foreign)
}

/// Takes note of the upload log rows since the last look; at the end of a run these are its own.
pub(crate) fn uploads(
    tx: &Transaction<'_>,
    unseen: Unseen,
    routes: &Routes,
    journal: &Journal,
    now: DateTime<Utc>,
    foreign: &mut Foreign,
) -> Result<(), WriteError> {
    let mut seen = unseen.after;
    loop {
        let page = UploadLog::after(tx, seen, PAGE)?;
        let Some(last) = end_of(&page) else { break };
        for row in page.unreadable.iter().filter(|row| row.row > unseen.doubtful) {
            foreign.told.push(format!("{row}; a record that NexusLIMS delivered with it is not known"));
        }
        for row in &page.rows {
            if row.success && !is_ours(row) && !(row.id <= unseen.doubtful && is_known(tx, row)?) {
                for effect in adopt_upload(tx, row, now)? {
                    match effect {
                        Effect::NoteEvent { kind, text } => {
                            journal.note(tx, &row.session_identifier, now, kind, &text)?;
                        }
                        Effect::NeedsPerson { why } => {
                            let (session, destination) = (&row.session_identifier, &row.destination);
                            foreign.told.push(format!("{session} → {destination}: {why}"));
                        }
                        _ => {}
                    }
                }
                settle_session(tx, &row.session_identifier, routes, now)?;
                let text = format!("{} ({})", row.destination, row.record_id.as_deref().unwrap_or("no id"));
                journal.note(tx, &row.session_identifier, now, "delivered_by_peer", &text)?;
                foreign.uploads += 1;
            }
        }
        seen = last;
    }
    if seen != meta::upload_log_seen(tx)? || unseen.doubtful > 0 {
        set_seen(tx, seen)?;
    }
    Ok(())
}

/// Whether an upload of the peer is the delivery that is known.
fn is_known(tx: &Transaction<'_>, row: &UploadLog) -> Result<bool, WriteError> {
    let known = table::load(tx, &row.session_identifier, &row.destination)?;
    Ok(known.is_some_and(|known| {
        let is_it = known.upload_log_id == Some(row.id) || known.remote_id.is_some();
        is_it && known.remote_id == row.record_id
    }))
}

/// Our rows carry the session's key in their metadata. The peer's carry what its exporters like, which may be called
/// a key as well.
pub(crate) fn is_ours(row: &UploadLog) -> bool {
    let key = row.metadata.as_ref().and_then(|metadata| metadata.get("key")?.as_str());
    key.is_some_and(|key| key == session_state::record_key(&row.session_identifier))
}

/// A success of the peer becomes a delivery; answers what must be noted and told.
pub(crate) fn adopt_upload(
    tx: &Transaction<'_>,
    row: &UploadLog,
    now: DateTime<Utc>,
) -> Result<Vec<Effect>, WriteError> {
    let id = &row.session_identifier;
    let known = table::load(tx, id, &row.destination)?;
    let delivery = known.clone().unwrap_or_else(|| Delivery::new(id.clone(), row.destination.clone(), now));
    let upload = PeerUpload {
        remote_id: row.record_id.clone(),
        remote_url: row.record_url.clone(),
        upload_log_id: row.id,
        target: None,
    };
    let (next, effects) = delivery::step(&delivery, Event::PeerUploaded(upload), now);
    table::put(tx, known.as_ref(), &next)?;
    Ok(effects)
}

fn moves(
    tx: &Transaction<'_>,
    journal: &Journal,
    now: DateTime<Utc>,
    foreign: &mut Foreign,
) -> Result<(), WriteError> {
    let mut last = SessionId::from("");
    loop {
        let page = moved(tx, &last)?;
        let Some((id, ..)) = page.last() else { return Ok(()) };
        last = id.clone();
        for (id, from, to) in page {
            // A status that is no word of ours is reported with its row when the session is paired.
            let Some(to) = to else { continue };
            foreign.moves += 1;
            session_state::set_last_status(tx, &id, to)?;
            let from = from.map_or_else(|| "unknown".to_owned(), |status| status.to_string());
            journal.note(tx, &id, now, "moved_by_another_program", &format!("{from} to {to}"))?;
            if to == RecordStatus::BuiltNotExported {
                foreign.built_not_exported += 1;
            }
        }
    }
}

/// A session, the status we wrote last, and the one it has.
type Move = (SessionId, Option<RecordStatus>, Option<RecordStatus>);

/// A page of the sessions after this one whose status is not the one we wrote last.
fn moved(conn: &Connection, after: &SessionId) -> Result<Vec<Move>, WriteError> {
    let mut statement = conn.prepare_cached(
        "SELECT n.session_identifier, n.last_status, s.record_status
           FROM nexus_session n
           JOIN session_log s ON s.session_identifier = n.session_identifier AND s.event_type = 'START'
          WHERE n.session_identifier > ?1 AND n.last_status IS NOT s.record_status
            AND NOT EXISTS (SELECT 1 FROM session_log later WHERE later.session_identifier = n.session_identifier
                             AND later.event_type = 'START' AND later.id_session_log > s.id_session_log)
          ORDER BY n.session_identifier LIMIT ?2",
    )?;
    let rows = statement.query_map(params![after, PAGE], |row| {
        Ok((row.get(0)?, row.get(1).ok().flatten(), row.get(2).ok()))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

//! What happened to a session: notes, uploads and runs, in the order of time.

use std::collections::BTreeSet;

use chrono::{DateTime, FixedOffset, TimeZone as _, Utc};
use rusqlite::Connection;
use serde::Serialize;

use super::super::ExplainError;
use crate::event;
use crate::ids::{DestinationName, SessionId};
use crate::reconcile::is_ours;
use crate::run::Run;
use crate::secret::without_credentials;
use crate::timestamp::{Timestamp, UtcTime};
use crate::upload_log::UploadLog;

/// Something that happened to a session.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Happened {
    /// A run that noted something about it.
    Run {
        /// When it began.
        at: UtcTime,
        /// Its number.
        run: i64,
        /// Version of nexus.
        version: String,
        /// When it ended.
        ended_at: Option<UtcTime>,
        /// How it ended.
        exit_code: Option<i32>,
        /// Whether it is the one that is under way.
        under_way: bool,
    },
    /// A note.
    Noted {
        /// When.
        at: UtcTime,
        /// The run that made it; `None`: a command.
        run: Option<i64>,
        /// A word for scripts.
        kind: String,
        /// Details.
        detail: Option<String>,
    },
    /// A row of the upload log.
    Uploaded {
        /// When; `None`: what is stored is no time.
        at: Option<UtcTime>,
        /// The destination.
        destination: DestinationName,
        /// Whether the record is there.
        success: bool,
        /// Its id there.
        record_id: Option<String>,
        /// Its link.
        record_url: Option<String>,
        /// What went wrong.
        error: Option<String>,
        /// Whether it is not known if the record arrived.
        unclear: bool,
        /// Whether NexusLIMS, or another program, wrote the row.
        by_peer: bool,
    },
}

impl Happened {
    /// When; what has no time is told first.
    pub fn at(&self) -> Option<UtcTime> {
        match self {
            Self::Run { at, .. } | Self::Noted { at, .. } => Some(*at),
            Self::Uploaded { at, .. } => *at,
        }
    }

    /// When a record arrived at this destination, if it is that.
    pub(in crate::explain) fn arrival(&self, name: &DestinationName) -> Option<UtcTime> {
        match self {
            Self::Uploaded { at, destination, success: true, .. } if destination == name => *at,
            _ => None,
        }
    }

    /// A run begins before what it notes, though the clock may show the same.
    fn order(&self) -> (Option<UtcTime>, u8) {
        (self.at(), u8::from(!matches!(self, Self::Run { .. })))
    }
}

/// All of them, and what of the upload log cannot be read. A time without an offset was written by NexusLIMS, in the zone of the machine that it ran on: this one's,
/// as far as anybody knows.
pub(super) fn read(
    connection: &Connection,
    id: &SessionId,
    own: bool,
    local: FixedOffset,
    at_work: bool,
) -> Result<(Vec<Happened>, Vec<String>), ExplainError> {
    let mut all: Vec<Happened> = Vec::new();
    if own {
        let notes = event::of_session(connection, id)?;
        let runs: BTreeSet<i64> = notes.iter().filter_map(|note| Some(note.run?.0)).collect();
        let last = Run::last(connection)?.map(|run| run.id);
        for run in runs {
            let Some(run) = Run::load(connection, run)? else { continue };
            all.push(Happened::Run {
                at: run.started_at,
                run: run.id.0,
                under_way: at_work && run.ended_at.is_none() && last == Some(run.id),
                version: run.version,
                ended_at: run.ended_at,
                exit_code: run.exit_code,
            });
        }
        all.extend(notes.into_iter().map(|note| Happened::Noted {
            at: note.at,
            run: note.run.map(|run| run.0),
            kind: note.note.kind,
            detail: note.note.detail,
        }));
    }
    let instant = |time: Timestamp| {
        let utc: DateTime<Utc> = match time.fixed() {
            Some(time) => time.to_utc(),
            None => local.from_local_datetime(&time.naive_local()).single()?.to_utc(),
        };
        Some(UtcTime::new(utc))
    };
    let uploads = UploadLog::of_session(connection, id)?;
    let unreadable = uploads.unreadable.iter().map(ToString::to_string).collect();
    all.extend(uploads.rows.into_iter().map(|row| {
        let by_peer = !is_ours(&row);
        let class = row.metadata.as_ref().and_then(|metadata| metadata.get("class")?.as_str());
        Happened::Uploaded {
            at: row.timestamp.and_then(instant),
            unclear: !by_peer && class == Some("unknown"),
            destination: row.destination,
            success: row.success,
            record_id: row.record_id,
            record_url: row.record_url.map(|url| without_credentials(&url)),
            error: row.error_message,
            by_peer,
        }
    }));
    all.sort_by_key(Happened::order);
    Ok((all, unreadable))
}

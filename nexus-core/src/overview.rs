//! What a person asks: how many sessions stand where, and the story of one. Reads only.

mod story;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, Row, params};
use serde::Serialize;

use crate::delivery::{State, table, wait_for_somebody};
use crate::failing::{self, Failing};
use crate::ids::{HarvesterName, SessionId};
use crate::meta;
use crate::own_table::OwnTableError;
use crate::run::Run;
use crate::session;
use crate::session_state::seen_user;
use crate::timestamp::{Timestamp, UtcTime};
use crate::upload_log::UploadLogError;

pub(crate) use story::session_of_stem;
pub use story::{DeliveryLine, EventLine, SessionStory, UploadLine, session_of_record, story};

/// What was asked cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum OverviewError {
    /// Of the shared tables, or by a count.
    #[error("failed to read the database")]
    Database(#[from] rusqlite::Error),
    /// Of runs, events and the heartbeat.
    #[error(transparent)]
    Own(#[from] OwnTableError),
    /// Of sessions.
    #[error(transparent)]
    Session(#[from] session::SessionError),
    /// Of deliveries.
    #[error(transparent)]
    Delivery(#[from] table::DeliveryError),
    /// Of uploads.
    #[error(transparent)]
    Upload(#[from] UploadLogError),
}

/// How many sessions and deliveries stand where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Overview {
    /// Sessions by record status.
    pub sessions: BTreeMap<String, u64>,
    /// Usage events still in use: not in the session log yet.
    pub open: i64,
    /// Sessions to be built that wait, by reason.
    pub waiting: BTreeMap<String, i64>,
    /// Sessions that have a record and are to be built again.
    pub to_rebuild: i64,
    /// Those of them that wait, by reason.
    pub rebuilds_waiting: BTreeMap<String, i64>,
    /// Deliveries by destination, then by state.
    pub deliveries: BTreeMap<String, BTreeMap<String, i64>>,
    /// The last run that changed something.
    pub last_run: Option<LastRun>,
    /// When a run last looked, also if it changed nothing (UTC).
    pub last_heartbeat: Option<String>,
    /// Sessions whose record was built, and which have a delivery to no destination.
    pub undelivered: i64,
    /// Harvesters that failed when they were asked last.
    pub failing: BTreeMap<HarvesterName, Failing>,
}

/// After so long without a run somebody is told: nexus does not know how often its timer calls it, but none calls it
/// less often than once a day.
pub(crate) const QUIET_AT_MOST: TimeDelta = TimeDelta::hours(24);

impl Overview {
    /// How long no run has come to its end; `None`: none ever did, or the clock is behind.
    #[must_use]
    pub fn quiet_for(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        let last: UtcTime = self.last_heartbeat.as_ref()?.parse().ok()?;
        Some(now.signed_duration_since(last.0)).filter(|quiet| *quiet >= TimeDelta::zero())
    }

    /// What somebody should look at, and what to do; `at_work`: a run is under way.
    #[must_use]
    pub fn needs_person(&self, now: DateTime<Utc>, at_work: bool) -> Vec<String> {
        let mut told = Vec::new();
        if let Some(quiet) = self.quiet_for(now).filter(|quiet| !at_work && *quiet > QUIET_AT_MOST) {
            told.push(format!(
                "no run has come to its end for {}: how often one should, nexus does not know; if a timer calls `nexus run`, \
                 see whether it is on (`systemctl list-timers`, `crontab -l`) and what its log says",
                in_words(quiet)
            ));
        }
        told.extend(self.failing.iter().map(|(name, Failing { since, runs, error })| {
            let how_often = if *runs == 1 {
                "the last run".to_owned()
            } else {
                let since = since.get(..16).map_or_else(|| since.clone(), |since| since.replace('T', " "));
                format!("each of the last {runs} runs, since {since} UTC")
            };
            format!(
                "harvester `{name}` failed in {how_often}: {error}; `nexus config check` shows whether it works by now"
            )
        }));
        told.extend(self.deliveries.iter().filter_map(|(destination, states)| {
            let stuck: i64 =
                [State::Failed, State::Unknown].iter().filter_map(|state| states.get(state.as_str())).sum();
            (stuck > 0).then(|| wait_for_somebody(destination, stuck.unsigned_abs()))
        }));
        told
    }
}

/// A length of time as people say it, rounded down.
#[must_use]
pub fn in_words(length: TimeDelta) -> String {
    let (number, unit) = match (length.num_days(), length.num_hours(), length.num_minutes()) {
        (2.., ..) => (length.num_days(), "day"),
        (_, 2.., _) => (length.num_hours(), "hour"),
        (_, _, minutes) => (minutes, "minute"),
    };
    if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
}

/// A run, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastRun {
    /// Its number.
    pub id: i64,
    /// When it began (UTC).
    pub started_at: String,
    /// When it ended (UTC); `None` if it was interrupted or is under way.
    pub ended_at: Option<String>,
    /// How it ended.
    pub exit_code: Option<i64>,
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionLine {
    /// The session.
    pub session_identifier: SessionId,
    /// Its instrument.
    pub instrument: String,
    /// Its user, if known.
    pub user: Option<String>,
    /// Start, as stored.
    pub start: String,
    /// End, as stored; `None` while in use.
    pub end: Option<String>,
    /// Record status; `OPEN` while in use.
    pub status: String,
    /// File stem and title of its record.
    pub record_name: Option<String>,
    /// Why it waits, or why it ended as it did.
    pub reason: Option<String>,
}

/// Which sessions to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this status.
    pub status: Option<String>,
    /// Only this instrument.
    pub instrument: Option<String>,
    /// Only this user.
    pub user: Option<String>,
    /// Only sessions that began at this instant or later.
    pub since: Option<DateTime<Utc>>,
    /// Only sessions that began before this instant.
    pub until: Option<DateTime<Utc>>,
    /// At most so many, newest first.
    pub limit: Option<usize>,
}

const LINE: &str = "
    SELECT s.session_identifier, s.instrument, s.user, s.timestamp,
           (SELECT e.timestamp FROM session_log e
             WHERE e.session_identifier = s.session_identifier AND e.event_type = 'END'
             ORDER BY e.id_session_log DESC LIMIT 1),
           s.record_status, n.record_name,
           CASE WHEN s.record_status = 'TO_BE_BUILT' THEN n.waiting_reason ELSE n.outcome_text END
      FROM session_log s LEFT JOIN nexus_session n ON n.session_identifier = s.session_identifier
     WHERE s.event_type = 'START'";

/// Events in use: no other table has them yet.
const OPEN: &str = "
    SELECT session_identifier, instrument_pid, seen_digest, open_since, NULL, 'OPEN', record_name, NULL
      FROM nexus_session WHERE open_since IS NOT NULL";

/// Counts over the whole database.
///
/// # Errors
/// The database cannot be read.
pub fn overview(conn: &Connection) -> Result<Overview, OverviewError> {
    let mut out = Overview { sessions: session::counts(conn)?, ..Overview::default() };
    for (rebuilds, waiting) in [(false, &mut out.waiting), (true, &mut out.rebuilds_waiting)] {
        let mut statement = conn.prepare_cached(
            "SELECT waiting_reason, count(*) FROM nexus_session
              WHERE waiting_reason IS NOT NULL AND open_since IS NULL AND (rebuild_requested <> 0) = ?1
              GROUP BY waiting_reason",
        )?;
        let rows = statement.query_map([rebuilds], |row| Ok((row.get(0)?, row.get(1)?)))?;
        *waiting = rows.collect::<rusqlite::Result<_>>()?;
    }
    out.to_rebuild =
        conn.query_row("SELECT count(*) FROM nexus_session WHERE rebuild_requested <> 0", [], |row| {
            row.get(0)
        })?;
    out.open =
        conn.query_row("SELECT count(*) FROM nexus_session WHERE open_since IS NOT NULL", [], |row| {
            row.get(0)
        })?;
    let mut statement =
        conn.prepare("SELECT destination, state, count(*) FROM nexus_delivery GROUP BY destination, state")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?)))?;
    for row in rows {
        let (destination, state, count) = row?;
        out.deliveries.entry(destination).or_default().insert(state, count);
    }
    out.last_run = Run::last(conn)?.map(|run| LastRun {
        id: run.id.0,
        started_at: run.started_at.to_string(),
        ended_at: run.ended_at.map(|ended| ended.to_string()),
        exit_code: run.exit_code.map(i64::from),
    });
    out.last_heartbeat = meta::last_heartbeat(conn)?.map(|at| at.to_string());
    out.undelivered = conn.query_row(
        "SELECT count(DISTINCT session_identifier) FROM session_log
          WHERE record_status = 'BUILT_NOT_EXPORTED' AND session_identifier NOT IN (
                SELECT session_identifier FROM nexus_delivery)",
        [],
        |row| row.get(0),
    )?;
    out.failing = failing::load(conn)?;
    Ok(out)
}

/// Sessions, newest start first.
///
/// # Errors
/// The database cannot be read.
pub fn sessions(conn: &Connection, filter: &Filter) -> rusqlite::Result<Vec<SessionLine>> {
    let sql = format!(
        "{LINE} AND (?1 IS NULL OR s.record_status = ?1) AND (?2 IS NULL OR s.instrument = ?2)
           AND (?3 IS NULL OR s.user = ?3)"
    );
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_map(params![filter.status, filter.instrument, filter.user], line)?;
    let mut lines = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    // NexusLIMS may have written several STARTs of a session; the last one counts, once.
    let mut later = BTreeSet::new();
    lines.reverse();
    lines.retain(|line| later.insert(line.session_identifier.clone()));
    lines.reverse();
    if filter.status.as_deref().is_none_or(|status| status == "OPEN") {
        let mut statement = conn.prepare(&format!("{OPEN} AND (?1 IS NULL OR instrument_pid = ?1)"))?;
        let rows = statement.query_map([&filter.instrument], open_line)?;
        let open = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        lines.extend(open.into_iter().filter(|line| filter.user.is_none() || line.user == filter.user));
    }
    // Text order is right within one offset only, and a time without offset belongs to its instrument's zone.
    let zones = zones(conn)?;
    let began = |line: &SessionLine| {
        let zone = zones.get(&line.instrument).copied().unwrap_or(Tz::UTC);
        line.start.parse::<Timestamp>().ok().map(|time| time.instant(zone))
    };
    if filter.since.is_some() || filter.until.is_some() {
        lines.retain(|line| {
            began(line).is_some_and(|began| {
                filter.since.is_none_or(|since| began >= since)
                    && filter.until.is_none_or(|until| began < until)
            })
        });
    }
    lines.sort_by_cached_key(|line| std::cmp::Reverse(began(line)));
    lines.truncate(filter.limit.unwrap_or(usize::MAX));
    Ok(lines)
}

/// The zone of every instrument whose zone is known.
fn zones(conn: &Connection) -> rusqlite::Result<BTreeMap<String, Tz>> {
    let mut statement = conn.prepare("SELECT instrument_pid, timezone FROM instruments")?;
    let rows =
        statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?)))?;
    let mut zones = BTreeMap::new();
    for row in rows {
        let (pid, zone) = row?;
        if let Some(zone) = zone.and_then(|zone| zone.parse().ok()) {
            zones.insert(pid, zone);
        }
    }
    Ok(zones)
}

fn line(row: &Row<'_>) -> rusqlite::Result<SessionLine> {
    Ok(SessionLine {
        session_identifier: row.get(0)?,
        instrument: row.get(1)?,
        user: row.get(2)?,
        start: row.get(3)?,
        end: row.get(4)?,
        status: row.get(5)?,
        record_name: row.get(6)?,
        reason: row.get(7)?,
    })
}

fn open_line(row: &Row<'_>) -> rusqlite::Result<SessionLine> {
    let mut line = line(row)?;
    let seen = line.user.take();
    line.user = seen.and_then(|seen| seen_user(&seen, &line.instrument.as_str().into()));
    Ok(line)
}

/// Whether there is such a session, in use or not. `own`: whether our own tables are there, as they are once nexus has worked on
/// the database.
///
/// # Errors
/// The database cannot be read.
pub fn knows_session(conn: &Connection, id: &SessionId, own: bool) -> rusqlite::Result<bool> {
    let tables: &[&str] = if own { &["session_log", "nexus_session"] } else { &["session_log"] };
    for table in tables {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE session_identifier = ?1)");
        if conn.query_row(&sql, [id], |row| row.get(0))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether there is such an instrument, or was: its sessions may be all that is left of it.
///
/// # Errors
/// The database cannot be read.
pub fn knows_instrument(conn: &Connection, pid: &str) -> rusqlite::Result<bool> {
    conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM instruments WHERE instrument_pid = ?1)
             OR EXISTS (SELECT 1 FROM session_log WHERE instrument = ?1)",
        [pid],
        |row| row.get(0),
    )
}

#[cfg(test)]
mod tests;

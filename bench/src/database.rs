//! The database that both programs share the form of: instruments go in, statuses come out.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::Connection;

use crate::backlog::INSTRUMENTS;
use crate::stand_in::StandIn;

fn open(path: &Path) -> Result<Connection> {
    Connection::open(path).with_context(|| format!("failed to open the database {}", path.display()))
}

/// Adds the instruments, as tools of the stand-in scheduler.
pub fn add_instruments(path: &Path, stand_in: &StandIn) -> Result<()> {
    let connection = open(path)?;
    for instrument in &INSTRUMENTS {
        let url = stand_in.nemo.tool_url(instrument.tool);
        let folder = format!("./{}", instrument.folder);
        let values = [
            instrument.pid,
            &url,
            "",
            "Room 1",
            instrument.name,
            "1",
            &folder,
            "nemo",
            instrument.zone.name(),
        ];
        connection
            .execute(
                "INSERT INTO instruments (instrument_pid, api_url, calendar_url, location, display_name, \
                 property_tag, filestore_path, harvester, timezone) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            .with_context(|| format!("failed to add {} to {}", instrument.pid, path.display()))?;
    }
    Ok(())
}

/// The status of every session by its identifier; each must have the same on all its rows.
pub fn statuses(path: &Path) -> Result<BTreeMap<String, String>> {
    let connection = open(path)?;
    let mut statement =
        connection.prepare("SELECT DISTINCT session_identifier, record_status FROM session_log")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let mut statuses = BTreeMap::new();
    for row in rows {
        let (session, status) = row?;
        if let Some(other) = statuses.insert(session.clone(), status.clone()) {
            bail!("{session} is both {other} and {status} in {}", path.display());
        }
    }
    Ok(statuses)
}

/// How many records a destination took, and how many a second from the first to the last of them.
pub fn rate(path: &Path, destination: &str) -> Result<(usize, f64)> {
    let connection = open(path)?;
    let sql = "SELECT timestamp FROM upload_log WHERE destination_name = ?1 AND success <> 0";
    let mut statement = connection.prepare(sql)?;
    let mut moments = Vec::new();
    for text in statement.query_map([destination], |row| row.get::<_, String>(0))? {
        let text = text?;
        let moment = DateTime::parse_from_rfc3339(&text);
        moments.push(moment.with_context(|| format!("`{text}` in {} is no time", path.display()))?);
    }
    let (Some(first), Some(last)) = (moments.iter().min(), moments.iter().max()) else {
        bail!("nothing was delivered to {destination}");
    };
    let seconds = (*last - *first).as_seconds_f64();
    #[allow(clippy::cast_precision_loss, reason = "counts of sessions are far below 2^52")]
    let rate = (moments.len() - 1) as f64 / seconds;
    Ok((moments.len(), rate))
}

/// Has destinations left alone for the time of a benchmark, as if they had asked for it.
pub fn pause(path: &Path, names: &[&str]) -> Result<()> {
    let connection = open(path)?;
    // No destination may ask for more than a week: nexus would not believe it.
    let until = (Utc::now() + TimeDelta::days(6)).format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    for name in names {
        let sql = "INSERT INTO nexus_destination (name, paused_until, pause_class) \
                   VALUES (?1, ?2, 'rate_limited') \
                   ON CONFLICT (name) DO UPDATE SET paused_until = excluded.paused_until";
        connection
            .execute(sql, [*name, until.as_str()])
            .with_context(|| format!("failed to pause {name} in {}", path.display()))?;
    }
    Ok(())
}

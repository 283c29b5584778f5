//! How much an instrument was used.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::{InstrumentError, Instruments};
use crate::ids::InstrumentPid;
use crate::timestamp::Timestamp;

/// The sessions of an instrument that have ended, whatever became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many there are.
    pub sessions_total: i64,
    /// When the last one ended, as stored; `None` if none has, or if no end can be read.
    pub last_session: Option<Timestamp>,
}

impl Instruments {
    /// The usage of every instrument that `session_log` names, also of those that are not in the table.
    pub fn usage(&self, connection: &Connection) -> Result<BTreeMap<InstrumentPid, Usage>, InstrumentError> {
        self.read_usage(connection)
            .map_err(InstrumentError::database("count the sessions of the instruments"))
    }

    fn read_usage(&self, connection: &Connection) -> rusqlite::Result<BTreeMap<InstrumentPid, Usage>> {
        let mut found = BTreeMap::<InstrumentPid, Usage>::new();
        let mut count = connection.prepare_cached(
            "SELECT instrument, count(DISTINCT session_identifier) FROM session_log
             WHERE event_type = 'END' GROUP BY instrument",
        )?;
        let mut rows = count.query([])?;
        while let Some(row) = rows.next()? {
            let usage = Usage { sessions_total: row.get(1)?, last_session: None };
            // What names no instrument is told of with its row elsewhere.
            if let Ok(pid) = row.get(0) {
                found.insert(pid, usage);
            }
        }
        // The latest is found here, since texts with different offsets do not sort as instants do.
        let mut ends = connection
            .prepare_cached("SELECT instrument, timestamp FROM session_log WHERE event_type = 'END'")?;
        let mut rows = ends.query([])?;
        let mut latest = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let (Ok(pid), Ok(end)) = (row.get::<_, InstrumentPid>(0), row.get::<_, Timestamp>(1)) else {
                continue;
            };
            let zone = self.get(&pid).and_then(|instrument| instrument.timezone().ok());
            let instant = end.instant(zone.unwrap_or(chrono_tz::UTC));
            let later = latest.entry(pid).or_insert((instant, end));
            if instant > later.0 {
                *later = (instant, end);
            }
        }
        for (pid, (_, end)) in latest {
            found.entry(pid).or_default().last_session = Some(end);
        }
        Ok(found)
    }
}

//! `nexus_cursor`: how far each harvester has read the events of each instrument.
//!
//! A cursor is saved in the transaction that stores the sessions it has passed, so it never runs ahead of
//! them.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction, params};

use crate::ids::{HarvesterName, InstrumentPid};
use crate::own_table::OwnTableError;
use crate::timestamp::UtcTime;

/// How far one harvester has read one instrument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The harvester.
    pub harvester: HarvesterName,
    /// The instrument.
    pub instrument: InstrumentPid,
    /// What the plugin wants back at its next harvest.
    pub cursor: Option<String>,
    /// Start of the span of event ends that has been read completely; `None`: from the beginning.
    pub covered_from: Option<UtcTime>,
    /// End of that span; `None`: up to the moment it was checked.
    pub covered_to: Option<UtcTime>,
    /// When it last moved.
    pub checked_at: UtcTime,
}

impl Cursor {
    /// The cursors of a harvester, by instrument.
    pub fn of_harvester(
        connection: &Connection,
        harvester: &HarvesterName,
    ) -> Result<BTreeMap<InstrumentPid, Self>, OwnTableError> {
        connection
            .prepare_cached(
                "SELECT instrument_pid, cursor, covered_from, covered_to, checked_at FROM nexus_cursor
                  WHERE harvester = ?1",
            )
            .and_then(|mut statement| {
                let rows = statement.query_map([harvester], |row| {
                    let instrument: InstrumentPid = row.get(0)?;
                    let cursor = Self {
                        harvester: harvester.clone(),
                        instrument: instrument.clone(),
                        cursor: row.get(1)?,
                        covered_from: row.get(2)?,
                        covered_to: row.get(3)?,
                        checked_at: row.get(4)?,
                    };
                    Ok((instrument, cursor))
                })?;
                rows.collect()
            })
            .map_err(OwnTableError::to(format!("read the cursors of harvester `{harvester}`")))
    }

    /// Saves it, and tells whether that changed anything. A cursor that has not moved is not written, also
    /// if it was checked later: an idle run writes nothing.
    pub fn save(&self, tx: &Transaction<'_>) -> Result<bool, OwnTableError> {
        tx.prepare_cached(
            "INSERT INTO nexus_cursor (harvester, instrument_pid, cursor, covered_from, covered_to, checked_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (harvester, instrument_pid) DO UPDATE
                SET cursor = excluded.cursor, covered_from = excluded.covered_from,
                    covered_to = excluded.covered_to, checked_at = excluded.checked_at
              WHERE cursor IS NOT excluded.cursor OR covered_from IS NOT excluded.covered_from
                 OR covered_to IS NOT excluded.covered_to",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                self.harvester,
                self.instrument,
                self.cursor,
                self.covered_from,
                self.covered_to,
                self.checked_at
            ])
        })
        .map(|rows| rows > 0)
        .map_err(OwnTableError::to(format!(
            "save the cursor of harvester `{}` for instrument `{}`",
            self.harvester, self.instrument
        )))
    }

    /// Forgets the cursors of a harvester, so that it reads everything again.
    pub fn forget(tx: &Transaction<'_>, harvester: &HarvesterName) -> Result<usize, OwnTableError> {
        tx.execute("DELETE FROM nexus_cursor WHERE harvester = ?1", [harvester])
            .map_err(OwnTableError::to(format!("forget the cursors of harvester `{harvester}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Database;

    fn at(seconds: i64) -> UtcTime {
        UtcTime::new(chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(seconds))
    }

    #[test]
    fn a_cursor_is_written_only_when_it_moved() {
        let mut database = Database::in_memory().unwrap();
        let tx = database.transaction().unwrap();
        let mut cursor = Cursor {
            harvester: "nemo".into(),
            instrument: "SEM-1".into(),
            cursor: Some("17".to_owned()),
            covered_from: None,
            covered_to: Some(at(5)),
            checked_at: at(6),
        };
        assert!(cursor.save(&tx).unwrap());
        cursor.checked_at = at(7);
        assert!(!cursor.save(&tx).unwrap());
        let stored = |tx: &Transaction<'_>| Cursor::of_harvester(tx, &"nemo".into()).unwrap();
        assert_eq!(stored(&tx)[&"SEM-1".into()].checked_at, at(6));
        cursor.covered_to = Some(at(8));
        assert!(cursor.save(&tx).unwrap());
        assert_eq!(stored(&tx)[&"SEM-1".into()], cursor);
        assert!(Cursor::of_harvester(&tx, &"other".into()).unwrap().is_empty());
        assert_eq!(Cursor::forget(&tx, &"nemo".into()).unwrap(), 1);
        assert!(stored(&tx).is_empty());
    }
}

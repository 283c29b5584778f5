//! A former name that nothing proves: a person says that both are one source.

use rusqlite::{Connection, Transaction, params};
use serde::Serialize;

use super::{Move, take_over};
use crate::failing;
use crate::ids::{HarvesterName, InstrumentPid, SessionId};
use crate::own_table::OwnTableError;

/// Events that both names brought are named up to this number.
const MOST_NAMED: usize = 5;

/// Why nothing is given from one name to another.
#[derive(Debug, thiserror::Error)]
pub enum RenameError {
    /// Misspelt, or given away already.
    #[error("nothing is known of a harvester `{0}`: no session, and no instrument that it has read")]
    Unknown(HarvesterName),
    /// They may be two sources after all.
    #[error("harvesters `{from}` and `{to}` both brought {}", told(.both))]
    Both {
        /// The former name.
        from: HarvesterName,
        /// The name now.
        to: HarvesterName,
        /// The events, by id.
        both: Vec<Twice>,
    },
    /// The database cannot be read or written.
    #[error(transparent)]
    Table(#[from] OwnTableError),
}

/// A usage event that two names brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twice {
    /// Its id at its source, or at both of them.
    pub external_id: String,
    /// What the former name made of it.
    pub former: SessionId,
    /// What the name of today made of it.
    pub now: SessionId,
}

/// What goes from one name to the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Renamed {
    /// Sessions, with those in use.
    pub sessions: i64,
    /// Usage events that were in use when they were last asked for.
    pub open: i64,
    /// Instruments that are read on from where the former name had read.
    pub instruments: Vec<InstrumentPid>,
    /// Instruments that the name of today has read itself: how far stays as it is.
    pub already_read: Vec<InstrumentPid>,
}

/// What would go from one name to the other.
///
/// # Errors
/// Nothing is known of the former name, both brought the same event, or the database cannot be read.
pub fn plan(
    connection: &Connection,
    from: &HarvesterName,
    to: &HarvesterName,
) -> Result<Renamed, RenameError> {
    let read = || {
        let (sessions, open) = connection.query_row(
            "SELECT count(*), count(open_since) FROM nexus_session WHERE harvester = ?1",
            [from],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let mut renamed = Renamed { sessions, open, instruments: Vec::new(), already_read: Vec::new() };
        let mut cursors = connection.prepare(
            "SELECT instrument_pid, EXISTS (SELECT 1 FROM nexus_cursor new
                     WHERE new.harvester = ?2 AND new.instrument_pid = old.instrument_pid)
               FROM nexus_cursor old WHERE harvester = ?1 ORDER BY instrument_pid",
        )?;
        let mut rows = cursors.query(params![from, to])?;
        while let Some(row) = rows.next()? {
            let is_read: bool = row.get(1)?;
            let list = if is_read { &mut renamed.already_read } else { &mut renamed.instruments };
            list.push(row.get(0)?);
        }
        Ok(renamed)
    };
    let renamed = read().map_err(OwnTableError::to(format!("read what harvester `{from}` brought")))?;
    if renamed.sessions == 0 && renamed.instruments.is_empty() && renamed.already_read.is_empty() {
        return Err(RenameError::Unknown(from.clone()));
    }
    let both = both(connection, from, to)
        .map_err(OwnTableError::to(format!("look for events that `{from}` and `{to}` both brought")))?;
    if both.is_empty() {
        Ok(renamed)
    } else {
        Err(RenameError::Both { from: from.clone(), to: to.clone(), both })
    }
}

/// Gives everything that a former name brought, and how far it had read, to the name of today.
///
/// # Errors
/// As of [`plan`]; the database cannot be written.
pub fn rename(
    tx: &Transaction<'_>,
    from: &HarvesterName,
    to: &HarvesterName,
) -> Result<Renamed, RenameError> {
    let renamed = plan(tx, from, to)?;
    // Also those that the new name does not serve today: it may once more, and nobody else will.
    let moves = instruments(tx, from)
        .map_err(OwnTableError::to(format!("read what instruments harvester `{from}` had")))?
        .into_iter()
        .map(|instrument| Move { from: from.clone(), to: to.clone(), instrument });
    take_over(tx, &moves.collect::<Vec<_>>())?;
    failing::rename(tx, from, to)?;
    Ok(renamed)
}

fn instruments(connection: &Connection, name: &HarvesterName) -> rusqlite::Result<Vec<InstrumentPid>> {
    let mut statement = connection.prepare(
        "SELECT instrument_pid FROM nexus_session WHERE harvester = ?1
          UNION SELECT instrument_pid FROM nexus_cursor WHERE harvester = ?1",
    )?;
    statement.query_map([name], |row| row.get(0))?.collect()
}

fn both(connection: &Connection, from: &HarvesterName, to: &HarvesterName) -> rusqlite::Result<Vec<Twice>> {
    let mut statement = connection.prepare(
        "SELECT old.external_id, old.session_identifier, new.session_identifier
           FROM nexus_session old JOIN nexus_session new
             ON new.harvester = ?2 AND new.external_id = old.external_id
          WHERE old.harvester = ?1 ORDER BY old.external_id",
    )?;
    let rows = statement.query_map(params![from, to], |row| {
        Ok(Twice { external_id: row.get(0)?, former: row.get(1)?, now: row.get(2)? })
    })?;
    rows.collect()
}

/// `usage event 7 (sessions `a` and `b`)`, and how many more.
fn told(both: &[Twice]) -> String {
    let named = both.iter().take(MOST_NAMED).map(|twice| {
        let Twice { external_id, former, now } = twice;
        format!("`{external_id}` (sessions `{former}` and `{now}`)")
    });
    let events = if both.len() == 1 { "usage event" } else { "usage events" };
    let named = named.collect::<Vec<_>>().join(", ");
    match both.len().saturating_sub(MOST_NAMED) {
        0 => format!("{events} {named}"),
        more => format!("{events} {named}, and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{brought, of};
    use super::*;
    use crate::cursor::Cursor;
    use crate::db::Database;
    use crate::timestamp::UtcTime;

    #[test]
    fn everything_goes_and_what_the_new_name_has_read_itself_stays() {
        let mut database = Database::in_memory().unwrap();
        let tx = database.transaction().unwrap();
        brought(&tx, "old", "N", "one", "1");
        brought(&tx, "old", "S", "two", "2");
        brought(&tx, "old", "not read", "three", "3");
        tx.execute("DELETE FROM nexus_cursor WHERE instrument_pid = 'not read'", []).unwrap();
        let open = UtcTime::new(chrono::DateTime::UNIX_EPOCH);
        tx.execute("UPDATE nexus_session SET open_since = ?1 WHERE session_identifier = 'two'", [open])
            .unwrap();
        brought(&tx, "new", "S", "four", "4");
        brought(&tx, "other", "N", "five", "1");
        let (old, new) = ("old".into(), "new".into());
        let planned = plan(&tx, &old, &new).unwrap();
        assert_eq!(
            planned,
            Renamed { sessions: 3, open: 1, instruments: vec!["N".into()], already_read: vec!["S".into()] }
        );
        assert_eq!(of(&tx, "one").as_deref(), Some("old"), "a plan changes nothing");
        assert_eq!(rename(&tx, &old, &new).unwrap(), planned);
        let names = ["one", "two", "three", "four", "five"].map(|id| of(&tx, id).unwrap());
        assert_eq!(names, ["new", "new", "new", "new", "other"]);
        assert!(Cursor::of_harvester(&tx, &old).unwrap().is_empty());
        let cursors = Cursor::of_harvester(&tx, &new).unwrap();
        let cursors: Vec<_> = cursors.values().map(|one| one.cursor.as_deref().unwrap()).collect();
        assert_eq!(cursors, ["old N", "new S"]);
        assert!(matches!(rename(&tx, &old, &new), Err(RenameError::Unknown(name)) if name == old));
    }

    #[test]
    fn how_far_was_read_is_enough_to_be_known() {
        let mut database = Database::in_memory().unwrap();
        let tx = database.transaction().unwrap();
        brought(&tx, "old", "N", "one", "1");
        tx.execute("DELETE FROM nexus_session", []).unwrap();
        assert_eq!(rename(&tx, &"old".into(), &"new".into()).unwrap().instruments, ["N".into()]);
        assert_eq!(Cursor::of_harvester(&tx, &"new".into()).unwrap().len(), 1);
    }

    #[test]
    fn events_that_both_brought_are_named_and_nothing_is_changed() {
        let mut database = Database::in_memory().unwrap();
        let tx = database.transaction().unwrap();
        for number in ["1", "2", "3", "4", "5", "6", "7"] {
            brought(&tx, "old", "N", &format!("old {number}"), number);
            if number != "1" {
                brought(&tx, "new", "S", &format!("new {number}"), number);
            }
        }
        let refused = rename(&tx, &"old".into(), &"new".into()).unwrap_err().to_string();
        assert_eq!(
            refused,
            "harvesters `old` and `new` both brought usage events `2` (sessions `old 2` and `new 2`), `3` (sessions `old 3` and \
             `new 3`), `4` (sessions `old 4` and `new 4`), `5` (sessions `old 5` and `new 5`), `6` (sessions `old 6` and \
             `new 6`), and 1 more"
        );
        assert_eq!(of(&tx, "old 1").as_deref(), Some("old"));
        tx.execute("DELETE FROM nexus_session WHERE harvester = 'new' AND external_id <> '7'", []).unwrap();
        let refused = rename(&tx, &"old".into(), &"new".into()).unwrap_err().to_string();
        assert_eq!(
            refused,
            "harvesters `old` and `new` both brought usage event `7` (sessions `old 7` and `new 7`)"
        );
    }
}

//! Sessions that a harvester brought under another name.
//!
//! An event is known by its harvester's name and its id there. When a table of the configuration gets another name, or
//! an instrument another table, what the old name brought must become the new one's: else nobody asks how an event
//! ended that was in use, nobody notices that one has gone, and a session whose server has moved since comes a second
//! time. That both are one source is never taken for granted. It is proved by the address that sessions are stored
//! under, by an event that has the same id and the same session under both names, or else a person says so.

mod by_hand;

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Transaction, params};

use crate::ids::{HarvesterName, InstrumentPid};
use crate::own_table::OwnTableError;
use crate::plugins::lies_below;

pub use by_hand::{RenameError, Renamed, Twice, plan, rename};

/// Stands before a new name as long as others may be on their way to the old one: two tables may have changed names.
const ON_THE_WAY: &str = "\n";

/// A harvester of the configuration.
#[derive(Debug, Clone)]
pub struct Owner {
    /// Its name.
    pub name: HarvesterName,
    /// Its address, and those that it had.
    pub bases: Vec<String>,
    /// The instruments it serves.
    pub instruments: BTreeSet<InstrumentPid>,
}

/// One instrument's sessions, on their way from one name to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Move {
    pub from: HarvesterName,
    pub to: HarvesterName,
    pub instrument: InstrumentPid,
}

/// Sessions that are another harvester's now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenOver {
    /// The name that brought them.
    pub from: HarvesterName,
    /// The name that they have now.
    pub to: HarvesterName,
    /// How many.
    pub sessions: usize,
}

impl std::fmt::Display for TakenOver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { from, to, sessions } = self;
        write!(
            f,
            "harvester `{to}` is the same source as `{from}` was: what that one brought and how far it had read is its own \
             now (sessions: {sessions})"
        )
    }
}

/// Takes over what is proved by addresses, before anything is harvested: that alone finds sessions again whose server
/// has moved. All names at once, since two of them may have been exchanged.
///
/// # Errors
/// The database cannot be read or written.
pub fn take_over_by_address(tx: &Transaction<'_>, owners: &[Owner]) -> Result<Vec<TakenOver>, OwnTableError> {
    let mut moves = Vec::new();
    for owner in owners.iter().filter(|owner| !owner.bases.is_empty()) {
        for (from, instrument) in others(tx, &owner.name, &owner.instruments)? {
            if is_below(tx, &from, &instrument, &owner.bases)? {
                moves.push(Move { from, to: owner.name.clone(), instrument });
            }
        }
    }
    take_over(tx, &moves)
}

/// Which other names have read instruments that are a harvester's now.
pub(super) fn others(
    connection: &Connection,
    name: &HarvesterName,
    instruments: &BTreeSet<InstrumentPid>,
) -> Result<Vec<(HarvesterName, InstrumentPid)>, OwnTableError> {
    connection
        .prepare_cached("SELECT harvester, instrument_pid FROM nexus_cursor WHERE harvester <> ?1")
        .and_then(|mut statement| {
            let rows = statement.query_map([name], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.filter(|row| row.as_ref().map_or(true, |(_, pid)| instruments.contains(pid))).collect()
        })
        .map_err(OwnTableError::to(format!("look for what harvester `{name}` was called before")))
}

/// Whether a session of the instrument that a name brought is stored under one of the addresses.
fn is_below(
    connection: &Connection,
    name: &HarvesterName,
    instrument: &InstrumentPid,
    bases: &[String],
) -> Result<bool, OwnTableError> {
    connection
        .prepare_cached(
            "SELECT session_identifier FROM nexus_session WHERE harvester = ?1 AND instrument_pid = ?2",
        )
        .and_then(|mut statement| {
            let mut rows = statement.query(params![name, instrument])?;
            while let Some(row) = rows.next()? {
                let session: String = row.get(0)?;
                if bases.iter().any(|base| lies_below(base, &session)) {
                    return Ok(true);
                }
            }
            Ok(false)
        })
        .map_err(OwnTableError::to(format!("look for the address of harvester `{name}`")))
}

/// Gives sessions and cursors their new name. What the new name knows already stays as it is.
pub(super) fn take_over(tx: &Transaction<'_>, moves: &[Move]) -> Result<Vec<TakenOver>, OwnTableError> {
    let mut taken: BTreeMap<(&HarvesterName, &HarvesterName), usize> = BTreeMap::new();
    let told = |made: &Move| {
        let Move { from, to, instrument } = made;
        OwnTableError::to(format!("give what harvester `{from}` read of instrument `{instrument}` to `{to}`"))
    };
    for made in moves {
        let Move { from, to, instrument } = made;
        let leave = || {
            tx.execute(
                "UPDATE nexus_session SET harvester = ?4 || ?2 WHERE harvester = ?1 AND instrument_pid = ?3",
                params![from, to, instrument, ON_THE_WAY],
            )?;
            tx.execute(
                "INSERT OR IGNORE INTO nexus_cursor
                     (harvester, instrument_pid, cursor, covered_from, covered_to, checked_at)
                 SELECT ?2, instrument_pid, cursor, covered_from, covered_to, checked_at
                   FROM nexus_cursor WHERE harvester = ?1 AND instrument_pid = ?3",
                params![from, to, instrument],
            )?;
            tx.execute(
                "DELETE FROM nexus_cursor WHERE harvester = ?1 AND instrument_pid = ?2",
                params![from, instrument],
            )
        };
        leave().map_err(told(made))?;
    }
    for made in moves {
        let Move { from, to, instrument } = made;
        let arrive = |as_name: Option<&HarvesterName>| {
            tx.execute(
                "UPDATE OR IGNORE nexus_session SET harvester = ?1
                  WHERE harvester = ?4 || ?2 AND instrument_pid = ?3",
                params![as_name, to, instrument, ON_THE_WAY],
            )
        };
        let come = arrive(Some(to)).map_err(told(made))?;
        // Of an event that both names brought the session of the new name counts.
        arrive(Some(from)).and_then(|_| arrive(None)).map_err(told(made))?;
        *taken.entry((from, to)).or_default() += come;
    }
    let taken = taken.into_iter();
    Ok(taken
        .map(|((from, to), sessions)| TakenOver { from: from.clone(), to: to.clone(), sessions })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::Cursor;
    use crate::db::Database;
    use crate::session_state::{NewSessionState, SessionState};
    use crate::timestamp::UtcTime;

    pub(super) fn brought(
        tx: &Transaction<'_>,
        harvester: &str,
        instrument: &str,
        session: &str,
        external_id: &str,
    ) {
        let new = NewSessionState {
            session: session.into(),
            harvester: Some(harvester.into()),
            external_id: Some(external_id.to_owned()),
            instrument: instrument.into(),
            open_since: None,
            seen_digest: None,
        };
        new.insert(tx).unwrap();
        let cursor = Cursor {
            harvester: harvester.into(),
            instrument: instrument.into(),
            cursor: Some(format!("{harvester} {instrument}")),
            covered_from: None,
            covered_to: None,
            checked_at: UtcTime::new(chrono::DateTime::UNIX_EPOCH),
        };
        cursor.save(tx).unwrap();
    }

    fn owner(name: &str, base: &str, instruments: &[&str]) -> Owner {
        let instruments = instruments.iter().map(|pid| (*pid).into()).collect();
        Owner { name: name.into(), bases: vec![base.to_owned()], instruments }
    }

    pub(super) fn of(tx: &Transaction<'_>, session: &str) -> Option<String> {
        let state = SessionState::load(tx, &session.into()).unwrap().unwrap();
        state.harvester.map(|name| name.to_string())
    }

    const NORTH: &str = "https://north.x/api/";
    const SOUTH: &str = "https://south.x/api/";

    #[test]
    fn two_that_change_names_keep_what_is_theirs_though_their_ids_are_equal() {
        let mut database = Database::in_memory().unwrap();
        let tx = database.transaction().unwrap();
        for number in ["1", "2"] {
            brought(&tx, "a", "N", &format!("{NORTH}?id={number}"), number);
            brought(&tx, "b", "S", &format!("{SOUTH}?id={number}"), number);
        }
        let as_before = [owner("a", NORTH, &["N"]), owner("b", SOUTH, &["S"])];
        assert_eq!(take_over_by_address(&tx, &as_before).unwrap(), []);
        let changed = [owner("b", NORTH, &["N"]), owner("a", SOUTH, &["S"])];
        let taken = take_over_by_address(&tx, &changed).unwrap();
        assert_eq!(taken.iter().map(|taken| taken.sessions).collect::<Vec<_>>(), [2, 2]);
        for number in ["1", "2"] {
            assert_eq!(of(&tx, &format!("{NORTH}?id={number}")).as_deref(), Some("b"));
            assert_eq!(of(&tx, &format!("{SOUTH}?id={number}")).as_deref(), Some("a"));
        }
        let cursors = Cursor::of_harvester(&tx, &"b".into()).unwrap();
        assert_eq!(cursors[&"N".into()].cursor.as_deref(), Some("a N"));
        assert_eq!(take_over_by_address(&tx, &changed).unwrap(), []);
    }

    #[test]
    fn only_what_is_served_and_proved_is_taken_over() {
        let mut database = Database::in_memory().unwrap();
        let tx = database.transaction().unwrap();
        brought(&tx, "a", "N", "https://north.x/api/?id=1", "1");
        brought(&tx, "a", "M", "https://north.x/api/?id=2", "2");
        brought(&tx, "a", "O", "https://other.x/api/?id=3", "3");
        take_over_by_address(&tx, &[owner("b", NORTH, &["N", "O"])]).unwrap();
        let names = ["north.x/api/?id=1", "north.x/api/?id=2", "other.x/api/?id=3"];
        let names = names.map(|session| of(&tx, &format!("https://{session}")).unwrap());
        assert_eq!(names, ["b", "a", "a"]);
    }

    #[test]
    fn of_an_event_that_both_names_brought_the_session_of_the_new_name_counts() {
        let mut database = Database::in_memory().unwrap();
        let tx = database.transaction().unwrap();
        brought(&tx, "a", "N", &format!("{NORTH}old/?id=1"), "1");
        brought(&tx, "a", "N", &format!("{NORTH}?id=2"), "2");
        brought(&tx, "b", "N", &format!("{NORTH}?id=1"), "1");
        let taken = take_over_by_address(&tx, &[owner("b", NORTH, &["N"])]).unwrap();
        assert_eq!(taken.iter().map(|taken| taken.sessions).collect::<Vec<_>>(), [1]);
        assert_eq!(of(&tx, &format!("{NORTH}old/?id=1")).as_deref(), Some("a"));
        assert_eq!(of(&tx, &format!("{NORTH}?id=1")).as_deref(), Some("b"));
        assert_eq!(of(&tx, &format!("{NORTH}?id=2")).as_deref(), Some("b"));
    }
}

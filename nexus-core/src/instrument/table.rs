//! Reading and writing the table of instruments.

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::{Instrument, Problem};
use crate::ids::InstrumentPid;
use crate::unreadable::{Rows, UnreadableRow, value_problem};

/// An instrument that could not be read or stored.
#[derive(Debug, thiserror::Error)]
pub enum InstrumentError {
    /// Its values are not what they must be.
    #[error("instrument `{pid}`: {}", join(problems))]
    Invalid {
        /// The instrument.
        pid: InstrumentPid,
        /// What is wrong.
        problems: Vec<Problem>,
    },
    /// There is one of this name.
    #[error("instrument `{0}` is there already; edit it instead")]
    AlreadyThere(InstrumentPid),
    /// Another instrument has the same address, so that sessions could belong to both.
    #[error("instrument `{pid}`: api_url `{api_url}` belongs to instrument `{holder}`; it must be unique")]
    ApiUrlTaken {
        /// The instrument.
        pid: InstrumentPid,
        /// The address.
        api_url: String,
        /// Whose it is.
        holder: InstrumentPid,
    },
    /// There is none of this name.
    #[error("there is no instrument `{pid}`{}", near.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    NotFound {
        /// The name.
        pid: InstrumentPid,
        /// One that is spelt nearly so.
        near: Option<InstrumentPid>,
    },
    /// Sessions name it.
    #[error(
        "instrument `{pid}` cannot be removed: {rows} rows of session_log name it, and they would be left without an instrument"
    )]
    InUse {
        /// The instrument.
        pid: InstrumentPid,
        /// How many rows of the session log.
        rows: i64,
    },
    /// The database answered with an error.
    #[error("failed to {what}")]
    Database {
        /// What was asked of it.
        what: String,
        /// Its answer.
        source: rusqlite::Error,
    },
}

impl InstrumentError {
    pub(super) fn database(what: impl Into<String>) -> impl FnOnce(rusqlite::Error) -> Self {
        let what = what.into();
        move |source| Self::Database { what, source }
    }
}

fn join(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}

pub(super) fn load(connection: &Connection) -> Result<Rows<Instrument>, InstrumentError> {
    let read = || {
        let mut statement = connection.prepare_cached(
            "SELECT instrument_pid, api_url, calendar_url, location, display_name, property_tag,
                    filestore_path, harvester, timezone, rowid
             FROM instruments",
        )?;
        let mut found = Rows { rows: Vec::new(), unreadable: Vec::new() };
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            match from_row(row) {
                Ok(instrument) => found.rows.push(instrument),
                Err(error) => {
                    let column = (0..9).find(|column| row.get::<_, Option<String>>(*column).is_err());
                    let name = column.map_or(Ok("?"), |column| row.as_ref().column_name(column))?.to_owned();
                    value_problem(&error).ok_or(error)?;
                    let which = row.get::<_, String>(0).map(|pid| format!("instrument `{pid}`: "));
                    let why = format!("{}its `{name}` is no text; write it anew", which.unwrap_or_default());
                    let unreadable =
                        UnreadableRow { table: "instruments", row: row.get(9)?, session: None, why };
                    tracing::warn!("{unreadable}");
                    found.unreadable.push(unreadable);
                }
            }
        }
        Ok(found)
    };
    read().map_err(InstrumentError::database("read the instruments"))
}

/// Other programs may leave a value out where a text belongs; it reads as empty, and is reported when used.
fn from_row(row: &Row<'_>) -> rusqlite::Result<Instrument> {
    let text = |column: usize| row.get::<_, Option<String>>(column).map(Option::unwrap_or_default);
    Ok(Instrument {
        pid: InstrumentPid::new(text(0)?),
        api_url: text(1)?,
        calendar_url: text(2)?,
        location: text(3)?,
        display_name: text(4)?,
        property_tag: text(5)?,
        filestore_path: text(6)?,
        harvester: text(7)?,
        timezone: text(8)?,
    })
}

impl Instrument {
    /// Whether there is a row of it, readable or not.
    pub fn is_known(connection: &Connection, pid: &InstrumentPid) -> rusqlite::Result<bool> {
        connection.prepare_cached("SELECT 1 FROM instruments WHERE instrument_pid = ?1")?.exists([pid])
    }

    /// Adds it to the table.
    pub fn insert(&self, tx: &Transaction<'_>) -> Result<(), InstrumentError> {
        self.check()?;
        if exists(tx, &self.pid)? {
            return Err(InstrumentError::AlreadyThere(self.pid.clone()));
        }
        self.check_address(tx)?;
        self.write(
            tx,
            "INSERT INTO instruments
                 (instrument_pid, api_url, calendar_url, location, display_name, property_tag,
                  filestore_path, harvester, timezone)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )
    }

    /// Replaces the values of the instrument with this PID.
    pub fn update(&self, tx: &Transaction<'_>) -> Result<(), InstrumentError> {
        self.check()?;
        if !exists(tx, &self.pid)? {
            return Err(not_found(tx, &self.pid));
        }
        self.check_address(tx)?;
        self.write(
            tx,
            "UPDATE instruments SET api_url = ?2, calendar_url = ?3, location = ?4, display_name = ?5,
                 property_tag = ?6, filestore_path = ?7, harvester = ?8, timezone = ?9
             WHERE instrument_pid = ?1",
        )
    }

    /// Removes an instrument, unless the session log names it.
    pub fn remove(tx: &Transaction<'_>, pid: &InstrumentPid) -> Result<(), InstrumentError> {
        if !exists(tx, pid)? {
            return Err(not_found(tx, pid));
        }
        let rows: i64 = tx
            .query_row("SELECT count(*) FROM session_log WHERE instrument = ?1", [pid], |row| row.get(0))
            .map_err(InstrumentError::database(format!("count the sessions of instrument `{pid}`")))?;
        if rows > 0 {
            return Err(InstrumentError::InUse { pid: pid.clone(), rows });
        }
        tx.execute("DELETE FROM instruments WHERE instrument_pid = ?1", [pid])
            .map(|_| ())
            .map_err(InstrumentError::database(format!("remove instrument `{pid}`")))
    }

    /// One instrument; if there is none, the error may name a similar one.
    pub fn get(connection: &Connection, pid: &InstrumentPid) -> Result<Instrument, InstrumentError> {
        connection
            .prepare_cached(
                "SELECT instrument_pid, api_url, calendar_url, location, display_name, property_tag,
                        filestore_path, harvester, timezone
                 FROM instruments WHERE instrument_pid = ?1",
            )
            .and_then(|mut statement| statement.query_row([pid], from_row).optional())
            .map_err(InstrumentError::database(format!("read instrument `{pid}`")))?
            .ok_or_else(|| not_found(connection, pid))
    }

    fn check(&self) -> Result<(), InstrumentError> {
        let problems = self.problems();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(InstrumentError::Invalid { pid: self.pid.clone(), problems })
        }
    }

    fn check_address(&self, tx: &Transaction<'_>) -> Result<(), InstrumentError> {
        let holder = tx
            .query_row(
                "SELECT instrument_pid FROM instruments WHERE api_url = ?1 AND instrument_pid <> ?2",
                params![self.api_url, self.pid],
                |row| row.get(0),
            )
            .optional()
            .map_err(InstrumentError::database(format!("look for the address of `{}`", self.pid)))?;
        match holder {
            Some(holder) => Err(InstrumentError::ApiUrlTaken {
                pid: self.pid.clone(),
                api_url: self.api_url.clone(),
                holder,
            }),
            None => Ok(()),
        }
    }

    fn write(&self, tx: &Transaction<'_>, sql: &str) -> Result<(), InstrumentError> {
        tx.execute(
            sql,
            params![
                self.pid,
                self.api_url,
                self.calendar_url,
                self.location,
                self.display_name,
                self.property_tag,
                self.filestore_path,
                self.harvester,
                self.timezone,
            ],
        )
        .map(|_| ())
        .map_err(InstrumentError::database(format!("store instrument `{}`", self.pid)))
    }
}

fn exists(connection: &Connection, pid: &InstrumentPid) -> Result<bool, InstrumentError> {
    connection
        .prepare_cached("SELECT 1 FROM instruments WHERE instrument_pid = ?1")
        .and_then(|mut statement| statement.exists([pid]))
        .map_err(InstrumentError::database(format!("look for instrument `{pid}`")))
}

fn not_found(connection: &Connection, pid: &InstrumentPid) -> InstrumentError {
    // Only a hint: if the table cannot be read now, there is none.
    let known = load(connection).map(|found| found.rows).unwrap_or_default();
    let near = known
        .into_iter()
        .map(|instrument| (strsim::jaro_winkler(instrument.pid.as_str(), pid.as_str()), instrument.pid))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, near)| near);
    InstrumentError::NotFound { pid: pid.clone(), near }
}

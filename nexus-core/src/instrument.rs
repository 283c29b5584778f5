//! Instruments and their table.
//!
//! [`Instruments::load`] reads all of them, once per run; an [`Instrument`] knows its zone and shows times in
//! it. Adding, changing and removing check the values first, and name the field and the instrument.

mod check;
mod display;
pub mod rebase;
mod table;
mod usage;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono_tz::Tz;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

pub use check::{Field, Problem};
pub use display::{DEFAULT_FORMAT, TimeTextError};
pub use table::InstrumentError;
pub use usage::Usage;

use crate::ids::InstrumentPid;
use crate::session_log::{SessionLog, SessionLogError};
use crate::unreadable::{Rows, UnreadableRow};
use crate::zone::{self, UnknownZone};

/// An instrument: where it is, where its files are, and who schedules it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instrument {
    /// `instrument_pid`: names it for ever.
    #[serde(rename = "instrument_pid")]
    pub pid: InstrumentPid,
    /// Where its scheduler knows it, such as `https://nemo.example.org/api/tools/?id=7`; unique.
    pub api_url: String,
    /// Its calendar, for people.
    pub calendar_url: String,
    /// Building and room.
    pub location: String,
    /// Its name for people; goes into records.
    pub display_name: String,
    /// The facility's own number for it.
    pub property_tag: String,
    /// Its folder, relative to the storage of all instruments.
    pub filestore_path: String,
    /// The kind of harvester that knows its sessions.
    pub harvester: String,
    /// The IANA name of its zone, such as `America/Denver`, unchecked; see [`Instrument::timezone`].
    pub timezone: String,
}

impl Instrument {
    /// The instrument's PID as text; the name that NexusLIMS gives this field.
    pub fn name(&self) -> &str {
        self.pid.as_str()
    }

    /// The instrument's zone.
    pub fn timezone(&self) -> Result<Tz, UnknownZone> {
        zone::parse(&self.timezone)
    }

    /// The rows of its sessions, by instant.
    pub fn session_logs(
        &self,
        connection: &Connection,
        instruments: &Instruments,
    ) -> Result<Rows<SessionLog>, SessionLogError> {
        SessionLog::of_instrument(connection, instruments, &self.pid)
    }
}

/// All instruments by PID, as they were when they were read.
#[derive(Debug, Clone, Default)]
pub struct Instruments {
    known: BTreeMap<InstrumentPid, Arc<Instrument>>,
    unreadable: Vec<UnreadableRow>,
}

impl Instruments {
    /// Reads the table. A row that cannot be read is left out, and told by [`unreadable`](Self::unreadable).
    pub fn load(connection: &Connection) -> Result<Self, InstrumentError> {
        let found = table::load(connection)?;
        Ok(Self { unreadable: found.unreadable, ..found.rows.into_iter().collect() })
    }

    /// The rows that could not be read.
    pub fn unreadable(&self) -> &[UnreadableRow] {
        &self.unreadable
    }

    /// One instrument.
    pub fn get(&self, pid: &InstrumentPid) -> Option<&Arc<Instrument>> {
        self.known.get(pid)
    }

    /// The instrument that a scheduler knows under this address.
    pub fn by_api_url(&self, api_url: &str) -> Option<&Arc<Instrument>> {
        self.iter().find(|instrument| instrument.api_url == api_url)
    }

    /// All of them, by PID.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Instrument>> {
        self.known.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

impl FromIterator<Instrument> for Instruments {
    fn from_iter<I: IntoIterator<Item = Instrument>>(all: I) -> Self {
        let keyed = |instrument: Instrument| (instrument.pid.clone(), Arc::new(instrument));
        Self { known: all.into_iter().map(keyed).collect(), unreadable: Vec::new() }
    }
}

/// An instrument, as plugins see it.
pub fn instrument_ref(instrument: &Instrument) -> nexus_plugin_api::InstrumentRef {
    nexus_plugin_api::InstrumentRef {
        pid: instrument.pid.to_string(),
        display_name: instrument.display_name.clone(),
        api_url: instrument.api_url.clone(),
        timezone: instrument.timezone.clone(),
        location: instrument.location.clone(),
    }
}

#[cfg(test)]
mod tests;

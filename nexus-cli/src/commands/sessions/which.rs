//! Which sessions a verb is about: those that are named, or all that some conditions hold for.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use clap::Args;
use nexus_core::ids::SessionId;
use nexus_core::overview::{self, Filter};
use nexus_core::session::RecordStatus;
use rusqlite::Connection;

use super::known_status;
use crate::args::Global;
use crate::commands::{run, status};
use crate::exit_code::{ExitCode, OrStop as _, Stop};

/// Refuses an instrument that there is not: a typing error is no empty list.
pub fn known_instrument(conn: &Connection, pid: Option<&str>) -> Result<(), Stop> {
    let Some(pid) = pid else { return Ok(()) };
    if overview::knows_instrument(conn, pid).or_stop(ExitCode::Failed)? {
        return Ok(());
    }
    Err(Stop::new(ExitCode::Usage, anyhow::anyhow!("there is no instrument `{pid}`"))
        .with_hint("`nexus instruments list` shows the identifiers"))
}

/// Sessions by name, or by conditions that all must hold.
#[derive(Debug, Args)]
pub struct Which {
    /// The session identifiers, as the list shows them.
    #[arg(value_name = "ID", required_unless_present_any = ["status", "instrument", "since", "until"],
          conflicts_with_all = ["status", "instrument", "since", "until"])]
    sessions: Vec<String>,
    /// Instead of identifiers: all sessions of this status that it can be done to.
    #[arg(long, value_parser = known_status)]
    status: Option<String>,
    /// Instead of identifiers: all sessions of this instrument that it can be done to.
    #[arg(long, value_name = "PID")]
    instrument: Option<String>,
    /// Only those that began on this day or later, or at this time or later.
    #[arg(long, value_name = "DATE|TIME", value_parser = run::since)]
    since: Option<DateTime<Utc>>,
    /// Only those that began on this day or earlier, or before this time.
    #[arg(long, value_name = "DATE|TIME", value_parser = run::until)]
    until: Option<DateTime<Utc>>,
}

impl Which {
    /// The sessions, each once, those that began first at the front. By conditions, only those of `fitting`
    /// statuses are meant.
    pub fn find(self, global: &Global, fitting: &[RecordStatus]) -> Result<Vec<SessionId>, Stop> {
        let mut seen = BTreeSet::new();
        if !self.sessions.is_empty() {
            let ids = self.sessions.into_iter().map(SessionId::from);
            return Ok(ids.filter(|id| seen.insert(id.clone())).collect());
        }
        let database = status::open(global)?;
        known_instrument(database.read(), self.instrument.as_deref())?;
        let filter = Filter {
            status: self.status,
            instrument: self.instrument,
            since: self.since,
            until: self.until,
            ..Filter::default()
        };
        let lines = overview::sessions(database.read(), &filter).or_stop(ExitCode::Failed)?;
        let fits = |status: &str| status.parse().is_ok_and(|status: RecordStatus| fitting.contains(&status));
        Ok(lines
            .into_iter()
            .rev()
            .filter(|line| fits(&line.status) && seen.insert(line.session_identifier.clone()))
            .map(|line| line.session_identifier)
            .collect())
    }
}

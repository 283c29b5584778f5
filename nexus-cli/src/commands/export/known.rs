//! A name that nobody knows is a mistake, and not an empty list.

use anyhow::anyhow;
use nexus_core::delivery::table;
use nexus_core::export::Routes;
use nexus_core::ids::{DestinationName, SessionId};
use nexus_core::overview;
use rusqlite::Connection;

use crate::exit_code::{ExitCode, OrStop as _, Stop};

/// Refuses a destination that the configuration does not name and that nothing was ever to be delivered to.
pub fn destination(conn: &Connection, name: Option<&str>, routes: &Routes) -> Result<(), Stop> {
    let Some(name) = name.map(DestinationName::from) else { return Ok(()) };
    if routes.has(&name) || table::knows_destination(conn, &name).or_stop(ExitCode::Failed)? {
        return Ok(());
    }
    let error = anyhow!(
        "there is no [destinations.{name}] in the configuration, and no delivery to one of that name"
    );
    Err(Stop::new(ExitCode::Usage, error).with_hint("`nexus status` names those that have deliveries"))
}

/// Refuses a session that there is not.
pub fn session(conn: &Connection, id: &str) -> Result<(), Stop> {
    if overview::knows_session(conn, &SessionId::from(id), true).or_stop(ExitCode::Failed)? {
        return Ok(());
    }
    Err(Stop::new(ExitCode::Usage, anyhow!("there is no session `{id}`"))
        .with_hint("`nexus sessions list` shows the identifiers"))
}

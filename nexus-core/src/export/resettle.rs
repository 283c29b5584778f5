//! Sessions whose deliveries have met the strategy since the configuration was changed.
//!
//! A session's status moves when one of its deliveries does. Where another strategy is set, or a destination is taken out, none
//! may move any more, and the session would stay BUILT_NOT_EXPORTED with nothing missing. The other way round
//! nothing happens: what was COMPLETED stays so, and what is missing stays due.

use chrono::{DateTime, Utc};
use rusqlite::{Transaction, params};

use super::outcome::{Routes, settle_session};
use crate::ids::SessionId;
use crate::meta;
use crate::writer::{WriteError, Writer};

/// For which strategy and destinations all sessions have been looked at.
const LOOKED_AT_FOR: &str = "settled_for";

/// Sessions looked at in one transaction.
const PAGE: usize = 500;

/// Completes the sessions that are delivered as the strategy wants by now, and tells how many; reads them only if
/// the strategy or the destinations are not those of the last run.
///
/// # Errors
/// The database cannot be read or written. Stopped in between, the next run begins anew.
pub fn resettle(writer: &Writer, routes: &Routes, now: DateTime<Utc>) -> Result<u64, WriteError> {
    let wanted = said(routes);
    if writer.run(|tx| Ok(meta::get(tx, LOOKED_AT_FOR)?))?.as_deref() == Some(wanted.as_str()) {
        return Ok(0);
    }
    let mut completed = 0;
    let mut last = SessionId::from("");
    loop {
        let (routes, after) = (routes.clone(), last.clone());
        let page = writer.run(move |tx| {
            let page = built_not_exported(tx, &after)?;
            let mut completed = 0;
            for id in &page {
                let outcome = settle_session(tx, id, &routes, now)?;
                completed += u64::from(outcome.is_some_and(crate::delivery::SessionOutcome::is_completed));
            }
            Ok((page, completed))
        });
        let (page, of_page) = page?;
        completed += of_page;
        match page.last() {
            Some(id) if page.len() == PAGE => last = id.clone(),
            _ => break,
        }
    }
    writer.run(move |tx| Ok(meta::set(tx, LOOKED_AT_FOR, &wanted)?))?;
    Ok(completed)
}

/// The strategy and the destinations, so that they can be compared.
fn said(routes: &Routes) -> String {
    let mut names: Vec<&str> = routes.destinations.iter().map(|route| route.name.as_str()).collect();
    names.sort_unstable();
    serde_json::json!({ "strategy": routes.strategy, "destinations": names }).to_string()
}

fn built_not_exported(tx: &Transaction<'_>, after: &SessionId) -> rusqlite::Result<Vec<SessionId>> {
    tx.prepare_cached(
        "SELECT DISTINCT session_identifier FROM session_log
          WHERE record_status = 'BUILT_NOT_EXPORTED' AND session_identifier > ?1
          ORDER BY session_identifier LIMIT ?2",
    )?
    .query_map(params![after, i64::try_from(PAGE).unwrap_or(i64::MAX)], |row| row.get(0))?
    .collect()
}

//! Events of calendars as sessions: one list a page.
//!
//! What ended since the last harvest is asked for, and what ended within `look_back` before it, again. Events that were
//! handed over then and are not there now are looked up one by one: one that was moved is handed over with its new
//! times, one that is gone is left out.

mod asked;
mod cursor;
mod rows;

use nexus_plugin_api::{
    Call, FailureClass, HarvestPage, HarvestRequest, InstrumentProgress, PluginError, RejectedRow,
};

use self::asked::Asked;
use self::rows::Reading;
use crate::SharePointHarvester;
use crate::settings::Sessions;

/// The answer to one page of a harvest.
pub fn harvest(
    sharepoint: &SharePointHarvester,
    call: &Call,
    request: &HarvestRequest,
) -> Result<HarvestPage, PluginError> {
    let Some(sessions) = sharepoint.settings.sessions else { return Ok(nothing(sharepoint, request)) };
    let asked = Asked::new(sharepoint, request);
    let at = match &request.page {
        None => 0,
        Some(token) => {
            token.parse().ok().filter(|at| (1..asked.lists.len()).contains(at)).ok_or_else(|| {
                PluginError::permanent(format!("`{token}` is no page of a harvest of SharePoint"))
            })?
        }
    };
    let mut page = HarvestPage::default();
    if at == 0 {
        asked.without_list(&mut page);
    }
    if let Some(list) = asked.lists.get(at) {
        of_list(sharepoint, call, request, sessions, list, &mut page)?;
    }
    let next = at.saturating_add(1);
    page.more = (next < asked.lists.len()).then(|| next.to_string());
    Ok(page)
}

fn of_list(
    sharepoint: &SharePointHarvester,
    call: &Call,
    request: &HarvestRequest,
    sessions: Sessions,
    list: &asked::AskedList<'_>,
    page: &mut HarvestPage,
) -> Result<(), PluginError> {
    let read = Reading::new(sharepoint, call, request, sessions, list).and_then(|reading| reading.read(call));
    match read {
        Ok(read) => {
            page.events.extend(read.events);
            page.rejected.extend(read.rejected);
            page.instruments.extend(read.instruments);
            Ok(())
        }
        // A mistake in one list takes nothing away from the others.
        Err(error) if error.class == FailureClass::Permanent => {
            for one in &list.instruments {
                let hint = error.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
                page.rejected.push(RejectedRow {
                    place: format!("instrument {}", one.query.instrument.pid),
                    reason: format!("{error}{hint}"),
                });
                page.instruments.push(asked::unread(one.query));
            }
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Calendars that only tell of reservations have no events, and say nothing of any time.
fn nothing(sharepoint: &SharePointHarvester, request: &HarvestRequest) -> HarvestPage {
    let now = sharepoint.client.now();
    let instruments = request.instruments.iter().map(|query| InstrumentProgress {
        instrument_pid: query.instrument.pid.clone(),
        cursor: query.cursor.clone(),
        complete: true,
        covered_from: Some(now),
        covered_to: Some(now),
    });
    HarvestPage { instruments: instruments.collect(), ..HarvestPage::default() }
}

#[cfg(test)]
mod tests;

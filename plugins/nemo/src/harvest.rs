//! Usage events out of a NEMO server.
//!
//! What is open is asked for before what has ended, so that an event that ends in between is in both answers, not in
//! none. What has ended is asked for of all tools at once, from the oldest cursor less the overlap: so tools that are
//! no instrument are seen, and a tool that the server does not know spoils nothing. Only where that is more
//! than one page the question is narrowed to the instruments.
//!
//! The pages of one harvest belong together; the plugin remembers the harvest that is going on. Cursors are given with
//! its last page.

mod asked;
mod cursor;
mod finish;
mod rows;
mod walk;

use std::sync::PoisonError;

use nexus_plugin_api::{Call, HarvestPage, HarvestRequest, PluginError};

use self::asked::Asked;
use self::rows::Reading;
pub use self::walk::Walk;
use crate::NemoHarvester;

/// The answer to one page of a harvest.
pub fn harvest(
    nemo: &NemoHarvester,
    call: &Call,
    request: &HarvestRequest,
) -> Result<HarvestPage, PluginError> {
    let asked = Asked::new(nemo, request);
    let mut walk = match &request.page {
        None => Walk::new(&asked, nemo.client.now().timestamp_micros()),
        Some(token) => {
            let going_on = nemo.walk.lock().unwrap_or_else(PoisonError::into_inner).take();
            going_on.filter(|walk| walk.token() == *token).ok_or_else(|| {
                PluginError::transient("the harvest of NEMO was interrupted between two pages")
                    .with_hint("the next run begins it anew; nothing is lost")
            })?
        }
    };
    let mut reading = Reading::new(nemo, request, &asked, &mut walk);
    reading.pages(call)?;
    if reading.is_over() {
        return reading.finish(call);
    }
    let page = reading.into_page();
    walk.turn();
    let page = HarvestPage { more: Some(walk.token()), ..page };
    *nemo.walk.lock().unwrap_or_else(PoisonError::into_inner) = Some(walk);
    Ok(page)
}

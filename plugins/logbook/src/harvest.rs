//! Events out of a log, a page at a time.
//!
//! An instrument's cursor is the digest of everything its events depend on. While it stays equal the
//! log has nothing new, and a clean log is not even kept in memory. A log speaks of the time from its
//! first event on: rows that a facility moves away from its beginning are not taken for vanished ones.

mod asked;
mod reading;

use std::collections::HashSet;
use std::sync::Arc;

use nexus_plugin_api::{Call, HarvestPage, HarvestRequest, PluginError, UsageEvent};

use self::asked::{Asked, Whose};
use self::reading::Reading;
use crate::LogbookHarvester;
use crate::book::{Book, Position};
use crate::column::Column;
use crate::csv::Wanted;
use crate::file::{self, Snapshot};
use crate::row::Row;

/// The answer to one page of a harvest.
pub fn harvest(
    log: &LogbookHarvester,
    call: &Call,
    request: &HarvestRequest,
) -> Result<HarvestPage, PluginError> {
    let (first, book) = if let Some(page) = &request.page {
        let (digest, first) = page_token(page)?;
        let book = match log.book_of(&digest) {
            Some(book) => book,
            None => same_book(log, &digest)?,
        };
        (first, book)
    } else {
        let digest = file::digest(&log.settings.path)?;
        let asked = Asked::new(request, &digest, &log.settings.name);
        if asked.nothing_new_and_clean() {
            return Ok(HarvestPage {
                events: still_open(log, &digest, &asked, &request.open)?,
                instruments: asked.unchanged(),
                ..HarvestPage::default()
            });
        }
        // An edit within one tick of the file system's clock leaves the stamp of the last reading as it was.
        let book = match log.book_of(&digest) {
            Some(book) => book,
            None => log.read()?,
        };
        (0, book)
    };
    if call.should_stop() {
        let path = log.settings.path.display();
        return Err(PluginError::transient(format!("reading usage log `{path}` was stopped")));
    }
    let asked = Asked::new(request, &book.digest, &log.settings.name);
    let reading = Reading::new(&asked, &book, request)?;
    let (events, next) = reading.events(first, log.page_size)?;
    let mut page = HarvestPage { events, ..HarvestPage::default() };
    if first == 0 || next.is_none() {
        let whole = reading.whole();
        if first == 0 {
            page.outside = whole.outside();
            page.rejected = whole.rejected(&book);
        }
        if next.is_none() {
            page.instruments = asked.progress(&whole);
        }
    }
    page.more = next.map(|next| format!("{}:{next}", book.digest));
    Ok(page)
}

/// The rows of open events in a log that is known to be clean: the others are not even kept.
fn still_open(
    log: &LogbookHarvester,
    digest: &str,
    asked: &Asked<'_>,
    open: &[String],
) -> Result<Vec<UsageEvent>, PluginError> {
    if open.is_empty() {
        return Ok(Vec::new());
    }
    let ids: HashSet<&str> = open.iter().map(String::as_str).collect();
    let snapshot = Snapshot::take(&log.settings.path)?;
    if snapshot.digest != digest {
        return Err(file::changed(&log.settings.path));
    }
    let book = Book::read_wanted(snapshot, &log.settings, &Wanted::Ids(&ids))?;
    let mut events = Vec::new();
    for kept in book.rows.iter() {
        let row = book.row(&kept)?;
        if let Whose::Of(at) = asked.whose(&row.instrument) {
            events.extend(asked.instrument(at).map(|instrument| event(&row, &instrument.pid)));
        }
    }
    Ok(events)
}

/// Which reading, and the row to go on with.
fn page_token(page: &str) -> Result<(String, Position), PluginError> {
    page.split_once(':')
        .and_then(|(digest, first)| Some((digest.to_owned(), first.parse().ok()?)))
        .ok_or_else(|| PluginError::permanent(format!("`{page}` is no page of a usage log")))
}

fn same_book(log: &LogbookHarvester, digest: &str) -> Result<Arc<Book>, PluginError> {
    let book = log.read()?;
    if book.digest == digest { Ok(book) } else { Err(file::changed(&log.settings.path)) }
}

fn event(row: &Row, pid: &str) -> UsageEvent {
    UsageEvent {
        external_id: row.id.clone(),
        session_identifier: row.session_identifier.clone(),
        instrument_pid: pid.to_owned(),
        user: row.text(Column::User).map(str::to_owned),
        start: row.start,
        end: row.end,
        cancelled: row.cancelled,
    }
}

#[cfg(test)]
mod tests;

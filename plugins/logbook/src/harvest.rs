//! Events out of a log, a page at a time.
//!
//! An instrument's cursor is the digest of everything its events depend on. While it stays equal the
//! log has nothing new, and a clean log is not even split into rows. A log speaks of the time from its
//! first event on: rows that a facility moves away from its beginning are not taken for vanished ones.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use nexus_plugin_api::{
    Call, HarvestPage, HarvestRequest, InstrumentProgress, InstrumentRef, OutsideEvents, PluginError,
    RejectedRow, UsageEvent,
};

use crate::LogbookHarvester;
use crate::book::Book;
use crate::column::Column;
use crate::file::{Snapshot, hex_digest};
use crate::row::{BadRow, Row, ends_before_start};
use crate::time::instant;

/// Most rejected rows that are listed one by one.
const MOST_REJECTED: usize = 1_000;

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
        let snapshot = Snapshot::take(&log.settings.path)?;
        let asked = Asked::new(request, &snapshot.digest, &log.settings.name);
        if request.open.is_empty() && asked.nothing_new_and_clean() {
            return Ok(HarvestPage { instruments: asked.unchanged(), ..HarvestPage::default() });
        }
        (0, log.book(&snapshot)?)
    };
    if call.should_stop() {
        return Err(PluginError::transient(format!(
            "reading usage log `{}` was stopped",
            log.settings.path.display()
        )));
    }
    let asked = Asked::new(request, &book.digest, &log.settings.name);
    let reading = Reading::new(&asked, &book, request);
    let mut page = HarvestPage::default();
    if first == 0 {
        page.outside = reading.outside.iter().map(|(tool, count)| outside(tool, *count)).collect();
        page.rejected = listed(&book, &reading.bad);
    }
    let last = first.saturating_add(log.page_size).min(reading.events.len());
    page.events = reading.events.get(first..last).unwrap_or_default().to_vec();
    if last < reading.events.len() {
        page.more = Some(format!("{}:{last}", book.digest));
    } else {
        page.instruments = asked.progress(&reading);
    }
    Ok(page)
}

fn page_token(page: &str) -> Result<(String, usize), PluginError> {
    page.split_once(':')
        .and_then(|(digest, first)| Some((digest.to_owned(), first.parse().ok()?)))
        .ok_or_else(|| PluginError::permanent(format!("`{page}` is no page of a usage log")))
}

fn same_book(log: &LogbookHarvester, digest: &str) -> Result<std::sync::Arc<Book>, PluginError> {
    let snapshot = Snapshot::take(&log.settings.path)?;
    if snapshot.digest == digest {
        return log.book(&snapshot);
    }
    Err(PluginError::transient(format!(
        "usage log `{}` was changed while it was being read",
        log.settings.path.display()
    ))
    .with_hint("the next run reads it from the beginning"))
}

/// One instrument of the request.
struct AskedInstrument<'a> {
    instrument: &'a InstrumentRef,
    zone: Option<Tz>,
    cursor: Option<&'a str>,
    /// Digest of what its events depend on.
    state: String,
    /// What the cursor says, if it is of this state.
    known: Option<Known>,
}

/// What a cursor of the present state says of the reading that made it.
#[derive(Clone, Copy)]
struct Known {
    /// After the last event, seconds (UTC).
    after: i64,
    /// Whether every row could be read and belonged to an instrument.
    clean: bool,
}

/// The instruments of a request, and how to find one by the name in a row.
struct Asked<'a> {
    instruments: Vec<AskedInstrument<'a>>,
    by_pid: HashMap<&'a str, usize>,
    by_name: HashMap<String, Vec<usize>>,
    windowed: bool,
}

/// Whose row it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// That of the instrument at this place.
    Of(usize),
    /// Several instruments bear the name.
    Unclear,
    /// No instrument of the request.
    Nobody,
}

impl<'a> Asked<'a> {
    fn new(request: &'a HarvestRequest, digest: &str, log: &str) -> Self {
        let by_pid: HashMap<_, _> =
            request.instruments.iter().enumerate().map(|(at, q)| (q.instrument.pid.as_str(), at)).collect();
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, query) in request.instruments.iter().enumerate() {
            by_name.entry(normal(&query.instrument.display_name)).or_default().push(at);
        }
        let windowed = request.from.is_some() || request.until.is_some();
        let instruments = request
            .instruments
            .iter()
            .map(|query| {
                let instrument = &query.instrument;
                let name = normal(&instrument.display_name);
                let shared = by_name.get(&name).is_some_and(|of| of.len() > 1);
                let state = hex_digest(&[
                    digest.as_bytes(),
                    log.as_bytes(),
                    instrument.pid.as_bytes(),
                    if shared { b"" } else { name.as_bytes() },
                    instrument.timezone.as_bytes(),
                ]);
                let cursor = query.cursor.as_deref();
                let known =
                    if windowed { None } else { cursor.and_then(|cursor| read_cursor(cursor, &state)) };
                AskedInstrument { instrument, zone: instrument.timezone.parse().ok(), cursor, state, known }
            })
            .collect();
        Self { instruments, by_pid, by_name, windowed }
    }

    fn whose(&self, tool: &str) -> Whose {
        if let Some(at) = self.by_pid.get(tool) {
            return Whose::Of(*at);
        }
        match self.by_name.get(&normal(tool)).map(Vec::as_slice) {
            Some([at]) => Whose::Of(*at),
            Some(_) => Whose::Unclear,
            None => Whose::Nobody,
        }
    }

    fn nothing_new_and_clean(&self) -> bool {
        self.instruments.iter().all(|asked| asked.known.is_some_and(|known| known.clean))
    }

    fn unchanged(&self) -> Vec<InstrumentProgress> {
        self.instruments
            .iter()
            .filter_map(|asked| asked.known.map(|known| unchanged(asked, known, true)))
            .collect()
    }

    fn progress(&self, reading: &Reading) -> Vec<InstrumentProgress> {
        let clean = reading.bad.is_empty() && reading.outside.is_empty();
        self.instruments
            .iter()
            .enumerate()
            .map(|(at, asked)| {
                let complete = !reading.in_doubt.contains(&at);
                if let Some(known) = asked.known {
                    return unchanged(asked, known, complete);
                }
                let cursor = if self.windowed {
                    asked.cursor.map(str::to_owned)
                } else {
                    let after = reading.after.unwrap_or_default().timestamp();
                    Some(write_cursor(&asked.state, Known { after, clean }))
                };
                let (covered_from, covered_to) = reading.covered();
                InstrumentProgress {
                    instrument_pid: asked.instrument.pid.clone(),
                    cursor,
                    complete,
                    covered_from,
                    covered_to,
                }
            })
            .collect()
    }
}

/// Nothing new: all is known of a span in which nothing ended.
fn unchanged(asked: &AskedInstrument<'_>, known: Known, complete: bool) -> InstrumentProgress {
    let after = DateTime::from_timestamp(known.after, 0);
    InstrumentProgress {
        instrument_pid: asked.instrument.pid.clone(),
        cursor: asked.cursor.map(str::to_owned),
        complete,
        covered_from: after,
        covered_to: after,
    }
}

fn normal(name: &str) -> String {
    name.trim().to_lowercase()
}

fn write_cursor(state: &str, known: Known) -> String {
    format!("1:{state}:{}:{}", known.after, if known.clean { "clean" } else { "look" })
}

fn read_cursor(cursor: &str, state: &str) -> Option<Known> {
    let mut parts = cursor.split(':');
    if parts.next()? != "1" || parts.next()? != state {
        return None;
    }
    let (after, word) = (parts.next()?.parse().ok()?, parts.next()?);
    DateTime::from_timestamp(after, 0)?;
    Some(Known { after, clean: word == "clean" })
}

/// All that one harvest has to tell, before it is cut into pages.
struct Reading {
    events: Vec<UsageEvent>,
    outside: BTreeMap<String, u64>,
    bad: Vec<BadRow>,
    /// Instruments of which a row is perhaps among the bad ones.
    in_doubt: HashSet<usize>,
    /// First end of an event.
    first_end: Option<DateTime<Utc>>,
    /// A second after the last one.
    after: Option<DateTime<Utc>>,
    from: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
}

impl Reading {
    fn new(asked: &Asked<'_>, book: &Book, request: &HarvestRequest) -> Self {
        let mut reading = Self {
            events: Vec::new(),
            outside: BTreeMap::new(),
            bad: book.bad.clone(),
            in_doubt: HashSet::new(),
            first_end: None,
            after: None,
            from: request.from,
            until: request.until,
        };
        let open: HashSet<&str> = request.open.iter().map(String::as_str).collect();
        let mut whose: HashMap<&str, Whose> = HashMap::new();
        for row in &book.rows {
            let whose = *whose.entry(&row.instrument).or_insert_with(|| asked.whose(&row.instrument));
            reading.take(asked, row, whose, open.contains(row.id.as_str()));
        }
        reading.bad.sort_by_key(|row| row.line);
        for row in &reading.bad {
            match row.instrument.as_deref().map(|tool| asked.whose(tool)) {
                Some(Whose::Of(at)) => {
                    reading.in_doubt.insert(at);
                }
                Some(Whose::Nobody) => {}
                Some(Whose::Unclear) | None => reading.in_doubt.extend(0..asked.instruments.len()),
            }
        }
        reading
    }

    fn take(&mut self, asked: &Asked<'_>, row: &Row, whose: Whose, was_open: bool) {
        let instrument = match whose {
            Whose::Of(at) => asked.instruments.get(at),
            Whose::Unclear => {
                self.reject(
                    row,
                    format!("several instruments are called `{}`: write the PID", row.instrument),
                );
                return;
            }
            Whose::Nobody => None,
        };
        let Some(instrument) = instrument else {
            *self.outside.entry(row.instrument.clone()).or_default() += 1;
            return;
        };
        let Some(zone) = instrument.zone else {
            let zone = &instrument.instrument.timezone;
            self.reject(row, format!("its instrument's time zone `{zone}` is not known"));
            return;
        };
        let end = row.end.map(|end| instant(end, zone));
        if let (Some(written), Some(end)) = (row.end, end) {
            if end < instant(row.start, zone) {
                self.reject(row, ends_before_start(row.start, written));
                return;
            }
            self.first_end = Some(self.first_end.map_or(end, |first| first.min(end)));
            let after = end + TimeDelta::seconds(1);
            self.after = Some(self.after.map_or(after, |last| last.max(after)));
        }
        if was_open || (instrument.known.is_none() && self.wanted(end)) {
            self.events.push(event(row, &instrument.instrument.pid));
        }
    }

    /// Whether an event with this end is within the window asked for. One still in use ends after now,
    /// so it is wanted unless the window has an end.
    fn wanted(&self, end: Option<DateTime<Utc>>) -> bool {
        match end {
            None => self.until.is_none(),
            Some(end) => {
                self.from.is_none_or(|from| end >= from) && self.until.is_none_or(|until| end < until)
            }
        }
    }

    fn reject(&mut self, row: &Row, reason: String) {
        self.bad.push(BadRow::of_cells(row.line, &row.cells, reason));
    }

    /// The span this reading speaks of; an empty one if no event has ended.
    fn covered(&self) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        match (self.first_end, self.from) {
            (None, _) => (Some(DateTime::UNIX_EPOCH), Some(DateTime::UNIX_EPOCH)),
            (Some(first), from) => (Some(from.map_or(first, |from| from.max(first))), self.until),
        }
    }
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

fn outside(tool: &str, count: u64) -> OutsideEvents {
    OutsideEvents { tool: tool.to_owned(), count }
}

fn listed(book: &Book, bad: &[BadRow]) -> Vec<RejectedRow> {
    let mut listed: Vec<_> = bad
        .iter()
        .take(MOST_REJECTED)
        .map(|row| RejectedRow { place: book.place(row.line), reason: row.reason.clone() })
        .collect();
    if bad.len() > MOST_REJECTED {
        listed.push(RejectedRow {
            place: book.file_name.clone(),
            reason: format!("{} more rows cannot be read", bad.len() - MOST_REJECTED),
        });
    }
    listed
}

#[cfg(test)]
mod tests;

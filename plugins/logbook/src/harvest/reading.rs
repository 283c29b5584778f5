//! A log held against a request: which rows are events, and what the log says as a whole.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use nexus_plugin_api::{HarvestRequest, OutsideEvents, PluginError, RejectedRow, UsageEvent};

use super::asked::{Asked, Whose};
use super::event;
use crate::book::{Book, Kept, Position};
use crate::row::{BadRow, ends_before_start};
use crate::time::instant;

/// Most rejected rows that are listed one by one.
const MOST_REJECTED: usize = 1_000;

/// What a row is to this request.
enum Verdict {
    /// An event of the instrument at this place, with the instant of its end.
    Event(usize, Option<DateTime<Utc>>),
    /// Use of a tool that is no instrument of the request.
    Outside,
    /// It cannot be read after all.
    Bad(String),
}

/// A log and a request.
pub struct Reading<'a> {
    asked: &'a Asked<'a>,
    book: &'a Book,
    /// Of each instrument as the log calls it.
    whose: Vec<Whose>,
    /// Positions of the rows that are asked for by their id.
    open: HashSet<Position>,
    from: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
}

impl<'a> Reading<'a> {
    /// Reads this log for this request.
    pub fn new(
        asked: &'a Asked<'a>,
        book: &'a Book,
        request: &'a HarvestRequest,
    ) -> Result<Self, PluginError> {
        let whose = book.instruments.iter().map(|name| asked.whose(name)).collect();
        let mut open = HashSet::new();
        for id in &request.open {
            open.extend(book.by_id(id)?.map(|(at, _)| at));
        }
        Ok(Self { asked, book, whose, open, from: request.from, until: request.until })
    }

    /// At most `most` events from the row at `first` on, and the row to go on with if there are more.
    pub fn events(
        &self,
        first: Position,
        most: usize,
    ) -> Result<(Vec<UsageEvent>, Option<Position>), PluginError> {
        let mut events = Vec::new();
        for row in self.book.rows.iter_from(first) {
            let Verdict::Event(of, end) = self.verdict(&row) else { continue };
            let Some(asked) = self.asked.instruments.get(of) else { continue };
            if self.open.contains(&row.position) || (asked.known.is_none() && self.wanted(end)) {
                if events.len() == most {
                    return Ok((events, Some(row.position)));
                }
                events.push(event(&self.book.row(&row)?, &asked.instrument.pid));
            }
        }
        Ok((events, None))
    }

    /// What the log says as a whole.
    pub fn whole(&self) -> Whole {
        let mut whole = Whole {
            outside: BTreeMap::new(),
            bad: self.book.bad.clone(),
            in_doubt: HashSet::new(),
            first_end: None,
            last_end: None,
            from: self.from,
            until: self.until,
        };
        for row in self.book.rows.iter() {
            match self.verdict(&row) {
                Verdict::Event(_, Some(end)) => {
                    whole.first_end = Some(whole.first_end.map_or(end, |first| first.min(end)));
                    whole.last_end = Some(whole.last_end.map_or(end, |last| last.max(end)));
                }
                Verdict::Event(_, None) => {}
                // In which zone a tool stands that nobody knows, nobody knows either.
                Verdict::Outside if !self.wanted(row.end().map(|end| instant(end, Tz::UTC))) => {}
                Verdict::Outside => {
                    let name = self.name(&row);
                    match whole.outside.get_mut(name) {
                        Some(count) => *count += 1,
                        None => {
                            whole.outside.insert(name.to_owned(), 1);
                        }
                    }
                }
                Verdict::Bad(reason) => {
                    let instrument = Some(self.name(&row).to_owned());
                    whole.bad.push(BadRow { instrument, ..BadRow::opaque(row.line(), reason) });
                }
            }
        }
        whole.bad.sort_by_key(|row| row.line);
        for row in &whole.bad {
            match row.instrument.as_deref().map(|tool| self.asked.whose(tool)) {
                Some(Whose::Of(at)) => {
                    whole.in_doubt.insert(at);
                }
                Some(Whose::Nobody) => {}
                Some(Whose::Unclear) | None => whole.in_doubt.extend(0..self.asked.instruments.len()),
            }
        }
        whole
    }

    /// Its instrument as the log calls it.
    fn name(&self, row: &Kept<'_>) -> &str {
        self.book.instruments.get(row.instrument()).map_or("", String::as_str)
    }

    fn verdict(&self, row: &Kept<'_>) -> Verdict {
        let at = match self.whose.get(row.instrument()) {
            Some(Whose::Of(at)) => *at,
            Some(Whose::Unclear) => {
                return Verdict::Bad(format!(
                    "several instruments are called `{}`: write the PID",
                    self.name(row)
                ));
            }
            Some(Whose::Nobody) | None => return Verdict::Outside,
        };
        let Some(asked) = self.asked.instruments.get(at) else { return Verdict::Outside };
        let Some(zone) = asked.zone else {
            let zone = &asked.instrument.timezone;
            return Verdict::Bad(format!("its instrument's time zone `{zone}` is not known"));
        };
        let Some(written) = row.end() else { return Verdict::Event(at, None) };
        let end = instant(written, zone);
        if end < instant(row.start(), zone) {
            return Verdict::Bad(ends_before_start(row.start(), written));
        }
        Verdict::Event(at, Some(end))
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
}

/// What a log says as a whole.
pub struct Whole {
    outside: BTreeMap<String, u64>,
    bad: Vec<BadRow>,
    /// Instruments of which a row is perhaps among the bad ones.
    in_doubt: HashSet<usize>,
    first_end: Option<DateTime<Utc>>,
    last_end: Option<DateTime<Utc>>,
    from: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
}

impl Whole {
    /// Whether every row could be read and belongs to an instrument of the request.
    pub fn is_clean(&self) -> bool {
        self.bad.is_empty() && self.outside.is_empty()
    }

    /// Whether a row of the instrument at this place is perhaps among the bad ones.
    pub fn in_doubt(&self, at: usize) -> bool {
        self.in_doubt.contains(&at)
    }

    /// A moment after which nothing ended, seconds (UTC).
    pub fn after(&self) -> i64 {
        self.last_end.map(|last| last + TimeDelta::seconds(1)).unwrap_or_default().timestamp()
    }

    /// The span it speaks of; an empty one if no event has ended.
    pub fn covered(&self) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        match (self.first_end, self.from) {
            (None, _) => (Some(DateTime::UNIX_EPOCH), Some(DateTime::UNIX_EPOCH)),
            (Some(first), from) => (Some(from.map_or(first, |from| from.max(first))), self.until),
        }
    }

    /// Tools that are no instrument of the request.
    pub fn outside(&self) -> Vec<OutsideEvents> {
        self.outside.iter().map(|(tool, count)| OutsideEvents { tool: tool.clone(), count: *count }).collect()
    }

    /// The bad rows by their place, not endlessly many.
    pub fn rejected(&self, book: &Book) -> Vec<RejectedRow> {
        let mut listed: Vec<_> = self
            .bad
            .iter()
            .take(MOST_REJECTED)
            .map(|row| RejectedRow { place: book.place(row.line), reason: row.reason.clone() })
            .collect();
        if self.bad.len() > MOST_REJECTED {
            listed.push(RejectedRow {
                place: book.file_name.clone(),
                reason: format!("{} more rows cannot be read", self.bad.len() - MOST_REJECTED),
            });
        }
        listed
    }
}

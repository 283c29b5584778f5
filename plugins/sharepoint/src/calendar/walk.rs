//! Page after page of a list, and what is made of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use nexus_plugin_api::{Call, LogLevel};
use serde_json::Value;

use super::Calendar;
use crate::address::ListKind;
use crate::client::{ClientError, Flow};
use crate::event::{Event, Exceptions, Item, read};
use crate::recurrence::Series;
use crate::row::Row;
use crate::span::{Span, Spans};
use crate::{graph, rest};

/// Items that cannot be read and are named; the others are counted.
const MOST_NAMED: usize = 20;

/// Items that cannot be read and are remembered until they can.
pub const MOST_UNREAD: usize = 100;

/// Events of one list.
#[derive(Debug, Default)]
pub struct Found {
    /// The events, recurring ones taken apart.
    pub events: Vec<Event>,
    /// Items that cannot be read: which, and why. The last one may stand for those that are not named.
    pub unreadable: Vec<(String, String)>,
    /// The numbers of all of them, but one more than are remembered at most; each with the item that it belongs to:
    /// itself, or of an occurrence the one that recurs.
    pub unread: BTreeMap<String, String>,
}

/// A list that is being read.
pub struct Reading<'c> {
    calendar: &'c Calendar<'c>,
    /// What is wanted; `None`: everything.
    spans: Option<&'c Spans>,
    events: HashMap<String, Event>,
    series: HashMap<String, (Arc<Row>, Series)>,
    exceptions: Exceptions,
    unreadable: Vec<(String, String)>,
    unreadable_beyond: usize,
    unread: BTreeMap<String, String>,
    /// Whether every item was seen, so that no exception can be missing.
    is_whole: bool,
}

impl Calendar<'_> {
    /// The events that meet these stretches of time.
    pub fn read(&self, call: &Call, spans: &Spans) -> Result<Found, ClientError> {
        let mut reading = Reading { spans: Some(spans), ..Reading::of_everything(self) };
        let is_calendar_view = self.list.kind == ListKind::CalendarView;
        if !is_calendar_view && !self.sharepoint.learnt.is_searchable(self.list) {
            reading.walk(call)?;
            return Ok(reading.finish());
        }
        let windows = spans.windows();
        if windows.is_empty() {
            return Ok(Found::default());
        }
        for window in windows {
            match reading.window(call, window) {
                Ok(()) => {}
                Err(error) if !is_calendar_view && self.is_about_the_filter(&error) => {
                    if self.sharepoint.learnt.not_searchable(self.list) {
                        let columns = self.columns();
                        let text = format!(
                            "{error}; the whole list is read instead, which takes longer: let its owner index {} and {}",
                            columns.start, columns.end
                        );
                        call.log(LogLevel::Warn, &text);
                    }
                    reading.walk(call)?;
                    return Ok(reading.finish());
                }
                Err(error) => return Err(error),
            }
        }
        if self.list.kind == ListKind::Graph && reading.is_empty() && reading.is_deaf(call)? {
            self.sharepoint.learnt.not_searchable(self.list);
            call.log(
                LogLevel::Warn,
                "a search by time finds nothing, although there are events: the whole list is read",
            );
            reading.walk(call)?;
        } else if !is_calendar_view {
            reading.exceptions(call)?;
        }
        Ok(reading.finish())
    }

    /// Whether a search by time failed because it was one.
    fn is_about_the_filter(&self, error: &ClientError) -> bool {
        match error {
            ClientError::NotIndexed { .. } => true,
            ClientError::Refused { said, .. } => {
                said.contains("query filter") || said.contains(self.columns().start)
            }
            // Microsoft Graph asks for a pause again and again where a long list has no index.
            ClientError::Pause { .. } => {
                let start = self.columns().start;
                let known = self.about.columns.iter().flatten().find(|column| column.name == start);
                self.list.kind == ListKind::Graph && known.is_some_and(|column| !column.is_indexed)
            }
            _ => false,
        }
    }
}

impl<'c> Reading<'c> {
    /// A reading that keeps every event.
    pub fn of_everything(calendar: &'c Calendar<'c>) -> Self {
        Self {
            calendar,
            spans: None,
            events: HashMap::new(),
            series: HashMap::new(),
            exceptions: Exceptions::default(),
            unreadable: Vec::new(),
            unreadable_beyond: 0,
            unread: BTreeMap::new(),
            is_whole: false,
        }
    }

    fn is_empty(&self) -> bool {
        self.events.is_empty() && self.series.is_empty()
    }

    fn is_wanted(&self, event: &Event) -> bool {
        self.spans.is_none_or(|spans| spans.meet(event.start, event.end))
    }

    fn window(&mut self, call: &Call, window: Span) -> Result<(), ClientError> {
        let Calendar { list, select, .. } = self.calendar;
        let columns = self.calendar.columns();
        let names = (columns.start, columns.end);
        let url = match list.kind {
            ListKind::Rest => rest::in_window(list, select, names, window),
            ListKind::Graph => graph::in_window(list, names, window),
            ListKind::CalendarView => graph::in_calendar(list, window),
        };
        self.pages(call, &url)
    }

    /// Reads the whole list.
    fn walk(&mut self, call: &Call) -> Result<(), ClientError> {
        let Calendar { list, select, .. } = self.calendar;
        let url = if list.kind == ListKind::Rest { rest::all(list, select) } else { graph::all(list) };
        self.pages(call, &url)?;
        self.is_whole = true;
        Ok(())
    }

    fn pages(&mut self, call: &Call, url: &url::Url) -> Result<(), ClientError> {
        let client = &self.calendar.sharepoint.client;
        let mut failed = None;
        client.pages(call, url, &self.calendar.headers(), &mut |rows| match self.take(call, rows) {
            Ok(()) => Flow::On,
            Err(error) => {
                failed = Some(error);
                Flow::Enough
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// Takes the items of a page.
    pub fn take(&mut self, call: &Call, rows: Vec<Value>) -> Result<(), ClientError> {
        let calendar = self.calendar;
        let columns = calendar.columns();
        for value in rows {
            let row = match calendar.list.kind {
                ListKind::Rest => rest::row(value),
                ListKind::Graph => graph::row(value),
                ListKind::CalendarView => graph::event_row(value),
            };
            let Some(row) = row.map(Arc::new) else { continue };
            match read(&row, columns, &mut || calendar.zone(call))? {
                Err(why) => self.reject(&row, &row.id, why),
                Ok(Item::Event(event)) => self.keep(event),
                Ok(Item::Series(row, series)) => {
                    self.series.insert(row.id.clone(), (row, series));
                }
                Ok(Item::Deleted(master, original)) => self.exceptions.add(master, original),
                Ok(Item::Changed(master, original, event)) => {
                    self.exceptions.add(master, original);
                    self.keep(event);
                }
                Ok(Item::Unreadable(master, original, why)) => {
                    self.reject(&row, &master, why);
                    self.exceptions.add(master, original);
                }
            }
        }
        Ok(())
    }

    fn keep(&mut self, event: Event) {
        if self.is_wanted(&event) {
            self.events.insert(event.key(), event);
        }
    }

    fn reject(&mut self, row: &Row, of: &str, why: String) {
        if self.unread.contains_key(&row.id) {
            return;
        }
        if self.unread.len() <= MOST_UNREAD {
            self.unread.insert(row.id.clone(), of.to_owned());
        }
        if self.unreadable.len() < MOST_NAMED {
            self.unreadable.push((row.id.clone(), why));
        } else {
            self.unreadable_beyond += 1;
        }
    }

    /// Asks which occurrences of the series that matter were moved or taken out.
    pub fn exceptions(&mut self, call: &Call) -> Result<(), ClientError> {
        if self.is_whole {
            return Ok(());
        }
        let is_of_use = |(row, series): &(Arc<Row>, Series)| {
            self.exceptions.without(row, series).iter().any(|event| self.is_wanted(event))
        };
        let mut masters: Vec<String> =
            self.series.iter().filter(|(_, one)| is_of_use(one)).map(|(id, _)| id.clone()).collect();
        masters.sort_by_key(|id| id.parse::<u64>().unwrap_or_default());
        for master in masters {
            let Calendar { list, select, .. } = self.calendar;
            let url = match list.kind {
                ListKind::Rest => rest::exceptions(list, select, &master),
                _ => graph::exceptions(list, &master),
            };
            match self.pages(call, &url) {
                Err(
                    ClientError::Refused { .. } | ClientError::NotIndexed { .. } | ClientError::Pause { .. },
                ) => {
                    let text = "occurrences that were moved cannot be searched: the whole list is read";
                    call.log(LogLevel::Debug, text);
                    return self.walk(call);
                }
                other => other?,
            }
        }
        Ok(())
    }

    /// Whether a search finds nothing where it must: at the time of the list's first item.
    fn is_deaf(&self, call: &Call) -> Result<bool, ClientError> {
        // Once is enough: it finds what is there, or it does not.
        if !self.calendar.sharepoint.learnt.is_first_look(self.calendar.list) {
            return Ok(false);
        }
        let mut probe = Reading::of_everything(self.calendar);
        let client = &self.calendar.sharepoint.client;
        let mut rows = Vec::new();
        client.pages(call, &graph::first(self.calendar.list), &self.calendar.headers(), &mut |page| {
            rows = page;
            Flow::Enough
        })?;
        probe.take(call, rows)?;
        let in_series = probe.series.values().flat_map(|(row, series)| probe.exceptions.without(row, series));
        let span = |event: &Event| (event.start, event.end);
        let single = probe.events.values().map(span);
        let Some(there) = single.chain(in_series.map(|event| span(&event))).next() else { return Ok(false) };
        // A search for the very time of an item that is there.
        let mut sure = Reading::of_everything(self.calendar);
        for window in Spans::new([there]).windows() {
            sure.window(call, window)?;
        }
        Ok(sure.is_empty())
    }

    /// Everything that is wanted, in order.
    pub fn finish(mut self) -> Found {
        let series = std::mem::take(&mut self.series);
        for (row, series) in series.values() {
            for event in self.exceptions.without(row, series) {
                // One that was changed is there already.
                if self.is_wanted(&event) && !self.events.contains_key(&event.key()) {
                    self.events.insert(event.key(), event);
                }
            }
        }
        let mut events: Vec<Event> = self.events.into_values().collect();
        events.sort_by_cached_key(|event| (event.start, event.end, event.key()));
        if self.unreadable_beyond > 0 {
            let more = format!("{} more items cannot be read", self.unreadable_beyond);
            self.unreadable.push((String::new(), more));
        }
        Found { events, unreadable: self.unreadable, unread: self.unread }
    }
}

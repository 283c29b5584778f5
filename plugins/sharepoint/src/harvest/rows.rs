//! The events of one list, handed over.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use nexus_plugin_api::{
    Call, EventTime, HarvestRequest, InstrumentProgress, InstrumentQuery, LogLevel, PluginError, RejectedRow,
    UsageEvent,
};

use super::asked::{AskedInstrument, AskedList};
use super::cursor::Cursor;
use crate::SharePointHarvester;
use crate::calendar::{Calendar, Look, MOST_UNREAD};
use crate::event::Event;
use crate::fields::Field;
use crate::identity;
use crate::persons::Source;
use crate::reservation::is_of;
use crate::settings::Sessions;
use crate::span::Spans;

/// Longest user name that the session log takes, in characters.
const LONGEST_USER: usize = 50;

/// Keys of events that were handed over, each with the end of its session.
type Given = BTreeMap<String, DateTime<Utc>>;

/// What one list gives.
#[derive(Default)]
pub struct Read {
    /// The events.
    pub events: Vec<UsageEvent>,
    /// What cannot be read.
    pub rejected: Vec<RejectedRow>,
    /// How far it was read.
    pub instruments: Vec<InstrumentProgress>,
}

/// Items that cannot be read, each with the end from which on its events are wanted.
type Unread = BTreeMap<String, DateTime<Utc>>;

/// Which times of an event count.
#[derive(Debug, Clone, Copy)]
enum Times {
    /// It must have ended in the span that is read.
    OfSpan,
    /// It must have ended, and not before this.
    Since(DateTime<Utc>),
    /// They do not count.
    Any,
}

/// The span of an instrument, in ends of its sessions.
struct Wanted<'a> {
    asked: &'a AskedInstrument<'a>,
    cursor: Option<Cursor>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    zone: Tz,
}

/// A list that is being read.
pub struct Reading<'a> {
    sharepoint: &'a SharePointHarvester,
    request: &'a HarvestRequest,
    sessions: Sessions,
    calendar: Calendar<'a>,
    wanted: Vec<Wanted<'a>>,
    is_windowed: bool,
    now: DateTime<Utc>,
    read: Read,
    /// Keys of events that were handed over.
    given: BTreeSet<String>,
    /// Items that cannot be read, and are told.
    unread: BTreeSet<String>,
}

impl<'a> Reading<'a> {
    /// Opens the list.
    pub fn new(
        sharepoint: &'a SharePointHarvester,
        call: &Call,
        request: &'a HarvestRequest,
        sessions: Sessions,
        list: &'a AskedList<'a>,
    ) -> Result<Self, PluginError> {
        let filters: BTreeSet<&str> =
            list.instruments.iter().filter_map(|one| Some(one.filter.as_ref()?.0.as_str())).collect();
        let zone = |query: &InstrumentQuery| query.instrument.timezone.parse().unwrap_or(Tz::UTC);
        let first = list.instruments.first().map_or(Tz::UTC, |one| zone(one.query));
        let calendar = Calendar::open(sharepoint, call, &list.list, &filters, first)?;
        calendar.usable(&filters)?;
        let now = sharepoint.client.now();
        let minus =
            |at: DateTime<Utc>, length| at.checked_sub_signed(length).unwrap_or(DateTime::<Utc>::MIN_UTC);
        let over = minus(now, sessions.grace).checked_add_signed(sessions.after).unwrap_or(now);
        let wanted = list.instruments.iter().map(|asked| {
            let cursor =
                asked.query.cursor.as_deref().and_then(|text| Cursor::read(text, &calendar.about.key));
            let seen = cursor.as_ref().map_or(now, |cursor| cursor.to.min(now));
            Wanted {
                asked,
                from: request.from.unwrap_or_else(|| minus(seen, sessions.look_back)),
                to: request.until.map_or(over, |until| until.min(over)),
                zone: zone(asked.query),
                cursor,
            }
        });
        Ok(Self {
            wanted: wanted.collect(),
            is_windowed: request.from.is_some() || request.until.is_some(),
            sharepoint,
            request,
            sessions,
            calendar,
            now,
            read: Read::default(),
            given: BTreeSet::new(),
            unread: BTreeSet::new(),
        })
    }

    /// Reads it.
    pub fn read(mut self, call: &Call) -> Result<Read, PluginError> {
        let spans = self.wanted.iter().filter(|one| one.from < one.to);
        let found = self.calendar.read(call, &Spans::new(spans.map(|one| (one.from, one.to))))?;
        for (item, reason) in found.unreadable {
            self.reject(&item, reason);
        }
        self.unread.extend(found.unread.into_keys());
        let mut ours = vec![Given::new(); self.wanted.len()];
        for event in &found.events {
            self.take(call, event, &mut ours, Times::OfSpan)?;
        }
        self.mended(call, &mut ours)?;
        self.again(call, &mut ours)?;
        self.progress(ours);
        Ok(self.read)
    }

    fn reject(&mut self, item: &str, reason: String) {
        let title = &self.calendar.about.title;
        let place =
            if item.is_empty() { format!("list {title}") } else { format!("item {item} of list {title}") };
        self.read.rejected.push(RejectedRow { place, reason });
    }

    /// Items that could not be read before, however long ago: their events are handed over once they can be.
    fn mended(&mut self, call: &Call, ours: &mut [Given]) -> Result<(), PluginError> {
        let mut before = Unread::new();
        for (item, since) in self.wanted.iter().flat_map(|one| one.cursor.iter()).flat_map(|one| &one.unread)
        {
            let known = before.entry(item.clone()).or_insert(*since);
            *known = (*known).min(*since);
        }
        before.retain(|item, _| !self.unread.contains(item));
        for (item, since) in before {
            let Some(found) = self.calendar.item(call, &item)? else { continue };
            for event in &found.events {
                self.take(call, event, ours, Times::Since(since))?;
            }
            for (row, why) in found.unreadable {
                if self.unread.insert(row.clone()) {
                    self.reject(&row, why);
                }
            }
        }
        Ok(())
    }

    /// Hands over an event, if it is wanted.
    fn take(
        &mut self,
        call: &Call,
        event: &Event,
        ours: &mut [Given],
        times: Times,
    ) -> Result<(), PluginError> {
        let is_of_it = |one: &Wanted<'_>| {
            one.asked.filter.as_ref().is_none_or(|(column, value)| is_of(event, column, value))
        };
        let Some((at, one)) = self.wanted.iter().enumerate().find(|(_, one)| is_of_it(one)) else {
            return Ok(());
        };
        let start = event.start.checked_sub_signed(self.sessions.before).unwrap_or(event.start);
        let end = event.end.checked_add_signed(self.sessions.after).unwrap_or(event.end);
        let is_over = event.end.checked_add_signed(self.sessions.grace).is_some_and(|over| over <= self.now);
        let is_before_end = self.request.until.is_none_or(|until| end < until);
        // In no time at all nobody worked.
        let is_use = event.start < event.end;
        let is_wanted = match times {
            Times::OfSpan => is_over && is_use && one.from <= end && is_before_end,
            Times::Since(since) => is_over && is_use && since <= end,
            Times::Any => true,
        };
        if !is_wanted {
            return Ok(());
        }
        let key = event.key();
        if let Some(kept) = ours.get_mut(at).filter(|_| !event.cancelled) {
            kept.insert(key.clone(), end);
        }
        if !self.given.insert(key) {
            return Ok(());
        }
        let time = |at: DateTime<Utc>| EventTime::Offset(at.with_timezone(&one.zone).fixed_offset());
        let usage = UsageEvent {
            external_id: identity::external_id(&self.calendar.about, event),
            session_identifier: identity::session_identifier(&self.calendar.about, self.calendar.list, event),
            instrument_pid: one.asked.query.instrument.pid.clone(),
            user: self.user(call, event)?,
            start: time(start),
            end: Some(time(end)),
            cancelled: event.cancelled,
        };
        self.read.events.push(usage);
        Ok(())
    }

    fn user(&self, call: &Call, event: &Event) -> Result<Option<String>, PluginError> {
        let source = Source {
            persons: &self.sharepoint.persons,
            client: &self.sharepoint.client,
            fields: &self.sharepoint.settings.fields,
            list: self.calendar.list,
            about: &self.calendar.about,
        };
        let person = source.of(call, &event.row, Field::User)?.into_iter().next();
        let name = person.and_then(|person| person.user_name(self.sharepoint.settings.user_name));
        let fits = |name: &String| name.chars().count() <= LONGEST_USER;
        if name.as_ref().is_some_and(|name| !fits(name)) {
            let text =
                format!("item {}: its user's name is longer than {LONGEST_USER} characters", event.row.id);
            call.log(LogLevel::Warn, &text);
        }
        Ok(name.filter(fits))
    }

    /// Events that the host asks for by name, and those that were handed over before and are not where they were.
    fn again(&mut self, call: &Call, ours: &mut [Given]) -> Result<(), PluginError> {
        let list = &self.calendar.about.key;
        let open = self.request.open.iter().filter_map(|id| identity::key_in(id, list)).map(str::to_owned);
        let mut keys: BTreeSet<String> = open.collect();
        if !self.is_windowed {
            for one in &self.wanted {
                // Those that ended before what is read now were left alone, not moved.
                let given = one.cursor.iter().flat_map(|cursor| &cursor.given);
                keys.extend(given.filter(|(_, end)| **end >= one.from).map(|(key, _)| key.clone()));
            }
        }
        let keys: Vec<String> = keys.into_iter().filter(|key| !self.given.contains(key)).collect();
        for key in keys {
            let item = key.rsplit_once('@').map_or(key.as_str(), |(item, _)| item);
            if !self.unread.contains(item) {
                match self.calendar.look(call, &key)? {
                    Look::Event(event) => {
                        self.take(call, &event, ours, Times::Any)?;
                        continue;
                    }
                    Look::Gone => continue,
                    Look::Unreadable(item, why) => {
                        if self.unread.insert(item.clone()) {
                            self.reject(&item, why);
                        }
                    }
                }
            }
            // Nobody knows when it ends now: it is asked for until somebody does.
            for (one, kept) in self.wanted.iter().zip(ours.iter_mut()) {
                if one.cursor.as_ref().is_some_and(|cursor| cursor.given.contains_key(&key)) {
                    kept.insert(key.clone(), one.to);
                }
            }
        }
        Ok(())
    }

    /// The cursor of an instrument from which the next harvest goes on.
    fn cursor(&self, one: &Wanted<'_>, kept: Given) -> Cursor {
        let list = &self.calendar.about.key;
        let before = one.cursor.as_ref().map(|cursor| &cursor.unread);
        let since = |item: &String| before.and_then(|before| before.get(item)).copied().unwrap_or(one.from);
        // More than can be remembered: all of it is read again.
        if self.unread.len() > MOST_UNREAD {
            let to = one.from.checked_add_signed(self.sessions.look_back).unwrap_or(one.to);
            let known = before.cloned().unwrap_or_default();
            return Cursor::new(list, to.min(one.to), kept).with_unread(known);
        }
        let unread = self.unread.iter().map(|item| (item.clone(), since(item))).collect();
        Cursor::new(list, one.to, kept).with_unread(unread)
    }

    fn progress(&mut self, ours: Vec<Given>) {
        let is_clear = self.unread.is_empty();
        if self.unread.len() > MOST_UNREAD {
            let reason = format!(
                "more than {MOST_UNREAD} items cannot be read: until there are fewer, every run reads as far back as \
                 this one"
            );
            self.reject("", reason);
        }
        for (one, kept) in self.wanted.iter().zip(ours) {
            let query = one.asked.query;
            let is_empty = one.from >= one.to;
            let cursor = if self.is_windowed || is_empty {
                query.cursor.clone()
            } else {
                self.cursor(one, kept).write().or_else(|| query.cursor.clone())
            };
            self.read.instruments.push(InstrumentProgress {
                instrument_pid: query.instrument.pid.clone(),
                cursor,
                complete: is_clear,
                covered_from: Some(one.from.min(one.to)),
                covered_to: Some(one.to),
            });
        }
    }
}

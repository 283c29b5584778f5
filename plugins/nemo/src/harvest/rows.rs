//! Rows of usage events, held against a request.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use nexus_plugin_api::{Call, HarvestPage, HarvestRequest, MetUser, PluginError, RejectedRow, UsageEvent};
use serde_json::Value;

use super::asked::Asked;
use super::walk::{Step, Walk};
use crate::NemoHarvester;
use crate::client::{ClientError, Page, Query};
use crate::model::{Event, Named};
use crate::time::{Times, filter_text};
use crate::tools;

/// Most rejected rows that are listed one by one.
const MOST_REJECTED: usize = 1_000;

/// With less time than this a page is handed over as it is.
const LITTLE_TIME: Duration = Duration::from_secs(40);

/// A harvest going on, and the page that is being filled.
pub struct Reading<'a> {
    pub nemo: &'a NemoHarvester,
    pub request: &'a HarvestRequest,
    pub asked: &'a Asked<'a>,
    pub walk: &'a mut Walk,
    pub page: HarvestPage,
}

impl<'a> Reading<'a> {
    pub fn new(
        nemo: &'a NemoHarvester,
        request: &'a HarvestRequest,
        asked: &'a Asked<'a>,
        walk: &'a mut Walk,
    ) -> Self {
        Self { nemo, request, asked, walk, page: HarvestPage::default() }
    }

    /// Whether every list was read.
    pub fn is_over(&self) -> bool {
        self.walk.steps.is_empty()
    }

    /// The page as far as it is filled.
    pub fn into_page(self) -> HarvestPage {
        self.page
    }

    /// Reads pages of lists until ours is full, time runs out, or all are read.
    pub fn pages(&mut self, call: &Call) -> Result<(), PluginError> {
        while let Some(step) = self.walk.steps.pop_front() {
            match step {
                Step::Open => {
                    let query = Self::query().with("end__isnull", "true");
                    let rows = self.nemo.client.list(call, "usage_events", &query)?;
                    self.take(call, &rows, false)?;
                }
                Step::Ended { from, tools, next } => self.ended(call, from, tools, next)?,
            }
            let is_full = self.page.events.len() >= self.nemo.page_events;
            if is_full || call.time_left().is_some_and(|left| left < LITTLE_TIME) {
                break;
            }
        }
        Ok(())
    }

    /// What is asked of every list of usage events.
    pub fn query() -> Query {
        Query::default().with("expand", "user").with("fields", Event::SEEN)
    }

    /// One page of events that have ended.
    fn ended(
        &mut self,
        call: &Call,
        from: Option<DateTime<Utc>>,
        tools: Option<Vec<u64>>,
        next: Option<(Query, Option<usize>)>,
    ) -> Result<(), PluginError> {
        if tools.as_ref().is_some_and(Vec::is_empty) {
            return Ok(());
        }
        let (page, first_count) = match next {
            Some((query, first_count)) => (self.nemo.client.page(call, "usage_events", &query)?, first_count),
            None => match self.first_page(call, from, tools.as_deref()) {
                Ok(page) => {
                    let count = page.count;
                    (page, count)
                }
                Err(ClientError::Refused { .. }) if tools.is_some() => {
                    return self.isolate(call, from, tools.unwrap_or_default());
                }
                Err(other) => return Err(other.into()),
            },
        };
        if first_count.zip(page.count).is_some_and(|(first, now)| now < first) {
            self.walk.shrunk = true;
        }
        let others = self.take(call, &page.rows, false)?;
        let Some(next) = page.next else {
            if let (Some(_), Some((all, named)), Some(count)) = (&tools, self.walk.probed.take(), first_count)
            {
                self.walk.outside_unnamed = all.saturating_sub(count).saturating_sub(named);
            }
            return Ok(());
        };
        let step = if tools.is_none() {
            // More than a page of all tools: only the instruments' from here on.
            let (mut ours, _) = self.asked.tools(true);
            if ours.is_empty() {
                ours = self.asked.tools(false).0;
            }
            self.walk.probed = page.count.filter(|_| self.asked.mark.is_none()).map(|all| (all, others));
            Step::Ended { from, tools: Some(ours), next: None }
        } else {
            Step::Ended { from, tools, next: Some((next, first_count)) }
        };
        self.walk.steps.push_front(step);
        Ok(())
    }

    fn first_page(
        &mut self,
        call: &Call,
        from: Option<DateTime<Utc>>,
        tools: Option<&[u64]>,
    ) -> Result<Page, ClientError> {
        let mut query = Self::query();
        let with_slack = |time: DateTime<Utc>, slack| time.checked_add_signed(slack).unwrap_or(time);
        // Without a bound, what is still in use would come too.
        let from =
            from.map_or(DateTime::UNIX_EPOCH, |from| with_slack(from, TimeDelta::zero() - Times::SLACK));
        query = query.with("end__gte", filter_text(from));
        if let Some(until) = self.request.until {
            query = query.with("end__lte", filter_text(with_slack(until, Times::SLACK)));
        }
        if let Some(tools) = tools {
            query = query.with_numbers("tool_id__in", tools);
        }
        let page = self.nemo.client.first_page(call, "usage_events", &query)?;
        if tools.is_some() {
            self.walk.tools_are_known = true;
        }
        Ok(page)
    }

    /// One unknown tool makes the server refuse the question for all: the known ones are asked for alone.
    fn isolate(
        &mut self,
        call: &Call,
        from: Option<DateTime<Utc>>,
        tools: Vec<u64>,
    ) -> Result<(), PluginError> {
        let known = tools::known(&self.nemo.client, call, &tools)?;
        let (known, unknown): (Vec<u64>, Vec<u64>) =
            tools.into_iter().partition(|tool| known.contains_key(tool));
        if unknown.is_empty() {
            let server = self.nemo.settings.base.as_str();
            return Err(PluginError::permanent(format!(
                "{server} refuses to list the events of tools it knows"
            )));
        }
        self.walk.unknown_tools.extend(unknown);
        self.walk.steps.push_front(Step::Ended { from, tools: Some(known), next: None });
        Ok(())
    }

    /// Takes rows into the page. Returns how many of them were new rows of other tools. With `whatever` the window
    /// does not count.
    pub fn take(&mut self, call: &Call, rows: &[Value], whatever: bool) -> Result<usize, PluginError> {
        let mut events = Vec::with_capacity(rows.len());
        for row in rows {
            if let Some(event) = Event::read(row) {
                events.push(event);
            } else {
                self.walk.all_in_doubt = true;
                let reason = "it has no number".to_owned();
                self.reject(RejectedRow { place: "a usage event".to_owned(), reason });
            }
        }
        let ours = |event: &&Event| event.tool.is_some_and(|tool| self.asked.of_tool(tool).is_some());
        let users: Vec<&Named> = events.iter().filter(ours).map(|event| &event.user).collect();
        self.nemo.people.meet(&self.nemo.client, call, users.into_iter())?;
        let mut others = 0;
        for event in &events {
            let is_open = event.end.is_none();
            match self.walk.seen.insert(event.id, is_open) {
                // Repeated, since rows were added between two pages.
                Some(was_open) if was_open == is_open => continue,
                // It had ended already when it was listed as open.
                Some(false) => continue,
                _ => {}
            }
            match event.tool.map(|tool| (tool, self.asked.of_tool(tool))) {
                None => {
                    self.walk.all_in_doubt = true;
                    self.reject_event(event, "it names no tool".to_owned());
                }
                Some((tool, None)) => {
                    others += 1;
                    self.outside(event, tool);
                }
                Some((_, Some(at))) => self.ours(event, at, whatever),
            }
        }
        Ok(others)
    }

    /// An event of a tool that is no instrument: counted once, when it is new.
    fn outside(&mut self, event: &Event, tool: u64) {
        let end = event.end.as_ref().and_then(|end| self.nemo.settings.times.read(end, None));
        let Some(end) = end else { return };
        let is_new = match (self.asked.windowed, self.asked.mark) {
            (true, _) => self.is_wanted(end.at, self.request.from),
            (false, mark) => mark.max(self.nemo.settings.since).is_none_or(|mark| end.at > mark),
        };
        if is_new {
            *self.walk.outside.entry(tool).or_default() += 1;
        }
    }

    /// An event of an instrument.
    fn ours(&mut self, event: &Event, at: usize, whatever: bool) {
        let asked = self.asked;
        let Some(instrument) = asked.instruments.get(at) else { return };
        self.walk.with_events.insert(at);
        let read = |text: &str| self.nemo.settings.times.read(text, instrument.zone);
        let unreadable =
            |what: &str, text: &str| format!("its {what} is `{text}`, which is no time; see `time_format`");
        let start = match event.start.as_deref().map(|text| (text, read(text))) {
            Some((_, Some(start))) => start,
            Some((text, None)) => return self.doubt(event, at, unreadable("start", text)),
            None => return self.doubt(event, at, "it has no start".to_owned()),
        };
        let end = match event.end.as_deref().map(|text| (text, read(text))) {
            Some((text, None)) => return self.doubt(event, at, unreadable("end", text)),
            Some((_, Some(end))) if end.at < start.at => {
                let reason = format!("it ends ({}) before it starts ({})", end.time, start.time);
                return self.doubt(event, at, reason);
            }
            Some((_, end)) => end,
            None => None,
        };
        let was_open = whatever || self.request.open.iter().any(|id| *id == event.id.to_string());
        let is_wanted = match end {
            None => self.request.until.is_none(),
            Some(end) => self.is_wanted(end.at, instrument.from),
        };
        if let Some(end) = end.filter(|_| is_wanted) {
            let newest = self.walk.newest.entry(at).or_insert(end.at);
            *newest = end.at.max(*newest);
        }
        if !is_wanted && !was_open {
            return;
        }
        let external_id = event.id.to_string();
        if !self.walk.given.insert(event.id) {
            self.page.events.retain(|given| given.external_id != external_id);
        }
        let user = self.nemo.people.person(&event.user);
        self.page.events.push(UsageEvent {
            external_id,
            session_identifier: self.nemo.settings.base.session_identifier(event.id),
            instrument_pid: instrument.query.instrument.pid.clone(),
            user: user.as_ref().and_then(|user| user.username.clone()),
            start: start.time,
            end: end.map(|end| end.time),
            cancelled: false,
        });
        if let Some(user) = user.filter(|user| self.nemo.settings.user_ids && self.walk.met.insert(user.id))
            && let Some(username) = user.username
        {
            let (system, external_id) = ("nemo".to_owned(), user.id.to_string());
            self.page.users.push(MetUser { username, system, external_id, email: user.email });
        }
    }

    fn is_wanted(&self, end: DateTime<Utc>, from: Option<DateTime<Utc>>) -> bool {
        from.is_none_or(|from| end >= from) && self.request.until.is_none_or(|until| end < until)
    }

    fn doubt(&mut self, event: &Event, at: usize, reason: String) {
        self.walk.in_doubt.insert(at);
        self.reject_event(event, reason);
    }

    fn reject_event(&mut self, event: &Event, reason: String) {
        self.reject(RejectedRow { place: format!("usage event {}", event.id), reason });
    }

    fn reject(&mut self, row: RejectedRow) {
        self.walk.rejected += 1;
        if self.walk.rejected <= MOST_REJECTED {
            self.page.rejected.push(row);
        }
    }

    /// The rows that were rejected and not listed.
    pub fn rejected_beyond(&self) -> Option<RejectedRow> {
        let more = self.walk.rejected.checked_sub(MOST_REJECTED).filter(|more| *more > 0)?;
        let place = self.nemo.settings.base.as_str().to_owned();
        Some(RejectedRow { place, reason: format!("{more} more usage events cannot be read") })
    }
}

//! The end of a harvest: open events that were not met, tools that were silent, cursors.

use chrono::{DateTime, Utc};
use nexus_plugin_api::{
    Call, HarvestPage, InstrumentProgress, LogLevel, OutsideEvents, PluginError, RejectedRow,
};

use super::asked::AskedInstrument;
use super::cursor::Cursor;
use super::rows::Reading;
use crate::client::ClientError;
use crate::tools;

impl Reading<'_> {
    /// The last page.
    pub fn finish(mut self, call: &Call) -> Result<HarvestPage, PluginError> {
        self.open_by_id(call)?;
        self.tools(call)?;
        let base = self.nemo.settings.base.as_str();
        self.page.rejected.extend(self.asked.no_tools(base));
        for one in &self.asked.instruments {
            if let Some(tool) = one.tool.filter(|tool| self.walk.unknown_tools.contains(tool)) {
                self.page.rejected.push(RejectedRow {
                    place: format!("instrument {}", one.query.instrument.pid),
                    reason: format!("tool {tool} is not known to {base}"),
                });
            }
        }
        self.page.rejected.extend(self.rejected_beyond());
        self.page.instruments = self.progress();
        Ok(self.page)
    }

    /// Events that were open when last seen, and are in none of the lists.
    fn open_by_id(&mut self, call: &Call) -> Result<(), PluginError> {
        let ids = self.request.open.iter().filter_map(|id| id.parse().ok());
        let missing: Vec<u64> = ids.filter(|id| !self.walk.given.contains(id)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        // Listed as another's or beyond the window, they are looked at again.
        for id in &missing {
            self.walk.seen.remove(id);
        }
        let rows = self.nemo.client.by_id(call, "usage_events", &Self::query(), &missing)?;
        self.take(call, &rows, true)?;
        Ok(())
    }

    /// Whether tools without any event exist at all, and the names of those that are no instrument.
    fn tools(&mut self, call: &Call) -> Result<(), PluginError> {
        let silent = |(at, one): (usize, &AskedInstrument<'_>)| {
            one.tool.filter(|tool| {
                !self.walk.with_events.contains(&at) && !self.walk.unknown_tools.contains(tool)
            })
        };
        let silent: Vec<u64> = if self.walk.tools_are_known {
            Vec::new()
        } else {
            self.asked.instruments.iter().enumerate().filter_map(silent).collect()
        };
        let wanted: Vec<u64> = silent.iter().chain(self.walk.outside.keys()).copied().collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let known = match tools::known(&self.nemo.client, call, &wanted) {
            Ok(known) => known,
            Err(error @ ClientError::Right { .. }) => {
                call.log(LogLevel::Warn, &format!("the tools have no names here: {error}"));
                self.outside_events(|tool| format!("tool {tool}"));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.walk.unknown_tools.extend(silent.into_iter().filter(|tool| !known.contains_key(tool)));
        self.outside_events(|tool| {
            known.get(&tool).map_or_else(|| format!("tool {tool}"), |known| known.name.clone())
        });
        Ok(())
    }

    fn outside_events(&mut self, name: impl Fn(u64) -> String) {
        let counted = self.walk.outside.iter();
        let mut outside: Vec<OutsideEvents> =
            counted.map(|(tool, count)| OutsideEvents { tool: name(*tool), count: *count }).collect();
        if self.walk.outside_unnamed > 0 {
            let count = u64::try_from(self.walk.outside_unnamed).unwrap_or(u64::MAX);
            outside.push(OutsideEvents { tool: "other tools".to_owned(), count });
        }
        self.page.outside = outside;
    }

    fn progress(&self) -> Vec<InstrumentProgress> {
        let instruments = self.asked.instruments.iter().enumerate();
        // What ended before the latest end of all instruments was there when this harvest was made: an instrument
        // that rests is not read from its last use on for ever.
        let latest = self.walk.newest.values().copied().chain(self.asked.mark).max();
        let now = self.nemo.client.now();
        instruments
            .map(|(at, one)| {
                let is_known = one.tool.is_some_and(|tool| !self.walk.unknown_tools.contains(&tool));
                let in_doubt = self.walk.all_in_doubt || self.walk.shrunk || self.walk.in_doubt.contains(&at);
                let complete = is_known && !in_doubt;
                let moved = (complete && !self.asked.windowed).then(|| self.cursor(at, one, latest, now));
                InstrumentProgress {
                    instrument_pid: one.query.instrument.pid.clone(),
                    cursor: moved.unwrap_or_else(|| one.query.cursor.clone()),
                    complete,
                    covered_from: one.from,
                    covered_to: self.request.until,
                }
            })
            .collect()
    }

    /// The instrument's own latest end, but not more than the overlap behind the latest of all; never after now.
    fn cursor(
        &self,
        at: usize,
        one: &AskedInstrument<'_>,
        latest: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Option<String> {
        let own = self.walk.newest.get(&at).copied().max(one.cursor.map(|cursor| cursor.seen));
        let near = latest.and_then(|latest| latest.checked_sub_signed(self.nemo.settings.overlap));
        let (seen, tool) = (own.max(near)?.min(now), one.tool?);
        Some(Cursor { tool, since: self.nemo.settings.since, seen }.write())
    }
}

//! The instruments of a request: their tools, and from when on each is read.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use nexus_plugin_api::{HarvestRequest, InstrumentQuery, RejectedRow};

use super::cursor::Cursor;
use crate::NemoHarvester;

/// One instrument of the request.
pub struct AskedInstrument<'a> {
    /// What the host said.
    pub query: &'a InstrumentQuery,
    /// The number of its tool; `None` if its `api_url` is no tool of this server.
    pub tool: Option<u64>,
    /// `None` if its name is not known.
    pub zone: Option<Tz>,
    /// How far it was read.
    pub cursor: Option<Cursor>,
    /// Only events that ended at this instant or later (UTC).
    pub from: Option<DateTime<Utc>>,
}

/// The instruments of a request.
pub struct Asked<'a> {
    /// In the host's order.
    pub instruments: Vec<AskedInstrument<'a>>,
    /// Whether the host named a window, so that cursors neither count nor move.
    pub windowed: bool,
    /// The latest end of all cursors: what ended later is new.
    pub mark: Option<DateTime<Utc>>,
    by_tool: HashMap<u64, usize>,
}

impl<'a> Asked<'a> {
    /// The instruments of this request.
    pub fn new(nemo: &NemoHarvester, request: &'a HarvestRequest) -> Self {
        let windowed = request.from.is_some() || request.until.is_some();
        let settings = &nemo.settings;
        let mut by_tool = HashMap::new();
        let mut instruments = Vec::with_capacity(request.instruments.len());
        for query in &request.instruments {
            let at = instruments.len();
            let tool = settings
                .id_in("tools", &query.instrument.api_url)
                .filter(|tool| *by_tool.entry(*tool).or_insert(at) == at);
            let cursor = tool.zip(query.cursor.as_deref());
            let cursor = cursor.and_then(|(tool, text)| Cursor::read(text, tool, settings.since));
            let from = if windowed {
                request.from
            } else {
                let back = cursor.map(|known| {
                    known.seen.checked_sub_signed(settings.overlap).unwrap_or(DateTime::<Utc>::MIN_UTC)
                });
                back.max(settings.since)
            };
            let zone = query.instrument.timezone.parse().ok();
            instruments.push(AskedInstrument { query, tool, zone, cursor, from });
        }
        let mark = instruments.iter().filter_map(|one| Some(one.cursor?.seen)).max();
        Self { instruments, windowed, mark, by_tool }
    }

    /// The place of the instrument whose tool this is.
    pub fn of_tool(&self, tool: u64) -> Option<usize> {
        self.by_tool.get(&tool).copied()
    }

    /// The tools of the instruments that were read before, or of those that were not; with the earliest
    /// moment that any of them is read from. Under a window all count as read before.
    pub fn tools(&self, read_before: bool) -> (Vec<u64>, Option<DateTime<Utc>>) {
        let chosen = || {
            self.instruments.iter().filter(move |one| (one.cursor.is_some() || self.windowed) == read_before)
        };
        let tools = chosen().filter_map(|one| one.tool).collect();
        // `None` is before every time, and the earliest.
        let from = chosen().filter(|one| one.tool.is_some()).map(|one| one.from).min().flatten();
        (tools, from)
    }

    /// Instruments that are no tool of this server.
    pub fn no_tools(&self, base: &str) -> Vec<RejectedRow> {
        let without = self.instruments.iter().filter(|one| one.tool.is_none());
        without
            .map(|one| {
                let instrument = &one.query.instrument;
                RejectedRow {
                    place: format!("instrument {}", instrument.pid),
                    reason: format!(
                        "its api_url `{}` is no tool of {base}, or another instrument's; it has the form \
                         {base}tools/?id=7",
                        instrument.api_url
                    ),
                }
            })
            .collect()
    }
}

//! The instruments of a request, and how far each of them had been read.

use std::collections::HashMap;

use chrono::DateTime;
use chrono_tz::Tz;
use nexus_plugin_api::{HarvestRequest, InstrumentProgress, InstrumentRef};

use super::reading::Whole;
use crate::file::hex_digest;

/// One instrument of the request.
pub struct AskedInstrument<'a> {
    pub instrument: &'a InstrumentRef,
    /// `None` if its name is not known.
    pub zone: Option<Tz>,
    /// What the cursor says, if it is of the present state.
    pub known: Option<Known>,
    cursor: Option<&'a str>,
    /// Digest of what its events depend on.
    state: String,
}

/// What a cursor of the present state says of the reading that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// After the last event, seconds (UTC).
    after: i64,
    /// Whether every row could be read and belonged to an instrument.
    clean: bool,
}

/// Whose row it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// That of the instrument at this place.
    Of(usize),
    /// Several instruments bear the name.
    Unclear,
    /// No instrument of the request.
    Nobody,
}

/// The instruments of a request, and how to find one by the name in a row.
pub struct Asked<'a> {
    pub instruments: Vec<AskedInstrument<'a>>,
    by_pid: HashMap<&'a str, usize>,
    by_name: HashMap<String, Vec<usize>>,
    windowed: bool,
}

impl<'a> Asked<'a> {
    /// The instruments of this request, against the log of this digest and name.
    pub fn new(request: &'a HarvestRequest, digest: &str, log: &str) -> Self {
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
                    if windowed { None } else { cursor.and_then(|cursor| Known::read(cursor, &state)) };
                AskedInstrument { instrument, zone: instrument.timezone.parse().ok(), known, cursor, state }
            })
            .collect();
        Self { instruments, by_pid, by_name, windowed }
    }

    /// The instrument at this place.
    pub fn instrument(&self, at: usize) -> Option<&'a InstrumentRef> {
        self.instruments.get(at).map(|asked| asked.instrument)
    }

    /// Whose a row is that names this tool: a PID first, then a name that only one bears.
    pub fn whose(&self, tool: &str) -> Whose {
        if let Some(at) = self.by_pid.get(tool) {
            return Whose::Of(*at);
        }
        match self.by_name.get(&normal(tool)).map(Vec::as_slice) {
            Some([at]) => Whose::Of(*at),
            Some(_) => Whose::Unclear,
            None => Whose::Nobody,
        }
    }

    /// Whether every instrument was read in this state, and there was nothing to report.
    pub fn nothing_new_and_clean(&self) -> bool {
        self.instruments.iter().all(|asked| asked.known.is_some_and(|known| known.clean))
    }

    /// The progress of instruments without anything new.
    pub fn unchanged(&self) -> Vec<InstrumentProgress> {
        self.instruments
            .iter()
            .filter_map(|asked| asked.known.map(|known| unchanged(asked, known, true)))
            .collect()
    }

    /// The progress at the end of a harvest.
    pub fn progress(&self, whole: &Whole) -> Vec<InstrumentProgress> {
        self.instruments
            .iter()
            .enumerate()
            .map(|(at, asked)| {
                let complete = !whole.in_doubt(at);
                if let Some(known) = asked.known {
                    return unchanged(asked, known, complete);
                }
                let cursor = if self.windowed {
                    asked.cursor.map(str::to_owned)
                } else {
                    Some(Known { after: whole.after(), clean: whole.is_clean() }.write(&asked.state))
                };
                let (covered_from, covered_to) = whole.covered();
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

impl Known {
    fn write(self, state: &str) -> String {
        format!("1:{state}:{}:{}", self.after, if self.clean { "clean" } else { "look" })
    }

    fn read(cursor: &str, state: &str) -> Option<Self> {
        let mut parts = cursor.split(':');
        if parts.next()? != "1" || parts.next()? != state {
            return None;
        }
        let (after, word) = (parts.next()?.parse().ok()?, parts.next()?);
        DateTime::from_timestamp(after, 0)?;
        Some(Self { after, clean: word == "clean" })
    }
}

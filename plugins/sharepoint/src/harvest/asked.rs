//! The instruments of a harvest, by their lists.

use std::collections::BTreeMap;

use nexus_plugin_api::{
    HarvestPage, HarvestRequest, InstrumentProgress, InstrumentQuery, PluginError, RejectedRow,
};

use crate::SharePointHarvester;
use crate::address::ListAddress;

/// The instruments that share a list.
pub struct AskedList<'a> {
    /// The list.
    pub list: ListAddress,
    /// They.
    pub instruments: Vec<AskedInstrument<'a>>,
}

/// An instrument.
pub struct AskedInstrument<'a> {
    /// As it was asked for.
    pub query: &'a InstrumentQuery,
    /// The column and value that make an item its own.
    pub filter: Option<(String, String)>,
}

/// The lists to read, in an order that does not change between two pages.
pub struct Asked<'a> {
    /// They.
    pub lists: Vec<AskedList<'a>>,
    /// Instruments without one, and why.
    without: Vec<(&'a InstrumentQuery, PluginError)>,
}

impl<'a> Asked<'a> {
    /// Sorts the instruments of a request.
    pub fn new(sharepoint: &SharePointHarvester, request: &'a HarvestRequest) -> Self {
        let mut lists: BTreeMap<String, AskedList<'a>> = BTreeMap::new();
        let mut without = Vec::new();
        for query in &request.instruments {
            let list = match sharepoint.settings.list_of(&query.instrument) {
                Ok(list) => list,
                Err(error) => {
                    without.push((query, error));
                    continue;
                }
            };
            let filter = list.filter.clone();
            let entry = lists
                .entry(list.url.to_string())
                .or_insert_with(|| AskedList { list, instruments: Vec::new() });
            let shares = entry
                .instruments
                .iter()
                .find(|other| other.filter.is_none() || filter.is_none() || other.filter == filter);
            match shares {
                Some(other) => {
                    let error = PluginError::permanent(format!(
                        "instrument {} has its calendar in the same list",
                        other.query.instrument.pid
                    ))
                    .with_hint("write behind each of them which items are its own: …#column=value");
                    without.push((query, error));
                }
                None => entry.instruments.push(AskedInstrument { query, filter }),
            }
        }
        Self { lists: lists.into_values().collect(), without }
    }

    /// Tells of the instruments that have no list.
    pub fn without_list(&self, page: &mut HarvestPage) {
        for (query, error) in &self.without {
            let hint = error.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
            page.rejected.push(RejectedRow {
                place: format!("instrument {}", query.instrument.pid),
                reason: format!("{error}{hint}"),
            });
            page.instruments.push(unread(query));
        }
    }
}

/// The progress of an instrument that could not be read.
pub fn unread(query: &InstrumentQuery) -> InstrumentProgress {
    InstrumentProgress {
        instrument_pid: query.instrument.pid.clone(),
        cursor: query.cursor.clone(),
        complete: false,
        covered_from: None,
        covered_to: None,
    }
}

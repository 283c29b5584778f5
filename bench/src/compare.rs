//! Whether two programs did the same work: the same sessions, with the same statuses and equivalent records.

mod allowed;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use anyhow::{Context as _, Result};
use serde::Serialize;

pub use allowed::Allowed;

use crate::facts::{COUNT, facts};
use crate::outcome::Outcome;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The session or record.
    pub object: String,
    /// The place in it.
    pub place: String,
    /// What NexusLIMS has; `None`: nothing.
    pub peer: Option<String>,
    /// What nexus has; `None`: nothing.
    pub nexus: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text =
            |side: &Option<String>| side.as_ref().map_or("nothing".to_owned(), |text| format!("`{text}`"));
        let (peer, nexus) = (text(&self.peer), text(&self.nexus));
        write!(f, "{}: {}: NexusLIMS has {peer}, nexus {nexus}", self.object, self.place)
    }
}

/// What a comparison found.
#[derive(Debug, Default, Serialize)]
pub struct Comparison {
    /// Sessions whose status was compared.
    pub sessions: usize,
    /// Records that were compared.
    pub records: usize,
    /// Values that were compared in them.
    pub values: usize,
    /// Values that differ and may: how many for each reason.
    pub allowed: BTreeMap<&'static str, usize>,
    /// What must not differ and does.
    pub differences: Vec<Difference>,
}

/// Compares the outcomes of the two programs. Sessions and records have the same names in both.
pub fn outcomes(peer: &Outcome, nexus: &Outcome, allowed: Allowed) -> Result<Comparison> {
    let mut comparison = Comparison::default();
    for session in both(&peer.statuses, &nexus.statuses) {
        comparison.sessions += 1;
        let [peer, nexus] = [peer, nexus].map(|outcome| outcome.statuses.get(session).cloned());
        comparison.note(session, "status", peer, nexus);
    }
    for name in both(&peer.records, &nexus.records) {
        match (peer.records.get(name), nexus.records.get(name)) {
            (Some(peer), Some(nexus)) => comparison.record(name, peer, nexus, allowed)?,
            (peer, nexus) => {
                let [peer, nexus] = [peer, nexus].map(|record| record.map(|_| "a record".to_owned()));
                comparison.note(name, "record", peer, nexus);
            }
        }
    }
    Ok(comparison)
}

fn both<'a, V>(one: &'a BTreeMap<String, V>, other: &'a BTreeMap<String, V>) -> BTreeSet<&'a String> {
    one.keys().chain(other.keys()).collect()
}

impl Comparison {
    /// Whether the two did the same.
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty()
    }

    fn note(&mut self, object: &str, place: &str, peer: Option<String>, nexus: Option<String>) {
        if peer != nexus {
            self.differences.push(Difference {
                object: object.to_owned(),
                place: place.to_owned(),
                peer,
                nexus,
            });
        }
    }

    fn record(&mut self, name: &str, peer: &str, nexus: &str, allowed: Allowed) -> Result<()> {
        let [peer, nexus] = [("NexusLIMS", peer), ("nexus", nexus)]
            .map(|(program, record)| facts(record).with_context(|| format!("record {name} of {program}")));
        let (peer, nexus) = (peer?, nexus?);
        self.records += 1;
        let ours: HashMap<_, _> =
            nexus.iter().map(|fact| (fact.place.as_str(), fact.value.as_str())).collect();
        let theirs: HashMap<_, _> =
            peer.iter().map(|fact| (fact.place.as_str(), fact.value.as_str())).collect();
        let only_ours = nexus.iter().filter(|fact| !theirs.contains_key(fact.place.as_str()));
        // Where files are grouped otherwise, everything below differs: that one line says it.
        let mut regrouped: Option<&str> = None;
        for place in peer.iter().chain(only_ours).map(|fact| fact.place.as_str()) {
            if regrouped.is_some_and(|above| place.starts_with(above)) {
                continue;
            }
            self.values += 1;
            let (peer, nexus) = (theirs.get(place).copied(), ours.get(place).copied());
            if peer == nexus {
                continue;
            }
            if let Some(reason) = allowed.reason(place, peer, nexus) {
                *self.allowed.entry(reason).or_default() += 1;
                continue;
            }
            if let Some(counted) =
                place.strip_suffix(COUNT).filter(|kind| kind.ends_with("acquisitionActivity"))
            {
                regrouped = Some(counted);
            }
            self.note(name, place, peer.map(str::to_owned), nexus.map(str::to_owned));
        }
        Ok(())
    }
}

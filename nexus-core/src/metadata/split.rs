//! What all datasets of an activity share, and what is each one's own.

use std::collections::{HashMap, HashSet};

use nexus_plugin_api::MetaValue;

use super::equality::equal;
use super::flatten::Flat;
use super::values::text_and_unit;
use crate::record::{EXTRACTION_DATE, Parameter};

/// Splits the metadata of an activity's signals into what all share and what is each one's own.
///
/// A single signal shares nothing. A key is shared if every signal has it with equal values; its text is
/// the first signal's. The moment of reading belongs to each file, even where two were read at once.
pub fn split(signals: &[Flat]) -> (Vec<Parameter>, Vec<Vec<Parameter>>) {
    let Some((first, others)) = signals.split_first() else { return (Vec::new(), Vec::new()) };
    let mut shared: HashMap<&str, &MetaValue> = HashMap::new();
    if !others.is_empty() {
        let keys = first.entries.iter().filter(|(key, _)| key != EXTRACTION_DATE);
        shared.extend(keys.map(|(key, value)| (key.as_str(), value)));
    }
    for other in others {
        if shared.is_empty() {
            break;
        }
        let mut alike: HashSet<&str> = HashSet::with_capacity(shared.len());
        for (key, value) in &other.entries {
            if shared.get(key.as_str()).is_some_and(|wanted| equal(wanted, value)) {
                alike.insert(key);
            }
        }
        shared.retain(|key, _| alike.contains(key));
    }
    let is_shared = |key: &str| shared.contains_key(key);
    let setup = first.parameters(is_shared);
    let own = signals.iter().map(|signal| signal.parameters(|key| !is_shared(key))).collect();
    (setup, own)
}

impl Flat {
    fn parameters(&self, wanted: impl Fn(&str) -> bool) -> Vec<Parameter> {
        self.entries
            .iter()
            .filter(|(key, _)| wanted(key))
            .map(|(key, value)| {
                let (value, unit) = text_and_unit(value);
                Parameter { name: key.clone(), value, unit, warning: self.warnings.contains(key) }
            })
            .collect()
    }
}

//! From an extractor's nested metadata to keys in the record's order.

use std::collections::HashMap;

use nexus_plugin_api::{MetaMap, MetaNode, MetaValue, Signal};

use super::units::short_symbol;
use crate::extract::EXTRACTION;

/// Keys that are never written into a record.
const LEFT_OUT: [&str; 2] = ["warnings", "DatasetType"];

/// Joins the parts of a nested key.
const JOINT: &str = " – ";

/// The map whose entries stand at the top level.
const EXTENSIONS: &str = "extensions";

/// One signal's metadata, flat and in the record's order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Flat {
    pub(super) entries: Vec<(String, MetaValue)>,
    /// Keys of values that the extractor doubts.
    pub(super) warnings: Vec<String>,
}

/// Flattens a signal's metadata and puts it in the record's order; also says what was lost on the way.
///
/// The order is by lower-case key; keys that differ only in case keep the extractor's order. Of two keys
/// that flatten to the same text the last one counts, with a warning. Units become short symbols.
pub fn flatten(signal: &Signal) -> (Flat, Vec<String>) {
    let mut collected = Vec::new();
    for (key, node) in lifted(&signal.metadata) {
        collect(display_name(key), node, &mut collected);
    }
    let mut doubts = Vec::new();
    let mut positions: HashMap<String, usize> = HashMap::with_capacity(collected.len());
    let mut entries: Vec<(String, MetaValue)> = Vec::with_capacity(collected.len());
    for (key, value) in collected {
        if LEFT_OUT.contains(&key.as_str()) {
            continue;
        }
        let value = with_short_unit(value);
        if let Some(entry) = positions.get(&key).and_then(|&position| entries.get_mut(position)) {
            doubts.push(format!("two values have the key `{key}`: the last one counts"));
            entry.1 = value;
        } else {
            positions.insert(key.clone(), entries.len());
            entries.push((key, value));
        }
    }
    entries.sort_by_cached_key(|(key, _)| key.to_lowercase());
    let warnings = signal.warnings.iter().map(|path| joined(path)).collect();
    (Flat { entries, warnings }, doubts)
}

/// The top level with the extensions in it: they win over equal keys. What says when and by what the file
/// was read comes last, so that nothing else stands in its place.
fn lifted(metadata: &MetaMap) -> Vec<(&str, &MetaNode)> {
    let mut top: Vec<(&str, &MetaNode)> = Vec::with_capacity(metadata.0.len());
    let mut extensions = Vec::new();
    let mut extraction = Vec::new();
    for (key, node) in &metadata.0 {
        match node {
            MetaNode::Map(inner) if key == EXTENSIONS => extensions.extend(&inner.0),
            _ if key == EXTRACTION => extraction.push((key.as_str(), node)),
            _ => top.push((key, node)),
        }
    }
    for (key, node) in extensions {
        match top.iter_mut().find(|(known, _)| known == key) {
            Some(entry) => entry.1 = node,
            None => top.push((key, node)),
        }
    }
    top.extend(extraction);
    top
}

fn collect(key: String, node: &MetaNode, into: &mut Vec<(String, MetaValue)>) {
    match node {
        MetaNode::Value(value) => into.push((key, value.clone())),
        MetaNode::Map(inner) => {
            for (below, node) in &inner.0 {
                collect(format!("{key}{JOINT}{below}"), node, into);
            }
        }
    }
}

fn with_short_unit(value: MetaValue) -> MetaValue {
    match value {
        MetaValue::Quantity(magnitude, unit) => MetaValue::Quantity(magnitude, short_symbol(&unit)),
        other => other,
    }
}

/// A key path of the extractor's warnings, as the key it means.
fn joined(path: &[String]) -> String {
    let path = match path {
        [first, rest @ ..] if first == EXTENSIONS && !rest.is_empty() => rest,
        whole => whole,
    };
    path.iter()
        .enumerate()
        .map(|(depth, part)| if depth == 0 { display_name(part) } else { part.clone() })
        .collect::<Vec<_>>()
        .join(JOINT)
}

/// The name shown for a top-level key of the form `dwell_time`; other keys stay as they are.
pub(super) fn display_name(key: &str) -> String {
    let fixed = match key {
        "dwell_time" => "Pixel Dwell Time",
        "detector_type" => "Detector",
        "detector_energy_resolution" => "Energy Resolution",
        "dataset_type" => "DatasetType",
        "instrument_id" => "Instrument ID",
        _ => "",
    };
    if !fixed.is_empty() {
        return fixed.to_owned();
    }
    let is_cased = |c: char| c.is_lowercase() || c.is_uppercase();
    if !key.contains('_') || !key.chars().any(is_cased) || key.to_lowercase() != key {
        return key.to_owned();
    }
    let mut name = String::with_capacity(key.len());
    let mut within_word = false;
    for c in key.chars() {
        let cased = is_cased(c);
        if cased && !within_word {
            // One letter may become several, of which only the first stays large: ß, Ss.
            let mut large = c.to_uppercase();
            name.extend(large.next());
            name.extend(large.flat_map(char::to_lowercase));
        } else {
            name.push(if c == '_' { ' ' } else { c });
        }
        within_word = cased;
    }
    name
}

//! What a reader gave back, made fit for a record.

use std::collections::HashSet;
use std::path::Path;

use chrono_tz::Tz;
use nexus_plugin_api::{MetaMap, MetaNode, MetaValue, PathRef, Signal};

use super::basic::modified_text;
use crate::record::DATASET_TYPES;
use crate::timestamp::Timestamp;
use crate::walk::FoundFile;

/// Maps nested deeper than this are no metadata.
const DEEPEST: usize = 64;

/// Files of more signals than this are taken for a mistake: each has a dataset in the record and files beside it.
const MOST_SIGNALS: usize = 1_000;

/// More values than this in one file are taken for a mistake: raw headers of the wordiest formats have a few
/// thousand.
const MOST_VALUES: usize = 20_000;

/// Keys and texts of one file may have so many bytes together.
const MOST_TEXT: usize = 2 << 20;

/// A name in a warning is cut after so many characters.
const LONGEST_NAMED: usize = 40;

/// The signals that can be used, and what was put right in them. Previews must lie in the call's own `scratch`
/// folder.
pub(crate) fn checked(
    signals: Vec<Signal>,
    file: &FoundFile,
    zone: Tz,
    scratch: &Path,
) -> (Vec<Signal>, Vec<String>) {
    let mut told = Vec::new();
    if signals.iter().any(|signal| !shallow(&signal.metadata, DEEPEST)) {
        // Too deep to be dropped safely as well: taken apart level by level.
        for signal in signals {
            take_apart(signal.metadata);
        }
        told.push("the reader's metadata is nested too deeply and was left out".to_owned());
        return (Vec::new(), told);
    }
    if let Some(too_much) = too_much(&signals) {
        told.push(format!("the reader gave {too_much}, which was left out"));
        return (Vec::new(), told);
    }
    let signals = signals
        .into_iter()
        .map(|mut signal| {
            signal.preview = signal.preview.and_then(|drawn| preview(&drawn, scratch, &mut told));
            one(signal, file, zone, &mut told)
        })
        .collect();
    let mut seen = HashSet::new();
    told.retain(|doubt| seen.insert(doubt.clone()));
    (signals, told)
}

/// What is more than a record should hold, if anything is.
fn too_much(signals: &[Signal]) -> Option<String> {
    if signals.len() > MOST_SIGNALS {
        return Some(format!("{} signals", signals.len()));
    }
    let mut size = Size::default();
    for signal in signals {
        size.bytes += signal.dataset_type.len();
        size.map(&signal.metadata, 0);
        for part in signal.warnings.iter().flatten() {
            size.text(part);
        }
    }
    if size.values > MOST_VALUES {
        Some(format!("{} values of metadata", size.values))
    } else if size.bytes > MOST_TEXT {
        Some(format!("{} bytes of metadata", size.bytes))
    } else {
        None
    }
}

#[derive(Default)]
struct Size {
    values: usize,
    bytes: usize,
}

impl Size {
    fn text(&mut self, text: &str) {
        self.values += 1;
        self.bytes += text.len();
    }

    /// `above`: bytes of the keys above, which stand before every key in the record.
    fn map(&mut self, map: &MetaMap, above: usize) {
        for (key, node) in &map.0 {
            let whole = above + key.len();
            self.bytes += whole;
            match node {
                MetaNode::Map(inner) => {
                    self.values += 1;
                    self.map(inner, whole);
                }
                MetaNode::Value(value) => self.value(value),
            }
        }
    }

    fn value(&mut self, value: &MetaValue) {
        match value {
            MetaValue::Text(text) | MetaValue::Decimal(text) => self.text(text),
            MetaValue::Quantity(magnitude, unit) => {
                self.bytes += unit.len();
                self.value(magnitude);
            }
            MetaValue::List(values) => {
                self.values += 1;
                for value in values {
                    self.value(value);
                }
            }
            _ => self.text(""),
        }
    }
}

/// The real path of a picture that the reader drew. A relative one starts at the scratch folder; one that leads
/// out of it, by a link for instance, is somebody's file that is not ours to show.
fn preview(drawn: &PathRef, scratch: &Path, told: &mut Vec<String>) -> Option<PathRef> {
    let real = scratch.join(drawn.as_path()).canonicalize();
    match (real, scratch.canonicalize()) {
        (Ok(real), Ok(scratch)) if real.starts_with(&scratch) => Some(PathRef::new(real)),
        (Ok(_), _) => {
            told.push("the reader's preview lies outside the scratch folder and was left out".to_owned());
            None
        }
        (Err(error), _) => {
            told.push(format!("the reader's preview cannot be read: {}", error.kind()));
            None
        }
    }
}

fn one(mut signal: Signal, file: &FoundFile, zone: Tz, told: &mut Vec<String>) -> Signal {
    if signal.dataset_type.is_empty()
        && let Some(text) = top(&signal.metadata, &["DatasetType", "dataset_type"]).and_then(as_text)
    {
        signal.dataset_type = text.to_owned();
    }
    if !DATASET_TYPES.contains(&signal.dataset_type.as_str()) {
        if !signal.dataset_type.is_empty() {
            let named = super::readers::shortened(&signal.dataset_type, LONGEST_NAMED);
            told.push(format!("`{named}` is no type of dataset: taken as Misc"));
        }
        "Misc".clone_into(&mut signal.dataset_type);
        if top(&signal.metadata, &["Data Type", "data_type"]).is_none() {
            signal.metadata.insert("Data Type", MetaValue::Text("Miscellaneous".to_owned()));
        }
    }
    creation_time(&mut signal.metadata, file, zone, told);
    signal
}

/// A moment needs an offset: without one it is taken as the instrument's, and what is no time at all gives way
/// to the file's.
fn creation_time(metadata: &mut MetaMap, file: &FoundFile, zone: Tz, told: &mut Vec<String>) {
    let is_it = |key: &str| key == "Creation Time" || key == "creation_time";
    let mut known = false;
    for (key, node) in &mut metadata.0 {
        if !is_it(key) {
            continue;
        }
        known = true;
        let time = match node {
            MetaNode::Value(MetaValue::Text(text)) => text.parse::<Timestamp>().ok(),
            _ => None,
        };
        let text = match time {
            // As it was written: an offset is there.
            Some(time) if time.offset().is_some() => continue,
            Some(time) => Timestamp::from_fixed(time.in_zone(zone)).to_string(),
            None => {
                told.push("the creation time is no time: the file's own was taken".to_owned());
                modified_text(file, zone)
            }
        };
        *node = MetaNode::Value(MetaValue::Text(text));
    }
    if !known && !lifted(metadata).is_some_and(|inner| inner.0.iter().any(|(key, _)| is_it(key))) {
        metadata.insert("Creation Time", MetaValue::Text(modified_text(file, zone)));
    }
}

fn lifted(metadata: &MetaMap) -> Option<&MetaMap> {
    match metadata.get("extensions") {
        Some(MetaNode::Map(inner)) => Some(inner),
        _ => None,
    }
}

/// A value that will stand at the top level, under one of these keys.
fn top<'a>(metadata: &'a MetaMap, keys: &[&str]) -> Option<&'a MetaNode> {
    let within = |map: &'a MetaMap| keys.iter().find_map(|key| map.get(key));
    lifted(metadata).and_then(within).or_else(|| within(metadata))
}

fn as_text(node: &MetaNode) -> Option<&str> {
    match node {
        MetaNode::Value(MetaValue::Text(text)) => Some(text),
        _ => None,
    }
}

fn shallow(map: &MetaMap, left: usize) -> bool {
    left > 0
        && map.0.iter().all(|(_, node)| match node {
            MetaNode::Value(value) => shallow_value(value, left),
            MetaNode::Map(inner) => shallow(inner, left - 1),
        })
}

fn shallow_value(value: &MetaValue, left: usize) -> bool {
    left > 0
        && match value {
            MetaValue::List(values) => values.iter().all(|value| shallow_value(value, left - 1)),
            MetaValue::Quantity(magnitude, _) => shallow_value(magnitude, left - 1),
            _ => true,
        }
}

fn take_apart(map: MetaMap) {
    let mut maps = vec![map];
    let mut values = Vec::new();
    while let Some(map) = maps.pop() {
        for (_, node) in map.0 {
            match node {
                MetaNode::Map(inner) => maps.push(inner),
                MetaNode::Value(value) => values.push(value),
            }
        }
    }
    while let Some(value) = values.pop() {
        match value {
            MetaValue::List(inner) => values.extend(inner),
            MetaValue::Quantity(magnitude, _) => values.push(*magnitude),
            _ => {}
        }
    }
}

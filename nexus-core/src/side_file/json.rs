//! The text of a metadata file, byte for byte as the format has it.
//!
//! Two blanks for each depth, keys in the given order, all that is not ASCII escaped, no line feed at the end.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;

use nexus_plugin_api::{MetaMap, MetaNode, MetaValue, Signal};

use crate::metadata::{float_text, long_name};

/// Where the moment of extraction stands: this map, this key.
const EXTRACTION: &str = "NexusLIMS Extraction";
const DATE: &str = "Date";

/// A signal's metadata as JSON text: a map with `nx_meta` in it, which holds the metadata.
///
/// The dataset type and the warnings are written where the metadata does not name them itself: the type
/// first, the warnings last. Of two equal keys of a map the last value counts. A quantity becomes a map of
/// `value` and `unit`, with the [long name](long_name) of the unit. JSON has no infinite numbers: they
/// become the texts `NaN`, `Infinity` and `-Infinity`.
pub fn metadata_json(signal: &Signal) -> String {
    with_date(signal).0
}

/// The text, and where in it the moment of extraction stands (with its quotes).
pub(super) fn with_date(signal: &Signal) -> (String, Option<Range<usize>>) {
    let mut writer = Writer { text: String::with_capacity(1024), date: None };
    let kind = MetaNode::Value(MetaValue::Text(signal.dataset_type.clone()));
    let warnings = MetaNode::Value(MetaValue::List(
        signal
            .warnings
            .iter()
            .map(|path| MetaValue::List(path.iter().cloned().map(MetaValue::Text).collect()))
            .collect(),
    ));
    let mut entries: Vec<(&str, &MetaNode)> = Vec::with_capacity(signal.metadata.0.len() + 2);
    if signal.metadata.get("DatasetType").is_none() {
        entries.push(("DatasetType", &kind));
    }
    entries.extend(signal.metadata.0.iter().map(|(key, node)| (key.as_str(), node)));
    if signal.metadata.get("warnings").is_none() && !signal.warnings.is_empty() {
        entries.push(("warnings", &warnings));
    }
    writer.text.push_str("{\n  \"nx_meta\": ");
    writer.map(entries, 1, false);
    writer.text.push_str("\n}");
    (writer.text, writer.date)
}

/// Whether an old text differs from the new one in the moment of extraction at most.
pub(super) fn same_but(old: &[u8], new: &[u8], date: &Range<usize>) -> bool {
    let (Some(before), Some(after)) = (new.get(..date.start), new.get(date.end..)) else { return false };
    let old_date = old.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    old_date.is_some_and(|bytes| bytes.starts_with(b"\"") && !bytes.contains(&b'\n'))
}

struct Writer {
    text: String,
    date: Option<Range<usize>>,
}

impl Writer {
    /// `extraction`: this is the map with the moment of extraction.
    fn map(&mut self, entries: Vec<(&str, &MetaNode)>, depth: usize, extraction: bool) {
        if entries.is_empty() {
            self.text.push_str("{}");
            return;
        }
        let mut last: HashMap<&str, &MetaNode> = HashMap::with_capacity(entries.len());
        for (key, node) in &entries {
            last.insert(key, node);
        }
        self.text.push('{');
        let mut first = true;
        for (key, _) in entries {
            // A key that was written already is no longer there.
            let Some(node) = last.remove(key) else { continue };
            if !first {
                self.text.push(',');
            }
            first = false;
            self.line(depth + 1);
            self.string(key);
            self.text.push_str(": ");
            let start = self.text.len();
            match node {
                MetaNode::Value(value) => self.value(value, depth + 1),
                MetaNode::Map(map) => {
                    self.map(references(map), depth + 1, depth == 1 && key == EXTRACTION);
                }
            }
            if extraction && key == DATE && matches!(node, MetaNode::Value(MetaValue::Text(_))) {
                self.date = Some(start..self.text.len());
            }
        }
        self.line(depth);
        self.text.push('}');
    }

    fn value(&mut self, value: &MetaValue, depth: usize) {
        match value {
            MetaValue::Text(text) => self.string(text),
            MetaValue::Integer(number) => self.text.push_str(&number.to_string()),
            MetaValue::Float(number) => self.float(*number),
            MetaValue::Decimal(digits) => self.decimal(digits),
            MetaValue::Boolean(truth) => self.text.push_str(if *truth { "true" } else { "false" }),
            MetaValue::Null => self.text.push_str("null"),
            MetaValue::List(values) => self.list(values, depth),
            MetaValue::Quantity(magnitude, unit) => self.quantity(magnitude, unit, depth),
        }
    }

    fn list(&mut self, values: &[MetaValue], depth: usize) {
        if values.is_empty() {
            self.text.push_str("[]");
            return;
        }
        self.text.push('[');
        for (position, value) in values.iter().enumerate() {
            if position > 0 {
                self.text.push(',');
            }
            self.line(depth + 1);
            self.value(value, depth + 1);
        }
        self.line(depth);
        self.text.push(']');
    }

    fn quantity(&mut self, magnitude: &MetaValue, unit: &str, depth: usize) {
        self.text.push('{');
        self.line(depth + 1);
        self.text.push_str("\"value\": ");
        match magnitude {
            #[allow(clippy::cast_precision_loss, reason = "the format has magnitudes as doubles")]
            MetaValue::Integer(number) => self.float(*number as f64),
            other => self.value(other, depth + 1),
        }
        self.text.push(',');
        self.line(depth + 1);
        self.text.push_str("\"unit\": ");
        self.string(&long_name(unit));
        self.line(depth);
        self.text.push('}');
    }

    fn float(&mut self, number: f64) {
        if number.is_finite() {
            self.text.push_str(&float_text(number));
        } else if number.is_nan() {
            self.text.push_str("\"NaN\"");
        } else {
            self.text.push_str(if number > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
        }
    }

    /// The digits as they are if JSON can read them, else the number they mean, else a text.
    fn decimal(&mut self, digits: &str) {
        if serde_json::from_str::<f64>(digits).is_ok() {
            self.text.push_str(digits.trim());
        } else {
            match digits.parse::<f64>() {
                Ok(number) if number.is_finite() => self.float(number),
                _ => self.string(digits),
            }
        }
    }

    fn line(&mut self, depth: usize) {
        self.text.push('\n');
        for _ in 0..depth {
            self.text.push_str("  ");
        }
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        for c in text.chars() {
            match c {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                '\u{8}' => self.text.push_str("\\b"),
                '\u{c}' => self.text.push_str("\\f"),
                ' '..='~' => self.text.push(c),
                other => {
                    for unit in other.encode_utf16(&mut [0; 2]) {
                        // Writing into a text cannot fail.
                        let _ = write!(self.text, "\\u{unit:04x}");
                    }
                }
            }
        }
        self.text.push('"');
    }
}

fn references(map: &MetaMap) -> Vec<(&str, &MetaNode)> {
    map.0.iter().map(|(key, node)| (key.as_str(), node)).collect()
}

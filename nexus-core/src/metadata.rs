//! Metadata between extractor and record: keys, order, text of values, what a whole activity shares.

use nexus_plugin_api::{MetaMap, MetaNode, MetaValue, Signal};

use crate::record::{EXTRACTION_DATE, Parameter};

/// Keys that are never written into a record.
const LEFT_OUT: [&str; 2] = ["warnings", "DatasetType"];

/// Joins the parts of a nested key.
const JOINT: &str = " – ";

/// One signal's metadata, flat and in the record's order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Flat {
    entries: Vec<(String, MetaValue)>,
    warnings: Vec<String>,
}

/// Flattens a signal's metadata and puts it in the record's order.
///
/// The order is by lower-case key; keys that differ only in case keep the extractor's order. Of two keys
/// that flatten to the same text the last one counts.
pub fn flatten(signal: &Signal) -> (Flat, Vec<String>) {
    let mut entries = Vec::new();
    collect(&signal.metadata, "", &mut entries);
    let mut unique: Vec<(String, MetaValue)> = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        if LEFT_OUT.contains(&key.as_str()) {
            continue;
        }
        match unique.iter_mut().find(|(name, _)| *name == key) {
            Some(entry) => entry.1 = value,
            None => unique.push((key, value)),
        }
    }
    unique.sort_by_cached_key(|(key, _)| key.to_lowercase());
    let warnings = signal.warnings.iter().map(|path| joined(path)).collect();
    (Flat { entries: unique, warnings }, Vec::new())
}

fn joined(path: &[String]) -> String {
    path.iter()
        .enumerate()
        .map(|(depth, part)| if depth == 0 { display_name(part) } else { part.clone() })
        .collect::<Vec<_>>()
        .join(JOINT)
}

fn collect(map: &MetaMap, prefix: &str, into: &mut Vec<(String, MetaValue)>) {
    for (key, node) in &map.0 {
        // Extensions are facts like the others: they stand at the top level and win there.
        if prefix.is_empty()
            && key == "extensions"
            && let MetaNode::Map(inner) = node
        {
            collect(inner, "", into);
            continue;
        }
        let key = if prefix.is_empty() { display_name(key) } else { format!("{prefix}{JOINT}{key}") };
        match node {
            MetaNode::Value(value) => into.push((key, value.clone())),
            MetaNode::Map(inner) => collect(inner, &key, into),
        }
    }
}

/// The name shown for a top-level key of the form `dwell_time`; other keys stay as they are.
fn display_name(key: &str) -> String {
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
    if !key.contains('_') || key.to_lowercase() != key {
        return key.to_owned();
    }
    let mut name = String::with_capacity(key.len());
    let mut within_word = false;
    for c in key.chars() {
        if c.is_alphabetic() {
            if within_word {
                name.push(c);
            } else {
                name.extend(c.to_uppercase());
            }
            within_word = true;
        } else {
            name.push(if c == '_' { ' ' } else { c });
            within_word = false;
        }
    }
    name
}

/// Splits the metadata of an activity's signals into what all share and what is each one's own.
///
/// A single signal shares nothing. A key is shared if every signal has it with equal values; its text is
/// the first signal's. The moment of reading belongs to each file, even where two were read at once.
pub fn split(signals: &[Flat]) -> (Vec<Parameter>, Vec<Vec<Parameter>>) {
    let shared: Vec<&str> = match signals {
        [first, others @ ..] if !others.is_empty() => first
            .entries
            .iter()
            .filter(|(key, _)| key != EXTRACTION_DATE)
            .filter(|(key, value)| others.iter().all(|other| other.get(key).is_some_and(|v| equal(value, v))))
            .map(|(key, _)| key.as_str())
            .collect(),
        _ => Vec::new(),
    };
    let is_shared = |key: &str| shared.contains(&key);
    let setup = signals.first().map_or_else(Vec::new, |first| first.parameters(is_shared));
    let own = signals.iter().map(|signal| signal.parameters(|key| !is_shared(key))).collect();
    (setup, own)
}

impl Flat {
    fn get(&self, key: &str) -> Option<&MetaValue> {
        self.entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

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

/// Equality as the format has it: numbers by value whatever their kind, never `nan`.
#[allow(clippy::float_cmp, reason = "equal means the very same double")]
fn equal(a: &MetaValue, b: &MetaValue) -> bool {
    use MetaValue::{Boolean, Decimal, Float, Integer, List, Quantity};
    match (a, b) {
        (List(a), List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Quantity(a, unit_a), Quantity(b, unit_b)) => unit_a == unit_b && equal(a, b),
        (Integer(a), Integer(b)) => a == b,
        (Decimal(a), Decimal(b)) if a == b => true,
        (
            Integer(_) | Float(_) | Boolean(_) | Decimal(_),
            Integer(_) | Float(_) | Boolean(_) | Decimal(_),
        ) => number(a).zip(number(b)).is_some_and(|(a, b)| a == b),
        _ => a == b,
    }
}

#[allow(clippy::cast_precision_loss, reason = "compared with a double, as the format does")]
fn number(value: &MetaValue) -> Option<f64> {
    match value {
        MetaValue::Integer(n) => Some(*n as f64),
        MetaValue::Float(n) => Some(*n),
        MetaValue::Boolean(truth) => Some(f64::from(u8::from(*truth))),
        MetaValue::Decimal(digits) => digits.parse().ok(),
        _ => None,
    }
}

/// A value as the record writes it, and its unit if it is a quantity.
pub fn text_and_unit(value: &MetaValue) -> (String, Option<String>) {
    match value {
        MetaValue::Quantity(magnitude, unit) => {
            let magnitude = match magnitude.as_ref() {
                MetaValue::Integer(_) => number(magnitude).map_or_else(|| text(magnitude), float_text),
                other => text(other),
            };
            (magnitude, Some(unit.clone()))
        }
        other => (text(other), None),
    }
}

fn text(value: &MetaValue) -> String {
    match value {
        MetaValue::Text(text) | MetaValue::Decimal(text) => text.clone(),
        MetaValue::Integer(number) => number.to_string(),
        MetaValue::Float(number) => float_text(*number),
        MetaValue::Boolean(true) => "True".to_owned(),
        MetaValue::Boolean(false) => "False".to_owned(),
        MetaValue::Null => "None".to_owned(),
        MetaValue::List(values) => {
            format!("[{}]", values.iter().map(quoted).collect::<Vec<_>>().join(", "))
        }
        MetaValue::Quantity(magnitude, unit) => format!("{} {unit}", text(magnitude)),
    }
}

/// An element of a list: text stands in quotes.
fn quoted(value: &MetaValue) -> String {
    let MetaValue::Text(inner) = value else { return text(value) };
    let quote = if inner.contains('\'') && !inner.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for c in inner.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            other => out.push(other),
        }
    }
    out.push(quote);
    out
}

/// The shortest text that reads back to the same double; exponent form below 1e-4 and from 1e16 on.
pub fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf".to_owned() } else { "-inf".to_owned() };
    }
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let text = format!("{number:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = exponent.strip_prefix('-').map_or(("+", exponent), |digits| ("-", digits));
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    let text = number.to_string();
    if text.contains('.') { text } else { format!("{text}.0") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(entries: &[(&str, MetaValue)]) -> Signal {
        let mut metadata = MetaMap::default();
        for (key, value) in entries {
            metadata.insert(*key, value.clone());
        }
        Signal { dataset_type: "Image".into(), metadata, warnings: vec![], preview: None }
    }

    #[test]
    fn numbers_are_written_as_the_format_says() {
        for (number, expected) in [
            (1e-7, "1e-07"),
            (1e5, "100000.0"),
            (1e16, "1e+16"),
            (0.1 + 0.2, "0.30000000000000004"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e300, "1.5e+300"),
            (-0.0, "-0.0"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(float_text(number), expected);
        }
    }

    #[test]
    fn other_values_are_written_as_the_format_says() {
        let list = MetaValue::List(vec![MetaValue::Integer(1), MetaValue::Text("x".into()), MetaValue::Null]);
        assert_eq!(text_and_unit(&list), ("[1, 'x', None]".into(), None));
        assert_eq!(text_and_unit(&MetaValue::Boolean(true)), ("True".into(), None));
        assert_eq!(text_and_unit(&MetaValue::Decimal("1.20".into())), ("1.20".into(), None));
        let kv = MetaValue::Quantity(Box::new(MetaValue::Integer(200)), "kV".into());
        assert_eq!(text_and_unit(&kv), ("200.0".into(), Some("kV".into())));
    }

    #[test]
    fn keys_get_their_names_and_their_order() {
        let flat = flatten(&signal(&[
            ("gps_x_2d", MetaValue::Integer(1)),
            ("dwell_time", MetaValue::Integer(2)),
            ("Beta", MetaValue::Integer(3)),
            ("alpha", MetaValue::Integer(4)),
            ("warnings", MetaValue::Null),
            ("DatasetType", MetaValue::Text("Image".into())),
        ]));
        let keys: Vec<&str> = flat.entries.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["alpha", "Beta", "Gps X 2D", "Pixel Dwell Time"]);
    }

    #[test]
    fn nested_keys_are_joined_and_extensions_lifted() {
        let mut stage = MetaMap::default();
        stage.insert("X", MetaValue::Integer(1));
        let mut extensions = MetaMap::default();
        extensions.insert("spot_size", MetaValue::Integer(3));
        let mut signal = signal(&[("Mode", MetaValue::Text("a".into()))]);
        signal.metadata.insert_map("Stage", stage);
        signal.metadata.insert_map("extensions", extensions);
        signal.warnings = vec![vec!["Stage".into(), "X".into()]];
        let (_, own) = split(&[flatten(&signal)]);
        let seen: Vec<(&str, bool)> = own[0].iter().map(|p| (p.name.as_str(), p.warning)).collect();
        assert_eq!(seen, [("Mode", false), ("Spot Size", false), ("Stage – X", true)]);
    }

    #[test]
    fn only_what_every_signal_has_alike_is_shared() {
        let a = flatten(&signal(&[
            ("V", MetaValue::Integer(5)),
            ("W", MetaValue::Integer(1)),
            ("N", MetaValue::Float(f64::NAN)),
            ("Only A", MetaValue::Null),
        ]));
        let b = flatten(&signal(&[
            ("V", MetaValue::Float(5.0)),
            ("W", MetaValue::Integer(2)),
            ("N", MetaValue::Float(f64::NAN)),
        ]));
        let (setup, own) = split(&[a.clone(), b]);
        assert_eq!(
            setup.iter().map(|p| (p.name.as_str(), p.value.as_str())).collect::<Vec<_>>(),
            [("V", "5")]
        );
        assert_eq!(own[0].iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["N", "Only A", "W"]);
        let (setup, own) = split(&[a]);
        assert!(setup.is_empty());
        assert_eq!(own[0].len(), 4);
    }
}

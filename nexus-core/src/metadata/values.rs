//! The text of a value, as Python writes it.

use std::fmt::Write as _;

use nexus_plugin_api::MetaValue;

use super::equality::same_number;
use super::units::long_name;

/// A value as the record writes it, and its unit if it is a quantity.
pub fn text_and_unit(value: &MetaValue) -> (String, Option<String>) {
    match value {
        MetaValue::Quantity(magnitude, unit) => (magnitude_text(magnitude), Some(unit.clone())),
        other => (text(other), None),
    }
}

/// Magnitudes are written as floats, as long as the double is the very number that was given.
fn magnitude_text(magnitude: &MetaValue) -> String {
    let given = text(magnitude);
    match magnitude {
        MetaValue::Integer(_) | MetaValue::Decimal(_) => match given.parse().map(float_text) {
            Ok(float) if same_number(&given, &float) => float,
            _ => given,
        },
        _ => given,
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
            format!("[{}]", values.iter().map(element).collect::<Vec<_>>().join(", "))
        }
        MetaValue::Quantity(magnitude, unit) => format!("{} {unit}", magnitude_text(magnitude)),
    }
}

/// An element of a list, as an expression.
fn element(value: &MetaValue) -> String {
    match value {
        MetaValue::Text(text) => quoted(text),
        MetaValue::Decimal(digits) => format!("Decimal('{digits}')"),
        MetaValue::Quantity(magnitude, unit) => {
            format!("<Quantity({}, '{}')>", magnitude_text(magnitude), long_name(unit))
        }
        other => text(other),
    }
}

fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if printable(c) => out.push(c),
            c => {
                let code = u32::from(c);
                // Writing into a text cannot fail.
                let _ = match code {
                    0..=0xFF => write!(out, "\\x{code:02x}"),
                    0x100..=0xFFFF => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push(quote);
    out
}

/// Neither control, format, private or unassigned, nor a blank other than the space.
fn printable(c: char) -> bool {
    // The standard library's table of just these; the letter before it keeps a combining mark, which can be
    // printed, from being escaped for standing first.
    matches!(c, ' '..='~') || !c.is_ascii() && String::from_iter(['a', c]).escape_debug().count() == 2
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

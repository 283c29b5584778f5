//! What people see: notes on standard error, results on standard output.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

/// Tells how far things are.
pub fn note(text: &str) {
    // A reader that went away is no failure of ours.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints one line of result.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints a value as indented JSON.
pub fn json<T: Serialize>(value: &T) -> Result<()> {
    line(&serde_json::to_string_pretty(value).context("the result cannot be written as JSON")?);
    Ok(())
}

/// Prints rows under headings; all columns but the first are numbers.
pub fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headings.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    line(&table.to_string());
}

/// A length of time with three digits: `79.1 s`, `431 ms`.
pub fn seconds(seconds: f64) -> String {
    match seconds {
        s if s >= 100.0 => format!("{s:.0} s"),
        s if s >= 10.0 => format!("{s:.1} s"),
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 0.1 => format!("{:.0} ms", s * 1e3),
        s if s >= 0.01 => format!("{:.1} ms", s * 1e3),
        s => format!("{:.2} ms", s * 1e3),
    }
}

/// A size of memory in MiB.
pub fn mebibytes(bytes: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "rounded for people")]
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    format!("{mebibytes:.1} MiB")
}

/// How often one is in the other: `1,840 ×`; three digits are enough.
pub fn times(ratio: f64) -> String {
    match ratio {
        r if !r.is_finite() => "–".to_owned(),
        r if r >= 100.0 => format!("{r:.0} ×"),
        r if r >= 10.0 => format!("{r:.1} ×"),
        r => format!("{r:.2} ×"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        assert_eq!([79.12, 0.4313, 0.04313, 0.0042].map(seconds), ["79.1 s", "431 ms", "43.1 ms", "4.20 ms"]);
        assert_eq!([1840.4, 52.34, 1.8, f64::INFINITY].map(times), ["1840 ×", "52.3 ×", "1.80 ×", "–"]);
        assert_eq!(mebibytes(18 << 20), "18.0 MiB");
    }
}

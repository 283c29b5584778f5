//! `nexus db query`.

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueEnum};
use nexus_core::db::QueryRows;
use rusqlite::types::Value;

use super::stop;
use crate::args::Global;
use crate::database::Place;
use crate::exit_code::{ExitCode, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  Count the rows of the session log by status:
    nexus db query \"SELECT record_status, count(*) FROM session_log GROUP BY 1\"
  Look up one user, with the name bound instead of written into the statement:
    nexus db query \"SELECT * FROM session_log WHERE user = ?\" ada
  Compare a computed number, and write a file for a spreadsheet:
    nexus db query --format csv \"SELECT * FROM session_log WHERE length(user) > ?\" int:20

A parameter is bound as text, which SQLite compares as a number where a column holds numbers. To bind another type, \
write int:5, real:2.5, blob:00ff (hexadecimal), null: or text:… in front of it.
In CSV a null is an empty field and an empty text is \"\"; in JSON a null is null. Bytes are shown as x'00ff'.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct QueryArgs {
    /// One statement that only reads.
    #[arg(value_name = "SELECT")]
    sql: String,
    /// What its placeholders (? or ?1, ?2, …) stand for, in order.
    #[arg(value_name = "PARAM", value_parser = parameter, allow_negative_numbers = true)]
    params: Vec<Value>,
    /// How to print the rows: a table, or JSON if --json is given.
    #[arg(long, value_enum)]
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Columns that fit the terminal.
    Table,
    /// A list of objects, one a row.
    Json,
    /// Comma-separated values with a line of headings.
    Csv,
}

pub(super) fn run(global: &Global, place: &Place, args: &QueryArgs) -> Result<ExitCode, Stop> {
    let database = place.open().map_err(stop)?;
    let found = database.query(&args.sql, &args.params).map_err(stop)?;
    let fallback = if global.json { Format::Json } else { Format::Table };
    match args.format.unwrap_or(fallback) {
        Format::Table => table(&found),
        Format::Json => output::json(&objects(&found))?,
        Format::Csv => output::text(&csv(&found)),
    }
    Ok(ExitCode::Done)
}

/// A bound value as it is typed.
fn parameter(text: &str) -> anyhow::Result<Value> {
    let Some((kind, rest)) = text.split_once(':') else { return Ok(Value::Text(text.to_owned())) };
    Ok(match kind {
        "int" => Value::Integer(rest.parse().with_context(|| format!("`{rest}` is no whole number"))?),
        "real" => Value::Real(rest.parse().with_context(|| format!("`{rest}` is no number"))?),
        "text" => Value::Text(rest.to_owned()),
        "null" if rest.is_empty() => Value::Null,
        "blob" => {
            Value::Blob(bytes(rest).ok_or_else(|| anyhow!("`{rest}` is not hexadecimal, two digits a byte"))?)
        }
        _ => Value::Text(text.to_owned()),
    })
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.chars().map(|digit| digit.to_digit(16)).collect::<Option<Vec<_>>>()?;
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(high * 16 + low).ok(),
        _ => None,
    });
    pairs.collect()
}

fn table(found: &QueryRows) {
    let headings: Vec<_> = found.columns.iter().map(String::as_str).collect();
    let rows = found.rows.iter().map(|row| row.iter().map(|value| shown(value, "NULL")).collect());
    output::table(&headings, rows);
}

fn shown(value: &Value, null: &str) -> String {
    match value {
        Value::Null => null.to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => real(*number),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => hex(bytes),
    }
}

/// The shortest digits that give the same number again, always told from an integer.
fn real(number: f64) -> String {
    if number.is_finite() {
        format!("{number:?}")
    } else if number > 0.0 {
        "Inf".to_owned()
    } else {
        "-Inf".to_owned()
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("x'");
    for byte in bytes {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.push('\'');
    text
}

/// Rows as objects. Of columns with one name, the second is called `name_2`, and so on.
fn objects(found: &QueryRows) -> Vec<serde_json::Map<String, serde_json::Value>> {
    let names = distinct(&found.columns);
    let rows = found.rows.iter().map(|row| names.iter().cloned().zip(row.iter().map(json)).collect());
    rows.collect()
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Integer(number) => (*number).into(),
        // JSON has no infinity; null would say that there is nothing.
        Value::Real(number) if number.is_finite() => (*number).into(),
        other => shown(other, "").into(),
    }
}

fn distinct(columns: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(columns.len());
    for column in columns {
        let mut name = column.clone();
        let mut count = 1;
        while names.contains(&name) {
            count += 1;
            name = format!("{column}_{count}");
        }
        names.push(name);
    }
    names
}

fn csv(found: &QueryRows) -> String {
    let mut text = found.columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(",");
    text.push('\n');
    for row in &found.rows {
        let fields = row.iter().map(|value| match value {
            Value::Null => String::new(),
            other => quoted(&shown(other, "")),
        });
        text.push_str(&fields.collect::<Vec<_>>().join(","));
        text.push('\n');
    }
    text
}

/// In quotes where needed; an empty text always, since without quotes it would be a null.
fn quoted(text: &str) -> String {
    if text.is_empty() || text.contains([',', '"', '\n', '\r']) || text.trim() != text {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_text_unless_they_say_otherwise() {
        let cases = [
            ("007", Value::Text("007".into())),
            ("https://nemo.example.org/?id=1", Value::Text("https://nemo.example.org/?id=1".into())),
            ("int:-5", Value::Integer(-5)),
            ("real:2.5", Value::Real(2.5)),
            ("text:int:5", Value::Text("int:5".into())),
            ("null:", Value::Null),
            ("null:x", Value::Text("null:x".into())),
            ("blob:00fF", Value::Blob(vec![0, 255])),
            ("", Value::Text(String::new())),
        ];
        for (text, value) in cases {
            assert_eq!(parameter(text).unwrap(), value, "{text}");
        }
        for bad in ["int:five", "int:9223372036854775808", "real:", "blob:0", "blob:zz", "blob:é"] {
            assert!(parameter(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn csv_tells_null_from_empty() {
        let found = QueryRows {
            columns: vec!["a".into(), "a,b".into()],
            rows: vec![
                vec![Value::Null, Value::Text(String::new())],
                vec![Value::Text("say \"x\"\n".into()), Value::Blob(vec![1, 0xab])],
                vec![Value::Integer(1), Value::Real(1.0)],
            ],
        };
        assert_eq!(csv(&found), "a,\"a,b\"\n,\"\"\n\"say \"\"x\"\"\n\",x'01ab'\n1,1.0\n");
    }

    #[test]
    fn json_keeps_columns_of_one_name_apart() {
        let found = QueryRows {
            columns: vec!["id".into(), "id".into(), "id_2".into()],
            rows: vec![vec![Value::Integer(1), Value::Null, Value::Real(f64::INFINITY)]],
        };
        let text = serde_json::to_string(&objects(&found)).unwrap();
        assert_eq!(text, r#"[{"id":1,"id_2":null,"id_2_2":"Inf"}]"#);
    }
}

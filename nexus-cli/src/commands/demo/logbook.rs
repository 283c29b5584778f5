//! The usage log of the invented facility, as CSV.

use anyhow::Context as _;
use chrono::DateTime;

use super::calendar::{USES, Use};

/// The log's name: part of every session identifier.
pub const NAME: &str = "demo";

const HEADINGS: [&str; 12] = [
    "id",
    "instrument",
    "user",
    "full_name",
    "email",
    "start",
    "end",
    "title",
    "sample",
    "sample_elements",
    "consent",
    "cancelled",
];

/// The whole file.
pub fn csv() -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(
        b"# The usage log of an invented facility: one row for every use of an instrument.\n".to_vec(),
    );
    writer.write_record(HEADINGS)?;
    for used in &USES {
        writer.write_record(row(used)?)?;
    }
    writer.into_inner().map_err(csv::IntoInnerError::into_error).context("failed to write the usage log")
}

fn row(used: &Use) -> anyhow::Result<[String; 12]> {
    let end = used.end.map(|end| time(end, used.with_offset)).transpose()?;
    Ok([
        used.id.to_owned(),
        used.tool.to_owned(),
        used.user.0.to_owned(),
        used.user.1.to_owned(),
        format!("{}@example.org", used.user.0),
        time(used.start, used.with_offset)?,
        end.unwrap_or_default(),
        used.title.to_owned(),
        used.samples.0.to_owned(),
        used.samples.1.to_owned(),
        used.consent.to_owned(),
        if used.cancelled { "yes".to_owned() } else { String::new() },
    ])
}

/// A time as people write it, or with its offset.
fn time(text: &str, with_offset: bool) -> anyhow::Result<String> {
    if with_offset {
        return Ok(text.to_owned());
    }
    let time =
        DateTime::parse_from_rfc3339(text).with_context(|| format!("`{text}` in the demo's calendar"))?;
    Ok(time.format("%Y-%m-%d %H:%M").to_string())
}

//! What holds for any file: its time.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use nexus_plugin_api::{MetaMap, MetaValue, Signal};

use crate::timestamp::Timestamp;
use crate::walk::FoundFile;

/// 2 January of the year 1 and 30 December 9999 in microseconds since the Unix epoch: inside the calendar in
/// every zone.
const FIRST: i64 = -62_135_510_400_000_000;
const LAST: i64 = 253_402_128_000_000_000;

/// The one signal of a file that no reader knows.
pub(super) fn signal(file: &FoundFile, zone: Tz) -> Signal {
    let mut metadata = MetaMap::default();
    metadata.insert("DatasetType", MetaValue::Text("Unknown".to_owned()));
    metadata.insert("Data Type", MetaValue::Text("Unknown".to_owned()));
    metadata.insert("Creation Time", MetaValue::Text(modified_text(file, zone)));
    Signal { dataset_type: "Unknown".to_owned(), metadata, warnings: Vec::new(), preview: None }
}

/// A file's modification time in the instrument's zone, as ISO text with microseconds.
pub fn modified_text(file: &FoundFile, zone: Tz) -> String {
    Timestamp::from_fixed(modified(file).with_timezone(&zone).fixed_offset()).to_string()
}

/// A file's modification time, rounded to microseconds. Years outside 1 to 9999 become the nearest inside.
///
/// The format rounds through a double of seconds; so does this, to give the same digits.
fn modified(file: &FoundFile) -> DateTime<Utc> {
    let (sign, since) = match file.modified.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => (1.0, after),
        Err(before) => (-1.0, before.duration()),
    };
    #[allow(clippy::cast_precision_loss, reason = "the format's own rounding")]
    let seconds = sign * (since.as_secs() as f64 + f64::from(since.subsec_nanos()) * 1e-9);
    let whole = seconds.floor();
    let micros = ((seconds - whole) * 1e6).round_ties_even();
    #[allow(
        clippy::cast_possible_truncation,
        reason = "a number far too large stops at the end of the range"
    )]
    let total = (whole as i64).saturating_mul(1_000_000).saturating_add(micros as i64);
    DateTime::from_timestamp_micros(total.clamp(FIRST, LAST)).unwrap_or_default()
}

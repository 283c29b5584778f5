//! What holds for any file: its time.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use nexus_plugin_api::{MetaMap, MetaValue, Signal};

use crate::timestamp::Timestamp;
use crate::walk::FoundFile;

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

/// A file's modification time, rounded to microseconds.
///
/// The format rounds through a double of seconds; so does this, to give the same digits.
fn modified(file: &FoundFile) -> DateTime<Utc> {
    let exact = DateTime::<Utc>::from(file.modified);
    #[allow(clippy::cast_precision_loss, reason = "the format's own rounding")]
    let seconds = exact.timestamp() as f64 + f64::from(exact.timestamp_subsec_nanos()) * 1e-9;
    let whole = seconds.floor();
    let micros = ((seconds - whole) * 1e6).round_ties_even();
    #[allow(clippy::cast_possible_truncation, reason = "both are whole and far inside the range")]
    let total = (whole as i64).checked_mul(1_000_000).and_then(|us| us.checked_add(micros as i64));
    total.and_then(DateTime::from_timestamp_micros).unwrap_or(exact)
}

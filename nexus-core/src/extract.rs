//! Reading what a file says about itself.
//!
//! For now every file gets the facts that hold for any file; the readers of instrument formats join here.

use chrono::{DateTime, FixedOffset, Utc};
use chrono_tz::Tz;
use nexus_plugin_api::{MetaMap, MetaValue, Signal};

use crate::timestamp::Timestamp;
use crate::walk::FoundFile;

/// Name of the reader that knows nothing but the file's time.
pub const BASIC: &str = "nexus.extractors.basic_file_info";

/// When and by what a file was read; the same for every file of a record.
#[derive(Debug, Clone)]
pub struct Stamp {
    /// Moment of reading, with the offset it is written in.
    pub date: DateTime<FixedOffset>,
    /// Version of this program.
    pub version: String,
}

/// The signals of one file.
pub fn read(file: &FoundFile, zone: Tz, stamp: &Stamp) -> Vec<Signal> {
    let mut metadata = MetaMap::default();
    metadata.insert("Creation Time", MetaValue::Text(modified_text(file, zone)));
    metadata.insert("Data Type", MetaValue::Text("Unknown".to_owned()));
    let mut extraction = MetaMap::default();
    extraction.insert("Date", MetaValue::Text(Timestamp::from_fixed(stamp.date).to_string()));
    extraction.insert("Module", MetaValue::Text(BASIC.to_owned()));
    extraction.insert("Version", MetaValue::Text(stamp.version.clone()));
    metadata.insert_map("NexusLIMS Extraction", extraction);
    vec![Signal { dataset_type: "Unknown".to_owned(), metadata, warnings: Vec::new(), preview: None }]
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    #[test]
    fn times_are_in_the_instruments_zone_with_microseconds() {
        let file = |nanos| FoundFile {
            path: "/d/a.tif".into(),
            modified: SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos),
            size: 0,
        };
        let zone = chrono_tz::America::Denver;
        assert_eq!(modified_text(&file(1_709_655_000_125_000_000), zone), "2024-03-05T09:10:00.125000-07:00");
        assert_eq!(modified_text(&file(1_709_655_040_000_000_000), zone), "2024-03-05T09:10:40-07:00");
        assert_eq!(modified_text(&file(1_709_655_040_999_999_900), zone), "2024-03-05T09:10:41-07:00");
    }
}

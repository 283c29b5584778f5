//! Where in the table a new row goes: beside those of the same destination.
//!
//! A session has a row for each destination. Were they stored as they come, side by side, a destination that delivers would touch
//! as many pages as if it owned all of them, and pay for the others that it has nothing to do with. So every
//! destination has a span of row numbers to itself, and its rows follow one another in the order in which they were made, which
//! is that of the builds. Only speed depends on it: two names that fall on one span share it, and rows that an earlier
//! version or a `VACUUM` numbered otherwise stay as they are.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

use crate::ids::DestinationName;

/// How many rows a span holds, as a power of two.
const SPAN: u32 = 32;

/// The span of row numbers of a destination. The lowest span is left to rows that were numbered one after the other.
pub(super) fn span(destination: &DestinationName) -> Range<i64> {
    let [high, low, ..] = <[u8; 32]>::from(Sha256::digest(destination.as_str()));
    // 4,095 spans: of ten destinations two share one in a hundredth of all facilities, and numbers stay short.
    let place = i64::from(u16::from_be_bytes([high, low])) % 4095 + 1;
    place << SPAN..(place + 1) << SPAN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_destination_has_its_span_beyond_the_rows_numbered_from_one() {
        let archive = span(&"archive".into());
        assert_eq!(archive, span(&"archive".into()), "whenever it is asked");
        assert!(archive.start >= 1 << SPAN);
        assert_eq!(archive.end - archive.start, 1 << SPAN);
        let mut spans: Vec<_> = (0..500).map(|n| span(&format!("d{n}").as_str().into())).collect();
        spans.sort_by_key(|span| span.start);
        assert!(spans.windows(2).all(|two| two[0] == two[1] || two[0].end <= two[1].start));
        spans.dedup();
        assert!(spans.len() > 400, "{}", spans.len());
        assert!(spans.last().unwrap().end < 1 << 47, "SQLite stores it in six bytes");
    }
}

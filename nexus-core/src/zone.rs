//! Wall-clock time in an instrument's zone.

use chrono::{DateTime, FixedOffset, LocalResult, NaiveDateTime, Offset as _, TimeDelta, TimeZone};
use chrono_tz::Tz;

/// The offset of a zone at a time, with its abbreviation.
type ZoneOffset = <Tz as TimeZone>::Offset;

/// The name is not a time zone of the IANA database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone `{0}`; use a name of the IANA database such as America/Denver")]
pub struct UnknownZone(pub String);

/// A zone by its IANA name, such as `America/Denver`.
pub fn parse(name: &str) -> Result<Tz, UnknownZone> {
    name.parse().map_err(|_| UnknownZone(name.to_owned()))
}

/// Wall-clock time in a zone, with its offset. Where the clock shows a time twice (a fold) or not at all (a
/// gap), the standard (winter) offset is used, as the other program does.
///
/// ```
/// use nexus_core::zone::localise;
/// use chrono::NaiveDate;
/// use chrono_tz::America::New_York;
///
/// let gap = NaiveDate::from_ymd_opt(2021, 3, 14).and_then(|d| d.and_hms_opt(2, 30, 0)).unwrap();
/// assert_eq!(localise(gap, New_York).to_rfc3339(), "2021-03-14T02:30:00-05:00");
/// ```
pub fn localise(naive: NaiveDateTime, zone: Tz) -> DateTime<FixedOffset> {
    localise_in(naive, zone).fixed_offset()
}

/// The same, keeping the zone, so that `%Z` prints its abbreviation. In a gap the clock shows the time that
/// was asked for, though the zone itself never did.
pub fn localise_in(naive: NaiveDateTime, zone: Tz) -> DateTime<Tz> {
    let offset = standard_offset(naive, zone);
    let utc = naive.checked_sub_offset(offset.fix()).unwrap_or(naive);
    DateTime::from_naive_utc_and_offset(utc, offset)
}

fn standard_offset(naive: NaiveDateTime, zone: Tz) -> ZoneOffset {
    // A gap can be a whole day long (an island that crossed the date line), hence more than one step back.
    let mut before = Some(naive);
    for _ in 0..6 {
        let Some(time) = before else { break };
        match zone.offset_from_local_datetime(&time) {
            LocalResult::Single(offset) => return offset,
            // The clock was set back: the smaller offset is the later one, winter.
            LocalResult::Ambiguous(a, b) => {
                return if a.fix().local_minus_utc() <= b.fix().local_minus_utc() { a } else { b };
            }
            LocalResult::None => before = time.checked_sub_signed(TimeDelta::hours(6)),
        }
    }
    zone.offset_from_utc_datetime(&naive)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(text: &str, zone: Tz) -> String {
        let naive = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").unwrap();
        localise(naive, zone).to_rfc3339()
    }

    #[test]
    fn gaps_and_folds_take_the_winter_offset() {
        use chrono_tz::{America::New_York, Australia::Sydney, Europe::Dublin, Europe::London};
        assert_eq!(local("2021-03-14T02:30", New_York), "2021-03-14T02:30:00-05:00");
        assert_eq!(local("2021-11-07T01:30", New_York), "2021-11-07T01:30:00-05:00");
        assert_eq!(local("2021-07-01T08:00", New_York), "2021-07-01T08:00:00-04:00");
        assert_eq!(local("2021-04-04T02:30", Sydney), "2021-04-04T02:30:00+10:00");
        assert_eq!(local("2021-10-03T02:30", Sydney), "2021-10-03T02:30:00+10:00");
        assert_eq!(local("2021-10-31T01:30", Dublin), "2021-10-31T01:30:00+00:00");
        assert_eq!(local("2021-03-28T01:30", London), "2021-03-28T01:30:00+00:00");
    }

    #[test]
    fn a_day_that_never_was_takes_the_offset_before_it() {
        // Samoa skipped 30 December 2011.
        assert_eq!(local("2011-12-30T12:00", chrono_tz::Pacific::Apia), "2011-12-30T12:00:00-10:00");
    }

    #[test]
    fn an_unknown_zone_is_named() {
        assert!(parse("America/Boulder").unwrap_err().to_string().contains("`America/Boulder`"));
        assert_eq!(parse("America/Denver").unwrap(), chrono_tz::America::Denver);
    }
}

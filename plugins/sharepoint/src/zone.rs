//! Where a site is: wall-clock time in its zone, and which zone that is.

use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::Value;

/// Which end of an event a time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// Its start: of two, the earlier.
    Start,
    /// Its end: of two, the later.
    End,
}

/// Wall-clock time as an instant. A time that is skipped when clocks change moves forward by as much as they do.
pub fn instant(wall: NaiveDateTime, zone: Tz, edge: Edge) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&wall) {
        LocalResult::Single(time) => Some(time.to_utc()),
        LocalResult::Ambiguous(one, other) => {
            let (early, late) = (one.to_utc().min(other.to_utc()), one.to_utc().max(other.to_utc()));
            Some(if edge == Edge::Start { early } else { late })
        }
        LocalResult::None => {
            // The offset that held before, read a little earlier; a whole day was skipped somewhere once.
            let before = [3, 27, 51].into_iter().find_map(|hours| {
                let earlier = wall.checked_sub_signed(TimeDelta::hours(hours))?;
                zone.offset_from_local_datetime(&earlier).latest()
            })?;
            Some(wall.checked_sub_offset(before.fix())?.and_utc())
        }
    }
}

/// Zones by SharePoint's numbers, which are the same in every language.
const ZONES: [(i64, Tz); 63] = {
    use chrono_tz::{Africa, America, Asia, Atlantic, Australia, Europe, Pacific};
    [
        (2, Europe::London),
        (3, Europe::Paris),
        (4, Europe::Berlin),
        (5, Europe::Athens),
        (6, Europe::Prague),
        (7, Europe::Minsk),
        (8, America::Sao_Paulo),
        (9, America::Halifax),
        (10, America::New_York),
        (11, America::Chicago),
        (12, America::Denver),
        (13, America::Los_Angeles),
        (14, America::Anchorage),
        (15, Pacific::Honolulu),
        (16, Pacific::Pago_Pago),
        (17, Pacific::Auckland),
        (18, Australia::Brisbane),
        (19, Australia::Adelaide),
        (20, Asia::Tokyo),
        (21, Asia::Singapore),
        (22, Asia::Bangkok),
        (23, Asia::Kolkata),
        (24, Asia::Dubai),
        (25, Asia::Tehran),
        (26, Asia::Baghdad),
        (27, Asia::Jerusalem),
        (28, America::St_Johns),
        (29, Atlantic::Azores),
        (31, Atlantic::Reykjavik),
        (32, America::Cayenne),
        (33, America::La_Paz),
        (34, America::Indiana::Indianapolis),
        (35, America::Bogota),
        (36, America::Regina),
        (37, America::Mexico_City),
        (38, America::Phoenix),
        (40, Pacific::Fiji),
        (42, Australia::Hobart),
        (43, Pacific::Guam),
        (44, Australia::Darwin),
        (45, Asia::Shanghai),
        (47, Asia::Tashkent),
        (48, Asia::Kabul),
        (49, Africa::Cairo),
        (50, Africa::Harare),
        (51, Europe::Moscow),
        (53, Atlantic::Cape_Verde),
        (54, Asia::Baku),
        (55, America::Guatemala),
        (56, Africa::Nairobi),
        (57, Europe::Warsaw),
        (58, Asia::Yekaterinburg),
        (59, Europe::Helsinki),
        (61, Asia::Yangon),
        (62, Asia::Kathmandu),
        (65, America::Santiago),
        (69, Africa::Lagos),
        (71, Asia::Dhaka),
        (72, Asia::Seoul),
        (73, Australia::Perth),
        (74, Asia::Riyadh),
        (75, Asia::Taipei),
        (76, Australia::Sydney),
    ]
};

/// The zone that a site says it is in; else why it cannot be told.
pub fn of_site(answer: &Value) -> Result<Tz, String> {
    let number = |value: Option<&Value>| match value? {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_i64(),
    };
    let description = answer.get("Description").and_then(Value::as_str).unwrap_or_default();
    let id = number(answer.get("Id")).ok_or_else(|| "its answer names no zone".to_owned())?;
    let Some((_, zone)) = ZONES.iter().find(|(known, _)| *known == id) else {
        return Err(format!("zone {id} ({description}) is not known here"));
    };
    // The number of minutes to the west, as a test that the table means the same zone.
    let bias = answer.get("Information").and_then(|about| number(about.get("Bias")));
    if let Some(bias) = bias.filter(|bias| !has_bias(*zone, *bias)) {
        return Err(format!("zone {id} ({description}) is {bias} minutes west, which {zone} is not"));
    }
    Ok(*zone)
}

/// Whether a zone's clocks are so many minutes behind at some time of these years.
fn has_bias(zone: Tz, bias: i64) -> bool {
    let offset = |month| {
        let day = NaiveDate::from_ymd_opt(2025, month, 15)?.and_hms_opt(12, 0, 0)?;
        Some(i64::from(zone.offset_from_utc_datetime(&day).fix().local_minus_utc()) / 60)
    };
    [1, 7].into_iter().filter_map(offset).any(|offset| offset == -bias)
}

#[cfg(test)]
mod tests {
    use chrono_tz::America::New_York;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn at(wall: &str, edge: Edge) -> String {
        instant(wall.parse().unwrap(), New_York, edge).unwrap().format("%m-%d %H:%M").to_string()
    }

    #[test]
    fn gaps_and_folds() {
        assert_eq!(at("2025-03-09T02:30:00", Edge::Start), "03-09 07:30", "half past three");
        assert_eq!(at("2025-03-09T02:30:00", Edge::End), "03-09 07:30");
        assert_eq!(at("2025-11-02T01:30:00", Edge::Start), "11-02 05:30");
        assert_eq!(at("2025-11-02T01:30:00", Edge::End), "11-02 06:30");
        let samoa = instant("2011-12-30T12:00:00".parse().unwrap(), chrono_tz::Pacific::Apia, Edge::Start);
        assert_eq!(samoa.unwrap().to_rfc3339(), "2011-12-30T22:00:00+00:00");
    }

    #[test]
    fn a_zone_is_known_by_its_number() {
        let answer = json!({
            "Description": "(UTC-05:00) Eastern Time (US and Canada)", "Id": 10,
            "Information": {"Bias": 300, "DaylightBias": -60, "StandardBias": 0}
        });
        assert_eq!(of_site(&answer), Ok(New_York));
        assert_eq!(of_site(&json!({"Id": 4})), Ok(chrono_tz::Europe::Berlin));
        assert!(of_site(&json!({"Id": 999, "Description": "Mars"})).unwrap_err().contains("Mars"));
        assert!(of_site(&json!({"Id": 10, "Information": {"Bias": -60}})).is_err());
        assert!(of_site(&json!({})).is_err());
    }

    proptest! {
        #[test]
        fn every_wall_clock_time_is_an_instant(second in 0_i64..2_000_000_000, at in 0_usize..63) {
            let wall = DateTime::from_timestamp(second, 0).unwrap().naive_utc();
            let (_, zone) = ZONES[at];
            let (start, end) = (instant(wall, zone, Edge::Start).unwrap(), instant(wall, zone, Edge::End).unwrap());
            prop_assert!(start <= end && end - start <= TimeDelta::hours(24));
            let shown = start.with_timezone(&zone).naive_local();
            prop_assert!(shown >= wall && shown - wall <= TimeDelta::hours(24));
        }
    }
}

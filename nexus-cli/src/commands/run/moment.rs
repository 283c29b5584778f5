//! `--since` and `--until`: a day, a time, or an instant.

use chrono::{DateTime, Days, Local, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};

/// How a time without an offset may be written.
const TIMES: [&str; 4] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"];
/// How one with an offset may be written.
const INSTANTS: [&str; 4] =
    ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M%#z"];

/// The instant from which sessions are wanted; a day alone from its beginning, in the zone of this computer.
pub fn since(text: &str) -> Result<DateTime<Utc>, String> {
    parse(text, false, &Local)
}

/// The instant up to which sessions are wanted; a day alone to its end, in the zone of this computer.
pub fn until(text: &str) -> Result<DateTime<Utc>, String> {
    parse(text, true, &Local)
}

/// A moment; without an offset, in this zone. A day alone is none.
pub fn moment<Z: TimeZone>(text: &str, zone: &Z) -> Result<DateTime<Utc>, String> {
    if NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").is_ok() {
        return Err(format!("`{text}` is a whole day; it takes a time, such as 2024-03-05T09:10"));
    }
    parse(text, false, zone)
}

fn parse<Z: TimeZone>(text: &str, whole_day: bool, zone: &Z) -> Result<DateTime<Utc>, String> {
    let text = text.trim();
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        let day = if whole_day { day.checked_add_days(Days::new(1)) } else { Some(day) };
        let midnight = day.map(|day| day.and_time(NaiveTime::MIN));
        return midnight.and_then(|midnight| in_zone(midnight, zone)).ok_or_else(|| refused(text));
    }
    if let Some(time) = TIMES.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok()) {
        return in_zone(time, zone).ok_or_else(|| refused(text));
    }
    let text_with_offset = text.strip_suffix(['Z', 'z']).map(|time| format!("{time}+00:00"));
    let instant = text_with_offset.as_deref().unwrap_or(text);
    INSTANTS
        .iter()
        .find_map(|format| DateTime::parse_from_str(instant, format).ok())
        .map(|instant| instant.to_utc())
        .ok_or_else(|| refused(text))
}

/// The first instant at which clocks show this time, or the first after it where they leave it out.
fn in_zone<Z: TimeZone>(time: NaiveDateTime, zone: &Z) -> Option<DateTime<Utc>> {
    let mut time = time;
    // No zone has ever left out more than a day.
    for _ in 0..=96 {
        if let Some(found) = zone.from_local_datetime(&time).earliest() {
            return Some(found.to_utc());
        }
        time = time.checked_add_signed(TimeDelta::minutes(15))?;
    }
    None
}

fn refused(text: &str) -> String {
    format!(
        "`{text}` is no date and no time; it takes 2024-03-05, 2024-03-05T09:10 or 2024-03-05T09:10+01:00"
    )
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[track_caller]
    fn check(text: &str, zone: &str, from: &str, to: &str) {
        let zone = nexus_core::zone::parse(zone).unwrap();
        let shown = |whole_day| parse(text, whole_day, &zone).unwrap().format("%FT%T").to_string();
        assert_eq!((shown(false).as_str(), shown(true).as_str()), (from, to), "{text}");
    }

    #[test]
    fn a_day_is_from_midnight_to_midnight_where_we_are() {
        check("2024-03-05", "America/Denver", "2024-03-05T07:00:00", "2024-03-06T07:00:00");
        check(" 2024-03-05 ", "UTC", "2024-03-05T00:00:00", "2024-03-06T00:00:00");
        // The day on which clocks go forward has 23 hours.
        check("2024-03-10", "America/Denver", "2024-03-10T07:00:00", "2024-03-11T06:00:00");
        // A day whose first hour is left out begins an hour later.
        check("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00", "2018-11-05T02:00:00");
        // A day that there never was begins with the next.
        check("2011-12-30", "Pacific/Apia", "2011-12-30T10:00:00", "2011-12-30T10:00:00");
    }

    #[test]
    fn a_time_is_one_moment_for_both_ends() {
        for text in ["2024-03-05T09:10", "2024-03-05 09:10", "2024-03-05 09:10:00", "2024-03-05T09:10:00.000"]
        {
            check(text, "Europe/Berlin", "2024-03-05T08:10:00", "2024-03-05T08:10:00");
        }
        // Twice on the clock: the first.
        check("2024-10-27 02:30", "Europe/Berlin", "2024-10-27T00:30:00", "2024-10-27T00:30:00");
        for text in ["2024-03-05T09:10+01:00", "2024-03-05T08:10Z", "2024-03-05 03:10:00-05:00"] {
            check(text, "Asia/Tokyo", "2024-03-05T08:10:00", "2024-03-05T08:10:00");
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_it_takes() {
        let all = [
            "",
            "yesterday",
            "5.3.2024",
            "2024-13-01",
            "2024-02-30",
            "2024-03-05T25:00",
            "2024",
            "2024-03-05T",
            "262142-12-31",
            "-2024-03-05T09:10+99:00",
        ];
        for text in all {
            let told = parse(text, true, &chrono::Utc).unwrap_err();
            assert!(told.contains(text) && told.contains("it takes 2024-03-05, "), "{told}");
        }
    }
}

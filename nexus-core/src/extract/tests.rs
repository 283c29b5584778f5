use std::time::{Duration, SystemTime};

use super::*;

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

#[test]
fn times_far_outside_the_calendar_do_no_harm() {
    for modified in [
        SystemTime::UNIX_EPOCH.checked_sub(Duration::from_secs(1 << 40)),
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(1 << 40)),
        SystemTime::UNIX_EPOCH.checked_sub(Duration::from_secs(1 << 50)),
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(1 << 50)),
        SystemTime::UNIX_EPOCH.checked_sub(Duration::from_secs(1 << 62)),
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(1 << 62)),
    ] {
        let Some(modified) = modified else { continue };
        let file = FoundFile { path: "/d/a.tif".into(), modified, size: 0 };
        let text = modified_text(&file, chrono_tz::America::Denver);
        assert!(text.starts_with("0001-01-0") || text.starts_with("9999-12-"), "{text}");
    }
}

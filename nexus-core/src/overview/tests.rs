//! What somebody is told, and how lengths are said.

use super::*;

fn seen(heartbeat: Option<&str>) -> Overview {
    Overview { last_heartbeat: heartbeat.map(str::to_owned), ..Overview::default() }
}

#[test]
fn a_day_without_a_run_is_told_unless_one_is_under_way() {
    let seen_at = seen(Some("2024-03-05T00:00:00.000000Z"));
    let told = |now: &str, at_work| seen_at.needs_person(now.parse().unwrap(), at_work);
    assert_eq!(told("2024-03-06T00:00:00Z", false), [""; 0]);
    let late = told("2024-03-06T00:00:01Z", false);
    assert!(late[0].starts_with("no run has come to its end for 24 hours: "), "{late:?}");
    assert!(late[0].contains("`systemctl list-timers`"), "{late:?}");
    assert_eq!(told("2024-03-09T00:00:00Z", true), [""; 0]);
    assert!(told("2024-03-09T00:00:00Z", false)[0].contains(" for 4 days: "));
    // The clock was set back, or nothing has run yet.
    assert_eq!(told("2024-03-01T00:00:00Z", false), [""; 0]);
    assert_eq!(seen(None).needs_person("2024-03-09T00:00:00Z".parse().unwrap(), false), [""; 0]);
}

#[test]
fn a_harvester_that_fails_again_and_again_is_told_with_how_often() {
    let mut seen = seen(Some("2024-03-05T00:00:00.000000Z"));
    let mut failing =
        Failing { since: "2024-03-04T00:00:00.000000Z".to_owned(), runs: 1, error: "no route".to_owned() };
    let now = "2024-03-05T00:00:01Z".parse().unwrap();
    seen.failing.insert("north".into(), failing.clone());
    let told = seen.needs_person(now, false);
    assert!(told[0].starts_with("harvester `north` failed in the last run: no route; `nexus config check`"));
    failing.runs = 7;
    seen.failing.insert("north".into(), failing);
    let told = seen.needs_person(now, true);
    assert!(
        told[0].starts_with(
            "harvester `north` failed in each of the last 7 runs, since 2024-03-04 00:00 UTC: no route; "
        ),
        "{told:?}"
    );
}

#[test]
fn lengths_are_said_in_units_of_which_there_are_some() {
    let said = |minutes| in_words(TimeDelta::minutes(minutes));
    assert_eq!([said(0), said(1), said(119)], ["0 minutes", "1 minute", "119 minutes"]);
    assert_eq!([said(120), said(47 * 60 + 59), said(48 * 60)], ["2 hours", "47 hours", "2 days"]);
}

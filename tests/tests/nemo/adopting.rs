//! A database in which NexusLIMS stored sessions of this server, under its present or a former address: taken on, then
//! harvested.

use std::collections::BTreeMap;
use std::fs;

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;
use nexus_tests::fake_nemo::{UsageEvent, questions};
use nexus_tests::nemo_facility::NemoFacility;

use super::bench::{Bench, event};

/// Rows as NexusLIMS writes them.
fn stored(facility: &NemoFacility, base: &str, event: &UsageEvent, status: &str) {
    let text = |time: DateTime<Utc>| time.with_timezone(&Tz::America__New_York).to_rfc3339();
    for (kind, time) in [("START", event.start), ("END", event.end.unwrap())] {
        let session = format!("{base}usage_events/?id={}", event.id);
        facility.sql(
            "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status, user)
             VALUES (?1, ?2, ?3, ?4, ?5, 'k.ito')",
            &[&session, &format!("TOOL-{}", event.tool), &text(time), kind, status],
        );
    }
}

/// The history: what the server has and what NexusLIMS stored of it under `base`.
fn inherited(base: Option<&str>) -> (Bench, NemoFacility, String) {
    let bench = Bench::new();
    let mut facility = NemoFacility::new(&bench.nemo.api(), &[1]);
    if let Some(base) = base {
        facility.settings = format!("aliases = [\"{base}\"]\n");
    }
    let base = base.unwrap_or(&facility.api).to_owned();
    let agreed = questions("Agree", "t");
    for (id, status) in
        [(1, "COMPLETED"), (2, "TO_BE_BUILT"), (3, "NO_CONSENT"), (4, "TO_BE_BUILT"), (5, "TO_BE_BUILT")]
    {
        stored(&facility, &base, &event(id, 1), status);
        bench.nemo.put_event(event(id, 1).with_run_data(&agreed));
    }
    facility.sql(
        "INSERT INTO upload_log (session_identifier, destination_name, success, timestamp)
         VALUES (?1, 'shelf', 1, '2026-06-01T00:00:00')",
        &[&format!("{base}usage_events/?id=1")],
    );
    bench.nemo.remove_event(4);
    let later = UsageEvent { end: Some(event(5, 1).start + Duration::minutes(90)), ..event(5, 1) };
    bench.nemo.put_event(later.with_run_data(&agreed));
    bench.nemo.put_event(event(6, 1).with_run_data(&agreed));
    for (id, minutes) in [(1, 5), (2, 5), (4, 5), (5, 80), (6, 5)] {
        facility.put_file(1, &id.to_string(), event(id, 1).start + Duration::minutes(minutes));
    }
    (bench, facility, base)
}

fn statuses(facility: &NemoFacility) -> BTreeMap<String, String> {
    let sessions = facility.sessions();
    let count = sessions.len();
    let by_identifier: BTreeMap<_, _> = sessions.into_iter().collect();
    assert_eq!(by_identifier.len(), count);
    by_identifier
}

/// No session twice, the old ones under the names they have, what changed at the server followed.
fn goes_on(bench: &Bench, facility: &NemoFacility, base: &str) {
    let report = facility.run();
    let counts = &report.harvest[&"nemo-main".into()];
    assert_eq!((counts.new, counts.revised), (1, 1), "{counts:?}");
    facility.run();
    let api = bench.nemo.api();
    let name = |base: &str, id| format!("{base}usage_events/?id={id}");
    let expected = [
        (name(base, 1), "COMPLETED"),
        (name(base, 2), "COMPLETED"),
        (name(base, 3), "NO_CONSENT"),
        (name(base, 4), "NO_RESERVATION"),
        (name(base, 5), "COMPLETED"),
        (name(&api, 6), "COMPLETED"),
    ];
    let expected: BTreeMap<_, _> =
        expected.into_iter().map(|(name, status)| (name, status.to_owned())).collect();
    assert_eq!(statuses(facility), expected);
    let records = fs::read_dir(facility.path("records")).unwrap().count();
    assert!(records > 0);
    let delivered = "SELECT count(*) FROM upload_log WHERE success";
    let delivered: i64 = facility.database().read().query_row(delivered, [], |row| row.get(0)).unwrap();
    assert_eq!(delivered, 4, "one by NexusLIMS, three since");
}

#[test]
fn sessions_under_the_present_address_are_gone_on_with() {
    let (bench, facility, base) = inherited(None);
    let adopted = facility.adopt();
    assert_eq!((adopted.sessions, adopted.claimed, adopted.deliveries), (5, 5, 1), "{adopted:?}");
    goes_on(&bench, &facility, &base);
}

#[test]
fn sessions_under_a_former_address_are_gone_on_with() {
    let (bench, facility, base) = inherited(Some("https://old.example.org/nemo/api/"));
    let adopted = facility.adopt();
    assert_eq!((adopted.sessions, adopted.claimed), (5, 5), "{adopted:?}");
    assert_eq!(facility.adopt().claimed, 0);
    goes_on(&bench, &facility, &base);
}

#[test]
fn a_former_address_that_is_configured_later_is_taken_on_by_another_adopt() {
    let (bench, mut facility, base) = inherited(Some("https://old.example.org/nemo/api/"));
    let aliases = std::mem::take(&mut facility.settings);
    let adopted = facility.adopt();
    assert_eq!((adopted.sessions, adopted.claimed), (5, 0), "{adopted:?}");
    facility.settings = aliases;
    assert_eq!(facility.adopt().claimed, 5);
    goes_on(&bench, &facility, &base);
}

#[test]
fn of_an_event_that_nexuslims_stored_twice_the_one_with_a_record_counts() {
    let (_bench, facility, base) = inherited(Some("https://old.example.org/nemo/api/"));
    stored(&facility, &facility.api, &event(1, 1), "TO_BE_BUILT");
    stored(&facility, &facility.api, &event(2, 1), "TO_BE_BUILT");
    let adopted = facility.adopt();
    assert_eq!((adopted.sessions, adopted.claimed), (7, 5), "{adopted:?}");
    let twice: Vec<_> = adopted.twice.iter().map(ToString::to_string).collect();
    // Of event 2 there is no record under either address, so the present one counts.
    assert_eq!(twice, [format!("{}usage_events/?id=1", facility.api), format!("{base}usage_events/?id=2")]);
}

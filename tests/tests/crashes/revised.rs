//! Killed at any moment while records are built again, because their usage events were changed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::facility::{Facility, Stand};
use super::killing::{Random, difference, kill_after, number};

const SESSIONS: u32 = 30;
const KILLS: u64 = 10;

const DESTINATIONS: &str = r#"
[destinations.first]
plugin = "folder"
path = "first"

[destinations.second]
plugin = "folder"
path = "second"
after = ["first"]
"#;

/// All sessions are settled, some without a record; then all events change.
fn revised() -> Facility {
    let facility = Facility::new(SESSIONS, DESTINATIONS);
    facility.reconfigure("threads = 2", "threads = 2\non_revision = \"rebuild\"");
    facility.to_the_end();
    let before = delivered(&facility);
    facility.revise(SESSIONS);
    assert_eq!(before.len(), 2 * 26, "28 with consent, of which 2 have no files");
    facility
}

/// The records at the destinations.
fn delivered(facility: &Facility) -> BTreeSet<std::path::PathBuf> {
    let stand = facility.stand();
    stand.delivered.into_iter().filter(|path| path.extension() == Some("xml".as_ref())).collect()
}

/// What the sessions are in the log, and what is remembered of what they followed.
fn sessions(facility: &Facility) -> Vec<Vec<String>> {
    facility.query(
        "SELECT s.session_identifier, event_type, timestamp, user, record_status, pending_revision, rebuild_requested, file_count
           FROM session_log s JOIN nexus_session n ON n.session_identifier = s.session_identifier
          WHERE event_type <> 'RECORD_GENERATION' ORDER BY id_session_log",
    )
}

/// How often each was delivered depends on when the program was killed.
fn without_counts(stand: Stand) -> Stand {
    Stand { successes: Vec::new(), ..stand }
}

#[test]
fn killed_at_any_moment_every_session_follows_its_event_once() {
    nexus_tests::nexus_bin::path();
    let facility = revised();
    let began = Instant::now();
    facility.start().wait().unwrap();
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap();
    facility.to_the_end();
    let (expected, rows) = (without_counts(facility.stand()), sessions(&facility));
    assert_eq!(rows.len(), 2 * SESSIONS as usize);
    let follows = |row: &Vec<String>| row[3] == "bea" && row[5..7] == [String::new(), "0".to_owned()];
    assert!(rows.iter().all(follows), "{rows:#?}");
    let files = |count: &str| rows.iter().filter(|row| row[7] == count).count();
    assert_eq!((files("3"), files("1")), (2 * 26, 2 * 2));

    let seed = number("NEXUS_TEST_SEED").unwrap_or(1);
    let mut random = Random(seed);
    let facility = revised();
    let (before, mut waits) = (delivered(&facility), Vec::new());
    for _ in 0..KILLS {
        let wait = random.below(millis);
        waits.push(wait);
        kill_after(facility.start(), Duration::from_millis(wait));
        let statuses = facility.query(
            "SELECT DISTINCT n.session_identifier FROM nexus_session n JOIN session_log s
                 ON s.session_identifier = n.session_identifier
              WHERE content_sha256 IS NOT NULL AND record_status NOT IN ('COMPLETED', 'BUILT_NOT_EXPORTED')",
        );
        assert!(
            statuses.is_empty(),
            "NEXUS_TEST_SEED={seed}: NexusLIMS would make a second record: {statuses:?}"
        );
        assert!(delivered(&facility).is_superset(&before), "no record goes away");
    }
    facility.to_the_end();
    if facility.retry_the_crashed() + facility.rebuild_the_crashed() > 0 {
        facility.to_the_end();
    }
    let found = without_counts(facility.stand());
    assert!(
        found == expected && sessions(&facility) == rows,
        "NEXUS_TEST_SEED={seed}, killed after {waits:?} ms:\n{}\n{:#?}\n{}",
        difference(&found, &expected),
        sessions(&facility),
        facility.log()
    );
}

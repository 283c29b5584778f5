//! Killed at any moment, again and again.
//!
//! Three destinations: two that can be asked what they hold, and a ledger that cannot. What the ledger was sent when
//! the program died is `unknown`; a person looks there, and says `nexus export retry` or `forget`.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::facility::{Facility, Stand};
use super::killing::{Random, difference, kill_after, number};

const SESSIONS: u32 = 40;
/// However slow the machine was in the undisturbed run.
const LONGEST_WAIT: Duration = Duration::from_secs(4);
/// Kills of one facility, before it is left to come to its end.
const KILLS_IN_A_ROW: u64 = 10;
/// Facilities that are killed at the same time: most of the time they are waited for.
const AT_ONCE: usize = 4;

const DESTINATIONS: &str = r#"
[destinations.first]
plugin = "folder"
path = "first"
priority = 100

[destinations.second]
plugin = "folder"
path = "second"
after = ["first"]

[destinations.ledger]
command = ["python3", "./ledger.py"]
file = "ledger.txt"
settle = "0 s"
"#;

/// The stand of a run that nobody disturbed, and how long it took.
fn undisturbed() -> (Stand, Duration) {
    let facility = Facility::new(SESSIONS, DESTINATIONS);
    let began = Instant::now();
    facility.start().wait().unwrap();
    let took = began.elapsed();
    facility.to_the_end();
    let stand = facility.stand();
    let count = |status: &str| stand.statuses.values().filter(|found| *found == status).count();
    assert_eq!(stand.statuses.len(), SESSIONS as usize, "{}", facility.log());
    assert_eq!((count("NO_CONSENT"), count("NO_FILES_FOUND"), count("COMPLETED")), (3, 2, 35));
    assert_eq!(
        stand.delivered.iter().filter(|path| path.extension() == Some("xml".as_ref())).count(),
        2 * 35
    );
    assert!(stand.successes.iter().all(|(_, _, successes)| successes == "1"));
    assert_eq!(stand.ledger.len(), 35);
    assert!(stand.ledger.values().all(|count| *count == 1));
    (stand, took)
}

/// Kills the runs of one facility at moments that follow from the seed, leaves it to come to its end, and compares.
/// Counts the kills that met a run, and the deliveries that were unknown after them.
fn trial(seed: u64, expected: &Stand, millis: u64) -> (u64, usize) {
    let mut random = Random(seed);
    let facility = Facility::new(SESSIONS, DESTINATIONS);
    let (mut waits, mut killed) = (Vec::new(), 0);
    for _ in 0..KILLS_IN_A_ROW {
        let wait = random.below(millis);
        waits.push(wait);
        killed += u64::from(kill_after(facility.start(), Duration::from_millis(wait)));
    }
    facility.to_the_end();
    let crashed = facility.retry_the_crashed();
    if crashed > 0 {
        facility.to_the_end();
    }
    let unknown = facility.look_at_the_ledger();
    if unknown > 0 {
        facility.to_the_end();
    }
    eprintln!(
        "seed {seed}: killed after {waits:?} ms of {millis}; {crashed} taken for crashes, {unknown} unknown"
    );
    let found = facility.stand();
    assert!(
        found == *expected,
        "NEXUS_TEST_SEED={seed}, killed after {waits:?} ms:\n{}\n{}",
        difference(&found, expected),
        facility.log()
    );
    (killed, unknown)
}

#[test]
fn killed_at_any_moment_it_ends_where_an_undisturbed_run_ends() {
    let kills = number("NEXUS_TEST_KILLS").unwrap_or(40);
    // The program is brought up to date before the clock is looked at.
    nexus_tests::nexus_bin::path();
    let (expected, took) = undisturbed();
    let millis = u64::try_from(took.min(LONGEST_WAIT).as_millis()).unwrap();
    let (killed, unknown) = (AtomicU64::new(0), AtomicUsize::new(0));
    let next = AtomicU64::new(number("NEXUS_TEST_SEED").unwrap_or(1));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while killed.load(Relaxed) < kills {
                    let (more, unclear) = trial(next.fetch_add(1, Relaxed), &expected, millis);
                    killed.fetch_add(more, Relaxed);
                    unknown.fetch_add(unclear, Relaxed);
                }
            });
        }
    });
    eprintln!("{killed:?} kills, {unknown:?} deliveries to the ledger unknown");
}

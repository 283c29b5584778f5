//! What a backlog costs in memory: a place in the list and a window for every session, and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use nexus_core::pipeline::{self, Steps};
use nexus_plugin_api::UsageEvent;
use nexus_tests::lab::Lab;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes that a run may need for one more session at its peak.
const PER_SESSION: usize = 300;

/// The most bytes that a run with so many sessions had in use at once, the harvest left out. They have no files:
/// so all that a record needs, which is bounded by permits, is left out as well, and a run takes no time.
fn peak_of(sessions: u32) -> usize {
    let lab = Lab::new();
    lab.put_file(1, "before_all_sessions");
    for number in 0..sessions {
        let event = Lab::event(2 + number % 38);
        lab.harvester.put(UsageEvent {
            external_id: number.to_string(),
            session_identifier: format!("https://lab.example.org/api/usage_events/?id={number}"),
            ..event
        });
    }
    lab.put_file(0, "before_all_sessions");
    lab.harvest();
    let facility = lab.open().unwrap();
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let report = pipeline::run(&facility, Steps { harvest: false, build: true, export: true }).unwrap();
    assert_eq!(report.build.no_files, u64::from(sessions), "{:?}", report.build);
    MEMORY.peak_usage() - before
}

/// One test in this file: the counter knows no threads.
#[test]
fn a_longer_backlog_needs_a_place_in_the_list_and_a_window_for_each_session() {
    // Both are of several pages of the plan, and of as many lines as a report has.
    let (few, many) = (1_000, 2_000);
    let growth = peak_of(many).saturating_sub(peak_of(few));
    let per_session = growth / (many - few) as usize;
    eprintln!("{per_session} bytes for every session");
    assert!(per_session < PER_SESSION, "{per_session} bytes for every session");
}

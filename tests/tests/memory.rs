//! What a backlog costs in memory: a place in the list and a window for every session of a tranche, and nothing for
//! those beyond it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use nexus_core::pipeline::{self, Steps};
use nexus_plugin_api::UsageEvent;
use nexus_tests::lab::Lab;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes that a run may need for one more session of the same tranche at its peak.
const PER_SESSION: usize = 300;

/// The same for one that comes in another tranche: none, but for what differs from run to run.
const BEYOND: usize = 16;

/// The most bytes that a run with so many sessions had in use at once, the harvest left out. They have no files:
/// so all that a record needs, which is bounded by permits, is left out as well, and a run takes no time.
fn peak_of(sessions: u32, tranche: usize) -> usize {
    let lab = Lab::new();
    lab.put_file(1, "before_all_sessions");
    for number in 0..sessions {
        let event = Lab::event(2 + number % 38);
        lab.harvester.put(UsageEvent {
            external_id: number.to_string(),
            session_identifier: format!("https://lab.example.org/api/usage_events/?id={number:04}"),
            ..event
        });
    }
    lab.put_file(0, "before_all_sessions");
    lab.harvest();
    let mut facility = lab.open().unwrap();
    facility.tranche = tranche.try_into().unwrap();
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let report = pipeline::run(&facility, Steps { harvest: false, build: true, export: true }).unwrap();
    assert_eq!(report.build.no_files, u64::from(sessions), "{:?}", report.build);
    MEMORY.peak_usage() - before
}

/// One test in this file: the counter knows no threads.
#[test]
fn a_longer_backlog_needs_memory_up_to_a_tranche_and_none_beyond() {
    let growth = |few: u32, many: u32, tranche: usize| {
        peak_of(many, tranche).saturating_sub(peak_of(few, tranche)) / (many - few) as usize
    };
    // Both are of several pages of the plan, and of as many lines as a report has.
    let within = growth(1_000, 2_000, 100_000);
    // Both have a last tranche that begins with as many lines as a report has.
    let beyond = growth(1_500, 3_000, 500);
    eprintln!("{within} bytes for every session of a tranche, {beyond} for every session beyond");
    assert!(within < PER_SESSION, "{within} bytes for every session of a tranche");
    assert!(beyond < BEYOND, "{beyond} bytes for every session beyond a tranche");
}

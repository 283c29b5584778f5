//! What a backlog costs in memory: a place in the list and a window for every session of a tranche, and nothing for
//! those beyond it; the files of a tranche, and not those of all.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use nexus_core::pipeline::{self, Steps};
use nexus_plugin_api::UsageEvent;
use nexus_tests::lab::Lab;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes that a run may need for one more session of the same tranche at its peak.
const PER_SESSION: usize = 300;

/// Sessions take place at so many times, again and again.
const TIMES: u32 = 38;

/// The same for one that comes in another tranche: none, but for what differs from run to run.
const BEYOND: usize = 16;

/// The most bytes that a run with so many sessions had in use at once, the harvest left out. No record is made: so all
/// that one needs, which is bounded by permits, is left out as well, and a run takes no time. Without files the
/// sessions are settled; with so many files at each of their times, they wait for quiet.
fn peak_of(sessions: u32, files: u32, tranche: usize) -> usize {
    let mut lab = Lab::new();
    lab.build("quiet_period = \"10000 days\"");
    lab.put_file(1, "before_all_sessions");
    for number in 0..sessions {
        let event = Lab::event(2 + number % TIMES);
        lab.harvester.put(UsageEvent {
            external_id: number.to_string(),
            session_identifier: format!("https://lab.example.org/api/usage_events/?id={number:04}"),
            ..event
        });
    }
    for time in 0..TIMES {
        (0..files).for_each(|number| lab.put_file(2 + time, &number.to_string()));
    }
    lab.put_file(0, "before_all_sessions");
    lab.harvest();
    let mut facility = lab.open().unwrap();
    facility.tranche = tranche.try_into().unwrap();
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let report = pipeline::run(&facility, Steps { harvest: false, build: true, export: true }).unwrap();
    let waiting: u64 = report.build.waiting.values().sum();
    let expected = if files == 0 { (sessions, 0) } else { (0, sessions) };
    assert_eq!(
        (report.build.no_files, waiting),
        (u64::from(expected.0), u64::from(expected.1)),
        "{:?}",
        report.build
    );
    MEMORY.peak_usage() - before
}

/// One test in this file: the counter knows no threads.
#[test]
fn a_longer_backlog_needs_memory_up_to_a_tranche_and_none_beyond() {
    let growth = |few: u32, many: u32, tranche: usize| {
        peak_of(many, 0, tranche).saturating_sub(peak_of(few, 0, tranche)) / (many - few) as usize
    };
    // Both are of several pages of the plan, and of as many lines as a report has.
    let within = growth(1_000, 2_000, 100_000);
    // Both have a last tranche that begins with as many lines as a report has.
    let beyond = growth(1_500, 3_000, 500);
    eprintln!("{within} bytes for every session of a tranche, {beyond} for every session beyond");
    assert!(within < PER_SESSION, "{within} bytes for every session of a tranche");
    assert!(beyond < BEYOND, "{beyond} bytes for every session beyond a tranche");

    let of_files = |tranche: usize| peak_of(1_500, 100, tranche).saturating_sub(peak_of(1_500, 0, tranche));
    // Each of the three tranches has the files of a third of the times.
    let (at_once, in_tranches) = (of_files(100_000), of_files(500));
    eprintln!("{at_once} bytes for all files, {in_tranches} for those of a tranche");
    assert!(in_tranches < at_once / 2, "{at_once} bytes for all files, {in_tranches} for those of a tranche");
}

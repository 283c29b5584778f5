//! What a log costs in memory: little for every row, however long the rows are.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fmt::Write as _;

use nexus_plugin_api::{
    Call, HarvestRequest, Instance, InstrumentQuery, InstrumentRef, Plugin as _, ReservationAnswer,
    SessionRef,
};
use nexus_plugin_logbook::Logbook;
use peak_alloc::PeakAlloc;
use serde_json::json;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const ROWS: usize = 20_000;

/// Bytes that may stay in memory for every row.
const PER_ROW: usize = 48;

/// Bytes that may be needed for every row while the log is read, beside the log itself.
const WHILE_READING: usize = 56;

/// Bytes that an answer may need beside what stays.
const PER_CALL: usize = 2 * 1024 * 1024;

fn instrument() -> InstrumentRef {
    InstrumentRef {
        pid: "TEM-1".into(),
        display_name: "Titan".into(),
        api_url: String::new(),
        timezone: "UTC".into(),
        location: String::new(),
    }
}

fn session(number: usize) -> SessionRef {
    let time = "2024-03-05T09:00:00Z".parse::<chrono::DateTime<chrono::FixedOffset>>().unwrap();
    SessionRef {
        session_identifier: format!("logbook:logbook/{number}"),
        external_id: Some(number.to_string()),
        instrument: instrument(),
        user: None,
        user_emails: Vec::new(),
        start: time,
        end: time,
    }
}

/// One test in this file: the counter knows no threads.
#[test]
fn a_long_log_is_not_kept_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("usage.csv");
    let mut log = "id,instrument,user,start,end,consent,purpose\n".to_owned();
    let purpose = "to see what is there ".repeat(15);
    for number in 0..ROWS {
        writeln!(log, "{number},TEM-1,ann,2024-03-05 09:00,2024-03-05 10:00,yes,{purpose}").unwrap();
    }
    std::fs::write(&path, &log).unwrap();
    let size = log.len();
    drop(log);

    let Ok(Instance::Harvester(logbook)) = Logbook.create(&json!({"path": path})) else {
        panic!("a harvester")
    };
    let call = Call::unlimited(dir.path());
    let mut request = HarvestRequest {
        instruments: vec![InstrumentQuery { instrument: instrument(), cursor: None }],
        ..HarvestRequest::default()
    };
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let mut events = 0;
    loop {
        let page = logbook.harvest(&call, &request).unwrap();
        events += page.events.len();
        request.page = page.more;
        if request.page.is_none() {
            break;
        }
    }
    assert_eq!(events, ROWS);
    let peak = MEMORY.peak_usage() - before;
    // An answer is made when the log itself is no longer in memory.
    assert!(size > PER_CALL);
    assert!(peak < size + WHILE_READING * ROWS, "{peak} bytes to read a log of {size}");
    let held = MEMORY.current_usage() - before;
    assert!(held < PER_ROW * ROWS, "{} bytes are held for every row", held / ROWS);

    // A run asks for a hundred at a time: what it costs does not depend on how long the log is.
    MEMORY.reset_peak_usage();
    let asked: Vec<_> = (0..100).map(|number| session(number * 100)).collect();
    let answers = logbook.reservations(&call, &asked).unwrap();
    assert!(answers.iter().all(|answer| matches!(answer, ReservationAnswer::Reservation(_))));
    let peak = MEMORY.peak_usage() - before - held;
    assert!(peak < PER_CALL, "{peak} bytes for a hundred answers");
}

use chrono::DateTime;
use nexus_plugin_api::{EventTime, FailureClass, InstrumentQuery, InstrumentRef, OutsideEvents};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::settings::Settings;

const HEAD: &str = "id,instrument,user,start,end,consent,session,cancelled\n";

struct Log {
    dir: tempfile::TempDir,
    log: LogbookHarvester,
}

impl Log {
    fn new(rows: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::read(&json!({"path": dir.path().join("usage.csv")})).unwrap();
        let log = Self { dir, log: LogbookHarvester::new(settings) };
        log.write(rows);
        log
    }

    fn write(&self, rows: &str) {
        std::fs::write(self.dir.path().join("usage.csv"), format!("{HEAD}{rows}")).unwrap();
    }

    fn ask(&self, request: &HarvestRequest) -> HarvestPage {
        harvest(&self.log, &Call::unlimited(self.dir.path()), request).unwrap()
    }
}

fn instrument(pid: &str, name: &str, zone: &str) -> InstrumentQuery {
    InstrumentQuery {
        instrument: InstrumentRef {
            pid: pid.into(),
            display_name: name.into(),
            api_url: String::new(),
            timezone: zone.into(),
            location: String::new(),
        },
        cursor: None,
    }
}

fn request() -> HarvestRequest {
    HarvestRequest {
        instruments: vec![
            instrument("TEM-1", "Titan", "America/Denver"),
            instrument("SEM-1", "Scanner", "Europe/Berlin"),
        ],
        ..HarvestRequest::default()
    }
}

/// The next run's request: the cursors of the last page handed back.
fn again(mut request: HarvestRequest, page: &HarvestPage) -> HarvestRequest {
    for query in &mut request.instruments {
        let progress = page.instruments.iter().find(|p| p.instrument_pid == query.instrument.pid).unwrap();
        query.cursor.clone_from(&progress.cursor);
    }
    request
}

fn ids(page: &HarvestPage) -> Vec<&str> {
    page.events.iter().map(|event| event.external_id.as_str()).collect()
}

const ROWS: &str = "1,TEM-1,ann,2024-03-05 09:00,2024-03-05 10:00,yes,,\n\
                    2,titan,bob,2024-03-06T09:00:00-07:00,2024-03-06T10:00:00-07:00,no,,yes\n\
                    3,SEM-1,,2024-03-07 09:00,,yes,known-session,\n";

#[test]
fn rows_become_events() {
    let page = Log::new(ROWS).ask(&request());
    assert_eq!(ids(&page), ["1", "2", "3"]);
    let [first, second, third] = &page.events[..] else { panic!("three events") };
    assert_eq!(first.session_identifier, "logbook:logbook/1");
    assert_eq!(first.user.as_deref(), Some("ann"));
    assert!(matches!(first.start, EventTime::Local(_)));
    assert_eq!((second.instrument_pid.as_str(), second.cancelled), ("TEM-1", true));
    assert!(matches!(second.start, EventTime::Offset(_)));
    assert_eq!((third.session_identifier.as_str(), third.end), ("known-session", None));
    assert!(page.instruments.iter().all(|p| p.complete && p.cursor.is_some()));
    assert_eq!(page.instruments[0].covered_from.unwrap().to_rfc3339(), "2024-03-05T17:00:00+00:00");
    assert_eq!(page.instruments[0].covered_to, None);
    assert!(page.rejected.is_empty() && page.outside.is_empty() && page.more.is_none());
}

#[test]
fn an_unchanged_log_has_nothing_new() {
    let log = Log::new(ROWS);
    let first = log.ask(&request());
    let second_request = again(request(), &first);
    let second = log.ask(&second_request);
    assert!(second.events.is_empty());
    for (before, after) in first.instruments.iter().zip(&second.instruments) {
        assert_eq!(before.cursor, after.cursor);
        assert!(after.complete);
        // A span without events: nobody may conclude that the others vanished.
        assert_eq!(after.covered_from, after.covered_to);
        assert_eq!(after.covered_from.unwrap().to_rfc3339(), "2024-03-06T17:00:01+00:00");
    }
    // Open ones are answered all the same.
    let open = HarvestRequest { open: vec!["3".into(), "99".into()], ..second_request.clone() };
    assert_eq!(ids(&log.ask(&open)), ["3"]);
    // Any change brings all rows again.
    log.write(&ROWS.replace("2024-03-07 09:00,,", "2024-03-07 09:00,2024-03-07 11:00,"));
    assert_eq!(ids(&log.ask(&second_request)), ["1", "2", "3"]);
}

#[test]
fn open_events_of_a_log_with_other_tools_are_answered_too() {
    let log = Log::new(&format!("{ROWS}4,Laser,a,2024-03-05 09:00,,,,\n"));
    let next = again(request(), &log.ask(&request()));
    assert!(log.ask(&next).events.is_empty());
    let open = HarvestRequest { open: vec!["3".into(), "4".into()], ..next };
    assert_eq!(ids(&log.ask(&open)), ["3"]);
}

#[test]
fn a_renamed_instrument_is_read_again() {
    let log = Log::new("1,Newname,ann,2024-03-05 09:00,2024-03-05 10:00,yes,,\n");
    let first = log.ask(&request());
    assert_eq!(first.outside, [OutsideEvents { tool: "Newname".into(), count: 1 }]);
    let mut next = again(request(), &first);
    next.instruments[0].instrument.display_name = "Newname".into();
    assert_eq!(ids(&log.ask(&next)), ["1"]);
}

#[test]
fn tools_that_are_no_instrument_are_counted_every_time() {
    let log = Log::new("1,Laser,a,2024-03-05 09:00,,,,\n2,Laser,a,2024-03-05 09:00,,,,\n");
    let expected = [OutsideEvents { tool: "Laser".into(), count: 2 }];
    let first = log.ask(&request());
    assert_eq!(first.outside, expected);
    assert!(first.instruments.iter().all(|p| p.complete));
    assert_eq!(log.ask(&again(request(), &first)).outside, expected);
}

#[test]
fn bad_rows_are_named_every_time_and_leave_their_instrument_incomplete() {
    let log = Log::new(
        "1,TEM-1,a,soon,,,,\n\
         2,SEM-1,a,2024-03-05 09:00,2024-03-05 10:00,,,\n\
         3,TEM-1,a,2024-03-05T12:00:00-07:00,2024-03-05 11:00,,,\n",
    );
    let first = log.ask(&request());
    assert_eq!(ids(&first), ["2"]);
    let places: Vec<_> = first.rejected.iter().map(|row| row.place.as_str()).collect();
    assert_eq!(places, ["usage.csv line 2", "usage.csv line 4"]);
    assert!(first.rejected[1].reason.contains("is before `start`"));
    let complete: Vec<_> = first.instruments.iter().map(|p| p.complete).collect();
    assert_eq!(complete, [false, true]);
    let second = log.ask(&again(request(), &first));
    assert!(second.events.is_empty());
    assert_eq!(second.rejected, first.rejected);
    assert!(!second.instruments[0].complete);
}

#[test]
fn a_row_without_a_readable_instrument_leaves_all_incomplete() {
    let page = Log::new("1,\"TEM-1,a,,,,,\n").ask(&request());
    assert!(page.instruments.iter().all(|p| !p.complete));
}

#[test]
fn a_name_that_several_bear_is_refused() {
    let mut request = request();
    request.instruments[1].instrument.display_name = "TITAN".into();
    let page = Log::new("1,Titan,a,2024-03-05 09:00,,,,\n").ask(&request);
    assert!(page.events.is_empty());
    assert!(page.rejected[0].reason.contains("write the PID"));
}

#[test]
fn windows_choose_by_end_and_leave_the_cursor() {
    let log = Log::new(ROWS);
    let at = |text: &str| Some(DateTime::parse_from_rfc3339(text).unwrap().to_utc());
    let mut window = again(request(), &log.ask(&request()));
    window.from = at("2024-03-05T17:00:01Z");
    assert_eq!(ids(&log.ask(&window)), ["2", "3"]);
    window.from = at("2024-03-05T17:00:00Z");
    window.until = at("2024-03-06T17:00:00Z");
    let page = log.ask(&window);
    assert_eq!(ids(&page), ["1"]);
    for (progress, query) in page.instruments.iter().zip(&window.instruments) {
        assert_eq!(progress.cursor, query.cursor);
        assert_eq!((progress.covered_from, progress.covered_to), (window.from, window.until));
    }
}

#[test]
fn tools_that_are_no_instrument_are_counted_in_their_window() {
    let log = Log::new(
        "1,Laser,a,2024-03-05 09:00,2024-03-05 10:00,,,\n\
         2,Laser,a,2024-03-07 09:00,2024-03-07T10:00:00+01:00,,,\n\
         3,Laser,a,2024-03-08 09:00,,,,\n",
    );
    let at = |text: &str| Some(DateTime::parse_from_rfc3339(text).unwrap().to_utc());
    let counted = |from: &str, until: Option<&str>| {
        let until = until.and_then(at);
        let page = log.ask(&HarvestRequest { from: at(from), until, ..request() });
        page.outside.iter().map(|tool| tool.count).sum::<u64>()
    };
    assert_eq!(counted("2024-03-05T10:00:00Z", None), 3);
    assert_eq!(counted("2024-03-05T10:00:01Z", None), 2);
    assert_eq!(counted("2024-03-01T00:00:00Z", Some("2024-03-07T09:00:01Z")), 2);
    assert_eq!(counted("2024-03-01T00:00:00Z", Some("2024-03-07T09:00:00Z")), 1, "in use is after every end");
}

#[test]
fn a_log_without_events_covers_nothing() {
    let page = Log::new("").ask(&request());
    assert!(page.instruments.iter().all(|p| p.complete && p.covered_from == p.covered_to));
    assert!(page.instruments[0].covered_from.is_some());
}

/// Seven events and a row that is none, in pages of three.
fn of_several_pages() -> (Log, String) {
    use std::fmt::Write as _;
    let mut rows = String::new();
    for id in 0..7 {
        writeln!(rows, "{id},TEM-1,a,2024-03-05 09:00,2024-03-05 10:00,yes,,").unwrap();
    }
    rows.push_str("bad\n");
    let mut log = Log::new(&rows);
    log.log.page_size = 3;
    (log, rows)
}

#[test]
fn pages_are_of_one_reading() {
    let (log, rows) = of_several_pages();
    let path = log.dir.path().join("usage.csv");
    let mut request = request();
    let mut seen = Vec::new();
    let mut pages = Vec::new();
    loop {
        let page = log.ask(&request);
        seen.extend(page.events.iter().map(|event| event.external_id.clone()));
        request.page.clone_from(&page.more);
        // The log may get new rows between two pages, and another file may get its name: this harvest goes on
        // with what it began.
        if pages.is_empty() {
            log.write(&format!("{rows}8,TEM-1,a,2024-03-05 09:00,2024-03-05 10:00,yes,,\n"));
        } else {
            std::fs::write(path.with_extension("new"), HEAD).unwrap();
            std::fs::rename(path.with_extension("new"), &path).unwrap();
        }
        let done = page.more.is_none();
        pages.push(page);
        if done {
            break;
        }
    }
    assert_eq!(seen, ["0", "1", "2", "3", "4", "5", "6"]);
    assert_eq!(pages.iter().map(|page| page.rejected.len()).collect::<Vec<_>>(), [1, 0, 0]);
    assert_eq!(pages.iter().map(|page| page.instruments.len()).collect::<Vec<_>>(), [0, 0, 2]);
    // A fresh instance cannot go on with a reading that is no longer on disk.
    let fresh = LogbookHarvester::new(log.log.settings.clone());
    request.page.clone_from(&pages[0].more);
    let error = harvest(&fresh, &Call::unlimited("/tmp"), &request).unwrap_err();
    assert_eq!(error.class, FailureClass::Transient);
}

#[test]
fn rows_that_are_rewritten_between_two_pages_end_the_harvest() {
    let (log, rows) = of_several_pages();
    let first = log.ask(&request());
    assert_eq!(first.events.len(), 3);
    log.write(&rows.replace("TEM-1,a", "TEM-1,b"));
    let next = HarvestRequest { page: first.more, ..request() };
    let error = harvest(&log.log, &Call::unlimited("/tmp"), &next).unwrap_err();
    assert_eq!(error.class, FailureClass::Transient);
    assert!(error.message.contains("was changed while it was being read"), "{error}");
    // From the beginning it is a log like any other.
    assert_eq!(log.ask(&request()).events[0].user.as_deref(), Some("b"));
}

#[test]
fn a_missing_log_settles_nothing() {
    let log = Log::new(ROWS);
    std::fs::remove_file(log.dir.path().join("usage.csv")).unwrap();
    let error = harvest(&log.log, &Call::unlimited("/tmp"), &request()).unwrap_err();
    assert_eq!(error.class, FailureClass::Transient);
    assert!(error.message.contains("usage.csv"));
}

#[test]
fn a_foreign_cursor_or_page_is_no_disaster() {
    let log = Log::new(ROWS);
    for cursor in ["", "1", "x:y:z", "1::::", "2:abc:99999999999999999999:clean"] {
        let mut request = request();
        request.instruments[0].cursor = Some(cursor.into());
        assert_eq!(log.ask(&request).events.len(), 3, "{cursor}");
    }
    let request = HarvestRequest { page: Some("junk".into()), ..request() };
    assert!(harvest(&log.log, &Call::unlimited("/tmp"), &request).is_err());
}

proptest! {
    #[test]
    fn rows_and_only_rows_are_accounted_for(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let log = Log::new("");
        let path = log.dir.path().join("usage.csv");
        std::fs::write(&path, &bytes).unwrap();
        let _ = harvest(&log.log, &Call::unlimited("/tmp"), &request());
        let mut after_head = HEAD.as_bytes().to_vec();
        after_head.extend(&bytes);
        std::fs::write(&path, &after_head).unwrap();
        prop_assert!(harvest(&log.log, &Call::unlimited("/tmp"), &request()).is_ok());
    }

    /// Good rows around garbage without a quotation mark are always read.
    #[test]
    fn garbage_costs_only_itself(garbage in proptest::collection::vec(any::<u8>(), 0..80)) {
        prop_assume!(!garbage.contains(&b'"'));
        let log = Log::new("");
        let mut bytes = format!("{HEAD}first,TEM-1,ann,2024-03-05 09:00,2024-03-05 10:00,yes,,\n").into_bytes();
        bytes.extend(&garbage);
        bytes.extend(b"\nlast,TEM-1,ann,2024-03-06 09:00,2024-03-06 10:00,yes,,\n");
        std::fs::write(log.dir.path().join("usage.csv"), bytes).unwrap();
        let page = log.ask(&request());
        prop_assert!(ids(&page).starts_with(&["first"]) && ids(&page).ends_with(&["last"]));
    }
}

//! What a harvest brings: events, cursors, what is no instrument, what is unknown.

use chrono::{Duration, TimeDelta};
use nexus_plugin_api::HarvestRequest;
use nexus_tests::fake_nemo::{Person, UsageEvent};
use serde_json::json;

use super::bench::{Bench, event, origin};

fn open(id: u64, tool: u64) -> UsageEvent {
    UsageEvent { end: None, ..event(id, tool) }
}

#[test]
fn events_are_as_nexuslims_stores_them() {
    let bench = Bench::new();
    bench.nemo.put_event(UsageEvent { operator: Some(4), ..event(7, 1) });
    let harvest = bench.first(&[1, 2]);
    let [event] = harvest.events()[..] else { panic!("{harvest:?}") };
    assert_eq!(event.session_identifier, format!("{}usage_events/?id=7", bench.nemo.api()));
    assert_eq!((event.external_id.as_str(), event.instrument_pid.as_str()), ("7", "TOOL-1"));
    assert_eq!(event.user.as_deref(), Some("k.ito"), "the user's, not the operator's");
    assert_eq!(event.start.to_string(), "2026-05-04T23:00:00-04:00");
    assert_eq!(event.end.unwrap().to_string(), "2026-05-05T00:00:00-04:00");
    assert!(harvest.is_complete(1) && harvest.is_complete(2));
    assert_eq!(harvest.rejected(), "");
}

#[test]
fn a_later_harvest_looks_back_over_the_overlap_only() {
    let bench = Bench::new();
    for id in 0..240 {
        bench.nemo.put_event(event(id, 1));
    }
    let first = bench.first(&[1]);
    assert_eq!(first.ids().len(), 240);
    // The last ended after 479 hours; seven days are 168 hours.
    let second = bench.next(&[1], &first);
    assert_eq!(second.ids(), (0..240).filter(|id| 2 * id + 1 >= 479 - 168).collect::<Vec<_>>());
    let from = second.progress("TOOL-1").unwrap().covered_from.unwrap();
    assert_eq!(from, origin() + TimeDelta::hours(479 - 168));
    // Entered late, or changed: seen as long as it ended within the overlap.
    bench.nemo.put_event(UsageEvent { id: 900, ..event(200, 1) });
    bench.nemo.put_event(UsageEvent { id: 901, ..event(100, 1) });
    let third = bench.next(&[1], &second);
    assert!(third.ids().contains(&900) && !third.ids().contains(&901));
}

#[test]
fn an_instrument_added_later_gets_its_own_past() {
    let bench = Bench::new();
    for id in 0..100 {
        bench.nemo.put_event(event(id, 1 + id % 2));
    }
    let first = bench.first(&[1]);
    assert_eq!(first.outside(), [("Linden SEM", 50)]);
    let mut request = bench.question(&[1, 2], Some(&first));
    request.instruments[1].cursor = None;
    let second = bench.harvest(&request).unwrap();
    let of_two = second.events().iter().filter(|event| event.instrument_pid == "TOOL-2").count();
    assert_eq!(of_two, 50);
    assert_eq!(second.progress("TOOL-2").unwrap().covered_from, None);
    assert!(second.progress("TOOL-1").unwrap().covered_from.is_some());
}

#[test]
fn an_instrument_that_rests_does_not_hold_the_others_back() {
    let bench = Bench::new();
    bench.nemo.put_event(event(0, 2));
    for id in 1..400 {
        bench.nemo.put_event(event(id, 1));
    }
    let second = bench.next(&[1, 2], &bench.first(&[1, 2]));
    let from = second.progress("TOOL-2").unwrap().covered_from.unwrap();
    assert_eq!(from, origin() + TimeDelta::hours(799) - TimeDelta::days(14), "two overlaps at most");
}

#[test]
fn the_settings_say_where_the_past_begins() {
    let bench = Bench::new().with("since", json!("2026-05-05"));
    for id in 0..24 {
        bench.nemo.put_event(event(id, 1));
    }
    let first = bench.first(&[1]);
    assert_eq!(first.ids(), (5..24).collect::<Vec<_>>());
    let bench = bench.with("since", json!("2026-05-01"));
    assert_eq!(bench.next(&[1], &first).ids().len(), 24, "more of the past is wanted now");
}

#[test]
fn a_window_counts_instead_of_the_cursor_and_does_not_move_it() {
    let bench = Bench::new();
    for id in 0..24 {
        bench.nemo.put_event(event(id, 1));
    }
    bench.nemo.put_event(open(99, 2));
    let first = bench.first(&[1, 2]);
    let at = |hours| Some(origin() + TimeDelta::hours(hours));
    let request = HarvestRequest { from: at(5), until: at(9), ..bench.question(&[1, 2], Some(&first)) };
    let window = bench.harvest(&request).unwrap();
    assert_eq!(
        window.ids(),
        [2, 3],
        "ended at or after 5 and before 9; one in use ends later than any window"
    );
    let (before, after) = (first.progress("TOOL-1").unwrap(), window.progress("TOOL-1").unwrap());
    assert_eq!(before.cursor, after.cursor);
    assert_eq!((after.covered_from, after.covered_to), (at(5), at(9)));
}

#[test]
fn what_was_open_is_asked_for_by_number_whatever_the_window() {
    let bench = Bench::new();
    bench.nemo.put_event(open(7, 1));
    bench.nemo.put_event(event(500, 1));
    let first = bench.first(&[1]);
    assert_eq!(first.ids(), [7, 500]);
    assert!(first.events().iter().any(|event| event.external_id == "7" && event.end.is_none()));
    // It ended long before the overlap, as an administrator can enter it.
    bench.nemo.put_event(event(7, 1));
    let request = HarvestRequest { open: vec!["7".into(), "8".into()], ..bench.question(&[1], Some(&first)) };
    let second = bench.harvest(&request).unwrap();
    assert_eq!(second.ids(), [7, 500], "and 8 is no longer there");
    assert!(second.events().iter().all(|event| event.end.is_some()));
    let asked = bench.nemo.server.requests();
    assert!(asked.iter().any(|request| request.parameter("id__in") == Some("7,8")));
    // Still in use, it is in the list of open events: no question of its own.
    bench.nemo.put_event(open(7, 1));
    bench.requests();
    let request = HarvestRequest { open: vec!["7".into()], ..bench.question(&[1], Some(&second)) };
    assert_eq!(bench.harvest(&request).unwrap().ids(), [7, 500]);
    assert!(bench.requests() <= 3);
}

#[test]
fn other_tools_are_counted_and_named_once() {
    let bench = Bench::new();
    bench.nemo.add_tool(9, "Sputter coater");
    for id in 0..10 {
        bench.nemo.put_event(event(id, if id < 4 { 9 } else { 1 }));
    }
    bench.nemo.put_event(UsageEvent { tool: 9, ..open(50, 9) });
    let first = bench.first(&[1]);
    assert_eq!(first.outside(), [("Sputter coater", 4)]);
    assert_eq!(first.ids().len(), 6);
    let second = bench.next(&[1], &first);
    assert_eq!(second.outside(), []);
    bench.nemo.put_event(event(60, 9));
    assert_eq!(bench.next(&[1], &second).outside(), [("Sputter coater", 1)]);
}

#[test]
fn an_unknown_tool_is_named_and_spoils_nothing() {
    for page_size in [1_000, 10] {
        let bench = Bench { page_size, ..Bench::new() };
        bench.nemo.add_tool(9, "Sputter coater");
        for id in 0..40 {
            bench.nemo.put_event(event(id, [1, 2, 9][usize::try_from(id % 3).unwrap()]));
        }
        let harvest = bench.first(&[1, 77, 2]);
        assert_eq!(harvest.ids(), (0..40).filter(|id| id % 3 != 2).collect::<Vec<_>>(), "{page_size}");
        assert!(harvest.rejected().contains("instrument TOOL-77: tool 77 is not known to"), "{harvest:?}");
        let progress = harvest.progress("TOOL-77").unwrap();
        assert!(!progress.complete && progress.cursor.is_none());
        assert!(harvest.is_complete(1) && harvest.is_complete(2));
        let outside: u64 = harvest.outside().iter().map(|(_, count)| count).sum();
        assert_eq!(outside, 13, "{:?}", harvest.outside());
    }
}

#[test]
fn a_tool_that_is_deleted_takes_no_session_with_it() {
    let bench = Bench::new();
    bench.nemo.put_event(event(1, 1));
    bench.nemo.put_event(event(2, 2));
    let first = bench.first(&[1, 2]);
    bench.nemo.remove_tool(2);
    bench.nemo.remove_event(2);
    let second = bench.next(&[1, 2], &first);
    assert!(second.is_complete(1) && !second.is_complete(2), "so nothing of tool 2 is taken for vanished");
    assert_eq!(second.progress("TOOL-2").unwrap().cursor, first.progress("TOOL-2").unwrap().cursor);
}

#[test]
fn instruments_belong_by_the_exact_base() {
    let bench = Bench::new().with("aliases", json!(["http://old.example.org/api/"]));
    bench.nemo.put_event(event(1, 1));
    bench.nemo.put_event(event(2, 2));
    let mut request = bench.question(&[1, 2], None);
    request.instruments[0].instrument.api_url = format!("{}v2/tools/?id=1", bench.nemo.api());
    request.instruments[1].instrument.api_url = "http://old.example.org/api/tools/?id=2".into();
    let harvest = bench.harvest(&request).unwrap();
    assert_eq!(harvest.ids(), [2]);
    assert!(harvest.rejected().contains("instrument TOOL-1: its api_url"), "{}", harvest.rejected());
    let event = harvest.events()[0];
    assert_eq!(event.session_identifier, bench.nemo.session(2), "new sessions are under the present address");
    request.instruments.truncate(1);
    bench.requests();
    assert!(bench.harvest(&request).unwrap().events().is_empty());
    assert_eq!(bench.requests(), 0, "nothing to ask for");
}

#[test]
fn long_lists_come_in_pages() {
    let bench = Bench { page_size: 7, page_events: 10, ..Bench::new() };
    for id in 0..50 {
        bench.nemo.put_event(event(id, 1 + id % 2));
    }
    let harvest = bench.first(&[1, 2]);
    assert!(harvest.pages.len() > 3);
    assert_eq!(harvest.ids(), (0..50).collect::<Vec<_>>(), "each once");
    assert!(harvest.pages.iter().rev().skip(1).all(|page| page.instruments.is_empty()));
    assert!(harvest.is_complete(1) && harvest.is_complete(2));
}

#[test]
fn a_list_that_changes_between_pages_is_not_complete() {
    let bench = Bench { page_size: 10, page_events: 10, ..Bench::new() };
    for id in 0..40 {
        bench.nemo.put_event(event(id, 1));
    }
    let plugin = bench.plugin();
    let call = nexus_plugin_api::Call::unlimited("/nowhere");
    let mut request = bench.question(&[1], None);
    request.page = plugin.harvest(&call, &request).unwrap().more;
    request.page = plugin.harvest(&call, &request).unwrap().more;
    bench.nemo.remove_event(39);
    let last = loop {
        let page = plugin.harvest(&call, &request).unwrap();
        if page.more.is_none() {
            break page;
        }
        request.page = page.more;
    };
    assert!(
        !last.instruments[0].complete && last.instruments[0].cursor.is_none(),
        "a row may have slipped through"
    );
    // Another instance does not know the harvest.
    request.page = Some("1-1".into());
    let error = bench.plugin().harvest(&call, &request).unwrap_err();
    assert_eq!(error.class.as_str(), "transient");
}

#[test]
fn people_are_handed_over_only_where_the_settings_say_so() {
    let bench = Bench::new();
    bench.nemo.add_user(Person::new(5, "b.ortiz", "Bea", "Ortiz"));
    bench.nemo.put_event(event(1, 1));
    bench.nemo.put_event(event(2, 1));
    bench.nemo.put_event(UsageEvent { user: 5, ..event(3, 2) });
    let users = |bench: &Bench| {
        let harvest = bench.first(&[1, 2]);
        let users = harvest.pages.iter().flat_map(|page| page.users.clone());
        let mut users: Vec<_> = users.map(|user| (user.username, user.system, user.external_id)).collect();
        users.sort();
        users
    };
    assert_eq!(users(&bench), []);
    let bench = bench.with("user_ids", json!(true));
    let row = |name: &str, id: &str| (name.to_owned(), "nemo".to_owned(), id.to_owned());
    assert_eq!(users(&bench), [row("b.ortiz", "5"), row("k.ito", "3")]);
}

#[test]
fn a_zone_keeps_the_wall_clock() {
    let bench = Bench::new().with("timezone", json!("America/Denver"));
    bench.nemo.put_event(event(7, 1));
    let first = bench.first(&[1]);
    assert_eq!(first.events()[0].start.to_string(), "2026-05-04T23:00:00-06:00");
    // The server filters by its own instants; nothing of the covered span is missing all the same.
    let second = bench.next(&[1], &first);
    assert_eq!(second.ids(), [7]);
}

#[test]
fn a_time_that_cannot_be_read_is_named_and_holds_the_cursor() {
    let bench = Bench::new().with("time_format", json!("%d.%m.%Y"));
    bench.nemo.put_event(event(1, 1));
    bench.nemo.put_event(UsageEvent { end: Some(origin() - Duration::hours(5)), ..event(2, 2) });
    let harvest = bench.first(&[1, 2]);
    assert_eq!(harvest.ids(), [1], "ISO 8601 is read whatever the setting");
    assert!(harvest.rejected().starts_with("usage event 2: it ends ("), "{}", harvest.rejected());
    assert!(harvest.is_complete(1) && !harvest.is_complete(2));
    assert_eq!(harvest.progress("TOOL-2").unwrap().cursor, None);
}

#[test]
fn tools_are_offered_as_instruments() {
    let bench = Bench::new();
    let offers = bench.plugin().instruments(&nexus_plugin_api::Call::unlimited("/nowhere")).unwrap();
    let [first, _] = &offers[..] else { panic!("{offers:?}") };
    assert_eq!(first.api_url, bench.nemo.tool_url(1));
    assert_eq!((first.name.as_str(), first.location.as_deref()), ("Borealis TEM", Some("Room 1")));
}

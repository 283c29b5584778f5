//! Events of the calendar as sessions.

use std::collections::BTreeSet;

use nexus_plugin_api::{HarvestPage, ReservationAnswer, SessionRef, UsageEvent};
use nexus_tests::fake_sharepoint::{Item, Kind};
use serde_json::json;

use super::bench::{Bench, Dialect, SEM, TITAN, both, instant, progress, session_of, utc};

/// An event of October 2026; the clock shows midnight (UTC) of 1 November.
fn event(id: u64, from: &str, to: &str) -> Item {
    Item::new(id, &format!("Booking {id}"), &format!("2026-10-{from}:00Z"), &format!("2026-10-{to}:00Z"))
        .by(12)
}

fn calendar(bench: Bench) -> Bench {
    bench.with("sessions", json!(true)).with("timezone", json!("America/New_York"))
}

/// Start and end of events that took place.
fn spans(events: &[UsageEvent]) -> Vec<(String, String)> {
    let held = events.iter().filter(|event| !event.cancelled);
    held.map(|event| (utc(Some(&event.start)), utc(event.end.as_ref()))).collect()
}

/// The session that the core keeps of an event.
fn session_for(bench: &Bench, event: &UsageEvent) -> SessionRef {
    let (from, to) = (utc(Some(&event.start)), utc(event.end.as_ref()));
    let user = event.user.as_deref();
    let instrument = bench.own_instrument("TITAN", TITAN);
    SessionRef {
        session_identifier: event.session_identifier.clone(),
        external_id: Some(event.external_id.clone()),
        instrument,
        ..session_of("TITAN", user, &from, &to)
    }
}

#[test]
fn without_the_setting_there_are_none() {
    both(|bench| {
        let bench = bench.holding([event(1, "30T09:00", "30T12:00")]);
        assert_eq!(bench.events(), []);
    });
}

#[test]
fn events_that_are_over_for_long_enough_and_not_too_old() {
    both(|bench| {
        let bench = calendar(bench).holding([
            event(1, "30T09:00", "30T12:00"),
            event(2, "31T20:00", "31T22:50"),
            event(3, "31T20:00", "31T23:10"),
            event(4, "31T23:00", "31T23:59"),
            event(5, "20T09:00", "20T12:00"),
            // Of no length: nobody worked.
            event(6, "30T13:00", "30T13:00"),
            Item::new(7, "Future", "2026-11-05T09:00:00Z", "2026-11-05T12:00:00Z").by(12),
        ]);
        let events = bench.events();
        let expected = [
            ("2026-10-30T09:00:00Z", "2026-10-30T12:00:00Z"),
            ("2026-10-31T20:00:00Z", "2026-10-31T22:50:00Z"),
        ];
        assert_eq!(
            spans(&events),
            expected.map(|(from, to)| (from.to_owned(), to.to_owned())),
            "{:?}",
            bench.dialect
        );
        assert_eq!(events[0].instrument_pid, "TITAN");
        // Later the next ones are over as well.
        bench.pause.set("2026-11-01T00:30:00Z");
        assert_eq!(spans(&bench.events()).len(), 3);
        let bench = bench.with("grace", json!("0 s")).with("look_back", json!("30 days"));
        assert_eq!(spans(&bench.events()).len(), 5);
        let bench = bench
            .with("before", json!("15 min"))
            .with("after", json!("1 h"))
            .with("look_back", json!("7 days"));
        assert_eq!(spans(&bench.events())[0], ("2026-10-30T08:45:00Z".into(), "2026-10-30T13:00:00Z".into()));
    });
}

#[test]
fn users_are_those_of_the_bookings() {
    both(|bench| {
        let bench = calendar(bench).holding([
            event(1, "28T09:00", "28T12:00").by(13),
            event(2, "29T09:00", "29T12:00").of(&[13, 12]),
        ]);
        let users: Vec<_> = bench.events().into_iter().map(|event| event.user).collect();
        assert_eq!(users, [Some("bob".to_owned()), Some("bob".to_owned())]);
    });
}

#[test]
fn identifiers_are_stable_short_and_never_twice() {
    both(|bench| {
        let series = event(9, "26T13:00", "30T14:00").repeating(
            3600,
            "<repeat><daily dayFrequency=\"1\"/></repeat><repeatInstances>5</repeatInstances>",
        );
        let bench = calendar(bench).holding([
            event(1, "30T09:00", "30T12:00"),
            event(2, "30T09:00", "30T12:00"),
            series,
        ]);
        bench.site.put(SEM, event(1, "30T09:00", "30T12:00"));
        let all = |pages: Vec<HarvestPage>| -> Vec<_> {
            let events = pages.into_iter().flat_map(|page| page.events);
            let mut all: Vec<_> = events.map(|event| (event.session_identifier, event.external_id)).collect();
            all.sort();
            all
        };
        let first = all(bench.harvest(&["TITAN", "SEM"], None).unwrap());
        assert_eq!(first.len(), 8, "{first:?}");
        assert_eq!(first.iter().map(|one| &one.0).collect::<BTreeSet<_>>().len(), 8, "{first:?}");
        assert_eq!(first.iter().map(|one| &one.1).collect::<BTreeSet<_>>().len(), 8, "{first:?}");
        assert!(first.iter().all(|one| one.0.len() <= 36 && !one.0.is_empty()), "{first:?}");
        // What is written about a booking changes nothing; nor does when it is asked.
        bench.site.put(TITAN, event(1, "30T09:30", "30T12:30").by(13).with("Category", json!("x")));
        bench.pause.set("2026-11-01T12:00:00Z");
        assert_eq!(all(bench.harvest(&["SEM", "TITAN"], None).unwrap()), first);
    });
}

#[test]
fn both_dialects_tell_the_same_sessions() {
    let told = |dialect| {
        let series = event(9, "26T13:00", "30T14:00").repeating(
            3600,
            "<repeat><daily dayFrequency=\"2\"/></repeat><repeatInstances>3</repeatInstances>",
        );
        let bench = calendar(Bench::new(dialect)).holding([
            event(1, "30T09:00", "30T12:00"),
            event(2, "31T00:00", "31T00:00").cancelled(),
            series,
            event(10, "29T18:00", "29T20:00").instead_of(9, "2026-10-28T13:00:00Z"),
        ]);
        spans(&bench.events())
    };
    let rest = told(Dialect::Rest);
    assert_eq!(rest.len(), 4, "{rest:?}");
    assert_eq!(rest, told(Dialect::Graph));
}

#[test]
fn cancelled_events_are_no_sessions() {
    both(|bench| {
        let bench = calendar(bench)
            .holding([event(1, "30T09:00", "30T12:00").cancelled(), event(2, "30T13:00", "30T14:00")]);
        assert_eq!(spans(&bench.events()).len(), 1);
    });
}

#[test]
fn a_harvest_that_was_complete_says_for_which_span() {
    both(|bench| {
        let bench = calendar(bench).holding([event(1, "30T09:00", "30T12:00")]);
        let first = bench.harvest(&["TITAN", "SEM"], None).unwrap();
        let progress = progress(&first);
        assert_eq!(progress.len(), 2, "{progress:?}");
        assert!(progress.iter().all(|one| one.complete), "{progress:?}");
        // What ended before the look-back was not asked for, so it must not look as if it had vanished.
        let from = progress[0].covered_from.expect("a beginning");
        assert!(from >= "2026-10-24T00:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap(), "{from}");
        let to = progress[0].covered_to.expect("an end");
        assert!(to <= "2026-10-31T23:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap(), "{to}");
        let second = bench.harvest(&["TITAN", "SEM"], Some(&first)).unwrap();
        assert_eq!(
            second.iter().map(|page| page.events.len()).sum::<usize>(),
            1,
            "the look-back is read again"
        );
    });
}

#[test]
fn a_list_that_cannot_be_read_costs_its_own_instrument() {
    both(|bench| {
        let bench = calendar(bench).holding([event(1, "30T09:00", "30T12:00")]);
        let sem = bench.own_instrument("SEM", SEM);
        bench.site.put_column(SEM, "x", Kind::Text);
        let titan = bench.own_instrument("TITAN", TITAN);
        bench.site.remove_list(SEM);
        let lists = match bench.dialect {
            Dialect::Rest => bench.settings["lists"].clone(),
            // It would be looked for to make its address.
            Dialect::Graph => json!({"TITAN": TITAN, "SEM": SEM}),
        };
        let bench = bench.with("lists", lists);
        let pages = bench.harvest_of(&[sem, titan], None).unwrap();
        assert_eq!(pages.iter().map(|page| page.events.len()).sum::<usize>(), 1, "{pages:?}");
        let progress = progress(&pages);
        let of = |pid: &str| progress.iter().find(|one| one.instrument_pid == pid);
        assert!(of("TITAN").unwrap().complete);
        assert!(of("SEM").is_none_or(|one| !one.complete), "{pages:?}");
        let mut rejected = pages.iter().flat_map(|page| &page.rejected);
        assert!(rejected.any(|row| row.place.contains("SEM")), "{pages:?}");
    });
}

#[test]
fn the_booking_of_such_a_session_is_its_own_event() {
    both(|bench| {
        let series = event(9, "26T17:00", "30T18:00").repeating(
            3600,
            "<repeat><daily dayFrequency=\"1\"/></repeat><repeatInstances>5</repeatInstances>",
        );
        let bench = calendar(bench).holding([
            event(1, "30T09:00", "30T12:00"),
            // Overlaps more with anything.
            event(2, "30T08:00", "30T19:00").by(13),
            series,
        ]);
        let events = bench.events();
        let of = |start: &str| events.iter().find(|event| utc(Some(&event.start)) == start).unwrap();
        let (one, nth) = (of("2026-10-30T09:00:00Z"), of("2026-10-30T17:00:00Z"));
        let found = bench.found(&session_for(&bench, one));
        assert_eq!(found.internal_id.as_deref(), Some("1"));
        let found = bench.found(&session_for(&bench, nth));
        assert_eq!(found.internal_id.as_deref(), Some("9"));
        assert_eq!(utc(found.start.as_ref()), "2026-10-30T17:00:00Z");
        let asked = session_for(&bench, one);
        bench.site.put(TITAN, event(1, "30T09:00", "30T12:00").consent(json!("Disagree")));
        assert!(matches!(bench.answer(&asked), ReservationAnswer::NoConsent { .. }));
        bench.site.remove(TITAN, 1);
        let answer = bench.answer(&asked);
        assert!(matches!(answer, ReservationAnswer::Gone), "{answer:?}");
    });
}

#[test]
fn series_and_their_exceptions_become_sessions_once() {
    both(|bench| {
        let series = event(471, "26T13:00", "30T14:00").repeating(
            3600,
            "<repeat><daily dayFrequency=\"1\"/></repeat><repeatInstances>5</repeatInstances>",
        );
        let bench = calendar(bench).holding([
            series,
            Item::deleted(480, 471, "2026-10-27T13:00:00Z"),
            event(481, "28T18:00", "28T20:00").instead_of(471, "2026-10-28T13:00:00Z"),
            // Moved into the time to come.
            Item::new(482, "Later", "2026-11-20T13:00:00Z", "2026-11-20T14:00:00Z")
                .instead_of(471, "2026-10-29T13:00:00Z"),
        ]);
        let starts: Vec<_> = bench.events().iter().map(|event| instant(&event.start).to_rfc3339()).collect();
        assert_eq!(
            starts,
            ["2026-10-26T13:00:00+00:00", "2026-10-28T18:00:00+00:00", "2026-10-30T13:00:00+00:00"],
            "{:?}",
            bench.dialect
        );
    });
}

#[test]
fn a_harvest_takes_few_requests() {
    both(|bench| {
        let bench = calendar(bench);
        for id in 1..=300 {
            let (day, hour) = (25 + id % 6, id % 24);
            bench.site.put(TITAN, event(id, &format!("{day}T{hour:02}:00"), &format!("{day}T{hour:02}:50")));
        }
        assert_eq!(bench.events().len(), 300);
        let requests = bench.requests();
        assert!(requests <= 8, "{requests}");
        println!("{:?}: {requests} requests to harvest 300 events", bench.dialect);
    });
}

#[test]
fn after_a_long_pause_nothing_is_missed() {
    both(|bench| {
        let bench = calendar(bench).holding([
            event(1, "30T09:00", "30T12:00"),
            Item::new(2, "Meanwhile", "2026-11-10T09:00:00Z", "2026-11-10T12:00:00Z").by(12),
            Item::new(3, "Yesterday", "2026-12-19T09:00:00Z", "2026-12-19T12:00:00Z").by(12),
        ]);
        let first = bench.harvest(&["TITAN"], None).unwrap();
        assert_eq!(first[0].events.len(), 1);
        bench.pause.set("2026-12-20T12:00:00Z");
        let second = bench.harvest(&["TITAN"], Some(&first)).unwrap();
        assert_eq!(spans(&second[0].events).len(), 3, "{second:?}");
        bench.requests();
        let third = bench.harvest(&["TITAN"], Some(&second)).unwrap();
        assert_eq!(spans(&third[0].events).len(), 1, "{third:?}");
        assert!(bench.requests() <= 4, "what is old is not asked for again");
    });
}

#[test]
fn a_window_that_is_asked_for_overrides_all() {
    both(|bench| {
        let bench = calendar(bench).holding([
            Item::new(1, "Long ago", "2025-03-03T09:00:00Z", "2025-03-03T12:00:00Z").by(12),
            event(2, "30T09:00", "30T12:00"),
        ]);
        let instrument = bench.own_instrument("TITAN", TITAN);
        let request = nexus_plugin_api::HarvestRequest {
            instruments: vec![nexus_plugin_api::InstrumentQuery { instrument, cursor: None }],
            from: Some("2025-03-01T00:00:00Z".parse().unwrap()),
            until: Some("2025-04-01T00:00:00Z".parse().unwrap()),
            ..nexus_plugin_api::HarvestRequest::default()
        };
        let page = bench.plugin().harvest(&bench.call(), &request).unwrap();
        assert_eq!(
            spans(&page.events),
            [("2025-03-03T09:00:00Z".to_owned(), "2025-03-03T12:00:00Z".to_owned())]
        );
    });
}

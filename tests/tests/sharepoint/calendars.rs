//! The calendar of a group, by Microsoft Graph, which expands series itself.

use nexus_plugin_api::ReservationAnswer;
use nexus_tests::fake_sharepoint::GroupEvent;
use serde_json::{Value, json};

use super::bench::{Bench, Dialect, instant, on_day, session, utc};

const GROUP: &str = "02bd9fd6-8f93-4758-87c3-1fb73740a315";

fn event(id: &str, from: &str, to: &str) -> GroupEvent {
    GroupEvent::new(
        id,
        &format!("Booking {id}"),
        &format!("2025-03-03T{from}:00Z"),
        &format!("2025-03-03T{to}:00Z"),
    )
}

/// The calendar of a group as that of the instrument `TITAN`.
fn bench(events: Vec<GroupEvent>) -> Bench {
    let bench = Bench::new(Dialect::Graph);
    bench.site.set_calendar(GROUP, events);
    let address = bench.site.calendar(GROUP);
    bench.with("lists", json!({ "TITAN": address })).with("consent", json!("assume"))
}

/// A session of Ada's, whose address the facility knows.
fn asked(from: &str, to: &str) -> nexus_plugin_api::SessionRef {
    let mut told: Value = serde_json::to_value(on_day(from, to)).unwrap();
    told["user_emails"] = json!(["Ada@Example.org"]);
    serde_json::from_value(told).unwrap()
}

#[test]
fn the_largest_overlap_wins_there_too() {
    let bench = bench(vec![
        event("AAMkA=", "08:00", "10:30"),
        GroupEvent {
            body: "<html><body><p>Pt &amp; Ni</p></body></html>".into(),
            ..event("AAMkB=", "10:30", "13:00")
        },
        GroupEvent { cancelled: true, ..event("AAMkC=", "08:00", "20:00") },
    ]);
    let found = bench.found(&asked("10:00", "13:10"));
    assert_eq!(found.title.as_deref(), Some("Booking AAMkB="));
    assert!(found.purpose.as_deref().unwrap().contains("Pt & Ni"), "{:?}", found.purpose);
    assert_eq!(found.user_full_name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(found.user_email.as_deref(), Some("ada@example.org"));
    assert!(!found.of_another_user);
    assert_eq!(utc(found.start.as_ref()), "2025-03-03T10:30:00Z");
    assert_eq!(bench.outcome(&asked("18:00", "19:00")), "none");
}

#[test]
fn consent_is_a_category() {
    let bench = bench(vec![
        GroupEvent { categories: vec!["Blue".into(), "Agree".into()], ..event("A", "08:00", "09:00") },
        event("B", "10:00", "11:00"),
        GroupEvent { categories: vec!["Disagree".into()], ..event("C", "12:00", "13:00") },
    ]);
    let answers = |bench: &Bench| {
        let sessions = [asked("08:00", "09:00"), asked("10:00", "11:00"), asked("12:00", "13:00")];
        let answers = bench.answers(&sessions).unwrap();
        answers.iter().map(|one| matches!(one, ReservationAnswer::Reservation(_))).collect::<Vec<_>>()
    };
    assert_eq!(answers(&bench), [true, true, false]);
    let bench = bench.with("consent", json!("require"));
    assert_eq!(answers(&bench), [true, false, false]);
}

#[test]
fn a_whole_day_there_ends_with_the_midnight_that_is_told() {
    let day = GroupEvent {
        start: "2025-03-09T00:00:00Z".parse().unwrap(),
        end: "2025-03-10T00:00:00Z".parse().unwrap(),
        all_day: true,
        ..event("D", "00:00", "00:00")
    };
    let bench = bench(vec![day]);
    let found = bench.found(&session("2025-03-09T15:00:00Z", "2025-03-09T16:00:00Z"));
    assert_eq!(utc(found.start.as_ref()), "2025-03-09T05:00:00Z");
    assert_eq!(utc(found.end.as_ref()), "2025-03-10T04:00:00Z");
    assert_eq!(
        bench.outcome(&session("2025-03-10T03:00:00Z", "2025-03-10T03:30:00Z")),
        found.internal_id.unwrap()
    );
}

#[test]
fn pages_are_followed() {
    let events = (0..45).map(|number| {
        let (hour, minute) = (8 + number / 6, 10 * (number % 6));
        event(
            &format!("E{number}"),
            &format!("{hour:02}:{minute:02}"),
            &format!("{hour:02}:{:02}", minute + 9),
        )
    });
    let bench = bench(events.collect());
    bench.site.habits(|habits| habits.page = 10);
    let found = bench.found(&asked("15:20", "15:29"));
    assert_eq!(found.title.as_deref(), Some("Booking E44"));
}

#[test]
fn a_calendar_that_is_not_there_names_the_instrument() {
    let bench = bench(vec![]);
    let address = bench.site.calendar("nobody");
    let bench = bench.with("lists", json!({ "TITAN": address }));
    assert!(bench.failure(&asked("08:00", "09:00")).message.contains("TITAN"));
}

#[test]
fn events_there_can_be_sessions() {
    let at = |id: &str, day: u32| {
        let text = |hour: u32| format!("2026-10-{day}T{hour:02}:00:00Z");
        GroupEvent::new(id, "Booked", &text(9), &text(12))
    };
    let occurrence = GroupEvent { master: Some("M".into()), kind: "occurrence".into(), ..at("M-1", 29) };
    let bench = bench(vec![at("A", 28), occurrence, GroupEvent { cancelled: true, ..at("C", 30) }]);
    let bench = bench.with("sessions", json!(true));
    let events: Vec<_> = bench.events().into_iter().filter(|event| !event.cancelled).collect();
    let starts: Vec<_> = events.iter().map(|event| instant(&event.start).to_rfc3339()).collect();
    assert_eq!(starts, ["2026-10-28T09:00:00+00:00", "2026-10-29T09:00:00+00:00"]);
    assert!(events.iter().all(|event| event.session_identifier.len() <= 36));
    assert_eq!(bench.events(), bench.events());
}

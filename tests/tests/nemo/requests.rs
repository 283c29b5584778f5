//! How often the server is asked.

use chrono::Duration;
use nexus_plugin_api::{HarvestRequest, ReservationAnswer};
use nexus_tests::fake_nemo::{Person, Reservation, UsageEvent, questions};

use super::bench::{Bench, event};

/// Five hundred sessions of many people on ten tools, half of them with answers of their own.
fn busy() -> (Bench, Vec<u64>) {
    let bench = Bench::new();
    let tools: Vec<u64> = (11..=20).collect();
    for tool in &tools {
        bench.nemo.add_tool(*tool, &format!("Tool {tool}"));
    }
    for user in 100..160 {
        bench.nemo.add_user(Person::new(user, &format!("user{user}"), "U", "Ser"));
    }
    for id in 0..500 {
        let event = UsageEvent { user: 100 + id % 60, ..event(id, tools[usize::try_from(id % 10).unwrap()]) };
        let answers = questions("Agree", &format!("Title {id}"));
        if id % 2 == 0 {
            bench.nemo.put_event(event.with_run_data(&answers));
        } else {
            let booking = Reservation::new(id, event.tool, event.user, event.start, Duration::hours(2));
            bench.nemo.put_reservation(booking.with_answers(answers));
            bench.nemo.put_event(event);
        }
    }
    (bench, tools)
}

#[test]
fn a_handful_for_a_harvest_and_two_for_a_hundred_reservations() {
    let (bench, tools) = busy();
    let first = bench.first(&tools);
    assert_eq!(first.ids().len(), 500);
    let new = bench.requests();
    assert!(new <= 10, "{new} requests for 500 new sessions");

    let second = bench.next(&tools, &first);
    let nothing_new = bench.requests();
    assert!(nothing_new <= 3, "{nothing_new} requests for nothing new");

    bench.nemo.put_event(UsageEvent { end: None, ..event(600, 11) });
    let request = HarvestRequest { open: vec!["600".into()], ..bench.question(&tools, Some(&second)) };
    bench.harvest(&request).unwrap();
    let one_open = bench.requests();
    assert!(one_open <= 3, "{one_open} requests with an event in use");

    let sessions: Vec<_> = (0..100)
        .map(|id| UsageEvent { user: 100 + id % 60, ..event(id, tools[usize::try_from(id % 10).unwrap()]) })
        .map(|event| bench.session(&event))
        .collect();
    let answers = bench.answers(&sessions);
    for (id, answer) in answers.iter().enumerate() {
        let ReservationAnswer::Reservation(booking) = answer else { panic!("{id}: {answer:?}") };
        assert_eq!(booking.title.as_deref(), Some(format!("Title {id}").as_str()));
        assert_eq!(booking.username.as_deref(), Some(format!("user{}", 100 + id % 60).as_str()));
    }
    let reservations = bench.requests();
    assert!(reservations <= 2, "{reservations} requests for a hundred reservations");
    println!(
        "requests: {new} new, {nothing_new} idle, {one_open} with one open, {reservations} for 100 reservations"
    );
}

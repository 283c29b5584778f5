//! Ten thousand items, and how often the server is asked.

use chrono::{DateTime, Duration, Utc};
use nexus_plugin_api::ReservationAnswer;
use nexus_tests::fake_sharepoint::Item;

use super::bench::{Bench, Dialect, TITAN, both, session, utc, word};

fn first() -> DateTime<Utc> {
    "2023-01-01T06:00:00Z".parse().unwrap()
}

fn start(number: u64) -> DateTime<Utc> {
    first() + Duration::hours(2 * i64::try_from(number).unwrap())
}

/// A booking of an hour every other hour, for more than two years.
fn filled(bench: &Bench) {
    for number in 1..=10_000 {
        let (from, to) = (start(number), start(number) + Duration::hours(1));
        let item = Item::new(number, &format!("Booking {number}"), &from.to_rfc3339(), &to.to_rfc3339());
        bench.site.put(TITAN, item.by(12 + number % 2));
    }
}

/// A hundred sessions of fifty days.
fn sessions() -> Vec<nexus_plugin_api::SessionRef> {
    let of = |number: u64| {
        let start = start(number) + Duration::minutes(10);
        session(&start.to_rfc3339(), &(start + Duration::minutes(20)).to_rfc3339())
    };
    (0..100).map(|at| of(5_000 + 6 * at)).collect()
}

#[test]
fn of_ten_thousand_items_only_those_of_the_days_are_fetched() {
    both(|bench| {
        filled(&bench);
        bench.site.index(TITAN, &["EventDate", "EndDate", "MasterSeriesItemID"]);
        let answers = bench.answers(&sessions()).unwrap();
        for (at, answer) in answers.iter().enumerate() {
            assert_eq!(word(answer), (5_000 + 6 * at).to_string());
        }
        let requests = bench.requests();
        assert!(requests <= 12, "{requests} requests for a hundred sessions, {:?}", bench.dialect);
        println!("{:?}: {requests} requests for 100 sessions among 10,000 items", bench.dialect);
    });
}

#[test]
fn without_an_index_the_list_is_walked_once_and_a_person_is_told() {
    let bench = Bench::new(Dialect::Rest);
    filled(&bench);
    let answers = bench.answers(&sessions()).unwrap();
    assert!(answers.iter().all(|answer| matches!(answer, ReservationAnswer::Reservation(_))), "{answers:?}");
    let requests = bench.requests();
    assert!(requests <= 30, "{requests}");
    assert!(bench.has_logged("EventDate") && bench.has_logged("ndex"), "{:#?}", bench.logged);
    println!("{requests} requests for 100 sessions among 10,000 items without an index");
}

#[test]
fn without_an_index_graph_answers_with_a_throttle_and_nothing_is_settled() {
    let bench = Bench::new(Dialect::Graph);
    filled(&bench);
    match bench.answers(&sessions()) {
        Err(_) => {}
        Ok(answers) => {
            for (at, answer) in answers.iter().enumerate() {
                match answer {
                    ReservationAnswer::Failed(_) => {}
                    ReservationAnswer::Reservation(found) => {
                        assert_eq!(found.internal_id, Some((5_000 + 6 * at).to_string()));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    let requests = bench.requests();
    assert!(requests <= 60, "{requests}");
}

#[test]
fn a_long_backlog_of_sessions_takes_few_requests() {
    both(|bench| {
        for number in 1..=1_000 {
            let (from, to) = (start(10 * number), start(10 * number) + Duration::hours(1));
            bench.site.put(TITAN, Item::new(number, "x", &from.to_rfc3339(), &to.to_rfc3339()).by(12));
        }
        let of = |number: u64| {
            let start = start(10 * number) + Duration::minutes(10);
            session(&start.to_rfc3339(), &(start + Duration::minutes(20)).to_rfc3339())
        };
        let asked: Vec<_> = (1..=500).map(|at| of(2 * at)).collect();
        let answers = bench.answers(&asked).unwrap();
        for (at, answer) in answers.iter().enumerate() {
            let ReservationAnswer::Reservation(found) = answer else { panic!("{answer:?}") };
            assert_eq!(found.internal_id, Some((2 * (at + 1)).to_string()));
            assert_eq!(
                utc(found.start.as_ref()),
                start(20 * (at as u64 + 1)).format("%Y-%m-%dT%H:%M:%SZ").to_string()
            );
        }
        let requests = bench.requests();
        assert!(requests <= 30, "{requests} for 500 sessions over two years, {:?}", bench.dialect);
        println!("{:?}: {requests} requests for 500 sessions over two years", bench.dialect);
    });
}

//! Throttling, servers that are not well, links that lead astray, and columns and lists that are gone.

use nexus_plugin_api::{FailureClass, ReservationAnswer};
use nexus_tests::fake_sharepoint::{FakeSharePoint, NextLink};
use nexus_tests::fault::{Fault, Rule};
use nexus_tests::http::Response;
use serde_json::{Value, json};

use super::bench::{Bench, Dialect, SEM, TITAN, both, item, on_day, session_of};

fn busy() -> impl Fn(Bench) -> Bench {
    |bench| bench.holding([item(1, "09:00", "12:00")])
}

fn asked() -> nexus_plugin_api::SessionRef {
    on_day("09:00", "12:00")
}

fn throttled(status: u16, after: Option<&str>) -> Fault {
    let body =
        json!({"error": {"code": "activityLimitReached", "message": "The request has been throttled"}});
    let answer = Response::json(status, &body);
    Fault::Answer(match after {
        Some(after) => answer.with_header("Retry-After", after.to_owned()),
        None => answer,
    })
}

#[test]
fn a_pause_that_is_asked_for_is_made() {
    both(|bench| {
        for (fault, pauses) in [
            (throttled(429, Some("7")), vec![7, 7]),
            (throttled(429, Some("Sun, 01 Nov 2026 00:00:30 GMT")), vec![30]),
            (throttled(503, None), vec![2, 4]),
            (throttled(429, None), vec![2, 4]),
        ] {
            let times = pauses.len();
            let bench = busy()(Bench::new(bench.dialect));
            bench.site.server.fail(Rule::on("/", fault).times(times));
            assert_eq!(bench.outcome(&asked()), "1");
            let waited = bench.pause.seconds();
            // Without a wish the pauses grow; the first may be shorter.
            assert_eq!(waited.len(), times, "{waited:?}");
            if pauses != [2, 4] {
                assert_eq!(waited, pauses);
            }
        }
    });
}

#[test]
fn a_storm_of_429_is_bounded_and_settles_nothing() {
    both(|bench| {
        for after in [None, Some("5"), Some("400")] {
            let bench = busy()(Bench::new(bench.dialect));
            bench.site.server.fail(Rule::on("/", throttled(429, after)));
            let sessions: Vec<_> = (0..50).map(|_| asked()).collect();
            let answers = bench.answers(&sessions);
            let failed = |error: &nexus_plugin_api::PluginError| {
                assert!(
                    matches!(error.class, FailureClass::RateLimited { .. } | FailureClass::Transient),
                    "{error}: {:?}",
                    error.class
                );
            };
            match answers {
                Err(error) => failed(&error),
                Ok(answers) => answers.iter().for_each(|answer| match answer {
                    ReservationAnswer::Failed(error) => failed(error),
                    other => panic!("{other:?}"),
                }),
            }
            let requests = bench.requests();
            assert!(requests <= 15, "{requests} requests into the storm, {after:?}");
            // When it is over, all is as it was.
            bench.site.server.heal();
            assert_eq!(bench.outcome(&asked()), "1");
        }
    });
}

#[test]
fn what_passes_is_tried_again_and_what_stays_is_transient() {
    both(|bench| {
        for fault in [
            Fault::Html(502),
            Fault::Html(503),
            Fault::Html(504),
            Fault::Html(500),
            Fault::DropBefore,
            Fault::DropAfter,
            Fault::Truncate,
        ] {
            let bench = busy()(Bench::new(bench.dialect));
            bench.site.server.fail(Rule::on("/", fault.clone()).times(1));
            assert_eq!(bench.outcome(&asked()), "1", "{fault:?} once");
            bench.site.server.fail(Rule::on("/", fault.clone()));
            bench.requests();
            let error = bench.failure(&asked());
            assert_eq!(error.class, FailureClass::Transient, "{fault:?}: {error}");
            let requests = bench.requests();
            assert!(requests <= 15, "{fault:?}: {requests}");
        }
    });
}

#[test]
fn an_answer_that_makes_no_sense_settles_nothing() {
    both(|bench| {
        for fault in [
            Fault::Garbage,
            Fault::Json(200, "{}".into()),
            Fault::Json(200, "[]".into()),
            Fault::Json(200, "7".into()),
            Fault::Json(200, r#"{"value": 7}"#.into()),
            Fault::Json(200, r#"{"d": null}"#.into()),
        ] {
            let bench = busy()(Bench::new(bench.dialect));
            let items = if bench.dialect == Dialect::Rest {
                format!("/sites/microscopy/_api/web/lists/getbytitle('{TITAN}')/items")
            } else {
                "/v1.0/sites/".to_owned()
            };
            bench.site.server.fail(Rule::on(&items, fault.clone()));
            let error = bench.failure(&asked());
            assert!(!error.message.is_empty(), "{fault:?}");
        }
    });
}

#[test]
fn a_row_that_makes_no_sense_costs_itself() {
    // Times that cannot be read: it may be the session's booking, so nothing is settled as if it were not there.
    let bench = busy()(Bench::new(Dialect::Rest));
    bench.answer(&asked());
    let row = json!({"Id": 5, "ID": 5, "EventDate": "soon", "EndDate": "later", "EventType": 0, "DataConsent": "Agree"});
    let items = format!("/sites/microscopy/_api/web/lists/getbytitle('{TITAN}')/items");
    bench.site.server.fail(Rule::at(&items, Fault::Json(200, json!({"value": [row]}).to_string())));
    match bench.answers(&[asked()]) {
        Err(_) => {}
        Ok(answers) => assert!(!matches!(answers[0], ReservationAnswer::Reservation(_)), "{answers:?}"),
    }
    assert!(bench.has_logged("5"), "{:?}", bench.logged);
}

#[test]
fn a_link_to_elsewhere_is_not_followed() {
    both(|bench| {
        let bench = busy()(bench);
        for number in 2..10 {
            bench.site.put(TITAN, item(number, "09:00", "09:30"));
        }
        let elsewhere = FakeSharePoint::start();
        let origin = elsewhere.server.url().trim_end_matches('/').to_owned();
        bench.site.habits(|habits| {
            habits.page = 2;
            habits.next = NextLink::Elsewhere(origin.clone());
        });
        let error = bench.failure(&asked());
        assert!(error.message.contains("127.0.0.1"), "{error}");
        assert_eq!(elsewhere.server.requests().len(), 0);
        assert_ne!(error.class, FailureClass::Transient);
    });
}

#[test]
fn links_in_a_circle_end() {
    both(|bench| {
        let bench = busy()(bench);
        bench.site.habits(|habits| habits.next = NextLink::Loop);
        let error = bench.failure(&asked());
        assert!(!error.message.is_empty());
        assert!(bench.requests() < 20);
    });
}

#[test]
fn pages_are_followed_to_the_end() {
    both(|bench| {
        for number in 1..=9 {
            bench.site.put(TITAN, item(number, &format!("0{number}:00"), &format!("0{number}:59")));
        }
        bench.site.habits(|habits| habits.page = 2);
        for number in [1, 5, 9] {
            let asked = on_day(&format!("0{number}:10"), &format!("0{number}:20"));
            assert_eq!(bench.outcome(&asked), number.to_string());
        }
    });
}

#[test]
fn a_list_that_is_gone_names_its_instrument_and_the_others_go_on() {
    both(|bench| {
        let bench = busy()(bench);
        bench.site.put(SEM, item(2, "09:00", "12:00"));
        bench.site.remove_list(SEM);
        let sem = session_of("SEM", Some("ada"), "2025-03-03T09:00:00Z", "2025-03-03T10:00:00Z");
        let mut lists = bench.settings["lists"].clone();
        if bench.dialect == Dialect::Graph {
            lists["SEM"] = json!("Zeiss SEM");
        }
        let bench = bench.with("lists", lists);
        let answers = bench.answers(&[asked(), sem]).unwrap();
        assert_eq!(super::bench::word(&answers[0]), "1");
        let ReservationAnswer::Failed(error) = &answers[1] else { panic!("{:?}", answers[1]) };
        assert!(error.message.contains("SEM"), "{error}");
        assert_eq!(error.class, FailureClass::Permanent);
        assert!(error.hint.is_some());
    });
}

#[test]
fn a_column_that_was_renamed_is_named_and_settles_nothing() {
    both(|bench| {
        let bench = busy()(bench).with("fields", json!({"experiment_title": "Project_x0020_title"}));
        let error = bench.failure(&asked());
        assert!(error.message.contains("Project_x0020_title"), "{error}");
        assert!(error.message.contains("experiment_title") || error.hint.is_some(), "{error}");
        assert_eq!(error.class, FailureClass::Permanent);
        // And a question whose columns go between two looks, by an instance that knows the list already.
        let bench = Bench::new(bench.dialect).with("fields", json!({"experiment_title": "ProjectID"}));
        let bench = busy()(bench);
        let plugin = bench.plugin();
        assert_eq!(super::bench::word(&plugin.reservations(&bench.call(), &[asked()]).unwrap()[0]), "1");
        bench.site.remove_column(TITAN, "ProjectID");
        let later = on_day("09:30", "11:00");
        let told = match plugin.reservations(&bench.call(), &[later]) {
            Err(error) => error.message,
            Ok(mut answers) => match answers.remove(0) {
                ReservationAnswer::Failed(error) => error.message,
                // Still known from the first question.
                ReservationAnswer::Reservation(_) => "ProjectID".to_owned(),
                other => panic!("{other:?}"),
            },
        };
        assert!(told.contains("ProjectID"), "{told}");
    });
}

#[test]
fn a_filter_that_finds_nothing_where_there_is_something_is_not_believed() {
    let bench = busy()(Bench::new(Dialect::Graph));
    bench.site.habits(|habits| habits.filters_find_nothing = true);
    assert_eq!(bench.outcome(&asked()), "1");
}

#[test]
fn people_are_known_without_the_list_of_users_too() {
    let bench = Bench::new(Dialect::Graph);
    let mut made = item(1, "09:00", "12:00").by(13);
    made.people.clear();
    let bench = bench.holding([made]);
    bench.site.habits(|habits| habits.refuse_user_list = true);
    let found = bench.found(&asked());
    assert_eq!(found.username.as_deref(), Some("bob@example.org"), "what Graph tells of who made it");
    assert_eq!(found.user_full_name.as_deref(), Some("Noyce, Bob"));
}

#[test]
fn a_call_that_is_over_asks_nothing() {
    both(|bench| {
        let call = bench.call();
        call.cancel.cancel();
        match bench.plugin().reservations(&call, &[asked()]) {
            Err(error) => assert_eq!(error.class, FailureClass::Transient),
            Ok(answers) => assert!(matches!(&answers[0], ReservationAnswer::Failed(_)), "{answers:?}"),
        }
        assert_eq!(bench.requests(), 0);
        assert_eq!(bench.settings["auth"], Value::from("none"));
    });
}

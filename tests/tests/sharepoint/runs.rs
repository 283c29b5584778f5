//! Whole runs: a logbook whose bookings stand in the calendar, and a calendar whose events are the sessions.

use nexus_tests::fake_sharepoint::{Item, Kind};
use nexus_tests::fault::{Fault, Rule};
use nexus_tests::http::Response;
use serde_json::{Value, json};

use super::bench::{BOTH, Bench, Dialect, SEM, TITAN, both};
use super::facility::{Site, Source, moment};
use super::signin::entering;

/// A booking of October 2026 with everything in it.
fn booking(id: u64, from: &str, to: &str) -> Item {
    Item::new(id, &format!("Booking {id}"), &at(from), &at(to))
        .by(12)
        .with("Title_x0020_of_x0020_Experiment", json!(format!("EELS of Pt & \"Ni\" {id}")))
        .with("Experiment_x0020_Purpose", json!("<p>Composition &amp; map</p>"))
        .with("Sample_x0020_Details", json!("<div>nanoparticles of 伊藤</div>"))
        .with("ProjectID", json!("P-042"))
}

fn at(text: &str) -> String {
    format!("2026-10-{text}:00Z")
}

/// A facility whose log has one session, `s-1` of Ada's on the 28th from 14:00 to 16:00 (UTC).
fn logging(bench: Bench) -> Site {
    let site = Site::new(bench, Source::Log);
    site.session("s-1", "ada", &at("28T14:00"), &at("28T16:00"));
    site
}

#[test]
fn a_session_of_the_log_gets_the_record_of_its_booking() {
    both(|bench| {
        let bench =
            bench.holding([booking(470, "28T13:30", "28T16:30"), booking(471, "28T15:50", "28T20:00")]);
        let site = logging(bench);
        let report = site.run();
        let outcome = site.outcome("s-1");
        assert_eq!(outcome.status, "COMPLETED", "{report:?} {outcome:?}");
        for text in [
            "EELS of Pt &amp; \"Ni\" 470",
            "Lovelace, Ada",
            "nanoparticles of 伊藤",
            "Composition &amp; map",
            "P-042",
            "<reservationStart>2026-10-28T09:30:00-04:00</reservationStart>",
            "<reservationEnd>2026-10-28T12:30:00-04:00</reservationEnd>",
        ] {
            assert!(outcome.record.contains(text), "{text}: {}", outcome.record);
        }
        assert_eq!(site.delivered(), 1);
        // Nothing is left to do.
        assert_eq!(site.run().build.planned, 0);
        assert_eq!(site.delivered(), 1);
    });
}

#[test]
fn every_session_ends_as_its_booking_says() {
    both(|bench| {
        let mut unanswered = booking(3, "28T09:00", "28T10:00");
        unanswered.columns.remove("DataConsent");
        let bench = bench.holding([
            booking(1, "28T05:00", "28T06:00"),
            booking(2, "28T07:00", "28T08:00").consent(json!("Disagree")),
            unanswered,
            booking(4, "28T11:00", "28T12:00").cancelled(),
            booking(5, "28T13:00", "28T14:00").by(13),
        ]);
        let site = Site::new(bench, Source::Log);
        for (id, from, to) in [
            ("fine", "28T05:10", "28T05:50"),
            ("refused", "28T07:10", "28T07:50"),
            ("silent", "28T09:10", "28T09:50"),
            ("cancelled", "28T11:10", "28T11:50"),
            ("bobs", "28T13:10", "28T13:50"),
            ("free", "28T15:10", "28T15:50"),
        ] {
            site.session(id, "ada", &at(from), &at(to));
        }
        site.run();
        let status = |id| site.status(id);
        assert_eq!(
            ["fine", "refused", "silent", "cancelled", "bobs", "free"].map(status),
            ["COMPLETED", "NO_CONSENT", "NO_CONSENT", "NO_RESERVATION", "COMPLETED", "NO_RESERVATION"]
        );
        assert!(site.outcome("refused").reason.contains("Disagree"));
        assert_eq!(site.delivered(), 2);
    });
}

#[test]
fn whole_days_and_nights_around_a_change_of_the_clock() {
    both(|bench| {
        let all_day = |id, day: &str| {
            Item::new(id, "All day", &format!("{day}T00:00:00Z"), &format!("{day}T23:59:00Z"))
                .by(12)
                .all_day()
        };
        let bench = bench.holding([
            all_day(1, "2026-03-08"),
            all_day(2, "2025-11-02"),
            Item::new(3, "Night", "2026-03-15T02:00:00Z", "2026-03-15T14:00:00Z").by(12),
        ]);
        let site = Site::new(bench, Source::Log);
        // The last hour of the short day, and of the long one.
        site.session("short", "ada", "2026-03-09T03:10:00Z", "2026-03-09T03:50:00Z");
        site.session("long", "ada", "2025-11-03T04:10:00Z", "2025-11-03T04:50:00Z");
        site.session("after", "ada", "2025-11-03T05:10:00Z", "2025-11-03T05:50:00Z");
        site.session("night", "ada", "2026-03-15T05:10:00Z", "2026-03-15T06:50:00Z");
        site.run();
        let status = |id| site.status(id);
        assert_eq!(
            ["short", "long", "after", "night"].map(status),
            ["COMPLETED", "COMPLETED", "NO_RESERVATION", "COMPLETED"]
        );
        let record = site.outcome("short").record;
        assert!(
            record.contains("<reservationStart>2026-03-08T00:00:00-05:00</reservationStart>"),
            "{record}"
        );
        assert!(record.contains("<reservationEnd>2026-03-09T00:00:00-04:00</reservationEnd>"), "{record}");
    });
}

#[test]
fn a_storm_leaves_the_session_as_it_is_for_the_next_run() {
    both(|bench| {
        for status in [429, 503] {
            let site = logging(Bench::new(bench.dialect).holding([booking(470, "28T13:30", "28T16:30")]));
            let answer = Response::json(status, &Value::Null).with_header("Retry-After", "20".to_owned());
            site.bench.site.server.fail(Rule::on("/", Fault::Answer(answer)));
            let report = site.run();
            let outcome = site.outcome("s-1");
            assert_eq!(outcome.status, "TO_BE_BUILT", "{report:?}");
            assert!(outcome.waiting.contains("calendar"), "{outcome:?}");
            let asked = site.bench.requests();
            assert!(asked <= 15, "{asked} requests into the storm");
            site.bench.site.server.heal();
            site.run();
            assert_eq!(site.status("s-1"), "COMPLETED");
            assert_eq!(site.delivered(), 1);
        }
    });
}

#[test]
fn a_server_that_cannot_be_reached_settles_nothing() {
    both(|bench| {
        let mut site = logging(bench.holding([booking(470, "28T13:30", "28T16:30")]));
        let address = site.bench.settings["address"].clone();
        site.bench.settings["address"] = json!("http://127.0.0.1:1/sites/microscopy");
        site.run();
        assert_eq!(site.status("s-1"), "TO_BE_BUILT");
        site.bench.settings["address"] = address;
        site.bench.site.server.fail(Rule::on("/", Fault::DropBefore));
        site.run();
        assert_eq!(site.status("s-1"), "TO_BE_BUILT");
        site.bench.site.server.heal();
        site.run();
        assert_eq!(site.status("s-1"), "COMPLETED");
    });
}

#[test]
fn wrong_credentials_settle_nothing_and_a_person_is_told() {
    for (dialect, auth, key) in [
        (Dialect::Rest, "basic", "password"),
        (Dialect::Rest, "bearer", "token"),
        (Dialect::Graph, "client_secret", "client_secret"),
    ] {
        let bench = entering(Bench::new(dialect), auth).holding([booking(470, "28T13:30", "28T16:30")]);
        let right = bench.settings[key].clone();
        let mut site = logging(bench.with(key, json!("not-the-right-one")));
        let report = site.run();
        assert_eq!(site.status("s-1"), "TO_BE_BUILT", "{report:?}");
        assert!(report.needs_person.iter().any(|text| text.contains("calendar")), "{report:?}");
        site.bench.settings[key] = right;
        site.run();
        assert_eq!(site.status("s-1"), "COMPLETED", "{auth}");
    }
}

#[test]
fn a_token_that_ends_midway_costs_nothing() {
    for (dialect, auth) in [(Dialect::Graph, "client_secret"), (Dialect::Rest, "client_certificate")] {
        let bench = entering(Bench::new(dialect), auth);
        let days: Vec<u64> = (1..=28).collect();
        let bench = bench.holding(
            days.iter().map(|day| booking(*day, &format!("{day:02}T13:00"), &format!("{day:02}T15:00"))),
        );
        bench.site.habits(|habits| habits.page = 4);
        bench.site.tokens_last(Some(5));
        let site = Site::new(bench, Source::Log);
        for day in &days {
            site.session(
                &format!("s-{day}"),
                "ada",
                &at(&format!("{day:02}T13:10")),
                &at(&format!("{day:02}T14:10")),
            );
        }
        let report = site.run();
        assert_eq!(report.build.built, 28, "{auth}: {report:?}");
        assert!(site.bench.site.tokens_asked() >= 2, "{auth}");
        assert_eq!(site.delivered(), 28);
    }
}

#[test]
fn a_list_or_a_column_that_is_gone_costs_its_own_instrument() {
    both(|bench| {
        let bench = bench.holding([booking(470, "28T13:30", "28T16:30")]);
        bench.site.put(SEM, booking(2, "28T13:30", "28T16:30"));
        bench.site.remove_column(SEM, "DataConsent");
        let site = logging(bench);
        site.session_on("SEM", "s-2", "ada", &at("28T14:00"), &at("28T16:00"));
        let report = site.run();
        assert_eq!([site.status("s-1"), site.status("s-2")], ["COMPLETED", "TO_BE_BUILT"], "{report:?}");
        assert!(report.needs_person.iter().any(|text| text.contains("DataConsent")), "{report:?}");
        site.bench.site.remove_list(SEM);
        let report = site.run();
        assert_eq!(site.status("s-2"), "TO_BE_BUILT", "{report:?}");
        assert!(report.needs_person.iter().any(|text| text.contains("SEM")), "{report:?}");
    });
}

#[test]
fn a_strict_facility_takes_nobody_elses_booking() {
    both(|bench| {
        let bench = bench.holding([booking(1, "28T13:00", "28T17:00").by(13)]).with("same_user", json!(true));
        let site = logging(bench);
        site.session("bobs", "BOB", &at("28T14:00"), &at("28T16:00"));
        site.run();
        assert_eq!([site.status("s-1"), site.status("bobs")], ["NO_RESERVATION", "COMPLETED"]);
    });
}

/// A facility whose sessions are the events of the calendar, with a file for each day at 14:05 (UTC).
fn from_calendar(bench: Bench) -> Site {
    let site = Site::new(bench.with("timezone", json!("America/New_York")), Source::Calendar);
    for day in 25..=30 {
        site.file("TITAN", &format!("day-{day}"), moment(&at(&format!("{day}T14:05"))));
    }
    site
}

#[test]
fn events_become_records_once() {
    both(|bench| {
        let series = booking(9, "26T14:00", "27T15:00").repeating(
            3600,
            "<repeat><daily dayFrequency=\"1\"/></repeat><repeatInstances>2</repeatInstances>",
        );
        let bench = bench.holding([
            booking(1, "28T14:00", "28T15:00"),
            booking(2, "29T14:00", "29T15:00").consent(json!("Disagree")).by(13),
            booking(3, "30T14:00", "30T15:00").cancelled(),
            // Nobody saved anything: too early to say so.
            booking(4, "30T18:00", "30T19:00"),
            series,
        ]);
        let site = from_calendar(bench);
        let report = site.run();
        let sessions = site.sessions();
        assert_eq!(sessions.len(), 5, "{sessions:#?} {report:?}");
        let users: Vec<_> = sessions.iter().map(|one| one[1].as_str()).collect();
        assert_eq!(users, ["ada", "ada", "ada", "bob", "ada"]);
        let statuses: Vec<_> = sessions.iter().map(|one| site.status(&one[0])).collect();
        assert_eq!(
            statuses,
            ["COMPLETED", "COMPLETED", "COMPLETED", "NO_CONSENT", "TO_BE_BUILT"],
            "{report:?}"
        );
        assert!(sessions.iter().all(|one| one[0].len() <= 36));
        assert!(site.outcome(&sessions[2][0]).record.contains("EELS of Pt &amp; \"Ni\" 1"));
        assert_eq!(site.delivered(), 3);
        let rows = site.count("session_log");
        let report = site.run();
        assert_eq!(report.harvest[&"calendar".into()].new, 0, "{report:?}");
        assert_eq!((site.sessions(), site.count("session_log"), site.delivered()), (sessions, rows, 3));
    });
}

#[test]
fn an_event_that_moves_before_the_build_takes_its_session_along() {
    both(|bench| {
        let bench = bench.holding([booking(1, "28T18:00", "28T19:00")]);
        let site = from_calendar(bench);
        site.harvest();
        let before = site.sessions();
        site.bench.site.put(TITAN, booking(1, "28T14:00", "28T15:00"));
        site.run();
        let after = site.sessions();
        assert_eq!((before.len(), after.len()), (1, 1));
        assert_eq!(before[0][0], after[0][0]);
        assert_ne!(before[0][2], after[0][2]);
        assert_eq!(site.status(&after[0][0]), "COMPLETED");
        // After the build it is only reported.
        site.bench.site.put(TITAN, booking(1, "28T20:00", "28T21:00"));
        site.run();
        site.run();
        assert_eq!(site.sessions(), after);
        assert_eq!((site.status(&after[0][0]), site.delivered()), ("COMPLETED".into(), 1));
    });
}

#[test]
fn events_that_are_cancelled_or_vanish_follow_the_rules_of_all_sources() {
    both(|bench| {
        let bench = bench.holding([
            booking(1, "28T14:00", "28T15:00"),
            booking(2, "30T10:00", "30T11:00"),
            booking(3, "30T18:00", "30T19:00"),
        ]);
        let site = from_calendar(bench);
        site.run();
        let sessions = site.sessions();
        let of = |at: usize| site.status(&sessions[at][0]);
        assert_eq!([of(0), of(1), of(2)], ["COMPLETED", "TO_BE_BUILT", "TO_BE_BUILT"]);
        // Two go away, one of them built; one is cancelled.
        site.bench.site.remove(TITAN, 1);
        site.bench.site.remove(TITAN, 2);
        site.bench.site.put(TITAN, booking(3, "30T18:00", "30T19:00").cancelled());
        site.run();
        site.run();
        assert_eq!(
            [of(0), of(1), of(2)],
            ["COMPLETED", "NO_RESERVATION", "NO_RESERVATION"],
            "{:?}",
            site.outcome(&sessions[1][0])
        );
        assert_eq!((site.sessions().len(), site.delivered()), (3, 1));
    });
}

#[test]
fn a_storm_does_not_look_as_if_events_had_vanished() {
    both(|bench| {
        let bench = bench.holding([booking(1, "28T18:00", "28T19:00"), booking(2, "28T14:00", "28T15:00")]);
        let site = from_calendar(bench);
        site.harvest();
        let sessions = site.sessions();
        for fault in [
            Fault::Html(503),
            Fault::Html(401),
            Fault::Json(200, "{}".into()),
            Fault::DropBefore,
            Fault::Html(200),
        ] {
            site.bench.site.server.fail(Rule::on("/", fault));
            let report = site.run();
            let counts = &report.harvest[&"calendar".into()];
            assert!(counts.failed.is_some() || counts.rejected.len() == 2, "{report:?}");
            site.bench.site.server.heal();
        }
        for session in &sessions {
            assert_eq!(site.status(&session[0]), "TO_BE_BUILT");
        }
        site.run();
        assert_eq!(site.sessions(), sessions);
        assert_eq!(site.delivered(), 1);
    });
}

#[test]
fn an_audit_tells_what_lies_behind_the_look_back_and_where_the_calendar_is_not_over_yet() {
    both(|bench| {
        let bench = bench.holding([
            booking(1, "28T14:00", "28T15:00"),
            booking(2, "29T14:00", "29T15:00").consent(json!("Disagree")),
            booking(3, "30T14:00", "30T15:00").cancelled(),
            // Older than what the first harvest reads.
            booking(4, "12T14:00", "12T15:00"),
        ]);
        let site = from_calendar(bench);
        site.run();
        let report = site.audit();
        let sum = &report.sum;
        assert_eq!(
            (sum.all_settled(), sum.cancelled, sum.missing, report.events),
            (2, 1, 1, 4),
            "{report:#?}"
        );
        assert_eq!(
            report.remedy.as_deref().unwrap(),
            "nexus harvest --since 2026-10-12T15:00Z --until 2026-10-12T15:01Z"
        );
        // It waits an hour until an event is over for good: nothing that anybody need do.
        assert!(report.not_proved.is_empty(), "{report:?}");
        assert!(
            report.notes[0].ends_with("it tells nothing yet of what ended at 2026-11-01 00:00 UTC or later")
        );
    });
}

#[test]
fn events_that_grew_too_old_for_a_look_back_did_not_vanish() {
    both(|bench| {
        let bench = bench.holding([booking(1, "26T18:00", "26T19:00")]);
        let site = from_calendar(bench);
        site.harvest();
        let sessions = site.sessions();
        assert_eq!(sessions.len(), 1);
        site.clock.advance(chrono::TimeDelta::days(3));
        site.file("TITAN", "late", moment(&at("26T18:05")));
        site.run();
        site.run();
        assert_eq!(site.status(&sessions[0][0]), "COMPLETED");
    });
}

#[test]
fn a_margin_catches_files_from_before_and_after_the_booking() {
    both(|bench| {
        let bench = bench.holding([booking(1, "28T14:30", "28T15:00")]).with("before", json!("30 min"));
        let site = from_calendar(bench);
        site.run();
        let sessions = site.sessions();
        assert_eq!(site.status(&sessions[0][0]), "COMPLETED");
        assert!(site.outcome(&sessions[0][0]).record.contains("day-28.txt"));
    });
}

#[test]
fn two_instruments_of_one_calendar_and_one_that_is_gone() {
    for dialect in BOTH {
        let bench = Bench::new(dialect).holding([booking(1, "28T14:00", "28T15:00")]);
        bench.site.put(SEM, booking(1, "28T14:00", "28T15:00"));
        bench.site.put_column(SEM, "Note", Kind::Text);
        let site = from_calendar(bench);
        site.file("SEM", "sem", moment(&at("28T14:05")));
        site.run();
        assert_eq!(site.sessions().len(), 2);
        site.bench.site.remove_list(SEM);
        site.bench.site.put(TITAN, booking(2, "29T14:00", "29T15:00"));
        let report = site.run();
        assert_eq!(site.sessions().len(), 3, "{report:?}");
        assert_eq!(site.delivered(), 3);
        let told = format!("{:?} {:?}", report.harvest, report.needs_person);
        assert!(told.contains("SEM"), "{told}");
    }
}

#[test]
fn an_event_that_moves_into_the_time_to_come_waits_for_it() {
    both(|bench| {
        let bench = bench.holding([booking(1, "28T14:00", "28T15:00")]);
        let site = from_calendar(bench);
        site.harvest();
        let before = site.sessions();
        let later = Item::new(1, "Booking 1", "2026-11-05T14:00:00Z", "2026-11-05T15:00:00Z").by(12);
        site.bench.site.put(TITAN, later);
        for _ in 0..3 {
            site.run();
            assert_eq!(site.delivered(), 0, "nobody was there at the old time");
        }
        site.clock.advance(chrono::TimeDelta::days(5));
        site.file("TITAN", "there", moment("2026-11-05T14:05:00Z"));
        let report = site.run();
        let after = site.sessions();
        assert_eq!((before.len(), after.len()), (1, 1), "{after:?}");
        assert_eq!(before[0][0], after[0][0]);
        assert_eq!(site.status(&after[0][0]), "COMPLETED", "{report:?} {:?}", site.outcome(&after[0][0]));
        assert!(site.outcome(&after[0][0]).record.contains("there.txt"));
    });
}

#[test]
fn a_run_with_ten_thousand_items_asks_a_few_times() {
    let bench = Bench::new(Dialect::Rest);
    let first = moment("2024-01-01T00:00:00Z");
    for number in 1..=10_000 {
        let from = first + chrono::TimeDelta::minutes(130 * i64::try_from(number).unwrap());
        let to = from + chrono::TimeDelta::minutes(120);
        bench.site.put(TITAN, Item::new(number, "x", &from.to_rfc3339(), &to.to_rfc3339()).by(12));
    }
    bench.site.index(TITAN, &["EventDate", "EndDate", "MasterSeriesItemID"]);
    let site = Site::new(bench, Source::Log);
    for number in (9_000_u64..9_900).step_by(3) {
        let from = first + chrono::TimeDelta::minutes(130 * i64::try_from(number).unwrap() + 10);
        let to = from + chrono::TimeDelta::minutes(90);
        site.session(&format!("s-{number}"), "ada", &from.to_rfc3339(), &to.to_rfc3339());
    }
    let report = site.run();
    assert_eq!(report.build.built, 300, "{report:?}");
    let asked = site.bench.requests();
    assert!(asked <= 8, "{asked} requests for 300 sessions");
    println!("{asked} requests for 300 sessions among 10,000 items");
}

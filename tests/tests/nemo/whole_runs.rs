//! Whole runs of a facility that asks a NEMO server.

use chrono::Duration;
use nexus_tests::fake_cdcs::{self, FakeCdcs};
use nexus_tests::fake_nemo::{Person, Reservation, UsageEvent, questions};
use nexus_tests::nemo_facility::NemoFacility;
use nexus_tests::nemo_table::{self, TOOL, rows};

use super::bench::{Bench, event, origin};

/// What has been asked of the server since the last look, by endpoint.
fn asked(bench: &Bench) -> Vec<String> {
    let asked = bench.nemo.server.requests().into_iter().map(|request| request.path).collect();
    bench.nemo.server.forget_requests();
    asked
}

#[test]
fn every_row_of_the_table_ends_as_it_says() {
    let bench = Bench::new();
    let rows = rows();
    assert!(rows.len() >= 90);
    nemo_table::put(&bench.nemo, &rows);
    let facility = NemoFacility::new(&bench.nemo.api(), &[TOOL]);
    facility.put_files(&rows);
    let report = facility.run();
    assert_eq!(report.build.planned, rows.len() as u64);
    nemo_table::compare_outcomes(&rows, &facility.outcomes(&rows));
}

#[test]
fn five_hundred_sessions_take_a_handful_of_requests() {
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
    let facility = NemoFacility::new(&bench.nemo.api(), &tools);
    let report = facility.harvest();
    assert_eq!(report.harvest[&"nemo-main".into()].new, 500);
    let new = asked(&bench);
    assert!(new.len() <= 10, "500 new sessions took {new:?}");

    let report = facility.run();
    assert_eq!((report.build.planned, report.build.no_files), (500, 500), "{report:?}");
    let built = asked(&bench);
    assert!(built.len() <= 3 + 10, "a harvest of nothing new and 500 reservations took {built:?}");

    let report = facility.run();
    assert_eq!(report.build.planned, 0);
    let idle = asked(&bench);
    assert!(idle.len() <= 3, "nothing new took {idle:?}");
}

#[test]
fn a_right_that_is_missing_settles_nothing_until_it_is_given() {
    let bench = Bench::new();
    bench.nemo.put_event(event(1, 1).with_run_data(&questions("Agree", "at the tool")));
    let booking = Reservation::new(2, 1, 3, event(2, 1).start, Duration::hours(1));
    bench.nemo.put_reservation(booking.with_answers(questions("Agree", "booked")));
    bench.nemo.put_event(event(2, 1));
    let facility = NemoFacility::new(&bench.nemo.api(), &[1]);
    for id in [1, 2] {
        facility.put_file(1, &id.to_string(), event(id, 1).start + Duration::minutes(5));
    }
    bench.nemo.forbid("usage_events");
    let report = facility.run();
    assert!(report.harvest[&"nemo-main".into()].failed.as_deref().unwrap().contains("view_usageevent"));
    assert_eq!(facility.sessions(), []);

    bench.nemo.allow_all();
    bench.nemo.forbid("reservations");
    let report = facility.run();
    assert!(report.needs_person.iter().any(|text| text.contains("view_reservation")), "{report:?}");
    let status = |id| facility.outcome(id).unwrap().status;
    assert_eq!(status(2), "TO_BE_BUILT");

    bench.nemo.allow_all();
    facility.run();
    assert_eq!((status(1), status(2)), ("COMPLETED".into(), "COMPLETED".into()));
}

#[test]
fn a_server_that_goes_away_midway_costs_nothing() {
    let bench = Bench::new();
    for id in 1..=5 {
        bench.nemo.put_event(event(id, 1).with_run_data(&questions("Agree", "t")));
    }
    let mut facility = NemoFacility::new(&bench.nemo.api(), &[1]);
    for id in 1..=5 {
        facility.put_file(1, &id.to_string(), event(id, 1).start + Duration::minutes(5));
    }
    assert_eq!(facility.harvest().harvest[&"nemo-main".into()].new, 5);
    let real = std::mem::replace(&mut facility.api, "http://127.0.0.1:1/api/".to_owned());
    facility.settings = format!("aliases = [\"{real}\"]\n");
    facility.plugin = bench.tuned();
    let report = facility.run();
    assert!(report.harvest[&"nemo-main".into()].failed.is_some());
    assert_eq!(report.build.settled(), 0, "{report:?}");
    facility.api = real;
    facility.settings.clear();
    assert_eq!(facility.run().build.built, 5);
    assert_eq!(facility.sessions().len(), 5);
}

#[test]
fn what_changes_between_two_harvests_is_followed() {
    let bench = Bench::new();
    let agreed = questions("Agree", "t");
    for id in 1..=3 {
        bench.nemo.put_event(event(id, 1).with_run_data(&agreed));
    }
    bench.nemo.put_event(UsageEvent { end: None, ..event(4, 1).with_run_data(&agreed) });
    let facility = NemoFacility::new(&bench.nemo.api(), &[1, 2]);
    assert_eq!(facility.harvest().harvest[&"nemo-main".into()].new, 3);
    let longer = UsageEvent { end: Some(event(1, 1).start + Duration::minutes(75)), ..event(1, 1) };
    bench.nemo.put_event(longer.with_run_data(&agreed));
    bench.nemo.remove_event(2);
    bench.nemo.put_event(UsageEvent { tool: 2, user: 4, ..event(3, 1) }.with_run_data(&agreed));
    bench.nemo.put_event(event(4, 1).with_run_data(&agreed));
    facility.put_file(1, "late", event(1, 1).start + Duration::minutes(70));
    facility.put_file(2, "moved", event(3, 1).start + Duration::minutes(5));
    facility.put_file(1, "ended", event(4, 1).start + Duration::minutes(5));
    let counts = facility.harvest().harvest[&"nemo-main".into()].clone();
    assert_eq!((counts.new, counts.revised), (1, 2), "{counts:?}");
    facility.run();
    let status = |id| facility.outcome(id).unwrap().status;
    assert_eq!([status(1), status(3), status(4)], ["COMPLETED", "COMPLETED", "COMPLETED"]);
    assert_eq!(facility.outcome(3).unwrap().user, "staff");
    let gone = facility.outcome(2).unwrap();
    assert_eq!(gone.status, "NO_RESERVATION");
    assert!(gone.reason.contains("no longer at its source"), "{gone:?}");
}

#[test]
fn an_event_that_is_changed_after_its_record_was_delivered_changes_that_record() {
    let bench = Bench::new();
    let agreed = questions("Agree", "t");
    bench.nemo.put_event(event(1, 1).with_run_data(&agreed));
    bench.nemo.put_event(event(2, 1).with_run_data(&agreed));
    let site = FakeCdcs::start();
    let mut facility = NemoFacility::new(&bench.nemo.api(), &[1]);
    facility.build = "on_revision = \"rebuild\"".to_owned();
    facility.destinations = format!(
        "[destinations.cdcs]\nplugin = \"cdcs\"\nurl = \"{}\"\ntoken = {{ value = \"{}\" }}\n",
        site.url(),
        fake_cdcs::TOKEN
    );
    for id in [1, 2] {
        facility.put_file(1, &format!("{id}_early"), event(id, 1).start + Duration::minutes(5));
    }
    facility.put_file(1, "1_late", event(1, 1).start + Duration::minutes(70));
    facility.run();
    let record = || {
        let records = site.records();
        assert_eq!(records.len(), 2, "{records:#?}");
        records.into_iter().find(|record| record.content.contains("1_early.txt")).unwrap()
    };
    let before = record();
    assert!(!before.content.contains("1_late.txt"));

    let longer = UsageEvent { end: Some(event(1, 1).start + Duration::minutes(75)), user: 4, ..event(1, 1) };
    bench.nemo.put_event(longer.clone().with_run_data(&agreed));
    let report = facility.run();
    assert_eq!(report.harvest[&"nemo-main".into()].follow, 1, "{report:?}");
    let after = record();
    assert_eq!((after.id, &after.title), (before.id, &before.title), "the same record");
    assert!(after.content.contains("1_late.txt"), "{}", after.content);
    let outcome = facility.outcome(1).unwrap();
    assert_eq!((outcome.status.as_str(), outcome.user.as_str()), ("COMPLETED", "staff"));
    assert!(facility.audit(event(1, 1).start).accounted_for);

    // Nobody used the instrument at all: the record stays, and somebody is told.
    bench.nemo.put_event(UsageEvent { user: 3, ..longer }.with_run_data(&agreed));
    facility.harvest();
    bench.nemo.remove_event(1);
    let told: u64 = (0..3).map(|_| facility.run().harvest[&"nemo-main".into()].gone_late).sum();
    assert_eq!((told, record().content), (1, after.content));
    assert_eq!(facility.outcome(1).unwrap().user, "staff");
}

#[test]
fn a_tool_that_is_deleted_costs_its_own_sessions_alone() {
    let bench = Bench::new();
    for (id, tool) in [(1, 1), (2, 2)] {
        bench.nemo.put_event(event(id, tool).with_run_data(&questions("Agree", "t")));
    }
    let facility = NemoFacility::new(&bench.nemo.api(), &[1, 2]);
    facility.put_file(1, "a", event(1, 1).start + Duration::minutes(5));
    facility.harvest();
    bench.nemo.remove_tool(2);
    bench.nemo.put_event(event(3, 1).with_run_data(&questions("Agree", "t")));
    facility.put_file(1, "b", event(3, 1).start + Duration::minutes(5));
    let report = facility.run();
    let counts = &report.harvest[&"nemo-main".into()];
    assert!(counts.failed.is_none() && counts.new == 1, "{counts:?}");
    let status = |id| facility.outcome(id).unwrap().status;
    assert_eq!([status(1), status(3)], ["COMPLETED", "COMPLETED"]);
    assert!(origin() < event(1, 1).start);
}

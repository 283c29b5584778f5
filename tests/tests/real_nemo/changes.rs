//! What happens to NEMO between two runs and in the middle of one.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Duration, Utc};
use nexus_core::session::RecordStatus;
use nexus_plugin_api::{Call, HarvestRequest, Instance, Plugin as _};
use nexus_plugin_nemo::Tuned;
use nexus_tests::fake_nemo::{Reservation, UsageEvent, questions};
use nexus_tests::real_nemo::RealNemo;
use serde_json::json;

use super::bench::{Bench, Harvest, origin};
use super::site::{Helping, Site};
use super::{RIGHTS, facility};

/// Events of tools 1 and 2 with consent, one a day for each.
fn busy(events: std::ops::RangeInclusive<u64>) -> Bench {
    let bench = Bench::new();
    for id in events {
        bench.nemo.put_event(agreed(id));
    }
    bench
}

/// Odd numbers are of tool 1, even ones of tool 2.
fn agreed(id: u64) -> UsageEvent {
    let event = UsageEvent::new(id, 2 - id % 2, 3, start(id), Duration::hours(1));
    event.with_run_data(&questions("Agree", &format!("Title {id}")))
}

fn start(id: u64) -> DateTime<Utc> {
    origin() + Duration::days(i64::try_from(id).unwrap())
}

/// A moment at which the sessions up to this one are over, and the last few may still get files.
fn soon_after(id: u64) -> DateTime<Utc> {
    start(id) + Duration::hours(3)
}

#[test]
fn a_server_that_restarts_between_two_pages_costs_a_pause() {
    let (bench, rows) = facility(1_000);
    let Some(real) = RealNemo::start(&bench.nemo.dump(&RIGHTS)) else { return };
    let api = real.api();
    let real = Arc::new(Mutex::new(real));
    let pause = Helping::new();
    let tuned = Tuned { pause: Arc::<Helping>::clone(&pause), page_size: 200, page_events: 200 };
    let mut settings = bench.settings.clone();
    settings["address"] = json!(api);
    let Instance::Harvester(plugin) = tuned.create(&settings).unwrap() else { panic!("no harvester") };
    let mut request = bench.question(&[1, 2], None);
    for query in &mut request.instruments {
        query.instrument.api_url = query.instrument.api_url.replace(&bench.nemo.api(), &api);
    }
    let mut harvest = Harvest::default();
    loop {
        let page = plugin.harvest(&Call::unlimited("/nowhere"), &request).unwrap();
        let more = page.more.clone();
        harvest.pages.push(page);
        if more.is_none() {
            break;
        }
        request = HarvestRequest { page: more, ..request };
        if harvest.pages.len() == 2 {
            real.lock().unwrap().site.stop();
            *pause.server.lock().unwrap() = Some(Arc::clone(&real));
        }
    }
    assert!(harvest.pages.len() > 2, "{} pages", harvest.pages.len());
    assert_eq!(pause.waited.lock().unwrap().len(), 1, "one pause for one restart");
    let ids = harvest.ids();
    let mut once = ids.clone();
    once.dedup();
    assert_eq!((ids.len(), once.len()), (rows.len() + 900 + 1, rows.len() + 900 + 1));
    assert!(harvest.is_complete(1) && harvest.is_complete(2), "{:?}", harvest.last().instruments);
}

#[test]
fn what_a_stopped_server_kept_from_a_run_the_next_run_does() {
    let bench = busy(1..=6);
    let Some(mut real) = RealNemo::start(&bench.nemo.dump(&RIGHTS)) else { return };
    let site = Site::new(real.api(), &[1, 2], Helping::new(), soon_after(6) + Duration::days(3));
    for id in 1..=6 {
        site.file(2 - id % 2, &format!("image{id}"), start(id) + Duration::minutes(5));
    }
    site.lab.harvest();
    real.site.stop();
    let report = site.lab.run();
    let told = format!("{report:?}");
    assert!(report.harvest.values().any(|counts| counts.failed.is_some()), "{told}");
    for id in 1..=6 {
        assert_eq!(
            site.status(id),
            Some(RecordStatus::ToBeBuilt),
            "nothing is settled by a dead server: {told}"
        );
    }
    real.site.start();
    let report = site.lab.run();
    for id in 1..=6 {
        assert_eq!(site.status(id), Some(RecordStatus::Completed), "{report:?}");
    }
    assert_eq!(report.build.built, 6);
}

#[test]
fn a_token_that_lacks_a_right_settles_nothing() {
    let bench = busy(1..=1);
    let booked = UsageEvent::new(2, 2, 3, start(2), Duration::hours(1));
    let booking = Reservation::new(20, 2, 3, booked.start, Duration::hours(2));
    bench.nemo.put_reservation(booking.with_answers(questions("Agree", "Booked")));
    bench.nemo.put_event(booked);
    let Some(real) = RealNemo::start(&bench.nemo.dump(&["tools", "users"])) else { return };
    let site = Site::new(real.api(), &[1, 2], Helping::new(), soon_after(2) + Duration::days(3));
    for id in 1..=2 {
        site.file(2 - id % 2, &format!("image{id}"), start(id) + Duration::minutes(5));
    }
    let grant = |right: &str| {
        real.administer(&format!(
            "from django.contrib.auth.models import Permission\n\
             User.objects.get(username='harvester').user_permissions.add(Permission.objects.get(codename='view_{right}'))"
        ));
    };

    let report = site.lab.run();
    let told = format!("{report:?}");
    assert!(told.contains("NEMO.view_usageevent"), "{told}");
    assert_eq!(site.status(1), None, "{told}");

    grant("usageevent");
    let report = site.lab.run();
    let told = format!("{report:?}");
    assert_eq!(site.status(2), Some(RecordStatus::ToBeBuilt), "{told}");
    assert!(told.contains("NEMO.view_reservation"), "{told}");

    grant("reservation");
    let report = site.lab.run();
    for id in 1..=2 {
        assert_eq!(site.status(id), Some(RecordStatus::Completed), "{report:?}");
    }
}

#[test]
fn a_deleted_tool_costs_the_other_nothing_and_takes_nothing_with_it() {
    let bench = busy(1..=4);
    let Some(real) = RealNemo::start(&bench.nemo.dump(&RIGHTS)) else { return };
    let site = Site::new(real.api(), &[1, 2], Helping::new(), soon_after(4));
    site.lab.run();
    let before: Vec<_> = (1..=4).map(|id| site.status(id)).collect();
    assert!(before.iter().all(Option::is_some), "{before:?}");

    // NEMO removes the events of a tool with it.
    real.administer("Tool.objects.get(id=2).delete()");
    real.administer(&new_event(5, 1));
    let mut told = String::new();
    for _ in 0..3 {
        site.pass(Duration::hours(1));
        writeln!(told, "{:?}", site.lab.run()).unwrap();
    }
    assert!(told.contains("TOOL-2"), "{told}");
    assert!(site.status(5).is_some(), "the other tool's new event: {told}");
    for id in [2, 4] {
        assert_eq!(site.state(id).gone_since, None, "an answer without the tool proves nothing: {told}");
        assert_eq!(site.state(id).outcome_code, None, "{told}");
    }
}

/// Statements that add a finished event with consent to a server.
fn new_event(id: u64, tool: u64) -> String {
    let answers = serde_json::to_string(&questions("Agree", "new").to_string()).unwrap();
    let (from, to) = (start(id).to_rfc3339(), (start(id) + Duration::hours(1)).to_rfc3339());
    format!(
        "UsageEvent.objects.create(id={id}, tool_id={tool}, user_id=3, operator_id=3, project_id=1, start='{from}', \
         end='{to}', has_ended={id}, run_data={answers})"
    )
}

#[test]
fn an_event_that_is_edited_moves_and_one_that_is_removed_needs_two_replies() {
    let bench = busy(1..=4);
    let Some(mut real) = RealNemo::start(&bench.nemo.dump(&RIGHTS)) else { return };
    let site = Site::new(real.api(), &[1, 2], Helping::new(), soon_after(4));
    let report = site.lab.run();
    for id in 3..=4 {
        assert_eq!(site.status(id), Some(RecordStatus::ToBeBuilt), "files may still come: {report:?}");
    }
    let before = site.times(3);

    let end = (start(3) + Duration::hours(2)).to_rfc3339();
    real.administer(&format!(
        "UsageEvent.objects.filter(id=3).update(end='{end}')\nUsageEvent.objects.get(id=4).delete()"
    ));
    site.pass(Duration::hours(1));
    let report = site.lab.run();
    let times = site.times(3);
    assert_eq!((times.len(), &times[0]), (2, &before[0]), "{report:?}");
    assert_eq!(DateTime::parse_from_rfc3339(&times[1]).unwrap(), start(3) + Duration::hours(2), "{report:?}");
    assert_eq!(site.status(4), Some(RecordStatus::ToBeBuilt), "one reply is not enough: {report:?}");
    assert!(site.state(4).gone_since.is_some(), "{report:?}");

    // No answer is no reply.
    real.site.stop();
    site.pass(Duration::hours(1));
    let report = site.lab.run();
    assert_eq!(site.status(4), Some(RecordStatus::ToBeBuilt), "{report:?}");

    real.site.start();
    site.pass(Duration::hours(1));
    let report = site.lab.run();
    assert_eq!(site.status(4), Some(RecordStatus::NoReservation), "{report:?}");
    assert_eq!(site.state(4).outcome_code.as_deref(), Some("event_gone"), "{report:?}");
    assert_eq!(site.status(3), Some(RecordStatus::ToBeBuilt), "{report:?}");
}

//! What happens to NEMO between two runs and in the middle of one.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration as StdDuration;

use chrono::{DateTime, Duration, Utc};
use nexus_core::report::RunReport;
use nexus_plugin_api::{Call, HarvestRequest, Instance, Plugin as _};
use nexus_plugin_nemo::Tuned;
use nexus_plugin_nemo::pause::Pause;
use nexus_tests::fake_nemo::{Reservation, UsageEvent, questions};
use nexus_tests::nemo_facility::NemoFacility;
use nexus_tests::real_nemo::RealNemo;
use serde_json::json;

use super::bench::{Bench, Harvest, origin};
use super::{RIGHTS, facility};

/// Waiting takes no time, and starts a server that was stopped.
#[derive(Default)]
struct Helping {
    /// The server that the next pause starts.
    stopped: Mutex<Option<Arc<Mutex<RealNemo>>>>,
    waited: Mutex<Vec<StdDuration>>,
}

impl Pause for Helping {
    fn now(&self) -> DateTime<Utc> {
        "2026-11-01T00:00:00Z".parse().unwrap()
    }

    fn wait(&self, _call: &Call, length: StdDuration) -> bool {
        self.waited.lock().unwrap().push(length);
        if let Some(server) = self.stopped.lock().unwrap().take() {
            server.lock().unwrap().site.start();
        }
        true
    }
}

/// Events with consent, one a day: odd numbers are of tool 1, even ones of tool 2.
fn agreed(id: u64) -> UsageEvent {
    let event = UsageEvent::new(id, 2 - id % 2, 3, start(id), Duration::hours(1));
    event.with_run_data(&questions("Agree", &format!("Title {id}")))
}

fn start(id: u64) -> DateTime<Utc> {
    origin() + Duration::days(i64::try_from(id).unwrap())
}

/// A server with these events, and a facility that asks it and has a file for each.
fn busy(
    events: std::ops::RangeInclusive<u64>,
    rights: &[&str],
    more: impl FnOnce(&Bench),
) -> Option<(RealNemo, NemoFacility)> {
    let bench = Bench::new();
    for id in events.clone() {
        bench.nemo.put_event(agreed(id));
    }
    more(&bench);
    let real = RealNemo::start(&bench.nemo.dump(rights))?;
    let mut facility = NemoFacility::new(&real.api(), &[1, 2]);
    facility.plugin =
        Arc::new(Tuned { pause: Arc::new(Helping::default()), page_size: 1_000, page_events: 5_000 });
    for id in events {
        facility.put_file(2 - id % 2, &format!("image{id}"), start(id) + Duration::minutes(5));
    }
    Some((real, facility))
}

fn statuses(facility: &NemoFacility, ids: impl IntoIterator<Item = u64>) -> Vec<String> {
    ids.into_iter().map(|id| facility.outcome(id).map(|one| one.status).unwrap_or_default()).collect()
}

fn failed(report: &RunReport) -> String {
    report.harvest[&"nemo-main".into()].failed.clone().unwrap_or_else(|| panic!("{report:?}"))
}

#[test]
fn a_server_that_restarts_between_two_pages_costs_a_pause() {
    let (bench, rows, _) = facility(1_000);
    let Some(real) = RealNemo::start(&bench.nemo.dump(&RIGHTS)) else { return };
    let api = real.api();
    let real = Arc::new(Mutex::new(real));
    let pause = Arc::<Helping>::default();
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
            *pause.stopped.lock().unwrap() = Some(Arc::clone(&real));
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
    let booked = |bench: &Bench| {
        bench.nemo.put_event(UsageEvent { run_data: None, ..agreed(6) });
        let booking = Reservation::new(60, 2, 3, start(6), Duration::hours(2));
        bench.nemo.put_reservation(booking.with_answers(questions("Agree", "Booked")));
    };
    let Some((mut real, facility)) = busy(1..=6, &RIGHTS, booked) else { return };
    facility.harvest();
    real.site.stop();
    let report = facility.run();
    failed(&report);
    assert_eq!(report.build.settled(), 0, "nothing is settled by a dead server: {report:?}");
    assert_eq!(statuses(&facility, 1..=6), ["TO_BE_BUILT"; 6]);
    real.site.start();
    let report = facility.run();
    assert_eq!(statuses(&facility, 1..=6), ["COMPLETED"; 6], "{report:?}");
    assert_eq!(report.build.built, 6);
}

#[test]
fn a_token_that_lacks_a_right_settles_nothing() {
    let booked = |bench: &Bench| {
        bench.nemo.put_event(UsageEvent { run_data: None, ..agreed(2) });
        let booking = Reservation::new(20, 2, 3, start(2), Duration::hours(2));
        bench.nemo.put_reservation(booking.with_answers(questions("Agree", "Booked")));
    };
    let Some((real, facility)) = busy(1..=2, &["tools", "users"], booked) else { return };
    let grant = |right: &str| {
        real.administer(&format!(
            "from django.contrib.auth.models import Permission\n\
             User.objects.get(username='harvester').user_permissions.add(Permission.objects.get(codename='view_{right}'))"
        ));
    };
    let told = failed(&facility.run());
    assert!(told.contains("view_usageevent"), "{told}");
    assert_eq!(facility.sessions(), []);

    grant("usageevent");
    let report = facility.run();
    assert!(report.needs_person.iter().any(|text| text.contains("view_reservation")), "{report:?}");
    assert_eq!(statuses(&facility, [2]), ["TO_BE_BUILT"], "{report:?}");

    grant("reservation");
    let report = facility.run();
    assert_eq!(statuses(&facility, 1..=2), ["COMPLETED"; 2], "{report:?}");
}

#[test]
fn a_deleted_tool_costs_the_other_nothing_and_proves_nothing_of_its_events() {
    let Some((real, facility)) = busy(1..=4, &RIGHTS, |_| {}) else { return };
    facility.harvest();
    assert_eq!(statuses(&facility, 1..=4), ["TO_BE_BUILT"; 4]);
    // NEMO removes the events of a tool with it.
    let new = serde_json::to_string(&questions("Agree", "new").to_string()).unwrap();
    let (from, to) = (start(5).to_rfc3339(), (start(5) + Duration::hours(1)).to_rfc3339());
    real.administer(&format!(
        "Tool.objects.get(id=2).delete()\n\
         assert UsageEvent.objects.filter(id__in=[2, 4]).count() == 0\n\
         UsageEvent.objects.create(id=5, tool_id=1, user_id=3, operator_id=3, project_id=1, start='{from}', end='{to}', \
         has_ended=5, run_data={new})"
    ));
    let mut told = String::new();
    for _ in 0..3 {
        writeln!(told, "{:?}", facility.harvest()).unwrap();
    }
    assert!(told.contains("TOOL-2"), "{told}");
    assert_eq!(statuses(&facility, [5]), ["TO_BE_BUILT"], "the other tool's new event: {told}");
    assert_eq!(statuses(&facility, [2, 4]), ["TO_BE_BUILT"; 2], "{told}");
    facility.run();
    assert_eq!(statuses(&facility, [1, 3]), ["COMPLETED"; 2]);
}

#[test]
fn an_event_that_is_edited_moves_and_one_that_is_removed_needs_two_replies() {
    let Some((mut real, facility)) = busy(1..=4, &RIGHTS, |_| {}) else { return };
    facility.harvest();
    let times = || {
        let sql = "SELECT timestamp FROM session_log WHERE session_identifier LIKE '%?id=3' ORDER BY id_session_log";
        let database = facility.database();
        let mut statement = database.read().prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.map(|text| DateTime::parse_from_rfc3339(&text.unwrap()).unwrap().to_utc()).collect::<Vec<_>>()
    };
    assert_eq!(times(), [start(3), start(3) + Duration::hours(1)]);

    let end = start(3) + Duration::hours(2);
    real.administer(&format!(
        "UsageEvent.objects.filter(id=3).update(end='{}')\nUsageEvent.objects.get(id=4).delete()",
        end.to_rfc3339()
    ));
    let report = facility.harvest();
    assert_eq!(times(), [start(3), end], "{report:?}");
    assert_eq!(statuses(&facility, [4]), ["TO_BE_BUILT"], "one reply is not enough: {report:?}");

    // No answer is no reply.
    real.site.stop();
    failed(&facility.harvest());
    assert_eq!(statuses(&facility, [4]), ["TO_BE_BUILT"]);

    real.site.start();
    let report = facility.harvest();
    let gone = facility.outcome(4).unwrap();
    assert_eq!(gone.status, "NO_RESERVATION", "{report:?}");
    assert!(gone.reason.contains("two complete answers"), "{gone:?}");
    facility.run();
    assert_eq!(statuses(&facility, 1..=3), ["COMPLETED"; 3]);
}

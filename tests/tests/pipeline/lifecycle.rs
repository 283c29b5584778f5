//! Any history of a facility: no forbidden move, no session lost, no object twice, and an end to it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use nexus_core::delivery::State;
use nexus_core::instrument::Instruments;
use nexus_core::report::{ExportCounts, RunReport};
use nexus_core::revision;
use nexus_core::session::{self, RecordStatus};
use nexus_core::session_state::SessionState;
use nexus_core::timestamp::Timestamp;
use nexus_plugin_api::{EventTime, FailureClass, PluginError, ReservationAnswer};
use nexus_tests::lab::{DumpedRow, Fault, FindFault, Lab};
use proptest::prelude::*;

const SESSIONS: u32 = 6;
const DESTINATIONS: [&str; 3] = ["a", "b", "blind"];

/// Something that happens between two runs.
#[derive(Debug, Clone)]
enum Happening {
    /// A finished use appears, or one that was in use ends.
    Used(u32),
    /// A use appears that has not ended.
    InUse(u32),
    /// Its end turns out to be some minutes later, or earlier: below -50 its files lie behind it.
    Revised(u32, i64),
    Cancelled(u32),
    Vanished(u32),
    Answer(u32, usize),
    File(u32),
    HarvesterDown(bool),
    DestinationDown(usize, bool),
    Deliver(usize, u32, usize),
    Find(usize, u32, usize),
    RebuildWanted(u32),
    Hours(i64),
}

fn happenings() -> impl Strategy<Value = Happening> {
    let n = || 1..=SESSIONS;
    let d = || 0..DESTINATIONS.len();
    prop_oneof![
        8 => n().prop_map(Happening::Used),
        2 => n().prop_map(Happening::InUse),
        3 => (n(), -55..30_i64).prop_map(|(n, minutes)| Happening::Revised(n, minutes)),
        1 => n().prop_map(Happening::Cancelled),
        1 => n().prop_map(Happening::Vanished),
        2 => (n(), 0..5_usize).prop_map(|(n, answer)| Happening::Answer(n, answer)),
        8 => n().prop_map(Happening::File),
        1 => any::<bool>().prop_map(Happening::HarvesterDown),
        1 => (d(), any::<bool>()).prop_map(|(d, down)| Happening::DestinationDown(d, down)),
        6 => (d(), n(), 0..10_usize).prop_map(|(d, n, fault)| Happening::Deliver(d, n, fault)),
        2 => (d(), n(), 0..3_usize).prop_map(|(d, n, fault)| Happening::Find(d, n, fault)),
        1 => n().prop_map(Happening::RebuildWanted),
        3 => (1..100_i64).prop_map(Happening::Hours),
    ]
}

/// What stands at the beginning: most uses have ended and have files, and most deliveries meet a fault or two.
fn beginnings() -> impl Strategy<Value = Vec<Happening>> {
    let one = |n: u32| {
        let faults = proptest::collection::vec((0..DESTINATIONS.len(), 0..10_usize), 0..5);
        (prop::bool::weighted(0.9), prop::bool::weighted(0.9), faults).prop_map(
            move |(used, file, faults)| {
                let mut all = Vec::new();
                all.extend(used.then_some(Happening::Used(n)));
                all.extend(file.then_some(Happening::File(n)));
                all.extend(faults.into_iter().map(|(d, fault)| Happening::Deliver(d, n, fault)));
                all
            },
        )
    };
    (1..=SESSIONS).map(one).collect::<Vec<_>>().prop_map(|all| all.concat())
}

fn fault(which: usize) -> Fault {
    let refuse = Fault::Refuse;
    match which {
        0 => refuse(FailureClass::Transient),
        1 => refuse(FailureClass::Permanent),
        2 => refuse(FailureClass::Auth),
        3 => refuse(FailureClass::RateLimited { until: None }),
        4 => Fault::LostAfterWrite,
        5 => Fault::LostBeforeWrite,
        6 => Fault::LandsLater(TimeDelta::seconds(100)),
        7 => Fault::PanicAfterWrite,
        8 => Fault::Panic,
        _ => Fault::NoId,
    }
}

fn answer(which: usize) -> ReservationAnswer {
    let reason = || "scripted".to_owned();
    match which {
        0 => ReservationAnswer::NoConsent { reason: reason() },
        1 => ReservationAnswer::NoReservation { reason: reason() },
        2 => ReservationAnswer::Gone,
        3 => ReservationAnswer::Failed(PluginError::transient("no answer")),
        _ => ReservationAnswer::Reservation(Box::default()),
    }
}

struct World {
    strategy: String,
    /// Whether what is settled follows its event.
    follows: bool,
    lab: Lab,
    /// Numbers of all uses that a harvest can have seen.
    told: BTreeSet<u32>,
    files: u32,
    statuses: BTreeMap<u32, RecordStatus>,
}

impl World {
    fn new(strategy: &str, on_revision: &str) -> Self {
        let mut lab = Lab::with_destinations(&DESTINATIONS).strategy(strategy);
        lab.build(&format!("on_revision = \"{on_revision}\""));
        lab.servers.server("blind").can_find(false);
        // The instruments' folders hold something, or sessions without files would wait for the storage.
        lab.put_file(30, "old");
        lab.put_file(31, "old");
        Self {
            strategy: strategy.to_owned(),
            follows: on_revision == "rebuild",
            lab,
            told: BTreeSet::new(),
            files: 0,
            statuses: BTreeMap::new(),
        }
    }

    fn happens(&mut self, happening: &Happening) {
        let lab = &self.lab;
        match *happening {
            Happening::Used(n) => {
                lab.harvester.put(Lab::event(n));
                self.told.insert(n);
            }
            Happening::InUse(n) => {
                if lab.harvester.event(&n.to_string()).is_none() {
                    lab.harvester.put(nexus_plugin_api::UsageEvent { end: None, ..Lab::event(n) });
                    self.told.insert(n);
                }
            }
            Happening::Revised(n, minutes) => {
                if let Some(mut event) = lab.harvester.event(&n.to_string()) {
                    let end = Lab::start(n) + TimeDelta::hours(1) + TimeDelta::minutes(minutes);
                    event.end = Some(EventTime::Offset(end.fixed_offset()));
                    lab.harvester.put(event);
                }
            }
            Happening::Cancelled(n) => {
                if let Some(event) = lab.harvester.event(&n.to_string()) {
                    lab.harvester.put(nexus_plugin_api::UsageEvent { cancelled: true, ..event });
                }
            }
            Happening::Vanished(n) => lab.harvester.remove(&n.to_string()),
            Happening::Answer(n, which) => lab.harvester.answer(Lab::id(n).as_str(), answer(which)),
            Happening::File(n) => {
                self.files += 1;
                lab.put_file(n, &format!("file{}", self.files));
            }
            Happening::HarvesterDown(down) => {
                lab.harvester.fail(down.then(|| PluginError::transient("the scheduler is away")));
            }
            Happening::DestinationDown(d, down) => {
                let error = down.then(|| PluginError::transient("the server is away"));
                lab.servers.server(DESTINATIONS[d]).down(error);
            }
            Happening::Deliver(d, n, which) => {
                lab.servers.server(DESTINATIONS[d]).on_deliver(Lab::id(n).as_str(), [fault(which)]);
            }
            Happening::Find(d, n, which) => {
                let fault = match which {
                    0 => FindFault::Refuse(FailureClass::Transient),
                    1 => FindFault::Refuse(FailureClass::Auth),
                    _ => FindFault::Panic,
                };
                lab.servers.server(DESTINATIONS[d]).on_find(Lab::id(n).as_str(), [fault]);
            }
            Happening::RebuildWanted(n) => {
                lab.sql(
                    "UPDATE nexus_session SET rebuild_requested = rebuild_requested | 1 WHERE session_identifier = ?1 \
                     AND content_sha256 IS NOT NULL",
                    &[Lab::id(n).as_str()],
                );
            }
            Happening::Hours(hours) => lab.clock.advance(TimeDelta::hours(hours)),
        }
    }

    fn run(&mut self) -> Result<(), TestCaseError> {
        // `Lab::run` checks that the counts add up.
        let uploads = || self.lab.dump()["upload_log"].len() as u64;
        let before = uploads();
        let report = self.lab.run();
        let attempts: u64 = report.export.values().map(ExportCounts::attempts).sum();
        prop_assert_eq!(uploads() - before, attempts, "{:?}", report);
        self.check_statuses()?;
        self.check_objects()?;
        self.check_deliveries(&report)
    }

    fn check_statuses(&mut self) -> Result<(), TestCaseError> {
        let dump = self.lab.dump();
        for n in 1..=SESSIONS {
            let id = format!("{:?}", Lab::id(n).as_str());
            let rows: Vec<&DumpedRow> =
                dump["session_log"].iter().filter(|row| row[1].contains(&id)).collect();
            let statuses: BTreeSet<&String> = rows.iter().map(|row| &row[5]).collect();
            prop_assert!(statuses.len() <= 1, "half moved: {:?}", rows);
            let events = |event: &str| rows.iter().filter(|row| row[4].contains(event)).count();
            prop_assert!(rows.is_empty() || (events("START") == 1 && events("END") == 1), "{:?}", rows);
            let Some(now) = self.lab.status(n) else {
                prop_assert!(!self.statuses.contains_key(&n), "session {} is lost", n);
                continue;
            };
            let before = self.statuses.insert(n, now).unwrap_or(RecordStatus::ToBeBuilt);
            let by_way_of = [RecordStatus::BuiltNotExported];
            let permitted = |before: RecordStatus| {
                before == now
                    || before.may_become(now, false)
                    || by_way_of
                        .iter()
                        .any(|way| before.may_become(*way, false) && way.may_become(now, false))
            };
            // Nobody asks for another try here; but an event that was gone may have come back.
            let there = self.lab.harvester.event(&n.to_string()).is_some_and(|event| !event.cancelled);
            let is_back =
                there && before == RecordStatus::NoReservation && permitted(RecordStatus::ToBeBuilt);
            let can_be_set_back = self.follows && before.may_become(RecordStatus::ToBeBuilt, false);
            let follows = can_be_set_back && permitted(RecordStatus::ToBeBuilt);
            let is_straight = permitted(before) && (now != RecordStatus::ToBeBuilt || before == now);
            prop_assert!(is_straight || is_back || follows, "{before} to {now}");
        }
        Ok(())
    }

    fn check_deliveries(&self, report: &RunReport) -> Result<(), TestCaseError> {
        // One that was left alone in the middle of a run may not even have let go of what waited for others.
        let left_alone = |name: &str| report.export[&name.into()].paused.is_some();
        for n in 1..=SESSIONS {
            let states: Vec<_> = DESTINATIONS
                .iter()
                .filter_map(|name| self.lab.delivery(n, name))
                .map(|row| row.state)
                .collect();
            let delivered = states.iter().filter(|state| **state == State::Delivered).count();
            prop_assert!(!states.contains(&State::InFlight), "{}: {:?}", n, states);
            let held = |name: &&str| {
                self.lab.delivery(n, name).is_some_and(|row| row.state == State::Held) && !left_alone(name)
            };
            prop_assert!(!DESTINATIONS.iter().any(held), "{} waits for nobody: {:?}", n, states);
            match self.lab.status(n) {
                Some(RecordStatus::Completed) => {
                    // A record that was built again may be on its way a second time.
                    prop_assert!(states.len() == DESTINATIONS.len(), "{}: {:?}", n, states);
                }
                Some(RecordStatus::BuiltNotExported) => {
                    let met = if self.strategy == "all" { DESTINATIONS.len() } else { 1 };
                    prop_assert!(delivered < met, "{}: {:?}", n, states);
                }
                _ => prop_assert!(states.is_empty(), "{}: {:?}", n, states),
            }
            for name in DESTINATIONS {
                let there = self.lab.delivery(n, name).is_some_and(|row| row.state == State::Delivered);
                let logged = self.lab.uploads(n, name).contains(&"ok".to_owned());
                prop_assert!(!there || logged, "{} at {} has no row in the upload log", n, name);
                let objects = self.lab.servers.server(name).of(Lab::id(n).as_str()).len();
                prop_assert!(!there || objects == 1, "{} at {}: {} objects", n, name, objects);
            }
        }
        Ok(())
    }

    fn check_objects(&self) -> Result<(), TestCaseError> {
        for name in DESTINATIONS {
            for (key, objects) in self.lab.servers.server(name).objects() {
                prop_assert!(objects.len() == 1, "{} holds {} twice: {:?}", name, key, objects);
                let n: u32 = objects[0].session.trim_start_matches("lab-use-").parse().unwrap();
                let status = self.lab.status(n).unwrap();
                prop_assert!(status.implies_record(), "{} has a record and is {}", n, status);
                let state = self.lab.delivery(n, name).unwrap().state;
                prop_assert!(state != State::NotWanted, "{} at {} and not wanted", n, name);
            }
        }
        Ok(())
    }

    /// Every use that was told of is settled, under way, waiting with its reason, in use, or was called off.
    fn check_accounts(&self) -> Result<(), TestCaseError> {
        let state = |sql: &str| -> BTreeSet<String> {
            let rows = self.lab.database().query(sql, &[]).unwrap().rows;
            rows.into_iter().map(|row| format!("{:?}", row[0])).collect()
        };
        let open = state("SELECT session_identifier FROM nexus_session WHERE open_since IS NOT NULL");
        let waiting = state("SELECT session_identifier FROM nexus_session WHERE waiting_reason IS NOT NULL");
        for n in &self.told {
            let id = format!("Text({:?})", Lab::id(*n).as_str());
            match self.lab.status(*n) {
                Some(RecordStatus::ToBeBuilt) => {
                    prop_assert!(waiting.contains(&id), "{} waits for nothing", n);
                }
                Some(_) => {}
                None => {
                    let event = self.lab.harvester.event(&n.to_string());
                    let called_off = event.is_none_or(|event| event.cancelled);
                    prop_assert!(called_off || open.contains(&id), "nobody knows what became of {}", n);
                }
            }
        }
        Ok(())
    }

    /// Every session is what its event is, or it is noted that it is not; where sessions follow, nothing is left to follow
    /// but what was given up.
    fn check_events(&self) -> Result<(), TestCaseError> {
        let database = self.lab.database();
        let instruments = Instruments::load(database.read()).unwrap();
        for n in 1..=SESSIONS {
            let event = self
                .lab
                .harvester
                .event(&n.to_string())
                .filter(|event| !event.cancelled && event.end.is_some());
            let (Some(event), Some(session)) =
                (event, session::load(database.read(), &Lab::id(n), &instruments).unwrap())
            else {
                continue;
            };
            let state = SessionState::load(database.read(), &Lab::id(n)).unwrap().unwrap();
            let end = event.end.map(Timestamp::from);
            let is_told = state.revised_event().is_some_and(|told| Some(told.end) == end);
            prop_assert!(is_told != (Some(session.end) == end), "{}: {:?}", n, state);
            let is_given_up = revision::is_given_up(&state);
            let waits = state.waiting_reason.is_some();
            prop_assert!(!self.follows || !is_told || is_given_up || waits, "{}: {:?}", n, state);
        }
        Ok(())
    }

    fn calm(&self) {
        self.lab.harvester.fail(None);
        for name in DESTINATIONS {
            self.lab.servers.server(name).down(None);
        }
    }
}

/// Everything but the heartbeat and how far the upload log was read.
fn without_heartbeat(lab: &Lab) -> BTreeMap<String, Vec<DumpedRow>> {
    let mut dump = lab.dump();
    dump.remove("nexus_meta");
    dump
}

proptest! {
    #![proptest_config(ProptestConfig {
        // Each is some ten runs with every commit on disk; PROPTEST_CASES asks for more.
        cases: if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default().cases } else { 12 },
        failure_persistence: None,
        max_shrink_iters: 60,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_history_keeps_the_rules_and_comes_to_rest(
        strategy in prop::sample::select(vec!["best_effort", "all", "first_success"]),
        on_revision in prop::sample::select(vec!["report", "rebuild"]),
        beginning in beginnings(),
        runs in proptest::collection::vec(proptest::collection::vec(happenings(), 0..14), 1..5),
    ) {
        let mut world = World::new(strategy, on_revision);
        for happening in &beginning {
            world.happens(happening);
        }
        for happenings in &runs {
            for happening in happenings {
                world.happens(happening);
            }
            world.run()?;
        }
        world.calm();
        for _ in 0..5 {
            world.lab.clock.advance(TimeDelta::days(3));
            world.run()?;
        }
        world.check_accounts()?;
        world.check_events()?;
        let before = without_heartbeat(&world.lab);
        world.run()?;
        let after = without_heartbeat(&world.lab);
        for (table, rows) in &before {
            prop_assert_eq!(rows, &after[table], "an idle run changed {}", table);
        }
    }
}

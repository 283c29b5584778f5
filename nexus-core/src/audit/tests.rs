//! The classes partition the events, whatever the source tells and the database holds.

use std::collections::BTreeSet;

use nexus_plugin_api::{EventTime, HarvestPage, OutsideEvents, RejectedRow, UsageEvent};
use proptest::collection::vec;
use proptest::prelude::*;
use rusqlite::params;

use super::*;
use crate::instrument::{Instrument, instrument_ref};
use crate::session_log::NewSession;
use crate::session_state::NewSessionState;
use crate::timestamp::Timestamp;

/// What becomes of a usage event: told by the source so, and stored so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Unfinished,
    Cancelled,
    CancelledAfterItsRecord,
    Settled(&'static str),
    /// As NexusLIMS leaves it: nothing in our own tables.
    SettledElsewhere,
    /// Brought by a harvester that has another name now.
    Renamed,
    NotBuilt,
    NoFilesYet,
    HalfASession,
    Delivered(&'static str),
    NextRun,
    InUseBefore,
    Passed,
    RowsGone,
    /// Its rows are gone, and it was delivered; the source would tell it again.
    RecordExists,
    /// Its identifier is that of the event before it.
    Claimed,
    Before,
    After,
    NotAskedFor,
    Blank,
}

const FATES: [Fate; 28] = [
    Fate::Unfinished,
    Fate::Cancelled,
    Fate::CancelledAfterItsRecord,
    Fate::Settled("COMPLETED"),
    Fate::Settled("NO_CONSENT"),
    Fate::Settled("NO_RESERVATION"),
    Fate::Settled("NO_FILES_FOUND"),
    Fate::Settled("ERROR"),
    Fate::Settled("ODD_STATUS"),
    Fate::SettledElsewhere,
    Fate::Renamed,
    Fate::NotBuilt,
    Fate::NoFilesYet,
    Fate::HalfASession,
    Fate::Delivered("delivered"),
    Fate::Delivered("due"),
    Fate::Delivered("failed"),
    Fate::Delivered("not_wanted"),
    Fate::NextRun,
    Fate::InUseBefore,
    Fate::Passed,
    Fate::RowsGone,
    Fate::RecordExists,
    Fate::Claimed,
    Fate::Before,
    Fate::After,
    Fate::NotAskedFor,
    Fate::Blank,
];

const PIDS: [&str; 2] = ["TEM", "SEM"];

fn from() -> DateTime<Utc> {
    "2024-03-01T00:00:00Z".parse().unwrap()
}

fn until() -> DateTime<Utc> {
    "2024-03-31T00:00:00Z".parse().unwrap()
}

/// An event of this number, which ends in the window.
fn event(number: usize) -> UsageEvent {
    let start = from() + TimeDelta::minutes(10 * i64::try_from(number).unwrap());
    let at = |time: DateTime<Utc>| EventTime::Offset(time.fixed_offset());
    UsageEvent {
        external_id: number.to_string(),
        session_identifier: format!("session-{number}"),
        instrument_pid: PIDS[number % 2].to_owned(),
        user: Some("ada".to_owned()),
        start: at(start),
        end: Some(at(start + TimeDelta::minutes(5))),
        cancelled: false,
    }
}

struct World {
    database: Database,
    events: Vec<UsageEvent>,
    brought: HashSet<String>,
    expected: Sum,
    beyond: u64,
}

impl World {
    fn new(fates: &[Fate]) -> Self {
        let mut world = Self {
            database: Database::in_memory().unwrap(),
            events: Vec::new(),
            brought: HashSet::new(),
            expected: Sum::default(),
            beyond: 0,
        };
        for pid in PIDS {
            let instrument = Instrument {
                pid: pid.into(),
                api_url: format!("https://x/{pid}"),
                calendar_url: String::new(),
                location: String::new(),
                display_name: pid.to_owned(),
                property_tag: pid.to_owned(),
                filestore_path: pid.to_owned(),
                harvester: "scripted".to_owned(),
                timezone: "America/Denver".to_owned(),
            };
            let tx = world.database.transaction().unwrap();
            instrument.insert(&tx).unwrap();
            tx.commit().unwrap();
        }
        for (number, fate) in fates.iter().enumerate() {
            world.put(number, *fate);
        }
        world
    }

    fn put(&mut self, number: usize, fate: Fate) {
        let mut event = event(number);
        let class = match fate {
            Fate::Unfinished => {
                event.end = None;
                Some(Class::Unfinished)
            }
            Fate::Cancelled | Fate::CancelledAfterItsRecord => {
                if fate == Fate::CancelledAfterItsRecord {
                    self.store(&event, "COMPLETED", Some("log"));
                }
                event.cancelled = true;
                Some(Class::Cancelled)
            }
            Fate::Settled(status) => {
                self.store(&event, status, Some("log"));
                Some(Class::Settled(status.to_owned()))
            }
            Fate::SettledElsewhere => {
                self.store(&event, "COMPLETED", None);
                Some(Class::Settled("COMPLETED".to_owned()))
            }
            Fate::Renamed => {
                self.store(&event, "NO_CONSENT", Some("its old name"));
                Some(Class::Settled("NO_CONSENT".to_owned()))
            }
            Fate::NotBuilt => {
                self.store(&event, "TO_BE_BUILT", Some("log"));
                Some(Class::Waiting("not built yet".to_owned()))
            }
            Fate::NoFilesYet => {
                self.store(&event, "TO_BE_BUILT", Some("log"));
                self.sql(
                    "UPDATE nexus_session SET waiting_reason = 'no files yet' WHERE external_id = ?1",
                    &event,
                );
                Some(Class::Waiting("no files yet".to_owned()))
            }
            Fate::HalfASession => {
                self.store(&event, "TO_BE_BUILT", Some("log"));
                self.sql(
                    "DELETE FROM session_log WHERE event_type = 'END' AND session_identifier = 'session-' || ?1",
                    &event,
                );
                Some(Class::Waiting("its rows in the session log make no session".to_owned()))
            }
            Fate::Delivered(state) => {
                self.store(&event, "BUILT_NOT_EXPORTED", Some("log"));
                let tx = self.database.transaction().unwrap();
                tx.execute(
                    "INSERT INTO nexus_delivery (session_identifier, destination, state, origin, attempt, updated_at)
                     VALUES (?1, 'share', ?2, 'nexus', 0, '2024-03-31T00:00:00.000000Z')",
                    params![event.session_identifier, state],
                )
                .unwrap();
                tx.commit().unwrap();
                let reason = match state {
                    "delivered" => "built, delivered not everywhere yet",
                    "due" => "built, delivered nowhere yet",
                    "failed" => "built, its deliveries need a person",
                    _ => "built, no delivery to any destination",
                };
                Some(Class::Waiting(reason.to_owned()))
            }
            Fate::NextRun => {
                self.brought.insert(event.external_id.clone());
                Some(Class::Waiting("not harvested yet: the next run brings it".to_owned()))
            }
            Fate::InUseBefore => {
                self.remember(&event, "log");
                self.brought.insert(event.external_id.clone());
                Some(Class::Waiting("not harvested yet: the next run brings it".to_owned()))
            }
            Fate::Passed => Some(Class::Missing),
            Fate::RowsGone => {
                self.remember(&event, "log");
                Some(Class::Missing)
            }
            Fate::RecordExists => {
                let tx = self.database.transaction().unwrap();
                tx.execute(
                    "INSERT INTO upload_log (session_identifier, destination_name, success, timestamp)
                     VALUES (?1, 'share', 1, '2024-03-31T00:00:00')",
                    [&event.session_identifier],
                )
                .unwrap();
                tx.commit().unwrap();
                self.brought.insert(event.external_id.clone());
                Some(Class::Missing)
            }
            Fate::Claimed => {
                // Somebody must have it: the event itself, unless the one before it is in the database.
                let other = UsageEvent { external_id: format!("owner-{number}"), ..event.clone() };
                self.store(&other, "COMPLETED", Some("log"));
                self.events.push(other);
                self.expected.count(&Class::Settled("COMPLETED".to_owned()));
                Some(Class::Missing)
            }
            Fate::Before => {
                event.end = Some(EventTime::Offset((from() - TimeDelta::seconds(1)).fixed_offset()));
                None
            }
            Fate::After => {
                event.end = Some(EventTime::Offset(until().fixed_offset()));
                None
            }
            Fate::NotAskedFor => {
                event.instrument_pid = "FIB".to_owned();
                Some(Class::Unreadable)
            }
            Fate::Blank => {
                event.session_identifier = " ".to_owned();
                Some(Class::Unreadable)
            }
        };
        match class {
            Some(class) => self.expected.count(&class),
            None => self.beyond += 1,
        }
        self.events.push(event);
    }

    fn store(&mut self, event: &UsageEvent, status: &str, harvester: Option<&str>) {
        let tx = self.database.transaction().unwrap();
        let new = NewSession {
            identifier: event.session_identifier.as_str().into(),
            instrument: event.instrument_pid.as_str().into(),
            user: event.user.clone(),
            start: Timestamp::from(event.start),
            end: Timestamp::from(event.end.unwrap()),
        };
        new.insert(&tx).unwrap();
        // Also what no program of ours would write.
        tx.execute_batch("PRAGMA ignore_check_constraints = ON").unwrap();
        tx.execute(
            "UPDATE session_log SET record_status = ?2 WHERE session_identifier = ?1",
            params![event.session_identifier, status],
        )
        .unwrap();
        tx.commit().unwrap();
        if let Some(harvester) = harvester {
            self.remember(event, harvester);
        }
    }

    fn remember(&mut self, event: &UsageEvent, harvester: &str) {
        let tx = self.database.transaction().unwrap();
        let state = NewSessionState {
            session: event.session_identifier.as_str().into(),
            harvester: Some(harvester.into()),
            external_id: Some(event.external_id.clone()),
            instrument: event.instrument_pid.as_str().into(),
            open_since: None,
            seen_digest: None,
        };
        state.insert(&tx).unwrap();
        tx.commit().unwrap();
    }

    fn sql(&mut self, sql: &str, event: &UsageEvent) {
        let tx = self.database.transaction().unwrap();
        tx.execute(sql, [&event.external_id]).unwrap();
        tx.commit().unwrap();
    }

    /// The classes of all events, told in this order, some of them twice; `only`: of this instrument alone.
    fn sorted(&self, order: &[usize], twice: &[usize], only: Option<&str>) -> Classes {
        let instruments = Instruments::load(self.database.read()).unwrap();
        let chosen = only.map(InstrumentPid::from).into_iter().collect();
        let scope =
            Scope { from: from(), until: until(), is_open: true, chosen: &chosen, instruments: &instruments };
        let mut answer =
            Answer::new("log".into(), instruments.iter().map(|one| instrument_ref(one)).collect());
        let mut order: Vec<usize> = order.iter().map(|at| at % self.events.len().max(1)).collect();
        // Whatever the order, all of them.
        order.extend(0..self.events.len());
        let mut seen = BTreeSet::new();
        order.retain(|at| *at < self.events.len() && seen.insert(*at));
        order.extend(twice.iter().filter(|_| !self.events.is_empty()).map(|at| at % self.events.len()));
        for page in order.chunks(3) {
            answer.take(HarvestPage {
                events: page.iter().map(|at| self.events[*at].clone()).collect(),
                outside: vec![OutsideEvents { tool: "bench".to_owned(), count: 2 }],
                rejected: vec![RejectedRow { place: "line 7".to_owned(), reason: "no time".to_owned() }],
                ..HarvestPage::default()
            });
        }
        answer.ended = Ended::Whole;
        let mut answers = vec![answer];
        let tables = Tables { connection: self.database.read(), has_own: true };
        classes::look_up(tables, &mut answers).unwrap();
        let mut classes = classes::sort(&scope, &answers);
        classes.settle(&scope, (0, &answers[0]), &Next::Brings(self.brought.clone()), &BTreeMap::new());
        classes.add_up();
        classes
    }
}

proptest! {
    #[test]
    fn the_classes_partition_the_events(
        fates in vec(proptest::sample::select(FATES.to_vec()), 0..25),
        order in vec(any::<usize>(), 0..25),
        twice in vec(any::<usize>(), 0..6),
    ) {
        let world = World::new(&fates);
        let classes = world.sorted(&order, &twice, None);
        let audit = &classes.harvesters[0];
        let pages = (world.events.len() + if world.events.is_empty() { 0 } else { twice.len() }).div_ceil(3) as u64;
        let mut expected = world.expected.clone();
        expected.not_an_instrument = 2 * pages;
        expected.unreadable += pages;
        prop_assert_eq!(&audit.sum, &expected);
        prop_assert_eq!(audit.told.events(), expected.total());
        prop_assert_eq!(audit.told.beyond, world.beyond);
        prop_assert!(check(audit).is_ok());
        prop_assert_eq!(classes.missing.count(), expected.missing);
        prop_assert_eq!(classes.unreadable.count(), expected.unreadable);

        // Each instrument alone: together they are all events of instruments.
        let mut together = Sum::default();
        for pid in PIDS {
            let audit = &world.sorted(&order, &twice, Some(pid)).harvesters[0];
            prop_assert!(check(audit).is_ok(), "{:?}", audit);
            let [one] = &audit.instruments[..] else { panic!("{audit:?}") };
            together.add(&one.sum);
        }
        let mut of_instruments = Sum::default();
        audit.instruments.iter().for_each(|one| of_instruments.add(&one.sum));
        prop_assert_eq!(together, of_instruments);
    }

    /// An event that is counted twice, or not at all, or in no class, does not go unnoticed.
    #[test]
    fn a_sum_that_is_no_partition_is_refused(
        fates in vec(proptest::sample::select(FATES.to_vec()), 0..20),
        broken in 0..6_usize,
    ) {
        let world = World::new(&fates);
        let classes = world.sorted(&[], &[], None);
        let mut audit = classes.harvesters[0].clone();
        match broken {
            0 => audit.sum.count(&Class::Missing),
            1 => audit.sum.count(&Class::Settled("COMPLETED".to_owned())),
            2 => audit.sum.count(&Class::Waiting("nothing".to_owned())),
            3 => audit.told.rows += 1,
            4 => audit.told.not_an_instrument += 1,
            _ => audit.told.rejected += 1,
        }
        let refused = check(&audit).unwrap_err().to_string();
        prop_assert!(refused.starts_with("the audit contradicts itself: harvester `log` told of "), "{}", refused);
    }
}

#[test]
fn every_fate_is_met_and_told_of() {
    let world = World::new(&FATES);
    let classes = world.sorted(&[], &[], None);
    assert_eq!(classes.harvesters[0].sum.missing, 4);
    let whys: Vec<WhyMissing> = classes.missing.lines.iter().map(|one| one.why).collect();
    let expected = [WhyMissing::Claimed, WhyMissing::Passed, WhyMissing::RowsGone, WhyMissing::RecordExists];
    assert_eq!(whys, expected);
    let claimed = &classes.missing.lines[0];
    assert_eq!(
        claimed.detail,
        "its session `session-23` is that of usage event `owner-23` of harvester `log`: two events cannot be one \
         session; correct one of them at its source"
    );
    // Both that a harvest can bring, to the minute around them.
    assert_eq!(
        classes.to_bring.map(remedy).unwrap(),
        "nexus harvest --since 2024-03-01T03:25Z --until 2024-03-01T03:36Z"
    );
}

#[test]
fn lists_have_an_end_and_counts_do_not() {
    let mut listed = Listed::default();
    (0..2_500).for_each(|number| listed.push(number));
    assert_eq!((listed.lines.len(), listed.left_out, listed.count()), (1_000, 1_500, 2_500));
    listed.leave_out();
    assert_eq!((listed.lines.len(), listed.count()), (0, 2_500));
}

/// From and to of an answer, and whether it is complete.
type Says = (Option<DateTime<Utc>>, Option<DateTime<Utc>>, bool);

/// What is proved by an answer of this span, and how many sentences say what is not, and what is only told.
fn proved(
    progress: Option<Says>,
    (from_is_asked, until_is_asked): (bool, bool),
    sessions_before: u64,
) -> Result<(Range, usize, usize), String> {
    let mut answer = Answer::new("log".into(), Vec::new());
    let instruments = progress.into_iter().map(|(covered_from, covered_to, complete)| {
        let instrument_pid = "TEM".to_owned();
        let cursor = None;
        nexus_plugin_api::InstrumentProgress { instrument_pid, cursor, complete, covered_from, covered_to }
    });
    answer.take(HarvestPage { instruments: instruments.collect(), ..HarvestPage::default() });
    answer.ended = Ended::Whole;
    let bounds = Bounds { from: from(), until: until(), from_is_asked, until_is_asked };
    let (harvester, pid) = ("log".into(), "TEM".into());
    let range = proof::range(&answer, &pid, bounds)?;
    let (mut not_proved, mut notes) = (Sentences::default(), Sentences::default());
    proof::gaps((&harvester, &pid), range, bounds, sessions_before, (&mut not_proved, &mut notes));
    Ok((range, not_proved.into_not_proved().count(), notes.into_not_proved().count()))
}

#[test]
fn what_an_answer_covers_is_what_it_proves() {
    let whole = (from(), until());
    let (asked, nobody) = ((true, true), (false, false));
    assert_eq!(proved(Some((None, None, true)), asked, 0).unwrap(), (whole, 0, 0));
    let wide = (Some(from() - TimeDelta::days(9)), Some(until() + TimeDelta::days(9)), true);
    assert_eq!(proved(Some(wide), asked, 0).unwrap(), (whole, 0, 0));

    let later = from() + TimeDelta::days(3);
    let late = Some((Some(later), None, true));
    assert_eq!(proved(late, asked, 0).unwrap(), ((later, until()), 1, 0));
    assert_eq!(proved(late, nobody, 0).unwrap(), ((later, until()), 0, 1));
    assert_eq!(proved(late, nobody, 1).unwrap(), ((later, until()), 1, 0), "somebody knows of that time");

    // A calendar that waits until an event is over for good, and one that has stood still.
    for (hours, asked, not_proved, notes) in
        [(1, nobody, 0, 1), (48, nobody, 0, 1), (49, nobody, 1, 0), (1, asked, 1, 0)]
    {
        let earlier = until() - TimeDelta::hours(hours);
        let found = proved(Some((None, Some(earlier), true)), asked, 0).unwrap();
        assert_eq!(found, ((from(), earlier), not_proved, notes), "{hours}");
    }
}

#[test]
fn an_answer_that_speaks_of_nothing_here_proves_nothing() {
    let refused = |progress| proved(progress, (false, false), 0).unwrap_err();
    assert_eq!(refused(None), "its answer does not say how far it was read");
    assert!(refused(Some((None, None, false))).starts_with("its answer is not complete"));
    let moment = Some(from() + TimeDelta::days(1));
    assert!(refused(Some((moment, moment, true))).starts_with("its answer speaks of no time at all"));
    let elsewhere = Some((None, Some(from()), true));
    assert_eq!(refused(elsewhere), "its answer speaks of another time: up to 2024-03-01 00:00 UTC");
}

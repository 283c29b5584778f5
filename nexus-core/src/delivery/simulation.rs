//! A destination that loses answers, finishes requests late and dies with its host, simulated; the
//! deliveries to it must end with one object each.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};
use nexus_plugin_api::{Checkpoint, FailureClass, PluginError, Remote};
use proptest::prelude::*;
use serde_json::json;

use super::{Delivery, Effect, Event, State, TargetFacts, step};

/// An object at the destination.
#[derive(Debug, Clone)]
struct Object {
    id: u32,
    content: Option<String>,
}

/// What a request does to the destination once it arrives.
#[derive(Debug, Clone)]
struct Request {
    object: Option<u32>,
    content: Option<String>,
}

/// How the destination works, fixed for one simulation.
#[allow(clippy::struct_excessive_bools, reason = "independent traits of a destination")]
#[derive(Debug, Clone, Copy)]
struct Kind {
    can_find: bool,
    /// First makes an empty object, then fills it.
    two_steps: bool,
    tells_content: bool,
    settle: i64,
    /// Whether every row is saved, or only those that must be.
    save_all: bool,
}

struct World {
    kind: Kind,
    now: DateTime<Utc>,
    objects: Vec<Object>,
    /// Requests given up by their client, with the moment of their arrival.
    late: Vec<(DateTime<Utc>, Request)>,
    next_id: u32,
    chaos: VecDeque<u8>,
    saved: Delivery,
    digest: u32,
    /// Deliveries begun without knowing of an object: each may make one.
    creations: usize,
    retries_of_unknown: usize,
}

/// The program died: what was not saved is gone.
struct Died;

impl World {
    fn new(kind: Kind, chaos: Vec<u8>) -> Self {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let mut world = Self {
            kind,
            now,
            objects: Vec::new(),
            late: Vec::new(),
            next_id: 1,
            chaos: chaos.into(),
            saved: Delivery::new("session".into(), "archive".into(), now),
            digest: 0,
            creations: 0,
            retries_of_unknown: 0,
        };
        world.tell(Event::Wanted { content_sha256: "v1".to_owned(), hold: None });
        world
    }

    fn dice(&mut self, sides: u8) -> u8 {
        self.chaos.pop_front().unwrap_or(0) % sides
    }

    fn pass(&mut self, seconds: i64) {
        self.now += TimeDelta::seconds(seconds);
        let now = self.now;
        let (landed, flying) = self.late.drain(..).partition(|(at, _)| *at <= now);
        self.late = flying;
        for (_, request) in landed {
            self.arrive(request);
        }
    }

    fn arrive(&mut self, request: Request) -> u32 {
        if let Some(object) = self.objects.iter_mut().find(|object| Some(object.id) == request.object) {
            object.content = request.content;
            return object.id;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.objects.push(Object { id, content: request.content });
        id
    }

    /// An event that is saved at once, outside any attempt.
    fn tell(&mut self, event: Event) -> Vec<Effect> {
        let (row, effects) = step(&self.saved, event, self.now);
        self.saved = row;
        effects
    }

    fn remote(&self, id: u32) -> Remote {
        let content = self.objects.iter().find(|object| object.id == id).and_then(|o| o.content.clone());
        Remote { id: id.to_string(), url: None, content_sha256: content.filter(|_| self.kind.tells_content) }
    }

    fn facts(&self) -> TargetFacts {
        TargetFacts {
            id: "https://archive.example.org".to_owned(),
            can_find: self.kind.can_find,
            settle: TimeDelta::seconds(self.kind.settle),
        }
    }

    /// One attempt, with whatever goes wrong in it.
    fn attempt(&mut self) {
        if let Some(not_before) = self.saved.not_before {
            let wait = (not_before - self.now).num_seconds().max(0) + 1;
            self.pass(wait);
        }
        if self.run_attempt().is_err() {
            let pause = i64::from(self.dice(250));
            self.pass(pause * pause / 40);
            self.tell(Event::Recover);
        }
    }

    fn run_attempt(&mut self) -> Result<(), Died> {
        let claim = Event::Claim { target: self.facts(), config_digest: self.digest.to_string() };
        let mut effects = self.tell(claim);
        let mut row = self.saved.clone();
        // The record that is handed over is read when the attempt begins.
        let content = row.wanted_sha256.clone().unwrap();
        while let Some(call) = effects.pop() {
            let event = match call {
                Effect::Find => self.find()?,
                Effect::Deliver { previous, checkpoint } => {
                    self.deliver(previous.as_ref(), checkpoint.as_ref(), &content)?
                }
                Effect::Refused { why } => panic!("refused: {why}"),
                _ => continue,
            };
            let must_save = matches!(event, Event::StepMore { .. });
            let end = matches!(event, Event::Overdue);
            (row, effects) = step(&row, event, self.now);
            let answered = matches!(effects.last(), Some(Effect::Find | Effect::Deliver { .. }));
            if self.kind.save_all || must_save || !answered {
                self.saved = row.clone();
            }
            if end {
                return Err(Died);
            }
            if self.dice(12) == 11 {
                return Err(Died);
            }
        }
        Ok(())
    }

    fn find(&mut self) -> Result<Event, Died> {
        let took = i64::from(self.dice(250));
        let trouble = self.dice(14);
        if trouble == 10 {
            return Err(Died);
        }
        let seen: Vec<Remote> = self.objects.iter().map(|object| self.remote(object.id)).collect();
        self.pass(took);
        Ok(match (trouble, seen.as_slice()) {
            (11, _) => Event::FindFailed(PluginError::transient("connection refused")),
            (12, _) => Event::FindFailed(PluginError::auth("the token was refused")),
            (13, _) => Event::Overdue,
            (_, []) => Event::FoundNone,
            (_, [one]) => Event::FoundOne(one.clone()),
            (_, many) => Event::FoundMany(many.to_vec()),
        })
    }

    fn deliver(
        &mut self,
        previous: Option<&Remote>,
        checkpoint: Option<&Checkpoint>,
        content: &str,
    ) -> Result<Event, Died> {
        let known = checkpoint
            .and_then(|checkpoint| checkpoint.0["object"].as_u64())
            .and_then(|id| u32::try_from(id).ok())
            .or_else(|| previous.and_then(|remote| remote.id.parse().ok()));
        if known.is_none() {
            self.creations += 1;
        }
        let half = self.kind.two_steps && known.is_none();
        let request = Request { object: known, content: (!half).then(|| content.to_owned()) };
        let took = i64::from(self.dice(250));
        let trouble = self.dice(24);
        let lost = || PluginError::transient("the connection was cut").maybe_done();
        let late = self.now + TimeDelta::seconds(took + i64::from(self.dice(250)).min(self.kind.settle));
        let failed = |error| Ok(Event::DeliverFailed(error));
        match trouble {
            0..=11 => {
                let id = self.arrive(request);
                self.pass(took);
                let content_sha256 = content.to_owned();
                Ok(if half {
                    Event::StepMore { checkpoint: Checkpoint(json!({ "object": id })), content_sha256 }
                } else {
                    Event::StepDone { remote: self.remote(id), content_sha256 }
                })
            }
            12 => failed(PluginError::transient("connection refused")),
            13 => failed(PluginError::permanent("the record was refused")),
            14 => failed(PluginError::auth("the token was refused")),
            15 => failed(PluginError::new(FailureClass::RateLimited { until: None }, "slow down")),
            16 => {
                self.arrive(request);
                self.pass(took);
                failed(lost())
            }
            17 => failed(lost()),
            18 => {
                self.late.push((late, request));
                self.pass(took);
                failed(lost())
            }
            19 => Err(Died),
            20 => {
                self.arrive(request);
                Err(Died)
            }
            21 => {
                self.late.push((late, request));
                self.pass(took);
                Err(Died)
            }
            22 => {
                self.late.push((late, request));
                self.pass(took);
                failed(PluginError::permanent("an unclear refusal").maybe_done())
            }
            _ => {
                // Abandoned: it may be sent at any moment before the process ends, which is now + took.
                self.pass(1);
                self.late.push((late, request));
                let (row, _) = step(&self.saved, Event::Overdue, self.now);
                self.saved = row;
                self.pass(took);
                Err(Died)
            }
        }
    }

    /// One thing that happens between attempts, and an attempt if one is due.
    fn live(&mut self) {
        match self.dice(8) {
            0 => {
                let content_sha256 = format!("v{}", 1 + self.dice(3));
                self.tell(Event::Wanted { content_sha256, hold: None });
            }
            1 => {
                self.digest += 1;
                let digest = self.digest.to_string();
                self.tell(Event::ConfigChanged { digest });
            }
            _ => {}
        }
        let takes_the_risk = self.dice(4) == 1;
        match self.saved.state {
            State::Due => self.attempt(),
            State::Failed => {
                self.digest += 1;
                let digest = self.digest.to_string();
                self.tell(Event::ConfigChanged { digest });
            }
            State::Unknown if self.kind.can_find => {
                self.tell(Event::Recover);
            }
            State::Unknown if takes_the_risk => {
                self.retries_of_unknown += 1;
                self.tell(Event::Retry);
            }
            _ => {}
        }
    }

    fn live_to_the_end(&mut self) {
        while !self.chaos.is_empty() {
            self.live();
        }
        for _ in 0..20 {
            if self.saved.state == State::Delivered {
                break;
            }
            self.live();
        }
        self.pass(1_000_000);
    }
}

fn kinds(can_find: bool) -> impl Strategy<Value = Kind> {
    (any::<bool>(), any::<bool>(), prop_oneof![Just(0_i64), Just(30), Just(120)], any::<bool>()).prop_map(
        move |(two_steps, tells_content, settle, save_all)| Kind {
            can_find,
            two_steps,
            tells_content,
            settle,
            save_all,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    /// Crashes, lost answers and late arrivals at any point, then honest answers: one object, with
    /// the content that is wanted, known by its id.
    #[test]
    fn one_object_where_the_destination_can_find(
        kind in kinds(true),
        chaos in proptest::collection::vec(any::<u8>(), 0..160),
    ) {
        let mut world = World::new(kind, chaos);
        world.live_to_the_end();
        prop_assert_eq!(world.saved.state, State::Delivered, "{:?}", world.saved);
        prop_assert_eq!(world.objects.len(), 1, "{:?}", world.objects);
        let object = &world.objects[0];
        prop_assert_eq!(&object.content, &world.saved.wanted_sha256);
        prop_assert_eq!(world.saved.remote_id.clone(), Some(object.id.to_string()));
    }

    /// Where it cannot find, at most one object for each time a person took the risk; and
    /// whatever is not known to be there is unknown, not failed and not done.
    #[test]
    fn nothing_is_risked_where_the_destination_cannot_find(
        kind in kinds(false),
        chaos in proptest::collection::vec(any::<u8>(), 0..160),
    ) {
        let mut world = World::new(kind, chaos);
        world.live_to_the_end();
        prop_assert!(
            world.objects.len() <= 1 + world.retries_of_unknown,
            "{} objects after {} retries", world.objects.len(), world.retries_of_unknown,
        );
        match world.saved.state {
            State::Delivered => prop_assert!(
                world.objects.iter().any(|object| Some(object.id.to_string()) == world.saved.remote_id
                    && object.content == world.saved.wanted_sha256),
                "{:?} {:?}", world.saved, world.objects,
            ),
            State::Unknown => {}
            other => prop_assert!(false, "ended {other}: {:?}", world.saved),
        }
    }
}

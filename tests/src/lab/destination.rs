//! A destination whose server lives in memory and goes wrong as the test says.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use chrono::{DateTime, TimeDelta, Utc};
use nexus_core::clock::{Clock as _, ManualClock};
use nexus_plugin_api::{
    Call, CheckReport, Checkpoint, Delivery, Destination, FailureClass, Found, Instance, Manifest, Plugin,
    PluginError, PluginKind, Remote, Step, Target,
};
use serde_json::json;

use crate::fault::Gate;

/// How one call of `deliver` ends.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Refused with nothing done.
    Refuse(FailureClass),
    /// Written, and the answer lost.
    LostAfterWrite,
    /// Not written, and the answer lost.
    LostBeforeWrite,
    /// The answer is lost, and the server writes it this much later.
    LandsLater(TimeDelta),
    /// Panics with nothing done.
    Panic,
    /// Panics after the object was written.
    PanicAfterWrite,
    /// Does nothing until it is told to stop, and then says that the end is unclear.
    HangUntilCancelled,
    /// Does nothing, whoever tells it, until the gate opens.
    Hang(Gate),
    /// Takes that many steps; the object is there after the last one.
    Steps(u64),
    /// Takes its first step, and then refuses.
    StepThenRefuse(FailureClass),
    /// Answers an object without an id, after it was written.
    NoId,
    /// Does this first, and then as the next fault of the session says; without one, nothing goes wrong.
    First(Hook),
}

/// Something a test does in the middle of a delivery.
#[derive(Clone)]
pub struct Hook(Arc<dyn Fn() + Send + Sync>);

impl Hook {
    /// Does this.
    pub fn new(act: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(act))
    }
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hook")
    }
}

/// How one call of `find` ends.
#[derive(Debug, Clone)]
pub enum FindFault {
    /// It says so.
    Refuse(FailureClass),
    /// It panics.
    Panic,
}

/// An object on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its id.
    pub id: String,
    /// Content hash of the record it holds.
    pub content: String,
    /// The session, as it was told.
    pub session: String,
}

/// What was asked of a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Objects made.
    pub creates: u64,
    /// Objects changed.
    pub updates: u64,
    /// Calls of `find`.
    pub finds: u64,
    /// Calls of `deliver`.
    pub delivers: u64,
}

/// A server; its clones are the same one.
#[derive(Debug, Clone)]
pub struct Server {
    name: String,
    clock: Arc<ManualClock>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    can_find: bool,
    settle_seconds: u64,
    down: Option<PluginError>,
    target: String,
    objects: BTreeMap<String, Vec<Object>>,
    late: Vec<(DateTime<Utc>, String, Object)>,
    deliver_faults: BTreeMap<String, VecDeque<Fault>>,
    find_faults: BTreeMap<String, VecDeque<FindFault>>,
    always: Option<Fault>,
    counts: Counts,
    next_id: u64,
    order: Vec<String>,
}

impl Server {
    fn new(name: &str, clock: Arc<ManualClock>) -> Self {
        let state = State {
            can_find: true,
            settle_seconds: 120,
            down: None,
            target: format!("store:{name}"),
            objects: BTreeMap::new(),
            late: Vec::new(),
            deliver_faults: BTreeMap::new(),
            find_faults: BTreeMap::new(),
            always: None,
            counts: Counts::default(),
            next_id: 0,
            order: Vec::new(),
        };
        Self { name: name.to_owned(), clock, state: Arc::new(Mutex::new(state)) }
    }

    /// Whether it can be asked.
    pub fn can_find(&self, can_find: bool) {
        self.state().can_find = can_find;
    }

    /// From now on it is another place.
    pub fn moves_to(&self, target: &str) {
        target.clone_into(&mut self.state().target);
    }

    /// It says this instead of its target.
    pub fn down(&self, error: Option<PluginError>) {
        self.state().down = error;
    }

    /// The next deliveries of this session end so, one after the other.
    pub fn on_deliver(&self, session: &str, faults: impl IntoIterator<Item = Fault>) {
        self.state().deliver_faults.entry(session.to_owned()).or_default().extend(faults);
    }

    /// The next questions about this session end so, one after the other.
    pub fn on_find(&self, session: &str, faults: impl IntoIterator<Item = FindFault>) {
        self.state().find_faults.entry(session.to_owned()).or_default().extend(faults);
    }

    /// Every delivery without a fault of its own ends so.
    pub fn always(&self, fault: Option<Fault>) {
        self.state().always = fault;
    }

    /// What was asked so far.
    pub fn counts(&self) -> Counts {
        self.state().counts
    }

    /// Everything that is there, by session key, with what has come in late.
    pub fn objects(&self) -> BTreeMap<String, Vec<Object>> {
        let mut state = self.state();
        state.land(self.clock.now());
        state.objects.clone()
    }

    /// The sessions in the order in which `deliver` was called for them.
    pub fn order(&self) -> Vec<String> {
        self.state().order.clone()
    }

    /// The objects of a session.
    pub fn of(&self, session: &str) -> Vec<Object> {
        self.objects().into_values().flatten().filter(|object| object.session == session).collect()
    }

    /// Somebody copies the object of a session.
    pub fn duplicate(&self, session: &str) {
        let mut state = self.state();
        for objects in state.objects.values_mut() {
            if let Some(object) = objects.iter().find(|object| object.session == session).cloned() {
                objects.push(Object { id: format!("{}-copy", object.id), ..object });
            }
        }
    }

    /// Somebody removes the objects of a session.
    pub fn remove(&self, session: &str) {
        for objects in self.state().objects.values_mut() {
            objects.retain(|object| object.session != session);
        }
        self.state().objects.retain(|_, objects| !objects.is_empty());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    fn land(&mut self, now: DateTime<Utc>) {
        let (landed, late): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.late).into_iter().partition(|(at, _, _)| *at <= now);
        self.late = late;
        for (_, key, object) in landed {
            let objects = self.objects.entry(key).or_default();
            match objects.iter_mut().find(|known| known.id == object.id) {
                Some(known) => *known = object,
                None => objects.push(object),
            }
        }
    }

    fn holds(&self, delivery: &Delivery, id: &str) -> bool {
        let objects = self.objects.get(&delivery.record.key);
        objects.is_some_and(|objects| objects.iter().any(|object| object.id == id))
    }

    fn object(&mut self, delivery: &Delivery) -> Object {
        self.next_id += 1;
        Object {
            id: format!("object-{}", self.next_id),
            content: delivery.record.content_sha256.clone(),
            session: delivery.session.identifier.clone(),
        }
    }

    /// Makes the object, or changes the one it was told of. Nothing else keeps a second one away.
    fn write(&mut self, delivery: &Delivery) -> Remote {
        let content = delivery.record.content_sha256.clone();
        let key = delivery.record.key.clone();
        if let Some(previous) = &delivery.previous
            && let Some(object) = self
                .objects
                .get_mut(&key)
                .and_then(|objects| objects.iter_mut().find(|object| object.id == previous.id))
        {
            object.content.clone_from(&content);
            self.counts.updates += 1;
            return Remote { id: previous.id.clone(), url: None, content_sha256: Some(content) };
        }
        self.counts.creates += 1;
        let object = self.object(delivery);
        let remote = remote(&object);
        self.objects.entry(key).or_default().push(object);
        remote
    }
}

fn remote(object: &Object) -> Remote {
    Remote {
        id: object.id.clone(),
        url: Some(format!("https://store.example.org/{}", object.id)),
        content_sha256: Some(object.content.clone()),
    }
}

fn lost() -> PluginError {
    PluginError::transient("the connection was lost").maybe_done()
}

/// A linked plugin `store`; each of its servers is named by the setting `server`.
#[derive(Debug, Clone)]
pub struct ScriptedDestination {
    clock: Arc<ManualClock>,
    servers: Arc<Mutex<BTreeMap<String, Server>>>,
}

impl ScriptedDestination {
    /// No servers yet.
    pub fn new(clock: Arc<ManualClock>) -> Self {
        Self { clock, servers: Arc::default() }
    }

    /// The server of this name, made when first named.
    pub fn server(&self, name: &str) -> Server {
        let mut servers = self.servers.lock().unwrap();
        let made = || Server::new(name, Arc::clone(&self.clock));
        servers.entry(name.to_owned()).or_insert_with(made).clone()
    }
}

impl Plugin for ScriptedDestination {
    fn manifest(&self) -> Manifest {
        let text = json!({"type": "string"});
        Manifest::new("store", "0.0.0", PluginKind::Destination).with_settings(json!({
            "type": "object", "properties": {"server": text, "remark": text}, "required": ["server"],
        }))
    }

    fn create(&self, settings: &serde_json::Value) -> Result<Instance, PluginError> {
        let name = settings["server"].as_str().expect("checked by the host");
        Ok(Instance::Destination(Box::new(self.server(name))))
    }
}

impl Destination for Server {
    fn target(&self, _call: &Call) -> Result<Target, PluginError> {
        let state = self.state();
        if let Some(error) = &state.down {
            return Err(error.clone());
        }
        Ok(Target {
            id: state.target.clone(),
            can_find: state.can_find,
            settle_seconds: state.settle_seconds,
        })
    }

    fn find(&self, _call: &Call, delivery: &Delivery) -> Result<Found, PluginError> {
        let fault = {
            let mut state = self.state();
            assert!(state.can_find, "{} cannot be asked", self.name);
            state.counts.finds += 1;
            state.find_faults.get_mut(&delivery.session.identifier).and_then(VecDeque::pop_front)
        };
        match fault {
            Some(FindFault::Refuse(class)) => return Err(PluginError::new(class, "cannot look")),
            Some(FindFault::Panic) => panic!("scripted: find"),
            None => {}
        }
        let mut state = self.state();
        state.land(self.clock.now());
        let objects = state.objects.get(&delivery.record.key).map(Vec::as_slice).unwrap_or_default();
        Ok(match objects {
            [] => Found::None,
            [one] => Found::One(remote(one)),
            many => Found::Many(many.iter().map(remote).collect()),
        })
    }

    fn deliver(&self, call: &Call, delivery: &Delivery) -> Result<Step, PluginError> {
        let session = delivery.session.identifier.clone();
        if let Some(Checkpoint(value)) = &delivery.checkpoint {
            return self.go_on(delivery, value.as_u64().expect("a checkpoint of ours"));
        }
        {
            let mut state = self.state();
            state.counts.delivers += 1;
            state.order.push(session.clone());
        }
        let next = || self.state().deliver_faults.get_mut(&session).and_then(VecDeque::pop_front);
        let mut fault = next();
        while let Some(Fault::First(hook)) = fault {
            (hook.0)();
            fault = next();
        }
        let fault = fault.or_else(|| self.state().always.clone());
        let write = || self.state().write(delivery);
        let Some(fault) = fault else { return Ok(Step::Done(write())) };
        match fault {
            Fault::Refuse(class) => Err(PluginError::new(class, "refused")),
            Fault::LostAfterWrite => {
                write();
                Err(lost())
            }
            Fault::LostBeforeWrite => Err(lost()),
            Fault::LandsLater(later) => {
                let mut state = self.state();
                let mut object = state.object(delivery);
                // A change that lands late changes the object that it was meant for.
                match delivery.previous.as_ref().filter(|previous| state.holds(delivery, &previous.id)) {
                    Some(previous) => {
                        object.id.clone_from(&previous.id);
                        state.counts.updates += 1;
                    }
                    None => state.counts.creates += 1,
                }
                state.late.push((self.clock.now() + later, delivery.record.key.clone(), object));
                Err(lost())
            }
            Fault::Panic => panic!("scripted: deliver"),
            Fault::PanicAfterWrite => {
                write();
                panic!("scripted: deliver, after the object was written")
            }
            Fault::HangUntilCancelled => {
                while !call.cancel.is_cancelled() {
                    std::thread::yield_now();
                }
                Err(lost())
            }
            Fault::Hang(gate) => {
                gate.pass();
                Err(lost())
            }
            Fault::Steps(steps) => Ok(Step::More(Checkpoint(json!(steps)))),
            Fault::StepThenRefuse(class) => {
                let rest = Fault::Refuse(class);
                self.state().deliver_faults.entry(session).or_default().push_front(rest);
                Ok(Step::More(Checkpoint(json!(1))))
            }
            Fault::First(hook) => {
                (hook.0)();
                Ok(Step::Done(write()))
            }
            Fault::NoId => {
                write();
                Ok(Step::Done(Remote { id: String::new(), url: None, content_sha256: None }))
            }
        }
    }

    fn check(&self, _call: &Call) -> Result<CheckReport, PluginError> {
        Ok(CheckReport::default())
    }
}

impl Server {
    fn go_on(&self, delivery: &Delivery, left: u64) -> Result<Step, PluginError> {
        let mut state = self.state();
        state.counts.delivers += 1;
        let session = &delivery.session.identifier;
        match state.deliver_faults.get_mut(session).and_then(VecDeque::pop_front) {
            Some(Fault::Refuse(class)) => Err(PluginError::new(class, "refused on the way")),
            Some(other) => panic!("no fault for a later step: {other:?}"),
            None if left > 1 => Ok(Step::More(Checkpoint(json!(left - 1)))),
            None => Ok(Step::Done(state.write(delivery))),
        }
    }
}

//! What a fake server may do wrong, and to which requests.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::http::Response;

/// One way to go wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The request is not carried out; this status and JSON text are the answer.
    Json(u16, String),
    /// The request is not carried out; this status and an HTML page are the answer, as from a proxy.
    Html(u16),
    /// The request is not carried out; this is the answer.
    Answer(Response),
    /// The request is carried out; this is the answer all the same.
    AnswerAfter(Response),
    /// The request is not carried out; status 200, and a body that is no JSON.
    Garbage,
    /// The request is read, not carried out, and the connection closed without an answer.
    DropBefore,
    /// The request is carried out, and the connection closed without an answer.
    DropAfter,
    /// The request is carried out, and half of the answer's body sent before the connection closes.
    Truncate,
    /// The request is carried out; the answer waits until the [`Gate`] opens.
    HoldAfter(Gate),
    /// The request waits for the [`Gate`] and is carried out then, whether or not the client still listens.
    HoldBefore(Gate),
    /// The request waits for the [`Gate`]; then it is dropped, not carried out.
    HoldAndDrop(Gate),
}

/// Which requests a fault is for, and how often.
#[derive(Debug, Clone)]
pub struct Rule {
    method: Option<String>,
    path: String,
    whole: bool,
    passed: usize,
    left: Option<usize>,
    fault: Fault,
}

impl Rule {
    /// Every request whose path (from the first `/`, without the query) starts with `path`.
    pub fn on(path: &str, fault: Fault) -> Self {
        Self { method: None, path: path.to_owned(), whole: false, passed: 0, left: None, fault }
    }

    /// Every request with exactly this path.
    pub fn at(path: &str, fault: Fault) -> Self {
        Self { whole: true, ..Self::on(path, fault) }
    }

    /// Lets the first `count` requests that match pass.
    #[must_use]
    pub fn after(mut self, count: usize) -> Self {
        self.passed = count;
        self
    }

    /// Only requests of this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Only the next `count` requests that match.
    #[must_use]
    pub fn times(mut self, count: usize) -> Self {
        self.left = Some(count);
        self
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        self.left != Some(0)
            && path.starts_with(&self.path)
            && (!self.whole || path.len() == self.path.len())
            && self.method.as_deref().is_none_or(|wanted| wanted == method)
    }
}

/// The rules of one server, oldest first. The first that matches counts.
#[derive(Debug, Default)]
pub(crate) struct Rules(Mutex<Vec<Rule>>);

impl Rules {
    pub(crate) fn add(&self, rule: Rule) {
        self.0.lock().unwrap().push(rule);
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    pub(crate) fn take(&self, method: &str, path: &str) -> Option<Fault> {
        let mut rules = self.0.lock().unwrap();
        let rule = rules.iter_mut().filter(|rule| rule.matches(method, path)).find_map(|rule| {
            let passes = rule.passed > 0;
            rule.passed = rule.passed.saturating_sub(1);
            (!passes).then_some(rule)
        })?;
        if let Some(left) = &mut rule.left {
            *left -= 1;
        }
        Some(rule.fault.clone())
    }
}

/// Something that a held request waits for, so that no test has to sleep. Cloning shares the gate.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<(Mutex<GateState>, Condvar)>);

#[derive(Debug, Default)]
struct GateState {
    open: bool,
    waiting: usize,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets everybody through, now and later.
    pub fn open(&self) {
        self.0.0.lock().unwrap().open = true;
        self.0.1.notify_all();
    }

    /// Waits until at least `count` requests have arrived at the gate; two minutes at the most.
    pub fn wait_for_arrivals(&self, count: usize) {
        let (state, most) = (self.0.0.lock().unwrap(), Duration::from_mins(2));
        let waited = self.0.1.wait_timeout_while(state, most, |state| state.waiting < count).unwrap();
        assert!(!waited.1.timed_out(), "{} of {count} requests arrived at the gate", waited.0.waiting);
    }

    /// How many requests have arrived at the gate so far.
    pub fn arrivals(&self) -> usize {
        self.0.0.lock().unwrap().waiting
    }

    /// Arrives at the gate, and waits until it opens.
    pub fn pass(&self) {
        let mut state = self.0.0.lock().unwrap();
        state.waiting += 1;
        self.0.1.notify_all();
        drop(self.0.1.wait_while(state, |state| !state.open).unwrap());
    }
}

//! Deliveries: one object per session, whatever happens.

mod facts;
mod finding;
mod once;
mod steps;

use nexus_plugin_api::message::{Method, Reply};
use nexus_plugin_api::{Checkpoint, Delivery, Found, PluginError, PluginKind, Remote, Step, Target};

use super::bench::{Bench, Line, Nothing, Terms, quoted, told};
use super::check::{Check, Stop, Verdict, fail, must, skip};
use super::exchange::Exchange;
use super::messages::WORKS;
use super::sample;

pub(super) const TARGET: &str = "destination.target";
pub(super) const FINDS_NOTHING: &str = "destination.find-unknown";
pub(super) const DELIVERS: &str = "destination.delivers";
pub(super) const FINDS: &str = "destination.deliver-then-find";

/// The checks, in order.
pub(super) const GROUPS: [&[Check]; 5] =
    [CHECKS, finding::CHECKS, once::CHECKS, steps::CHECKS, facts::CHECKS];

const CHECKS: &[Check] = &[
    Check::new(
        TARGET,
        "`target` is answered with a text that says where records go.",
        "Answer with the canonical address plus whatever else decides where an object lands.",
        &[WORKS],
        target_told,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.target-stays-equal",
        "`target` is the same at every call and for every instance of the same settings.",
        "Leave out times, session tokens and random numbers: deliveries of another target do not count.",
        &[TARGET],
        target_equal,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.settle-time",
        "The time after which a request can no longer take effect is at most a day.",
        "Give seconds; the host waits that long before it believes that nothing is there.",
        &[TARGET],
        settle_time,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.claims-find",
        "The target says that it can find exactly if the manifest claims `find`.",
        "Add \"find\" to the capabilities, or take it out.",
        &[TARGET],
        claims_find,
    )
    .of(PluginKind::Destination),
    Check::new(
        FINDS_NOTHING,
        "For a session that was never delivered, `find` sees nothing.",
        "Look for the key of the record and for nothing else; answer \"none\".",
        &[TARGET],
        finds_nothing,
    )
    .of(PluginKind::Destination),
    Check::new(
        DELIVERS,
        "A record is delivered within 100 steps.",
        "Answer {\"done\": {\"id\": …}} once the object is there.",
        &[TARGET],
        |bench| first(bench).map(drop),
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.remote-id",
        "A delivered object has an id: a text of at most 1000 characters on one line.",
        "Answer with the destination's own id of the object.",
        &[DELIVERS],
        remote_id,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.remote-url",
        "The link to an object, if there is one, is an absolute address.",
        "Answer with an address that a person can open, or leave it out.",
        &[DELIVERS],
        remote_url,
    )
    .of(PluginKind::Destination),
];

/// What was delivered so far.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    target: Option<(Target, Option<Exchange>)>,
    first: Option<Delivered>,
}

/// A delivery that is done.
#[derive(Debug, Clone)]
pub(super) struct Delivered {
    delivery: Delivery,
    remote: Remote,
    /// The checkpoints on the way.
    checkpoints: Vec<Checkpoint>,
    /// The last request and its reply.
    exchange: Option<Exchange>,
}

fn target(bench: &mut Bench<'_>) -> Result<Target, Stop> {
    if let Some((target, exchange)) = bench.deliveries.target.clone() {
        bench.last = exchange;
        return Ok(target);
    }
    let target: Target = bench.get_here(Method::Target, &Nothing {})?;
    bench.deliveries.target = Some((target.clone(), bench.last.clone()));
    Ok(target)
}

/// Stops the check if the destination cannot be asked.
fn must_find(bench: &mut Bench<'_>) -> Verdict {
    let shown = bench.last.clone();
    let can_find = target(bench)?.can_find;
    bench.last = shown;
    if can_find { Ok(()) } else { skip("its target says that it cannot find") }
}

fn target_told(bench: &mut Bench<'_>) -> Verdict {
    let target = target(bench)?;
    must(!target.id.trim().is_empty(), || "the target is empty".to_owned())
}

fn target_equal(bench: &mut Bench<'_>) -> Verdict {
    let first = target(bench)?;
    let again: Target = bench.get_here(Method::Target, &Nothing {})?;
    let fresh = bench.connect()?;
    let other: Target = bench.get(&fresh, Method::Target, &Nothing {})?;
    for later in [again, other] {
        must(later == first, || format!("first {}, then {}", quoted(&first), quoted(&later)))?;
    }
    Ok(())
}

fn settle_time(bench: &mut Bench<'_>) -> Verdict {
    let seconds = target(bench)?.settle_seconds;
    must(seconds <= 86_400, || format!("settle_seconds is {seconds}"))
}

fn claims_find(bench: &mut Bench<'_>) -> Verdict {
    let (claims, can) = (bench.claims("find"), target(bench)?.can_find);
    must(claims == can, || {
        if can {
            "the target says can_find, and the manifest does not claim `find`".to_owned()
        } else {
            "the manifest claims `find`, and the target says that it cannot".to_owned()
        }
    })
}

fn finds_nothing(bench: &mut Bench<'_>) -> Verdict {
    must_find(bench)?;
    let delivery = sample::delivery(bench, "unknown")?;
    let line = bench.line()?;
    let found = find(bench, &line, &delivery)?;
    must(found == Found::None, || format!("it sees {}", quoted(&found)))
}

/// The delivery that most checks look at.
fn first(bench: &mut Bench<'_>) -> Result<Delivered, Stop> {
    if let Some(first) = &bench.deliveries.first {
        let first = first.clone();
        bench.last.clone_from(&first.exchange);
        return Ok(first);
    }
    let delivery = sample::delivery(bench, "first")?;
    let line = bench.line()?;
    let delivered = carry(bench, &line, &delivery)?;
    bench.deliveries.first = Some(delivered.clone());
    Ok(delivered)
}

fn remote_id(bench: &mut Bench<'_>) -> Verdict {
    let id = first(bench)?.remote.id;
    let good = !id.trim().is_empty() && id.chars().count() <= 1_000 && !id.contains(|c: char| c.is_control());
    must(good, || format!("the id is {}", quoted(&id)))
}

fn remote_url(bench: &mut Bench<'_>) -> Verdict {
    let Some(url) = first(bench)?.remote.url else { return Ok(()) };
    let scheme = url.split_once(':').map(|(scheme, _)| scheme);
    let absolute = scheme.is_some_and(|scheme| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    });
    must(absolute && !url.contains(|c: char| c.is_whitespace() || c.is_control()), || {
        format!("the link is {}", quoted(&url))
    })
}

/// One step.
fn step(bench: &mut Bench<'_>, line: &Line, delivery: &Delivery) -> Result<Result<Step, PluginError>, Stop> {
    match bench.ask_under(line, Terms::Usual, Method::Deliver, delivery)? {
        Reply::Ok(step) => Ok(Ok(step)),
        Reply::Error(error) => Ok(Err(error)),
        Reply::Unsupported => fail("`deliver` is answered `unsupported`"),
    }
}

/// Most steps of one delivery.
const MOST_STEPS: usize = 100;

/// All steps, each on an instance that `line` gives.
fn carry_on(
    bench: &mut Bench<'_>,
    delivery: &Delivery,
    mut line: impl FnMut(&mut Bench<'_>) -> Result<Line, Stop>,
) -> Result<Result<Delivered, PluginError>, Stop> {
    let mut next = delivery.clone();
    let mut checkpoints = Vec::new();
    for _ in 0..MOST_STEPS {
        let line = line(bench)?;
        match step(bench, &line, &next)? {
            Ok(Step::Done(remote)) => {
                let exchange = bench.last.clone();
                return Ok(Ok(Delivered { delivery: delivery.clone(), remote, checkpoints, exchange }));
            }
            Ok(Step::More(checkpoint)) => {
                checkpoints.push(checkpoint.clone());
                next.checkpoint = Some(checkpoint);
            }
            Err(error) => return Ok(Err(error)),
        }
    }
    fail(format!("after {MOST_STEPS} steps the delivery is not done"))
}

/// All steps on one instance; an error of the plugin is an answer.
fn try_carry(
    bench: &mut Bench<'_>,
    line: &Line,
    delivery: &Delivery,
) -> Result<Result<Delivered, PluginError>, Stop> {
    carry_on(bench, delivery, |_| Ok(Line::clone(line)))
}

/// All steps on one instance.
fn carry(bench: &mut Bench<'_>, line: &Line, delivery: &Delivery) -> Result<Delivered, Stop> {
    try_carry(bench, line, delivery)?
        .map_err(|error| Stop::Fail(format!("`deliver` failed: {}", told(&error))))
}

/// What `find` sees.
fn find(bench: &mut Bench<'_>, line: &Line, delivery: &Delivery) -> Result<Found, Stop> {
    bench.get(line, Method::Find, delivery)
}

/// `find` must see exactly one object; gives it.
fn find_one(bench: &mut Bench<'_>, line: &Line, delivery: &Delivery, when: &str) -> Result<Remote, Stop> {
    match find(bench, line, delivery)? {
        Found::One(remote) => Ok(remote),
        Found::None => fail(format!("{when} `find` sees nothing")),
        Found::Many(many) => fail(format!("{when} `find` sees {} objects: {}", many.len(), quoted(&many))),
    }
}

/// Exactly the object with this id must be there.
fn find_this(
    bench: &mut Bench<'_>,
    line: &Line,
    delivery: &Delivery,
    remote: &Remote,
    when: &str,
) -> Verdict {
    let found = find_one(bench, line, delivery, when)?;
    must(found.id == remote.id, || {
        format!("{when} `find` sees {}, delivered was {}", quoted(&found.id), quoted(&remote.id))
    })
}

//! Deliveries of several steps, resumed from any of them.

use nexus_plugin_api::{Checkpoint, PluginKind};
use serde_json::json;

use super::super::bench::{Bench, Line};
use super::super::check::{Check, Stop, Verdict, fail, must, skip};
use super::super::sample;
use super::{DELIVERS, FINDS, carry, carry_on, find_one, find_this, first, must_find, step};
use nexus_plugin_api::Step;

const RESUMED: &str = "destination.steps-resumed";

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "destination.claims-steps",
        "A delivery has several steps exactly if the manifest claims `steps`.",
        "Add \"steps\" to the capabilities, or take it out.",
        &[DELIVERS],
        claims,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.checkpoint-size",
        "A checkpoint has at most 64 KiB: it is stored with every step.",
        "Keep numbers and ids in it, not content; files go into the scratch folder.",
        &[DELIVERS],
        size,
    )
    .of(PluginKind::Destination),
    Check::new(
        RESUMED,
        "A delivery is resumed from every step by a fresh instance, and makes one object.",
        "Put all that the next step needs into the checkpoint; nothing else survives.",
        &[FINDS],
        resumed,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.step-repeated",
        "A step that is taken twice from the same checkpoint does not make a second object.",
        "Let a step find what an earlier attempt at it has done.",
        &[RESUMED],
        repeated,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.begun-again",
        "A delivery that lost its checkpoint begins again and makes one object.",
        "Look for the key in the first step, and take what an earlier attempt has left.",
        &[RESUMED],
        begun_again,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.old-checkpoint",
        "An old checkpoint, given after the delivery is done, makes no second object.",
        "Look for the key before an object is made, also in the last step.",
        &[RESUMED],
        old,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.foreign-checkpoint",
        "A checkpoint that the plugin did not make is refused or ignored, and nothing is lost.",
        "Read a checkpoint with suspicion: it may come from another version of the plugin.",
        &[FINDS],
        foreign,
    )
    .of(PluginKind::Destination),
];

fn claims(bench: &mut Bench<'_>) -> Verdict {
    let steps = first(bench)?.checkpoints.len();
    match (bench.claims("steps"), steps) {
        (true, 0) => fail("the manifest claims `steps`, and the first call was the last"),
        (false, 1..) => {
            fail(format!("the delivery had {} steps, and the manifest does not claim `steps`", steps + 1))
        }
        _ => Ok(()),
    }
}

fn size(bench: &mut Bench<'_>) -> Verdict {
    let first = first(bench)?;
    if first.checkpoints.is_empty() {
        return skip("a delivery has one step");
    }
    for checkpoint in &first.checkpoints {
        let bytes = checkpoint.0.to_string().len();
        must(bytes <= 64 << 10, || format!("a checkpoint has {bytes} bytes"))?;
    }
    Ok(())
}

/// Stops the check unless deliveries have several steps.
fn must_step(bench: &mut Bench<'_>) -> Verdict {
    bench.must_claim("steps")?;
    if first(bench)?.checkpoints.is_empty() { skip("a delivery has one step") } else { Ok(()) }
}

/// An instance that knows nothing of the steps before.
fn fresh(bench: &mut Bench<'_>) -> Result<Line, Stop> {
    bench.connect()
}

fn resumed(bench: &mut Bench<'_>) -> Verdict {
    must_step(bench)?;
    let delivery = sample::delivery(bench, "resumed")?;
    let delivered = match carry_on(bench, &delivery, fresh)? {
        Ok(delivered) => delivered,
        Err(error) => return fail(format!("a fresh instance does not go on: {error}")),
    };
    let line = bench.line()?;
    find_this(bench, &line, &delivery, &delivered.remote, "after steps in fresh instances")
}

fn repeated(bench: &mut Bench<'_>) -> Verdict {
    must_step(bench)?;
    let delivery = sample::delivery(bench, "repeated")?;
    let line = bench.line()?;
    let mut next = delivery.clone();
    for _ in 0..super::MOST_STEPS {
        // The answer of the first time is lost.
        let _ = step(bench, &line, &next)?;
        match step(bench, &line, &next)? {
            Ok(Step::More(checkpoint)) => next.checkpoint = Some(checkpoint),
            Ok(Step::Done(remote)) => {
                return find_this(bench, &line, &delivery, &remote, "after every step was taken twice");
            }
            Err(error) => return fail(format!("a step that is taken twice fails: {error}")),
        }
    }
    fail("the delivery was not done after 100 steps")
}

fn begun_again(bench: &mut Bench<'_>) -> Verdict {
    must_step(bench)?;
    let delivery = sample::delivery(bench, "begun-again")?;
    let line = bench.line()?;
    let mut next = delivery.clone();
    for _ in 0..first(bench)?.checkpoints.len() {
        if let Ok(Step::More(checkpoint)) = step(bench, &line, &next)? {
            next.checkpoint = Some(checkpoint);
        }
    }
    let line = bench.connect()?;
    let delivered = carry(bench, &line, &delivery)?;
    find_this(bench, &line, &delivery, &delivered.remote, "after a delivery that was begun again")
}

fn old(bench: &mut Bench<'_>) -> Verdict {
    must_step(bench)?;
    let delivery = sample::delivery(bench, "old-checkpoint")?;
    let line = bench.line()?;
    let delivered = carry(bench, &line, &delivery)?;
    for checkpoint in delivered.checkpoints {
        let mut late = delivery.clone();
        late.checkpoint = Some(checkpoint);
        // It may go on or refuse.
        let _ = step(bench, &line, &late)?;
    }
    find_this(bench, &line, &delivery, &delivered.remote, "after old checkpoints")
}

fn foreign(bench: &mut Bench<'_>) -> Verdict {
    must_find(bench)?;
    let delivery = sample::delivery(bench, "foreign-checkpoint")?;
    let line = bench.line()?;
    for value in [json!({"conformance": {"version": 99}}), json!("x"), json!([1, 2, 3]), json!(-1)] {
        let mut strange = delivery.clone();
        strange.checkpoint = Some(Checkpoint(value));
        let _ = step(bench, &line, &strange)?;
    }
    carry(bench, &line, &delivery)?;
    find_one(bench, &line, &delivery, "after foreign checkpoints").map(drop)
}

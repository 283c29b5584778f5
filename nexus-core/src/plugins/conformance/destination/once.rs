//! One object per session: deliveries that come twice, late, or are given up.

use std::sync::Arc;
use std::time::Duration;

use nexus_plugin_api::message::{self, Method, Reply};
use nexus_plugin_api::{Found, PluginKind, Step};
use serde_json::Value;

use super::super::bench::{Bench, Terms, quoted, told};
use super::super::check::{Check, Verdict, fail, must, skip};
use super::super::sample;
use super::{DELIVERS, FINDS, carry, find, find_one, find_this, must_find, try_carry};

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "destination.deliver-twice-makes-one",
        "A session that is delivered twice has one object.",
        "Look for the key before an object is made, and take the one that is there.",
        &[FINDS],
        twice,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.deliver-again-with-previous",
        "A delivery that names the object there already, with equal content, leaves that one object.",
        "Use `previous`: it is the object this destination holds for the session.",
        &[FINDS],
        again,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.find-after-lost-answer",
        "What was delivered is found by a fresh instance, though nobody read the answer.",
        "Make the object and its key in one request, or store the key first.",
        &[FINDS],
        lost,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.deliver-after-cancel",
        "After a delivery that was cancelled midway the session can be delivered, and has one object.",
        "Leave nothing at the destination that `find` does not see.",
        &[FINDS],
        after_cancel,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.at-the-same-time",
        "Sessions that are delivered at the same time are all delivered, each to an object of its own.",
        "Guard what deliveries share: an instance is called from several threads at once.",
        &[DELIVERS],
        concurrent,
    )
    .of(PluginKind::Destination),
    Check::new(
        UPDATES,
        "A record that has changed replaces what was delivered before, if the manifest claims `update`.",
        "Change the object named by `previous`; or do not claim `update`.",
        &[FINDS],
        |bench| update(bench, "updated", 1),
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.update-twice-makes-one",
        "A change that is delivered twice leaves one object.",
        "Let a repeated change find the object changed, and leave it.",
        &[UPDATES],
        |bench| update(bench, "updated-twice", 2),
    )
    .of(PluginKind::Destination),
];

const UPDATES: &str = "destination.update-replaces";

fn twice(bench: &mut Bench<'_>) -> Verdict {
    let delivery = sample::delivery(bench, "twice")?;
    let line = bench.line()?;
    let once = carry(bench, &line, &delivery)?.remote;
    // The second one may be refused; it may not make another object.
    let second = try_carry(bench, &line, &delivery)?;
    if let Ok(second) = second {
        must(second.remote.id == once.id, || {
            format!("first the id is {}, then {}", quoted(&once.id), quoted(&second.remote.id))
        })?;
    }
    find_this(bench, &line, &delivery, &once, "after two deliveries")
}

fn again(bench: &mut Bench<'_>) -> Verdict {
    let mut delivery = sample::delivery(bench, "again")?;
    let line = bench.line()?;
    let once = carry(bench, &line, &delivery)?.remote;
    delivery.previous = Some(once.clone());
    let again = carry(bench, &line, &delivery)?.remote;
    must(again.id == once.id, || {
        format!("first the id is {}, then {}", quoted(&once.id), quoted(&again.id))
    })?;
    find_this(bench, &line, &delivery, &once, "after two deliveries")
}

fn lost(bench: &mut Bench<'_>) -> Verdict {
    let delivery = sample::delivery(bench, "lost")?;
    let line = bench.connect()?;
    carry(bench, &line, &delivery)?;
    // Nobody heard the answer, and the instance is gone.
    drop(line);
    let line = bench.connect()?;
    find_one(bench, &line, &delivery, "after a lost answer").map(drop)
}

fn after_cancel(bench: &mut Bench<'_>) -> Verdict {
    let delivery = sample::delivery_of(bench, "cancelled", bench.options.large)?;
    let line = bench.connect()?;
    let id = bench.next_id();
    let request =
        serde_json::json!({"id": id, "method": "deliver", "params": sample::json(&delivery)?}).to_string();
    let terms = Terms::CancelledAfter(Duration::from_millis(2));
    let _ = bench.exchange(&line, terms, Method::Deliver, request.as_bytes())?;
    drop(line);
    let line = bench.connect()?;
    let mut next = delivery.clone();
    // As the host does it: ask first.
    match find(bench, &line, &delivery)? {
        Found::Many(many) => {
            return fail(format!("after the cancelled delivery `find` sees {}", quoted(&many)));
        }
        Found::One(remote) => next.previous = Some(remote),
        Found::None => {}
    }
    let remote = carry(bench, &line, &next)?.remote;
    find_this(bench, &line, &delivery, &remote, "after it was cancelled and delivered once more")
}

fn concurrent(bench: &mut Bench<'_>) -> Verdict {
    let line = bench.line()?;
    let mut workers = Vec::new();
    for number in 0..4_u64 {
        let mut delivery = sample::delivery(bench, "at-the-same-time")?;
        let line = Arc::clone(&line);
        let (call, _) = bench.call(Terms::Usual, Method::Deliver);
        workers.push(std::thread::spawn(move || {
            for step in 0..100 {
                let id = 2_000_000 + number * 1_000 + step;
                let request =
                    message::request(id, Method::Deliver, &delivery).map_err(|error| error.to_string())?;
                let reply = line.exchange(&call, Method::Deliver, &request).map_err(|error| error.message)?;
                match message::read_reply::<Step>(id, &reply) {
                    Ok(Reply::Ok(Step::Done(remote))) => return Ok(remote.id),
                    Ok(Reply::Ok(Step::More(checkpoint))) => delivery.checkpoint = Some(checkpoint),
                    Ok(Reply::Error(error)) => return Err(told(&error)),
                    Ok(Reply::Unsupported) => return Err("`deliver` is answered `unsupported`".to_owned()),
                    Err(error) => return Err(format!("the reply to `deliver` cannot be used: {error}")),
                }
            }
            Err("the delivery was not done after 100 steps".to_owned())
        }));
    }
    let mut ids = Vec::new();
    for worker in workers {
        match worker.join() {
            Ok(Ok(id)) => ids.push(id),
            Ok(Err(why)) => return fail(why),
            Err(_) => return fail("a delivery panicked"),
        }
    }
    ids.sort();
    ids.dedup();
    must(ids.len() == 4, || format!("4 sessions have the ids {}", quoted(&ids)))
}

fn update(bench: &mut Bench<'_>, label: &str, times: usize) -> Verdict {
    bench.must_claim("update")?;
    must_find(bench)?;
    let delivery = sample::delivery(bench, label)?;
    let line = bench.line()?;
    let before = carry(bench, &line, &delivery)?.remote;
    let mut revised = sample::revise(bench, &delivery)?;
    revised.previous = Some(before);
    let mut after = None;
    for _ in 0..times {
        let remote = carry(bench, &line, &revised)?.remote;
        revised.previous = Some(remote.clone());
        after = Some(remote);
    }
    let Some(after) = after else { return skip("nothing was delivered") };
    let found = find_one(bench, &line, &revised, "after the change")?;
    must(found.id == after.id, || {
        format!("`find` sees {}, delivered was {}", quoted(&found.id), quoted(&after.id))
    })?;
    for (who, remote) in [("deliver", &after), ("find", &found)] {
        let wanted = &revised.record.content_sha256;
        must(remote.content_sha256.as_ref().is_none_or(|told| told == wanted), || {
            format!(
                "after the change `{who}` tells the content {}, wanted is {wanted}",
                quoted(&Value::from(remote.content_sha256.clone()))
            )
        })?;
    }
    Ok(())
}

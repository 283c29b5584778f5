//! Looking for what is there.

use nexus_plugin_api::{Found, PluginKind, Remote};

use super::super::bench::{Bench, quoted};
use super::super::check::{Check, Verdict, must};
use super::super::sample;
use super::{DELIVERS, FINDS, FINDS_NOTHING, carry, find, find_this, first, must_find};

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "destination.find-makes-nothing",
        "Looking for an object does not make one.",
        "Let `find` only read.",
        &[FINDS_NOTHING],
        makes_nothing,
    )
    .of(PluginKind::Destination),
    Check::new(
        FINDS,
        "What was delivered is found: one object, with the id that `deliver` told.",
        "Store the record's key with the object, and look for it there.",
        &[FINDS_NOTHING, DELIVERS],
        then_find,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.find-in-a-fresh-instance",
        "A fresh instance finds what another one delivered.",
        "Keep the key at the destination, not in memory.",
        &[FINDS],
        fresh,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.content-hash",
        "A content hash that is told of an object is the one of the record that was delivered.",
        "Store the record's content_sha256 with the object, or tell none.",
        &[DELIVERS],
        content_hash,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.two-keys-two-objects",
        "Two sessions have two objects, and each is found under its own key.",
        "Tell objects apart by the record's key.",
        &[FINDS],
        two_keys,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.same-name-two-keys",
        "Two sessions whose records have one name do not get into each other's way.",
        "Compare keys before anything is written over; refuse with a permanent error if both cannot be held.",
        &[FINDS],
        same_name,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.many-sessions",
        "20 sessions have 20 objects, each found by its own key.",
        "Look at what `find` does when there are many objects: pages, limits, prefixes.",
        &[FINDS],
        many,
    )
    .of(PluginKind::Destination),
];

fn makes_nothing(bench: &mut Bench<'_>) -> Verdict {
    let delivery = sample::delivery(bench, "looked-for")?;
    let line = bench.line()?;
    for time in 1..=3 {
        let found = find(bench, &line, &delivery)?;
        must(found == Found::None, || {
            format!("when it looks for the {time}. time it sees {}", quoted(&found))
        })?;
    }
    Ok(())
}

fn then_find(bench: &mut Bench<'_>) -> Verdict {
    let first = first(bench)?;
    let line = bench.line()?;
    find_this(bench, &line, &first.delivery, &first.remote, "after the delivery")
}

fn fresh(bench: &mut Bench<'_>) -> Verdict {
    let first = first(bench)?;
    let line = bench.connect()?;
    find_this(bench, &line, &first.delivery, &first.remote, "in a fresh instance")
}

fn content_hash(bench: &mut Bench<'_>) -> Verdict {
    let first = first(bench)?;
    let wanted = &first.delivery.record.content_sha256;
    let right = |remote: &Remote| remote.content_sha256.as_ref().is_none_or(|told| told == wanted);
    must(right(&first.remote), || {
        format!("`deliver` tells {}, the record has {wanted}", quoted(&first.remote.content_sha256))
    })?;
    if must_find(bench).is_err() {
        return Ok(());
    }
    let line = bench.line()?;
    if let Found::One(remote) = find(bench, &line, &first.delivery)? {
        must(right(&remote), || {
            format!("`find` tells {}, the record has {wanted}", quoted(&remote.content_sha256))
        })?;
    }
    Ok(())
}

fn two_keys(bench: &mut Bench<'_>) -> Verdict {
    let line = bench.line()?;
    let one = sample::delivery(bench, "two-keys")?;
    let other = sample::delivery(bench, "two-keys")?;
    let (at_one, at_other) = (carry(bench, &line, &one)?.remote, carry(bench, &line, &other)?.remote);
    must(at_one.id != at_other.id, || format!("both have the id {}", quoted(&at_one.id)))?;
    find_this(bench, &line, &one, &at_one, "after the delivery of another")?;
    find_this(bench, &line, &other, &at_other, "after the delivery of two")
}

fn same_name(bench: &mut Bench<'_>) -> Verdict {
    let line = bench.line()?;
    let one = sample::delivery(bench, "same-name")?;
    let mut other = sample::delivery(bench, "same-name")?;
    other.record.name.clone_from(&one.record.name);
    let at_one = carry(bench, &line, &one)?.remote;
    let second = super::try_carry(bench, &line, &other)?;
    find_this(bench, &line, &one, &at_one, "after another session with the same name")?;
    let Ok(at_other) = second else { return Ok(()) };
    must(at_one.id != at_other.remote.id, || format!("both have the id {}", quoted(&at_one.id)))?;
    find_this(bench, &line, &other, &at_other.remote, "after another session with the same name")
}

fn many(bench: &mut Bench<'_>) -> Verdict {
    let line = bench.line()?;
    let mut delivered = Vec::new();
    for _ in 0..20 {
        let delivery = sample::delivery(bench, "many")?;
        delivered.push(carry(bench, &line, &delivery)?);
    }
    for one in &delivered {
        find_this(bench, &line, &one.delivery, &one.remote, "after 20 deliveries")?;
    }
    Ok(())
}

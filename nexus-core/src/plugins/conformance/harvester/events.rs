//! What the events of a harvest are like.

use std::collections::{BTreeMap, BTreeSet};

use nexus_plugin_api::{HarvestRequest, PluginKind};

use super::super::bench::{Bench, quoted};
use super::super::check::{Check, Verdict, must};
use super::super::sample;
use super::{PAGES, harvest, harvested, ids, instant, question, with_events};
use nexus_plugin_api::message::Method;

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "harvester.ids-are-there",
        "Every event has an external id and a session identifier.",
        "Take the source's own number of the event; without one, make the id from what never changes.",
        &[PAGES],
        ids_there,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.external-ids-are-unique",
        "Of one harvest's events no two have one external id, over all pages.",
        "Bring each event once; pages may not overlap.",
        &[PAGES],
        external_ids,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.session-identifiers-are-unique",
        "Of one harvest's events no two have one session identifier.",
        "Make the identifier from the external id, not from times or names.",
        &[PAGES],
        session_identifiers,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.ids-are-stable",
        "A second harvest by a fresh instance brings the same ids and session identifiers.",
        "Leave out what changes between two harvests: the order, the moment, random numbers.",
        &[PAGES],
        stable,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.start-before-end",
        "No event ends before it begins.",
        "Look at the order of the columns, and at times around midnight and without an offset.",
        &[PAGES],
        start_before_end,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.only-instruments-asked",
        "Every event belongs to an instrument that was asked for.",
        "Count events of other tools under `outside`, by the tool's name.",
        &[PAGES],
        only_asked,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.progress-of-each",
        "A harvest says, for each instrument asked, how far it was read, and speaks of no other.",
        "Add one entry to `instruments` per instrument, on the last page that speaks of it.",
        &[PAGES],
        progress,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.span-is-one",
        "The span that was read does not end before it begins.",
        "Look at covered_from and covered_to; leave out what is not known.",
        &[PAGES],
        span,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.rejected-rows-are-told",
        "What could not be read is told with its place and a reason.",
        "Say where it stands (`line 17`) and what it should look like.",
        &[PAGES],
        rejected,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.users-are-of-known-systems",
        "Users met have a name, an identifier, and a system that the host knows.",
        "The systems are nemo, labarchives_eln, labarchives_scheduler and cdcs.",
        &[PAGES],
        users,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.no-instruments",
        "Asked about no instruments it brings no events.",
        "An empty list means none, not all.",
        &[PAGES],
        no_instruments,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.unknown-instrument",
        "An instrument that the source does not know takes nothing away from the others.",
        "Report no events for it, not an error for all.",
        &[PAGES],
        unknown_instrument,
    )
    .of(PluginKind::Harvester),
];

fn ids_there(bench: &mut Bench<'_>) -> Verdict {
    for event in with_events(bench)?.events() {
        let good = !event.external_id.trim().is_empty() && !event.session_identifier.trim().is_empty();
        must(good, || format!("an event of {} has none: {}", event.instrument_pid, quoted(event)))?;
    }
    Ok(())
}

fn external_ids(bench: &mut Bench<'_>) -> Verdict {
    let mut seen = BTreeSet::new();
    for event in with_events(bench)?.events() {
        must(seen.insert(event.external_id.clone()), || {
            format!("{} comes twice", quoted(&event.external_id))
        })?;
    }
    Ok(())
}

fn session_identifiers(bench: &mut Bench<'_>) -> Verdict {
    let mut seen = BTreeMap::new();
    for event in with_events(bench)?.events() {
        let before = seen.insert(event.session_identifier.clone(), event.external_id.clone());
        must(before.as_ref().is_none_or(|before| *before == event.external_id), || {
            format!("{} is the identifier of two events", quoted(&event.session_identifier))
        })?;
    }
    Ok(())
}

fn stable(bench: &mut Bench<'_>) -> Verdict {
    let first = with_events(bench)?;
    let request = question(bench)?;
    let line = bench.connect()?;
    let second = harvest(bench, &line, &request)?;
    let pairs = |harvested: &super::Harvested| -> BTreeSet<(String, String)> {
        harvested
            .events()
            .map(|event| (event.external_id.clone(), event.session_identifier.clone()))
            .collect()
    };
    let (first, second) = (pairs(&first), pairs(&second));
    match first.symmetric_difference(&second).next() {
        None => Ok(()),
        Some(pair) => must(false, || format!("{} is in one of two harvests only", quoted(pair))),
    }
}

fn start_before_end(bench: &mut Bench<'_>) -> Verdict {
    for event in with_events(bench)?.events() {
        let Some(end) = event.end else { continue };
        let pid = &event.instrument_pid;
        let good = instant(bench, pid, event.start) <= instant(bench, pid, end);
        must(good, || format!("event {} begins {} and ends {end}", event.external_id, event.start))?;
    }
    Ok(())
}

fn only_asked(bench: &mut Bench<'_>) -> Verdict {
    for event in with_events(bench)?.events() {
        let asked = bench.options.instruments.iter().any(|instrument| instrument.pid == event.instrument_pid);
        must(asked, || format!("event {} is of {}", event.external_id, quoted(&event.instrument_pid)))?;
    }
    Ok(())
}

fn progress(bench: &mut Bench<'_>) -> Verdict {
    let harvested = harvested(bench)?;
    let told: Vec<&str> = harvested
        .pages
        .iter()
        .flat_map(|page| &page.instruments)
        .map(|progress| progress.instrument_pid.as_str())
        .collect();
    for instrument in &bench.options.instruments {
        let times = told.iter().filter(|pid| **pid == instrument.pid).count();
        must(times > 0, || format!("{} is not spoken of", quoted(&instrument.pid)))?;
    }
    let all = harvested.pages.iter().flat_map(|page| &page.instruments);
    for pid in all.map(|progress| &progress.instrument_pid) {
        let asked = bench.options.instruments.iter().any(|instrument| instrument.pid == *pid);
        must(asked, || format!("{} was not asked for", quoted(pid)))?;
    }
    Ok(())
}

fn span(bench: &mut Bench<'_>) -> Verdict {
    for progress in harvested(bench)?.pages.iter().flat_map(|page| &page.instruments) {
        if let (Some(from), Some(to)) = (progress.covered_from, progress.covered_to) {
            must(from <= to, || format!("{} was read from {from} to {to}", progress.instrument_pid))?;
        }
    }
    Ok(())
}

fn rejected(bench: &mut Bench<'_>) -> Verdict {
    for row in harvested(bench)?.pages.iter().flat_map(|page| &page.rejected) {
        must(!row.place.trim().is_empty() && !row.reason.trim().is_empty(), || quoted(row))?;
    }
    Ok(())
}

const SYSTEMS: [&str; 4] = ["nemo", "labarchives_eln", "labarchives_scheduler", "cdcs"];

fn users(bench: &mut Bench<'_>) -> Verdict {
    for user in harvested(bench)?.pages.iter().flat_map(|page| &page.users) {
        let good = SYSTEMS.contains(&user.system.as_str())
            && !user.username.is_empty()
            && !user.external_id.is_empty();
        must(good, || quoted(user))?;
    }
    Ok(())
}

fn no_instruments(bench: &mut Bench<'_>) -> Verdict {
    let line = bench.line()?;
    let harvested = harvest(bench, &line, &HarvestRequest::default())?;
    let events = harvested.events().count();
    must(events == 0, || format!("it brings {events} events"))
}

fn unknown_instrument(bench: &mut Bench<'_>) -> Verdict {
    let before = harvested(bench)?;
    let mut request = question(bench)?;
    request.instruments.insert(0, sample::queries(&[sample::instrument("CONFORMANCE-UNKNOWN")]).remove(0));
    let line = bench.line()?;
    let after = harvest(bench, &line, &request)?;
    let (before, after) = (ids(before.events()), ids(after.events()));
    let missing: Vec<_> = before.difference(&after).collect();
    must(missing.is_empty(), || {
        format!("with an unknown instrument `{}` leaves out {}", Method::Harvest, quoted(&missing))
    })
}

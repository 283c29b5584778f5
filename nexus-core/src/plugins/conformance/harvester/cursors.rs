//! Windows, cursors, pages, and events that were still open.

use chrono::{DateTime, TimeDelta, Utc};
use nexus_plugin_api::message::{Method, Reply};
use nexus_plugin_api::{HarvestPage, HarvestRequest, PluginKind, UsageEvent};

use super::super::bench::{Bench, quoted};
use super::super::check::{Check, Stop, Verdict, must, skip};
use super::{PAGES, harvest, harvested, ids, instant, question, try_harvest, with_events};

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "harvester.cursor-brings-nothing-new",
        "Handed back its cursors, a source without news brings no event that was not there before.",
        "Make the cursor from what was read; an overlap is welcome, other ids are not.",
        &[PAGES],
        nothing_new,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.foreign-cursor-loses-nothing",
        "A cursor that the plugin did not make is an error, or read as none: no event is passed over.",
        "Read a cursor with suspicion: it may come from another version of the plugin.",
        &[PAGES],
        foreign_cursor,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.foreign-page",
        "A page that does not exist is an error, or without events.",
        "Answer with an error that names the page.",
        &[PAGES],
        foreign_page,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.window-from",
        "With `from`, all events that ended at or after it come, and no others if it gives cursors.",
        "Compare the event's end, as an instant, with `from`; it overrides the cursors.",
        &[PAGES],
        |bench| window(bench, true),
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.window-until",
        "With `until`, all events that ended before it come, and no others if it gives cursors.",
        "Compare the event's end, as an instant, with `until`.",
        &[PAGES],
        |bench| window(bench, false),
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.empty-window",
        "A window in which nothing ended brings no ended event.",
        "Apply `from` and `until` together.",
        &[PAGES],
        empty_window,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.open-events",
        "An event asked for under `open` comes, whatever the window.",
        "Look events up by their ids as well: they were in use when last seen.",
        &[PAGES],
        open_events,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.unknown-open-event",
        "An id under `open` that the source does not know is no error.",
        "Leave it out: the event is gone.",
        &[PAGES],
        unknown_open,
    )
    .of(PluginKind::Harvester),
];

fn nothing_new(bench: &mut Bench<'_>) -> Verdict {
    let first = with_events(bench)?;
    let mut request = question(bench)?;
    for query in &mut request.instruments {
        let progress = first.pages.iter().flat_map(|page| &page.instruments);
        query.cursor = progress
            .filter(|one| one.instrument_pid == query.instrument.pid)
            .find_map(|one| one.cursor.clone());
    }
    if request.instruments.iter().all(|query| query.cursor.is_none()) {
        return skip("it gives no cursors");
    }
    let line = bench.connect()?;
    let second = harvest(bench, &line, &request)?;
    let (first, second) = (ids(first.events()), ids(second.events()));
    let new: Vec<_> = second.difference(&first).collect();
    must(new.is_empty(), || format!("the second harvest has {}", quoted(&new)))
}

fn foreign_cursor(bench: &mut Bench<'_>) -> Verdict {
    let first = with_events(bench)?;
    let mut request = question(bench)?;
    for query in &mut request.instruments {
        query.cursor = Some("{\"conformance\":\"a cursor of another version\"}".to_owned());
    }
    let line = bench.line()?;
    let Ok(second) = try_harvest(bench, &line, &request)? else { return Ok(()) };
    let (first, second) = (ids(first.events()), ids(second.events()));
    let lost: Vec<_> = first.difference(&second).collect();
    must(lost.is_empty(), || format!("with a cursor it never made it leaves out {}", quoted(&lost)))
}

fn foreign_page(bench: &mut Bench<'_>) -> Verdict {
    if harvested(bench)?.pages.len() < 2 {
        return skip("its harvest has one page");
    }
    let mut request = question(bench)?;
    request.page = Some("conformance: no such page".to_owned());
    let line = bench.line()?;
    match bench.ask::<HarvestPage>(&line, Method::Harvest, &request)? {
        Reply::Ok(page) => must(page.events.is_empty(), || format!("it has {} events", page.events.len())),
        Reply::Error(_) | Reply::Unsupported => Ok(()),
    }
}

/// The instant at which an event ended.
fn ended(bench: &Bench<'_>, event: &UsageEvent) -> Option<DateTime<Utc>> {
    event.end.map(|end| instant(bench, &event.instrument_pid, end))
}

/// An event's id, and when it ended.
type Ended = (String, DateTime<Utc>);

/// The end in the middle of those of all events, and those of them that ended.
fn middle(bench: &mut Bench<'_>) -> Result<(DateTime<Utc>, Vec<Ended>), Stop> {
    let harvested = with_events(bench)?;
    let mut ends: Vec<Ended> = harvested
        .events()
        .filter_map(|event| Some((event.external_id.clone(), ended(bench, event)?)))
        .collect();
    ends.sort_by_key(|(_, end)| *end);
    match ends.get(ends.len() / 2) {
        Some((_, middle)) => Ok((*middle, ends)),
        None => skip("no event has ended"),
    }
}

fn window(bench: &mut Bench<'_>, from: bool) -> Verdict {
    let (middle, ends) = middle(bench)?;
    let mut request = question(bench)?;
    if from {
        request.from = Some(middle);
    } else {
        request.until = Some(middle);
    }
    let inside = |end: DateTime<Utc>| if from { end >= middle } else { end < middle };
    let line = bench.line()?;
    let harvested = harvest(bench, &line, &request)?;
    // Without cursors a source is read as a whole each time, and all of it comes; nothing may be left out.
    let too_many = if gives_cursors(bench)? { harvested.events().collect() } else { Vec::new() };
    for event in too_many {
        let Some(end) = ended(bench, event) else { continue };
        must(inside(end), || {
            format!("event {} ended {end}, the window's edge is {middle}", event.external_id)
        })?;
    }
    let there = ids(harvested.events());
    for (id, end) in ends {
        let missing = inside(end) && !there.contains(id.as_str());
        must(!missing, || format!("event {id} ended {end} and is left out, the window's edge is {middle}"))?;
    }
    Ok(())
}

/// Whether the source is read on from where the last harvest ended.
fn gives_cursors(bench: &mut Bench<'_>) -> Result<bool, Stop> {
    let shown = bench.last.clone();
    let harvested = harvested(bench)?;
    bench.last = shown;
    let mut progress = harvested.pages.iter().flat_map(|page| &page.instruments);
    Ok(progress.any(|one| one.cursor.is_some()))
}

fn empty_window(bench: &mut Bench<'_>) -> Verdict {
    if !gives_cursors(bench)? {
        return skip("it gives no cursors, and may bring all it has each time");
    }
    let (_, ends) = middle(bench)?;
    let Some(first) = ends.first().map(|(_, end)| *end) else { return skip("no event has ended") };
    let before = |days| first.checked_sub_signed(TimeDelta::days(days)).unwrap_or(first);
    let mut request = question(bench)?;
    request.from = Some(before(20));
    request.until = Some(before(10));
    let line = bench.line()?;
    let harvested = harvest(bench, &line, &request)?;
    match harvested.events().find(|event| event.end.is_some()) {
        None => Ok(()),
        Some(event) => must(false, || format!("event {} ended {}", event.external_id, quoted(&event.end))),
    }
}

fn open_events(bench: &mut Bench<'_>) -> Verdict {
    let (_, ends) = middle(bench)?;
    let Some((id, end)) = ends.first().cloned() else { return skip("no event has ended") };
    let mut request = question(bench)?;
    request.from = end.checked_add_signed(TimeDelta::days(400));
    request.open = vec![id.clone()];
    let line = bench.line()?;
    let harvested = harvest(bench, &line, &request)?;
    let there = harvested.events().any(|event| event.external_id == id);
    must(there, || format!("event {id}, which was asked for, is left out"))
}

fn unknown_open(bench: &mut Bench<'_>) -> Verdict {
    let before = harvested(bench)?;
    let request = HarvestRequest { open: vec!["conformance-no-such-event".to_owned()], ..question(bench)? };
    let line = bench.line()?;
    let after = harvest(bench, &line, &request)?;
    let (before, after) = (ids(before.events()), ids(after.events()));
    must(before.is_subset(&after), || "with an unknown id, events are left out".to_owned())
}

//! Events and reservations.

mod cursors;
mod events;
mod offers;
mod reservations;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use nexus_plugin_api::message::{Method, Reply};
use nexus_plugin_api::{EventTime, HarvestPage, HarvestRequest, PluginKind, UsageEvent};
use serde_json::Value;

use super::bench::{Bench, Line, quoted};
use super::check::{Check, Stop, Verdict, fail, must, skip};
use super::exchange::Exchange;
use super::messages::WORKS;
use super::sample;
use crate::zone;

const ANSWERED: &str = "harvester.harvest";
const TIMES: &str = "harvester.times";
const READABLE: &str = "harvester.events-are-readable";
pub(super) const PAGES: &str = "harvester.paging-ends";

/// The checks, in order.
pub(super) const GROUPS: [&[Check]; 5] =
    [CHECKS, events::CHECKS, cursors::CHECKS, reservations::CHECKS, offers::CHECKS];

const CHECKS: &[Check] = &[
    Check::new(
        ANSWERED,
        "`harvest` is answered with a list of events, also when there is none.",
        "Answer {\"events\": […], \"instruments\": […]}; a source that cannot be reached is an error.",
        &[WORKS],
        answered,
    )
    .of(PluginKind::Harvester),
    Check::new(
        TIMES,
        "Start and end of an event are ISO 8601 times, with an offset or without.",
        "Write 2024-03-05T09:10:00-07:00, or 2024-03-05T09:10:00 for the instrument's own time.",
        &[ANSWERED],
        times,
    )
    .of(PluginKind::Harvester),
    Check::new(
        READABLE,
        "A page of events has the fields that the protocol names.",
        "Compare the page with the protocol: the reason names the field.",
        &[TIMES],
        readable,
    )
    .of(PluginKind::Harvester),
    Check::new(
        PAGES,
        "Asked with `more` again and again, a harvest comes to its last page.",
        "Let `more` name the next page, and leave it out on the last one.",
        &[READABLE],
        |bench| harvested(bench).map(drop),
    )
    .of(PluginKind::Harvester),
];

/// A whole harvest.
#[derive(Debug)]
pub(super) struct Harvested {
    pub(super) pages: Vec<HarvestPage>,
    exchanges: Vec<Exchange>,
}

impl Harvested {
    fn events(&self) -> impl Iterator<Item = &UsageEvent> {
        self.pages.iter().flat_map(|page| &page.events)
    }
}

/// What is asked first: all instruments, from the beginning.
fn question(bench: &Bench<'_>) -> Result<HarvestRequest, Stop> {
    if bench.options.instruments.is_empty() {
        return skip("needs `--instrument PID`, or [[instruments]] in nexus-test.toml");
    }
    Ok(HarvestRequest {
        instruments: sample::queries(&bench.options.instruments),
        ..HarvestRequest::default()
    })
}

fn answered(bench: &mut Bench<'_>) -> Verdict {
    let request = question(bench)?;
    let page: Value = bench.get_here(Method::Harvest, &request)?;
    must(page["events"].is_array(), || {
        format!("the page has no list `events`: {}", quoted(&page.to_string()))
    })
}

fn times(bench: &mut Bench<'_>) -> Verdict {
    let request = question(bench)?;
    let page: Value = bench.get_here(Method::Harvest, &request)?;
    for event in page["events"].as_array().into_iter().flatten() {
        for name in ["start", "end"] {
            let text = match &event[name] {
                Value::Null if name == "end" => continue,
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            text.parse::<EventTime>().map_err(|error| {
                Stop::Fail(format!("`{name}` of event {}: {error}", event["external_id"]))
            })?;
        }
    }
    Ok(())
}

fn readable(bench: &mut Bench<'_>) -> Verdict {
    let request = question(bench)?;
    bench.get_here::<HarvestPage>(Method::Harvest, &request).map(drop)
}

/// The whole harvest that most checks look at.
fn harvested(bench: &mut Bench<'_>) -> Result<Arc<Harvested>, Stop> {
    if let Some(harvested) = &bench.harvested {
        let harvested = Arc::clone(harvested);
        if let Some(first) = harvested.exchanges.first() {
            bench.show(first);
        }
        return Ok(harvested);
    }
    let request = question(bench)?;
    let line = bench.line()?;
    let harvested = Arc::new(harvest(bench, &line, &request)?);
    bench.harvested = Some(Arc::clone(&harvested));
    Ok(harvested)
}

/// The same; stops the check if there are no events to look at.
fn with_events(bench: &mut Bench<'_>) -> Result<Arc<Harvested>, Stop> {
    let harvested = harvested(bench)?;
    if harvested.events().next().is_none() {
        return skip("the source has no events of these instruments");
    }
    Ok(harvested)
}

/// Most pages of one harvest.
const MOST_PAGES: usize = 10_000;

/// Every page; a failure fails the check.
fn harvest(bench: &mut Bench<'_>, line: &Line, request: &HarvestRequest) -> Result<Harvested, Stop> {
    match try_harvest(bench, line, request)? {
        Ok(harvested) => Ok(harvested),
        Err(error) => fail(format!("`harvest` failed: {error}")),
    }
}

/// Every page; an error of the plugin is an answer.
fn try_harvest(
    bench: &mut Bench<'_>,
    line: &Line,
    request: &HarvestRequest,
) -> Result<Result<Harvested, nexus_plugin_api::PluginError>, Stop> {
    let mut harvested = Harvested { pages: Vec::new(), exchanges: Vec::new() };
    let (mut request, mut seen) = (request.clone(), BTreeSet::new());
    for _ in 0..MOST_PAGES {
        let page: HarvestPage = match bench.ask(line, Method::Harvest, &request)? {
            Reply::Ok(page) => page,
            Reply::Error(error) => return Ok(Err(error)),
            Reply::Unsupported => return fail("`harvest` is answered `unsupported`"),
        };
        let more = page.more.clone();
        harvested.pages.push(page);
        harvested.exchanges.extend(bench.last.clone());
        let Some(more) = more else { return Ok(Ok(harvested)) };
        must(seen.insert(more.clone()), || format!("the page {} comes a second time", quoted(&more)))?;
        request.page = Some(more);
    }
    fail(format!("after {MOST_PAGES} pages there are more"))
}

/// When a time was, in the zone of its instrument.
fn instant(bench: &Bench<'_>, pid: &str, time: EventTime) -> DateTime<Utc> {
    match time {
        EventTime::Offset(time) => time.to_utc(),
        EventTime::Local(naive) => {
            let instrument = bench.options.instruments.iter().find(|instrument| instrument.pid == pid);
            let zone = instrument.and_then(|instrument| zone::parse(&instrument.timezone).ok());
            zone::localise(naive, zone.unwrap_or(chrono_tz::UTC)).to_utc()
        }
    }
}

/// The ids of events.
fn ids<'e>(events: impl Iterator<Item = &'e UsageEvent>) -> BTreeSet<&'e str> {
    events.map(|event| event.external_id.as_str()).collect()
}

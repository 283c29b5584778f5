//! All checks, one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use nexus_plugin_api::PluginKind;
use nexus_plugin_api::host::Wired;

use super::bench::Bench;
use super::check::{Check, Stop};
use super::options::Options;
use super::report::{Failure, Outcome, Report, Status};
use super::{actions, circumstances, destination, end, extractor, harvester, manifest, messages, settings};

/// Every check, in the order in which they are tried: what a check needs stands before it.
pub fn checks() -> impl DoubleEndedIterator<Item = &'static Check> {
    let first =
        [manifest::CHECKS, settings::CHECKS, messages::CHECKS, settings::INSTANCES, circumstances::CHECKS];
    let groups: Vec<&'static [Check]> = first
        .into_iter()
        .chain(destination::GROUPS)
        .chain(harvester::GROUPS)
        .chain(extractor::GROUPS)
        .chain([actions::CHECKS, end::CHECKS])
        .collect();
    groups.into_iter().flatten()
}

/// Tries a plugin.
pub fn run(plugin: Arc<dyn Wired>, options: &Options) -> Report {
    run_telling(plugin, options, |_| {})
}

/// Tries a plugin, and tells of every check when it has ended.
pub fn run_telling(plugin: Arc<dyn Wired>, options: &Options, mut tell: impl FnMut(&Outcome)) -> Report {
    let mut bench = Bench::new(plugin, options);
    let kind = bench.manifest.kind;
    let mut report = Report {
        plugin: bench.manifest.name.clone(),
        version: bench.manifest.version.clone(),
        kind: kind.to_string(),
        checks: Vec::new(),
    };
    let wanted = wanted(kind, options);
    let mut not_passed: BTreeMap<&str, String> = BTreeMap::new();
    for check in checks().filter(|check| check.concerns(kind) && wanted.contains(check.name)) {
        let missing = check.needs.iter().find_map(|need| not_passed.get(need));
        let status = match missing {
            Some(reason) => Status::Skipped { reason: reason.clone() },
            None => tried(check, &mut bench),
        };
        match &status {
            Status::Passed => {}
            Status::Failed(_) => {
                not_passed.insert(check.name, format!("depends on {}, which failed", check.name));
            }
            // The first reason is the one that helps.
            Status::Skipped { reason } => {
                not_passed.insert(check.name, reason.clone());
            }
        }
        let outcome = Outcome { name: check.name, promise: check.promise, status };
        tell(&outcome);
        report.checks.push(outcome);
    }
    report
}

/// The report about a plugin that cannot be loaded at all: one failure, and the rest depends on it.
pub fn refused(why: &str, options: &Options) -> Report {
    let status = |check: &Check| {
        if check.name == manifest::LOADS {
            let remedy = check.remedy.to_owned();
            Status::Failed(Failure { why: why.to_owned(), remedy, exchange: None })
        } else {
            Status::Skipped { reason: format!("depends on {}, which failed", manifest::LOADS) }
        }
    };
    let of_all = checks().filter(|check| check.kind.is_none());
    let of_all = of_all.filter(|check| check.name == manifest::LOADS || options.wants(check.name));
    let outcome =
        |check: &'static Check| Outcome { name: check.name, promise: check.promise, status: status(check) };
    Report { checks: of_all.map(outcome).collect(), ..Report::default() }
}

fn tried(check: &Check, bench: &mut Bench<'_>) -> Status {
    bench.last = None;
    let (why, remedy) = match (check.run)(bench) {
        Ok(()) => return Status::Passed,
        Err(Stop::Skip(reason)) => return Status::Skipped { reason },
        Err(Stop::Fail(why)) => (why, check.remedy.to_owned()),
        Err(Stop::Unanswered { why, remedy }) => (why, remedy),
    };
    Status::Failed(Failure {
        why: bench.redactor.mask(&why).into_owned(),
        remedy: bench.redactor.mask(&remedy).into_owned(),
        exchange: bench.last.take(),
    })
}

/// The names of the checks that are tried: those asked for, and what they need.
fn wanted(kind: PluginKind, options: &Options) -> BTreeSet<&'static str> {
    let mut wanted = BTreeSet::new();
    let all: Vec<&'static Check> = checks().filter(|check| check.concerns(kind)).collect();
    // Needs stand before those who need them, so one pass from the end finds all.
    for check in all.iter().rev() {
        if options.wants(check.name) || wanted.contains(check.name) {
            wanted.insert(check.name);
            wanted.extend(check.needs);
        }
    }
    wanted
}

/// The checks as a page for people: Markdown, a table per group.
pub fn reference() -> String {
    let mut page = String::new();
    let mut groups: Vec<&str> = Vec::new();
    for check in checks() {
        if !groups.contains(&check.group()) {
            groups.push(check.group());
        }
    }
    for group in groups {
        let _ = writeln!(page, "### {group}\n\n| check | what is promised |\n|---|---|");
        for check in checks().filter(|check| check.group() == group) {
            let _ = writeln!(page, "| `{}` | {} |", check.name, check.promise);
        }
        page.push('\n');
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

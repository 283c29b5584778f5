//! What a person sees of a trial.

use std::collections::BTreeMap;

use nexus_core::plugins::conformance::{self, Exchange, Outcome, Report, Status};
use serde_json::json;

use super::TestArgs;
use crate::args::Global;
use crate::exit_code::{ExitCode, Stop};
use crate::output;

/// All checks, or those asked for.
pub(super) fn list(global: &Global, args: &TestArgs) -> Result<ExitCode, Stop> {
    let wanted = |name: &str, group: &str| {
        args.only.is_empty() || args.only.iter().any(|word| word == name || word == group)
    };
    let checks = conformance::checks().filter(|check| wanted(check.name, check.group()));
    if global.json {
        let checks: Vec<_> = checks
            .map(|check| {
                json!({
                    "name": check.name,
                    "kind": check.kind,
                    "promise": check.promise,
                    "remedy": check.remedy,
                    "needs": check.needs,
                })
            })
            .collect();
        output::json(&checks)?;
    } else {
        let rows = checks.map(|check| vec![check.name.to_owned(), check.promise.to_owned()]);
        output::table(&["check", "what is promised"], rows);
    }
    Ok(ExitCode::Done)
}

/// One line about one check.
pub(super) fn outcome(outcome: &Outcome) {
    output::line(match &outcome.status {
        Status::Passed => format!("ok       {}", outcome.name),
        Status::Failed(_) => format!("FAILED   {}", outcome.name),
        Status::Skipped { reason } => format!("skipped  {} ({reason})", outcome.name),
    });
}

/// The failures, and how many of each.
pub(super) fn summary(report: &Report) {
    for (outcome, failure) in report.failures() {
        output::line(format!("\n{}", outcome.name));
        output::line(format!("  promised  {}", outcome.promise));
        output::line(format!("  seen      {}", failure.why));
        output::line(format!("  to do     {}", failure.remedy));
        if let Some(Exchange { request, reply }) = &failure.exchange {
            output::line(format!("  request   {request}"));
            output::line(format!("  reply     {reply}"));
        }
    }
    let who = if report.plugin.is_empty() {
        "the plugin could not be loaded".to_owned()
    } else {
        format!("{} {} ({})", report.plugin, report.version, report.kind)
    };
    let (passed, failed, skipped) = (report.passed(), report.failed(), report.skipped());
    output::line(format!("\n{who}: {passed} passed, {failed} failed, {skipped} skipped"));
    for (need, checks) in needs(report) {
        output::line(format!("not tried: {checks} checks; give them what they need: {need}"));
    }
}

/// What was not given and how many checks wait for it: a trial that tried little must not look like one that went well.
fn needs(report: &Report) -> BTreeMap<&str, usize> {
    let mut needs = BTreeMap::new();
    for outcome in &report.checks {
        if let Status::Skipped { reason } = &outcome.status
            && let Some(need) = reason.strip_prefix("needs ")
        {
            *needs.entry(need).or_default() += 1;
        }
    }
    needs
}

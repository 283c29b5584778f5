//! `--dry-run`: what would be made of each session, told and not done.
//!
//! Sessions are printed as they come, so that a long backlog is never in memory as a whole.

use std::collections::BTreeMap;

use nexus_core::pipeline::{self, Facility, PlannedSession, Steps};
use nexus_core::report::RunReport;

use super::print::{self, minutes};
use super::{code_of, stopped};
use crate::args::Global;
use crate::exit_code::{ExitCode, Stop};
use crate::output;

/// Files of an activity that are named one by one.
const FILES_NAMED: usize = 5;

/// What the sessions of one plan would become, by result.
type Sums = BTreeMap<String, u64>;

/// Tells what the steps would do; in brief, only how many sessions would become what.
pub fn run(global: &Global, facility: &Facility, steps: Steps, brief: bool) -> Result<ExitCode, Stop> {
    let mut sums = Sums::new();
    let mut told = 0_u64;
    let report = pipeline::rehearse(facility, steps, &mut |planned| {
        *sums.entry(planned.result.clone()).or_default() += 1;
        if global.json {
            let comma = if told == 0 { "{\"sessions\": [\n" } else { ",\n" };
            output::text(comma);
            output::text(&serde_json::to_string(&planned).unwrap_or_default());
        } else if !brief {
            for line in lines(&planned) {
                output::line(line);
            }
            output::line("");
        }
        told += 1;
    })
    .map_err(stopped)?;
    if global.json {
        output::text(if told == 0 { "{\"sessions\": [" } else { "\n" });
        let end = serde_json::json!({ "planned": sums, "report": report });
        let end = serde_json::to_string(&end).map_err(anyhow::Error::new)?;
        output::line(format!("],\n{}", end.strip_prefix('{').unwrap_or(&end)));
    } else {
        summary(&report, &sums);
    }
    Ok(code_of(&report))
}

fn lines(planned: &PlannedSession) -> Vec<String> {
    let user = planned.user.as_deref().unwrap_or("no user");
    let mut lines = vec![
        format!("{}  {}  {user}", planned.session, planned.instrument),
        format!("  time         {} to {}", minutes(&planned.start), minutes(&planned.end)),
        format!("  would be     {}: {}", planned.result, planned.detail),
    ];
    let reservation: Vec<&str> = [&planned.reservation, &planned.title, &planned.experimenter]
        .into_iter()
        .filter_map(|part| part.as_deref().filter(|part| !part.is_empty()))
        .collect();
    if !reservation.is_empty() {
        lines.push(format!("  reservation  {}", reservation.join(", ")));
    }
    for (index, activity) in planned.activities.iter().enumerate() {
        let files = activity.files.len();
        let plural = if files == 1 { "" } else { "s" };
        lines.push(format!(
            "  activity {:<3} from {}, {files} file{plural}",
            index + 1,
            activity.start.get(11..19).unwrap_or(&activity.start)
        ));
        lines.extend(activity.files.iter().take(FILES_NAMED).map(|file| format!("    {file}")));
        if files > FILES_NAMED {
            lines.push(format!("    and {} more", files - FILES_NAMED));
        }
    }
    if !planned.destinations.is_empty() {
        lines.push(format!("  to           {}", planned.destinations.join(", ")));
    }
    lines
}

fn summary(report: &RunReport, sums: &Sums) {
    for (name, counts) in &report.harvest {
        print::harvest(&format!("would harvest {name}"), counts);
    }
    if let Some(text) = sum(report, sums) {
        output::line(text);
    }
    print::list("worth knowing", &report.warnings);
    print::list("needs a person", &report.needs_person);
    output::line("\nThis was a dry run: nothing was changed, written or delivered.");
}

fn sum(report: &RunReport, sums: &Sums) -> Option<String> {
    let build = &report.build;
    if build.planned == 0 {
        return None;
    }
    let mut parts: Vec<String> = sums.iter().map(|(result, count)| format!("{count} {result}")).collect();
    for (count, what) in [(build.beyond_limit, "beyond the limit"), (build.not_reached, "not reached")] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    Some(format!("of {} to be built would be: {}", build.planned, parts.join(" + ")))
}

#[cfg(test)]
mod tests {
    use nexus_core::pipeline::{PlannedActivity, PlannedSession};

    use super::lines;

    #[test]
    fn a_session_is_told_with_its_reservation_its_files_and_where_they_would_go() {
        let names = |count: usize| (1..=count).map(|at| format!("tem/{at}.tif")).collect();
        let mut planned = PlannedSession {
            session: "logbook:lab/1".into(),
            instrument: "TEM".to_owned(),
            user: Some("ada".to_owned()),
            start: "2024-03-05T09:00:00+01:00".to_owned(),
            end: "2024-03-05T11:00:00+01:00".to_owned(),
            result: "BUILD".to_owned(),
            detail: "2024-03-05_TEM_1".to_owned(),
            title: Some("Grains".to_owned()),
            experimenter: Some("Ada".to_owned()),
            reservation: Some("17".to_owned()),
            activities: vec![
                PlannedActivity { start: "2024-03-05T09:30:00.250000+01:00".to_owned(), files: names(1) },
                PlannedActivity { start: "2024-03-05T10:30:00+01:00".to_owned(), files: names(7) },
            ],
            destinations: vec!["share".to_owned(), "cdcs".to_owned()],
        };
        let expected = "\
logbook:lab/1  TEM  ada
  time         2024-03-05 09:00 +01:00 to 2024-03-05 11:00 +01:00
  would be     BUILD: 2024-03-05_TEM_1
  reservation  17, Grains, Ada
  activity 1   from 09:30:00, 1 file
    tem/1.tif
  activity 2   from 10:30:00, 7 files
    tem/1.tif
    tem/2.tif
    tem/3.tif
    tem/4.tif
    tem/5.tif
    and 2 more
  to           share, cdcs";
        assert_eq!(lines(&planned).join("\n"), expected);
        (planned.activities, planned.destinations) = (Vec::new(), Vec::new());
        (planned.title, planned.experimenter, planned.reservation) = (None, Some(String::new()), None);
        planned.user = None;
        assert_eq!(lines(&planned).len(), 3);
    }
}

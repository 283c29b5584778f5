//! The report of a run, for people.

use std::fmt::Write as _;

use nexus_core::report::{BuildCounts, HarvestCounts, RunReport, SessionResult};

use crate::output;

/// `2024-10-21T09:00:00-06:00` as `2024-10-21 09:00 -06:00`, `2024-10-21T15:00:00.000000Z` as `2024-10-21 15:00 UTC`: a
/// listing needs no seconds.
pub fn minutes(time: &str) -> String {
    let offset = match time.get(16..) {
        Some(rest) if rest.ends_with('Z') => Some("UTC"),
        Some(rest) => rest.rfind(['+', '-']).and_then(|at| rest.get(at..)),
        None => None,
    };
    match (time.get(..10), time.get(11..16), offset) {
        (Some(day), Some(clock), Some(offset)) => format!("{day} {clock} {offset}"),
        _ => time.to_owned(),
    }
}

/// Prints the report for a person.
pub fn print(report: &RunReport, brief: bool) {
    if !brief && !report.sessions.is_empty() {
        sessions(&report.sessions, report.build.lines_left_out);
    }
    for (name, counts) in &report.harvest {
        harvest(&format!("harvest {name}"), counts);
    }
    if let Some(text) = build(&report.build) {
        output::line(text);
    }
    for line in details(&report.build, brief) {
        output::line(line);
    }
    for (name, counts) in &report.export {
        let paused = counts.paused.as_ref().map(|why| format!("; left alone: {why}")).unwrap_or_default();
        output::line(format!(
            "export {name}: {} delivered, {} failed, {} unknown, {} due later, {} stuck{paused}",
            counts.delivered, counts.failed, counts.unknown, counts.due, counts.stuck
        ));
    }
    if !report.changed_something() && report.build.planned == 0 {
        output::line("nothing to do");
    }
    if report.interrupted {
        output::line(
            "\nstopped before the end, as asked: what was in hand is finished and stored. The same command goes on \
             with the rest; nothing is made twice.",
        );
    }
    list("worth knowing", &report.warnings);
    list("needs a person", &report.needs_person);
}

/// Sentences under a heading, if there are any.
pub fn list(heading: &str, sentences: &[String]) {
    if !sentences.is_empty() {
        output::line(format!("\n{heading}:"));
        for sentence in sentences {
            output::line(format!("  - {sentence}"));
        }
    }
}

fn sessions(lines: &[SessionResult], left_out: u64) {
    output::table(
        &["session", "instrument", "user", "start", "result", "files", "detail"],
        lines.iter().map(|line| {
            vec![
                line.session.to_string(),
                line.instrument.clone(),
                line.user.clone().unwrap_or_default(),
                minutes(&line.start),
                line.result.clone(),
                if line.files == 0 { String::new() } else { line.files.to_string() },
                // The name of a record says nothing new beside its session.
                if line.files > 0 { String::new() } else { line.detail.clone() },
            ]
        }),
    );
    if left_out > 0 {
        output::line(format!("and {left_out} more sessions: `nexus sessions list` shows them all"));
    }
    output::line("");
}

/// What a harvester brought.
pub fn harvest(title: &str, counts: &HarvestCounts) {
    output::line(format!(
        "{title}: {} events = {} new + {} revised + {} in use + {} cancelled + {} unchanged",
        counts.events,
        counts.new,
        counts.revised + counts.revised_late,
        counts.open,
        counts.cancelled,
        counts.unchanged
    ));
    if counts.gone > 0 {
        output::line(format!("  settled because their event was cancelled or is gone: {}", counts.gone));
    }
    for outside in &counts.outside {
        output::line(format!("  not an instrument: `{}` ({} events)", outside.tool, outside.count));
    }
    for row in &counts.rejected {
        output::line(format!("  cannot be read: {}: {}", row.place, row.reason));
    }
    if counts.rejected_left_out > 0 {
        output::line(format!("  and {} more that cannot be read", counts.rejected_left_out));
    }
}

/// The sum of the build: what stands after the `=` adds up to what stands before it.
fn build(counts: &BuildCounts) -> Option<String> {
    if counts.planned == 0 {
        return None;
    }
    let mut text = format!(
        "build: {} to be built = {} built + {} no consent + {} no reservation + {} no files + {} error + {} waiting",
        counts.planned,
        counts.built,
        counts.no_consent,
        counts.no_reservation,
        counts.no_files,
        counts.error,
        counts.waiting.values().sum::<u64>(),
    );
    for (count, what) in [(counts.beyond_limit, "beyond the limit"), (counts.not_reached, "not reached")] {
        if count > 0 {
            let _ = write!(text, " + {count} {what}");
        }
    }
    Some(text)
}

fn details(counts: &BuildCounts, brief: bool) -> Vec<String> {
    let mut lines: Vec<String> =
        counts.waiting.iter().map(|(reason, count)| format!("  waiting: {count} × {reason}")).collect();
    if counts.broken > 0 {
        lines.push(format!("  left alone, since their rows cannot be read or paired: {}", counts.broken));
    }
    // Where all are named, nobody learns anything.
    if !brief && counts.built > counts.slowest.len() as u64 {
        lines.extend(counts.slowest.iter().map(|slow| {
            format!(
                "  slowest: {} took {} ({} in it)",
                slow.session,
                seconds(slow.seconds),
                files(slow.files)
            )
        }));
    }
    lines
}

/// How many files.
pub fn files(count: u64) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

/// A duration as people say it.
pub fn seconds(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1000.0)
    } else if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{:.0} min {:.0} s", (seconds / 60.0).floor(), (seconds % 60.0).floor())
    }
}

#[cfg(test)]
mod tests {
    use nexus_core::report::SlowSession;

    use super::{BuildCounts, build, details, minutes, seconds};

    #[test]
    fn durations_and_times() {
        assert_eq!(
            [0.0, 0.0123, 0.999, 1.0, 59.94, 60.0, 3725.9].map(seconds),
            ["0 ms", "12 ms", "999 ms", "1.0 s", "59.9 s", "1 min 0 s", "62 min 5 s"]
        );
        assert_eq!(minutes("2024-10-21T09:00:00-06:00"), "2024-10-21 09:00 -06:00");
        assert_eq!(minutes("2024-10-21T15:00:00.000000Z"), "2024-10-21 15:00 UTC");
        assert_eq!(minutes("2024-10-21T09:00:00"), "2024-10-21T09:00:00");
        assert_eq!(minutes("2024"), "2024");
    }

    #[test]
    fn the_sum_names_every_part_and_the_optional_ones_if_there_are_any() {
        let mut counts = BuildCounts { planned: 9, built: 9, ..BuildCounts::default() };
        let sum = "built + 0 no consent + 0 no reservation + 0 no files + 0 error + 0 waiting";
        assert_eq!(build(&counts).unwrap(), format!("build: 9 to be built = 9 {sum}"));
        (counts.built, counts.beyond_limit, counts.not_reached) = (2, 3, 4);
        assert_eq!(
            build(&counts).unwrap(),
            format!("build: 9 to be built = 2 {sum} + 3 beyond the limit + 4 not reached")
        );
        assert_eq!(build(&BuildCounts::default()), None);
    }

    #[test]
    fn the_slowest_are_named_where_they_are_a_part_of_all() {
        let slow = SlowSession { session: "a".into(), seconds: 2.0, files: 7 };
        let mut counts = BuildCounts { built: 1, slowest: vec![slow], broken: 2, ..BuildCounts::default() };
        counts.waiting.insert("no files yet".to_owned(), 3);
        let common =
            ["  waiting: 3 × no files yet", "  left alone, since their rows cannot be read or paired: 2"];
        assert_eq!(details(&counts, false), common);
        counts.built = 2;
        assert_eq!(details(&counts, true), common);
        assert_eq!(details(&counts, false)[2..], ["  slowest: a took 2.0 s (7 files in it)"]);
    }
}

//! An audit, for people.

use nexus_core::audit::{
    AloneKind, AuditReport, FilesReport, HarvesterAudit, Listed, NotProved, Sum, WhyLate,
};
use nexus_core::timestamp::UtcTime;

use crate::commands::run::{files, list, minutes};
use crate::output;

/// Prints the report; in brief, without single events and sessions.
pub fn print(report: &AuditReport, brief: bool) {
    for harvester in &report.harvesters {
        of_harvester(harvester);
    }
    output::line(format!("{} usage events = {}", report.events, report.sum));
    by_name("settled", &report.sum.settled);
    by_name("waiting", &report.sum.waiting);
    missing(report, brief);
    unreadable(report, brief);
    alone(report, brief);
    if let Some(found) = &report.files {
        storage(found, brief);
    }
    list("worth knowing", &report.notes);
    let not_proved: Vec<String> = report.not_proved.iter().map(NotProved::sentence).collect();
    list("not proved", &not_proved);
    output::line(format!("\n{}", verdict(report)));
}

/// The last line: what a person wants to know.
fn verdict(report: &AuditReport) -> String {
    let span = format!("from {} to {}", minute(report.from), minute(report.until));
    let events = grouped(report.events);
    if report.accounted_for {
        return match report.events {
            0 => format!("there was no usage event {span}, and nothing is missing"),
            1 => format!("the only usage event {span} is accounted for"),
            _ => format!("every one of {events} usage events {span} is accounted for"),
        };
    }
    let mut parts = Vec::new();
    for (count, what) in [(report.sum.missing, "missing"), (report.sum.unreadable, "unreadable")] {
        if count > 0 {
            parts.push(format!("{} {what}", grouped(count)));
        }
    }
    if let Some(late) = report.files.as_ref().map(|files| files.late.count()).filter(|late| *late > 0) {
        parts.push(format!("{} with late files", grouped(late)));
    }
    if !report.not_proved.is_empty() {
        parts.push("not everything is proved".to_owned());
    }
    format!("of {events} usage events {span}: {}", parts.join(", "))
}

fn of_harvester(audit: &HarvesterAudit) {
    output::line(format!("harvester {}", audit.harvester));
    if let Some(why) = &audit.failed {
        output::line(format!("  it did not finish: {why}"));
    }
    let headings = [
        "instrument",
        "events",
        "= unfinished",
        "+ settled",
        "+ waiting",
        "+ no instrument",
        "+ cancelled",
        "+ missing",
        "+ unreadable",
    ];
    let mut rows: Vec<Vec<String>> =
        audit.instruments.iter().map(|one| row(one.instrument.as_str(), &one.sum)).collect();
    let apart = Sum {
        not_an_instrument: audit.sum.not_an_instrument,
        unreadable: audit.sum.unreadable,
        ..Sum::default()
    };
    if apart.total() > 0 {
        rows.push(row("(none)", &apart));
    }
    rows.push(row("all", &audit.sum));
    output::table(&headings, rows);
    for outside in &audit.outside {
        output::line(format!("  not an instrument: `{}` ({} events)", outside.tool, outside.count));
    }
    output::line("");
}

fn row(name: &str, sum: &Sum) -> Vec<String> {
    let counts = [
        sum.total(),
        sum.unfinished,
        sum.all_settled(),
        sum.all_waiting(),
        sum.not_an_instrument,
        sum.cancelled,
        sum.missing,
        sum.unreadable,
    ];
    std::iter::once(name.to_owned()).chain(counts.iter().map(ToString::to_string)).collect()
}

fn by_name(what: &str, counts: &std::collections::BTreeMap<String, u64>) {
    for (name, count) in counts {
        output::line(format!("  {what}: {count} × {name}"));
    }
}

fn missing(report: &AuditReport, brief: bool) {
    if report.missing.is_empty() {
        return;
    }
    output::line("\nmissing:");
    if !brief {
        for one in &report.missing.lines {
            output::line(format!(
                "  - usage event {} of harvester `{}` ({}, {}, {} to {}): {}\n    session {}",
                one.external_id,
                one.harvester,
                one.instrument,
                one.user.as_deref().unwrap_or("no user"),
                minutes(&one.start),
                minutes(&one.end),
                one.detail,
                one.session_identifier
            ));
        }
        more(&report.missing);
    }
    if let Some(command) = &report.remedy {
        output::line(format!("  `{command}` brings what a harvest can bring"));
    }
}

fn unreadable(report: &AuditReport, brief: bool) {
    if report.unreadable.is_empty() || brief {
        return;
    }
    output::line("\ncannot be read; to be corrected at the source:");
    for row in &report.unreadable.lines {
        output::line(format!("  - harvester `{}`: {}: {}", row.harvester, row.place, row.reason));
    }
    more(&report.unreadable);
}

fn alone(report: &AuditReport, brief: bool) {
    if report.not_judged > 0 {
        output::line(format!(
            "\n{} sessions of the database could not be held against their source, which does not answer for their time",
            report.not_judged
        ));
    }
    if report.alone.is_empty() {
        return;
    }
    output::line("\nsessions without a usage event (not part of the sum):");
    for (kind, count) in &report.alone_by_kind {
        output::line(format!("  {count} × {}", about(*kind)));
    }
    if brief {
        return;
    }
    for one in &report.alone.lines {
        output::line(format!(
            "  - {} ({}, {}, {}): {}",
            one.session,
            one.instrument,
            minutes(&one.time),
            one.status,
            one.detail
        ));
    }
    more(&report.alone);
}

fn storage(report: &FilesReport, brief: bool) {
    if !report.late.is_empty() {
        output::line(format!("\nfiles that came late, in {} sessions:", report.late.count()));
        for one in report.late.lines.iter().filter(|_| !brief) {
            let was = match (one.why, one.in_record) {
                (WhyLate::NoRecord, _) => "it was settled as having no files".to_owned(),
                (_, Some(files)) => format!("its record has {files}"),
                (_, None) => "its record has others".to_owned(),
            };
            let (id, pid, end, now) = (&one.session, &one.instrument, minutes(&one.end), one.now);
            output::line(format!(
                "  - {id} ({pid}, ended {end}): {now} now, and {was}; for one `{}`",
                one.example
            ));
            output::line(format!("    {}", one.command));
        }
        more(&report.late);
    }
    for orphans in &report.orphans {
        output::line(format!(
            "\nin no session: {} of {} ({}), written {} to {}",
            files(orphans.files),
            orphans.instrument,
            size(orphans.bytes),
            minute(orphans.first),
            minute(orphans.last)
        ));
        for one in orphans.folders.lines.iter().filter(|_| !brief) {
            output::line(format!(
                "  {:<30} {:>14}  {:>9}  {} to {}",
                one.folder,
                files(one.files),
                size(one.bytes),
                minute(one.first),
                minute(one.last)
            ));
        }
        if orphans.folders.left_out > 0 {
            output::line(format!("  and {} more folders", orphans.folders.left_out));
        }
    }
}

/// A size in bytes as people say it.
fn size(bytes: u64) -> String {
    let (mut rest, mut unit) = (bytes, "B");
    for larger in ["kB", "MB", "GB", "TB", "PB"] {
        if rest < 10_000 {
            break;
        }
        (rest, unit) = (rest / 1_000, larger);
    }
    format!("{rest} {unit}")
}

fn about(kind: AloneKind) -> &'static str {
    match kind {
        AloneKind::EventGone => {
            "its event is not at its source: `nexus sessions show ID` tells what became of it"
        }
        AloneKind::HarvesterGone => {
            "its harvester is not in the configuration: nothing is to be done unless it was renamed"
        }
        AloneKind::Unserved => "nobody serves its instrument: `nexus config check` shows which",
        AloneKind::OtherProgram => "another program brought it: nothing is to be done",
        AloneKind::NoEnd => "it has no end: `nexus sessions show ID` tells more",
    }
}

fn more<T>(listed: &Listed<T>) {
    if listed.left_out > 0 {
        output::line(format!("  and {} more", listed.left_out));
    }
}

fn minute(at: UtcTime) -> String {
    minutes(&at.to_string())
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{grouped, size};

    #[test]
    fn numbers_are_read_in_threes() {
        assert_eq!(
            [0, 12, 123, 1_234, 123_456, 1_234_567].map(grouped),
            ["0", "12", "123", "1,234", "123,456", "1,234,567"]
        );
    }

    #[test]
    fn sizes_are_said_in_units_of_which_there_are_some() {
        assert_eq!(
            [0, 9_999, 10_000, 12_345_678, 9_999_999_999, 10_000_000_000_000].map(size),
            ["0 B", "9999 B", "10 kB", "12 MB", "9999 MB", "10 TB"]
        );
    }
}

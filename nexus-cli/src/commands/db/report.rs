//! What a migration did, for people and for scripts.

use nexus_core::db::peer::{MigrationReport, Revision};
use serde_json::{Map, Value, json};

use crate::args::Global;
use crate::output;

/// The word for a database without revision.
const NONE: &str = "none";

pub(super) fn print(global: &Global, report: &MigrationReport) -> anyhow::Result<()> {
    if global.json {
        return output::json(&as_json(report));
    }
    if report.steps.is_empty() {
        output::line(format!("already at {}: nothing to do", name(report.to)));
        print_notes(report);
        return Ok(());
    }
    if let Some(backup) = &report.backup {
        output::line(format!("backup: {}", backup.display()));
    }
    for removed in &report.removed_backups {
        output::line(format!("removed the oldest backup: {}", removed.display()));
    }
    if !report.rows.is_empty() {
        let rows: Vec<_> = report.rows.iter().map(|(table, rows)| format!("{table} {rows}")).collect();
        output::line(format!("rows kept: {}", rows.join(", ")));
    }
    for loss in &report.losses {
        let noun = if loss.what.contains('.') { "value" } else { "row" };
        output::line(format!("gone: {} of {}, still in the backup", count(loss.rows, noun), loss.what));
    }
    print_notes(report);
    output::line(format!("{} -> {}", name(report.from), name(report.to)));
    Ok(())
}

fn print_notes(report: &MigrationReport) {
    for broken in &report.broken_references {
        let ids: Vec<_> = broken.first.iter().map(i64::to_string).collect();
        let more = if broken.rows > broken.first.len() as u64 { ", …" } else { "" };
        output::line(format!(
            "note: {} of {} name a row that {} does not have, as before: {}{more}",
            count(broken.rows, "row"),
            broken.table,
            broken.parent,
            ids.join(", ")
        ));
    }
}

fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

fn name(at: Option<Revision>) -> &'static str {
    at.map_or(NONE, Revision::as_str)
}

fn as_json(report: &MigrationReport) -> Value {
    let rows: Map<String, Value> =
        report.rows.iter().map(|(table, rows)| ((*table).to_owned(), json!(rows))).collect();
    let losses: Vec<_> =
        report.losses.iter().map(|loss| json!({ "what": loss.what, "rows": loss.rows })).collect();
    let broken: Vec<_> = report
        .broken_references
        .iter()
        .map(|broken| {
            json!({ "table": broken.table, "parent": broken.parent, "rows": broken.rows, "first": broken.first })
        })
        .collect();
    json!({
        "from": report.from.map(Revision::as_str),
        "to": report.to.map(Revision::as_str),
        "steps": report.steps.iter().map(|step| step.map(Revision::as_str)).collect::<Vec<_>>(),
        "backup": report.backup,
        "removed_backups": report.removed_backups,
        "rows": rows,
        "losses": losses,
        "broken_references": broken,
    })
}

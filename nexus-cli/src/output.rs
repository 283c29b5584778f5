//! What people and scripts see: tables or JSON on standard output, everything else on standard error.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::ProgressBar;
use nexus_plugin_api::{CheckReport, CheckResult};
use tracing_subscriber::EnvFilter;

use crate::args::Global;
use crate::exit_code::{ExitCode, Stop};

/// Width of a table that is not written to a terminal, unless it lists sessions.
const PIPE_WIDTH: u16 = 120;

/// Log lines that tell of sessions that are done; what a bar shows a terminal, they tell a log.
pub const SESSIONS: &str = "session";

/// The bar that stands below all other lines of standard error.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Sends log lines to standard error, at the level the command line asks for.
pub fn start_logging(global: &Global) {
    let terminal = io::stderr().is_terminal();
    let level = match (global.quiet, global.verbose) {
        (true, _) => "error",
        (false, 0) if terminal => "warn",
        (false, 0) => "warn,session=info",
        (false, 1) => "info",
        (false, 2) => "debug",
        (false, _) => "trace",
    };
    let filter = EnvFilter::try_from_env("NEXUS_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Stderr)
        .with_ansi(terminal)
        .with_target(false)
        .finish();
    // Not `try_init`: that also brings the lines of libraries that log in their own way, and the one for HTTP tells
    // whole requests at "trace", with tokens and signatures.
    // A second subscriber in one process is a programming error that must not end a run.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// From now on what is written to standard error stands above this bar.
pub fn show_bar(shown: ProgressBar) {
    *bar() = Some(shown);
}

/// There is no bar any more.
pub fn hide_bar() {
    *bar() = None;
}

fn bar() -> MutexGuard<'static, Option<ProgressBar>> {
    BAR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Standard error, above the bar if there is one.
#[derive(Debug)]
pub struct Stderr;

impl io::Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let shown = bar().clone();
        match shown {
            Some(shown) => shown.suspend(|| io::stderr().write_all(bytes))?,
            None => io::stderr().write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Says why a command stopped, and what to do; returns the code to exit with.
pub fn report(stop: &Stop) -> std::process::ExitCode {
    let mut text = format!("error: {}", stop.error);
    for cause in stop.error.chain().skip(1) {
        let cause = cause.to_string();
        // A transparent wrapper prints its source's text: saying it twice helps nobody.
        if !text.ends_with(&cause) {
            text.push_str("\n  because: ");
            text.push_str(&cause);
        }
    }
    if let Some(hint) = &stop.hint {
        text.push_str("\n  hint: ");
        text.push_str(hint);
    }
    let _ = writeln!(io::stderr(), "{}", visible(&text));
    stop.code.into()
}

/// An error with its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.ends_with(&part) {
            text = format!("{text}: {part}");
        }
        cause = error.source();
    }
    text
}

/// Prints one line of result.
pub fn line(text: impl AsRef<str>) {
    // A reader that went away (`nexus … | head`) is no failure of ours.
    let _ = writeln!(io::stdout(), "{}", visible(text.as_ref()));
}

/// The text without what a terminal would obey: names and titles are what somebody typed somewhere, and stored as they are.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, is_obeyed, as_in_rust)
}

fn is_obeyed(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
}

fn as_in_rust(c: char) -> String {
    c.escape_default().to_string()
}

fn escaped(text: &str, obeyed: fn(char) -> bool, escape: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| if obeyed(c) { escape(c) } else { c.to_string() };
    Cow::Owned(text.chars().map(escape).collect())
}

/// Prints text that has its own line feeds. What goes into a file is data, and stays as it is.
pub fn text(text: &str) {
    let shown = if io::stdout().is_terminal() { visible(text) } else { Cow::Borrowed(text) };
    let _ = write!(io::stdout(), "{shown}");
}

/// Prints a value as indented JSON.
pub fn json<T: serde::Serialize>(value: &T) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    // JSON may hold some of them as they are; escaped in its own way they mean the same.
    line(escaped(&text, is_obeyed, |found| format!("\\u{:04x}", u32::from(found))));
    Ok(())
}

/// Prints rows under headings, fitted to the terminal. Where there is none, a session is one line.
pub fn table<I>(headings: &[&str], rows: I)
where
    I: IntoIterator<Item = Vec<String>>,
{
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    match (io::stdout().is_terminal(), headings.first()) {
        (true, _) => {}
        // One line for each, so that `grep` and `wc` are right, and an identifier can be taken from it.
        (false, Some(&"session")) => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
        (false, _) => {
            table.set_width(PIPE_WIDTH);
        }
    }
    table.set_header(headings.iter().map(|heading| in_cell(heading)));
    for row in rows {
        table.add_row(row.iter().map(|cell| in_cell(cell)));
    }
    line(table.to_string());
}

/// The same for a cell, which nobody knows how wide it is with a tab in it.
fn in_cell(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c.is_control() && c != '\n', as_in_rust)
}

/// Prints what was checked, and gives the code to exit with.
pub fn checks(global: &Global, report: &CheckReport) -> Result<ExitCode, Stop> {
    let failed = count(report, CheckResult::Failed);
    if global.json {
        json(report)?;
    } else {
        let rows = report
            .items
            .iter()
            .map(|item| vec![item.name.clone(), word(item.result).to_owned(), item.detail.clone()]);
        table(&["check", "result", "detail"], rows);
        line(summary(failed, count(report, CheckResult::Warning)));
    }
    Ok(if failed == 0 { ExitCode::Done } else { ExitCode::Configuration })
}

fn count(report: &CheckReport, result: CheckResult) -> usize {
    report.items.iter().filter(|item| item.result == result).count()
}

fn word(result: CheckResult) -> &'static str {
    match result {
        CheckResult::Ok => "ok",
        CheckResult::Warning => "warning",
        CheckResult::Failed => "failed",
    }
}

fn summary(failed: usize, warnings: usize) -> String {
    let number = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    match (failed, warnings) {
        (0, 0) => "everything is in order".to_owned(),
        (0, warnings) => number(warnings, "warning"),
        (failed, 0) => format!("{} failed", number(failed, "check")),
        (failed, warnings) => format!("{} failed, {}", number(failed, "check"), number(warnings, "warning")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        let typed = "a\u{1b}]0;b\u{7}\u{9b}31m\r\u{7f}\tc\nd \u{e4}";
        assert_eq!(visible(typed), "a\\u{1b}]0;b\\u{7}\\u{9b}31m\\r\\u{7f}\tc\nd \u{e4}");
        assert!(matches!(visible("plain \u{e4}"), Cow::Borrowed(_)));
    }
}

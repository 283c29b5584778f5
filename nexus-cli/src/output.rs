//! What people and scripts see: tables or JSON on standard output, everything else on standard error.

use std::io::{IsTerminal as _, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
use tracing_subscriber::EnvFilter;

use crate::args::Global;
use crate::exit_code::Stop;

/// Width of a table that is not written to a terminal.
const PIPE_WIDTH: u16 = 120;

/// Sends log lines to standard error, at the level the command line asks for.
pub fn start_logging(global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, 2) => "debug",
        (false, _) => "trace",
    };
    let filter = EnvFilter::try_from_env("NEXUS_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let terminal = std::io::stderr().is_terminal();
    // A second subscriber in one process is a programming error that must not end a run.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(terminal)
        .with_target(false)
        .try_init();
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
    let _ = writeln!(std::io::stderr(), "{text}");
    stop.code.into()
}

/// Prints one line of result.
pub fn line(text: impl AsRef<str>) {
    // A reader that went away (`nexus … | head`) is no failure of ours.
    let _ = writeln!(std::io::stdout(), "{}", text.as_ref());
}

/// Prints text that has its own line feeds.
pub fn text(text: &str) {
    let _ = write!(std::io::stdout(), "{text}");
}

/// Prints a value as indented JSON.
pub fn json<T: serde::Serialize>(value: &T) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Prints rows under headings, fitted to the terminal.
pub fn table<I>(headings: &[&str], rows: I)
where
    I: IntoIterator<Item = Vec<String>>,
{
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if !std::io::stdout().is_terminal() {
        table.set_width(PIPE_WIDTH);
    }
    table.set_header(headings.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    line(table.to_string());
}

//! What a whole process cost, with the processes it started and waited for.

pub mod helper;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

/// Lines of a program's output that are shown when it failed.
const TAIL: usize = 25;

/// What a process cost.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Cost {
    /// From before its start until it was waited for.
    pub wall_seconds: f64,
    /// Processor time, user and system, of the process and all below it that it waited for.
    pub cpu_seconds: f64,
    /// Resident memory at its highest, of the largest of these processes.
    pub peak_bytes: u64,
}

/// How a measured process ended.
#[derive(Debug, Serialize, Deserialize)]
struct Report {
    cost: Cost,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum End {
    Code(i32),
    Signal,
    Timeout,
}

/// Runs a command to its end and measures it. Its output goes into a file.
///
/// Only the variables that were set on the command reach the program. It is started by a small process of its own (this
/// program again): a process inherits the peak of the memory image it was forked from, and this one's would
/// hide that of a small program.
pub fn run(command: &Command, log: &Path, timeout: Duration) -> Result<Cost> {
    run_to(&[0], command, log, timeout)
}

/// The same of a program that may end with any of these codes.
pub fn run_to(expected: &[i32], command: &Command, log: &Path, timeout: Duration) -> Result<Cost> {
    let me = std::env::current_exe().context("the path of this program is unknown")?;
    let mut helper = Command::new(me);
    helper.arg("measured").arg("--log").arg(log);
    helper.arg("--timeout").arg(format!("{} ms", timeout.as_millis()));
    helper.arg("--").arg(command.get_program()).args(command.get_args());
    helper.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = command.get_current_dir() {
        helper.current_dir(folder);
    }
    // It holds the other end: when this process goes away, the helper stops the program.
    helper.stdin(Stdio::piped()).stdout(Stdio::piped());
    let output = helper.spawn().and_then(wait).context("failed to start the measuring process")?;
    let name = PathBuf::from(command.get_program());
    let name = name.file_name().unwrap_or_default().to_string_lossy();
    let report: Report = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{name} could not be measured ({})", output.status))?;
    match report.end {
        End::Code(code) if expected.contains(&code) => Ok(report.cost),
        End::Code(code) => bail!("{name} ended with {code}; its last lines:\n{}", tail(log)),
        End::Signal => bail!("{name} was ended by a signal; its last lines:\n{}", tail(log)),
        End::Timeout => {
            let limit = humantime::format_duration(timeout);
            bail!("{name} was not done after {limit} and was stopped; its last lines:\n{}", tail(log))
        }
    }
}

/// Keeps the helper's standard input open until it has ended (`wait_with_output` would close it at once).
fn wait(mut helper: std::process::Child) -> std::io::Result<std::process::Output> {
    let held = helper.stdin.take();
    let output = helper.wait_with_output();
    drop(held);
    output
}

fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default().join("\n")
}

/// The run with the median wall time (the lower one of an even number).
pub fn median<T>(mut runs: Vec<T>, cost: impl Fn(&T) -> Cost) -> Option<T> {
    runs.sort_by(|a, b| cost(a).wall_seconds.total_cmp(&cost(b).wall_seconds));
    let middle = runs.len().checked_sub(1)? / 2;
    Some(runs.swap_remove(middle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_a_run_that_took_place() {
        let cost = |wall_seconds| Cost { wall_seconds, cpu_seconds: 0.0, peak_bytes: 0 };
        let wall = |runs: &[f64]| median(runs.to_vec(), |run| cost(*run));
        assert_eq!(wall(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(wall(&[4.0, 1.0, 2.0, 3.0]), Some(2.0));
        assert_eq!(wall(&[]), None);
    }
}

//! The small process between the benchmark and the program that is measured.
//!
//! It has a session of its own, and the program with it: the system gives a session its own part of the processor, whatever
//! else runs there, and what a person types at the benchmark (Ctrl-C) does not reach the helper, which is still there to
//! stop the program when the benchmark is gone.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Sender};
use std::time::Instant;

use anyhow::{Context as _, Result};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, killpg};
use nix::sys::time::TimeValLike as _;
use nix::unistd::{Pid, setsid};

use super::{Cost, End, Report};
use crate::args::HelperArgs;

/// What the helper waits for.
enum Told {
    Ended(std::io::Result<ExitStatus>, Instant),
    /// The benchmark itself is gone.
    Abandoned,
}

/// Runs the program in a process group of its own, and prints a [`Report`].
pub fn run(args: &HelperArgs) -> Result<()> {
    let (program, arguments) = args.command.split_first().context("no program was named")?;
    setsid().context("failed to begin a session")?;
    let log = File::create(&args.log).with_context(|| format!("failed to write {}", args.log.display()))?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
    let started = Instant::now();
    let child = command.spawn().with_context(|| format!("failed to start {}", program.display()))?;
    let group = Pid::from_raw(i32::try_from(child.id()).context("the number of the process is too large")?);
    let (tell, told) = mpsc::channel();
    watch_parent(tell.clone());
    wait_for(child, tell);
    let (first, stopped) = match told.recv_timeout(args.timeout) {
        Ok(Told::Ended(status, at)) => (Some((status, at)), false),
        Ok(Told::Abandoned) | Err(_) => {
            // A group that is gone already needs no stopping.
            let _ = killpg(group, Signal::SIGKILL);
            (None, true)
        }
    };
    let (status, ended) = match first {
        Some(ended) => ended,
        None => loop {
            if let Told::Ended(status, at) = told.recv().context("nobody waits for the program")? {
                break (status, at);
            }
        },
    };
    let code = status.context("failed to wait for the program")?;
    let end = match code.code() {
        _ if stopped => End::Timeout,
        Some(code) => End::Code(code),
        None => {
            debug_assert!(code.signal().is_some(), "ended without a code");
            End::Signal
        }
    };
    let report = Report { cost: cost(ended - started)?, end };
    std::io::stdout().write_all(&serde_json::to_vec(&report)?).context("failed to report")
}

/// This process has one child: what its children used is what that one and those below it used.
fn cost(wall: std::time::Duration) -> Result<Cost> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("the system does not tell what was used")?;
    let cpu = usage.user_time() + usage.system_time();
    // Linux tells it in KiB.
    let peak_bytes = u64::try_from(usage.max_rss()).unwrap_or(0) * 1024;
    let micros = u64::try_from(cpu.num_microseconds()).unwrap_or(0);
    let cpu_seconds = std::time::Duration::from_micros(micros).as_secs_f64();
    Ok(Cost { wall_seconds: wall.as_secs_f64(), cpu_seconds, peak_bytes })
}

fn watch_parent(tell: Sender<Told>) {
    std::thread::spawn(move || {
        // Nothing is ever sent: it ends when the other end is closed.
        let _ = std::io::stdin().read(&mut [0]);
        let _ = tell.send(Told::Abandoned);
    });
}

fn wait_for(mut child: Child, tell: Sender<Told>) {
    std::thread::spawn(move || {
        let status = child.wait();
        let _ = tell.send(Told::Ended(status, Instant::now()));
    });
}

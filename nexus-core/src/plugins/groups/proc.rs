//! Which processes there are, and how they are ended: what `/proc` tells.

use std::fs;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use super::TOKEN_VARIABLE;

/// Between two looks.
const REST: Duration = Duration::from_millis(5);
/// How often a process that is just becoming another program is looked at again, and the time in between.
const BECOMING: u32 = 200;
const MOMENT: Duration = Duration::from_millis(1);

/// A process that cannot be taken for another one with its number, within one boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub pid: i32,
    /// When it was started, in ticks since the machine was.
    pub start: u64,
}

impl Identity {
    /// This process.
    pub fn here() -> Self {
        let pid = i32::try_from(std::process::id()).unwrap_or_default();
        Process::read(pid).map_or(Self { pid, start: 0 }, |found| found.identity)
    }

    /// Whether it has not ended.
    pub fn is_alive(self) -> bool {
        Process::read(self.pid).is_some_and(|found| found.identity == self && !found.dead)
    }
}

/// A process as `/proc` shows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process {
    pub identity: Identity,
    pub group: i32,
    pub session: i32,
    /// Ended, and not yet buried by its parent.
    pub dead: bool,
}

impl Process {
    pub fn read(pid: i32) -> Option<Self> {
        let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
        let text = String::from_utf8_lossy(&text);
        // The name stands in brackets and may hold anything, brackets too.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        Some(Self {
            dead: matches!(*fields.first()?, "Z" | "X" | "x"),
            group: fields.get(2)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            identity: Identity { pid, start: fields.get(19)?.parse().ok()? },
        })
    }

    /// What it was started with. While a process becomes another program there is a moment when it has none: it would be
    /// overlooked then, and live on.
    fn environment(&self) -> Option<Vec<u8>> {
        let pid = self.identity.pid;
        let read = || fs::read(format!("/proc/{pid}/environ")).ok();
        let mut found = read()?;
        for _ in 0..BECOMING {
            if !found.is_empty() {
                break;
            }
            let is_becoming = is_becoming(pid);
            if is_becoming {
                std::thread::sleep(MOMENT);
            }
            // Also if it is no more: it may have become one since it was looked at.
            found = read()?;
            if !is_becoming {
                break;
            }
        }
        Some(found)
    }

    /// Whether it was started with one of the tokens. Processes of others cannot be looked into.
    pub fn holds(&self, tokens: &[String]) -> bool {
        let Some(environment) = self.environment() else { return false };
        environment.split(|byte| *byte == 0).any(|variable| {
            let value =
                variable.strip_prefix(TOKEN_VARIABLE.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
            value.is_some_and(|value| tokens.iter().any(|token| token.as_bytes() == value))
        })
    }
}

/// Whether a process is between two programs: it has one already, and the place of its environment is not known yet.
/// What the system does by itself has neither.
fn is_becoming(pid: i32) -> bool {
    let Ok(text) = fs::read(format!("/proc/{pid}/stat")) else { return false };
    let text = String::from_utf8_lossy(&text);
    let end_of_environment =
        text.rsplit_once(')').and_then(|(_, rest)| rest.split_ascii_whitespace().nth(48));
    end_of_environment == Some("0") && fs::read_link(format!("/proc/{pid}/exe")).is_ok()
}

/// What became of processes that were to end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ended {
    pub killed: usize,
    /// Killed, and still held by the system.
    pub left: usize,
}

/// Kills every process that `condemned` picks, again and again until there is none left: one that was just
/// started by another is found in the next round. One that the system holds in a call may take longer than
/// `patience` to disappear, and does nothing of its own any more.
pub(super) fn end(patience: Duration, condemned: &dyn Fn(&Process) -> bool) -> Ended {
    let begun = Instant::now();
    let mut killed: Vec<Identity> = Vec::new();
    loop {
        let mut left = 0;
        for process in all().filter_map(Process::read).filter(|found| !found.dead) {
            // While it ends it has no environment any more, and is not dead yet: its files are still open.
            if killed.contains(&process.identity) {
                left += 1;
            } else if condemned(&process) && kill(process.identity) {
                left += 1;
                killed.push(process.identity);
            }
        }
        if left == 0 || begun.elapsed() >= patience {
            return Ended { killed: killed.len(), left };
        }
        std::thread::sleep(REST);
    }
}

/// What the system calls the living processes that `meant` picks.
pub(super) fn names(meant: &dyn Fn(&Process) -> bool) -> Vec<String> {
    let picked = all().filter_map(Process::read).filter(|found| !found.dead && meant(found));
    let name = |found: Process| fs::read_to_string(format!("/proc/{}/comm", found.identity.pid));
    picked.filter_map(|found| Some(name(found).ok()?.trim().to_owned())).collect()
}

/// Kills this very process, not one that has its number by now. False if it is gone.
fn kill(process: Identity) -> bool {
    let Some(pid) = Pid::from_raw(process.pid) else { return false };
    match pidfd_open(pid, PidfdFlags::empty()) {
        // The handle first: what is looked at then is what it stands for.
        Ok(handle) => process.is_alive() && pidfd_send_signal(&handle, Signal::KILL).is_ok(),
        Err(Errno::SRCH) => false,
        // A kernel without such handles.
        Err(_) => process.is_alive() && kill_process(pid, Signal::KILL).is_ok(),
    }
}

/// Every process but this one.
fn all() -> impl Iterator<Item = i32> {
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(move |pid| *pid != own)
}

/// Which processes see each other: those of one container.
pub(super) fn namespace() -> String {
    fs::read_link("/proc/self/ns/pid").map(|link| link.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The machine's name; empty if it has none.
pub(super) fn machine() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned()).unwrap_or_default()
}

//! Process groups of plugins, written down on disk, so that none outlives its host for long.
//!
//! A plugin that runs on after its host was killed may still be uploading: its destination must not be asked
//! before it has ended. So every plugin process is noted in a folder before it is started, under a token that
//! all its descendants carry in their environment. Its own host ends it before the run lock is released; what a
//! host that died left behind is ended by the next run, right after it took the lock.
//!
//! Only Linux tells which process is which (`/proc`). Elsewhere a group is ended by its own host alone.

mod proc;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::durable::{self, TEMPORARY_PREFIX};
use crate::unsynced;
use proc::Identity;

/// The variable of the environment that holds a process group's token.
pub const TOKEN_VARIABLE: &str = "NEXUS_PLUGIN_TOKEN";

/// How long a note of another machine or container is told of before it is dropped: nobody here can look.
const ELSEWHERE: Duration = Duration::from_hours(24);

/// How long killed processes may take to disappear: at the ends of a run, and where a call waits for it.
const PATIENCE: Duration = Duration::from_secs(5);
const PATIENCE_IN_A_CALL: Duration = Duration::from_secs(1);

/// One process group, as noted on disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Note {
    token: String,
    plugin: String,
    /// The program that started it.
    host: Identity,
    /// Which boot of which machine.
    boot: String,
    /// Which processes see each other there.
    namespace: String,
    machine: String,
    /// Not there until it was started.
    leader: Option<Leader>,
}

/// The first process of a group; the group has its number.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Leader {
    #[serde(flatten)]
    identity: Identity,
    session: i32,
}

/// What was found of an earlier run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reaped {
    /// So many processes of this plugin were still at work and were ended.
    Ended {
        /// The plugin.
        plugin: String,
        /// How many.
        processes: usize,
    },
    /// They could not be ended in time: the system holds them in a call that cannot be interrupted.
    Stuck {
        /// The plugin.
        plugin: String,
        /// How many.
        processes: usize,
    },
    /// Its host died on another machine or in another container; nobody here can tell whether it still works.
    Elsewhere {
        /// The plugin.
        plugin: String,
        /// Where.
        machine: String,
        /// The note, to be removed by hand once it is known to have ended.
        note: PathBuf,
    },
}

impl std::fmt::Display for Reaped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ended { plugin, processes } => write!(
                f,
                "plugin `{plugin}` of an earlier run was still at work: {processes} of its processes were ended"
            ),
            Self::Stuck { plugin, processes } => write!(
                f,
                "plugin `{plugin}` of an earlier run: {processes} of its processes were told to end and wait for the \
                 system, which is a sign of a share that does not answer"
            ),
            Self::Elsewhere { plugin, machine, note } => write!(
                f,
                "plugin `{plugin}` was started on `{machine}` by a run that did not end properly; if it is known to \
                 have ended there, remove `{}`",
                note.display()
            ),
        }
    }
}

/// Something with processes that wait for work.
pub(super) trait Idle: Send + Sync {
    /// Asks them to end and forgets them.
    fn dismiss(&self);
}

/// The process groups of one host, and the folder where they are noted. Nothing is noted without a folder.
#[derive(Default)]
pub struct Groups {
    folder: Option<PathBuf>,
    /// By token; the group's number while its first process is not buried.
    live: Mutex<BTreeMap<String, Option<Pid>>>,
    idle: Mutex<Vec<Weak<dyn Idle>>>,
    closed: AtomicBool,
}

impl std::fmt::Debug for Groups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Groups").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Groups {
    /// Groups are noted in this folder, which is made when it is needed; the folder it lies in must be there.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder: Some(folder), ..Self::default() }
    }

    /// Notes a group that is about to be started.
    pub(super) fn register(self: &Arc<Self>, plugin: &str) -> io::Result<Entry> {
        if self.closed.load(Ordering::Acquire) {
            return Err(io::Error::other("the run is over"));
        }
        let token = Uuid::new_v4().to_string();
        let note = Note {
            token: token.clone(),
            plugin: plugin.to_owned(),
            host: Identity::here(),
            boot: unsynced::this_boot(),
            namespace: proc::namespace(),
            machine: proc::machine(),
            leader: None,
        };
        let entry = Entry {
            groups: Arc::clone(self),
            noted: self.write(&note)?.then_some(note),
            token,
            ended: false,
        };
        self.live().insert(entry.token.clone(), None);
        Ok(entry)
    }

    /// Whoever has processes that wait for work is told when they must end.
    pub(super) fn watch(&self, idle: Weak<dyn Idle>) {
        let mut all = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|idle| idle.strong_count() > 0);
        all.push(idle);
    }

    /// Processes may be started (again).
    pub(crate) fn open(&self) {
        self.closed.store(false, Ordering::Release);
    }

    /// Ends every process of this host and lets none start: first those that wait for work are asked to, then
    /// whatever is left is killed.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let idle: Vec<_> = {
            let all = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            all.iter().filter_map(Weak::upgrade).collect()
        };
        for idle in idle {
            idle.dismiss();
        }
        let tokens: Vec<String> = {
            let live = self.live();
            for pid in live.values().flatten() {
                let _ = kill_process_group(*pid, Signal::KILL);
            }
            live.keys().cloned().collect()
        };
        if !tokens.is_empty() {
            proc::end(PATIENCE, &|process| process.holds(&tokens));
        }
    }

    /// Ends what hosts that died have left behind. To be called with the run lock held.
    pub fn reap(&self) -> Vec<Reaped> {
        let mut found = Vec::new();
        let Some(folder) = &self.folder else { return found };
        let Ok(entries) = fs::read_dir(folder) else { return found };
        let here = Here::now();
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            let Some(token) = path.file_name().and_then(|name| name.to_str()).and_then(token_of) else {
                if durable::is_temporary(&path) && age(&path).is_some_and(|age| age >= ELSEWHERE) {
                    let _ = fs::remove_file(&path);
                }
                continue;
            };
            if self.live().contains_key(token) {
                continue;
            }
            match here.judge(&path) {
                Fate::Alive => continue,
                Fate::Elsewhere(note) => {
                    if age(&path).is_none_or(|age| age < ELSEWHERE) {
                        found.push(Reaped::Elsewhere {
                            plugin: note.plugin,
                            machine: note.machine,
                            note: path,
                        });
                        continue;
                    }
                }
                Fate::Gone => {}
                Fate::Orphan { plugin, leader } => {
                    let tokens = [token.to_owned()];
                    let ended = proc::end(PATIENCE, &|process| {
                        process.holds(&tokens) || leader.is_some_and(|leader| is_member(process, leader))
                    });
                    if ended.left > 0 {
                        found.push(Reaped::Stuck { plugin: plugin.clone(), processes: ended.left });
                    } else if ended.killed > 0 {
                        found.push(Reaped::Ended { plugin, processes: ended.killed });
                    }
                }
            }
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!("cannot remove the note of a plugin process `{}`: {error}", path.display());
            }
        }
        found
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<String, Option<Pid>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it was noted. Who may not write there cannot hold the run lock either, so nothing that counts
    /// is lost; a full disk is another matter.
    fn write(&self, note: &Note) -> io::Result<bool> {
        let Some(folder) = &self.folder else { return Ok(false) };
        let made = match fs::create_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        };
        match made.and_then(|()| write_note(folder, note)) {
            Ok(()) => Ok(true),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound
                        | io::ErrorKind::PermissionDenied
                        | io::ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                tracing::debug!("no note of plugin `{}` in `{}`: {error}", note.plugin, folder.display());
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// Not synced: a process does not outlive a power cut either.
fn write_note(folder: &Path, note: &Note) -> io::Result<()> {
    let temporary = folder.join(format!("{TEMPORARY_PREFIX}{}", note.token));
    let written = fs::write(&temporary, serde_json::to_vec(note)?)
        .and_then(|()| fs::rename(&temporary, folder.join(note_name(&note.token))));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn note_name(token: &str) -> String {
    format!("{token}.json")
}

/// The token in the name of a note; a note whose text is damaged still tells it.
fn token_of(name: &str) -> Option<&str> {
    name.strip_suffix(".json").filter(|token| Uuid::parse_str(token).is_ok())
}

fn age(path: &Path) -> Option<Duration> {
    fs::metadata(path).ok()?.modified().ok()?.elapsed().ok()
}

/// Whether a process is of the group. Its first process may have ended, and its number be somebody else's now.
fn is_member(process: &proc::Process, leader: Leader) -> bool {
    let number = leader.identity.pid;
    process.group == number
        && process.session == leader.session
        && proc::Process::read(number).is_none_or(|found| found.identity == leader.identity)
}

/// What is to be done about a note.
enum Fate {
    /// Its host lives.
    Alive,
    /// Its processes have ended with the machine.
    Gone,
    /// Its host died, and its processes may live.
    Orphan { plugin: String, leader: Option<Leader> },
    /// It cannot be seen from here.
    Elsewhere(Note),
}

struct Here {
    boot: String,
    namespace: String,
    machine: String,
}

impl Here {
    fn now() -> Self {
        Self { boot: unsynced::this_boot(), namespace: proc::namespace(), machine: proc::machine() }
    }

    fn judge(&self, path: &Path) -> Fate {
        let note: Option<Note> = fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let Some(note) = note else {
            return Fate::Orphan { plugin: "(its note is damaged)".to_owned(), leader: None };
        };
        if note.boot == self.boot && note.namespace == self.namespace {
            if note.host.is_alive() {
                return Fate::Alive;
            }
            return Fate::Orphan { plugin: note.plugin, leader: note.leader };
        }
        // The same machine after another start has none of its old processes.
        if note.machine == self.machine && note.boot != self.boot {
            Fate::Gone
        } else {
            Fate::Elsewhere(note)
        }
    }
}

/// One group, noted until this is dropped. Dropping it ends every process that holds its token.
pub(super) struct Entry {
    groups: Arc<Groups>,
    token: String,
    /// What is on disk, if something is.
    noted: Option<Note>,
    /// Whether its processes were ended.
    ended: bool,
}

impl Entry {
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Its first process runs.
    pub fn started(&mut self, pid: Pid) {
        self.groups.live().insert(self.token.clone(), Some(pid));
        let Some(note) = &mut self.noted else { return };
        note.leader = proc::Process::read(pid.as_raw_nonzero().get())
            .map(|found| Leader { identity: found.identity, session: found.session });
        // Without it the token still finds every process that has kept its environment.
        if let Err(error) = self.groups.write(note) {
            tracing::debug!("the note of plugin `{}` is incomplete: {error}", note.plugin);
        }
    }

    /// The names of those it has started, beside its first process, and that have not ended.
    pub fn others(&self, leader: Pid) -> Vec<String> {
        let tokens = [self.token.clone()];
        let leader = leader.as_raw_nonzero().get();
        proc::names(&|process| {
            process.identity.pid != leader && (process.group == leader || process.holds(&tokens))
        })
    }

    /// Ends all that its first process has started, which has been killed itself and not been buried: from here on its
    /// number may become somebody else's.
    pub fn end(&mut self, leader: Pid) {
        let tokens = [self.token.clone()];
        let number = leader.as_raw_nonzero().get();
        proc::end(PATIENCE_IN_A_CALL, &|process| {
            process.identity.pid != number && (process.group == number || process.holds(&tokens))
        });
        self.ended = true;
        self.groups.live().insert(self.token.clone(), None);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.ended {
            let tokens = [self.token.clone()];
            proc::end(PATIENCE_IN_A_CALL, &|process| process.holds(&tokens));
        }
        if self.noted.is_some()
            && let Some(folder) = &self.groups.folder
        {
            let _ = fs::remove_file(folder.join(note_name(&self.token)));
        }
        self.groups.live().remove(&self.token);
    }
}

#[cfg(test)]
mod tests;

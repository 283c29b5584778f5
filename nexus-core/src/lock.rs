//! Who may write: one run at a time on a data folder, one writing command at a time on a database.
//!
//! Both locks are exclusive advisory locks (`flock` on Linux) on a file that is opened without
//! truncation, never written into and never removed: NexusLIMS locks the same file of the data folder
//! in the same way, and its library may empty the file just by trying. Who holds a lock is told by a
//! second file beside it, which is information only: what counts is the lock, and the system
//! releases it however the process ends.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::clock::{Clock, SystemClock};

/// Name of the run lock in the data folder; shared with NexusLIMS.
pub const RUN_LOCK_NAME: &str = ".builder.lock";

/// How long [`DatabaseLock::acquire`] rests between two tries.
const RETRY: Duration = Duration::from_millis(25);

/// How often a lock file may be replaced under our hands before we give up.
const REPLACED_AT_MOST: usize = 16;

/// A lock that could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else holds it.
    #[error("`{}` is locked by {}", path.display(), describe(holder.as_ref()))]
    Held {
        /// The lock file.
        path: PathBuf,
        /// Who holds it, if they said so and are still alive.
        holder: Option<Holder>,
    },
    /// The file system has no locks: two runs could not be kept apart.
    #[error(
        "the file system of `{}` does not support locks, so two runs could not be kept apart; \
         put the folder on a local disk, or mount the share with locks",
        path.display()
    )]
    Unsupported {
        /// The lock file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The lock file could not be opened or locked.
    #[error("failed to open the lock file `{}`", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl LockError {
    /// Whether somebody else holds the lock (and trying later may work).
    pub fn is_held(&self) -> bool {
        matches!(self, Self::Held { .. })
    }
}

/// Who holds a lock; told to whoever finds it held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process id on `host`.
    pub pid: u32,
    /// Name of the machine; empty if unknown.
    pub host: String,
    /// What was asked for, such as `nexus run`.
    pub command: String,
    /// Since when (UTC).
    pub started_at: DateTime<Utc>,
}

impl Holder {
    /// This process, holding from now on. The command is the program's name and its first words;
    /// options are left out, since one might hold a secret.
    pub fn this_process(clock: &dyn Clock) -> Self {
        let program = std::env::args_os().next().map(PathBuf::from);
        let name = program
            .as_deref()
            .and_then(Path::file_name)
            .map_or_else(|| "nexus".to_owned(), |name| name.to_string_lossy().into_owned());
        let words = std::env::args_os()
            .skip(1)
            .map_while(|word| word.into_string().ok().filter(|word| !word.starts_with('-')))
            .take(2);
        let command = std::iter::once(name).chain(words).collect::<Vec<_>>().join(" ");
        Self { pid: std::process::id(), host: host_name(), command, started_at: clock.now() }
    }

    /// Whether the process may still be there. True when it cannot be told (another machine).
    fn may_be_alive(&self) -> bool {
        let here = self.host == host_name();
        let processes = Path::new("/proc/self");
        !here || !processes.exists() || Path::new("/proc").join(self.pid.to_string()).exists()
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` (process {}", self.command, self.pid)?;
        if !self.host.is_empty() {
            write!(f, " on {}", self.host)?;
        }
        write!(f, ") since {}", self.started_at.format("%Y-%m-%d %H:%M:%S UTC"))
    }
}

fn describe(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "another program, perhaps NexusLIMS".to_owned(), Holder::to_string)
}

/// The right to run on a data folder; released when dropped.
#[derive(Debug)]
pub struct RunLock(Held);

impl RunLock {
    /// Takes the lock of a data folder, without waiting.
    ///
    /// ```
    /// use nexus_core::lock::RunLock;
    ///
    /// let data = tempfile::tempdir()?;
    /// let lock = RunLock::try_acquire(data.path())?;
    /// assert!(RunLock::try_acquire(data.path()).unwrap_err().is_held());
    /// drop(lock);
    /// assert!(RunLock::try_acquire(data.path()).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_acquire(data_dir: &Path) -> Result<Self, LockError> {
        Self::try_acquire_as(data_dir, &Holder::this_process(&SystemClock))
    }

    /// The same, with what others are told about the holder.
    pub fn try_acquire_as(data_dir: &Path, holder: &Holder) -> Result<Self, LockError> {
        Held::take(data_dir.join(RUN_LOCK_NAME), holder).map(Self)
    }

    /// The lock file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

/// The right to write to a database (migrations, every writing command); released when dropped.
#[derive(Debug)]
pub struct DatabaseLock(Held);

impl DatabaseLock {
    /// Takes the lock of a database, without waiting. The database itself need not exist yet.
    pub fn try_acquire(db_path: &Path) -> Result<Self, LockError> {
        Self::try_acquire_as(db_path, &Holder::this_process(&SystemClock))
    }

    /// The same, with what others are told about the holder.
    pub fn try_acquire_as(db_path: &Path, holder: &Holder) -> Result<Self, LockError> {
        Held::take(Self::path_for(db_path), holder).map(Self)
    }

    /// Takes the lock, trying again for a while when somebody else holds it.
    pub fn acquire(db_path: &Path, wait: Duration) -> Result<Self, LockError> {
        let begun = Instant::now();
        loop {
            match Self::try_acquire(db_path) {
                Err(error) if error.is_held() && begun.elapsed() < wait => std::thread::sleep(RETRY),
                answer => return answer,
            }
        }
    }

    /// The lock file that belongs to a database: its name with `.lock` added, beside the true file
    /// when the path is a link, so that two names of one database share a lock.
    pub fn path_for(db_path: &Path) -> PathBuf {
        let true_path = fs::canonicalize(db_path).unwrap_or_else(|_| db_path.to_owned());
        with_suffix(&true_path, ".lock")
    }

    /// The lock file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

/// Which nexus is at work on a data folder; `None`: none that could be seen. Nothing is written.
pub fn at_work(data_dir: &Path) -> Option<Holder> {
    let path = data_dir.join(RUN_LOCK_NAME);
    let holder = read_holder(&path)?;
    // Details that a killed run left behind may name a number that is another process's by now.
    let file = File::open(&path).ok()?;
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)).then_some(holder)
}

/// Proves that locks work in a folder, on a file of its own: no run is kept from starting meanwhile.
pub fn check_supported(folder: &Path) -> Result<(), LockError> {
    let path = folder.join(format!("{}lock-{}", crate::durable::TEMPORARY_PREFIX, std::process::id()));
    let tried = OpenOptions::new().write(true).create(true).truncate(false).open(&path).and_then(|file| {
        file.try_lock().or_else(|error| match error {
            TryLockError::WouldBlock => Ok(()),
            TryLockError::Error(error) => Err(error),
        })
    });
    let _ = fs::remove_file(&path);
    match tried {
        Ok(()) => Ok(()),
        Err(source) if is_unsupported(&source) => Err(LockError::Unsupported { path, source }),
        Err(source) => Err(LockError::Io { path, source }),
    }
}

/// An open, locked file.
#[derive(Debug)]
struct Held {
    path: PathBuf,
    file: File,
}

impl Held {
    fn take(path: PathBuf, holder: &Holder) -> Result<Self, LockError> {
        for _ in 0..REPLACED_AT_MOST {
            let file =
                match OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path) {
                    Ok(file) => file,
                    Err(source) => return Err(LockError::Io { path, source }),
                };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let holder = read_holder(&path);
                    return Err(LockError::Held { path, holder });
                }
                Err(TryLockError::Error(source)) if is_unsupported(&source) => {
                    return Err(LockError::Unsupported { path, source });
                }
                Err(TryLockError::Error(source)) => return Err(LockError::Io { path, source }),
            }
            // Somebody may have removed the file between our opening and our locking it: a lock on a
            // file that has no name any more keeps nobody out.
            if is_same_file(&file, &path) {
                tell(&path, holder);
                return Ok(Self { path, file });
            }
        }
        Err(LockError::Io { path, source: io::Error::other("the file is replaced again and again") })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Details first: whoever takes the lock next writes their own.
        let _ = fs::remove_file(holder_path(&self.path));
        let _ = self.file.unlock();
    }
}

fn is_unsupported(error: &io::Error) -> bool {
    // Linux: ENOLCK (a share mounted without its lock service), which has no kind of its own.
    const NO_LOCKS_AVAILABLE: i32 = 37;
    matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput)
        || (cfg!(target_os = "linux") && error.raw_os_error() == Some(NO_LOCKS_AVAILABLE))
}

#[cfg(unix)]
fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let (Ok(open), Ok(named)) = (file.metadata(), fs::metadata(path)) else { return false };
    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

#[cfg(not(unix))]
fn is_same_file(_file: &File, _path: &Path) -> bool {
    true
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// The file beside a lock file that tells who holds it.
fn holder_path(lock: &Path) -> PathBuf {
    with_suffix(lock, ".holder")
}

/// Leaves the details. A failure costs others a name, never us the lock.
fn tell(lock: &Path, holder: &Holder) {
    let path = holder_path(lock);
    let temporary = with_suffix(&path, &format!(".{}", holder.pid));
    let written = serde_json::to_vec(holder)
        .map_err(io::Error::other)
        .and_then(|text| fs::write(&temporary, text))
        .and_then(|()| fs::rename(&temporary, &path));
    if let Err(error) = written {
        let _ = fs::remove_file(&temporary);
        tracing::warn!("cannot tell others who holds `{}`: {error}", lock.display());
    }
}

/// The details, unless there are none or they are those of a process that died without removing them.
fn read_holder(lock: &Path) -> Option<Holder> {
    let text = fs::read(holder_path(lock)).ok()?;
    let holder: Holder = serde_json::from_slice(&text).ok()?;
    holder.may_be_alive().then_some(holder)
}

fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;

//! A copy of the database beside it, before its tables are rebuilt.
//!
//! The name is `<stem>_backup_<date>_<time>_nexus<suffix>`. The last word tells our copies from those that NexusLIMS
//! makes beside them: the newest three of ours are kept, and no other file is ever removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use chrono::{DateTime, FixedOffset};
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::error::{DbError, busy_timeout, name_of, sqlite};

/// How many of our backups stay beside the database.
pub const KEPT: usize = 3;

/// How often a name that is taken is counted up.
const NAMES: u32 = 1000;

/// What was made, and what made room for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MadeBackup {
    /// The copy.
    pub path: PathBuf,
    /// Older ones of ours, removed.
    pub removed: Vec<PathBuf>,
}

/// The parts of a backup's name.
struct Pattern {
    folder: PathBuf,
    prefix: String,
    suffix: String,
}

impl Pattern {
    fn of(database: &Path) -> Self {
        let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let suffix =
            database.extension().map(|end| format!(".{}", end.to_string_lossy())).unwrap_or_default();
        Self {
            folder: database.parent().unwrap_or(Path::new(".")).to_owned(),
            prefix: format!("{}_backup_", text(database.file_stem())),
            suffix,
        }
    }

    fn name(&self, now: DateTime<FixedOffset>, count: u32) -> String {
        let number = if count == 0 { String::new() } else { format!("_{count:03}") };
        format!("{}{}{number}_nexus{}", self.prefix, now.format("%Y%m%d_%H%M%S"), self.suffix)
    }

    /// The middle of a name of ours, `20261122_014755` and perhaps `_001`: sorts by age.
    fn moment<'a>(&self, name: &'a str) -> Option<&'a str> {
        let middle = name.strip_prefix(&self.prefix)?.strip_suffix(&self.suffix)?.strip_suffix("_nexus")?;
        let mut parts = middle.split('_');
        let digits = |part: Option<&str>, len: usize| {
            part.is_some_and(|part| part.len() == len && part.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let dated = digits(parts.next(), 8) && digits(parts.next(), 6);
        let counted = parts.next().is_none_or(|part| digits(Some(part), 3));
        (dated && counted && parts.next().is_none()).then_some(middle)
    }
}

/// Copies the database through SQLite, so that the copy is whole whatever other programs do meanwhile. `now` is local
/// time. The copy has the permissions of the original and is on the disk when this returns.
pub(super) fn make(
    connection: &Connection,
    database: &Path,
    now: DateTime<FixedOffset>,
) -> Result<MadeBackup, DbError> {
    let pattern = Pattern::of(database);
    let (partial, held, path) = reserve(&pattern, now)?;
    let copied = copy(connection, database, &partial).and_then(|()| {
        fs::rename(&partial, &path).map_err(|source| failed("rename backup to", &path, source))
    });
    drop(held);
    if let Err(error) = copied {
        // Ours and worthless; a later backup removes it if this fails.
        let _ = fs::remove_file(&partial);
        return Err(error);
    }
    sync_folder(&pattern.folder)?;
    Ok(MadeBackup { path, removed: prune(&pattern) })
}

/// Copies the database to this new file, whole or not at all.
pub(super) fn make_at(connection: &Connection, database: &Path, to: &Path) -> Result<(), DbError> {
    // Claims the name, so that nothing that appears meanwhile is overwritten.
    File::create_new(to).map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => DbError::BackupExists { path: to.to_owned() },
        _ => failed("create backup", to, source),
    })?;
    let mut name = to.as_os_str().to_owned();
    name.push(".partial");
    let partial = PathBuf::from(name);
    let copied = File::create_new(&partial)
        .map_err(|source| failed("create backup", &partial, source))
        .and_then(|_held| {
            let copied = copy(connection, database, &partial).and_then(|()| {
                fs::rename(&partial, to).map_err(|source| failed("rename backup to", to, source))
            });
            if copied.is_err() {
                let _ = fs::remove_file(&partial);
            }
            copied
        });
    if copied.is_err() {
        // Ours: it was made by the first line of this function.
        let _ = fs::remove_file(to);
        return copied;
    }
    sync_folder(to.parent().unwrap_or(Path::new(".")))
}

/// Finds a free name and takes it by a partial file, locked as long as it is being written.
fn reserve(pattern: &Pattern, now: DateTime<FixedOffset>) -> Result<(PathBuf, File, PathBuf), DbError> {
    for count in 0..NAMES {
        let name = pattern.name(now, count);
        let path = pattern.folder.join(&name);
        let partial = pattern.folder.join(format!(".{name}.partial"));
        let held = match File::create_new(&partial) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            Err(source) => return Err(failed("create backup", &path, source)),
        };
        if path.exists() {
            drop(held);
            fs::remove_file(&partial).map_err(|source| failed("remove", &partial, source))?;
            continue;
        }
        // Tells other processes that it is not a left-over. Where locks are not supported nobody can tell.
        let _ = held.try_lock();
        return Ok((partial, held, path));
    }
    let source = io::Error::new(ErrorKind::AlreadyExists, "every name of this second is taken");
    Err(failed("create backup", &pattern.folder.join(pattern.name(now, 0)), source))
}

fn copy(connection: &Connection, database: &Path, partial: &Path) -> Result<(), DbError> {
    let facts = fs::metadata(database).map_err(|source| failed("look at", database, source))?;
    fs::set_permissions(partial, facts.permissions())
        .map_err(|source| failed("set the permissions of", partial, source))?;
    let broken =
        |source| DbError::Sqlite { action: "back up", database: partial.display().to_string(), source };
    let mut target = Connection::open(partial).map_err(broken)?;
    // One sync at the end is enough: until it is renamed the copy counts for nothing.
    target.pragma_update(None, "synchronous", "OFF").map_err(broken)?;
    let backup = Backup::new(connection, &mut target).map_err(sqlite(connection, "back up"))?;
    // All pages in one step, so that no write can come between.
    match backup.step(-1).map_err(sqlite(connection, "back up"))? {
        StepResult::Done => {}
        _ => return Err(DbError::Busy { database: name_of(connection), waited: busy_timeout(connection) }),
    }
    drop(backup);
    target.close().map_err(|(_, source)| broken(source))?;
    let file = OpenOptions::new().read(true).open(partial);
    file.and_then(|file| file.sync_all()).map_err(|source| failed("sync", partial, source))
}

/// Removes our backups beyond the newest [`KEPT`], and partial ones that nobody is writing.
fn prune(pattern: &Pattern) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(&pattern.folder) else { return Vec::new() };
    let (mut whole, mut gone) = (Vec::new(), Vec::new());
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let partial = name.strip_prefix('.').and_then(|name| name.strip_suffix(".partial"));
        if partial.is_some_and(|name| pattern.moment(name).is_some()) {
            if File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
                gone.push(entry.path());
            }
        } else if let Some(moment) = pattern.moment(&name) {
            whole.push((moment.to_owned(), entry.path()));
        }
    }
    whole.sort();
    let surplus = whole.len().saturating_sub(KEPT);
    gone.extend(whole.into_iter().take(surplus).map(|(_, path)| path));
    gone.retain(|path| match fs::remove_file(path) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "an old backup could not be removed");
            false
        }
    });
    gone
}

/// Bytes that this user may still write in the folder.
pub(super) fn free_space(folder: &Path) -> io::Result<u64> {
    let facts = rustix::fs::statvfs(folder)?;
    Ok(facts.f_bavail.saturating_mul(facts.f_frsize))
}

/// Refuses where a backup and the journal of a rebuild would not fit: each may grow to the size of the file, and so
/// may the file itself.
pub(super) fn check_space(database: &Path, free_space: fn(&Path) -> io::Result<u64>) -> Result<(), DbError> {
    let facts = fs::metadata(database).map_err(|source| failed("look at", database, source))?;
    let folder = database.parent().unwrap_or(database);
    let free = free_space(folder).map_err(|source| failed("ask for free space in", folder, source))?;
    let needed = facts.len().saturating_mul(3).saturating_add(1 << 20);
    if free < needed {
        return Err(DbError::NoSpace { path: database.to_owned(), needed, free });
    }
    Ok(())
}

fn sync_folder(folder: &Path) -> Result<(), DbError> {
    crate::durable::sync_dir(folder).map_err(|error| failed("sync", folder, io::Error::other(error)))
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> DbError {
    DbError::Io { action, path: path.to_owned(), source }
}

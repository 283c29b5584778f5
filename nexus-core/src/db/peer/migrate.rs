//! Upgrade, downgrade and stamp: the only things that move the shared schema.
//!
//! One transaction per revision, which holds the write lock from its start and looks at the file again inside: two
//! programs that migrate at once take turns, and neither does a step twice.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, io};

use rusqlite::{Connection, TransactionBehavior};

use super::census::{BrokenReferences, Census};
use super::standing::{self, SHARED_TABLES, Standing, VERSION_TABLE, standing};
use super::step::{Loss, Step, rebuild_history};
use super::{Revision, obstacle};
use crate::clock::{Clock, SystemClock};
use crate::db::chain::has_table;
use crate::db::error::{DbError, name_of, sqlite};
use crate::db::{self, Access, BUSY_TIMEOUT, OpenOptions, backup, file};

/// How to migrate; the default is what the commands use.
#[derive(Clone, Copy)]
pub struct MigrationOptions<'a> {
    /// How long to wait for another program that holds the file.
    pub busy_timeout: Duration,
    /// Names the backup, in local time.
    pub clock: &'a dyn Clock,
    /// Bytes that may still be written in a folder.
    pub free_space: fn(&Path) -> io::Result<u64>,
}

impl Default for MigrationOptions<'_> {
    fn default() -> Self {
        Self { busy_timeout: BUSY_TIMEOUT, clock: &SystemClock, free_space: backup::free_space }
    }
}

impl fmt::Debug for MigrationOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MigrationOptions").field("busy_timeout", &self.busy_timeout).finish_non_exhaustive()
    }
}

/// What a migration did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MigrationReport {
    /// Where the file was; none for an empty or unversioned one.
    pub from: Option<Revision>,
    /// Where it is now; none for one taken back to its base.
    pub to: Option<Revision>,
    /// Revisions that were reached on the way, the last included; `None` is the base. Empty if there was nothing to do.
    pub steps: Vec<Option<Revision>>,
    /// The copy made before the first step; none for an empty file, or if there was nothing to do.
    pub backup: Option<PathBuf>,
    /// Older backups of ours that were removed, so that three are left.
    pub removed_backups: Vec<PathBuf>,
    /// Rows of each shared table now.
    pub rows: Vec<(&'static str, u64)>,
    /// What went because the schema has no place for it; the backup has it.
    pub losses: Vec<Loss>,
    /// Rows that point at missing rows; they did so before and were left as they are.
    pub broken_references: Vec<BrokenReferences>,
}

/// Brings the shared tables up to the revision; at or above it nothing is done.
///
/// Callers that may meet other commands hold [`crate::lock::DatabaseLock`] meanwhile. Without it two of these at
/// once are still safe: they take turns.
pub fn upgrade(
    path: &Path,
    to: Revision,
    options: &MigrationOptions<'_>,
) -> Result<MigrationReport, DbError> {
    migrate(path, Goal::Up(to), options)
}

/// Takes the shared tables down to the revision, or (with none) away altogether; at or below it nothing is done.
///
/// Tables and columns that the older schema lacks go with what they hold; the report counts it and the backup has it.
/// Our own tables stay.
pub fn downgrade(
    path: &Path,
    to: Option<Revision>,
    options: &MigrationOptions<'_>,
) -> Result<MigrationReport, DbError> {
    migrate(path, Goal::Down(to), options)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Goal {
    Up(Revision),
    Down(Option<Revision>),
}

impl Goal {
    /// The steps from there, in order.
    fn steps(self, at: Option<Revision>) -> Vec<Step> {
        match self {
            Self::Up(to) => Revision::ALL
                .into_iter()
                .filter(|revision| Some(*revision) > at && *revision <= to)
                .map(Step::Up)
                .collect(),
            Self::Down(to) => Revision::ALL
                .into_iter()
                .rev()
                .filter(|revision| Some(*revision) <= at && Some(*revision) > to)
                .map(Step::Down)
                .collect(),
        }
    }
}

fn migrate(path: &Path, goal: Goal, options: &MigrationOptions<'_>) -> Result<MigrationReport, DbError> {
    let (path, mut connection) = open(path, options)?;
    let mut report = MigrationReport::default();
    let is_needed = {
        // One view of the file: another program may be migrating it, and what stands in the way of a step can be
        // looked for only where that step has not been made.
        let failed = sqlite(&connection, "read");
        let view = connection.transaction().map_err(failed)?;
        let at = position(&view)?;
        (report.from, report.to) = (at, at);
        let steps = goal.steps(at);
        if !steps.is_empty() {
            prepare(&view, &steps, &path, options)?;
        }
        !steps.is_empty()
    };
    if is_needed {
        db::rollback_journal(&connection)?;
    }
    loop {
        match turn(&mut connection, &path, goal, options, &mut report) {
            Ok(true) => {}
            Ok(false) => return Ok(report),
            Err(error) if report.steps.is_empty() => return Err(error),
            Err(error) => {
                return Err(DbError::Partial {
                    reached: name(report.to),
                    backup: report
                        .backup
                        .map_or_else(|| "none".to_owned(), |path| path.display().to_string()),
                    source: Box::new(error),
                });
            }
        }
    }
}

/// One transaction: one step, or the closing count. False when there is nothing left to do.
fn turn(
    connection: &mut Connection,
    path: &Path,
    goal: Goal,
    options: &MigrationOptions<'_>,
    report: &mut MigrationReport,
) -> Result<bool, DbError> {
    let transaction = begin(connection)?;
    let at = position(&transaction)?;
    let steps = goal.steps(at);
    let Some(step) = steps.first().copied() else {
        report.to = at;
        let census = Census::take(&transaction).map_err(sqlite(&transaction, "count the rows of"))?;
        report.broken_references = census.broken_references();
        report.rows = census.rows.into_iter().collect();
        if rebuild_history(&transaction, at)? {
            db::commit(transaction)?;
        }
        return Ok(false);
    };
    if report.steps.is_empty() {
        // Once more, inside: the file may have changed since.
        prepare(&transaction, &steps, path, options)?;
        back_up(&transaction, path, options, report)?;
    }
    rebuild_history(&transaction, at)?;
    let losses = step.take(&transaction)?;
    db::commit(transaction)?;
    report.losses.extend(losses);
    report.steps.push(step.to());
    report.to = step.to();
    Ok(true)
}

/// Everything that can refuse before the file is touched.
fn prepare(
    connection: &Connection,
    steps: &[Step],
    path: &Path,
    options: &MigrationOptions<'_>,
) -> Result<(), DbError> {
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(sqlite(connection, "check"))?;
    if verdict != "ok" {
        return Err(DbError::NotADatabase {
            path: path.to_owned(),
            reason: format!("it is damaged: {verdict}"),
        });
    }
    let obstacles = obstacle::find(connection, steps).map_err(sqlite(connection, "check"))?;
    if !obstacles.is_empty() {
        let to = steps.last().map_or_else(String::new, |step| name(step.to()));
        return Err(DbError::Obstacles { database: name_of(connection), to, obstacles });
    }
    backup::check_space(path, options.free_space)
}

fn back_up(
    connection: &Connection,
    path: &Path,
    options: &MigrationOptions<'_>,
    report: &mut MigrationReport,
) -> Result<(), DbError> {
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))
        .map_err(sqlite(connection, "read"))?;
    if tables > 0 {
        // By a connection of its own, for SQLite does not copy from one that is about to write. Ours holds the write
        // lock meanwhile, so the copy is what the first step finds.
        let reader = db::connect(path, Access::Read, OpenOptions { busy_timeout: options.busy_timeout })?;
        let made = backup::make(&reader, path, options.clock.now_local())?;
        report.backup = Some(made.path);
        report.removed_backups = made.removed;
    }
    Ok(())
}

/// Tells the file which revision its tables are of; they are compared with it first and not changed.
///
/// For files from before there were revisions (`v1_4_3`), demonstration files (the newest), and files whose
/// revision and tables went apart.
pub fn stamp(path: &Path, at: Revision, options: &MigrationOptions<'_>) -> Result<MigrationReport, DbError> {
    let (path, mut connection) = open(path, options)?;
    let claims = {
        let failed = sqlite(&connection, "read");
        let view = connection.transaction().map_err(failed)?;
        check_stamp(&view, at)?
    };
    let from = claims.as_deref().and_then(|text| text.parse().ok());
    let mut report = MigrationReport { from, to: Some(at), ..MigrationReport::default() };
    db::rollback_journal(&connection)?;
    let transaction = begin(&mut connection)?;
    let claims = check_stamp(&transaction, at)?;
    if claims.as_deref() != Some(at.as_str()) {
        backup::check_space(&path, options.free_space)?;
        back_up(&transaction, &path, options, &mut report)?;
        transaction
            .execute_batch(&format!(
                "CREATE TABLE IF NOT EXISTS {VERSION_TABLE} (\n    version_num VARCHAR(32) NOT NULL,\n    \
                 CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)\n);\n\
                 DELETE FROM {VERSION_TABLE};\n\
                 INSERT INTO {VERSION_TABLE} (version_num) VALUES ('{at}');"
            ))
            .map_err(sqlite(&transaction, "stamp"))?;
        report.steps.push(Some(at));
    }
    rebuild_history(&transaction, Some(at))?;
    let census = Census::take(&transaction).map_err(sqlite(&transaction, "count the rows of"))?;
    report.broken_references = census.broken_references();
    report.rows = census.rows.into_iter().collect();
    db::commit(transaction)?;
    Ok(report)
}

/// What the file claims to be, if it may be stamped with the revision.
fn check_stamp(connection: &Connection, at: Revision) -> Result<Option<String>, DbError> {
    let claims = match standing::claimed(connection) {
        // Several rows, but all known: that is what stamping repairs.
        Err(DbError::BrokenVersionTable { .. }) if standing::all_known(connection) => None,
        other => other?,
    };
    if let Some(text) = &claims
        && text.parse::<Revision>().is_err()
    {
        return Err(DbError::UnknownRevision { database: name_of(connection), revision: text.clone() });
    }
    let read = || sqlite(connection, "read");
    let mut reason = standing::misfit(connection, at).map_err(read())?;
    if let [first, ..] = &standing::leftovers(connection).map_err(read())?[..] {
        reason = Some(format!("the left-over table {first} shows a migration that stopped half-way"));
    }
    let mut any = false;
    for (table, _) in SHARED_TABLES {
        any |= has_table(connection, table).map_err(read())?;
    }
    if !any {
        return Err(DbError::Empty { database: name_of(connection) });
    }
    match reason {
        None => Ok(claims),
        Some(reason) => Err(DbError::StampMismatch { database: name_of(connection), revision: at, reason }),
    }
}

/// Copies the database beside itself: `<stem>_backup_<date>_<time>_nexus<suffix>`. The newest three of these are kept.
pub fn backup(path: &Path, options: &MigrationOptions<'_>) -> Result<PathBuf, DbError> {
    let path = file::check(path)?;
    let open = OpenOptions { busy_timeout: options.busy_timeout };
    let connection = db::connect(&path, Access::Read, open)?;
    backup::check_space(&path, options.free_space)?;
    backup::make(&connection, &path, options.clock.now_local()).map(|made| made.path)
}

/// Copies the database to a file of the caller's choice, which must not exist yet. Such a copy is never removed.
pub fn backup_to(path: &Path, to: &Path, options: &MigrationOptions<'_>) -> Result<PathBuf, DbError> {
    let path = file::check(path)?;
    let to = file::absolute(to)?;
    let open = OpenOptions { busy_timeout: options.busy_timeout };
    let connection = db::connect(&path, Access::Read, open)?;
    backup::make_at(&connection, &path, &to)?;
    Ok(to)
}

/// A connection for migrating; nothing is changed by opening it.
fn open(path: &Path, options: &MigrationOptions<'_>) -> Result<(PathBuf, Connection), DbError> {
    let path = file::check(path)?;
    file::check_writable(&path)?;
    let open = OpenOptions { busy_timeout: options.busy_timeout };
    let connection = db::connect(&path, Access::Write, open)?;
    db::own::check(&connection)?;
    // As SQLite advises for building a table anew: views and triggers that name it are left alone meanwhile.
    connection.pragma_update(None, "legacy_alter_table", true).map_err(sqlite(&connection, "set up"))?;
    Ok((path, connection))
}

/// The revision, or none for the empty database; anything else cannot be migrated.
fn position(connection: &Connection) -> Result<Option<Revision>, DbError> {
    match standing(connection)? {
        Standing::Empty => Ok(None),
        Standing::At(revision) => Ok(Some(revision)),
        Standing::Unversioned(shape) => Err(shape.refusal(connection)),
    }
}

fn begin(connection: &mut Connection) -> Result<rusqlite::Transaction<'_>, DbError> {
    let failed = sqlite(connection, "begin a transaction on");
    connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)
}

fn name(at: Option<Revision>) -> String {
    at.map_or_else(|| "base".to_owned(), |revision| revision.to_string())
}

//! The storage's side: files that came after their session was settled, and files that are in no session's window.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, TimeDelta, Utc};

use super::answers::Answer;
use super::classes::Scope;
use super::known::{Tables, lossy};
use super::report::{FilesReport, Late, NotProved, Orphans, OrphansOfFolder, WhyLate};
use super::{AuditError, Listed};
use crate::causes::with_causes;
use crate::folders::Folders;
use crate::ids::{InstrumentPid, SessionId};
use crate::record;
use crate::session::{self, RecordStatus};
use crate::session_state::SessionState;
use crate::storage;
use crate::timestamp::UtcTime;
use crate::walk::{self, Forest, FoundFile, Root, Selection, Tree, Window};

/// Folders of an instrument that are listed with their orphans.
const MOST_FOLDERS: usize = 20;

/// Where the files are, and which of them count: as in a run.
#[derive(Clone, Copy)]
pub struct Storage<'a> {
    /// Where things are.
    pub folders: &'a Folders,
    /// Which files count.
    pub selection: &'a Selection,
    /// Whether links to folders outside of an instrument's folder are followed.
    pub follow_outside_links: bool,
    /// The threads that walk.
    pub pool: &'a rayon::ThreadPool,
}

/// A session that ended in the window, and what was made of it.
struct Made {
    session: SessionId,
    instrument: InstrumentPid,
    window: Window,
    end: String,
    outcome: Outcome,
}

/// What came of a session's files.
enum Outcome {
    /// It was settled without a record, since there were none.
    NoFiles,
    Record(Record),
}

/// What is known of a record's files.
struct Record {
    name: Option<String>,
    /// `None`: nobody counted them.
    files: Option<u64>,
}

/// When the instruments were in use, and which sessions are to be looked at: read together with everything else.
pub(super) struct Uses {
    windows: BTreeMap<InstrumentPid, Vec<Window>>,
    made: Vec<Made>,
    known: storage::Known,
}

/// Reads the sessions that reach into the window, of all instruments: folders may lie in one another.
pub(super) fn uses(tables: Tables<'_>, scope: &Scope<'_>, answers: &[Answer]) -> Result<Uses, AuditError> {
    let known = if tables.has_own { storage::known(tables.connection)? } else { storage::Known::default() };
    let mut uses = Uses { windows: BTreeMap::new(), made: Vec::new(), known };
    // As text, by the day: with offsets from -12 to +14 hours two days are enough.
    let first = scope.from.checked_add_signed(TimeDelta::days(-2)).unwrap_or(scope.from);
    let mut statement = tables.connection.prepare(
        "SELECT DISTINCT session_identifier FROM session_log WHERE event_type = 'END' AND timestamp >= ?1",
    )?;
    let mut rows = statement.query([first.format("%Y-%m-%d").to_string()])?;
    while let Some(row) = rows.next()? {
        let id = SessionId::new(lossy(row, 0)?);
        let Some(session) = session::load(tables.connection, &id, scope.instruments)? else { continue };
        let (start, end) = (session.started_at(), session.ended_at());
        if end < scope.from || start >= scope.until {
            continue;
        }
        let (window, instrument) =
            (Window { from: start.into(), to: end.into() }, session.instrument.pid.clone());
        uses.windows.entry(instrument.clone()).or_default().push(window);
        if !scope.holds(end) || !scope.is_chosen(&instrument) {
            continue;
        }
        if let Some(outcome) = outcome_of(tables, &id)? {
            let end = session.end.in_zone(session.zone).to_rfc3339();
            uses.made.push(Made { session: id, instrument, window, end, outcome });
        }
    }
    if tables.has_own {
        add_open(tables, scope, &mut uses.windows)?;
    }
    // Events that are in use, missing or on their way are uses as well.
    for event in answers.iter().flat_map(|answer| &answer.events).filter(|event| !event.cancelled) {
        let zone = scope.zone(&event.instrument);
        let to = event.end.map_or(scope.until, |end| end.instant(zone));
        let window = Window { from: event.start.instant(zone).into(), to: to.into() };
        uses.windows.entry(event.instrument.clone()).or_default().push(window);
    }
    Ok(uses)
}

/// Adds the events that are still in use, which nobody was asked about if the window is over.
fn add_open(
    tables: Tables<'_>,
    scope: &Scope<'_>,
    windows: &mut BTreeMap<InstrumentPid, Vec<Window>>,
) -> Result<(), AuditError> {
    let mut statement = tables.connection.prepare(
        "SELECT instrument_pid, open_since FROM nexus_session
          WHERE open_since < ?1 AND gone_since IS NULL AND instrument_pid IS NOT NULL",
    )?;
    let mut rows = statement.query([UtcTime::new(scope.until)])?;
    while let Some(row) = rows.next()? {
        let since: UtcTime = row.get(1)?;
        let window = Window { from: since.0.into(), to: scope.until.into() };
        windows.entry(InstrumentPid::new(lossy(row, 0)?)).or_default().push(window);
    }
    Ok(())
}

/// What came of a session's files; `None`: they are not to be looked at, since it is not settled, or for another reason.
fn outcome_of(tables: Tables<'_>, id: &SessionId) -> Result<Option<Outcome>, AuditError> {
    let status = session::known_status_of(tables.connection, id)?;
    let state = if tables.has_own { SessionState::load(tables.connection, id)? } else { None };
    Ok(match status {
        Some(RecordStatus::NoFilesFound) => Some(Outcome::NoFiles),
        Some(RecordStatus::Completed | RecordStatus::BuiltNotExported) => state
            .filter(|state| !state.rebuild_requested)
            // NexusLIMS counts no files.
            .map(|state| Record {
                name: state.record_name,
                files: state.file_count.filter(|count| *count > 0),
            })
            .map(Outcome::Record),
        _ => None,
    })
}

/// Walks the folders of the instruments once, and holds what is there against the sessions.
pub(super) fn look(storage: Storage<'_>, scope: &Scope<'_>, uses: &Uses) -> (FilesReport, Vec<NotProved>) {
    let whole = Window { from: scope.from.into(), to: scope.until.into() };
    let chosen: Vec<_> = scope.instruments.iter().filter(|one| scope.is_chosen(&one.pid)).collect();
    let mut away: BTreeMap<usize, String> = BTreeMap::new();
    let mut roots = Vec::new();
    for (at, instrument) in chosen.iter().enumerate() {
        let path = storage.folders.instrument(&instrument.filestore_path);
        let mut windows = vec![whole];
        windows.extend(
            uses.made.iter().filter(|made| made.instrument == instrument.pid).map(|made| made.window),
        );
        if let Some(change) = storage::changed(&uses.known, &path) {
            away.insert(at, change.to_string());
            windows.clear();
        }
        roots.push(Root { path, windows });
    }
    let forest = walk::walk(
        &roots,
        &walk::Options {
            selection: storage.selection,
            follow_outside_links: storage.follow_outside_links,
            pool: storage.pool,
            now: scope.until.into(),
        },
    );
    let mut trees: HashMap<&InstrumentPid, Tree<'_>> = HashMap::new();
    for (at, instrument) in
        chosen.iter().enumerate().filter(|(at, _)| !away.contains_key(at)).collect::<Vec<_>>()
    {
        match tree(&forest, at, &roots) {
            Ok(tree) => {
                trees.insert(&instrument.pid, tree);
            }
            Err(why) => {
                away.insert(at, why);
            }
        }
    }
    let mut report = FilesReport::default();
    for made in &uses.made {
        if let Some(late) = trees.get(&made.instrument).and_then(|tree| late(storage, made, tree)) {
            report.late.push(late);
        }
    }
    for (at, instrument) in chosen.iter().enumerate() {
        let (Some(tree), Some(root)) = (trees.get(&instrument.pid), roots.get(at)) else { continue };
        let near = |other: &PathBuf| other.starts_with(&root.path) || root.path.starts_with(other);
        let windows = scope.instruments.iter().filter(|other| {
            other.pid == instrument.pid || near(&storage.folders.instrument(&other.filestore_path))
        });
        let windows = windows.filter_map(|other| uses.windows.get(&other.pid)).flatten().copied();
        report.orphans.extend(orphans(
            instrument.pid.clone(),
            tree,
            &root.path,
            &Covered::new(windows),
            scope,
        ));
    }
    let not_proved = away.into_iter().filter_map(|(at, why)| {
        let instruments = vec![chosen.get(at)?.pid.clone()];
        Some(NotProved { harvester: None, instruments, why: format!("its files were not looked at: {why}") })
    });
    (report, not_proved.collect())
}

/// What the walk found below a root, if that is to be believed.
fn tree<'f>(forest: &'f Forest, at: usize, roots: &[Root]) -> Result<Tree<'f>, String> {
    let tree = forest.tree(at).map_err(|error| with_causes(error))?;
    let path = roots.get(at).map(|root| root.path.display().to_string()).unwrap_or_default();
    if !tree.all_read() {
        return Err(format!("not everything below `{path}` can be read"));
    }
    if !tree.holds_files() {
        return Err(format!("`{path}` holds no file at all: is the storage mounted?"));
    }
    Ok(tree)
}

/// A session that has files now which its record does not have.
fn late(storage: Storage<'_>, made: &Made, tree: &Tree<'_>) -> Option<Late> {
    let now = tree.count(made.window) as u64;
    if now == 0 {
        return None;
    }
    let record = match &made.outcome {
        Outcome::NoFiles => None,
        Outcome::Record(record) => Some(record),
    };
    let (why, in_record) = match record {
        None => (WhyLate::NoRecord, None),
        Some(Record { files: Some(files), .. }) if now > *files => (WhyLate::MoreFiles, Some(*files)),
        Some(record) => (WhyLate::OtherFiles, record.files),
    };
    let files = tree.files(made.window);
    let known =
        record.and_then(|record| record.name.as_ref()).and_then(|name| locations(storage.folders, name));
    let is_new = |file: &&FoundFile| {
        known.as_ref().is_none_or(|known| !known.contains(&location(storage.folders, &file.path)))
    };
    // Without the record, equal numbers say nothing.
    if why == WhyLate::OtherFiles && known.is_none() {
        return None;
    }
    let example = files.iter().find(is_new);
    if why == WhyLate::OtherFiles && example.is_none() {
        return None;
    }
    let example = example.or(files.first())?.path.display().to_string();
    let verb = if why == WhyLate::NoRecord { "retry" } else { "rebuild" };
    Some(Late {
        command: format!("nexus sessions {verb} '{}'", made.session),
        session: made.session.clone(),
        instrument: made.instrument.clone(),
        end: made.end.clone(),
        why,
        in_record,
        now,
        example,
    })
}

/// The locations of the files in a record; `None`: it is not there any more, or cannot be read.
fn locations(folders: &Folders, name: &str) -> Option<HashSet<String>> {
    let bytes = std::fs::read(folders.find_record(name)?).ok()?;
    let activities = record::read_activities(&bytes, &folders.data).ok()?;
    Some(activities.into_iter().flat_map(|one| one.datasets).map(|dataset| dataset.location).collect())
}

/// A file as a record calls it.
fn location(folders: &Folders, path: &Path) -> String {
    let relative = path.strip_prefix(&folders.instrument_data).unwrap_or(path);
    let encoded = record::percent_encode(relative.as_os_str().as_encoded_bytes());
    if encoded.starts_with('/') { encoded } else { format!("/{encoded}") }
}

/// Windows, merged into disjoint spans.
struct Covered(Vec<Window>);

impl Covered {
    fn new(windows: impl Iterator<Item = Window>) -> Self {
        let mut spans: Vec<Window> = windows.filter(|window| window.from < window.to).collect();
        spans.sort_unstable_by_key(|window| window.from);
        spans.dedup_by(|next, last| {
            let touches = next.from <= last.to;
            if touches {
                last.to = last.to.max(next.to);
            }
            touches
        });
        Self(spans)
    }

    fn holds(&self, modified: SystemTime) -> bool {
        let at = self.0.partition_point(|span| span.to < modified);
        self.0.get(at).is_some_and(|span| span.contains(modified))
    }
}

/// The files below an instrument's folder that were written in the window and in no session's; `None`: there are none.
fn orphans(
    instrument: InstrumentPid,
    tree: &Tree<'_>,
    root: &Path,
    covered: &Covered,
    scope: &Scope<'_>,
) -> Option<Orphans> {
    let mut by_folder: BTreeMap<String, OrphansOfFolder> = BTreeMap::new();
    // A day at a time, so that the paths of a long window are never all in memory.
    let mut from = scope.from;
    while from < scope.until {
        let to = from.checked_add_signed(TimeDelta::days(1)).map_or(scope.until, |to| to.min(scope.until));
        for file in tree.files(Window { from: from.into(), to: to.into() }) {
            if !covered.holds(file.modified) {
                let at = UtcTime::new(DateTime::<Utc>::from(file.modified));
                let folder = top(root, &file.path);
                let of = by_folder.entry(folder.clone()).or_insert_with(|| OrphansOfFolder {
                    folder,
                    files: 0,
                    bytes: 0,
                    first: at,
                    last: at,
                });
                of.files += 1;
                of.bytes = of.bytes.saturating_add(file.size);
                (of.first, of.last) = (of.first.min(at), of.last.max(at));
            }
        }
        from = to;
    }
    let first = by_folder.values().map(|one| one.first).min()?;
    let last = by_folder.values().map(|one| one.last).max()?;
    let (files, bytes) = by_folder
        .values()
        .fold((0, 0_u64), |(files, bytes), one| (files + one.files, bytes.saturating_add(one.bytes)));
    let mut listed: Vec<OrphansOfFolder> = by_folder.into_values().collect();
    // Those with most files first; of equal ones by name, as they stand.
    listed.sort_by_key(|one| std::cmp::Reverse(one.files));
    let left_out = listed.len().saturating_sub(MOST_FOLDERS) as u64;
    listed.truncate(MOST_FOLDERS);
    Some(Orphans { instrument, files, bytes, first, last, folders: Listed { lines: listed, left_out } })
}

/// The folder right below the root that a file lies in; `.`: in the root itself.
fn top(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    let mut parts = below.components();
    match (parts.next(), parts.next()) {
        (Some(first), Some(_)) => first.as_os_str().to_string_lossy().into_owned(),
        _ => ".".to_owned(),
    }
}

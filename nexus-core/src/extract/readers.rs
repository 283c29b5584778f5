//! Who reads which file.

use std::any::Any;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexus_plugin_api::{Call, Extractor, PathRef, PluginError, Signal};

use super::BASIC;
use crate::ids::ExtractorName;
use crate::plugins::{CallError, ExtractorInstance};
use crate::walk::FoundFile;

/// Of the files that a reader failed on, so many are named; all are counted.
const FAILURES_NAMED: usize = 5;

/// What a plugin says of a failure is cut after so many characters: it stands in the record.
const LONGEST_CAUSE: usize = 500;

/// A reader of its own kind of files.
pub struct Reader {
    name: String,
    suffixes: Vec<String>,
    priority: i32,
    who: Who,
}

enum Who {
    /// Code of the program that runs the pipeline, called on the build's own thread.
    Ours(Arc<dyn Extractor>),
    /// A plugin that the configuration names.
    Configured(Arc<ExtractorInstance>),
    /// The same for every file, whether or not it wants it.
    Insisted(Arc<ExtractorInstance>),
}

/// Which reader read a file, as the record says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBy {
    /// The reader's own name.
    pub module: String,
    /// Its version: of the plugin, or of this program.
    pub version: String,
    /// Its name in the configuration, if it stands there.
    pub extractor: Option<ExtractorName>,
}

impl Reader {
    /// As the record says it; `program` is this program's version.
    pub(super) fn read_by(&self, program: &str) -> ReadBy {
        match &self.who {
            Who::Ours(_) => {
                ReadBy { module: self.name.clone(), version: program.to_owned(), extractor: None }
            }
            Who::Configured(extractor) | Who::Insisted(extractor) => ReadBy {
                module: extractor.plugin.clone(),
                version: extractor.version.clone(),
                extractor: Some(extractor.name.clone()),
            },
        }
    }

    /// As people call it.
    fn called(&self) -> String {
        match &self.who {
            Who::Ours(_) => format!("reader `{}`", self.name),
            Who::Configured(_) | Who::Insisted(_) => format!("extractor `{}`", self.name),
        }
    }

    /// `name` in lower case.
    fn reads(&self, name: &str) -> bool {
        let has = |suffix: &String| {
            name.strip_suffix(suffix.as_str()).is_some_and(|stem| stem.len() > 1 && stem.ends_with('.'))
        };
        matches!(self.who, Who::Insisted(_)) || self.suffixes.iter().any(has)
    }
}

/// Why a reader gave nothing.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It failed, as this sentence says: another may be asked.
    Failed(String),
    /// It is not asked in this run any more, as this sentence says.
    Off(String),
    /// There is no room for what it draws: no other would fare better.
    DiskFull(io::Error),
}

/// All readers of a facility.
pub struct Readers {
    special: Vec<Reader>,
    basic: String,
    scratch: PathBuf,
    calls: AtomicU64,
    /// By reader: how many files it failed on, and the first of them with the cause.
    failures: Mutex<BTreeMap<String, (u64, Vec<String>)>>,
}

impl Readers {
    /// The basic reader alone. Other readers may draw pictures into folders below `scratch`, which are
    /// made when needed and removed after each file.
    pub fn new(scratch: impl Into<PathBuf>) -> Self {
        Self {
            special: Vec::new(),
            basic: BASIC.to_owned(),
            scratch: scratch.into(),
            calls: AtomicU64::new(0),
            failures: Mutex::default(),
        }
    }

    /// Adds an extractor of the configuration, with its own suffixes and priority.
    #[must_use]
    pub fn with_extractor(self, extractor: Arc<ExtractorInstance>) -> Self {
        self.and(Reader {
            name: extractor.name.to_string(),
            suffixes: extractor.suffixes.clone(),
            priority: extractor.priority,
            who: Who::Configured(extractor),
        })
    }

    /// This extractor alone, for every file: it is not asked whether it wants one.
    pub fn only(scratch: impl Into<PathBuf>, extractor: Arc<ExtractorInstance>) -> Self {
        let (name, suffixes, priority) = (extractor.name.to_string(), Vec::new(), extractor.priority);
        Self::new(scratch).and(Reader { name, suffixes, priority, who: Who::Insisted(extractor) })
    }

    /// Adds a reader that belongs to this program, for files with these suffixes (without the dot, compared
    /// without regard to case). It is called without a deadline. Higher priority is asked first; of equals, the
    /// one added first.
    #[must_use]
    pub fn with(self, name: &str, suffixes: &[&str], priority: i32, extractor: Arc<dyn Extractor>) -> Self {
        let suffixes = suffixes.iter().map(|suffix| suffix.trim_start_matches('.').to_lowercase()).collect();
        self.and(Reader { name: name.to_owned(), suffixes, priority, who: Who::Ours(extractor) })
    }

    fn and(mut self, reader: Reader) -> Self {
        let at = self.special.partition_point(|other| other.priority >= reader.priority);
        self.special.insert(at, reader);
        self
    }

    /// What somebody should know of the readers after a build: one sentence for each that failed.
    pub fn failures(&self) -> Vec<String> {
        let told = |(name, (count, named)): (&String, &(u64, Vec<String>))| {
            let files = if *count == 1 { "file" } else { "files" };
            let more = if *count > named.len() as u64 { ", …" } else { "" };
            format!("{name} failed on {count} {files}: {}{more}", named.join(", "))
        };
        self.lock().iter().map(told).collect()
    }

    /// What somebody should look at after a build: one sentence for each extractor that is off.
    pub fn off(&self) -> Vec<String> {
        let off = |reader: &Reader| match &reader.who {
            Who::Configured(extractor) if extractor.is_off() => Some(format!(
                "{} was off for the rest of the run, because it hung on several files: the records of \
                 its files hold their names and times only; once it is mended, `nexus sessions rebuild` makes them anew",
                reader.called()
            )),
            _ => None,
        };
        self.special.iter().filter_map(off).collect()
    }

    /// Remembers that a reader failed on a file.
    fn note(&self, reader: &Reader, file: &Path, why: &str) {
        let mut failures = self.lock();
        let (count, named) = failures.entry(reader.called()).or_default();
        *count += 1;
        if named.len() < FAILURES_NAMED {
            named.push(format!("`{}` ({why})", file.display()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, (u64, Vec<String>)>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is no reader but the basic one.
    pub fn is_basic_alone(&self) -> bool {
        self.special.is_empty()
    }

    /// Gives the basic reader another name in records.
    #[must_use]
    pub fn with_basic_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.basic);
        self
    }

    /// The basic reader, as the record says it; `program` is this program's version.
    pub(super) fn basic(&self, program: &str) -> ReadBy {
        ReadBy { module: self.basic.clone(), version: program.to_owned(), extractor: None }
    }

    /// The readers of a file's suffix, in the order in which they are asked.
    pub(super) fn wanting(&self, path: &Path) -> impl Iterator<Item = &Reader> {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        self.special.iter().filter(move |reader| reader.reads(&name))
    }

    /// What a reader makes of a file; `None` if it does not want it.
    pub(super) fn ask(
        &self,
        reader: &Reader,
        file: &FoundFile,
    ) -> Result<Option<(Vec<Signal>, Scratch)>, Refusal> {
        let folder =
            Scratch(self.scratch.join(format!("read-{}", self.calls.fetch_add(1, Ordering::Relaxed))));
        fs::create_dir_all(&folder.0).map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Refusal::DiskFull(error),
            _ => Refusal::Failed(format!("no scratch folder for {}: {error}", reader.called())),
        })?;
        match reader.ask(&file.path, &folder.0) {
            Ok(Some(signals)) if signals.is_empty() => Err(self.failed(reader, file, "it found no signal")),
            Ok(signals) => Ok(signals.map(|signals| (signals, folder))),
            Err(CallError::Off { .. }) => {
                let why = format!("{} is off for this run: it hung on several files", reader.called());
                Err(Refusal::Off(why))
            }
            Err(error) => {
                // The folder has another name every time; equal records must not differ by it.
                let why = error.told().replace(&*folder.0.to_string_lossy(), "the scratch folder");
                Err(self.failed(reader, file, &why))
            }
        }
    }

    fn failed(&self, reader: &Reader, file: &FoundFile, why: &str) -> Refusal {
        let why = shortened(why, LONGEST_CAUSE);
        self.note(reader, &file.path, &why);
        Refusal::Failed(format!("{} failed: {why}", reader.called()))
    }
}

impl Reader {
    fn ask(&self, path: &Path, scratch: &Path) -> Result<Option<Vec<Signal>>, CallError> {
        let extractor = match &self.who {
            Who::Ours(extractor) => extractor,
            Who::Configured(extractor) => return extractor.read(path, scratch),
            Who::Insisted(extractor) => return extractor.extract(path, scratch).map(Some),
        };
        let (call, path) = (Call::unlimited(scratch), PathRef::new(path));
        // Whatever state a panic leaves the reader in is the reader's affair.
        let answer: Result<Result<_, PluginError>, _> = catch_unwind(AssertUnwindSafe(|| {
            Ok(if extractor.accepts(&call, &path)? { Some(extractor.extract(&call, &path)?) } else { None })
        }));
        answer
            .unwrap_or_else(|panic| {
                let message = message_of(panic.as_ref());
                // Dropping what was thrown runs the reader's code again.
                std::mem::forget(panic);
                Err(PluginError::permanent(format!("it panicked: {message}")))
            })
            .map_err(CallError::from)
    }
}

/// At most so many characters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// A folder for one call, removed with what is in it.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is swept with the whole scratch folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

//! Who reads which file.

use std::any::Any;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nexus_plugin_api::{Call, Extractor, PathRef, Signal};

use super::BASIC;
use crate::walk::FoundFile;

/// A reader of its own kind of files.
pub struct Reader {
    name: String,
    suffixes: Vec<String>,
    priority: i32,
    extractor: Arc<dyn Extractor>,
}

impl Reader {
    /// What records call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn reads(&self, suffix: &str) -> bool {
        self.suffixes.iter().any(|known| known == suffix)
    }
}

/// Why a reader gave nothing.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It failed, as this sentence says: another may be asked.
    Failed(String),
    /// There is no room for what it draws: no other would fare better.
    DiskFull(io::Error),
}

/// All readers of a facility.
pub struct Readers {
    special: Vec<Reader>,
    basic: String,
    scratch: PathBuf,
    calls: AtomicU64,
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
        }
    }

    /// Adds a reader of files with these suffixes (without the dot, compared without regard to case).
    /// Higher priority is asked first; of equals, the one added first.
    #[must_use]
    pub fn with(
        mut self,
        name: &str,
        suffixes: &[&str],
        priority: i32,
        extractor: Arc<dyn Extractor>,
    ) -> Self {
        let suffixes = suffixes.iter().map(|suffix| suffix.trim_start_matches('.').to_lowercase()).collect();
        let at = self.special.partition_point(|other| other.priority >= priority);
        self.special.insert(at, Reader { name: name.to_owned(), suffixes, priority, extractor });
        self
    }

    /// Gives the basic reader another name in records.
    #[must_use]
    pub fn with_basic_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.basic);
        self
    }

    /// What records call the basic reader.
    pub(super) fn basic(&self) -> &str {
        &self.basic
    }

    /// The readers of a file's suffix, in the order in which they are asked.
    pub(super) fn wanting(&self, path: &Path) -> impl Iterator<Item = &Reader> {
        let suffix = path.extension().and_then(OsStr::to_str).map(str::to_lowercase);
        self.special.iter().filter(move |reader| suffix.as_ref().is_some_and(|suffix| reader.reads(suffix)))
    }

    /// What a reader makes of a file; `None` if it does not want it.
    pub(super) fn ask(
        &self,
        reader: &Reader,
        file: &FoundFile,
    ) -> Result<Option<(Vec<Signal>, Scratch)>, Refusal> {
        let name = &reader.name;
        let folder =
            Scratch(self.scratch.join(format!("read-{}", self.calls.fetch_add(1, Ordering::Relaxed))));
        fs::create_dir_all(&folder.0).map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Refusal::DiskFull(error),
            _ => Refusal::Failed(format!("no scratch folder for reader `{name}`: {error}")),
        })?;
        let call = Call::unlimited(&folder.0);
        let path = PathRef::new(file.path.clone());
        // Whatever state a panic leaves the reader in is the reader's affair.
        let answer = catch_unwind(AssertUnwindSafe(|| {
            Ok(if reader.extractor.accepts(&call, &path)? {
                Some(reader.extractor.extract(&call, &path)?)
            } else {
                None
            })
        }));
        match answer {
            Ok(Ok(Some(signals))) if signals.is_empty() => {
                Err(Refusal::Failed(format!("reader `{name}` found no signal")))
            }
            Ok(Ok(signals)) => Ok(signals.map(|signals| (signals, folder))),
            Ok(Err(error)) => {
                let error: nexus_plugin_api::PluginError = error;
                Err(Refusal::Failed(format!("reader `{name}` failed: {error}")))
            }
            Err(panic) => {
                let message = message_of(panic.as_ref());
                // Dropping what was thrown runs the reader's code again.
                std::mem::forget(panic);
                Err(Refusal::Failed(format!("reader `{name}` panicked: {message}")))
            }
        }
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// A folder for one call, removed with what is in it.
pub struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is swept with the whole scratch folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

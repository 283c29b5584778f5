use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use nexus_plugin_api::{
    Call, CheckReport, EventTime, Extractor, MetaMap, MetaValue, PathRef, PluginError, Reservation, Signal,
};
use tempfile::TempDir;
use uuid::Uuid;

use super::*;

mod anything;
mod faults;
mod golden;
mod head;
mod order;
mod signals;

/// A clock that goes on by a second whenever it is asked.
struct Stepping {
    first: DateTime<FixedOffset>,
    asked: AtomicI64,
}

impl Stepping {
    fn from(first: &str) -> Self {
        Self { first: DateTime::parse_from_rfc3339(first).unwrap(), asked: AtomicI64::new(0) }
    }
}

impl Clock for Stepping {
    fn now(&self) -> DateTime<Utc> {
        self.now_local().to_utc()
    }

    fn now_local(&self) -> DateTime<FixedOffset> {
        self.first + TimeDelta::seconds(self.asked.fetch_add(1, Ordering::Relaxed))
    }

    fn wait_until(&self, _instant: DateTime<Utc>, _stop: &dyn Fn() -> bool) {}
}

/// Instrument data and data folder of a facility, with files in them.
struct Disk {
    folder: TempDir,
    files: Vec<FoundFile>,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("files")).unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        Self { folder, files: Vec::new() }
    }

    /// With these files, ten seconds apart.
    fn with(names: &[&str]) -> Self {
        let mut disk = Self::new();
        for (position, name) in names.iter().enumerate() {
            let nanos = 1_709_655_000_000_000_000 + 10_000_000_000 * position as u64;
            disk.put(Path::new(name), b"content", nanos);
        }
        disk
    }

    fn put(&mut self, name: &Path, content: &[u8], modified_ns: u64) {
        let path = self.instrument_data().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let modified = SystemTime::UNIX_EPOCH + Duration::from_nanos(modified_ns);
        File::options().append(true).open(&path).unwrap().set_modified(modified).unwrap();
        self.files.push(FoundFile { path, modified, size: content.len() as u64 });
        self.files.sort_by(|a, b| a.modified.cmp(&b.modified).then_with(|| a.path.cmp(&b.path)));
    }

    fn instrument_data(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn readers(&self) -> Readers {
        Readers::new(self.data().join(".scratch"))
    }

    fn material<'a>(&self, readers: &'a Readers, clock: &'a Stepping) -> Material<'a> {
        Material {
            record_key: Uuid::nil(),
            instrument_pid: "SEM-1".into(),
            instrument_name: "Example SEM".into(),
            zone: chrono_tz::America::Denver,
            start: DateTime::parse_from_rfc3339("2024-03-05T09:00:00-07:00").unwrap(),
            reservation: Reservation::default(),
            files: self.files.clone(),
            instrument_data: self.instrument_data(),
            data: self.data(),
            readers,
            clock,
            version: "9.9",
            sample_ids: SampleIds::Derived,
            sensitivity: 1.0,
            previews: false,
        }
    }

    /// Builds with readers as they should be set up.
    fn build(&self, readers: &Readers) -> Result<BuiltRecord, BuildError> {
        build(&self.material(readers, &clock()))
    }

    /// Every file of the data folder, with its path below it.
    fn beside(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.data()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.strip_prefix(self.data()).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        found.sort();
        found
    }
}

fn clock() -> Stepping {
    Stepping::from("2026-01-02T03:04:05+00:00")
}

fn text(built: &BuiltRecord) -> &str {
    std::str::from_utf8(&built.xml).unwrap()
}

/// What a scripted reader does with a file.
type Script = dyn Fn(&Call, &Path) -> Result<Vec<Signal>, PluginError> + Send + Sync;

/// A reader that does as it is told.
struct Scripted(Box<Script>);

impl Extractor for Scripted {
    fn accepts(&self, _call: &Call, _path: &PathRef) -> Result<bool, PluginError> {
        Ok(true)
    }

    fn extract(&self, call: &Call, path: &PathRef) -> Result<Vec<Signal>, PluginError> {
        (self.0)(call, path.as_path())
    }

    fn check(&self, _call: &Call) -> Result<CheckReport, PluginError> {
        Ok(CheckReport::default())
    }
}

fn scripted(
    script: impl Fn(&Call, &Path) -> Result<Vec<Signal>, PluginError> + Send + Sync + 'static,
) -> Arc<dyn Extractor> {
    Arc::new(Scripted(Box::new(script)))
}

fn signal(dataset_type: &str, entries: &[(&str, MetaValue)]) -> Signal {
    let mut metadata = MetaMap::default();
    for (key, value) in entries {
        metadata.insert(*key, value.clone());
    }
    Signal { dataset_type: dataset_type.into(), metadata, warnings: vec![], preview: None }
}

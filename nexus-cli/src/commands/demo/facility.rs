//! Making the facility on disk. What is there already stays as it is, so a demo can be run again,
//! changed by hand, or finished after it was interrupted.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use nexus_core::db::{Access, Database};
use nexus_core::durable;
use nexus_core::instrument::Instrument;
use nexus_core::lock::DatabaseLock;

use super::{files, instruments, logbook};

/// Tells a demo's folder from any other; written first.
const MARK: &str = "README.txt";

const README: &str = "\
This folder was made by `nexus demo`: a small facility that does not exist.

  logbook.csv     who used which instrument when; edit it and run again
  instruments/    the files that the instruments saved
  nexus.toml      the settings
  nexus.db        the sessions and what became of them
  data/           what nexus makes: records, logs
  delivered/      the records, delivered

Run `nexus demo` with this folder again, or `nexus --config nexus.toml run` inside it. Nobody needs it: remove it when you like.
";

const SETTINGS: &str = "\
# The settings of the invented facility. Relative paths start at the folder of this file.

[database]
path = \"nexus.db\"

[storage]
instrument_data = \"instruments\"   # read only
data            = \"data\"          # records, previews, logs

[harvesters.log]
plugin      = \"logbook\"
path        = \"logbook.csv\"
name        = \"demo\"              # part of every session identifier
instruments = [\"Demo-Titan-TEM\", \"Demo-Quanta-SEM\", \"Demo-Helios-FIB\"]

[destinations.folder]
plugin = \"folder\"
path   = \"delivered\"
";

/// A facility on disk.
#[derive(Debug)]
pub struct Facility {
    /// Its folder, absolute.
    pub dir: PathBuf,
    /// Its settings.
    pub config: PathBuf,
    /// Its usage log.
    pub logbook: PathBuf,
    /// Where the instruments save.
    pub instrument_data: PathBuf,
    /// What nexus makes.
    pub data: PathBuf,
    /// Where the records go.
    pub delivered: PathBuf,
    /// Whether anything was made now.
    pub made: bool,
}

/// Makes the facility in this folder, or what is missing of it.
///
/// # Errors
/// The folder holds other things, or cannot be written.
pub fn create(dir: &Path) -> anyhow::Result<Facility> {
    let fresh = refuse_others(dir)?;
    durable::create_dir_all_durable(dir)?;
    let dir = dir.canonicalize().with_context(|| format!("failed to find `{}`", dir.display()))?;
    let facility = Facility {
        config: dir.join("nexus.toml"),
        logbook: dir.join("logbook.csv"),
        instrument_data: dir.join("instruments"),
        data: dir.join("data"),
        delivered: dir.join("delivered"),
        made: fresh,
        dir,
    };
    write_once(&facility.dir.join(MARK), README.as_bytes())?;
    write_once(&facility.config, SETTINGS.as_bytes())?;
    for file in files::files()? {
        let path = facility.instrument_data.join(&file.path);
        let saved = SystemTime::UNIX_EPOCH
            + Duration::from_secs(u64::try_from(file.saved.timestamp()).unwrap_or_default());
        save(&path, saved, || file.bytes())?;
    }
    for folder in [&facility.data, &facility.delivered] {
        durable::create_dir_all_durable(folder)?;
    }
    database(&facility.dir.join("nexus.db"))?;
    // The log last: nothing is harvested before everything it speaks of is there.
    write_once(&facility.logbook, &logbook::csv()?)?;
    Ok(facility)
}

/// Whether the folder is new or empty; an error if it is neither that nor a demo.
fn refuse_others(dir: &Path) -> anyhow::Result<bool> {
    if dir.exists() && !dir.is_dir() {
        bail!("`{}` is not a folder", dir.display());
    }
    if !dir.exists() {
        return Ok(true);
    }
    let read = || format!("failed to read folder `{}`", dir.display());
    let mut others = false;
    for entry in fs::read_dir(dir).with_context(read)? {
        // Left by an interrupted write of the mark itself.
        others |= !durable::is_temporary(&entry.with_context(read)?.path());
    }
    if !others {
        return Ok(true);
    }
    let ours = fs::read_to_string(dir.join(MARK)).is_ok_and(|text| text == README);
    if !ours {
        bail!(
            "folder `{}` holds other things: name an empty or a new folder, such as `nexus demo my-demo`",
            dir.display()
        );
    }
    Ok(false)
}

fn write_once(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if !path.exists() {
        durable::write_atomic(path, bytes)?;
    }
    Ok(())
}

/// Saves a file unless it is there, with its time. An interrupted demo may have left a file without it.
fn save(
    path: &Path,
    saved: SystemTime,
    bytes: impl FnOnce() -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        durable::create_dir_all_durable(folder)?;
    }
    if !path.exists() {
        durable::write_atomic(path, &bytes()?)?;
    }
    let time = || format!("failed to set the time of `{}`", path.display());
    if fs::metadata(path).and_then(|metadata| metadata.modified()).with_context(time)? != saved {
        File::options()
            .write(true)
            .open(path)
            .and_then(|file| file.set_modified(saved))
            .with_context(time)?;
    }
    Ok(())
}

/// The database with the instruments in it.
fn database(path: &Path) -> anyhow::Result<()> {
    let _lock = DatabaseLock::try_acquire(path)?;
    let mut database =
        if path.exists() { Database::open(path, Access::Write)? } else { Database::create(path)? };
    let there = nexus_core::instrument::Instruments::load(database.read())?;
    let missing: Vec<Instrument> =
        instruments::instruments().into_iter().filter(|i| there.get(&i.pid).is_none()).collect();
    if !missing.is_empty() {
        let transaction = database.transaction()?;
        for instrument in &missing {
            instrument.insert(&transaction)?;
        }
        transaction.commit().with_context(|| format!("failed to add instruments to `{}`", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;

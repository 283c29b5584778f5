//! my-plugin: a destination for nexus.
//!
//! As it stands it copies every record into a folder, with a note beside it that tells whose it is. Replace
//! that by your own: `find`, `deliver`, `target` and `check` are all that a destination is asked.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use nexus_plugin_api::{
    Call, CheckReport, CheckResult, Delivery, Destination, Found, Instance, Manifest, Plugin,
    PluginError, PluginKind, Remote, Step, Target, export_plugin,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The plugin: what it is, and how an instance is made of it.
pub struct MyPlugin;

export_plugin!(MyPlugin);

impl Plugin for MyPlugin {
    fn manifest(&self) -> Manifest {
        Manifest::new("my-plugin", env!("CARGO_PKG_VERSION"), PluginKind::Destination)
            .with_summary("Copies each record into a folder.")
            // find: it can tell what is there already. update: a record that has changed replaces the old one.
            .with_capabilities(&["find", "update"])
            // JSON Schema. What nexus.toml says in this plugin's table is compared with it before anything runs.
            // A key with "secret": true is fetched from where nexus.toml says, and kept out of every log.
            .with_settings(json!({
                "type": "object",
                "required": ["folder"],
                "properties": {
                    "folder": {"type": "string", "format": "path", "description": "Where records go. It must exist."}
                }
            }))
    }

    fn create(&self, settings: &Value) -> Result<Instance, PluginError> {
        let folder = settings["folder"]
            .as_str()
            .ok_or_else(|| PluginError::permanent("`folder` is missing"))?;
        Ok(Instance::Destination(Box::new(Share {
            folder: folder.into(),
        })))
    }
}

/// One table of nexus.toml. Its methods may be called from several threads at once.
struct Share {
    folder: PathBuf,
}

/// What lies beside a record, written before it.
#[derive(Serialize, Deserialize)]
struct Note {
    key: String,
    content_sha256: String,
    size: u64,
}

impl Destination for Share {
    /// Where records go. The id stays equal as long as it is the same place: what was delivered to another
    /// place counts for nothing here.
    fn target(&self, _call: &Call) -> Result<Target, PluginError> {
        let id = self.folder()?.display().to_string();
        // A write is done or not by the time the call returns: nothing can take effect later.
        Ok(Target {
            id,
            can_find: true,
            settle_seconds: 0,
        })
    }

    /// What is there for this session already: asked before every delivery, and after an answer was lost.
    /// A hash is an assurance that the object is complete: nexus takes an equal one as delivered.
    fn find(&self, _call: &Call, delivery: &Delivery) -> Result<Found, PluginError> {
        let (record, note) = self.places(delivery)?;
        // The record is written last: without it there is nothing.
        let Some(size) = there(fs::metadata(&record), &record)?.map(|metadata| metadata.len())
        else {
            return Ok(Found::None);
        };
        let said: Option<Note> =
            there(fs::read(&note), &note)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let whole = said
            .filter(|said| said.size == size)
            .map(|said| said.content_sha256);
        Ok(Found::One(remote(&record, whole)))
    }

    /// Puts the record there, or puts it in the place of an older one. A long delivery returns
    /// `Step::More(checkpoint)` after each part: nexus stores the checkpoint and asks again with
    /// `delivery.checkpoint`, even after a power cut.
    fn deliver(&self, call: &Call, delivery: &Delivery) -> Result<Step, PluginError> {
        let (place, note) = self.places(delivery)?;
        let record = &delivery.record;
        let content = fs::read(&record.path).map_err(|error| {
            let path = record.path.as_path().display();
            PluginError::permanent(format!("the record `{path}` cannot be read: {error}"))
        })?;
        if call.should_stop() {
            return Err(PluginError::transient(
                "given up before anything was written",
            ));
        }
        let said = Note {
            key: record.key.clone(),
            content_sha256: record.content_sha256.clone(),
            size: content.len() as u64,
        };
        // The same write again does no harm, so there is no doubt about what was done: the effect is none.
        write(&note, json!(said).to_string().as_bytes())
            .map_err(|error| failed("written", &note, &error))?;
        write(&place, &content).map_err(|error| failed("written", &place, &error))?;
        Ok(Step::Done(remote(&place, Some(said.content_sha256))))
    }

    /// Whether a delivery would work now, one line for each thing that can be wrong.
    fn check(&self, _call: &Call) -> Result<CheckReport, PluginError> {
        let mut report = CheckReport::default();
        let folder = self.folder()?;
        let probe = folder.join(format!(".probe-{}", std::process::id()));
        match fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe)) {
            Ok(()) => report.push(
                "folder writable",
                CheckResult::Ok,
                folder.display().to_string(),
            ),
            Err(error) => report.push("folder writable", CheckResult::Failed, error.to_string()),
        }
        Ok(report)
    }
}

impl Share {
    /// Never made here: a missing folder is a share that is not mounted.
    fn folder(&self) -> Result<&Path, PluginError> {
        if self.folder.is_dir() {
            return Ok(&self.folder);
        }
        Err(
            PluginError::transient(format!("there is no folder `{}`", self.folder.display()))
                .with_hint("is the share mounted?"),
        )
    }

    /// The record's file and its note. The session's key makes them this session's and nobody else's.
    fn places(&self, delivery: &Delivery) -> Result<(PathBuf, PathBuf), PluginError> {
        let safe = |text: &str| -> String {
            let plain = |c: char| {
                if c.is_ascii_alphanumeric() || c == '-' {
                    c
                } else {
                    '_'
                }
            };
            text.chars().take(100).map(plain).collect()
        };
        let stem = format!(
            "{}.{}",
            safe(&delivery.record.name),
            safe(&delivery.record.key)
        );
        let folder = self.folder()?;
        Ok((
            folder.join(format!("{stem}.xml")),
            folder.join(format!("{stem}.json")),
        ))
    }
}

fn remote(record: &Path, content_sha256: Option<String>) -> Remote {
    let id = record
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Remote {
        id,
        url: None,
        content_sha256,
    }
}

/// `None` for what is not there.
fn there<T>(result: io::Result<T>, path: &Path) -> Result<Option<T>, PluginError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path, &error)),
    }
}

fn failed(what: &str, path: &Path, error: &io::Error) -> PluginError {
    PluginError::transient(format!("`{}` cannot be {what}: {error}", path.display()))
}

/// Whoever looks sees the old file or the new one, never half of one; not even after a power cut.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let part = path.with_added_extension("part");
    let mut file = fs::File::create(&part)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&part, path)
}

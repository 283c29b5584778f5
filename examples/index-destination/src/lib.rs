//! A destination that keeps an index: a text file with one line per record.
//!
//! Key, name, content hash and path of the record, with a tab between them. The key is what makes
//! deliveries safe to repeat: `find` looks for it, and a record that is delivered again replaces its line.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use nexus_plugin_api::manifest::capability;
use nexus_plugin_api::{
    Call, CheckReport, CheckResult, Delivery, Destination, Found, Instance, Manifest, Plugin, PluginError,
    PluginKind, Remote, Step, Target,
};

/// The plugin.
pub struct Index;

nexus_plugin_api::export_plugin!(Index);

impl Plugin for Index {
    fn manifest(&self) -> Manifest {
        Manifest::new("index", env!("CARGO_PKG_VERSION"), PluginKind::Destination)
            .with_summary("Keeps a text file with one line per record.")
            .with_capabilities(&[capability::FIND, capability::UPDATE])
            .with_settings(serde_json::json!({
                "type": "object",
                "properties": {"file": {"type": "string", "description": "Path of the index."}},
                "required": ["file"]
            }))
    }

    fn create(&self, settings: &serde_json::Value) -> Result<Instance, PluginError> {
        let file = settings.get("file").and_then(serde_json::Value::as_str).ok_or_else(|| {
            PluginError::permanent("`file` is missing").with_hint("give the path of the index")
        })?;
        Ok(Instance::Destination(Box::new(File { path: file.into(), writing: Mutex::new(()) })))
    }
}

struct File {
    path: PathBuf,
    /// Several sessions may be delivered at once; the file is rewritten by one of them at a time.
    writing: Mutex<()>,
}

impl File {
    fn lines(&self) -> Result<Vec<String>, PluginError> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(failed("read", &self.path, &error)),
        }
    }

    fn remote(line: &str) -> Remote {
        let mut columns = line.split('\t');
        Remote {
            id: columns.next().unwrap_or_default().to_owned(),
            url: None,
            content_sha256: columns.nth(1).map(str::to_owned),
        }
    }
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> PluginError {
    PluginError::transient(format!("index `{}` cannot be {what}: {error}", path.display()))
}

fn is_about(line: &str, key: &str) -> bool {
    line.split('\t').next() == Some(key)
}

impl Destination for File {
    fn target(&self, _call: &Call) -> Result<Target, PluginError> {
        // A file is written or not by the time the call returns: nothing can take effect later.
        Ok(Target { id: self.path.display().to_string(), can_find: true, settle_seconds: 0 })
    }

    fn find(&self, _call: &Call, delivery: &Delivery) -> Result<Found, PluginError> {
        let lines = self.lines()?;
        let mut found: Vec<Remote> = lines
            .iter()
            .filter(|line| is_about(line, &delivery.record.key))
            .map(|line| Self::remote(line))
            .collect();
        Ok(match (found.pop(), found.is_empty()) {
            (None, _) => Found::None,
            (Some(one), true) => Found::One(one),
            (Some(last), false) => Found::Many(found.into_iter().chain([last]).collect()),
        })
    }

    fn deliver(&self, _call: &Call, delivery: &Delivery) -> Result<Step, PluginError> {
        let record = &delivery.record;
        if !record.path.as_path().is_file() {
            let path = record.path.as_path().display();
            return Err(PluginError::permanent(format!("record `{path}` is not there")));
        }
        let line = format!(
            "{}\t{}\t{}\t{}",
            record.key,
            record.name,
            record.content_sha256,
            record.path.as_path().display().to_string().replace(['\t', '\n'], "?")
        );
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines = self.lines()?;
        lines.retain(|old| !is_about(old, &record.key));
        lines.push(line.clone());
        // The old index or the new one, never half of it.
        let next = self.path.with_extension("next");
        fs::write(&next, lines.join("\n") + "\n")
            .and_then(|()| fs::File::open(&next)?.sync_all())
            .and_then(|()| fs::rename(&next, &self.path))
            .map_err(|error| failed("written", &self.path, &error))?;
        Ok(Step::Done(Self::remote(&line)))
    }

    fn check(&self, _call: &Call) -> Result<CheckReport, PluginError> {
        let mut report = CheckReport::default();
        match self.lines() {
            Ok(lines) => report.push("index readable", CheckResult::Ok, format!("{} records", lines.len())),
            Err(error) => report.push("index readable", CheckResult::Failed, error.message),
        }
        Ok(report)
    }
}

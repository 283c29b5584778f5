//! What a program left behind.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::backlog::{Fate, Session};
use crate::stand_in::StandIn;

/// Statuses and delivered records.
#[derive(Debug, Default)]
pub struct Outcome {
    /// By session identifier.
    pub statuses: BTreeMap<String, String>,
    /// XML by the record's name.
    pub records: BTreeMap<String, String>,
}

impl Outcome {
    /// Only what belongs to these sessions.
    pub fn only(mut self, sessions: &[Session], stand_in: &StandIn) -> Self {
        let names: Vec<_> = sessions.iter().map(record_name).collect();
        let identifiers: Vec<_> =
            sessions.iter().map(|session| stand_in.nemo.session(session.number)).collect();
        self.statuses.retain(|identifier, _| identifiers.contains(identifier));
        self.records.retain(|name, _| names.contains(name));
        self
    }
}

/// The name of a session's record, the same in both programs: date and number come from the scheduler.
pub fn record_name(session: &Session) -> String {
    let date = session.start.with_timezone(&crate::backlog::SCHEDULER_ZONE).date_naive();
    format!("{date}_{}_{}", session.instrument.pid, session.number)
}

/// All `.xml` files below a folder, by their names without the suffix.
pub fn records_below(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut records = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).with_context(|| format!("failed to read {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|suffix| suffix == "xml") {
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("failed to read {}", path.display()))?;
                records.insert(name, text);
            }
        }
    }
    Ok(records)
}

/// Every session ended as it was planned; else a measurement of it means nothing.
pub fn check(
    program: &str,
    statuses: &BTreeMap<String, String>,
    sessions: &[Session],
    stand_in: &StandIn,
) -> Result<()> {
    for session in sessions {
        let identifier = stand_in.nemo.session(session.number);
        let status = statuses.get(&identifier).map_or("not there", String::as_str);
        let planned = session.fate.status();
        ensure!(status == planned, "{program}: {identifier} is {status}, not {planned}");
    }
    let (count, planned) = (statuses.len(), sessions.len());
    ensure!(count == planned, "{program}: {count} sessions in the database, not {planned}");
    debug_assert!(sessions.iter().any(|session| session.fate == Fate::Completed), "nothing to build");
    Ok(())
}

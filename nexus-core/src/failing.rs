//! Harvesters that failed in the last run that asked them: a run that brought nothing leaves no other trace.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction};
use serde::{Deserialize, Serialize};

use crate::ids::HarvesterName;
use crate::meta;
use crate::own_table::{OwnTableError, cut};
use crate::report::HarvestCounts;
use crate::timestamp::UtcTime;

const KEY: &str = "harvesters_failing";

/// Longest error text kept, in bytes.
const LONGEST_ERROR: usize = 4096;

/// A harvester that fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    /// The first run of the row of them in which it failed ended then (UTC).
    pub since: String,
    /// So many runs one after the other.
    pub runs: u64,
    /// What went wrong last.
    pub error: String,
}

/// Those that failed when they were asked last.
///
/// # Errors
/// The database cannot be read.
pub fn load(connection: &Connection) -> Result<BTreeMap<HarvesterName, Failing>, OwnTableError> {
    let text = meta::get(connection, KEY)?;
    // It is only told to people: what cannot be read is not worth an error.
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

/// Notes which of those that were asked in a run failed; the others are well, or gone. One that was stopped before it came
/// to its end is as it was. Writes nothing if all are as well as before.
pub(crate) fn note(
    tx: &Transaction<'_>,
    harvest: &BTreeMap<HarvesterName, HarvestCounts>,
    now: UtcTime,
) -> Result<(), OwnTableError> {
    let mut known = load(tx)?;
    if known.is_empty() && harvest.values().all(|counts| counts.failed.is_none()) {
        return Ok(());
    }
    let stopped = harvest.iter().filter(|(_, counts)| counts.stopped && counts.failed.is_none());
    let stopped: Vec<_> = stopped.filter_map(|(name, _)| Some((name.clone(), known.remove(name)?))).collect();
    let failed = harvest.iter().filter_map(|(name, counts)| Some((name, counts.failed.as_ref()?)));
    let failing: BTreeMap<HarvesterName, Failing> = failed
        .map(|(name, error)| {
            let before = known.remove(name);
            let failing = Failing {
                runs: before.as_ref().map_or(0, |before| before.runs).saturating_add(1),
                since: before.map_or_else(|| now.to_string(), |before| before.since),
                error: cut(error, LONGEST_ERROR).to_owned(),
            };
            (name.clone(), failing)
        })
        .chain(stopped)
        .collect();
    save(tx, &failing)
}

/// A harvester has another name: what is known of it goes along, unless the new name has failed itself.
pub(crate) fn rename(
    tx: &Transaction<'_>,
    from: &HarvesterName,
    to: &HarvesterName,
) -> Result<(), OwnTableError> {
    let mut known = load(tx)?;
    let Some(failing) = known.remove(from) else { return Ok(()) };
    known.entry(to.clone()).or_insert(failing);
    save(tx, &known)
}

fn save(tx: &Transaction<'_>, failing: &BTreeMap<HarvesterName, Failing>) -> Result<(), OwnTableError> {
    match serde_json::to_string(failing) {
        Ok(text) if !failing.is_empty() => meta::set(tx, KEY, &text),
        _ => meta::remove(tx, KEY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Database;

    fn harvest(of: &[(&str, Option<&str>)]) -> BTreeMap<HarvesterName, HarvestCounts> {
        let counts = |failed: Option<&str>| HarvestCounts {
            failed: failed.map(str::to_owned),
            ..HarvestCounts::default()
        };
        of.iter().map(|(name, failed)| ((*name).into(), counts(*failed))).collect()
    }

    #[test]
    fn failures_are_counted_until_the_harvester_is_well() {
        let mut database = Database::in_memory().unwrap();
        let tx = database.transaction().unwrap();
        let hour = |hour: i64| {
            let first: UtcTime = "2024-03-05T00:00:00Z".parse().unwrap();
            first.plus(chrono::TimeDelta::hours(hour))
        };
        note(&tx, &harvest(&[("north", None), ("south", None)]), hour(0)).unwrap();
        assert_eq!(meta::get(&tx, KEY).unwrap(), None);
        note(&tx, &harvest(&[("north", Some("refused")), ("south", None)]), hour(1)).unwrap();
        note(&tx, &harvest(&[("north", Some("no route")), ("south", Some("500"))]), hour(2)).unwrap();
        let failing = load(&tx).unwrap();
        let north = Failing { since: hour(1).to_string(), runs: 2, error: "no route".to_owned() };
        assert_eq!((failing.len(), failing.get(&"north".into())), (2, Some(&north)));
        note(&tx, &harvest(&[("north", None), ("south", Some("500"))]), hour(3)).unwrap();
        let failing = load(&tx).unwrap();
        assert_eq!(failing.keys().map(HarvesterName::as_str).collect::<Vec<_>>(), ["south"]);
        let stopped = HarvestCounts { stopped: true, ..HarvestCounts::default() };
        note(&tx, &[("south".into(), stopped)].into(), hour(3)).unwrap();
        assert_eq!(load(&tx).unwrap(), failing, "nobody knows whether it would have failed");
        // The table of that one was taken out of the configuration.
        note(&tx, &harvest(&[("north", None)]), hour(4)).unwrap();
        assert_eq!(meta::get(&tx, KEY).unwrap(), None);
        meta::set(&tx, KEY, "no JSON").unwrap();
        assert_eq!(load(&tx).unwrap(), BTreeMap::new());
    }

    #[test]
    fn a_new_name_fails_as_the_old_one_did_unless_it_failed_itself() {
        let mut database = Database::in_memory().unwrap();
        let tx = database.transaction().unwrap();
        let now: UtcTime = "2024-03-05T00:00:00Z".parse().unwrap();
        note(&tx, &harvest(&[("north", Some("refused")), ("south", Some("500"))]), now).unwrap();
        let errors = || {
            let failing = load(&tx).unwrap().into_iter();
            failing.map(|(name, failing)| format!("{name}: {}", failing.error)).collect::<Vec<_>>()
        };
        rename(&tx, &"north".into(), &"east".into()).unwrap();
        rename(&tx, &"nobody".into(), &"west".into()).unwrap();
        assert_eq!(errors(), ["east: refused", "south: 500"]);
        rename(&tx, &"east".into(), &"south".into()).unwrap();
        assert_eq!(errors(), ["south: 500"]);
    }
}

//! What a power cut could have taken: side files of records built since the disk was last told to write.
//!
//! A sync for every small file would take longer than everything else, and one of the whole file system waits for
//! whatever other programs have written to it. So the files of a run are synced once, at its end. Until then a mark
//! says since when there are files in doubt, and in which boot of the machine they were written. A program that is
//! killed loses nothing of what it wrote. If the machine itself went down, the next run builds those records
//! once more: equal content is delivered nowhere, and the files are whole again.

use rusqlite::{Connection, Transaction, params};

use crate::meta;
use crate::own_table::OwnTableError;
use crate::timestamp::UtcTime;

/// The fact of `nexus_meta` that holds the mark: boot and moment.
const KEY: &str = "unsynced";

/// One boot of the machine, as the kernel names it; empty where it has no name.
pub fn this_boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

/// Notes that files are in doubt from now on, unless they are already.
pub fn mark(tx: &Transaction<'_>, boot: &str, now: UtcTime) -> Result<(), OwnTableError> {
    tx.prepare_cached(
        "INSERT INTO nexus_meta (key, value) VALUES (?1, ?2 || ' ' || ?3) ON CONFLICT (key) DO NOTHING",
    )
    .and_then(|mut statement| statement.execute(params![KEY, boot, now]))
    .map(|_| ())
    .map_err(OwnTableError::to("note that files are not synced"))
}

/// Whether files are in doubt.
pub fn is_marked(connection: &Connection) -> Result<bool, OwnTableError> {
    Ok(meta::get(connection, KEY)?.is_some())
}

/// Everything is on the disk.
pub fn clear(tx: &Transaction<'_>) -> Result<(), OwnTableError> {
    meta::remove(tx, KEY)
}

/// Asks for another build of every record whose side files may be lost, because the machine went down before
/// they were synced. Answers how many.
pub fn rebuild_lost(tx: &Transaction<'_>, boot: &str) -> Result<usize, OwnTableError> {
    let Some(text) = meta::get(tx, KEY)? else { return Ok(0) };
    let (then, since) = text.split_once(' ').unwrap_or(("", &text));
    if then == boot {
        return Ok(0);
    }
    let lost = tx
        .execute(
            "UPDATE nexus_session SET rebuild_requested = rebuild_requested | 1 WHERE built_at >= ?1",
            [since],
        )
        .map_err(OwnTableError::to("ask for records whose files may be lost"))?;
    clear(tx)?;
    Ok(lost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Database;
    use crate::session_state::{self, BuildFacts, NewSessionState, SessionState};

    fn at(text: &str) -> UtcTime {
        UtcTime::new(text.parse().unwrap())
    }

    fn built(tx: &Transaction<'_>, id: &str, moment: &str) {
        let new = NewSessionState {
            session: id.into(),
            harvester: None,
            external_id: None,
            instrument: "SEM".into(),
            open_since: None,
            seen_digest: None,
        };
        new.insert(tx).unwrap();
        let facts = BuildFacts {
            content_sha256: String::new(),
            file_sha256: String::new(),
            file_size: 1,
            file_count: 1,
            built_at: at(moment),
            built_by: String::new(),
        };
        session_state::built(tx, &id.into(), &facts).unwrap();
    }

    fn asked(tx: &Transaction<'_>, id: &str) -> bool {
        SessionState::load(tx, &id.into()).unwrap().unwrap().rebuild_requested
    }

    #[test]
    fn only_another_boot_loses_files_and_only_those_since_the_mark() {
        let mut database = Database::in_memory().unwrap();
        let tx = database.transaction().unwrap();
        built(&tx, "old", "2024-03-05T10:00:00Z");
        mark(&tx, "first", at("2024-03-05T11:00:00Z")).unwrap();
        built(&tx, "new", "2024-03-05T11:00:00Z");
        // The first moment counts.
        mark(&tx, "first", at("2024-03-05T12:00:00Z")).unwrap();
        assert_eq!(rebuild_lost(&tx, "first").unwrap(), 0);
        assert!(is_marked(&tx).unwrap() && !asked(&tx, "new"));
        assert_eq!(rebuild_lost(&tx, "second").unwrap(), 1);
        assert!(asked(&tx, "new") && !asked(&tx, "old") && !is_marked(&tx).unwrap());
        assert_eq!(rebuild_lost(&tx, "third").unwrap(), 0);
    }
}

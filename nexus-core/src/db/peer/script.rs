//! What a migration would run, as text: for people who want to read it, or to run it by hand.

use std::fmt::Write as _;

use super::Revision;

/// The revisions, oldest first, each with what it is for.
pub fn history() -> Vec<HistoryEntry> {
    Revision::ALL
        .into_iter()
        .map(|revision| HistoryEntry {
            revision,
            revises: revision.down(),
            title: revision.title(),
            file: revision.file().map(|file| file.stem).unwrap_or_default(),
        })
        .collect()
}

/// One revision of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The revision.
    pub revision: Revision,
    /// The one before; none for the first.
    pub revises: Option<Revision>,
    /// What it is for, in a sentence.
    pub title: &'static str,
    /// The name of its file in `migrations/sqlite`, without `.sql`.
    pub file: &'static str,
}

/// The SQL that leads up from one revision (none: an empty database) to another.
///
/// ```
/// use nexus_core::db::peer::{Revision, upgrade_sql};
///
/// let sql = upgrade_sql(Some(Revision::V1_4_3), Revision::V2_4_0a);
/// assert!(sql.contains("CREATE TABLE upload_log"));
/// ```
pub fn upgrade_sql(from: Option<Revision>, to: Revision) -> String {
    let steps = Revision::ALL.into_iter().filter(|revision| Some(*revision) > from && *revision <= to);
    script("upgrade", from, Some(to), steps.filter_map(Revision::file).map(|file| file.up))
}

/// The SQL that leads down from a revision to an older one (none: all shared tables taken away).
pub fn downgrade_sql(from: Revision, to: Option<Revision>) -> String {
    let steps = Revision::ALL.into_iter().rev().filter(|revision| *revision <= from && Some(*revision) > to);
    script("downgrade", Some(from), to, steps.filter_map(Revision::file).filter_map(|file| file.down))
}

fn script<'a>(
    verb: &str,
    from: Option<Revision>,
    to: Option<Revision>,
    files: impl Iterator<Item = &'a str>,
) -> String {
    let name = |at: Option<Revision>| at.map_or("base", Revision::as_str);
    let mut text = format!("-- {verb} from {} to {}\n", name(from), name(to));
    let mut any = false;
    for file in files {
        if !any {
            text.push_str(
                "-- Make a backup first. Run it with `sqlite3 -bail`, so that it stops at the first error.\n",
            );
            text.push_str("PRAGMA foreign_keys = OFF;\n");
            any = true;
        }
        // Writing to a String does not fail.
        let _ = write!(text, "\nBEGIN IMMEDIATE;\n\n{}\n\nCOMMIT;\n", file.trim_end());
    }
    if !any {
        text.push_str("-- nothing to do\n");
    }
    text
}

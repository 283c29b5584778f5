//! Rows that say they are the same one.

use std::collections::{BTreeMap, HashMap};

use nexus_plugin_api::PluginError;

use super::Source;
use super::names::Names;
use super::rows::{Position, Rows};
use crate::column::Column;
use crate::row::{BadRow, Row};

/// Leaves out repeated rows; rows that share an id or a session identifier but not their content are
/// all bad, since nothing tells which of them is true.
///
/// Only `shared` rows are looked at, in order, and those of which a bad row has the id: no other row has a name
/// that may be that of another.
pub(super) fn unique(
    rows: &mut Rows,
    names: &Names,
    mut shared: Vec<Position>,
    bad: &mut Vec<BadRow>,
    bytes: &[u8],
    source: &Source,
) -> Result<(), PluginError> {
    // A bad row with the same id is a version of the row too.
    let mut bad_ids: HashMap<&str, u64> = HashMap::new();
    for row in bad.iter() {
        if let Some(id) = row.id.as_deref() {
            bad_ids.entry(id).or_insert(row.line);
            shared.extend(names.of_id(id));
        }
    }
    shared.sort_unstable();
    shared.dedup();
    let whole = |position: Position| -> Result<Option<Row>, PluginError> {
        let Some(kept) = rows.get(position) else { return Ok(None) };
        let bytes = bytes.get(kept.place().range()).unwrap_or_default();
        source.row(bytes, kept.line(), kept.place()).map(Some)
    };
    // The first row before this one of which the same can be said.
    let before =
        |this: Position, candidates: &mut dyn Iterator<Item = Position>, same: &dyn Fn(&Row) -> bool| {
            for at in candidates.take_while(|at| *at < this) {
                if let Some(other) = whole(at)?.filter(same) {
                    return Ok::<_, PluginError>(Some((at, other)));
                }
            }
            Ok(None)
        };
    let mut repeated = Vec::new();
    // For each row the line it disagrees with, and over what.
    let mut clash: BTreeMap<Position, (u64, Column)> = BTreeMap::new();
    for at in shared {
        let Some(row) = whole(at)? else { continue };
        let of_id = before(at, &mut names.of_id(&row.id), &|other| other.id == row.id)?;
        let (other, column) = match of_id {
            Some((_, other)) if other.cells == row.cells => {
                repeated.push(at);
                continue;
            }
            Some(other) => (Some(other), Column::Id),
            None => {
                let mut candidates = names.of_session(&row.session_identifier).into_iter();
                let same = |other: &Row| other.session_identifier == row.session_identifier;
                (before(at, &mut candidates, &same)?, Column::Session)
            }
        };
        if let Some((position, other)) = other {
            clash.insert(at, (other.line, column));
            clash.entry(position).or_insert((row.line, column));
        } else if let Some(line) = bad_ids.get(row.id.as_str()) {
            clash.insert(at, (*line, Column::Id));
        }
    }
    let mut contradicting = Vec::with_capacity(clash.len());
    for (at, (line, column)) in clash {
        let Some(row) = whole(at)? else { continue };
        let what = if column == Column::Id { &row.id } else { &row.session_identifier };
        let reason = format!("`{}` `{what}` also stands on line {line} with other content", column.name());
        let mut row_bad = BadRow::of_cells(row.line, &row.cells, reason);
        row_bad.session = Some(row.session_identifier);
        contradicting.push(row_bad);
        repeated.push(at);
    }
    bad.extend(contradicting);
    for at in repeated {
        rows.leave_out(at);
    }
    Ok(())
}

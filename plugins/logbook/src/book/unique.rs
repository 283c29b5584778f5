//! Rows that say they are the same one.

use std::collections::HashMap;

use nexus_plugin_api::PluginError;

use super::{Kept, Source, hash};
use crate::column::Column;
use crate::row::{BadRow, Row};

/// A row, with hashes of what it calls itself.
pub(super) struct Named {
    pub id: u64,
    pub session: u64,
    pub kept: Kept,
}

/// Rows that can be told apart.
pub(super) struct Unique {
    pub rows: Vec<Kept>,
    pub by_id: HashMap<u64, u32>,
    pub by_session: HashMap<u64, u32>,
}

/// Leaves out repeated rows; rows that share an id or a session identifier but not their content are
/// all bad, since nothing tells which of them is true.
pub(super) fn unique(
    rows: Vec<Named>,
    bad: &mut Vec<BadRow>,
    bytes: &[u8],
    source: &Source,
) -> Result<Unique, PluginError> {
    let whole = |named: &Named| {
        let row = bytes.get(named.kept.place.range()).unwrap_or_default();
        source.row(row, named.kept.line, named.kept.place)
    };
    let mut kept: Vec<Named> = Vec::with_capacity(rows.len());
    let (mut first_of_id, mut first_of_session) = (HashMap::new(), HashMap::new());
    // For each kept row the line it disagrees with, and over what.
    let mut clash: HashMap<usize, (u64, Column)> = HashMap::new();
    // A bad row with the same id is a version of the row too.
    let mut bad_ids: HashMap<u64, (String, u64)> = HashMap::new();
    for row in bad.iter() {
        if let Some(id) = &row.id {
            bad_ids.entry(hash(id.as_bytes())).or_insert_with(|| (id.clone(), row.line));
        }
    }
    for named in rows {
        // Read again only if a hash is known already, which is rare.
        let other = |by_hash: &HashMap<u64, u32>, key: u64, same: fn(&Row, &Row) -> bool| {
            find(by_hash, key, |at| {
                let (Some(other), row) = (kept.get(at), whole(&named)?) else { return Ok(None) };
                let other = whole(other)?;
                Ok(same(&other, &row).then(|| (at, other.cells == row.cells)))
            })
        };
        let of_id = other(&first_of_id, named.id, |a, b| a.id == b.id)?;
        let of_session =
            other(&first_of_session, named.session, |a, b| a.session_identifier == b.session_identifier)?;
        let other = match (of_id, of_session) {
            (Some((_, true)), _) => continue,
            (Some((other, false)), _) => Some((other, Column::Id)),
            (None, Some((other, _))) => Some((other, Column::Session)),
            (None, None) => None,
        };
        let at = kept.len();
        if let Some((other, column)) = other {
            clash.insert(at, (kept.get(other).map_or(0, |row| row.kept.line), column));
            clash.entry(other).or_insert((named.kept.line, column));
        } else if let Some((id, line)) = bad_ids.get(&named.id)
            && whole(&named)?.id == *id
        {
            clash.insert(at, (*line, Column::Id));
        }
        if of_id.is_none() {
            insert(&mut first_of_id, named.id, at);
        }
        if of_session.is_none() {
            insert(&mut first_of_session, named.session, at);
        }
        kept.push(named);
    }
    if clash.is_empty() {
        let rows = kept.into_iter().map(|named| named.kept).collect();
        return Ok(Unique { rows, by_id: first_of_id, by_session: first_of_session });
    }
    let mut good =
        Unique { rows: Vec::with_capacity(kept.len()), by_id: HashMap::new(), by_session: HashMap::new() };
    for (at, named) in kept.into_iter().enumerate() {
        let Some((line, column)) = clash.get(&at) else {
            insert(&mut good.by_id, named.id, good.rows.len());
            insert(&mut good.by_session, named.session, good.rows.len());
            good.rows.push(named.kept);
            continue;
        };
        let row = whole(&named)?;
        let what = if *column == Column::Id { &row.id } else { &row.session_identifier };
        let reason = format!("`{}` `{what}` also stands on line {line} with other content", column.name());
        let mut row_bad = BadRow::of_cells(row.line, &row.cells, reason);
        row_bad.session = Some(row.session_identifier);
        bad.push(row_bad);
    }
    Ok(good)
}

/// Looks a name up by its hash: `is_it` tells of a position whether it is the one. Names that share a hash
/// stand behind each other.
pub(super) fn find<T>(
    by_hash: &HashMap<u64, u32>,
    mut key: u64,
    mut is_it: impl FnMut(usize) -> Result<Option<T>, PluginError>,
) -> Result<Option<T>, PluginError> {
    while let Some(at) = by_hash.get(&key) {
        if let Some(found) = is_it(usize::try_from(*at).unwrap_or(usize::MAX))? {
            return Ok(Some(found));
        }
        key = key.wrapping_add(1);
    }
    Ok(None)
}

fn insert(by_hash: &mut HashMap<u64, u32>, mut key: u64, at: usize) {
    while by_hash.contains_key(&key) {
        key = key.wrapping_add(1);
    }
    // A log has no more rows than bytes, which are fewer.
    by_hash.insert(key, u32::try_from(at).unwrap_or(u32::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_share_a_hash_are_both_found() {
        let mut by_hash = HashMap::new();
        for at in [3, 5, 7] {
            insert(&mut by_hash, u64::MAX, at);
        }
        for wanted in [3, 5, 7] {
            let found = find(&by_hash, u64::MAX, |at| Ok((at == wanted).then_some(at)));
            assert_eq!(found.unwrap(), Some(wanted));
        }
        assert_eq!(find(&by_hash, u64::MAX, |_| Ok(None::<usize>)).unwrap(), None);
    }
}

//! Rows by what they call themselves.
//!
//! Of a name only 32 bits stay in memory. They tell which rows may bear it, mostly one; whoever asks reads those
//! rows and sees.

use std::hash::{BuildHasher as _, RandomState};

use super::chunks::Chunks;
use super::rows::Position;
use crate::row;

/// Hashes of 32 bits: others in every book, so that nobody can write a log of names that share one.
#[derive(Debug, Default)]
pub struct Hashes {
    state: RandomState,
    /// Bits that are always zero: with some of them every name has to be told apart by reading.
    #[cfg(test)]
    pub ignored: u32,
}

impl Hashes {
    /// The hash of some bytes.
    pub fn of(&self, bytes: &[u8]) -> u32 {
        let hash = u32::try_from(self.state.hash_one(bytes) >> u32::BITS).unwrap_or_default();
        #[cfg(test)]
        let hash = hash & !self.ignored;
        hash
    }
}

/// The hashes of all names of one kind, as they are met.
#[derive(Debug, Default)]
pub struct Met {
    /// Of the id of every row.
    pub ids: Chunks<u32>,
    /// Of the session identifiers that are written in the log.
    pub sessions: Vec<(u32, Position)>,
    /// Rows whose session identifier is written and is what a row of this log would have without: of that row's id.
    pub foreign: Vec<(u32, Position)>,
}

impl Met {
    /// Notes the names of the row at this position.
    pub fn push(&mut self, row: &row::Row, position: Position, log: &str, hashes: &Hashes) {
        self.ids.push(hashes.of(row.id.as_bytes()));
        // One that is made of the id needs no place of its own.
        if row.names_session() {
            let identifier = &row.session_identifier;
            self.sessions.push((hashes.of(identifier.as_bytes()), position));
            if let Some(id) = row::id_in(log, identifier) {
                self.foreign.push((hashes.of(id.as_bytes()), position));
            }
        }
    }
}

/// Positions of rows by the hashes of their names.
#[derive(Debug)]
pub struct Names {
    hashes: Hashes,
    /// Of their ids.
    ids: Sorted,
    /// Of the session identifiers that are written in the log.
    sessions: Sorted,
    /// Which log: the others are made of it and the id.
    log: String,
}

impl Names {
    /// Puts names in order. Also the positions of rows that have to be read again, since the name of one may be the
    /// name of another: in any order, some more than once.
    pub fn new(met: Met, hashes: Hashes, log: &str) -> (Self, Vec<Position>) {
        let Met { ids, sessions, foreign } = met;
        let mut of_rows = Vec::with_capacity(ids.len());
        of_rows.extend(ids.into_iter().zip(0..));
        let (ids, sessions) = (Sorted::new(of_rows), Sorted::new(sessions));
        let mut shared: Vec<Position> = ids.shared().chain(sessions.shared()).collect();
        for (id, position) in foreign {
            shared.push(position);
            shared.extend(ids.of(id));
        }
        (Self { hashes, ids, sessions, log: log.to_owned() }, shared)
    }

    /// The rows that may have this id, in order.
    pub fn of_id(&self, id: &str) -> impl Iterator<Item = Position> {
        self.ids.of(self.hashes.of(id.as_bytes()))
    }

    /// The rows that may have this session identifier, in order.
    pub fn of_session(&self, identifier: &str) -> Vec<Position> {
        let written = self.sessions.of(self.hashes.of(identifier.as_bytes()));
        let made = row::id_in(&self.log, identifier);
        let mut rows: Vec<_> = written.chain(made.iter().flat_map(|id| self.of_id(id))).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    /// The hash of some bytes.
    pub fn hash(&self, bytes: &[u8]) -> u32 {
        self.hashes.of(bytes)
    }
}

/// Positions in the order of hashes, then of the log.
#[derive(Debug)]
struct Sorted(Vec<(u32, Position)>);

impl Sorted {
    fn new(mut names: Vec<(u32, Position)>) -> Self {
        names.shrink_to_fit();
        names.sort_unstable();
        Self(names)
    }

    fn of(&self, hash: u32) -> impl Iterator<Item = Position> {
        let first = self.0.partition_point(|(other, _)| *other < hash);
        let rest = self.0.get(first..).unwrap_or_default();
        rest.iter().take_while(move |(other, _)| *other == hash).map(|(_, position)| *position)
    }

    /// The positions of hashes that stand more than once.
    fn shared(&self) -> impl Iterator<Item = Position> {
        let groups = self.0.chunk_by(|(a, _), (b, _)| a == b);
        groups.filter(|group| group.len() > 1).flatten().map(|(_, position)| *position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_share_a_hash_are_all_found() {
        let names = Sorted::new(vec![(7, 3), (u32::MAX, 1), (0, 4), (7, 0), (9, 2)]);
        let of = |hash| names.of(hash).collect::<Vec<_>>();
        assert_eq!((of(7), of(0), of(u32::MAX), of(8)), (vec![0, 3], vec![4], vec![1], vec![]));
        assert_eq!(names.shared().collect::<Vec<_>>(), [0, 3]);
    }
}

//! What stays in memory of every row that was understood.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use nexus_plugin_api::EventTime;

use super::chunks::Chunks;
use super::moment::{Moment, Moments};
use crate::column::Column;
use crate::row::{Place, Row};
use crate::time::{self, instant};

/// A row, by its position in the log.
pub type Position = u32;

/// The rows of a log, in its order.
#[derive(Debug, Default)]
pub struct Rows {
    packed: Chunks<Packed>,
    moments: Moments,
    /// The booked times of the few rows where they are others, by position.
    booked: Vec<Booked>,
    left_out: usize,
}

/// Everything in numbers of four bytes: larger ones would leave gaps. A log has less than 4 GiB.
#[derive(Debug, Clone, Copy)]
struct Packed {
    at: u32,
    length: u32,
    line: u32,
    /// Its position, [`CANCELLED`] and [`LEFT_OUT`].
    instrument: u32,
    check: u32,
    start: Moment,
    end: Moment,
}

/// The row did not take place after all.
const CANCELLED: u32 = 1 << 31;
/// The row repeats or contradicts another.
const LEFT_OUT: u32 = 1 << 30;

#[derive(Debug, Clone, Copy)]
struct Booked {
    row: Position,
    start: Moment,
    end: Moment,
}

impl Rows {
    /// Adds a row, with the position of its instrument and a check of its bytes.
    pub fn push(&mut self, row: &Row, place: Place, instrument: u32, check: u32) {
        let booked = |column: Column| row.text(column).and_then(time::parse);
        let (from, to) = (booked(Column::ReservationStart), booked(Column::ReservationEnd));
        if from.is_some() || to.is_some() {
            self.booked.push(Booked {
                row: u32::try_from(self.packed.len()).unwrap_or(u32::MAX),
                start: self.moments.keep(from.or(Some(row.start))),
                end: self.moments.keep(to.or(row.end)),
            });
        }
        let start = self.moments.keep(Some(row.start));
        let end = self.moments.keep(row.end);
        self.packed.push(Packed {
            at: place.at,
            length: place.length,
            line: u32::try_from(row.line).unwrap_or(u32::MAX),
            // No more instruments than rows, no more rows than bytes.
            instrument: (instrument & !(CANCELLED | LEFT_OUT)) | if row.cancelled { CANCELLED } else { 0 },
            check,
            start,
            end,
        });
    }

    /// Gives back what is not in use.
    pub fn shrink(&mut self) {
        self.packed.shrink();
        self.moments.shrink();
        self.booked.shrink_to_fit();
    }

    /// From now on this row is as good as not there.
    pub fn leave_out(&mut self, position: Position) {
        if let Some(row) = self.packed.get_mut(index(position))
            && row.instrument & LEFT_OUT == 0
        {
            row.instrument |= LEFT_OUT;
            self.left_out += 1;
        }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.packed.len() - self.left_out
    }

    /// The row at this position, unless it was left out.
    pub fn get(&self, position: Position) -> Option<Kept<'_>> {
        self.kept(position, self.packed.get(index(position))?)
    }

    /// The rows.
    pub fn iter(&self) -> impl Iterator<Item = Kept<'_>> {
        self.iter_from(0)
    }

    /// The rows from this position on.
    pub fn iter_from(&self, first: Position) -> impl Iterator<Item = Kept<'_>> {
        let packed = self.packed.iter_from(index(first));
        (first..).zip(packed).filter_map(|(position, packed)| self.kept(position, packed))
    }

    fn kept<'a>(&'a self, position: Position, packed: &'a Packed) -> Option<Kept<'a>> {
        (packed.instrument & LEFT_OUT == 0).then_some(Kept { rows: self, packed, position })
    }
}

fn index(position: Position) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

/// What is known of a row without reading it again.
#[derive(Debug, Clone, Copy)]
pub struct Kept<'a> {
    rows: &'a Rows,
    packed: &'a Packed,
    /// Where it stands among the rows.
    pub position: Position,
}

impl Kept<'_> {
    /// Where it begins, from 1.
    pub fn line(&self) -> u64 {
        self.packed.line.into()
    }

    /// Its bytes.
    pub fn place(&self) -> Place {
        Place { at: self.packed.at, length: self.packed.length }
    }

    /// Of its bytes.
    pub fn check(&self) -> u32 {
        self.packed.check
    }

    /// Its instrument as the log calls it: a position in [`super::Book::instruments`].
    pub fn instrument(&self) -> usize {
        index(self.packed.instrument & !(CANCELLED | LEFT_OUT))
    }

    /// Whether it did not take place after all.
    pub fn cancelled(&self) -> bool {
        self.packed.instrument & CANCELLED != 0
    }

    /// When it began.
    pub fn start(&self) -> EventTime {
        let start = self.rows.moments.time(self.packed.start);
        // Every row has one.
        start.unwrap_or_else(|| DateTime::UNIX_EPOCH.fixed_offset().into())
    }

    /// When it ended; `None` while in use.
    pub fn end(&self) -> Option<EventTime> {
        self.rows.moments.time(self.packed.end)
    }

    /// The booked time in this zone, if it has an end: a row still open, perhaps forgotten, claims no session.
    pub fn booked(&self, zone: Tz) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let Rows { booked, moments, .. } = self.rows;
        let other = booked.binary_search_by_key(&self.position, |booked| booked.row).ok();
        let (start, end) = match other.and_then(|at| booked.get(at)) {
            Some(booked) => (moments.time(booked.start)?, moments.time(booked.end)),
            None => (self.start(), self.end()),
        };
        Some((instant(start, zone), instant(end?, zone)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_nine_numbers() {
        assert_eq!(size_of::<Packed>(), 36);
        assert_eq!(size_of::<Booked>(), 20);
    }
}

//! Events: items that take place at one time, recurring ones taken apart.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use crate::recurrence::{Rule, Series};
use crate::row::{Moment, Row};
use crate::span::Span;
use crate::zone::{Edge, instant};

/// Something that takes place at one time.
#[derive(Debug, Clone)]
pub struct Event {
    /// Of a recurring event: the number of the item that recurs, and when this occurrence began before anybody moved it.
    pub recurrence: Option<(String, DateTime<Utc>)>,
    /// When it begins.
    pub start: DateTime<Utc>,
    /// When it ends.
    pub end: DateTime<Utc>,
    /// Whether somebody called it off.
    pub cancelled: bool,
    /// The item it comes from.
    pub row: Arc<Row>,
}

impl Event {
    /// What names it in its list for ever: the item's number, and of an occurrence when it was to begin.
    pub fn key(&self) -> String {
        match &self.recurrence {
            Some((item, original)) => format!("{item}@{}", utc(*original)),
            None => self.row.id.clone(),
        }
    }

    /// The number of the item that people open.
    pub fn item(&self) -> &str {
        self.recurrence.as_ref().map_or(self.row.id.as_str(), |(item, _)| item)
    }
}

/// An instant as it stands in keys and filters.
pub fn utc(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// What an item is.
#[derive(Debug, Clone)]
pub enum Item {
    /// One event.
    Event(Event),
    /// A recurring event.
    Series(Arc<Row>, Series),
    /// An occurrence that was taken out: of which item, and when it was to begin.
    Deleted(String, Original),
    /// An occurrence that was changed: the same, and what it is now.
    Changed(String, Original, Event),
    /// An occurrence that was changed into something that cannot be read: the same, and why.
    Unreadable(String, Original, String),
}

/// When an occurrence was to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Original {
    /// The instant.
    pub at: DateTime<Utc>,
    /// The day where the site is.
    pub day: NaiveDate,
}

/// The columns that events are made of.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    /// Booked from.
    pub start: &'a str,
    /// Booked until.
    pub end: &'a str,
}

/// Reads an item; `zone` is asked for only where a time does not say where it is. Else why it cannot be read.
pub fn read<E>(
    row: &Arc<Row>,
    columns: Columns<'_>,
    zone: &mut dyn FnMut() -> Result<Tz, E>,
) -> Result<Result<Item, String>, E> {
    match whole(Arc::clone(row), columns, zone)? {
        // Whatever became of it, it does not take place as the rule says.
        Err(why) if row.number("EventType") == Some(4) => {
            Ok(match original(row, row.flag("fAllDayEvent"), zone)? {
                Some((item, original)) => Ok(Item::Unreadable(item, original, why)),
                None => Err(why),
            })
        }
        read => Ok(read),
    }
}

fn whole<E>(
    row: Arc<Row>,
    columns: Columns<'_>,
    zone: &mut dyn FnMut() -> Result<Tz, E>,
) -> Result<Result<Item, String>, E> {
    let time = |column: &str| row.time(column).ok_or_else(|| format!("its `{column}` is no time"));
    let (start, end) = match (time(columns.start), time(columns.end)) {
        (Ok(start), Ok(end)) => (start, end),
        // A deleted occurrence need not have times of its own.
        (Err(why), _) | (_, Err(why)) => return deleted(&row, zone).map(|found| found.ok_or(why)),
    };
    let is_all_day = row.flag("fAllDayEvent");
    let kind = row.number("EventType").unwrap_or(0);
    let has_master = row.number("MasterSeriesItemID").is_some_and(|id| id > 0);
    let recurs = kind == 1 || (kind == 0 && row.flag("fRecurrence") && !has_master);
    if recurs {
        return Ok(series(row, start, end, is_all_day, zone()?));
    }
    if kind == 3 {
        let unclear = || "it takes out an occurrence, and does not say of what".to_owned();
        return deleted(&row, zone).map(|found| found.ok_or_else(unclear));
    }
    let Some((from, to)) = span(start, end, is_all_day, zone)? else {
        return Ok(Err("its times are beyond the calendar".to_owned()));
    };
    if to < from {
        return Ok(Err("it ends before it begins".to_owned()));
    }
    let original = if kind == 4 { original(&row, is_all_day, zone)? } else { None };
    let event = |recurrence| Event {
        recurrence,
        start: from,
        end: to,
        cancelled: is_cancelled(&row),
        row: Arc::clone(&row),
    };
    Ok(Ok(match original {
        Some((item, original)) => {
            let event = event(Some((item.clone(), original.at)));
            Item::Changed(item, original, event)
        }
        None => Item::Event(event(None)),
    }))
}

/// From when to when, as instants.
fn span<E>(
    start: Moment,
    end: Moment,
    is_all_day: bool,
    zone: &mut dyn FnMut() -> Result<Tz, E>,
) -> Result<Option<Span>, E> {
    if is_all_day {
        // Written with a `Z`, and meant as the site's own days: from midnight to the end of the last one.
        let zone = zone()?;
        let first = start.wall.date().and_time(NaiveTime::MIN);
        let last = if end.wall.time() == NaiveTime::MIN && end.wall > first {
            Some(end.wall)
        } else {
            end.wall.date().succ_opt().map(|day| day.and_time(NaiveTime::MIN))
        };
        return Ok(
            last.and_then(|last| Some((instant(first, zone, Edge::Start)?, instant(last, zone, Edge::End)?)))
        );
    }
    let mut at = |moment: Moment, edge: Edge| match moment.at {
        Some(at) => Ok(Some(at)),
        None => Ok(instant(moment.wall, zone()?, edge)),
    };
    Ok(at(start, Edge::Start)?.zip(at(end, Edge::End)?))
}

fn series(row: Arc<Row>, start: Moment, end: Moment, is_all_day: bool, zone: Tz) -> Result<Item, String> {
    // As it stands: as a text for people it would lose its marks.
    let rule = row.value("RecurrenceData").and_then(Value::as_str).unwrap_or_default();
    let rule = Rule::parse(rule).map_err(|why| why.to_string())?;
    // All-day times are the site's own, whatever they say.
    let local = |moment: Moment| match moment.at.filter(|_| !is_all_day) {
        Some(at) => at.with_timezone(&zone).naive_local(),
        None => moment.wall,
    };
    let first = local(start);
    let of_one_day = local(end).time().signed_duration_since(first.time());
    let length = match row.number("Duration").and_then(TimeDelta::try_seconds) {
        Some(length) if length > TimeDelta::zero() => length.min(TimeDelta::days(366)),
        // From its clock time to the other one, over midnight if that is earlier.
        _ if of_one_day <= TimeDelta::zero() => of_one_day + TimeDelta::days(1),
        _ => of_one_day,
    };
    let series = Series { rule, first, length, is_all_day, last_end: Some(local(end)), zone };
    Ok(Item::Series(row, series))
}

fn deleted<E>(row: &Row, zone: &mut dyn FnMut() -> Result<Tz, E>) -> Result<Option<Item>, E> {
    if row.number("EventType") != Some(3) {
        return Ok(None);
    }
    let original = original(row, row.flag("fAllDayEvent"), zone)?;
    Ok(original.map(|(item, original)| Item::Deleted(item, original)))
}

/// Which occurrence a row stands for.
fn original<E>(
    row: &Row,
    is_all_day: bool,
    zone: &mut dyn FnMut() -> Result<Tz, E>,
) -> Result<Option<(String, Original)>, E> {
    let (Some(master), Some(moment)) =
        (row.number("MasterSeriesItemID").filter(|id| *id > 0), row.time("RecurrenceID"))
    else {
        return Ok(None);
    };
    let zone = zone()?;
    let original = match moment.at.filter(|_| !is_all_day) {
        Some(at) => Some(Original { at, day: at.with_timezone(&zone).date_naive() }),
        None => instant(moment.wall, zone, Edge::Start).map(|at| Original { at, day: moment.wall.date() }),
    };
    Ok(original.map(|original| (master.to_string(), original)))
}

fn is_cancelled(row: &Row) -> bool {
    let title = row.text("Title").or_else(|| row.text("subject")).unwrap_or_default().to_lowercase();
    row.flag("EventCanceled")
        || row.flag("isCancelled")
        || title.starts_with("canceled:")
        || title.starts_with("cancelled:")
}

/// The occurrences of recurring events that were moved or taken out, by the item that recurs.
#[derive(Debug, Default)]
pub struct Exceptions(HashMap<String, Vec<Original>>);

impl Exceptions {
    /// Takes note of one.
    pub fn add(&mut self, master: String, original: Original) {
        let known = self.0.entry(master).or_default();
        if !known.contains(&original) {
            known.push(original);
        }
    }

    /// The occurrences of a series that take place as the rule says.
    pub fn without(&self, row: &Arc<Row>, series: &Series) -> Vec<Event> {
        let none = Vec::new();
        let except = self.0.get(&row.id).unwrap_or(&none);
        // A series has at most one occurrence a day: the day counts too, since some servers write the original start
        // in another zone.
        let is_as_ruled = |day: NaiveDate, start: DateTime<Utc>| {
            !except.iter().any(|original| original.at == start || original.day == day)
        };
        let all = series.occurrences().into_iter();
        all.filter(|one| is_as_ruled(one.wall.date(), one.start))
            .map(|one| Event {
                recurrence: Some((row.id.clone(), one.start)),
                start: one.start,
                end: one.end,
                cancelled: is_cancelled(row),
                row: Arc::clone(row),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;

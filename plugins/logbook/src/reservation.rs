//! The reservation of a session: its own row of the log.

use chrono_tz::Tz;
use nexus_plugin_api::{
    Call, EventTime, PluginError, Project, Reservation, ReservationAnswer, Sample, SessionRef,
};

use crate::book::{Book, Kept};
use crate::column::Column;
use crate::consent;
use crate::row::{BadRow, Cell, Row};
use crate::settings::Settings;
use crate::time::{self, instant};

/// One answer per session, in the same order.
pub fn answers(
    call: &Call,
    book: &Book,
    settings: &Settings,
    sessions: &[SessionRef],
) -> Vec<ReservationAnswer> {
    sessions
        .iter()
        .map(|session| {
            if call.should_stop() {
                return ReservationAnswer::Failed(PluginError::transient(
                    "looking up reservations in the usage log was stopped",
                ));
            }
            // A row that is not what it was: of the others the same may be true, but not of all.
            answer(book, settings, session).unwrap_or_else(ReservationAnswer::Failed)
        })
        .collect()
}

fn answer(book: &Book, settings: &Settings, session: &SessionRef) -> Result<ReservationAnswer, PluginError> {
    let own = match &session.external_id {
        Some(id) => book.by_id(id)?.map(|(_, row)| row),
        None => book.by_session(&session.session_identifier)?,
    };
    if let Some(row) = own {
        return Ok(answer_of_row(book, settings, &row, false));
    }
    let is_ours = session.external_id.is_some()
        || session.session_identifier.starts_with(&format!("logbook:{}/", settings.name));
    if is_ours {
        return Ok(vanished(book, session));
    }
    let zone: Tz = session.instrument.timezone.parse().unwrap_or(Tz::UTC);
    Ok(match best_overlap(book, session, zone) {
        Some(row) => {
            let row = book.row(&row)?;
            let user = row.text(Column::User);
            let of_another_user = match (user, &session.user) {
                (Some(row), Some(session)) => !row.eq_ignore_ascii_case(session),
                _ => false,
            };
            answer_of_row(book, settings, &row, of_another_user)
        }
        None => ReservationAnswer::NoReservation {
            reason: format!(
                "no row of {} for {} overlaps {} to {}",
                book.file_name, session.instrument.pid, session.start, session.end
            ),
        },
    })
}

/// A session that came from this log and is not in it any more. It is gone only if the log can tell:
/// no bad row may be it, and the log must reach back that far.
fn vanished(book: &Book, session: &SessionRef) -> ReservationAnswer {
    let is_it = |row: &&BadRow| {
        (row.id.is_some() && row.id == session.external_id)
            || row.session.as_deref() == Some(&session.session_identifier)
    };
    let bad = book.bad.iter().find(is_it).or_else(|| book.bad.iter().find(|row| row.id.is_none()));
    if let Some(row) = bad {
        return ReservationAnswer::Failed(
            PluginError::permanent(format!(
                "the row of the session cannot be read: {} {}",
                book.place(row.line),
                row.reason
            ))
            .with_hint("correct the row; the next run reads it again"),
        );
    }
    let zone: Tz = session.instrument.timezone.parse().unwrap_or(Tz::UTC);
    let first_end = book.rows.iter().filter_map(|row| row.end()).map(|end| instant(end, zone)).min();
    if first_end.is_some_and(|first| first <= session.end.to_utc()) {
        return ReservationAnswer::Gone;
    }
    ReservationAnswer::Failed(
        PluginError::permanent(format!(
            "{} does not reach back to the session, which ended {}",
            book.file_name, session.end
        ))
        .with_hint(
            "put its row back; a session that did not take place gets `yes` in the column `cancelled`",
        ),
    )
}

/// The row of the instrument whose booked time shares most with the session.
fn best_overlap<'a>(book: &'a Book, session: &SessionRef, zone: Tz) -> Option<Kept<'a>> {
    let (start, end) = (session.start.to_utc(), session.end.to_utc());
    let name = session.instrument.display_name.trim().to_lowercase();
    let its: Vec<bool> = book
        .instruments
        .iter()
        .map(|written| *written == session.instrument.pid || written.trim().to_lowercase() == name)
        .collect();
    book.rows
        .iter()
        .filter(|row| !row.cancelled() && its.get(row.instrument()) == Some(&true))
        .filter_map(|row| {
            let (from, to) = row.booked(zone)?;
            let shared = to.min(end) - from.max(start);
            (shared > chrono::TimeDelta::zero()).then_some((shared, from, row))
        })
        // Of equals the earlier one, then the one that stands first.
        .min_by_key(|(shared, from, row)| (std::cmp::Reverse(*shared), *from, row.position))
        .map(|(_, _, row)| row)
}

fn booked_times(row: &Row, warnings: &mut Vec<String>) -> (EventTime, Option<EventTime>) {
    let mut time = |column: Column| {
        let text = row.text(column)?;
        let time = time::parse(text);
        if time.is_none() {
            warnings.push(format!(
                "`{}` is `{text}`; it takes a time such as {}",
                column.name(),
                time::EXPECTED
            ));
        }
        time
    };
    let start = time(Column::ReservationStart).unwrap_or(row.start);
    let end = time(Column::ReservationEnd).or(row.end);
    (start, end)
}

fn answer_of_row(book: &Book, settings: &Settings, row: &Row, of_another_user: bool) -> ReservationAnswer {
    if row.cancelled {
        return ReservationAnswer::NoReservation {
            reason: format!("{} is marked as cancelled", book.place(row.line)),
        };
    }
    match consent::given(book, settings, row) {
        Ok(()) => ReservationAnswer::Reservation(Box::new(reservation(row, of_another_user))),
        Err(reason) => {
            ReservationAnswer::NoConsent { reason: format!("{reason} ({})", book.place(row.line)) }
        }
    }
}

fn reservation(row: &Row, of_another_user: bool) -> Reservation {
    let text = |column| row.text(column).map(str::to_owned);
    let mut warnings = Vec::new();
    let (start, end) = booked_times(row, &mut warnings);
    let project =
        Project { name: text(Column::Project), id: text(Column::ProjectId), link: text(Column::ProjectLink) };
    Reservation {
        internal_id: Some(row.id.clone()),
        url: text(Column::Url),
        title: text(Column::Title),
        purpose: text(Column::Purpose),
        username: text(Column::User),
        user_full_name: text(Column::FullName),
        user_email: text(Column::Email),
        created_by: None,
        start: Some(start),
        end,
        last_updated: None,
        reservation_type: None,
        division: text(Column::Division),
        group: text(Column::Group),
        samples: samples(row, &mut warnings),
        projects: if project == Project::default() { Vec::new() } else { vec![project] },
        of_another_user,
        warnings,
    }
}

/// The samples: as many as there are names (else identifiers, else descriptions, else element lists).
/// A single sample's cells are taken whole, so a description may hold a semicolon.
fn samples(row: &Row, warnings: &mut Vec<String>) -> Vec<Sample> {
    const PARTS: [Column; 4] =
        [Column::Sample, Column::SamplePid, Column::SampleDetails, Column::SampleElements];
    let Some(leading) = PARTS.into_iter().find(|column| row.cells.get(*column).is_some()) else {
        return Vec::new();
    };
    let count = parts(row, leading, usize::MAX).len();
    let mut of = |column: Column| {
        let mut parts = parts(row, column, count);
        if parts.len() > count {
            warnings.push(format!(
                "`{}` has {} parts for {count} samples; left out",
                column.name(),
                parts.len()
            ));
            parts.clear();
        }
        parts.resize(count, String::new());
        parts
    };
    let (names, pids) = (of(Column::Sample), of(Column::SamplePid));
    let (details, elements) = (of(Column::SampleDetails), of(Column::SampleElements));
    let known = |text: String| (!text.is_empty()).then_some(text);
    names
        .into_iter()
        .zip(pids)
        .zip(details.into_iter().zip(elements))
        .map(|((name, pid), (details, elements))| Sample {
            pid: known(pid),
            name: known(name),
            details: known(details),
            elements: elements
                .split(|c: char| c.is_whitespace() || c == ',' || c == ';')
                .filter(|symbol| !symbol.is_empty())
                .map(str::to_owned)
                .collect(),
        })
        .filter(|sample| *sample != Sample::default())
        .collect()
}

fn parts(row: &Row, column: Column, count: usize) -> Vec<String> {
    match row.cells.get(column) {
        None => Vec::new(),
        Some(Cell::List(parts)) => parts.clone(),
        Some(Cell::Text(text)) if count == 1 => vec![text.clone()],
        Some(Cell::Text(text)) => {
            let text = text.trim_end_matches([';', ' ']);
            text.split(';').map(|part| part.trim().to_owned()).collect()
        }
    }
}

#[cfg(test)]
mod tests;

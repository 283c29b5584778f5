//! What an earlier delivery of a session may have left at a place that cannot be asked: under another name, or before
//! the destination was another place for a while.

use rusqlite::Transaction;

use super::Routes;
use super::places::{Place, Places};
use crate::delivery::{Class, Delivery, Origin, State, TargetFacts, table};
use crate::ids::DestinationName;
use crate::upload_log::UploadLog;
use crate::writer::WriteError;

/// What was found.
pub(super) enum Before {
    /// Nothing that matters.
    Nothing,
    /// This delivery; without a target, nobody noted where it went.
    Left(Box<Delivery>),
    /// It depends on where another destination of the configuration delivers to.
    Depends {
        /// Which has not been asked yet; else it could not be in this run.
        not_yet: bool,
    },
}

/// Looked for once, before the first claim for a place.
pub(super) fn find(
    tx: &Transaction<'_>,
    row: &Delivery,
    routes: &Routes,
    target: &TargetFacts,
    places: &Places,
) -> Result<Before, WriteError> {
    if target.can_find || row.question_open() || row.target.as_ref() == Some(&target.id) {
        return Ok(Before::Nothing);
    }
    if let Some(before) = table::named_before(tx, row, &|name| routes.has(name), &target.id)? {
        return Ok(Before::Left(Box::new(before)));
    }
    logged(tx, row, routes, target, places)
}

/// What the upload log tells of the place: a row of `nexus_delivery` knows one place alone, the last.
fn logged(
    tx: &Transaction<'_>,
    row: &Delivery,
    routes: &Routes,
    target: &TargetFacts,
    places: &Places,
) -> Result<Before, WriteError> {
    let mut there: Option<Delivery> = None;
    let mut anywhere: Option<Delivery> = None;
    for entry in UploadLog::of_session(tx, &row.session)?.rows {
        let is_own = entry.destination == row.destination;
        let said = |key: &str| entry.metadata.as_ref().and_then(|metadata| metadata.get(key)?.as_str());
        let is_unclear = !entry.success && said("class") == Some(Class::Unknown.as_str());
        if !entry.success && !is_unclear {
            continue;
        }
        let place = said("target");
        if place.is_none()
            && is_own
            && entry.success
            && row.target.is_some()
            && entry.record_id != row.remote_id
        {
            // Of what the row itself tells, the place is known, or the claim asks about it.
            let before = Delivery::new(row.session.clone(), entry.destination.clone(), row.updated_at);
            anywhere = Some(Delivery { state: State::Delivered, ..before });
        }
        if place != Some(target.id.as_str()) {
            continue;
        }
        if !is_own && routes.has(&entry.destination) {
            match places.of(&entry.destination) {
                // Two names for one place, as somebody wished.
                Place::At(place) if place == target.id => continue,
                Place::At(_) => {}
                Place::NotYet => return Ok(Before::Depends { not_yet: true }),
                Place::Unknown => return Ok(Before::Depends { not_yet: false }),
            }
        }
        if !is_own && is_forgotten(tx, row, &entry.destination)? {
            continue;
        }
        let mut before = there
            .take()
            .unwrap_or_else(|| Delivery::new(row.session.clone(), entry.destination.clone(), row.updated_at));
        before.destination = entry.destination.clone();
        before.target = Some(target.id.clone());
        before.state = if is_unclear { State::Unknown } else { State::Delivered };
        before.delivered_sha256 = said("record_sha256").filter(|_| entry.success).map(str::to_owned);
        before.origin = if said("key").is_some() { Origin::Nexus } else { Origin::Peer };
        before.upload_log_id = Some(entry.id);
        if entry.success {
            (before.remote_id, before.remote_url) = (entry.record_id, entry.record_url);
        }
        there = Some(before);
    }
    Ok(there.or(anywhere).map_or(Before::Nothing, |before| Before::Left(Box::new(before))))
}

/// Whether a person wants nothing more to do with what is known under that name.
fn is_forgotten(tx: &Transaction<'_>, row: &Delivery, name: &DestinationName) -> Result<bool, WriteError> {
    let other = table::load(tx, &row.session, name)?;
    Ok(other.is_some_and(|other| other.state == State::NotWanted && other.remote_id.is_none()))
}

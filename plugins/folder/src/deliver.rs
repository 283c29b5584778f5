//! Finding and delivering one record.

use std::io::ErrorKind;

use nexus_plugin_api::{Call, Delivery, Effect, Found, PluginError, Remote};

use crate::failure;
use crate::place::{Place, Root};
use crate::previews;
use crate::settings::Settings;
use crate::side_car::SideCar;
use crate::write;

/// What lies at a place, seen from one session.
enum State {
    /// Nothing.
    Free,
    /// A claim of this session without a record.
    Claimed(SideCar),
    /// A record of this session with the hash of its side-car.
    Whole(SideCar),
    /// A record of this session with another hash: being replaced, or changed by hand.
    Torn(SideCar),
    /// The very bytes that are to be delivered, without a side-car.
    Bare,
}

/// Looks for this session's record: where it was left last, and where it would go now.
pub fn find(root: &Root, settings: &Settings, delivery: &Delivery) -> Result<Found, PluginError> {
    let mut found = Vec::new();
    for place in places(root, settings, delivery) {
        let content = match look(&place, delivery)? {
            State::Free | State::Claimed(_) => continue,
            State::Whole(side_car) => Some(side_car.content_sha256),
            State::Bare => Some(delivery.record.content_sha256.clone()),
            State::Torn(_) => None,
        };
        found.push(remote(&place, content));
    }
    Ok(match (found.len(), found.pop()) {
        (_, None) => Found::None,
        (1, Some(one)) => Found::One(one),
        (_, Some(last)) => {
            found.push(last);
            Found::Many(found)
        }
    })
}

/// Where the record goes: where it already lies, so that links to it hold, or where the layout says.
pub fn place_for(root: &Root, settings: &Settings, delivery: &Delivery) -> Result<Place, PluginError> {
    if let Some(place) = previous(root, delivery)
        && SideCar::read(&place)?.is_some_and(|side_car| side_car.key == delivery.record.key)
    {
        return Ok(place);
    }
    Ok(root.place(&settings.layout.parts(delivery)))
}

/// Puts the record at its place: side-car, previews, record.
pub fn deliver(
    call: &Call,
    root: &Root,
    place: &Place,
    settings: &Settings,
    delivery: &Delivery,
) -> Result<Remote, PluginError> {
    let state = look(place, delivery)?;
    let record = source(delivery)?;
    let previews = if settings.previews { previews::of(call, delivery) } else { Vec::new() };
    let mut side_car = SideCar::of(delivery, previews.iter().map(|preview| preview.name.clone()).collect());

    let mut keep_record = matches!(state, State::Bare);
    let before = match state {
        State::Free | State::Bare => None,
        State::Whole(before) => {
            if before.content_sha256 == side_car.content_sha256 {
                // Equal content delivers nothing, though an extraction date may differ.
                keep_record = true;
                side_car.file_sha256.clone_from(&before.file_sha256);
            }
            Some(before)
        }
        State::Claimed(before) | State::Torn(before) => Some(before),
    };

    write::folders(root.path(), place.folder())?;
    if before.as_ref() != Some(&side_car) {
        // A claim alone delivers nothing, even if its fate is unclear.
        write::atomic(&place.side_car(), &side_car.bytes()?)
            .map_err(|error| PluginError { effect: Effect::None, ..error })?;
    }
    previews::write(root.path(), &place.previews(), &previews)?;
    if !keep_record {
        write::atomic(place.record(), &record)?;
    }
    if let Some(before) = before.filter(|before| before.previews != side_car.previews) {
        previews::remove_stale(call, &place.previews(), &before.previews, &side_car.previews);
    }
    Ok(remote(place, Some(side_car.content_sha256)))
}

fn places(root: &Root, settings: &Settings, delivery: &Delivery) -> Vec<Place> {
    let now = root.place(&settings.layout.parts(delivery));
    match previous(root, delivery) {
        Some(before) if before != now => vec![before, now],
        _ => vec![now],
    }
}

fn previous(root: &Root, delivery: &Delivery) -> Option<Place> {
    delivery.previous.as_ref().and_then(|remote| root.place_of_id(&remote.id))
}

fn remote(place: &Place, content_sha256: Option<String>) -> Remote {
    Remote { id: place.id().to_owned(), url: Some(place.url()), content_sha256 }
}

/// What lies at the place. Another session's record, or a file nobody claims, is an error: it is never
/// written over.
fn look(place: &Place, delivery: &Delivery) -> Result<State, PluginError> {
    let key = &delivery.record.key;
    let side_car = SideCar::read(place)?;
    if let Some(side_car) = &side_car
        && side_car.key != *key
    {
        return Err(PluginError::permanent(format!(
            "`{}` belongs to session {} (key {}), not to {} (key {key})",
            place.record().display(),
            side_car.session,
            side_car.key,
            delivery.session.identifier,
        ))
        .with_hint("let `layout` tell the two apart, for example with {key}"));
    }
    let there = match std::fs::read(place.record()) {
        Ok(bytes) => Some(write::sha256(&bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(failure::of(&error, "read", place.record())),
    };
    match (side_car, there) {
        (None, None) => Ok(State::Free),
        (Some(side_car), None) => Ok(State::Claimed(side_car)),
        (Some(side_car), Some(hash)) if hash == side_car.file_sha256 => Ok(State::Whole(side_car)),
        (Some(side_car), Some(_)) => Ok(State::Torn(side_car)),
        (None, Some(hash)) if hash == delivery.record.file_sha256 => Ok(State::Bare),
        (None, Some(_)) => Err(PluginError::permanent(format!(
            "`{}` is there already and was not delivered by nexus (no side-car beside it)",
            place.record().display()
        ))
        .with_hint(format!(
            "move it away, so that the record of {} can take its place",
            delivery.session.identifier
        ))),
    }
}

/// The record's bytes, if they are still those that were built.
fn source(delivery: &Delivery) -> Result<Vec<u8>, PluginError> {
    let path = delivery.record.path.as_path();
    let bytes = std::fs::read(path).map_err(|error| {
        PluginError::permanent(format!("record `{}` cannot be read: {error}", path.display()))
    })?;
    let hash = write::sha256(&bytes);
    if hash == delivery.record.file_sha256 {
        return Ok(bytes);
    }
    Err(PluginError::permanent(format!(
        "record `{}` is not the one that was built: its hash is {hash}, not {}",
        path.display(),
        delivery.record.file_sha256
    ))
    .with_hint("build the session again"))
}

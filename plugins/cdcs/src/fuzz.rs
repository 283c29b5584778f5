//! Whatever a site may answer, read as a delivery reads it: for a fuzzer, and for the tests that do the same on every
//! build.
//!
//! Nothing may panic, and nobody else's record may be taken for a session's.

use std::collections::BTreeMap;

use nexus_plugin_api::{Delivery, InstrumentRef, PathRef, RecordRef, Reservation, SessionFacts};
use serde_json::Value;

use crate::client::complaint;
use crate::identity::{is_of_session, same_record, stamped};
use crate::reply::{Place, Record, Template, rows};

/// The session that records are compared with: its key, its instrument, its booking.
const KEY: &str = "5ba9ac4e-0c4a-5d0f-8c7e-000000000001";
const INSTRUMENT: &str = "TEM-1";
const BOOKING: &str = "31";

/// Reads an answer, or a text that is none as the XML of a record; tells how much was made of it.
///
/// # Errors
/// A record that names neither the session's key nor its instrument is taken for the session's, or one that goes
/// with the key is not.
pub fn answer(body: &[u8]) -> Result<usize, String> {
    let Ok(answer) = serde_json::from_slice::<Value>(body) else {
        return content(&String::from_utf8_lossy(body));
    };
    let one = std::slice::from_ref(&answer);
    let all = answer.as_array().map_or(one, Vec::as_slice);
    let mut understood = usize::from(complaint(&answer).is_some());
    let _ = (rows(&answer, Record::of), rows(&answer, Template::of), rows(&answer, Place::of));
    for value in all {
        understood += usize::from(Template::of(value).is_some()) + usize::from(Place::of(value).is_some());
        if let Some(record) = Record::of(value) {
            understood += 1 + content(&record.content)?;
        }
    }
    Ok(understood)
}

fn content(text: &str) -> Result<usize, String> {
    let delivery = delivery()?;
    let ours = is_of_session(text, &delivery);
    if ours && !text.contains(KEY) && !text.contains('&') && !text.contains(INSTRUMENT) {
        return Err(format!("taken for the session's: {text}"));
    }
    let with_key = stamped(text, KEY);
    if !is_of_session(&with_key, &delivery) {
        return Err(format!("not taken for the session's: {with_key}"));
    }
    if same_record(text, &format!("{text}<")) {
        return Err(format!("the same as one that is no XML: {text}"));
    }
    Ok(usize::from(ours) + usize::from(same_record(text, &with_key)))
}

fn delivery() -> Result<Delivery, String> {
    let time = |text: &str| text.parse().map_err(|error| format!("{text}: {error}"));
    Ok(Delivery {
        record: RecordRef {
            path: PathRef::new("/nowhere/x.xml"),
            key: KEY.to_owned(),
            name: "x".to_owned(),
            content_sha256: String::new(),
            file_sha256: String::new(),
            size: 0,
        },
        session: SessionFacts {
            identifier: "s".to_owned(),
            instrument: InstrumentRef {
                pid: INSTRUMENT.to_owned(),
                display_name: String::new(),
                api_url: String::new(),
                timezone: "America/Denver".to_owned(),
                location: String::new(),
            },
            user: None,
            start: time("2026-05-04T09:00:00-06:00")?,
            end: time("2026-05-04T11:00:00-06:00")?,
        },
        activities: Vec::new(),
        reservation: Some(Reservation { internal_id: Some(BOOKING.to_owned()), ..Reservation::default() }),
        external_ids: BTreeMap::new(),
        user_emails: Vec::new(),
        previous: None,
        checkpoint: None,
        others: Vec::new(),
    })
}

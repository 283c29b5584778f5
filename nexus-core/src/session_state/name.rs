//! The name of a session's record: file stem and remote title.
//!
//! A session whose identifier is an address with a numeric `id` in its query (NEMO's usage events) gets
//! the name that NexusLIMS would give its record: `<date>_<instrument>_<number>`. Every other one gets
//! `<date>_<instrument>_<identifier>`, where everything but ASCII letters, digits, `-`, `.` and, in the
//! identifier, `_` is written as `~` and two hexadecimal digits for each byte, so that no two sessions share a
//! name and every file system takes it. Long names end in `~-` and a hash of the whole.

use chrono::NaiveDate;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{SessionStateError, failed};
use crate::ids::{InstrumentPid, SessionId};

/// Longest record name in bytes, ending for a second session of the same name included.
pub const LONGEST_NAME: usize = 150;

/// Room for `-` and a number that tells namesakes apart.
const ENDING: usize = 11;

/// Hexadecimal digits of the hash that long names end in.
const HASH_DIGITS: usize = 32;

/// The name that a session's record gets if it is still free.
///
/// `date` is that of the session's start as stored, in the offset that stands there.
#[must_use]
pub fn record_name(date: NaiveDate, instrument: &InstrumentPid, session: &SessionId) -> String {
    if let Some(number) = event_number(session.as_str()) {
        let name = format!("{date}_{instrument}_{number}");
        if is_file_name(&name) {
            return name;
        }
    }
    let name = format!("{date}_{}_{}", escaped(instrument.as_str(), false), escaped(session.as_str(), true));
    if name.len() <= LONGEST_NAME - ENDING {
        return name;
    }
    let hash = crate::record::sha256_hex(name.as_bytes());
    let kept = LONGEST_NAME - ENDING - HASH_DIGITS - 2;
    // Only ASCII is in there, so every cut is at a character; half an escape is harmless before the hash.
    format!("{}~-{}", name.get(..kept).unwrap_or_default(), hash.get(..HASH_DIGITS).unwrap_or_default())
}

/// The number in `…?id=<number>`.
pub(super) fn event_number(identifier: &str) -> Option<&str> {
    let (_, query) = identifier.split_once('?')?;
    let query = query.split('#').next()?;
    let number = query.split('&').find_map(|pair| pair.strip_prefix("id="))?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
}

/// Whether NexusLIMS' own form can be a file name here; an instrument may be called anything.
fn is_file_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME - ENDING && !name.contains(['/', '\\']) && !name.chars().any(char::is_control)
}

fn escaped(text: &str, underscore: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' => out.push(char::from(byte)),
            b'_' if underscore => out.push('_'),
            _ => {
                use std::fmt::Write as _;
                let _never_fails = write!(out, "~{byte:02x}");
            }
        }
    }
    out
}

/// Gives a session's record its name, for ever. Where the name belongs to another session, `-2`, `-3`, …
/// is added. Called again, it answers the name that was given, whatever the date is by then.
pub fn reserve_record_name(
    tx: &Transaction<'_>,
    session: &SessionId,
    date: NaiveDate,
) -> Result<String, SessionStateError> {
    let (reserved, instrument): (Option<String>, InstrumentPid) = tx
        .prepare_cached("SELECT record_name, instrument_pid FROM nexus_session WHERE session_identifier = ?1")
        .and_then(|mut statement| {
            statement.query_row([session], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
        .map_err(failed(format!("read the record name of session `{session}`")))?
        .ok_or_else(|| SessionStateError::NotKnown(session.clone()))?;
    if let Some(name) = reserved {
        return Ok(name);
    }
    let first = record_name(date, &instrument, session);
    let mut name = first.clone();
    for number in 2_u32.. {
        let reserved = tx
            .prepare_cached(
                "UPDATE nexus_session SET record_name = ?2 WHERE session_identifier = ?1
                    AND NOT EXISTS (SELECT 1 FROM nexus_session WHERE record_name = ?2)",
            )
            .and_then(|mut statement| statement.execute(params![session, name]))
            .map_err(failed(format!("reserve the record name `{name}` for session `{session}`")))?;
        if reserved == 1 {
            break;
        }
        name = format!("{first}-{number}");
    }
    Ok(name)
}

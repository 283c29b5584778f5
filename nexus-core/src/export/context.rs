//! What a plugin is told about a delivery: a pure function of the record, the session's row and the delivery
//! rows, so that a first delivery, a continuation and a backfill look the same.

use std::collections::BTreeMap;
use std::path::Path;

use nexus_plugin_api as api;

use crate::delivery::table::Other;
use crate::delivery::{Delivery, State};
use crate::folders::Folders;
use crate::record;
use crate::session_state::BuiltRecord;

/// The facts of one delivery, read in one transaction.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The record, with the session's booking.
    pub record: BuiltRecord,
    /// The session.
    pub session: api::SessionFacts,
    /// Its user's identifiers in other systems.
    pub external_ids: BTreeMap<String, String>,
    /// The user's e-mail addresses.
    pub user_emails: Vec<String>,
    /// How far the other destinations are with the session.
    pub others: Vec<Other>,
}

/// Why a record cannot be handed over.
#[derive(Debug, thiserror::Error)]
pub enum RecordGone {
    /// Neither among the fresh records nor among the uploaded ones.
    #[error("record `{0}.xml` is gone from the records folder; it will be built again by the next run")]
    Missing(String),
    /// Its bytes are not those that were built.
    #[error("record `{0}.xml` is not the file that was built; it will be built again by the next run")]
    Changed(String),
    /// It cannot be read.
    #[error("record `{name}.xml` cannot be read: {source}")]
    Unreadable {
        /// Its name.
        name: String,
        /// Why.
        source: std::io::Error,
    },
}

/// The context for `delivery`, with the record read and checked.
pub fn context(facts: &Facts, delivery: &Delivery, folders: &Folders) -> Result<api::Delivery, RecordGone> {
    let name = &facts.record.name;
    let path = folders.find_record(name).ok_or_else(|| RecordGone::Missing(name.clone()))?;
    let bytes =
        std::fs::read(&path).map_err(|source| RecordGone::Unreadable { name: name.clone(), source })?;
    if record::sha256_hex(&bytes) != facts.record.file_sha256 {
        return Err(RecordGone::Changed(name.clone()));
    }
    Ok(assemble(facts, delivery, &path, &bytes, &folders.data))
}

fn assemble(facts: &Facts, delivery: &Delivery, path: &Path, bytes: &[u8], data: &Path) -> api::Delivery {
    api::Delivery {
        record: api::RecordRef {
            path: api::PathRef::new(path),
            key: facts.record.key.clone(),
            name: facts.record.name.clone(),
            content_sha256: facts.record.content_sha256.clone(),
            file_sha256: facts.record.file_sha256.clone(),
            size: bytes.len() as u64,
        },
        session: facts.session.clone(),
        // A record of our own can be read back; were it not so, the record itself is still delivered.
        activities: record::read_activities(bytes, data).unwrap_or_default(),
        reservation: facts.record.reservation.as_deref().and_then(|text| serde_json::from_str(text).ok()),
        external_ids: facts.external_ids.clone(),
        user_emails: facts.user_emails.clone(),
        previous: delivery.remote(),
        checkpoint: delivery.checkpoint.clone(),
        others: facts
            .others
            .iter()
            .map(|other| api::OtherResult {
                destination: other.destination.to_string(),
                delivered: other.state == State::Delivered,
                remote: other.remote.clone(),
            })
            .collect(),
    }
}

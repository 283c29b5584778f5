//! What a destination is given: the record and its session's facts.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

use crate::{Checkpoint, PathRef, Remote, Reservation};

/// An instrument, as plugins see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InstrumentRef {
    /// Primary key.
    pub pid: String,
    /// Name for people.
    pub display_name: String,
    /// The scheduler's address of it.
    pub api_url: String,
    /// IANA time zone.
    pub timezone: String,
    /// Room or building.
    #[serde(default)]
    pub location: String,
}

/// The record that is to be delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecordRef {
    /// The XML file.
    pub path: PathRef,
    /// Key of the session (a UUID), frozen when the session was first stored; goes into remote objects.
    pub key: String,
    /// File stem and remote title; unique, never changes.
    pub name: String,
    /// SHA-256 (hex) of the record without extraction dates and program version.
    pub content_sha256: String,
    /// SHA-256 (hex) of the file's bytes.
    pub file_sha256: String,
    /// Size of the file in bytes.
    pub size: u64,
}

/// The session the record is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionFacts {
    /// As stored in `session_log`.
    pub identifier: String,
    /// Where it took place.
    pub instrument: InstrumentRef,
    /// User name, if known.
    #[serde(default)]
    pub user: Option<String>,
    /// Start, in the instrument's zone.
    pub start: DateTime<FixedOffset>,
    /// End, in the instrument's zone.
    pub end: DateTime<FixedOffset>,
}

/// One dataset of an activity, read back from the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DatasetRef {
    /// Name as in the record.
    pub name: String,
    /// Location as in the record: percent-encoded, below the instrument data.
    pub location: String,
    /// Dataset type as in the record.
    pub dataset_type: String,
    /// The preview picture on disk, if there is one.
    #[serde(default)]
    pub preview: Option<PathRef>,
}

/// One acquisition activity of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActivityRef {
    /// Number within the record, from 0.
    pub seqno: u64,
    /// Start, in the instrument's zone.
    pub start: DateTime<FixedOffset>,
    /// Its datasets, in file order.
    pub datasets: Vec<DatasetRef>,
}

/// What another destination said about this session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OtherResult {
    /// Name of that destination in the configuration.
    pub destination: String,
    /// Whether it holds the record.
    pub delivered: bool,
    /// Where, if it does.
    #[serde(default)]
    pub remote: Option<Remote>,
}

/// One session on its way to one destination: a pure function of the record, the session's row and
/// the delivery rows, so that a first delivery, a continuation and a backfill look the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Delivery {
    /// The record.
    pub record: RecordRef,
    /// Its session.
    pub session: SessionFacts,
    /// What the record says was done.
    pub activities: Vec<ActivityRef>,
    /// The reservation, if there is one.
    #[serde(default)]
    pub reservation: Option<Reservation>,
    /// External identifiers of the session's user, by system.
    #[serde(default)]
    pub external_ids: BTreeMap<String, String>,
    /// E-mail addresses that the facility knows of the session's user.
    #[serde(default)]
    pub user_emails: Vec<String>,
    /// The object this destination is known to hold for this session (under the same target).
    #[serde(default)]
    pub previous: Option<Remote>,
    /// The checkpoint of the last step, when a delivery is being continued.
    #[serde(default)]
    pub checkpoint: Option<Checkpoint>,
    /// What the other destinations said so far.
    #[serde(default)]
    pub others: Vec<OtherResult>,
}

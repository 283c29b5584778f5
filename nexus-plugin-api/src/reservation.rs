//! What a harvester knows about the booking behind a session.

use serde::{Deserialize, Serialize};

use crate::{EventTime, PluginError};

/// A sample, as the user described it. Every field may be unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sample {
    /// Persistent identifier.
    #[serde(default)]
    pub pid: Option<String>,
    /// Name.
    #[serde(default)]
    pub name: Option<String>,
    /// Description.
    #[serde(default)]
    pub details: Option<String>,
    /// Element symbols (`Fe`, `C`); unknown ones are dropped with a warning by the host.
    #[serde(default)]
    pub elements: Vec<String>,
}

/// A project, as the user named it. Every field may be unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Project {
    /// Name.
    #[serde(default)]
    pub name: Option<String>,
    /// Number or code.
    #[serde(default)]
    pub id: Option<String>,
    /// Link.
    #[serde(default)]
    pub link: Option<String>,
}

/// The booking (or the answers given at the instrument) that belongs to a session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reservation {
    /// Number of the reservation (or usage event) at its source.
    #[serde(default)]
    pub internal_id: Option<String>,
    /// Web page of it.
    #[serde(default)]
    pub url: Option<String>,
    /// Title of the experiment.
    #[serde(default)]
    pub title: Option<String>,
    /// Why it was done.
    #[serde(default)]
    pub purpose: Option<String>,
    /// User name.
    #[serde(default)]
    pub username: Option<String>,
    /// Full name, as it should stand in the record.
    #[serde(default)]
    pub user_full_name: Option<String>,
    /// E-mail address.
    #[serde(default)]
    pub user_email: Option<String>,
    /// User name of whoever made the booking.
    #[serde(default)]
    pub created_by: Option<String>,
    /// Booked from. Without an offset it is in the instrument's zone.
    #[serde(default)]
    pub start: Option<EventTime>,
    /// Booked until. Without an offset it is in the instrument's zone.
    #[serde(default)]
    pub end: Option<EventTime>,
    /// When the source last changed it.
    #[serde(default)]
    pub last_updated: Option<EventTime>,
    /// Kind of booking, if the source has kinds.
    #[serde(default)]
    pub reservation_type: Option<String>,
    /// Division of the user, repeated in every project.
    #[serde(default)]
    pub division: Option<String>,
    /// Group of the user, repeated in every project.
    #[serde(default)]
    pub group: Option<String>,
    /// Samples, in the order given.
    #[serde(default)]
    pub samples: Vec<Sample>,
    /// Projects, in the order given.
    #[serde(default)]
    pub projects: Vec<Project>,
    /// Whether the booking is another person's.
    #[serde(default)]
    pub of_another_user: bool,
    /// Details that could not be read and were left out.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// The answer for one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReservationAnswer {
    /// Consent was given, and this is the booking.
    Reservation(Box<Reservation>),
    /// No known affirmative answer was given.
    NoConsent {
        /// The answer, quoted, or what was missing.
        reason: String,
    },
    /// Nothing belongs to this session.
    NoReservation {
        /// What was looked for.
        reason: String,
    },
    /// The usage event itself no longer exists at the source.
    Gone,
    /// It could not be found out; settles nothing.
    Failed(PluginError),
}

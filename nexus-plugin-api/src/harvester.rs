//! A harvester: "which sessions happened, and what reservation belongs to each?"

mod page;

use chrono::{DateTime, FixedOffset, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    Action, ActionOutcome, Call, CheckReport, EventTime, InstrumentRef, PluginError, ReservationAnswer,
};

/// An instrument, and how far its events have been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InstrumentQuery {
    /// The instrument.
    pub instrument: InstrumentRef,
    /// What this plugin returned as the cursor when it last read this instrument; opaque to the host.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// What the host wants to know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HarvestRequest {
    /// The instruments this instance is responsible for, each with its cursor.
    pub instruments: Vec<InstrumentQuery>,
    /// Only events that ended at or after this instant (UTC); overrides the cursors when given.
    #[serde(default)]
    pub from: Option<DateTime<Utc>>,
    /// Only events that ended before this instant (UTC).
    #[serde(default)]
    pub until: Option<DateTime<Utc>>,
    /// External ids of events that were open when last seen or are missing now: answer them whatever the window.
    #[serde(default)]
    pub open: Vec<String>,
    /// What the last page's `more` said; `None` for the first page.
    #[serde(default)]
    pub page: Option<String>,
}

/// One use of an instrument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsageEvent {
    /// The event's id at its source, unique within this harvester instance.
    pub external_id: String,
    /// What goes into `session_log.session_identifier`; stable for ever.
    pub session_identifier: String,
    /// Primary key of the instrument, one of those asked for.
    pub instrument_pid: String,
    /// User name; `None` if the source does not know. An e-mail address that the facility knows of exactly one
    /// user is turned into that user's name by the host.
    #[serde(default)]
    pub user: Option<String>,
    /// When it began. Without an offset it is in the instrument's zone.
    pub start: EventTime,
    /// When it ended; `None` while the instrument is in use.
    #[serde(default)]
    pub end: Option<EventTime>,
    /// Whether the source says it did not take place after all.
    #[serde(default)]
    pub cancelled: bool,
}

/// How far one instrument has been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InstrumentProgress {
    /// Primary key of the instrument.
    pub instrument_pid: String,
    /// Handed back at the next harvest; opaque to the host.
    #[serde(default)]
    pub cursor: Option<String>,
    /// Whether every event of the covered span is in this page or an earlier one of this harvest.
    pub complete: bool,
    /// Start of the span (event end times, UTC) this answer speaks of; `None`: from the beginning.
    #[serde(default)]
    pub covered_from: Option<DateTime<Utc>>,
    /// End of that span (UTC); `None`: up to the moment of the call.
    #[serde(default)]
    pub covered_to: Option<DateTime<Utc>>,
}

/// Events of a tool that is no instrument here: counted and named, not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OutsideEvents {
    /// What the source calls the tool.
    pub tool: String,
    /// How many events were seen.
    pub count: u64,
}

/// Something the source holds that cannot be read as an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RejectedRow {
    /// Where it stands: `usage.csv line 17`, `usage event 4711`.
    pub place: String,
    /// Why it cannot be read, and what it should look like.
    pub reason: String,
}

/// A user met while reading, with the identifier the source has for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MetUser {
    /// User name as used in `session_log.user`.
    pub username: String,
    /// The external system: `nemo`, `labarchives_eln`, `labarchives_scheduler`, `cdcs`.
    pub system: String,
    /// The identifier in that system.
    pub external_id: String,
    /// E-mail address, if known.
    #[serde(default)]
    pub email: Option<String>,
}

/// One page of events. An event whose time is none does not cost the others: it is read as a rejected row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HarvestPage {
    /// The events, in any order.
    pub events: Vec<UsageEvent>,
    /// How far each instrument has been read.
    #[serde(default)]
    pub instruments: Vec<InstrumentProgress>,
    /// Events of tools that are no instrument here.
    #[serde(default)]
    pub outside: Vec<OutsideEvents>,
    /// What could not be read.
    #[serde(default)]
    pub rejected: Vec<RejectedRow>,
    /// Users met.
    #[serde(default)]
    pub users: Vec<MetUser>,
    /// Token of the next page; `None` when this was the last.
    #[serde(default)]
    pub more: Option<String>,
}

/// A session whose reservation is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionRef {
    /// As stored in `session_log`.
    pub session_identifier: String,
    /// The event's id at its source, if this instance harvested it.
    #[serde(default)]
    pub external_id: Option<String>,
    /// Where it took place.
    pub instrument: InstrumentRef,
    /// User name, if known.
    #[serde(default)]
    pub user: Option<String>,
    /// E-mail addresses that the facility knows of this user.
    #[serde(default)]
    pub user_emails: Vec<String>,
    /// Start of the session.
    pub start: DateTime<FixedOffset>,
    /// End of the session.
    pub end: DateTime<FixedOffset>,
}

/// An instrument that the source knows, offered for import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InstrumentOffer {
    /// The source's address of the tool; becomes `instruments.api_url`.
    pub api_url: String,
    /// The source's name for it.
    pub name: String,
    /// Room or building, if known.
    #[serde(default)]
    pub location: Option<String>,
    /// Address of its calendar page, if any.
    #[serde(default)]
    pub calendar_url: Option<String>,
    /// IANA time zone, if the source says.
    #[serde(default)]
    pub timezone: Option<String>,
}

/// Where sessions come from.
pub trait Harvester: Send + Sync {
    /// Brings the events of the instruments asked for, a page at a time.
    ///
    /// Asked again with [`HarvestPage::more`] until that is `None`. The host stores a page's events
    /// and cursors in one transaction, so a cursor never runs ahead of its events.
    fn harvest(&self, call: &Call, request: &HarvestRequest) -> Result<HarvestPage, PluginError>;

    /// The reservation of each session: exactly one answer per session, in the same order.
    fn reservations(
        &self,
        call: &Call,
        sessions: &[SessionRef],
    ) -> Result<Vec<ReservationAnswer>, PluginError>;

    /// The instruments this source knows, for `nexus instruments import`.
    fn instruments(&self, _call: &Call) -> Result<Vec<InstrumentOffer>, PluginError> {
        Ok(Vec::new())
    }

    /// Whether a harvest would work now.
    fn check(&self, call: &Call) -> Result<CheckReport, PluginError>;

    /// The actions this harvester offers.
    fn actions(&self) -> Vec<Action> {
        Vec::new()
    }

    /// Runs one of them.
    fn run_action(
        &self,
        _call: &Call,
        name: &str,
        _arguments: &serde_json::Value,
    ) -> Result<ActionOutcome, PluginError> {
        Err(PluginError::permanent(format!("there is no action `{name}`")))
    }
}

//! The row: one session, one destination.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use nexus_plugin_api::{Checkpoint, Effect as LeftBehind, FailureClass, Remote, Target};

use crate::ids::{DestinationName, SessionId};
use crate::text_enum::text_enum;

text_enum! {
    /// Where a delivery stands.
    pub enum State as "a state of a delivery", error NotAState {
        /// Waits for something that is not its turn yet; [`Delivery::held_for`] says what.
        Held = "held",
        /// May be tried, from `not_before` on.
        Due = "due",
        /// An attempt is under way, or the program died during one.
        InFlight = "in_flight",
        /// The destination holds the record.
        Delivered = "delivered",
        /// Waits for a change of the configuration or of the record.
        Failed = "failed",
        /// It cannot be told whether the destination holds it: a person decides.
        Unknown = "unknown",
        /// Nobody wants it (any more).
        NotWanted = "not_wanted",
    }
}

text_enum! {
    /// What a held delivery waits for.
    pub enum Hold as "a reason to hold a delivery", error NotAHold {
        /// The first attempt of the destinations named in `after`.
        After = "after",
        /// `nexus adopt --deliver-missing`.
        Adoption = "adoption",
        /// A person: the record was delivered to another target than the present one, and nobody
        /// asked to deliver old records again. The old remote id is kept, and counts again
        /// if the target changes back.
        Moved = "moved",
    }
}

text_enum! {
    /// Who delivered.
    pub enum Origin as "an origin of a delivery", error NotAnOrigin {
        /// This program.
        Nexus = "nexus",
        /// NexusLIMS, as its upload log says.
        Peer = "peer",
    }
}

text_enum! {
    /// What kind of failure the last one was.
    pub enum Class as "a class of failure", error NotAClass {
        /// The same request will fail again.
        Permanent = "permanent",
        /// Worth another try.
        Transient = "transient",
        /// The destination asked for a pause.
        RateLimited = "rate_limited",
        /// Credentials or rights are missing.
        Auth = "auth",
        /// Nobody can tell what happened: a crash, a lost answer, several objects found.
        Unknown = "unknown",
    }
}

impl From<&FailureClass> for Class {
    fn from(class: &FailureClass) -> Self {
        match class {
            FailureClass::Permanent => Self::Permanent,
            FailureClass::Transient => Self::Transient,
            FailureClass::RateLimited { .. } => Self::RateLimited,
            FailureClass::Auth => Self::Auth,
        }
    }
}

/// Where a destination delivers to at present, as the host believes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetFacts {
    /// The place; equal as long as it is the same one.
    pub id: String,
    /// Whether it can tell if an object for a session exists.
    pub can_find: bool,
    /// How long after the client gave up a request may still take effect.
    pub settle: TimeDelta,
}

impl TargetFacts {
    /// The longest settle time that is believed.
    pub const LONGEST_SETTLE: TimeDelta = TimeDelta::days(1);

    /// With this settle time instead of the destination's own, at most a day.
    #[must_use]
    pub fn settling(mut self, settle: Option<std::time::Duration>) -> Self {
        if let Some(settle) = settle {
            let settle = TimeDelta::from_std(settle).unwrap_or(Self::LONGEST_SETTLE);
            self.settle = settle.min(Self::LONGEST_SETTLE);
        }
        self
    }
}

impl From<&Target> for TargetFacts {
    /// A settle time of more than a day is taken as a day.
    fn from(target: &Target) -> Self {
        let settle = i64::try_from(target.settle_seconds)
            .ok()
            .and_then(TimeDelta::try_seconds)
            .map_or(Self::LONGEST_SETTLE, |settle| settle.min(Self::LONGEST_SETTLE));
        Self { id: target.id.clone(), can_find: target.can_find, settle }
    }
}

/// A row of `nexus_delivery`. All times are UTC with microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The session.
    pub session: SessionId,
    /// The destination's name in the configuration.
    pub destination: DestinationName,
    /// The place `remote_id` and `checkpoint` belong to; `None` before the first attempt.
    pub target: Option<String>,
    /// Whether that place could find, when it was last asked to deliver.
    pub can_find: bool,
    /// Its settle time then.
    pub settle: TimeDelta,
    /// Where the delivery stands.
    pub state: State,
    /// What a held one waits for; `None` in every other state.
    pub held_for: Option<Hold>,
    /// Content hash of the record that should be there; `None`: no record of ours.
    pub wanted_sha256: Option<String>,
    /// Content hash of what is there; `None`: nothing, or not known.
    pub delivered_sha256: Option<String>,
    /// The destination's id of the object.
    pub remote_id: Option<String>,
    /// A link to it.
    pub remote_url: Option<String>,
    /// How far a delivery of several steps has come.
    pub checkpoint: Option<Checkpoint>,
    /// Content hash of the record the checkpoint belongs to.
    pub checkpoint_sha256: Option<String>,
    /// Attempts since the record last changed or a person last asked.
    pub attempt: u32,
    /// When the attempt in hand (or the last one) was begun, or last came a step further.
    pub intent_at: Option<DateTime<Utc>>,
    /// Set while a question is open: "absent" is believed only if asked after this.
    pub absent_after: Option<DateTime<Utc>>,
    /// Class of the last failure; `None` after a success or a change.
    pub failure_class: Option<Class>,
    /// Whether the last failure may have left something behind.
    pub failure_effect: Option<LeftBehind>,
    /// What failed and why, at most 4 KiB; kept for people until the next outcome.
    pub failure_text: Option<String>,
    /// Digest of the destination's configuration at the last attempt.
    pub config_digest: Option<String>,
    /// Not to be tried earlier.
    pub not_before: Option<DateTime<Utc>>,
    /// Who delivered what is there.
    pub origin: Origin,
    /// The last row in `upload_log` about it.
    pub upload_log_id: Option<i64>,
    /// When the row last changed; grows with every change, so it serves as the row's version.
    pub updated_at: DateTime<Utc>,
}

impl Delivery {
    /// A delivery that nobody has asked for yet. [`super::Event::Wanted`] brings it to life.
    #[must_use]
    pub fn new(session: SessionId, destination: DestinationName, now: DateTime<Utc>) -> Self {
        Self {
            session,
            destination,
            target: None,
            can_find: false,
            settle: TimeDelta::seconds(120),
            state: State::NotWanted,
            held_for: None,
            wanted_sha256: None,
            delivered_sha256: None,
            remote_id: None,
            remote_url: None,
            checkpoint: None,
            checkpoint_sha256: None,
            attempt: 0,
            intent_at: None,
            absent_after: None,
            failure_class: None,
            failure_effect: None,
            failure_text: None,
            config_digest: None,
            not_before: None,
            origin: Origin::Nexus,
            upload_log_id: None,
            updated_at: now.trunc_subsecs(6),
        }
    }

    /// Whether an earlier attempt may have left something behind, or may still do so.
    #[must_use]
    pub fn question_open(&self) -> bool {
        self.absent_after.is_some()
    }

    /// The object known to be at the given target.
    #[must_use]
    pub fn remote_at(&self, target: &str) -> Option<Remote> {
        if self.target.as_deref() != Some(target) {
            return None;
        }
        self.remote()
    }

    /// The object known to be at the row's own target.
    #[must_use]
    pub fn remote(&self) -> Option<Remote> {
        self.remote_id.as_ref().map(|id| Remote {
            id: id.clone(),
            url: self.remote_url.clone(),
            content_sha256: self.delivered_sha256.clone(),
        })
    }

    /// Whether it would be tried by itself at the given moment.
    #[must_use]
    pub fn ready(&self, now: DateTime<Utc>) -> bool {
        self.state == State::Due && self.not_before.is_none_or(|not_before| not_before <= now)
    }
}

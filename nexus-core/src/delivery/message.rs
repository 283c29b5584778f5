//! What may happen to a delivery, and what follows from it.

use chrono::{DateTime, Utc};
use nexus_plugin_api::{Checkpoint, PluginError, Remote};
use serde_json::json;

use super::{Class, Delivery, Hold, TargetFacts};

/// A success that NexusLIMS wrote into the upload log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerUpload {
    /// The destination's id of the object, if the row has one.
    pub remote_id: Option<String>,
    /// The link, if the row has one.
    pub remote_url: Option<String>,
    /// The row in `upload_log`.
    pub upload_log_id: i64,
    /// Where the destination delivers to at present, if it could be asked.
    pub target: Option<String>,
}

/// Something that happened to a delivery.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A record was built (or built again) and should be there. Equal content delivers nothing.
    Wanted {
        /// Content hash of the record.
        content_sha256: String,
        /// What it must wait for first, if anything.
        hold: Option<Hold>,
    },
    /// What held deliveries of this kind waited for has happened.
    Released {
        /// The kind.
        from: Hold,
    },
    /// The session was delivered, or may have been, to this place or to one that nobody noted, as another destination or
    /// before this one was another place for a while. Comes before the first claim for a place that cannot be asked.
    NamedBefore {
        /// Where the destination delivers to at present.
        target: TargetFacts,
        /// That delivery, as far as it is known.
        before: Box<Delivery>,
    },
    /// A worker takes it. Refused unless it is due and `not_before` has come.
    Claim {
        /// Where the destination delivers to at present.
        target: TargetFacts,
        /// Digest of the destination's configuration.
        config_digest: String,
    },
    /// A worker that claimed it asked nothing of the destination after all: it was never tried.
    PutBack,
    /// `find` saw nothing.
    FoundNone,
    /// `find` saw one object, verified to be this session's.
    FoundOne(Remote),
    /// `find` saw several.
    FoundMany(Vec<Remote>),
    /// The destination says that it cannot find after all.
    CannotFind,
    /// `find` did not work.
    FindFailed(PluginError),
    /// `deliver` answered that the record is there. Also for a late answer of an abandoned call.
    StepDone {
        /// The object.
        remote: Remote,
        /// Content hash of the record that was handed over.
        content_sha256: String,
    },
    /// `deliver` came a step further.
    StepMore {
        /// To be handed back with the next step.
        checkpoint: Checkpoint,
        /// Content hash of the record that was handed over.
        content_sha256: String,
    },
    /// `deliver` did not work. Also for a plugin process that died or was killed
    /// (transient, with effect `maybe`).
    DeliverFailed(PluginError),
    /// The record is not there, or not what was built: the destination was not asked. It is built again by the next run.
    RecordGone {
        /// What is the matter with it.
        why: String,
    },
    /// The deadline has passed and the call goes on inside this process: its end will not be seen.
    Overdue,
    /// The program starts, and everything an earlier run left behind is dead.
    Recover,
    /// The destination's configuration at present. Harmless to repeat.
    ConfigChanged {
        /// Its digest.
        digest: String,
    },
    /// Where the destination delivers to at present. Harmless to repeat.
    TargetChanged {
        /// The place and what it is able to do.
        target: TargetFacts,
    },
    /// NexusLIMS delivered it.
    PeerUploaded(PeerUpload),
    /// A person wants nothing more to do with what is known of it.
    Forget,
    /// A person asks for another try.
    Retry,
    /// Nobody wants it any more: `first_success` is met elsewhere, or the destination was removed.
    NotWanted,
}

/// A row for `upload_log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadEntry {
    /// Whether the record is known to be there.
    pub success: bool,
    /// Why not; `None` on success. `unknown`: nobody can tell whether it is there.
    pub class: Option<Class>,
    /// The destination's id of the object.
    pub record_id: Option<String>,
    /// A link to it.
    pub record_url: Option<String>,
    /// What failed and why, at most 4 KiB; `None` on success.
    pub error_message: Option<String>,
    /// Content hash of the record the attempt was about.
    pub content_sha256: Option<String>,
    /// Number of the attempt.
    pub attempt: u32,
    /// Where the destination delivered to.
    pub target: Option<String>,
}

impl UploadEntry {
    /// What goes into `metadata_json`. `record_key` is the session's key that goes into remote objects.
    #[must_use]
    pub fn metadata(&self, record_key: &str) -> serde_json::Value {
        json!({
            "key": record_key,
            "record_sha256": self.content_sha256,
            "attempt": self.attempt,
            "class": self.class.map(Class::as_str),
            "target": self.target,
        })
    }

    /// The same as text.
    #[must_use]
    pub fn metadata_json(&self, record_key: &str) -> String {
        self.metadata(record_key).to_string()
    }
}

/// What somebody must do after a step. Whatever writes goes into the transaction that saves the row;
/// [`Effect::Find`] and [`Effect::Deliver`] (at most one of them, and last) only after it.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Ask the destination; answer with one of the `Found…`, `CannotFind`, `FindFailed`, `Overdue`.
    Find,
    /// Call `deliver`; answer with `Step…`, `DeliverFailed` or `Overdue`.
    Deliver {
        /// The object to be updated; `None`: make one.
        previous: Option<Remote>,
        /// Where to go on.
        checkpoint: Option<Checkpoint>,
    },
    /// Add a row to `upload_log`, and put its id into the delivery before that is saved.
    WriteUploadLog(UploadEntry),
    /// Add a row to `nexus_event`.
    NoteEvent {
        /// A word for scripts.
        kind: &'static str,
        /// For people, at most 4 KiB.
        text: String,
    },
    /// Tell a person; the run ends with "something needs a person".
    NeedsPerson {
        /// What and why.
        why: String,
    },
    /// Count a failure of the destination as a whole; several in a row pause it.
    PauseCandidate {
        /// `transient` or `auth`.
        class: Class,
    },
    /// The destination answers: whatever was counted against it is void.
    DestinationWorked,
    /// Leave the destination alone.
    PauseDestination {
        /// Until then (UTC).
        until: DateTime<Utc>,
        /// Why.
        class: Class,
    },
    /// The event did nothing, and somebody may want to know why.
    Refused {
        /// A lowercase fragment.
        why: String,
    },
}

//! One session on its way to one destination: what happened, what may happen next.
//!
//! # Floor plan
//!
//! * [`Delivery`] is a row of `nexus_delivery`. It is *not* [`nexus_plugin_api::Delivery`], which is
//!   what a plugin is handed.
//! * [`step()`] is the whole behaviour, and pure: a row and an [`Event`] give the next row and the
//!   [`Effect`]s somebody must carry out. It never fails, for any row and any event.
//! * [`session_outcome`] says what the deliveries of a session mean for its status.
//! * [`table`] loads and saves rows.
//!
//! # The life of a delivery
//!
//! ```text
//! not_wanted ──Wanted──▶ held ──Released──▶ due ──Claim──▶ in_flight ──StepDone──▶ delivered
//!                                            ▲                 │
//!                                            ├── try again ────┤  transient, rate_limited
//!                                            ├── question ─────┤  unclear, destination can find
//!                                 failed ◀───┼─────────────────┤  permanent, auth
//!                                 unknown ◀──┴─────────────────┘  unclear, destination cannot find
//! ```
//!
//! # Never two objects
//!
//! A *question* is open while an earlier attempt may have left something behind or may still do so:
//! `absent_after` is set. While it is open nothing is created. A destination that can find is asked;
//! its "nothing there" is believed only when it was asked after `absent_after`, because a server may
//! finish a request long after the client gave up. A destination that cannot find leaves the delivery
//! `unknown`, and a person decides.
//!
//! `absent_after` is counted from the moment the client gave up, not from the intent: that is never
//! earlier, and the request may have been sent at any moment between the two.
//!
//! # What must be committed when
//!
//! The row after [`Event::Claim`] before the first call goes out; the row after [`Event::StepMore`]
//! before the next; the row after an outcome together with its upload log row and the session's status.
//! The row after an answer to `find` may stay in memory: a crash before the next commit is
//! then recovered from the claim, with the same result.

mod message;
mod retry;
mod row;
mod step;
mod strategy;
pub mod table;

/// What a person is told of a destination whose deliveries nobody goes on with.
#[must_use]
pub fn wait_for_somebody(destination: &str, stuck: u64) -> String {
    format!(
        "destination `{destination}`: {stuck} deliveries wait for somebody; `nexus export list --destination \
         {destination}` tells why and what to do"
    )
}

#[cfg(test)]
mod simulation;

pub use message::{Effect, Event, PeerUpload, UploadEntry};
pub(crate) use retry::LONGEST_WAIT;
pub use retry::{RETRY_TABLE_MINUTES, RETRY_TRIES_IN_A_RUN, pause_between_runs};
pub use row::{
    Class, Delivery, Hold, NotAClass, NotAHold, NotAState, NotAnOrigin, Origin, State, TargetFacts,
};
pub use step::step;
pub use strategy::{DeliverySummary, SessionOutcome, Strategy, session_outcome};

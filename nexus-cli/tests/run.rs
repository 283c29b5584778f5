//! `nexus run`, over the built program.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

#[path = "run/choosing.rs"]
mod choosing;
#[path = "run/destinations.rs"]
mod destinations;
#[path = "run/events.rs"]
mod events;
#[path = "run/locking.rs"]
mod locking;
#[path = "run/outcomes.rs"]
mod outcomes;
#[path = "run/refusing.rs"]
mod refusing;
#[path = "run/rehearsing.rs"]
mod rehearsing;
#[path = "run/service.rs"]
mod service;
#[path = "run/stopping.rs"]
mod stopping;
#[path = "run/through.rs"]
mod through;
#[path = "run/watching.rs"]
mod watching;

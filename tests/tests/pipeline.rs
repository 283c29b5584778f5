//! Runs of a whole facility: linked and loaded alike, sessions that crash the build, another program beside us.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "pipeline/carriers.rs"]
mod carriers;
#[path = "pipeline/crashing.rs"]
mod crashing;
#[path = "pipeline/foreign.rs"]
mod foreign;
#[path = "pipeline/interrupted.rs"]
mod interrupted;
#[path = "pipeline/lifecycle.rs"]
mod lifecycle;

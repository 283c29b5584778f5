//! The plugins in Python: each is started as it is, and spoken to line by line.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "python/bridge.rs"]
mod bridge;
#[path = "python/delivery.rs"]
mod delivery;
#[path = "python/share.rs"]
mod share;

//! nexus beside NexusLIMS itself, on one database and one data folder.
//!
//! `cargo test -p nexus-tests --features real`; see `nexus_tests::peer` for where NexusLIMS comes from.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "real_peer/backlog.rs"]
mod backlog;
#[path = "real_peer/db.rs"]
mod db;
#[path = "python/delivery.rs"]
mod delivery;
#[path = "real_peer/exporters.rs"]
mod exporters;
#[path = "real_peer/extractor.rs"]
mod extractor;
#[path = "real_peer/facility.rs"]
mod facility;
#[path = "real_peer/lock.rs"]
mod lock;
#[path = "real_peer/records.rs"]
mod records;

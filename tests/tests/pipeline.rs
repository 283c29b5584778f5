//! Runs of a whole facility: linked and loaded alike, sessions that crash the build, another program beside us,
//! storages that go away, disks that are full, events that come and go, and which sessions are built from which files.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "pipeline/anything.rs"]
mod anything;
#[path = "pipeline/back_again.rs"]
mod back_again;
#[path = "pipeline/back_at_a_place.rs"]
mod back_at_a_place;
#[path = "pipeline/carriers.rs"]
mod carriers;
#[path = "pipeline/choice.rs"]
mod choice;
#[path = "pipeline/crashing.rs"]
mod crashing;
#[path = "pipeline/disk_full.rs"]
mod disk_full;
#[path = "pipeline/endless.rs"]
mod endless;
#[path = "pipeline/extractors.rs"]
mod extractors;
#[path = "pipeline/finding.rs"]
mod finding;
#[path = "pipeline/foreign.rs"]
mod foreign;
#[path = "pipeline/in_flight.rs"]
mod in_flight;
#[path = "pipeline/interrupted.rs"]
mod interrupted;
#[path = "pipeline/invalid.rs"]
mod invalid;
#[path = "pipeline/lifecycle.rs"]
mod lifecycle;
#[path = "pipeline/permissions.rs"]
mod permissions;
#[path = "pipeline/power_cut.rs"]
mod power_cut;
#[path = "pipeline/put_off.rs"]
mod put_off;
#[path = "pipeline/reading.rs"]
mod reading;
#[path = "pipeline/rehearsal.rs"]
mod rehearsal;
#[path = "pipeline/renamed.rs"]
mod renamed;
#[path = "pipeline/renamed_harvester.rs"]
mod renamed_harvester;
#[path = "pipeline/revised.rs"]
mod revised;
#[path = "pipeline/storage.rs"]
mod storage;
#[path = "pipeline/strange_rows.rs"]
mod strange_rows;
#[path = "pipeline/tranches.rs"]
mod tranches;
#[path = "pipeline/users.rs"]
mod users;

//! The program is killed: it ends where an uninterrupted run ends.
//!
//! `NEXUS_TEST_KILLS` asks for more kills, `NEXUS_TEST_SEED` repeats a failure.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "crashes/anywhere.rs"]
mod anywhere;
#[path = "crashes/facility.rs"]
mod facility;
#[path = "crashes/killing.rs"]
mod killing;
#[path = "crashes/revised.rs"]
mod revised;
#[path = "crashes/uploads.rs"]
mod uploads;

//! Runs that deliver to CDCS itself, through a proxy that goes wrong where the test says so.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "real_cdcs/delivery.rs"]
mod delivery;
#[path = "crashes/facility.rs"]
#[allow(dead_code, reason = "shared with the tests against fake servers")]
mod facility;
#[path = "real_cdcs/fake.rs"]
mod fake;
#[path = "real_cdcs/killed.rs"]
mod killed;
#[path = "real_cdcs/plugin.rs"]
mod plugin;
#[path = "real_cdcs/site.rs"]
mod site;

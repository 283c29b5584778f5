//! Runs that deliver to CDCS itself, through a proxy that goes wrong where the test says so.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "real_cdcs/delivery.rs"]
mod delivery;
#[path = "real_cdcs/fake.rs"]
mod fake;
#[path = "real_cdcs/plugin.rs"]
mod plugin;
#[path = "real_cdcs/site.rs"]
mod site;

//! The NEMO plugin against a server that answers as the real one does.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "nemo/adopting.rs"]
mod adopting;
#[path = "nemo/bench.rs"]
mod bench;
#[path = "nemo/commands.rs"]
mod commands;
#[path = "nemo/connections.rs"]
mod connections;
#[path = "nemo/consent.rs"]
mod consent;
#[path = "nemo/harvesting.rs"]
mod harvesting;
#[path = "nemo/requests.rs"]
mod requests;
#[path = "nemo/table.rs"]
mod table;
#[path = "nemo/transport.rs"]
mod transport;
#[path = "nemo/whole_runs.rs"]
mod whole_runs;

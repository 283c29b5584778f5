//! The CDCS plugin against a server that answers as the real one does: whole runs, and single calls.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "cdcs/action.rs"]
mod action;
#[path = "cdcs/bench.rs"]
mod bench;
#[path = "cdcs/check.rs"]
mod check;
#[path = "cdcs/failing.rs"]
mod failing;
#[path = "cdcs/owners.rs"]
mod owners;
#[path = "cdcs/replies.rs"]
mod replies;
#[path = "cdcs/requests.rs"]
mod requests;
#[path = "cdcs/runs.rs"]
mod runs;
#[path = "cdcs/sites.rs"]
mod sites;
#[path = "cdcs/whose.rs"]
mod whose;

//! `nexus db`, over the built program.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

#[path = "db/locating.rs"]
mod locating;
#[path = "db/looking.rs"]
mod looking;
#[path = "db/migrating.rs"]
mod migrating;
#[path = "db/new_migration.rs"]
mod new_migration;
#[path = "db/querying.rs"]
mod querying;
#[path = "db/refusing.rs"]
mod refusing;
#[path = "db/starting.rs"]
mod starting;

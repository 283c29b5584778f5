//! The LabArchives plugin against a server that answers as the real one is said to: whole runs, and single calls.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "labarchives/action.rs"]
mod action;
#[path = "labarchives/bench.rs"]
mod bench;
#[path = "labarchives/check.rs"]
mod check;
#[path = "labarchives/clock.rs"]
mod clock;
#[path = "labarchives/crashes.rs"]
mod crashes;
#[path = "labarchives/failing.rs"]
mod failing;
#[path = "labarchives/fake.rs"]
mod fake;
#[path = "labarchives/holds.rs"]
mod holds;
#[path = "labarchives/inbox.rs"]
mod inbox;
#[path = "labarchives/limits.rs"]
mod limits;
#[path = "labarchives/names.rs"]
mod names;
#[path = "labarchives/pace.rs"]
mod pace;
#[path = "labarchives/previews.rs"]
mod previews;
#[path = "labarchives/program.rs"]
mod program;
#[path = "labarchives/replies.rs"]
mod replies;
#[path = "labarchives/runs.rs"]
mod runs;
#[path = "labarchives/theirs.rs"]
mod theirs;
#[path = "labarchives/time.rs"]
mod time;
#[path = "labarchives/whose.rs"]
mod whose;

//! The SharePoint plugin against a site that speaks both dialects: `_api` and Microsoft Graph.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "sharepoint/bench.rs"]
mod bench;
#[path = "sharepoint/calendars.rs"]
mod calendars;
#[path = "sharepoint/check.rs"]
mod check;
#[path = "sharepoint/consent.rs"]
mod consent;
#[path = "sharepoint/facility.rs"]
mod facility;
#[path = "sharepoint/fake.rs"]
mod fake;
#[path = "sharepoint/large.rs"]
mod large;
#[path = "sharepoint/matching.rs"]
mod matching;
#[path = "sharepoint/recurrence.rs"]
mod recurrence;
#[path = "sharepoint/runs.rs"]
mod runs;
#[path = "sharepoint/secrets.rs"]
mod secrets;
#[path = "sharepoint/sessions.rs"]
mod sessions;
#[path = "sharepoint/signin.rs"]
mod signin;
#[path = "sharepoint/texts.rs"]
mod texts;
#[path = "sharepoint/times.rs"]
mod times;
#[path = "sharepoint/transport.rs"]
mod transport;
#[path = "sharepoint/unread.rs"]
mod unread;

//! CDCS itself: what its site is made of, and the fake server held against it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "real_cdcs/site.rs"]
mod site;

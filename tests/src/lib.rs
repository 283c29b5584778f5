//! What the whole-pipeline tests share: fake servers, databases made by NexusLIMS, the built program, and NexusLIMS
//! itself.
//!
//! A helper that cannot do its part panics: that is the failing test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "everything here runs in tests only"
)]

pub mod fake_cdcs;
pub mod fake_labarchives;
pub mod fake_nemo;
pub mod fake_sharepoint;
pub mod fault;
pub mod fixtures;
pub mod heard;
pub mod http;
pub mod lab;
pub mod lone_destination;
pub mod nemo_facility;
pub mod nemo_table;
pub mod nexus_bin;
pub mod peer;
pub mod privilege;
pub mod program;
pub mod proxy;
pub mod real_cdcs;
pub mod real_nemo;
pub mod real_site;

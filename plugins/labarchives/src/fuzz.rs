//! Whatever a server may answer, read as a delivery reads it: for a fuzzer, and for the tests that do the same on every
//! build.
//!
//! Nothing may panic, and nobody else's page may be taken for a session's.

use std::collections::BTreeMap;

use nexus_plugin_api::{Delivery, InstrumentRef, PathRef, RecordRef, SessionFacts};
use nexus_plugin_http::xml;

use crate::marker::{Marker, visible};
use crate::page::{Whose, judge};
use crate::reply::{self, TreeNode};
use crate::{name, summary};

/// The session that pages are compared with.
const KEY: &str = "5ba9ac4e-0c4a-5d0f-8c7e-000000000001";

/// Reads an answer, and the same bytes as what stands on a page; tells how much was made of them.
///
/// # Errors
/// A page that does not name the session's key is taken for the session's.
pub fn answer(body: &[u8]) -> Result<usize, String> {
    let Ok(text) = reply::text(body) else { return Ok(0) };
    let mut understood = usize::from(reply::epoch(text).is_some());
    understood += summary_of(text)?;
    let Ok(document) = xml::parse(text) else { return Ok(understood) };
    understood += usize::from(reply::refusal(&document).is_some());
    understood += usize::from(reply::largest(&document).is_some());
    understood += usize::from(reply::written(&document).is_some());
    let made = reply::made(&document);
    for node in reply::level(&document).into_iter().flatten().chain(made) {
        named(&node)?;
        understood += 1;
    }
    if let Some(user) = reply::user(&document) {
        understood += 1 + user.notebooks.len();
    }
    let entries = reply::entries(&document).unwrap_or_default();
    if entries.iter().any(|entry| entry.id.trim().is_empty()) {
        return Err(format!("an entry without an id in {text}"));
    }
    if let Whose::Ours(seen) = judge(&entries, &delivery()?) {
        let says_so = |html: &str| visible(html).contains(KEY);
        if !entries.iter().filter_map(|entry| entry.data.as_deref()).any(says_so) {
            return Err(format!("taken for the session's: {text}"));
        }
        understood += 1 + usize::from(seen.attachment.is_some());
    }
    Ok(understood + entries.len())
}

fn summary_of(html: &str) -> Result<usize, String> {
    let _ = summary::is_of_session(html, &delivery()?);
    let Some(marker) = Marker::find(html) else { return Ok(0) };
    // Others are nobody's key: a summary is only ever written with one of these.
    if !marker.key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Ok(1);
    }
    match Marker::find(&format!("<p>{}</p>", marker.text())) {
        Some(again) if again == marker => Ok(1),
        other => Err(format!("{marker:?} is read as {other:?}")),
    }
}

fn named(node: &TreeNode) -> Result<(), String> {
    if node.id.trim().is_empty() || !name::same(&node.name, &node.name) {
        return Err(format!("a page without an id, or another than itself: {node:?}"));
    }
    Ok(())
}

fn delivery() -> Result<Delivery, String> {
    let start = "2025-03-03T19:00:00-07:00".parse().map_err(|error| format!("{error}"))?;
    Ok(Delivery {
        record: RecordRef {
            path: PathRef::new("/nowhere/x.xml"),
            key: KEY.to_owned(),
            name: "x".to_owned(),
            content_sha256: "ab".repeat(32),
            file_sha256: String::new(),
            size: 0,
        },
        session: SessionFacts {
            identifier: "3f0c".to_owned(),
            instrument: InstrumentRef {
                pid: "TITAN".to_owned(),
                display_name: String::new(),
                api_url: String::new(),
                timezone: "America/Denver".to_owned(),
                location: String::new(),
            },
            user: None,
            start,
            end: start,
        },
        activities: Vec::new(),
        reservation: None,
        external_ids: BTreeMap::new(),
        user_emails: Vec::new(),
        previous: None,
        checkpoint: None,
        others: Vec::new(),
    })
}

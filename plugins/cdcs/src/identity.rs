//! Whose record is it that the site holds under a title?
//!
//! The site knows nothing of sessions, and anybody may give a record any title. So the key of the session goes
//! along, in a comment behind the document, which no schema looks at. A record without it was delivered by
//! NexusLIMS, or went through a site that writes records anew: it is the session's if it was made at the same
//! instrument and some of its files in the session's time. One instrument has one session at a time.

use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeDelta};
use nexus_plugin_api::Delivery;
use nexus_plugin_http::xml;
use roxmltree::Node;

const BEFORE: &str = "<!-- nexus record key: ";
const AFTER: &str = " -->";

/// How far times of files and of the session may differ: file systems round.
const SLACK: TimeDelta = TimeDelta::seconds(2);

/// The content with the key behind it.
pub fn stamped(text: &str, key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    // Two hyphens would end the comment.
    if key.is_empty() || !key.chars().all(plain) || key.contains("--") || key.ends_with('-') {
        return text.to_owned();
    }
    let feed = if text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{feed}{BEFORE}{key}{AFTER}\n")
}

/// The key behind a document.
fn stamp(content: &str) -> Option<&str> {
    let (_, rest) = content.rsplit_once(BEFORE)?;
    rest.split_once(AFTER).map(|(key, _)| key)
}

/// Whether a record of the right title is the session's.
pub fn is_of_session(content: &str, delivery: &Delivery) -> bool {
    match stamp(content) {
        Some(key) => key == delivery.record.key,
        None => is_of_time_and_place(content, delivery),
    }
}

fn is_of_time_and_place(content: &str, delivery: &Delivery) -> bool {
    let Ok(document) = xml::parse(content) else { return false };
    let root = document.root_element();
    if root.tag_name().name() != "Experiment" {
        return false;
    }
    let summary = child(root, "summary");
    let instrument = summary.and_then(|summary| child(summary, "instrument")?.attribute("pid"));
    if instrument.map(str::trim) != Some(delivery.session.instrument.pid.as_str()) {
        return false;
    }
    let session = &delivery.session;
    let (from, to) = (session.start - SLACK, session.end + SLACK);
    let starts = root.children().filter(|node| node.tag_name().name() == "acquisitionActivity");
    let mut times =
        starts.filter_map(|activity| time(child(activity, "startTime")?.text()?, session.start)).peekable();
    if times.peek().is_some() {
        return times.any(|time| from <= time && time <= to);
    }
    // Nothing was measured: the number of the booking is left.
    let booking = delivery.reservation.as_ref().and_then(|booking| booking.internal_id.as_deref());
    booking.is_some() && child(root, "id").and_then(|id| id.text()).map(str::trim) == booking
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.tag_name().name() == name)
}

/// A time as it stands in a record; without an offset it is in that of the session.
fn time(text: &str, session: DateTime<FixedOffset>) -> Option<DateTime<FixedOffset>> {
    let text = text.trim();
    DateTime::parse_from_rfc3339(text).ok().or_else(|| {
        let naive = text.parse::<NaiveDateTime>().ok()?;
        naive.and_local_timezone(*session.offset()).single()
    })
}

/// Whether two texts are the same record. What stands around the document, how it is spelt, and a persistent
/// identifier that the site adds to it, do not count.
pub fn same_record(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let (Ok(one), Ok(other)) = (xml::parse(one), xml::parse(other)) else { return false };
    let (root, other_root) = (one.root_element(), other.root_element());
    let mut nodes = root.descendants();
    let mut others = other_root.descendants();
    loop {
        match (nodes.next(), others.next()) {
            (None, None) => return true,
            (Some(node), Some(other)) if same_node(node, other, node == root) => {}
            _ => return false,
        }
    }
}

fn same_node(one: Node<'_, '_>, other: Node<'_, '_>, root: bool) -> bool {
    let attributes = |node: Node<'_, '_>| {
        let counts = |name: &str| !(root && name == "pid");
        let mut all: Vec<(String, String)> = node
            .attributes()
            .filter(|attribute| counts(attribute.name()))
            .map(|attribute| {
                let space = attribute.namespace().unwrap_or_default();
                (format!("{space} {}", attribute.name()), attribute.value().to_owned())
            })
            .collect();
        all.sort();
        all
    };
    one.node_type() == other.node_type()
        && one.tag_name() == other.tag_name()
        && one.children().count() == other.children().count()
        && (one.is_element() || one.text() == other.text())
        && attributes(one) == attributes(other)
}

#[cfg(test)]
mod tests;

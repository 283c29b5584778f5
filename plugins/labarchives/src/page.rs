//! What a page holds for a session.

use nexus_plugin_api::{Call, Delivery, LogLevel};

use crate::LabArchivesDestination;
use crate::attachment::{CAPTION, file_name};
use crate::error::{ApiError, LabError};
use crate::marker::Marker;
use crate::name;
use crate::record::sha256;
use crate::reply::{self, Entry};
use crate::settings::Previews;
use crate::summary;
use crate::tree::Shelf;

/// A page and what it holds for a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its id.
    pub page: String,
    /// Whether the account may not write there.
    pub read_only: bool,
    /// The summary, if there is one.
    pub summary: Option<Written>,
    /// The record, if it is attached.
    pub attachment: Option<Attached>,
    /// Names of previews that should be attached and are not; `None`: nobody has looked.
    pub missing: Option<Vec<String>>,
}

/// A summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its id: the id of the whole at this destination.
    pub id: String,
    /// The content that it says it is of.
    pub content_sha256: Option<String>,
    /// Where a person can open it.
    pub url: Option<String>,
}

/// The attached record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// Its id.
    pub id: String,
    /// Whether it is the very file that is to be delivered.
    pub current: bool,
}

/// Whose a page is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// It says that it is this session's.
    Ours(Seen),
    /// It says nothing: half made, or by NexusLIMS. Its name decides.
    Nobodys(Seen),
    /// It says that it is another session's.
    Anothers,
}

/// The entries of a page.
pub fn entries(
    lab: &LabArchivesDestination,
    call: &Call,
    shelf: &Shelf,
    page: &str,
) -> Result<Vec<Entry>, ApiError> {
    let query =
        [("uid", shelf.uid.as_str()), ("nbid", &shelf.nbid), ("page_tree_id", page), ("entry_data", "true")];
    lab.client.read(call, "tree_tools/get_entries_for_page", &query, ("entries", reply::entries))
}

/// Reads a page.
pub fn look(
    lab: &LabArchivesDestination,
    call: &Call,
    delivery: &Delivery,
    shelf: &Shelf,
    page: &str,
) -> Result<Whose, LabError> {
    let entries = entries(lab, call, shelf, page)?;
    let whose = judge(&entries, delivery);
    let (Whose::Ours(mut seen) | Whose::Nobodys(mut seen)) = whose.clone() else {
        return Ok(Whose::Anothers);
    };
    page.clone_into(&mut seen.page);
    // What the summary says is believed only if the file is there that it speaks of.
    if let Some(attached) = &mut seen.attachment
        && holds(seen.summary.as_ref(), delivery)
    {
        let size = entries.iter().find(|entry| entry.id == attached.id).and_then(|entry| entry.size);
        attached.current = size.is_none_or(|size| size == delivery.record.size)
            && is_the_file(lab, call, delivery, shelf, &attached.id, size.is_some())?;
    }
    if lab.settings.previews == Previews::Attach {
        let there: Vec<&str> = entries.iter().filter_map(|entry| entry.file_name.as_deref()).collect();
        let mut wanted = summary::of(delivery, Previews::Attach, false).to_attach();
        wanted.retain(|wanted| !there.iter().any(|there| name::same(there, wanted)));
        seen.missing = Some(wanted);
    }
    Ok(match whose {
        Whose::Ours(_) => Whose::Ours(seen),
        _ => Whose::Nobodys(seen),
    })
}

/// Whether a summary says that it is of the content that is to be delivered.
pub fn holds(summary: Option<&Written>, delivery: &Delivery) -> bool {
    summary.and_then(|summary| summary.content_sha256.as_ref()) == Some(&delivery.record.content_sha256)
}

impl Seen {
    /// Whether nothing is missing.
    pub fn is_complete(&self, delivery: &Delivery) -> bool {
        holds(self.summary.as_ref(), delivery)
            && self.attachment.as_ref().is_some_and(|attached| attached.current)
            && self.missing.as_ref().is_none_or(Vec::is_empty)
    }
}

/// Compares the attached bytes with the record; where they cannot be had, a size that fits must do.
fn is_the_file(
    lab: &LabArchivesDestination,
    call: &Call,
    delivery: &Delivery,
    shelf: &Shelf,
    id: &str,
    size_fits: bool,
) -> Result<bool, ApiError> {
    let query = [("uid", shelf.uid.as_str()), ("eid", id)];
    match lab.client.bytes(call, "entries/entry_attachment", &query) {
        Ok(bytes) => Ok(sha256(&bytes) == delivery.record.file_sha256),
        Err(error @ (ApiError::Code { .. } | ApiError::Status { .. })) if !error.may_pass() => {
            call.log(LogLevel::Debug, &format!("the attached record cannot be compared: {error}"));
            Ok(size_fits)
        }
        Err(error) => Err(error),
    }
}

/// What the entries of a page are for a session.
pub fn judge(entries: &[Entry], delivery: &Delivery) -> Whose {
    let known = delivery.previous.as_ref().map(|remote| remote.id.as_str());
    let texts = || entries.iter().filter(|entry| !entry.is_attachment());
    let marker = |entry: &Entry| entry.data.as_deref().and_then(Marker::find);
    let by_line = texts().find_map(|entry| {
        let marker = marker(entry).filter(|marker| marker.key == delivery.record.key)?;
        Some((entry, Some(marker.content_sha256)))
    });
    let by_id = || texts().find(|entry| Some(entry.id.as_str()) == known).map(|entry| (entry, None));
    let (summary, ours) = match by_line.or_else(by_id) {
        Some(found) => (Some(found), true),
        None if texts().any(|entry| marker(entry).is_some()) => return Whose::Anothers,
        None => {
            let theirs = |entry: &&Entry| {
                entry.data.as_deref().is_some_and(|html| summary::is_of_session(html, delivery))
            };
            (texts().find(theirs).map(|entry| (entry, None)), false)
        }
    };
    let seen = Seen {
        summary: summary.map(|(entry, content_sha256)| Written {
            id: entry.id.clone(),
            content_sha256,
            url: entry.url.clone(),
        }),
        attachment: attachment(entries, delivery).map(|id| Attached { id, current: false }),
        ..Seen::default()
    };
    if ours { Whose::Ours(seen) } else { Whose::Nobodys(seen) }
}

/// The attached record: by its name, else by its caption. The last one if there are several, since a change that the
/// server could not make is attached anew.
fn attachment(entries: &[Entry], delivery: &Delivery) -> Option<String> {
    let files = || entries.iter().filter(|entry| entry.is_attachment());
    let wanted = file_name(delivery);
    let named =
        files().rfind(|entry| entry.file_name.as_deref().is_some_and(|name| name::same(name, &wanted)));
    let captioned = || {
        files().rfind(|entry| {
            entry
                .caption
                .as_deref()
                .or(entry.data.as_deref())
                .is_some_and(|caption| name::same(caption, CAPTION))
        })
    };
    named.or_else(captioned).map(|entry| entry.id.clone())
}

#[cfg(test)]
mod tests;

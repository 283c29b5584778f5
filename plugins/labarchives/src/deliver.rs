//! Delivering one record: a page, a summary, the record as an attachment; one of them in each step.
//!
//! The file comes before the line that speaks of it: a summary is changed last, so that one that names the content is
//! proof that everything is there.

use nexus_plugin_api::{Call, Checkpoint, Delivery, LogLevel, PluginError, Remote, Step};
use serde::{Deserialize, Serialize};

use crate::LabArchivesDestination;
use crate::client::Body;
use crate::error::{ApiError, LabError};
use crate::find::{locate, remote};
use crate::memory::Glance;
use crate::owner;
use crate::page::{self, Attached, Seen, Whose, Written, holds};
use crate::reply::{self, Entry};
use crate::settings::Previews;
use crate::summary::{self, Summary};
use crate::tree::{self, Shelf};
use crate::{attachment, record};

/// The caption of a preview.
const PREVIEW_CAPTION: &str = "NexusLIMS preview";

/// How far a delivery has come: what the next step needs if nobody remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    notebook: String,
    /// Whether it is a notebook of the session's user.
    own: bool,
    page: String,
    /// The content that was delivered.
    content: String,
    /// The attachment that holds the record, once it is there.
    #[serde(default)]
    attachment: Option<String>,
}

/// Takes a record one step further.
pub fn deliver(lab: &LabArchivesDestination, call: &Call, delivery: &Delivery) -> Result<Step, PluginError> {
    let bytes = record::read(delivery)?;
    let (shelf, glance) = state(lab, call, delivery)?;
    let desk = |shelf: Shelf| Desk { lab, call, delivery, bytes: &bytes, shelf };
    let own = shelf.own;
    // What has been begun with a summary in one notebook is not done once more in another.
    let begun = matches!(&glance, Glance::There(seen) if seen.summary.is_some());
    match desk(shelf).step(glance) {
        Err(LabError::Api(error)) if own && error.refuses_the_account() => {
            if begun || !lab.settings.own.as_ref().is_some_and(|own| own.fallback) {
                return Err(owner::refused(delivery, &error));
            }
            owner::said(call, delivery, &error.to_string());
            let facility = lab.facility()?;
            let glance = one(lab, &facility, crate::find::in_notebook(lab, call, delivery, &facility)?)?;
            Ok(desk(facility).step(glance)?)
        }
        other => Ok(other?),
    }
}

/// Where the delivery stands: as the last step left it, else as the notebook shows it.
fn state(
    lab: &LabArchivesDestination,
    call: &Call,
    delivery: &Delivery,
) -> Result<(Shelf, Glance), LabError> {
    let remembered = lab.memory.take(delivery, lab.client.now());
    let progress = delivery.checkpoint.as_ref().and_then(|checkpoint| {
        // One that another version made, or somebody else, is looked over.
        Progress::deserialize(&checkpoint.0).ok()
    });
    let Some(progress) = progress else {
        return match remembered {
            Some(remembered) => Ok(remembered),
            None => look(lab, call, delivery),
        };
    };
    if let Some((shelf, glance)) = remembered
        && shelf.nbid == progress.notebook
        && shelf.own == progress.own
    {
        return Ok((shelf, glance));
    }
    let facility = lab.facility()?;
    let shelf = if progress.own { lab.goal(call, delivery)?.shelf } else { facility };
    if shelf.nbid == progress.notebook && shelf.own == progress.own {
        match page::look(lab, call, delivery, &shelf, &progress.page) {
            Ok(Whose::Ours(mut seen) | Whose::Nobodys(mut seen)) => {
                if let Some(attached) = &mut seen.attachment {
                    attached.current |= progress.attachment.as_ref() == Some(&attached.id)
                        && progress.content == delivery.record.content_sha256;
                }
                return Ok((shelf, Glance::There(seen)));
            }
            Err(LabError::Api(error)) if !error.may_be_gone() => return Err(error.into()),
            Err(error @ LabError::Plugin(_)) => return Err(error),
            Ok(Whose::Anothers) | Err(_) => {}
        }
    }
    look(lab, call, delivery)
}

fn look(lab: &LabArchivesDestination, call: &Call, delivery: &Delivery) -> Result<(Shelf, Glance), LabError> {
    let (shelf, pages) = locate(lab, call, delivery)?;
    let glance = one(lab, &shelf, pages)?;
    Ok((shelf, glance))
}

/// At most one page may be the session's.
fn one(lab: &LabArchivesDestination, shelf: &Shelf, mut pages: Vec<Seen>) -> Result<Glance, PluginError> {
    let Some(seen) = pages.pop() else { return Ok(Glance::Nothing) };
    if pages.is_empty() {
        return Ok(Glance::There(seen));
    }
    pages.push(seen);
    let links: Vec<String> = pages.iter().filter_map(|seen| remote(lab, shelf, seen, None).url).collect();
    Err(PluginError::permanent(format!(
        "the notebook holds {} pages of this session: {}",
        pages.len(),
        links.join(", ")
    ))
    .with_hint("remove all but one there, then use `nexus export retry`"))
}

struct Desk<'a> {
    lab: &'a LabArchivesDestination,
    call: &'a Call,
    delivery: &'a Delivery,
    bytes: &'a [u8],
    shelf: Shelf,
}

impl Desk<'_> {
    /// Does the next thing that is missing.
    fn step(&self, glance: Glance) -> Result<Step, LabError> {
        let Glance::There(mut seen) = glance else {
            let seen = self.make_page()?;
            return Ok(self.more(seen));
        };
        if seen.is_complete(self.delivery) {
            return Ok(self.done(&seen));
        }
        if seen.read_only {
            let name = self.lab.settings.page.of(self.delivery);
            return Err(tree::read_only("page", &name, &self.shelf).into());
        }
        let missing = seen.missing.as_ref().and_then(|missing| missing.first().cloned());
        let did = match (&seen.summary, &seen.attachment) {
            (None, None) => self.write_summary(&mut seen),
            (_, None) => self.attach(&mut seen),
            (_, Some(attached)) if !attached.current => self.attach_again(&mut seen),
            (summary, Some(_)) if !holds(summary.as_ref(), self.delivery) => self.write_summary(&mut seen),
            _ => self.attach_preview(&mut seen, missing.as_deref().unwrap_or_default()),
        };
        did?;
        if seen.is_complete(self.delivery) { Ok(self.done(&seen)) } else { Ok(self.more(seen)) }
    }

    fn done(&self, seen: &Seen) -> Step {
        let content = self.delivery.record.content_sha256.clone();
        let remote: Remote = remote(self.lab, &self.shelf, seen, Some(content));
        Step::Done(remote)
    }

    fn more(&self, seen: Seen) -> Step {
        let attached = seen.attachment.as_ref().filter(|attached| attached.current);
        let progress = Progress {
            notebook: self.shelf.nbid.clone(),
            own: self.shelf.own,
            page: seen.page.clone(),
            content: self.delivery.record.content_sha256.clone(),
            attachment: attached.map(|attached| attached.id.clone()),
        };
        let checkpoint = Checkpoint(serde_json::to_value(progress).unwrap_or_default());
        self.lab.memory.note(self.delivery, self.shelf.clone(), Glance::There(seen), self.lab.client.now());
        Step::More(checkpoint)
    }

    /// The first page of the session. Somebody has looked a moment ago.
    fn make_page(&self) -> Result<Seen, LabError> {
        let Self { lab, call, delivery, shelf, .. } = self;
        lab.limits.must_fit(&lab.client, call, shelf, delivery)?;
        let path = lab.settings.folder.of(delivery);
        let name = lab.settings.page.of(delivery);
        let insert = || {
            let folders = lab.folders.find_or_make(&lab.client, call, shelf, &path)?;
            let Some(parent) = folders.first() else { return Err(tree::stopped(&lab.client).into()) };
            tree::insert(&lab.client, call, shelf, parent, &name, true)
        };
        let made = match insert() {
            // A folder that was known is gone: once more from the top.
            Err(LabError::Api(error)) if error.may_be_gone() => {
                lab.folders.forget(shelf);
                insert()?
            }
            other => other?,
        };
        Ok(Seen { page: made.id, ..Seen::default() })
    }

    /// Writes the summary, with fewer pictures if it is too large for the server.
    fn write_summary(&self, seen: &mut Seen) -> Result<(), LabError> {
        let mut made = self.summary(false);
        let entry = match self.send_summary(seen, &made) {
            Err(error) if error.is_too_large() => {
                self.call.log(
                    LogLevel::Warn,
                    &format!(
                        "the summary of `{}` is sent without previews: {error}",
                        self.delivery.record.name
                    ),
                );
                made = self.summary(true);
                self.send_summary(seen, &made)?
            }
            other => other?,
        };
        let before = seen.summary.take();
        seen.summary = Some(Written {
            id: before.as_ref().map_or(entry.id, |before| before.id.clone()),
            content_sha256: Some(self.delivery.record.content_sha256.clone()),
            url: entry.url.or_else(|| before.and_then(|before| before.url)),
        });
        // An earlier look knows better which ones are there.
        if self.lab.settings.previews == Previews::Attach && seen.missing.is_none() {
            seen.missing = Some(made.to_attach());
        }
        Ok(())
    }

    fn summary(&self, plain: bool) -> Summary {
        summary::of(self.delivery, self.lab.settings.previews, plain)
    }

    fn send_summary(&self, seen: &Seen, made: &Summary) -> Result<Entry, ApiError> {
        let Self { lab, call, shelf, .. } = self;
        let uid = shelf.uid.as_str();
        let written = ("eid", reply::written);
        match &seen.summary {
            None => {
                let body = summary::body(&shelf.nbid, &seen.page, &made.html);
                lab.client.write(call, "entries/add_entry", &[("uid", uid)], &Body::Form(&body), written)
            }
            Some(before) => {
                let query = [("uid", uid), ("eid", before.id.as_str())];
                let body = [("entry_data", made.html.as_str())];
                // Which entry it is, is known; that it was changed is all there is to say.
                let any =
                    |document: &roxmltree::Document<'_>| Some(reply::written(document).unwrap_or_default());
                lab.client.write(call, "entries/update_entry", &query, &Body::Form(&body), ("eid", any))
            }
        }
    }

    fn attach(&self, seen: &mut Seen) -> Result<(), LabError> {
        let Self { lab, call, delivery, shelf, bytes } = self;
        lab.limits.must_fit(&lab.client, call, shelf, delivery)?;
        let name = attachment::file_name(delivery);
        let at = (shelf, seen.page.as_str());
        let entry = attachment::add(&lab.client, call, at, &name, attachment::CAPTION, bytes)?;
        seen.attachment = Some(Attached { id: entry.id, current: true });
        Ok(())
    }

    /// In the place of the earlier one; beside it if the server cannot do that.
    fn attach_again(&self, seen: &mut Seen) -> Result<(), LabError> {
        let Self { lab, call, delivery, shelf, bytes } = self;
        let Some(attached) = &mut seen.attachment else { return self.attach(seen) };
        lab.limits.must_fit(&lab.client, call, shelf, delivery)?;
        let name = attachment::file_name(delivery);
        match attachment::update(&lab.client, call, shelf, &attached.id, &name, bytes) {
            Ok(()) => {
                attached.current = true;
                Ok(())
            }
            Err(error) if error.is_unknown() => {
                call.log(
                    LogLevel::Warn,
                    &format!("the attached record `{name}` could not be replaced, and stands there twice now: {error}"),
                );
                self.attach(seen)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn attach_preview(&self, seen: &mut Seen, name: &str) -> Result<(), LabError> {
        let Self { lab, call, delivery, shelf, .. } = self;
        let pictures = summary::all_pictures(delivery);
        let picture = pictures.iter().find(|picture| picture.file_name() == name);
        if let Some(bytes) = picture.and_then(|picture| std::fs::read(&picture.path).ok()) {
            let at = (shelf, seen.page.as_str());
            attachment::add(&lab.client, call, at, name, PREVIEW_CAPTION, &bytes)?;
        }
        if let Some(missing) = &mut seen.missing {
            missing.retain(|other| other != name);
        }
        Ok(())
    }
}

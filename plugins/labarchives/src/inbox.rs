//! The Inbox of an account, instead of a notebook. Nothing can be looked up there: what is not known to have arrived
//! stays unknown.

use nexus_plugin_api::{Call, Checkpoint, Delivery, LogLevel, PluginError, Remote, Step};
use serde::{Deserialize, Serialize};

use crate::LabArchivesDestination;
use crate::client::{Body, Pairs};
use crate::error::ApiError;
use crate::reply::{self, Entry};
use crate::settings::Inbox;
use crate::tree::Shelf;
use crate::{attachment, record, summary};

/// Stands between the numbers of the summary and of the attachment, and in neither.
const APART: char = ',';

#[derive(Debug, Serialize, Deserialize)]
struct Progress {
    /// The summary, which is there.
    inbox: String,
    #[serde(default)]
    url: Option<String>,
}

/// Takes a record one step further: the summary, then the record.
pub fn deliver(
    lab: &LabArchivesDestination,
    call: &Call,
    delivery: &Delivery,
    inbox: Inbox,
) -> Result<Step, PluginError> {
    let bytes = record::read(delivery)?;
    let progress =
        delivery.checkpoint.as_ref().and_then(|checkpoint| Progress::deserialize(&checkpoint.0).ok());
    let Some(Progress { inbox: id, url }) = progress else {
        lab.limits.must_fit(&lab.client, call, &shelf(lab), delivery).map_err(PluginError::from)?;
        let entry = write_summary(lab, call, delivery, inbox)?;
        let progress = Progress { inbox: entry.id, url: entry.url };
        return Ok(Step::More(Checkpoint(serde_json::to_value(progress).unwrap_or_default())));
    };
    let attachment = attach(lab, call, delivery, inbox, &bytes)?;
    let url = Some(url.unwrap_or_else(|| lab.client.base().web().to_owned()));
    let id = format!("{id}{APART}{attachment}");
    Ok(Step::Done(Remote { id, url, content_sha256: Some(delivery.record.content_sha256.clone()) }))
}

/// The summary and the attachment of an earlier delivery. An earlier version noted the summary alone.
fn entries(previous: &Remote) -> (&str, Option<&str>) {
    match previous.id.split_once(APART) {
        Some((summary, attachment)) => (summary, Some(attachment)),
        None => (&previous.id, None),
    }
}

/// Attaches the record, in the place of the earlier one if it is known, and answers the attachment's number.
fn attach(
    lab: &LabArchivesDestination,
    call: &Call,
    delivery: &Delivery,
    inbox: Inbox,
    bytes: &[u8],
) -> Result<String, ApiError> {
    let name = attachment::file_name(delivery);
    let before = delivery.previous.as_ref().map(entries);
    if let Some((_, Some(attached))) = before {
        match attachment::update(&lab.client, call, &shelf(lab), attached, &name, bytes) {
            Ok(()) => return Ok(attached.to_owned()),
            Err(error) if error.is_unknown() => call.log(
                LogLevel::Warn,
                &format!(
                    "the attached record `{name}` could not be replaced, and stands there twice now: {error}"
                ),
            ),
            Err(error) => return Err(error),
        }
    } else if before.is_some() {
        let text = format!("the Inbox keeps the earlier attachment of `{name}` beside the new one");
        call.log(LogLevel::Warn, &text);
    }
    let query = [("uid", lab.settings.uid.as_str()), ("filename", &name), ("caption", attachment::CAPTION)];
    let query: Vec<(&str, &str)> = query.into_iter().chain(place(inbox).iter().copied()).collect();
    let written = ("eid", reply::written);
    let entry = lab.client.write(call, "entries/add_attachment", &query, &Body::File(bytes), written)?;
    Ok(entry.id)
}

fn shelf(lab: &LabArchivesDestination) -> Shelf {
    Shelf { uid: lab.settings.uid.clone(), nbid: String::new(), own: false }
}

/// How a call says that the Inbox is meant. An empty text would be refused.
fn place(inbox: Inbox) -> Pairs<'static> {
    match inbox {
        Inbox::Omit => &[],
        Inbox::Zero => &[("nbid", "0"), ("pid", "0")],
    }
}

fn write_summary(
    lab: &LabArchivesDestination,
    call: &Call,
    delivery: &Delivery,
    inbox: Inbox,
) -> Result<Entry, ApiError> {
    match send_summary(lab, call, delivery, inbox, false) {
        Err(error) if error.is_too_large() => {
            call.log(
                LogLevel::Warn,
                &format!("the summary of `{}` is sent without previews: {error}", delivery.record.name),
            );
            send_summary(lab, call, delivery, inbox, true)
        }
        other => other,
    }
}

fn send_summary(
    lab: &LabArchivesDestination,
    call: &Call,
    delivery: &Delivery,
    inbox: Inbox,
    plain: bool,
) -> Result<Entry, ApiError> {
    let html = summary::of(delivery, lab.settings.previews, plain).html;
    let uid = lab.settings.uid.as_str();
    if let Some((before, _)) = delivery.previous.as_ref().map(entries) {
        let any = |document: &roxmltree::Document<'_>| Some(reply::written(document).unwrap_or_default());
        let query = [("uid", uid), ("eid", before)];
        let body = [("entry_data", html.as_str())];
        let entry =
            lab.client.write(call, "entries/update_entry", &query, &Body::Form(&body), ("eid", any))?;
        return Ok(Entry { id: before.to_owned(), ..entry });
    }
    let mut body = vec![("part_type", "text entry"), ("entry_data", html.as_str())];
    body.extend(place(inbox));
    lab.client.write(call, "entries/add_entry", &[("uid", uid)], &Body::Form(&body), ("eid", reply::written))
}

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
        let shelf = Shelf { uid: lab.settings.uid.clone(), nbid: String::new(), own: false };
        lab.limits.must_fit(&lab.client, call, &shelf, delivery).map_err(PluginError::from)?;
        let entry = write_summary(lab, call, delivery, inbox)?;
        let progress = Progress { inbox: entry.id, url: entry.url };
        return Ok(Step::More(Checkpoint(serde_json::to_value(progress).unwrap_or_default())));
    };
    if delivery.previous.is_some() {
        call.log(
            LogLevel::Warn,
            &format!(
                "the Inbox keeps the earlier attachment of `{}` beside the new one",
                delivery.record.name
            ),
        );
    }
    let name = attachment::file_name(delivery);
    let query = [("uid", lab.settings.uid.as_str()), ("filename", &name), ("caption", attachment::CAPTION)];
    let query: Vec<(&str, &str)> = query.into_iter().chain(place(inbox).iter().copied()).collect();
    let written = ("eid", reply::written);
    lab.client.write(call, "entries/add_attachment", &query, &Body::File(&bytes), written)?;
    let url = Some(url.unwrap_or_else(|| lab.client.base().web().to_owned()));
    Ok(Step::Done(Remote { id, url, content_sha256: Some(delivery.record.content_sha256.clone()) }))
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
    if let Some(before) = &delivery.previous {
        let any = |document: &roxmltree::Document<'_>| Some(reply::written(document).unwrap_or_default());
        let query = [("uid", uid), ("eid", before.id.as_str())];
        let body = [("entry_data", html.as_str())];
        let entry =
            lab.client.write(call, "entries/update_entry", &query, &Body::Form(&body), ("eid", any))?;
        return Ok(Entry { id: before.id.clone(), ..entry });
    }
    let mut body = vec![("part_type", "text entry"), ("entry_data", html.as_str())];
    body.extend(place(inbox));
    lab.client.write(call, "entries/add_entry", &[("uid", uid)], &Body::Form(&body), ("eid", reply::written))
}

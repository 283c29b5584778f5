//! Files on a page.

use nexus_plugin_api::{Call, Delivery, LogLevel, PluginError};
use nexus_plugin_http::{Once, Trouble};

use crate::client::{Body, Client};
use crate::error::{ApiError, LabError};
use crate::reply::{self, Entry};
use crate::tree::{Shelf, stopped};

/// The caption of the record, as NexusLIMS gives it.
pub const CAPTION: &str = "NexusLIMS XML record";

/// Why a record is attached once more.
const CHANGED: &str = "The record was built again.";

/// The name of the record as an attachment.
pub fn file_name(delivery: &Delivery) -> String {
    format!("{}.xml", delivery.record.name)
}

/// How large a file may be, by account; `None`: the server does not tell.
#[derive(Debug, Default)]
pub struct Limits(Once<String, Option<u64>>);

impl Limits {
    /// That a record fits, before anything is made for it.
    pub fn must_fit(
        &self,
        client: &Client,
        call: &Call,
        notebook: &Shelf,
        delivery: &Delivery,
    ) -> Result<(), LabError> {
        let asked = self.0.get(call, &notebook.uid, || {
            let query = [("uid", notebook.uid.as_str())];
            match client.read(call, "users/max_file_size", &query, ("max-file-size", reply::largest)) {
                Ok(largest) => Ok(Some(largest)),
                Err(error @ ApiError::Pause { .. }) => Err(error),
                Err(ApiError::Transport(error)) if error.trouble == Trouble::Stopped => Err(error.into()),
                Err(error) if error.refuses_the_account() => Err(error),
                Err(error) => {
                    call.log(LogLevel::Debug, &format!("how large a file may be is not known: {error}"));
                    Ok(None)
                }
            }
        });
        let largest = asked.unwrap_or_else(|| Err(stopped(client)))?;
        let size = delivery.record.size;
        match largest.filter(|largest| size > *largest) {
            None => Ok(()),
            Some(largest) => Err(PluginError::permanent(format!(
                "record `{}` has {size} bytes, and LabArchives takes files of at most {largest}",
                delivery.record.name
            ))
            .with_hint(
                "the limit is the institution's; or leave metadata out of the record, for example by `ignore` in [build]",
            )
            .into()),
        }
    }
}

/// Attaches a file to a page. Nobody looks whether there is one of this name.
pub fn add(
    client: &Client,
    call: &Call,
    (shelf, page): (&Shelf, &str),
    name: &str,
    caption: &str,
    bytes: &[u8],
) -> Result<Entry, ApiError> {
    let query = [
        ("uid", shelf.uid.as_str()),
        ("nbid", &shelf.nbid),
        ("pid", page),
        ("filename", name),
        ("caption", caption),
    ];
    client.write(call, "entries/add_attachment", &query, &Body::File(bytes), ("eid", reply::written))
}

/// Attaches the record in the place of an earlier one, which stays in its history.
pub fn update(
    client: &Client,
    call: &Call,
    shelf: &Shelf,
    id: &str,
    name: &str,
    bytes: &[u8],
) -> Result<(), ApiError> {
    let query = [
        ("uid", shelf.uid.as_str()),
        ("eid", id),
        ("filename", name),
        ("caption", CAPTION),
        ("change_description", CHANGED),
    ];
    let any = |_: &roxmltree::Document<'_>| Some(());
    client.write(call, "entries/update_attachment", &query, &Body::File(bytes), ("eid", any))
}

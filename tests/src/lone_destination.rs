//! A destination plugin by itself: a call, a session with its record, and what a host does with both.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use nexus_core::record::sha256_hex;
use nexus_plugin_api::{
    Call, Cancel, Delivery, Destination, Found, InstrumentRef, LogLevel, PathRef, PluginError, RecordRef,
    Remote, SessionFacts, Step,
};

/// A call without a deadline, whose log is kept.
pub fn call(scratch: &Path, log: &Arc<Mutex<Vec<String>>>) -> Call {
    let log = Arc::clone(log);
    let sink = move |_: LogLevel, line: &str| log.lock().unwrap().push(line.to_owned());
    Call::new(None, Cancel::new(), scratch.to_owned(), Arc::new(sink))
}

/// A session of ada's; its record is written to the path.
pub fn delivery(path: &Path, key: String, name: &str, record: &str) -> Delivery {
    std::fs::write(path, record).unwrap();
    let hash = sha256_hex(record.as_bytes());
    Delivery {
        record: RecordRef {
            path: PathRef::new(path),
            key,
            name: name.to_owned(),
            content_sha256: sha256_hex(hash.as_bytes()),
            file_sha256: hash,
            size: record.len() as u64,
        },
        session: SessionFacts {
            identifier: format!("session {name}"),
            instrument: InstrumentRef {
                pid: "TEM-1".into(),
                display_name: "The TEM".into(),
                api_url: "https://lab.example.org/tools/1".into(),
                timezone: "America/Denver".into(),
                location: "room 1".into(),
            },
            user: Some("ada".into()),
            start: "2026-05-04T09:00:00-06:00".parse().unwrap(),
            end: "2026-05-04T11:00:00-06:00".parse().unwrap(),
        },
        activities: Vec::new(),
        reservation: None,
        external_ids: BTreeMap::new(),
        user_emails: Vec::new(),
        previous: None,
        checkpoint: None,
        others: Vec::new(),
    }
}

/// Asks where that is possible, and delivers what is not there, as the host does it.
///
/// # Errors
/// What the plugin says.
pub fn carry(plugin: &dyn Destination, call: &Call, delivery: &Delivery) -> Result<Remote, PluginError> {
    let mut delivery = delivery.clone();
    if plugin.target(call)?.can_find {
        match plugin.find(call, &delivery)? {
            Found::None => {}
            Found::One(remote) if remote.content_sha256.as_ref() == Some(&delivery.record.content_sha256) => {
                return Ok(remote);
            }
            Found::One(remote) => delivery.previous = Some(remote),
            Found::Many(many) => panic!("{many:?}"),
        }
    }
    loop {
        match plugin.deliver(call, &delivery)? {
            Step::Done(remote) => return Ok(remote),
            Step::More(checkpoint) => delivery.checkpoint = Some(checkpoint),
        }
    }
}

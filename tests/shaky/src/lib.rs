//! A destination that goes wrong as a plan says: for tests of what a run survives.
//!
//! Its settings name a folder with `plan.json` (session → what its first, second, … `deliver` does), `calls` (a
//! file a session, a byte longer with every `deliver`) and `objects` (what was delivered, by record key).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use nexus_plugin_api::{
    Call, CheckReport, Delivery, Destination, Found, Instance, Manifest, Plugin, PluginError, PluginKind,
    Remote, Step, Target,
};
use serde_json::{Value, json};

/// The plugin.
#[derive(Debug, Default, Clone, Copy)]
pub struct Shaky;

nexus_plugin_api::export_plugin!(Shaky);

/// The same by another name: two files' plugins of one name cannot be used in one facility.
#[derive(Debug, Default, Clone, Copy)]
pub struct LinkedShaky;

impl Plugin for LinkedShaky {
    fn manifest(&self) -> Manifest {
        Manifest { name: "shaky-linked".to_owned(), ..Shaky.manifest() }
    }

    fn create(&self, settings: &Value) -> Result<Instance, PluginError> {
        Shaky.create(settings)
    }
}

struct Folder(PathBuf);

impl Plugin for Shaky {
    fn manifest(&self) -> Manifest {
        Manifest::new("shaky", "0.0.0", PluginKind::Destination).with_settings(json!({
            "type": "object", "required": ["folder"],
            "properties": {"folder": {"type": "string", "format": "path"}},
        }))
    }

    fn create(&self, settings: &Value) -> Result<Instance, PluginError> {
        Ok(Instance::Destination(Box::new(Folder(settings["folder"].as_str().unwrap().into()))))
    }
}

impl Folder {
    fn object(&self, delivery: &Delivery) -> PathBuf {
        self.0.join("objects").join(&delivery.record.key)
    }

    fn remote(delivery: &Delivery, content: String) -> Remote {
        Remote { id: delivery.record.key.clone(), url: None, content_sha256: Some(content) }
    }

    fn write(&self, delivery: &Delivery) -> Remote {
        let content = delivery.record.content_sha256.clone();
        // A second object for one session is what must never happen.
        let mut file = File::create_new(self.object(delivery)).expect("delivered twice");
        file.write_all(content.as_bytes()).unwrap();
        Self::remote(delivery, content)
    }

    /// What the plan says about this call.
    fn turn(&self, delivery: &Delivery) -> String {
        let session = &delivery.session.identifier;
        let mut calls =
            OpenOptions::new().create(true).append(true).open(self.0.join("calls").join(session)).unwrap();
        let before = calls.metadata().unwrap().len();
        calls.write_all(b"x").unwrap();
        let plan: Value = serde_json::from_slice(&fs::read(self.0.join("plan.json")).unwrap()).unwrap();
        plan[session][usize::try_from(before).unwrap()].as_str().unwrap_or("ok").to_owned()
    }
}

impl Destination for Folder {
    fn target(&self, _call: &Call) -> Result<Target, PluginError> {
        Ok(Target { id: self.0.display().to_string(), can_find: true, settle_seconds: 0 })
    }

    fn find(&self, _call: &Call, delivery: &Delivery) -> Result<Found, PluginError> {
        Ok(match fs::read_to_string(self.object(delivery)) {
            Ok(content) => Found::One(Self::remote(delivery, content)),
            Err(_) => Found::None,
        })
    }

    fn deliver(&self, call: &Call, delivery: &Delivery) -> Result<Step, PluginError> {
        let turn = self.turn(delivery);
        let (fault, written) = match turn.strip_suffix("_after") {
            Some(fault) => (fault, Some(self.write(delivery))),
            None => (turn.as_str(), None),
        };
        match fault {
            "ok" => Ok(Step::Done(self.write(delivery))),
            "refuse" => Err(PluginError::transient("refused")),
            "lost" => Err(PluginError::transient("the connection was lost").maybe_done()),
            "nameless" => Ok(Step::Done(Remote { id: String::new(), ..written.unwrap() })),
            "panic" => panic!("planned"),
            "abort" => std::process::abort(),
            "exit" => std::process::exit(3),
            "overflow" => Ok(Step::Done(Remote { id: overflow(1).to_string(), ..written.unwrap() })),
            "hang" => {
                while !call.cancel.is_cancelled() {
                    std::thread::yield_now();
                }
                Err(PluginError::transient("gave up when asked to").maybe_done())
            }
            "hang_for_ever" => loop {
                std::thread::park();
            },
            other => panic!("the plan says `{other}`"),
        }
    }

    fn check(&self, _call: &Call) -> Result<CheckReport, PluginError> {
        Ok(CheckReport::default())
    }
}

/// Needs more stack than there is.
#[allow(unconditional_recursion, reason = "that is its purpose")]
fn overflow(depth: u64) -> u64 {
    let filled = std::hint::black_box([depth; 64]);
    overflow(depth + 1) + filled[usize::try_from(depth % 64).unwrap()]
}

//! One sound plugin of each kind.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use nexus_plugin_api::{
    Action, ActionOutcome, Call, CheckReport, CheckResult, Checkpoint, Delivery, EventTime, Found,
    HarvestPage, HarvestRequest, Instance, InstrumentOffer, InstrumentProgress, InstrumentRef, LogLevel,
    Manifest, MetUser, MetaMap, MetaValue, PathRef, Plugin, PluginError, PluginKind, RejectedRow, Remote,
    Reservation, ReservationAnswer, SessionRef, Signal, Step, Target, UsageEvent,
};
use serde_json::{Value, json};

fn manifest(kind: PluginKind, capabilities: &[&str]) -> Manifest {
    Manifest::new("model", "1.0.0", kind)
        .with_summary("Does all that is promised.")
        .with_capabilities(capabilities)
        .with_settings(json!({
            "type": "object",
            "required": ["path", "token"],
            "properties": {
                "path": {"type": "string", "description": "A folder."},
                "token": {"type": "string", "secret": true, "description": "What lets us in."},
                "retries": {"type": "integer", "default": 3, "description": "How often."}
            }
        }))
}

fn configure(settings: &Value) -> Result<(), PluginError> {
    for name in ["path", "token"] {
        match settings.get(name) {
            Some(Value::String(_)) => {}
            Some(_) => return Err(PluginError::permanent(format!("`{name}` is not a text"))),
            None => return Err(PluginError::permanent(format!("`{name}` is missing"))),
        }
    }
    if settings.get("retries").is_some_and(|value| !value.is_u64()) {
        return Err(PluginError::permanent("`retries` is not a number"));
    }
    Ok(())
}

fn check(call: &Call) -> CheckReport {
    call.log(LogLevel::Debug, "looked after everything");
    let mut report = CheckReport::default();
    report.push("all there", CheckResult::Ok, "yes");
    report
}

fn actions() -> Vec<Action> {
    let action = |name: &str, writes| Action {
        name: name.to_owned(),
        summary: format!("Does {name}."),
        arguments: json!({"type": "object", "properties": {}}),
        writes,
    };
    vec![action("count", false), action("purge", true)]
}

fn run_action(name: &str) -> Result<ActionOutcome, PluginError> {
    assert_ne!(name, "purge", "an action that writes was run");
    if name != "count" {
        return Err(PluginError::permanent(format!("there is no action `{name}`")));
    }
    Ok(ActionOutcome { message: "1".to_owned(), data: Value::Null, users: Vec::new() })
}

macro_rules! shared {
    () => {
        fn check(&self, call: &Call) -> Result<CheckReport, PluginError> {
            Ok(check(call))
        }

        fn actions(&self) -> Vec<Action> {
            actions()
        }

        fn run_action(
            &self,
            _call: &Call,
            name: &str,
            _arguments: &Value,
        ) -> Result<ActionOutcome, PluginError> {
            run_action(name)
        }
    };
}

/// Holds its objects in memory. A delivery has two steps.
#[derive(Clone, Default)]
pub struct Destination(Arc<Mutex<BTreeMap<String, String>>>);

impl Plugin for Destination {
    fn manifest(&self) -> Manifest {
        manifest(PluginKind::Destination, &["find", "steps", "update", "actions"])
    }

    fn create(&self, settings: &Value) -> Result<Instance, PluginError> {
        configure(settings)?;
        Ok(Instance::Destination(Box::new(self.clone())))
    }
}

fn remote(key: &str, content: &str) -> Remote {
    let url = Some(format!("https://model.example.org/{key}"));
    Remote { id: format!("object-{key}"), url, content_sha256: Some(content.to_owned()) }
}

impl nexus_plugin_api::Destination for Destination {
    fn target(&self, _call: &Call) -> Result<Target, PluginError> {
        Ok(Target { id: "https://model.example.org/".to_owned(), can_find: true, settle_seconds: 5 })
    }

    fn find(&self, _call: &Call, delivery: &Delivery) -> Result<Found, PluginError> {
        let key = &delivery.record.key;
        let objects = self.0.lock().unwrap();
        Ok(objects.get(key).map_or(Found::None, |content| Found::One(remote(key, content))))
    }

    fn deliver(&self, call: &Call, delivery: &Delivery) -> Result<Step, PluginError> {
        let path = delivery.record.path.as_path();
        std::fs::read(path)
            .map_err(|error| PluginError::permanent(format!("record `{}`: {error}", path.display())))?;
        if call.should_stop() {
            return Err(PluginError::transient("stopped"));
        }
        match &delivery.checkpoint {
            None => Ok(Step::More(Checkpoint(json!({"uploaded": delivery.record.key})))),
            Some(Checkpoint(value)) if value["uploaded"] == delivery.record.key.as_str() => {
                let content = &delivery.record.content_sha256;
                self.0.lock().unwrap().insert(delivery.record.key.clone(), content.clone());
                Ok(Step::Done(remote(&delivery.record.key, content)))
            }
            Some(_) => Err(PluginError::permanent("this checkpoint is not ours")),
        }
    }

    shared!();
}

/// Knows ten uses of two instruments.
#[derive(Clone, Copy)]
pub struct Harvester;

pub fn instruments() -> Vec<InstrumentRef> {
    let instrument = |pid: &str, zone: &str| InstrumentRef {
        pid: pid.to_owned(),
        display_name: pid.to_owned(),
        api_url: format!("https://model.example.org/{pid}"),
        timezone: zone.to_owned(),
        location: String::new(),
    };
    vec![instrument("MODEL-A", "America/Denver"), instrument("MODEL-B", "Europe/Berlin")]
}

/// Events 0 to 9, the even ones of MODEL-A without an offset; number 9 is still in use.
fn events() -> Vec<UsageEvent> {
    let event = |number: usize| {
        let instrument = &instruments()[number % 2];
        let time = |hour: usize| -> EventTime {
            let offset = if number.is_multiple_of(2) { "" } else { "+01:00" };
            format!("2024-03-0{}T{hour:02}:00:00{offset}", 1 + number / 2).parse().unwrap()
        };
        UsageEvent {
            external_id: number.to_string(),
            session_identifier: format!("model-use-{number}"),
            instrument_pid: instrument.pid.clone(),
            user: Some("ada".to_owned()),
            start: time(9),
            end: (number != 9).then(|| time(11)),
            cancelled: false,
        }
    };
    (0..10).map(event).collect()
}

fn ended(event: &UsageEvent) -> Option<chrono::DateTime<chrono::Utc>> {
    match event.end? {
        EventTime::Offset(time) => Some(time.to_utc()),
        EventTime::Local(naive) => Some(crate::zone::localise(naive, chrono_tz::America::Denver).to_utc()),
    }
}

impl Plugin for Harvester {
    fn manifest(&self) -> Manifest {
        manifest(PluginKind::Harvester, &["instruments", "actions"])
    }

    fn create(&self, settings: &Value) -> Result<Instance, PluginError> {
        configure(settings)?;
        Ok(Instance::Harvester(Box::new(*self)))
    }
}

const PAGE: usize = 4;

impl nexus_plugin_api::Harvester for Harvester {
    fn harvest(&self, call: &Call, request: &HarvestRequest) -> Result<HarvestPage, PluginError> {
        if call.should_stop() {
            return Err(PluginError::transient("stopped"));
        }
        if request
            .instruments
            .iter()
            .any(|query| query.cursor.as_deref().is_some_and(|cursor| cursor != "all"))
        {
            return Err(PluginError::permanent("this cursor is not ours"));
        }
        let first: usize = match &request.page {
            None => 0,
            Some(page) => {
                page.parse().map_err(|_| PluginError::permanent(format!("there is no page `{page}`")))?
            }
        };
        let asked = |pid: &str| request.instruments.iter().any(|query| query.instrument.pid == pid);
        let inside = |event: &UsageEvent| {
            request.open.contains(&event.external_id)
                || ended(event).is_none_or(|end| {
                    request.from.is_none_or(|from| end >= from)
                        && request.until.is_none_or(|until| end < until)
                })
        };
        let mut events: Vec<UsageEvent> = events()
            .into_iter()
            .filter(|event| asked(&event.instrument_pid) && inside(event))
            .skip(first)
            .collect();
        let more = (events.len() > PAGE).then(|| (first + PAGE).to_string());
        events.truncate(PAGE);
        let progress = request.instruments.iter().map(|query| InstrumentProgress {
            instrument_pid: query.instrument.pid.clone(),
            cursor: Some("all".to_owned()),
            complete: true,
            covered_from: "2024-03-01T00:00:00Z".parse().ok(),
            covered_to: "2024-03-08T00:00:00Z".parse().ok(),
        });
        Ok(HarvestPage {
            events,
            instruments: if more.is_none() { progress.collect() } else { Vec::new() },
            rejected: vec![RejectedRow { place: "line 17".to_owned(), reason: "it has no start".to_owned() }],
            users: vec![MetUser {
                username: "ada".to_owned(),
                system: "nemo".to_owned(),
                external_id: "17".to_owned(),
                email: None,
            }],
            more,
            ..HarvestPage::default()
        })
    }

    fn reservations(
        &self,
        _call: &Call,
        sessions: &[SessionRef],
    ) -> Result<Vec<ReservationAnswer>, PluginError> {
        let answer = |session: &SessionRef| {
            let number: Option<usize> = session.external_id.as_ref().and_then(|id| id.parse().ok());
            match number {
                Some(number) if number % 3 == 0 => ReservationAnswer::Reservation(Box::new(Reservation {
                    title: Some(format!("Use {number}")),
                    start: Some(session.start.into()),
                    end: Some(session.end.into()),
                    ..Reservation::default()
                })),
                Some(number) => ReservationAnswer::NoConsent { reason: format!("use {number}: `no`") },
                None => ReservationAnswer::NoReservation { reason: "nothing is known of it".to_owned() },
            }
        };
        Ok(sessions.iter().map(answer).collect())
    }

    fn instruments(&self, _call: &Call) -> Result<Vec<InstrumentOffer>, PluginError> {
        let offer = |one: InstrumentRef| InstrumentOffer {
            api_url: one.api_url,
            name: one.display_name,
            location: None,
            calendar_url: None,
            timezone: Some(one.timezone),
        };
        Ok(instruments().into_iter().map(offer).collect())
    }

    shared!();
}

/// Reads files that begin with `MODEL`.
#[derive(Clone, Copy)]
pub struct Extractor;

pub fn samples(folder: &Path) -> Vec<PathBuf> {
    let write = |number: usize| {
        let path = folder.join(format!("sample-{number}.model"));
        std::fs::write(&path, format!("MODEL\nvoltage={number}\nmode=imaging\n")).unwrap();
        path
    };
    vec![write(1), write(2)]
}

impl Plugin for Extractor {
    fn manifest(&self) -> Manifest {
        let mut manifest = manifest(PluginKind::Extractor, &["previews", "actions"]);
        manifest.suffixes = vec!["model".to_owned(), "mod2".to_owned()];
        manifest
    }

    fn create(&self, settings: &Value) -> Result<Instance, PluginError> {
        configure(settings)?;
        Ok(Instance::Extractor(Box::new(*self)))
    }
}

fn open(path: &PathRef) -> Result<std::fs::File, PluginError> {
    std::fs::File::open(path.as_path())
        .map_err(|error| PluginError::permanent(format!("`{}`: {error}", path.as_path().display())))
}

impl nexus_plugin_api::Extractor for Extractor {
    fn accepts(&self, _call: &Call, path: &PathRef) -> Result<bool, PluginError> {
        let mut start = [0; 5];
        let read = std::io::Read::read_exact(&mut open(path)?, &mut start);
        Ok(read.is_ok() && &start == b"MODEL")
    }

    fn extract(&self, call: &Call, path: &PathRef) -> Result<Vec<Signal>, PluginError> {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut open(path)?, &mut text)
            .map_err(|error| PluginError::permanent(format!("`{}`: {error}", path.as_path().display())))?;
        let mut metadata = MetaMap::default();
        for line in text.lines().skip(1) {
            if let Some((key, value)) = line.split_once('=') {
                metadata.insert(key, MetaValue::Text(value.to_owned()));
            }
        }
        let preview = call.scratch.join(format!("{}.png", uuid::Uuid::new_v4()));
        std::fs::write(&preview, super::super::sample::PNG)
            .map_err(|error| PluginError::permanent(format!("`{}`: {error}", preview.display())))?;
        let warnings =
            if metadata.get("mode").is_some() { vec![vec!["mode".to_owned()]] } else { Vec::new() };
        Ok(vec![Signal {
            dataset_type: "Image".to_owned(),
            metadata,
            warnings,
            preview: Some(PathRef::new(preview)),
        }])
    }

    shared!();
}

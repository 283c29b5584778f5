//! A plugin that does what its settings tell it, and things to ask it for.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, reason = "tests; each uses a part of it")]

pub mod lines;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use nexus_plugin_api::host::{self, Guarded};
use nexus_plugin_api::{
    Action, ActionOutcome, ActivityRef, Call, CheckReport, CheckResult, Checkpoint, DatasetRef, Delivery,
    Destination, Extractor, Found, HarvestPage, HarvestRequest, Harvester, Instance, InstrumentOffer,
    InstrumentProgress, InstrumentQuery, InstrumentRef, LogLevel, Manifest, MetUser, MetaMap, MetaValue,
    OtherResult, PathRef, Plugin, PluginEntry, PluginError, PluginKind, RecordRef, RejectedRow, Remote,
    Reservation, ReservationAnswer, Sample, SessionFacts, SessionRef, Signal, Step, Target, UsageEvent,
    plugin_entry,
};
use serde_json::{Value, json};

/// How long anything here is waited for: what takes longer never comes, and that is a failure and no reason to hang.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// The plugin; settings, all optional: `panic_in` (a method), `error` (a plugin error, from every
/// method), `text` (repeated in answers), `short` (too few reservations), `log` (a line per method).
pub struct Probe(pub PluginKind);

impl Plugin for Probe {
    fn manifest(&self) -> Manifest {
        Manifest::new(&format!("probe-{}", self.0), "1.2.3", self.0)
            .with_summary("does what it is told")
            .with_settings(json!({"type": "object", "properties": {"panic_in": {"type": "string"}}}))
    }

    fn create(&self, settings: &Value) -> Result<Instance, PluginError> {
        let told = Told { settings: settings.clone(), kept: Mutex::new(None) };
        assert!(told.text("panic_in") != "create", "told to");
        if !told.text("refuse").is_empty() {
            return Err(PluginError::permanent("`refuse` is set").with_hint("take it out"));
        }
        let kind = if told.text("pose_as") == "extractor" { PluginKind::Extractor } else { self.0 };
        Ok(match kind {
            PluginKind::Harvester => Instance::Harvester(Box::new(told)),
            PluginKind::Destination => Instance::Destination(Box::new(told)),
            PluginKind::Extractor => Instance::Extractor(Box::new(told)),
        })
    }
}

struct Told {
    settings: Value,
    kept: Mutex<Option<Call>>,
}

impl Drop for Told {
    fn drop(&mut self) {
        assert!(self.text("panic_in") != "drop", "told to");
    }
}

impl Told {
    fn text(&self, key: &str) -> &str {
        self.settings[key].as_str().unwrap_or_default()
    }

    fn begin(&self, call: &Call, method: &str) -> Result<(), PluginError> {
        assert!(self.text("panic_in") != method, "told to panic in {method}");
        if self.settings["log"] == true {
            for level in [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace] {
                call.log(level, &format!("{method} μ {level:?}"));
            }
        }
        if self.settings["wait"] == true {
            call.log(LogLevel::Info, "waiting");
            let begun = Instant::now();
            while !call.should_stop() {
                if begun.elapsed() > PATIENCE {
                    return Err(PluginError::permanent("nobody told it to stop"));
                }
                std::thread::yield_now();
            }
            return Err(PluginError::transient(format!("stopped: cancelled {}", call.cancel.is_cancelled())));
        }
        match self.settings.get("error") {
            Some(error) => Err(serde_json::from_value(error.clone()).unwrap()),
            None => Ok(()),
        }
    }

    fn report(&self, call: &Call) -> Result<CheckReport, PluginError> {
        self.begin(call, "check")?;
        let mut report = CheckReport::default();
        report.push("scratch", CheckResult::Ok, call.scratch.to_string_lossy());
        let left = call
            .time_left()
            .map_or("no limit".to_owned(), |left| format!("{} min", left.as_secs().div_ceil(60)));
        report.push("time left", CheckResult::Warning, left);
        let mut kept = self.kept.lock().unwrap();
        if let Some(earlier) = kept.as_ref() {
            earlier.log(LogLevel::Error, "a line of a call that is over");
            report.push("earlier call", CheckResult::Failed, earlier.cancel.is_cancelled().to_string());
        }
        *kept = Some(call.clone());
        Ok(report)
    }

    fn all_actions(&self) -> Vec<Action> {
        assert!(self.text("panic_in") != "actions", "told to");
        vec![Action {
            name: "enrol".into(),
            summary: "Enrols a user.".into(),
            arguments: json!({"type": "object"}),
            writes: true,
        }]
    }

    fn act(&self, call: &Call, name: &str, arguments: &Value) -> Result<ActionOutcome, PluginError> {
        self.begin(call, "run_action")?;
        let user =
            MetUser { username: "ada".into(), system: "cdcs".into(), external_id: "7".into(), email: None };
        Ok(ActionOutcome { message: format!("{name} done"), data: arguments.clone(), users: vec![user] })
    }
}

macro_rules! shared_methods {
    () => {
        fn check(&self, call: &Call) -> Result<CheckReport, PluginError> {
            self.report(call)
        }
        fn actions(&self) -> Vec<Action> {
            self.all_actions()
        }
        fn run_action(
            &self,
            call: &Call,
            name: &str,
            arguments: &Value,
        ) -> Result<ActionOutcome, PluginError> {
            self.act(call, name, arguments)
        }
    };
}

impl Harvester for Told {
    fn harvest(&self, call: &Call, request: &HarvestRequest) -> Result<HarvestPage, PluginError> {
        self.begin(call, "harvest")?;
        let events = request.instruments.iter().enumerate().map(|(number, query)| UsageEvent {
            external_id: format!("e{number}"),
            session_identifier: format!("https://x.example.org/{}?id={number}", self.text("text")),
            instrument_pid: query.instrument.pid.clone(),
            user: query.cursor.clone(),
            start: "2024-03-05T09:10:00.125000-07:00".parse().unwrap(),
            end: (number > 0).then(|| "2024-03-05T11:00:00".parse().unwrap()),
            cancelled: number == 2,
        });
        Ok(HarvestPage {
            events: events.collect(),
            instruments: vec![InstrumentProgress {
                instrument_pid: "TITAN".into(),
                cursor: request.page.clone(),
                complete: true,
                covered_from: request.from,
                covered_to: request.until,
            }],
            rejected: vec![RejectedRow { place: "line 3".into(), reason: "no \"end\"\n".into() }],
            more: Some(request.open.join(",")),
            ..HarvestPage::default()
        })
    }

    fn reservations(
        &self,
        call: &Call,
        sessions: &[SessionRef],
    ) -> Result<Vec<ReservationAnswer>, PluginError> {
        self.begin(call, "reservations")?;
        if self.settings["short"] == true {
            return Ok(vec![ReservationAnswer::Gone]);
        }
        Ok(sessions
            .iter()
            .enumerate()
            .map(|(number, session)| match number % 5 {
                0 => ReservationAnswer::Reservation(Box::new(Reservation {
                    title: Some(session.session_identifier.clone()),
                    start: Some(session.start.into()),
                    samples: vec![Sample { elements: vec!["Fe".into()], ..Sample::default() }],
                    ..Reservation::default()
                })),
                1 => ReservationAnswer::NoConsent { reason: "\"Disagree\"".into() },
                2 => ReservationAnswer::NoReservation { reason: "nothing at that time".into() },
                3 => ReservationAnswer::Gone,
                _ => ReservationAnswer::Failed(PluginError::auth("401").maybe_done()),
            })
            .collect())
    }

    fn instruments(&self, call: &Call) -> Result<Vec<InstrumentOffer>, PluginError> {
        self.begin(call, "instruments")?;
        Ok(vec![InstrumentOffer {
            api_url: "https://x.example.org/api/tools/?id=1".into(),
            name: "Titan ☃".into(),
            location: None,
            calendar_url: None,
            timezone: Some("America/Denver".into()),
        }])
    }

    shared_methods!();
}

impl Destination for Told {
    fn target(&self, call: &Call) -> Result<Target, PluginError> {
        self.begin(call, "target")?;
        Ok(Target { id: self.text("text").into(), can_find: true, settle_seconds: 3 })
    }

    fn find(&self, call: &Call, delivery: &Delivery) -> Result<Found, PluginError> {
        self.begin(call, "find")?;
        let remote = Remote { id: delivery.record.key.clone(), url: None, content_sha256: None };
        Ok(match self.text("found") {
            "one" => Found::One(remote),
            "many" => Found::Many(vec![remote.clone(), remote]),
            _ => Found::None,
        })
    }

    fn deliver(&self, call: &Call, delivery: &Delivery) -> Result<Step, PluginError> {
        self.begin(call, "deliver")?;
        Ok(match &delivery.checkpoint {
            None => Step::More(Checkpoint(json!({"step": 1, "exact": 0.1, "deep": [[null]]}))),
            Some(Checkpoint(seen)) => Step::Done(Remote {
                id: seen.to_string(),
                url: Some(format!("https://x.example.org/{}", delivery.record.name)),
                content_sha256: Some(delivery.record.content_sha256.clone()),
            }),
        })
    }

    shared_methods!();
}

impl Extractor for Told {
    fn accepts(&self, call: &Call, path: &PathRef) -> Result<bool, PluginError> {
        self.begin(call, "accepts")?;
        Ok(path.as_path().extension().is_some_and(|suffix| suffix == "tif"))
    }

    fn extract(&self, call: &Call, path: &PathRef) -> Result<Vec<Signal>, PluginError> {
        self.begin(call, "extract")?;
        let mut stage = MetaMap::default();
        stage.insert("Tilt", MetaValue::Quantity(Box::new(MetaValue::Float(-0.1)), "°".into()));
        let mut metadata = MetaMap::default();
        metadata.insert("Text", MetaValue::Text(self.text("text").into()));
        metadata.insert("Zero", MetaValue::Float(0.0));
        metadata.insert("Infinite", MetaValue::Float(f64::INFINITY));
        metadata.insert("Digits", MetaValue::Decimal("1.20".into()));
        metadata.insert("List", MetaValue::List(vec![MetaValue::Null, MetaValue::Integer(i64::MIN)]));
        metadata.insert_map("Stage", stage);
        Ok(vec![Signal {
            dataset_type: "Image".into(),
            metadata,
            warnings: vec![vec!["Stage".into(), "Tilt".into()]],
            preview: Some(path.clone()),
        }])
    }

    shared_methods!();
}

/// The entry of the probe of one kind.
pub fn entry(kind: PluginKind) -> PluginEntry {
    match kind {
        PluginKind::Harvester => plugin_entry!(Probe(PluginKind::Harvester)),
        PluginKind::Destination => plugin_entry!(Probe(PluginKind::Destination)),
        PluginKind::Extractor => plugin_entry!(Probe(PluginKind::Extractor)),
    }
}

pub const KINDS: [PluginKind; 3] = [PluginKind::Harvester, PluginKind::Destination, PluginKind::Extractor];

/// The probe as the host sees it: linked, behind the table, and in lines.
pub fn carriers(kind: PluginKind) -> [(&'static str, Box<dyn Plugin>); 3] {
    [
        ("linked", Box::new(Guarded::new(Probe(kind)).unwrap())),
        ("table", Box::new(host::from_entry(entry(kind)).unwrap())),
        ("lines", Box::new(lines::Lines::new(Probe(kind)).unwrap())),
    ]
}

/// One instance on each carrier.
pub fn instances(kind: PluginKind, settings: &Value) -> [(&'static str, Instance); 3] {
    carriers(kind).map(|(carrier, plugin)| (carrier, plugin.create(settings).unwrap()))
}

pub fn harvester(instance: &Instance) -> &dyn Harvester {
    let Instance::Harvester(inner) = instance else { panic!("not a harvester") };
    inner.as_ref()
}

pub fn destination(instance: &Instance) -> &dyn Destination {
    let Instance::Destination(inner) = instance else { panic!("not a destination") };
    inner.as_ref()
}

pub fn extractor(instance: &Instance) -> &dyn Extractor {
    let Instance::Extractor(inner) = instance else { panic!("not an extractor") };
    inner.as_ref()
}

/// Puts every method of its kind to an instance; each outcome as JSON, by method.
pub fn ask_everything(instance: &Instance, call: &Call) -> Vec<(&'static str, Result<Value, PluginError>)> {
    fn json<T: serde::Serialize>(outcome: Result<T, PluginError>) -> Result<Value, PluginError> {
        outcome.map(|answer| serde_json::to_value(answer).unwrap())
    }
    let mut all = vec![
        ("check", json(instance.check(call))),
        ("run_action", json(instance.run_action(call, "enrol", &json!({"user": "ada"})))),
    ];
    match instance {
        Instance::Harvester(inner) => all.extend([
            ("harvest", json(inner.harvest(call, &harvest_request()))),
            ("reservations", json(inner.reservations(call, &sessions(7)))),
            ("instruments", json(inner.instruments(call))),
        ]),
        Instance::Destination(inner) => all.extend([
            ("target", json(inner.target(call))),
            ("find", json(inner.find(call, &delivery()))),
            ("deliver", json(inner.deliver(call, &delivery()))),
        ]),
        Instance::Extractor(inner) => all.extend([
            ("accepts", json(inner.accepts(call, &PathRef::new("/data/a.tif")))),
            ("extract", json(inner.extract(call, &PathRef::new("/data/a.tif")))),
        ]),
    }
    all
}

pub fn instrument() -> InstrumentRef {
    InstrumentRef {
        pid: "TITAN".into(),
        display_name: "Titan \"the great\" ☃".into(),
        api_url: "https://x.example.org/api/tools/?id=1".into(),
        timezone: "America/Denver".into(),
        location: String::new(),
    }
}

pub fn harvest_request() -> HarvestRequest {
    let query = |cursor: Option<&str>| InstrumentQuery {
        instrument: instrument(),
        cursor: cursor.map(str::to_owned),
    };
    HarvestRequest {
        instruments: vec![query(None), query(Some("c\u{1}")), query(Some(""))],
        from: Some("2024-03-01T00:00:00.5Z".parse().unwrap()),
        until: None,
        open: vec!["a".into(), "b".into()],
        page: Some("p2".into()),
    }
}

pub fn sessions(count: usize) -> Vec<SessionRef> {
    (0..count)
        .map(|number| SessionRef {
            session_identifier: format!("session {number}"),
            external_id: None,
            instrument: instrument(),
            user: Some("ada".into()),
            user_emails: vec!["ada@example.org".to_owned()],
            start: "2024-03-05T09:10:00-07:00".parse().unwrap(),
            end: "2024-03-05T09:11:00.000001-07:00".parse().unwrap(),
        })
        .collect()
}

pub fn delivery() -> Delivery {
    Delivery {
        record: RecordRef {
            path: PathRef::new("/records/r.xml"),
            key: "0b1ee0a8-0000-4000-8000-000000000001".into(),
            name: "2024-03-05_TITAN_1".into(),
            content_sha256: "ab".repeat(32),
            file_sha256: "cd".repeat(32),
            size: u64::MAX,
        },
        session: SessionFacts {
            identifier: "session 1".into(),
            instrument: instrument(),
            user: None,
            start: "2024-03-05T09:10:00-07:00".parse().unwrap(),
            end: "2024-03-05T11:10:00-07:00".parse().unwrap(),
        },
        activities: vec![ActivityRef {
            seqno: 0,
            start: "2024-03-05T09:10:00-07:00".parse().unwrap(),
            datasets: vec![DatasetRef {
                name: "a.tif".into(),
                location: "x/a%20b.tif".into(),
                dataset_type: "Image".into(),
                preview: None,
            }],
        }],
        reservation: Some(Reservation::default()),
        external_ids: [("cdcs".to_owned(), "7".to_owned())].into(),
        user_emails: Vec::new(),
        previous: None,
        checkpoint: None,
        others: vec![OtherResult { destination: "cdcs".into(), delivered: true, remote: None }],
    }
}

//! A harvester for a tally: a text file that somebody keeps beside the instrument.
//!
//! One use of an instrument per line, six columns with a tab between them:
//!
//! ```text
//! id      instrument  user  start                      end                        consent
//! 2024-17 TITAN       ada   2024-03-05T09:10:00-07:00  2024-03-05T11:00:00-07:00  yes
//! ```
//!
//! An empty end means that the instrument is in use. Times without an offset are in the instrument's
//! zone. Lines that begin with `#` are remarks. Consent is given by `yes` and by nothing else.
//!
//! The file is small, so it is read as a whole each time: the host knows which events it already has.
//! `tally.c` in the next folder does the same in C.

use std::collections::BTreeMap;
use std::path::PathBuf;

use nexus_plugin_api::{
    Call, CheckReport, CheckResult, EventTime, HarvestPage, HarvestRequest, Harvester, Instance,
    InstrumentProgress, LogLevel, Manifest, OutsideEvents, Plugin, PluginError, PluginKind, RejectedRow,
    Reservation, ReservationAnswer, SessionRef, UsageEvent,
};

/// The plugin.
pub struct Tally;

nexus_plugin_api::export_plugin!(Tally);

impl Plugin for Tally {
    fn manifest(&self) -> Manifest {
        Manifest::new("tally", env!("CARGO_PKG_VERSION"), PluginKind::Harvester)
            .with_summary("Reads a text file with one use of an instrument per line.")
            .with_settings(serde_json::json!({
                "type": "object",
                "properties": {"file": {"type": "string", "description": "Path of the tally."}},
                "required": ["file"]
            }))
    }

    fn create(&self, settings: &serde_json::Value) -> Result<Instance, PluginError> {
        let file = settings.get("file").and_then(serde_json::Value::as_str).ok_or_else(|| {
            PluginError::permanent("`file` is missing").with_hint("give the path of the tally")
        })?;
        Ok(Instance::Harvester(Box::new(File(file.into()))))
    }
}

struct File(PathBuf);

/// One line, as read.
struct Row {
    event: UsageEvent,
    consent: String,
}

impl File {
    fn read(&self) -> Result<Vec<Result<Row, RejectedRow>>, PluginError> {
        let place = self.0.display();
        let bytes = std::fs::read(&self.0).map_err(|error| {
            PluginError::transient(format!("tally `{place}` cannot be read: {error}"))
                .with_hint("is the folder mounted?")
        })?;
        let lines = bytes.split(|byte| *byte == b'\n').zip(1..);
        Ok(lines
            .filter(|(line, _)| !line.trim_ascii().is_empty() && !line.starts_with(b"#"))
            .map(|(line, number)| {
                row(line).map_err(|reason| RejectedRow {
                    place: format!("line {number}"),
                    reason: reason.to_owned(),
                })
            })
            .collect())
    }
}

fn row(line: &[u8]) -> Result<Row, &'static str> {
    let line = std::str::from_utf8(line).map_err(|_| "the line is not UTF-8")?;
    let columns: Vec<&str> = line.trim_end_matches('\r').split('\t').collect();
    let &[id, instrument, user, start, end, consent] = columns.as_slice() else {
        return Err("six columns are needed, with a tab between them");
    };
    if id.is_empty() || instrument.is_empty() {
        return Err("id and instrument are needed");
    }
    let time = |text: &str| text.parse::<EventTime>().map_err(|_| "a time is not ISO 8601");
    let event = UsageEvent {
        external_id: id.to_owned(),
        session_identifier: id.to_owned(),
        instrument_pid: instrument.to_owned(),
        user: (!user.is_empty()).then(|| user.to_owned()),
        start: time(start)?,
        end: if end.is_empty() { None } else { Some(time(end)?) },
        cancelled: false,
    };
    Ok(Row { event, consent: consent.to_owned() })
}

impl Harvester for File {
    fn harvest(&self, call: &Call, request: &HarvestRequest) -> Result<HarvestPage, PluginError> {
        let mut page = HarvestPage::default();
        let mut outside: BTreeMap<String, u64> = BTreeMap::new();
        let asked_for = |pid: &str| request.instruments.iter().any(|query| query.instrument.pid == pid);
        for row in self.read()? {
            if call.should_stop() {
                return Err(PluginError::transient("stopped while reading the tally"));
            }
            match row {
                Ok(row) if asked_for(&row.event.instrument_pid) => page.events.push(row.event),
                Ok(row) => *outside.entry(row.event.instrument_pid).or_default() += 1,
                Err(rejected) => page.rejected.push(rejected),
            }
        }
        page.outside = outside.into_iter().map(|(tool, count)| OutsideEvents { tool, count }).collect();
        page.instruments = request
            .instruments
            .iter()
            .map(|query| InstrumentProgress {
                instrument_pid: query.instrument.pid.clone(),
                cursor: None,
                complete: true,
                covered_from: None,
                covered_to: None,
            })
            .collect();
        call.log(LogLevel::Info, &format!("{} events in the tally", page.events.len()));
        Ok(page)
    }

    fn reservations(
        &self,
        _call: &Call,
        sessions: &[SessionRef],
    ) -> Result<Vec<ReservationAnswer>, PluginError> {
        let rows: Vec<Row> = self.read()?.into_iter().flatten().collect();
        let answer = |session: &SessionRef| {
            let found = rows.iter().find(|row| row.event.session_identifier == session.session_identifier);
            match found {
                None => ReservationAnswer::Gone,
                Some(row) if row.consent == "yes" => ReservationAnswer::Reservation(Box::new(Reservation {
                    internal_id: Some(row.event.external_id.clone()),
                    username: row.event.user.clone(),
                    start: Some(row.event.start),
                    end: row.event.end,
                    ..Reservation::default()
                })),
                Some(row) => {
                    ReservationAnswer::NoConsent { reason: format!("the tally says `{}`", row.consent) }
                }
            }
        };
        Ok(sessions.iter().map(answer).collect())
    }

    fn check(&self, _call: &Call) -> Result<CheckReport, PluginError> {
        let mut report = CheckReport::default();
        match self.read() {
            Ok(_) => report.push("tally readable", CheckResult::Ok, self.0.display().to_string()),
            Err(error) => report.push("tally readable", CheckResult::Failed, error.message),
        }
        Ok(report)
    }
}

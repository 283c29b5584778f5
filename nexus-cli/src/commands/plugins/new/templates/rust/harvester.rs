//! my-plugin: a harvester for nexus.
//!
//! As it stands it reads a diary: a file in which every use of an instrument is a line of JSON.
//!
//! ```json
//! {"id": "17", "instrument": "TITAN", "user": "ada", "start": "2024-03-05T09:10:00-07:00", "end": "2024-03-05T11:00:00-07:00", "title": "Grain boundaries", "consent": "yes"}
//! ```
//!
//! Without an end the instrument is in use. Replace the reading by your own: `harvest`, `reservations` and
//! `check` are all that a harvester is asked.

use std::collections::BTreeMap;
use std::path::PathBuf;

use nexus_plugin_api::{
    Call, CheckReport, CheckResult, EventTime, HarvestPage, HarvestRequest, Harvester, Instance,
    InstrumentProgress, LogLevel, Manifest, OutsideEvents, Plugin, PluginError, PluginKind,
    RejectedRow, Reservation, ReservationAnswer, SessionRef, UsageEvent, export_plugin,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// The plugin: what it is, and how an instance is made of it.
pub struct MyPlugin;

export_plugin!(MyPlugin);

impl Plugin for MyPlugin {
    fn manifest(&self) -> Manifest {
        Manifest::new("my-plugin", env!("CARGO_PKG_VERSION"), PluginKind::Harvester)
            .with_summary("Reads a diary with a line for every use of an instrument.")
            // JSON Schema. What nexus.toml says in this plugin's table is compared with it before anything runs.
            // A key with "secret": true is fetched from where nexus.toml says, and kept out of every log.
            .with_settings(json!({
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "string", "format": "path", "description": "The diary."}}
            }))
    }

    fn create(&self, settings: &Value) -> Result<Instance, PluginError> {
        let file = settings["file"]
            .as_str()
            .ok_or_else(|| PluginError::permanent("`file` is missing"))?;
        Ok(Instance::Harvester(Box::new(Diary { file: file.into() })))
    }
}

/// One table of nexus.toml. Its methods may be called from several threads at once.
struct Diary {
    file: PathBuf,
}

/// One line.
#[derive(Deserialize)]
struct Row {
    id: String,
    instrument: String,
    user: Option<String>,
    start: EventTime,
    end: Option<EventTime>,
    title: Option<String>,
    #[serde(default)]
    consent: String,
}

impl Harvester for Diary {
    /// The usage events of the instruments asked for.
    ///
    /// The diary is short, so all of it is told each time: nexus knows which events it has. A source with a
    /// long past returns a cursor for every instrument, gets it back with the next request, and tells what
    /// came since.
    fn harvest(&self, call: &Call, request: &HarvestRequest) -> Result<HarvestPage, PluginError> {
        if let Some(page) = &request.page {
            let message = format!("there is no page `{page}`: the diary is told at once");
            return Err(PluginError::permanent(message));
        }
        let mut page = HarvestPage::default();
        let mut elsewhere: BTreeMap<String, u64> = BTreeMap::new();
        let wanted = |pid: &str| {
            request
                .instruments
                .iter()
                .any(|query| query.instrument.pid == pid)
        };
        for row in self.rows()? {
            if call.should_stop() {
                return Err(PluginError::transient("given up while reading the diary"));
            }
            match row {
                Ok(row) if !wanted(&row.instrument) => {
                    *elsewhere.entry(row.instrument).or_default() += 1;
                }
                Ok(row) if !is_asked_for(&row, request) => {}
                Ok(row) => page.events.push(UsageEvent {
                    // Stored for ever: the same use must never come under another name.
                    session_identifier: format!("my-plugin:{}", row.id),
                    external_id: row.id,
                    instrument_pid: row.instrument,
                    user: row.user,
                    start: row.start,
                    end: row.end,
                    cancelled: false,
                }),
                Err(rejected) => page.rejected.push(rejected),
            }
        }
        page.outside = elsewhere
            .into_iter()
            .map(|(tool, count)| OutsideEvents { tool, count })
            .collect();
        page.instruments = request
            .instruments
            .iter()
            .map(|query| InstrumentProgress {
                instrument_pid: query.instrument.pid.clone(),
                cursor: None,
                // An event of this time that nexus knows and that is not told now is gone.
                complete: true,
                covered_from: request.from,
                covered_to: request.until,
            })
            .collect();
        call.log(
            LogLevel::Info,
            &format!("{} events in the diary", page.events.len()),
        );
        Ok(page)
    }

    /// What was booked for each session: exactly one answer for each, in the same order.
    fn reservations(
        &self,
        _call: &Call,
        sessions: &[SessionRef],
    ) -> Result<Vec<ReservationAnswer>, PluginError> {
        let rows: Vec<Row> = self.rows()?.into_iter().flatten().collect();
        let answer = |session: &SessionRef| {
            let Some(row) = rows
                .iter()
                .find(|row| Some(&row.id) == session.external_id.as_ref())
            else {
                return ReservationAnswer::Gone;
            };
            // Consent is explicit: anything but a known yes is none.
            if !row.consent.trim().eq_ignore_ascii_case("yes") {
                return ReservationAnswer::NoConsent {
                    reason: format!("the diary says `{}`", row.consent),
                };
            }
            ReservationAnswer::Reservation(Box::new(Reservation {
                internal_id: Some(row.id.clone()),
                username: row.user.clone(),
                title: row.title.clone(),
                ..Reservation::default()
            }))
        };
        Ok(sessions.iter().map(answer).collect())
    }

    /// Whether a harvest would work now, one line for each thing that can be wrong.
    fn check(&self, _call: &Call) -> Result<CheckReport, PluginError> {
        let mut report = CheckReport::default();
        match self.rows() {
            Ok(rows) => report.push(
                "diary readable",
                CheckResult::Ok,
                format!("{} lines", rows.len()),
            ),
            Err(error) => report.push("diary readable", CheckResult::Failed, error.message),
        }
        Ok(report)
    }
}

/// A use that goes on is always told, one that nexus knows as going on too, and else the asked-for time
/// counts.
fn is_asked_for(row: &Row, request: &HarvestRequest) -> bool {
    let Some(EventTime::Offset(end)) = row.end else {
        return true;
    };
    request.open.contains(&row.id)
        || request.from.is_none_or(|from| end >= from)
            && request.until.is_none_or(|until| end < until)
}

fn read(line: &[u8]) -> Result<Row, String> {
    let row: Row = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    // nexus would take such a time for one in the instrument's zone; `is_asked_for` could not compare it.
    let local = |time: &EventTime| matches!(time, EventTime::Local(_));
    match [Some(row.start), row.end].into_iter().flatten().find(local) {
        Some(time) => Err(format!(
            "`{time}` has no offset: write 2024-03-05T09:10:00-07:00"
        )),
        None => Ok(row),
    }
}

impl Diary {
    fn rows(&self) -> Result<Vec<Result<Row, RejectedRow>>, PluginError> {
        let bytes = std::fs::read(&self.file).map_err(|error| {
            PluginError::transient(format!(
                "the diary `{}` cannot be read: {error}",
                self.file.display()
            ))
            .with_hint("is the share mounted?")
        })?;
        let lines = bytes.split(|byte| *byte == b'\n').zip(1..);
        let lines = lines.filter(|(line, _)| !line.trim_ascii().is_empty());
        let rows = lines.map(|(line, number)| {
            let rejected = |reason| RejectedRow {
                place: format!("line {number}"),
                reason,
            };
            read(line).map_err(rejected)
        });
        Ok(rows.collect())
    }
}

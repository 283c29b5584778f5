//! Whether a harvest would work, told to a person.

use nexus_plugin_api::{Call, CheckReport, CheckResult};
use serde_json::Value;

use crate::NemoHarvester;
use crate::client::ClientError;

/// The lists that are read, the right that each takes, and whether a harvest fails without it.
const LISTS: [(&str, &str, CheckResult); 4] = [
    ("usage_events", "NEMO.view_usageevent", CheckResult::Failed),
    ("reservations", "NEMO.view_reservation", CheckResult::Failed),
    ("tools", "NEMO.view_tool", CheckResult::Failed),
    ("users", "NEMO.view_user", CheckResult::Warning),
];

/// Asks the server, once each, and says what stands in the way.
pub fn check(nemo: &NemoHarvester, call: &Call) -> CheckReport {
    let mut report = CheckReport::default();
    if !root(nemo, call, &mut report) {
        return report;
    }
    for (list, right, without) in LISTS {
        let mut url = nemo.settings.base.list(list);
        url.set_query(Some("page_size=1&fields=id,name,username,start,end"));
        match nemo.client.get_once(call, &url) {
            Ok(answer) => {
                report.push(format!("right to view {list}"), CheckResult::Ok, right);
                if list == "usage_events" {
                    times(nemo, &answer, &mut report);
                }
            }
            Err(ClientError::Right { detail, .. }) => {
                let detail = format!("missing ({detail}): give the account of the token the right {right}");
                report.push(format!("right to view {list}"), without, detail);
            }
            Err(error) => {
                report.push(format!("right to view {list}"), CheckResult::Failed, told(&error));
            }
        }
    }
    version(nemo, call, &mut report);
    report
}

/// The root tells a wrong address from a wrong token.
fn root(nemo: &NemoHarvester, call: &Call, report: &mut CheckReport) -> bool {
    let address = nemo.settings.base.as_str();
    let ok = |report: &mut CheckReport, names: &[&str]| {
        for name in names {
            report.push(*name, CheckResult::Ok, address);
        }
    };
    match nemo.client.get_once(call, nemo.settings.base.url()) {
        Ok(root) if root.get("usage_events").is_some() => {
            ok(report, &["server reachable", "address is a NEMO API", "token accepted"]);
            true
        }
        Ok(_) => {
            ok(report, &["server reachable"]);
            let detail = format!(
                "{address} answers, but lists no usage_events: is it the root of the API, such as \
                 https://nemo.example.org/api/ ?"
            );
            report.push("address is a NEMO API", CheckResult::Failed, detail);
            false
        }
        Err(error) => {
            let failed = match &error {
                ClientError::Credentials { .. } | ClientError::Right { .. } => {
                    ok(report, &["server reachable"]);
                    "token accepted"
                }
                ClientError::NotFound { .. }
                | ClientError::NotJson { .. }
                | ClientError::Elsewhere { .. } => {
                    ok(report, &["server reachable"]);
                    "address is a NEMO API"
                }
                _ => "server reachable",
            };
            report.push(failed, CheckResult::Failed, told(&error));
            false
        }
    }
}

/// The times of the newest event, as an example.
fn times(nemo: &NemoHarvester, answer: &Value, report: &mut CheckReport) {
    let rows = answer.get("results").unwrap_or(answer);
    let Some(text) = rows.get(0).and_then(|row| row.get("start")).and_then(Value::as_str) else {
        report.push("times", CheckResult::Ok, "there is no usage event yet");
        return;
    };
    let (result, detail) = match nemo.settings.times.read(text, None).map(|moment| moment.time) {
        Some(time @ nexus_plugin_api::EventTime::Offset(_)) => {
            (CheckResult::Ok, format!("`{text}` is {time}"))
        }
        Some(time) => (
            CheckResult::Warning,
            format!(
                "`{text}` is {time} without an offset, taken as wall-clock time where each instrument stands; \
                 set `timezone` if the server writes another"
            ),
        ),
        None => (CheckResult::Failed, format!("`{text}` cannot be read; set `time_format`")),
    };
    report.push("times", result, detail);
}

fn version(nemo: &NemoHarvester, call: &Call, report: &mut CheckReport) {
    let answer = nemo.client.get_once(call, &nemo.settings.base.list("metadata"));
    // Old servers do not have it.
    if let Some(version) = answer.ok().as_ref().and_then(|answer| answer.get("nemo_version")?.as_str()) {
        report.push("version", CheckResult::Ok, version);
    }
}

fn told(error: &ClientError) -> String {
    match error.hint() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    }
}

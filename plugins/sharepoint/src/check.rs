//! Whether reading would work, told to a person.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use chrono_tz::Tz;
use nexus_plugin_api::{Call, CheckReport, CheckResult, PluginError};
use serde_json::Value;
use url::Url;

use crate::SharePointHarvester;
use crate::address::{Api, ListAddress, ListKind};
use crate::calendar::{Calendar, site_zone};
use crate::client::{ClientError, object};
use crate::fields::Field;
use crate::offers;
use crate::span::Spans;

/// Asks the site and each list that the settings name, and says what stands in the way.
pub fn check(sharepoint: &SharePointHarvester, call: &Call) -> CheckReport {
    let mut report = CheckReport::default();
    // Asked afresh: somebody has just changed something.
    sharepoint.lists.forget();
    let lists: Vec<(String, ListAddress)> =
        sharepoint.settings.lists().map(|(pid, list)| (pid.to_owned(), list)).collect();
    let only_calendars =
        !lists.is_empty() && lists.iter().all(|(_, list)| list.kind == ListKind::CalendarView);
    // An app that may read calendars need not be allowed to see any site.
    if !only_calendars && !site(sharepoint, call, &mut report) {
        return report;
    }
    if sharepoint.settings.api == Api::Rest {
        zone(sharepoint, call, &mut report);
    } else if sharepoint.settings.timezone.is_none() {
        let detail = "all-day events and recurrences are meant in each instrument's own zone; set `timezone` if the site \
                      has another";
        report.push("zone of the site", CheckResult::Ok, detail);
    }
    if lists.is_empty() {
        calendars(sharepoint, call, &mut report);
    }
    let mut seen = BTreeSet::new();
    for (pid, list) in &lists {
        if seen.insert((list.url.to_string(), list.filter.clone())) {
            one_list(sharepoint, call, pid, list, &mut report);
        }
    }
    report
}

/// Tells a wrong address from wrong credentials and a missing right.
fn site(sharepoint: &SharePointHarvester, call: &Call, report: &mut CheckReport) -> bool {
    let address = sharepoint.settings.site.as_str();
    let (reachable, signed_in, is_site) = ("server reachable", "credentials accepted", "site may be read");
    let url = match sharepoint.settings.api {
        Api::Rest => format!("{address}/_api/web?$select=Title"),
        Api::Graph => address.to_owned(),
    };
    let Ok(url) = Url::parse(&url) else { return false };
    let ok = |report: &mut CheckReport, names: &[&str]| {
        for name in names {
            report.push(*name, CheckResult::Ok, address);
        }
    };
    let error = match sharepoint.client.get(call, &url, &[]) {
        Ok(body) => {
            let body = object(body);
            ok(report, &[reachable, signed_in]);
            let title =
                ["Title", "displayName", "name", "id"].iter().find_map(|key| body.get(*key)?.as_str());
            report.push(is_site, CheckResult::Ok, title.unwrap_or(address));
            return true;
        }
        Err(error) => error,
    };
    let failed = match &error {
        ClientError::Credentials { .. } | ClientError::LoginPage { .. } => {
            ok(report, &[reachable]);
            signed_in
        }
        ClientError::SignIn(_) => signed_in,
        ClientError::Right { .. }
        | ClientError::NotFound { .. }
        | ClientError::Refused { .. }
        | ClientError::Odd { .. } => {
            ok(report, &[reachable]);
            is_site
        }
        _ => reachable,
    };
    report.push(failed, CheckResult::Failed, told(&PluginError::from(error)));
    false
}

fn zone(sharepoint: &SharePointHarvester, call: &Call, report: &mut CheckReport) {
    let name = "zone of the site";
    if let Some(zone) = sharepoint.settings.timezone {
        return report.push(name, CheckResult::Ok, format!("{zone}, as `timezone` says"));
    }
    let fallback =
        "the instrument's zone holds for all-day events and recurrences; set `timezone` if that is another";
    match site_zone(sharepoint, call, sharepoint.settings.site.as_str()) {
        Ok(Ok(zone)) => report.push(name, CheckResult::Ok, zone.name()),
        Ok(Err(why)) => report.push(name, CheckResult::Warning, format!("{why}: {fallback}")),
        Err(error) => report.push(name, CheckResult::Warning, format!("{error}: {fallback}")),
    }
}

/// No list is named: the calendars there are, for whoever fills in the settings.
fn calendars(sharepoint: &SharePointHarvester, call: &Call, report: &mut CheckReport) {
    let name = "calendars of the site";
    match offers::calendars(sharepoint, call) {
        Ok(all) if all.is_empty() => {
            let detail = "there is none that the account can see; name lists of other kinds under `lists`";
            report.push(name, CheckResult::Warning, detail);
        }
        Ok(all) => {
            let names: Vec<String> = all.iter().map(|one| format!("`{}`", one.name)).collect();
            let detail =
                format!("{}; name them under `lists`, or import them as instruments", names.join(", "));
            report.push(name, CheckResult::Ok, detail);
        }
        Err(error) => report.push(name, CheckResult::Warning, told(&error.into())),
    }
}

fn one_list(
    sharepoint: &SharePointHarvester,
    call: &Call,
    pid: &str,
    list: &ListAddress,
    report: &mut CheckReport,
) {
    let name = |what: &str| format!("{what} ({pid})");
    let filters: BTreeSet<&str> = list.filter.iter().map(|(column, _)| column.as_str()).collect();
    let calendar = match Calendar::open(sharepoint, call, list, &filters, Tz::UTC) {
        Ok(calendar) => calendar,
        Err(error) => return report.push(name("list there"), CheckResult::Failed, told(&error.into())),
    };
    if list.kind != ListKind::CalendarView {
        report.push(name("list there"), CheckResult::Ok, format!("`{}`", calendar.about.title));
    }
    if let Err(error) = calendar.usable(&filters) {
        return report.push(name("columns"), CheckResult::Failed, told(&error));
    }
    columns(sharepoint, &calendar, &name("columns"), report);
    let now = sharepoint.client.now();
    let week = TimeDelta::days(7);
    let last_week = (now.checked_sub_signed(week).unwrap_or(now), now);
    match calendar.read(call, &Spans::new([last_week])) {
        Err(error) => report.push(name("events"), CheckResult::Failed, told(&error.into())),
        Ok(found) => {
            let mut detail = format!("{} in the last seven days", found.events.len());
            if let Some(event) = found.events.last() {
                detail = format!(
                    "{detail}; the last is item {}, {} to {}",
                    event.row.id,
                    crate::event::utc(event.start),
                    crate::event::utc(event.end)
                );
            }
            report.push(name("events"), CheckResult::Ok, detail);
            if let Some((item, why)) = found.unreadable.first() {
                let detail = format!("{} cannot be read: item {item}: {why}", found.unreadable.len());
                report.push(name("events that can be read"), CheckResult::Warning, detail);
            }
        }
    }
}

fn columns(sharepoint: &SharePointHarvester, calendar: &Calendar<'_>, name: &str, report: &mut CheckReport) {
    let fields = &sharepoint.settings.fields;
    let Some(columns) = &calendar.about.columns else {
        return report.push(name, CheckResult::Warning, "the server does not say which there are");
    };
    let consent = calendar.about.columns_of(fields, Field::Consent, calendar.list.kind);
    let consent = match consent.first() {
        Some(column) => format!("consent is in `{column}`"),
        None => "no column holds consent; it is assumed".to_owned(),
    };
    report.push(name, CheckResult::Ok, format!("{consent}; {}", calendar.about.told()));
    let unindexed: Vec<&str> = [Field::Start, Field::End]
        .iter()
        .flat_map(|field| fields.columns(*field, calendar.list.kind))
        .filter(|name| columns.iter().any(|column| column.name == *name && !column.is_indexed))
        .collect();
    if !unindexed.is_empty() && calendar.list.kind != ListKind::CalendarView {
        let detail = format!(
            "{} without an index: in a list of more than 5,000 items each reading walks through all of them; let the \
             list's owner index them",
            unindexed.join(", ")
        );
        report.push(format!("index of {name}"), CheckResult::Warning, detail);
    }
}

fn told(error: &PluginError) -> String {
    match &error.hint {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    }
}

/// Whether a value is there, for lists of lists.
pub fn is_true(value: &Value, key: &str) -> bool {
    value.get(key) == Some(&Value::Bool(true))
}

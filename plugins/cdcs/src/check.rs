//! Whether a delivery would work, told to a person.

use nexus_plugin_api::{Call, CheckReport, CheckResult};
use serde_json::Value;

use crate::CdcsDestination;
use crate::client::ClientError;
use crate::push;
use crate::reply::Template;
use crate::settings::Workspace;
use crate::site::workspaces;

/// A title that nobody gives a record.
const NO_TITLE: &str = "nexus looks whether it may ask";

/// Asks the site, once each, and says what stands in the way.
pub fn check(cdcs: &CdcsDestination, call: &Call) -> CheckReport {
    let mut report = CheckReport::default();
    // Asked afresh: somebody has just changed something.
    cdcs.site.forget();
    if !site(cdcs, call, &mut report) {
        return report;
    }
    match cdcs.site.template(&cdcs.client, call, &cdcs.settings.template) {
        Ok(template) => {
            let detail = format!("`{}`, version {}", template.title, template.current);
            report.push("template there", CheckResult::Ok, detail);
            schema(cdcs, call, &template, &mut report);
        }
        Err(error) => {
            report.push("template there", CheckResult::Failed, told(&error.to_string(), error.hint()));
        }
    }
    workspace(cdcs, call, &mut report);
    if cdcs.settings.user_owned {
        superuser(cdcs, call, &mut report);
    }
    report
}

/// Tells a wrong address from a wrong token.
fn site(cdcs: &CdcsDestination, call: &Call, report: &mut CheckReport) -> bool {
    let address = cdcs.client.base().as_str();
    let ok = |report: &mut CheckReport, names: &[&str]| {
        for name in names {
            report.push(*name, CheckResult::Ok, address);
        }
    };
    let (reachable, is_cdcs, accepted) = ("server reachable", "address is a CDCS site", "token accepted");
    let failed = match cdcs.client.get(call, "rest/core-settings/", &[]) {
        Ok(settings) => {
            if let Some(version) = settings.get("core_version").and_then(Value::as_str) {
                ok(report, &[reachable, is_cdcs, accepted]);
                report.push("version", CheckResult::Ok, version);
                return true;
            }
            ok(report, &[reachable]);
            let detail =
                format!("{address} answers, but not as a CDCS site does; `url` must be its start page");
            report.push(is_cdcs, CheckResult::Failed, detail);
            return false;
        }
        Err(error) => error,
    };
    let name = if failed.is_about_the_token() || matches!(failed, ClientError::Right { .. }) {
        ok(report, &[reachable, is_cdcs]);
        accepted
    } else if failed.is_about_the_address() {
        ok(report, &[reachable]);
        is_cdcs
    } else {
        reachable
    };
    report.push(name, CheckResult::Failed, told(&failed.to_string(), failed.hint()));
    false
}

/// Whether the site's schema is the one that records are made by.
fn schema(cdcs: &CdcsDestination, call: &Call, template: &Template, report: &mut CheckReport) {
    let (result, detail) = match push::text_of(cdcs, call, template.current) {
        Ok(Some(text)) if push::same_schema(&text, push::SHIPPED) => {
            (CheckResult::Ok, "the site's schema is that of this program".to_owned())
        }
        Ok(_) => (
            CheckResult::Warning,
            "the site's schema is another one than that of this program: a record that it does not allow is refused; \
             `nexus plugins run NAME push-template` gives the site ours"
                .to_owned(),
        ),
        Err(error) => (CheckResult::Warning, told(&error.to_string(), error.hint())),
    };
    report.push("schema", result, detail);
}

fn workspace(cdcs: &CdcsDestination, call: &Call, report: &mut CheckReport) {
    let name = "workspace there";
    let id = match cdcs.site.workspace(&cdcs.client, call, &cdcs.settings.workspace) {
        Ok(None) => {
            return report.push(
                name,
                CheckResult::Ok,
                "records stay private, as `workspace = \"none\"` says",
            );
        }
        Ok(Some(id)) => id,
        Err(error) => {
            return report.push(name, CheckResult::Failed, told(&error.to_string(), error.hint()));
        }
    };
    report.push(name, CheckResult::Ok, format!("`{}`, number {id}", cdcs.settings.workspace.as_str()));
    // The public one is not in this list for ordinary accounts, although they may publish.
    if cdcs.settings.workspace == Workspace::Public {
        return;
    }
    let (result, detail) = match workspaces(&cdcs.client, call, "write_access") {
        Ok(all) if all.iter().any(|place| place.id == id) => (CheckResult::Ok, String::new()),
        Ok(_) => (
            CheckResult::Failed,
            "the account of the token may read the workspace and not write there: let its owner give it that right"
                .to_owned(),
        ),
        Err(error) => (CheckResult::Warning, told(&error.to_string(), error.hint())),
    };
    report.push("right to write there", result, detail);
}

fn superuser(cdcs: &CdcsDestination, call: &Call, report: &mut CheckReport) {
    let (result, detail) = match cdcs.client.get(call, "rest/admin/data/", &[("title", NO_TITLE)]) {
        Ok(_) => (CheckResult::Ok, "the token is a superuser's".to_owned()),
        Err(ClientError::Right { said, .. }) => (
            CheckResult::Failed,
            format!(
                "the token is no superuser's ({said}): records that were given to their users could not be found and \
                 changed any more; let an administrator of the site make the account a superuser, or set \
                 `user_owned_records = false`"
            ),
        ),
        Err(error) => (CheckResult::Failed, told(&error.to_string(), error.hint())),
    };
    report.push("right to give records away", result, detail);
}

fn told(what: &str, hint: Option<String>) -> String {
    match hint {
        Some(hint) => format!("{what}; {hint}"),
        None => what.to_owned(),
    }
}

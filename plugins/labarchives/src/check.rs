//! Whether a delivery would work, told to a person.

use nexus_plugin_api::{Call, CheckReport, CheckResult};

use crate::LabArchivesDestination;
use crate::error::ApiError;
use crate::owner::{facility, who};
use crate::reply::User;
use crate::settings::{Place, Settings};
use crate::tree::{self, Shelf};

/// A clock that differs by more is worth a word, in seconds.
const WORTH_A_WORD: i64 = 60;

/// Asks LabArchives, and says what stands in the way.
pub fn check(lab: &LabArchivesDestination, call: &Call) -> CheckReport {
    let mut report = CheckReport::default();
    // Asked afresh: somebody has just changed something.
    lab.people.forget();
    let Some(clock) = reachable(lab, call, &mut report) else { return report };
    let Some(user) = account(lab, call, clock, &mut report) else { return report };
    match (&lab.settings.place, facility(&lab.settings)) {
        (Place::Notebook(_), Some(shelf)) => notebook(lab, call, &shelf, &user, &mut report),
        _ => report.push(
            "Inbox",
            CheckResult::Warning,
            "experimental: what is in an Inbox cannot be looked up, so a delivery whose answer is lost stays unknown \
             until a person looks; set `notebook_id` instead if you can",
        ),
    }
    report
}

/// What the server says of its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clock {
    /// It is ahead of ours by so many seconds.
    Ahead(i64),
    /// Nothing.
    Untold,
}

/// Whether LabArchives is there; `None`: nothing else can be asked.
fn reachable(lab: &LabArchivesDestination, call: &Call, report: &mut CheckReport) -> Option<Clock> {
    let address = lab.client.base().as_str();
    let there = "server reachable";
    match lab.client.ask_the_time(call) {
        Ok(offset) => {
            report.push(there, CheckResult::Ok, address);
            let seconds = offset / 1000;
            let (result, detail) = if seconds.abs() > WORTH_A_WORD {
                (
                    CheckResult::Warning,
                    format!("{}; requests are signed by the server's clock", off_by(seconds)),
                )
            } else {
                (CheckResult::Ok, format!("differs from the server's by {} s", seconds.abs()))
            };
            report.push("clock", result, detail);
            Some(Clock::Ahead(seconds))
        }
        Err(error @ ApiError::Transport(_)) => {
            report.push(there, CheckResult::Failed, error.told());
            None
        }
        // It answers, if with a refusal; why, the next question shows.
        Err(_) => Some(Clock::Untold),
    }
}

fn off_by(seconds: i64) -> String {
    let (length, unit) =
        if seconds.abs() < 120 { (seconds.abs(), "seconds") } else { (seconds.abs() / 60, "minutes") };
    let direction = if seconds > 0 { "behind" } else { "ahead of" };
    format!("the clock of this machine is {length} {unit} {direction} the server's")
}

/// Tells a wrong key from a wrong password from a user id that is not valid.
fn account(
    lab: &LabArchivesDestination,
    call: &Call,
    clock: Clock,
    report: &mut CheckReport,
) -> Option<User> {
    let Settings { base, uid, .. } = &lab.settings;
    let (there, key, signature, account) =
        ("server reachable", "access key accepted", "access password accepted", "user id accepted");
    let failed = match who(&lab.client, call, uid) {
        Ok(user) => {
            if clock == Clock::Untold {
                report.push(there, CheckResult::Ok, base.as_str());
            }
            report.push(key, CheckResult::Ok, "");
            report.push(signature, CheckResult::Ok, "");
            let name = user.name.as_deref().or(user.email.as_deref()).unwrap_or("a user");
            report.push(account, CheckResult::Ok, format!("the account of {name}"));
            return Some(user);
        }
        Err(error) => error,
    };
    let told = failed.told();
    if matches!(failed, ApiError::Transport(_)) || failed.is_about_the_address() {
        report.push(there, CheckResult::Failed, told);
        return None;
    }
    if failed.passes() {
        report.push(there, CheckResult::Warning, format!("{told}: it may be there again in a moment"));
        return None;
    }
    if clock == Clock::Untold {
        report.push(there, CheckResult::Ok, base.as_str());
    }
    if failed.is_the_key() {
        report.push(key, CheckResult::Failed, told);
        return None;
    }
    if failed.is_the_clock() {
        let clock = match clock {
            Clock::Ahead(seconds) => off_by(seconds),
            Clock::Untold => "the server does not tell its time".to_owned(),
        };
        let detail = format!("{told}; {clock}: set the clock of this machine");
        report.push("clock", CheckResult::Failed, detail);
        return None;
    }
    report.push(key, CheckResult::Ok, "");
    if failed.is_the_signature() {
        report.push(signature, CheckResult::Failed, told);
        return None;
    }
    report.push(signature, CheckResult::Ok, "");
    report.push(account, CheckResult::Failed, told);
    None
}

/// Whether the notebook is there and can be written.
fn notebook(lab: &LabArchivesDestination, call: &Call, shelf: &Shelf, user: &User, report: &mut CheckReport) {
    let name = "notebook there";
    let listed = user.notebooks.iter().find(|notebook| notebook.id == shelf.nbid);
    let nodes = match tree::top(&lab.client, call, shelf) {
        Ok(nodes) => nodes,
        Err(error) if error.passes() => return report.push(name, CheckResult::Warning, error.told()),
        Err(error @ ApiError::Transport(_)) => return report.push(name, CheckResult::Failed, error.told()),
        Err(error) => {
            let seen: Vec<String> =
                user.notebooks.iter().map(|notebook| format!("`{}`", notebook.name)).collect();
            let seen = if seen.is_empty() { "none".to_owned() } else { seen.join(", ") };
            let detail = format!(
                "{error}; the notebook of `notebook_id` does not exist or is not shared with the account, which sees \
                 {seen}: let its owner share it with the right to write, or take an id that `nexus plugins run NAME \
                 notebooks` lists"
            );
            return report.push(name, CheckResult::Failed, detail);
        }
    };
    match listed {
        Some(notebook) => report.push(name, CheckResult::Ok, format!("`{}`", notebook.name)),
        None => report.push(
            name,
            CheckResult::Ok,
            "it can be read, though it is not among the account's notebooks",
        ),
    }
    let right = "right to write there";
    let Some(top) = lab.settings.folder.fixed_first() else { return };
    match tree::named(&nodes, &top, false).next() {
        Some(folder) if folder.writable == Some(false) => report.push(
            right,
            CheckResult::Failed,
            format!(
                "the account may read folder `{top}` and not write there: let the owner of the notebook give it that right"
            ),
        ),
        Some(_) => report.push(right, CheckResult::Ok, format!("folder `{top}`")),
        None => report.push(
            right,
            CheckResult::Ok,
            format!("folder `{top}` is made with the first record; whether that is allowed shows then"),
        ),
    }
}

//! What can only be said after everything else was tried.

use std::sync::PoisonError;

use nexus_plugin_api::LogLevel;

use super::bench::{Bench, listing, quoted};
use super::check::{Check, Verdict, fail, must, skip};
use super::messages::WORKS;
use crate::plugins::process::BETWEEN_CALLS;

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "messages.errors-are-told",
        "Every error has a message of one line that says something.",
        "Say what failed and why in one line; a stack trace goes into the log.",
        &[WORKS],
        errors,
    ),
    Check::new(
        "messages.nothing-between-calls",
        "After its reply a process says nothing and does not end, until the next request or the end of its input.",
        "Write one line for each request and flush it at once; end when the input ends, and no sooner.",
        &[WORKS],
        between_calls,
    ),
    Check::new(
        "settings.secret-not-in-replies",
        "No reply holds the value of a secret.",
        "Leave addresses with credentials and headers out of answers and errors.",
        &[WORKS],
        secrets_in_replies,
    ),
    Check::new(
        "settings.secret-not-in-log",
        "No log line holds the value of a secret.",
        "Never log settings, headers or addresses with credentials.",
        &[WORKS],
        secrets_in_log,
    ),
    Check::new(
        "circumstances.log-lines",
        "A log line says something in at most 8 KiB.",
        "Log what a person would read; content belongs into files.",
        &[WORKS],
        log_lines,
    ),
    Check::new(
        "circumstances.log-levels",
        "A call that is answered well logs no line at level error.",
        "Use warn for what somebody should look at; error says that the call did not do what it should.",
        &[WORKS],
        log_levels,
    ),
    Check::new(
        "circumstances.nothing-left-behind",
        "When its input ends a process ends, and no process that it had started is left.",
        "End what you start, and wait for it, before you end; if need be, have it end with your own pipe to it.",
        &[WORKS],
        processes,
    ),
    Check::new(
        "circumstances.folders-untouched",
        "Nothing was written into the current folder.",
        "Write only into the call's scratch folder and where the settings say.",
        &[WORKS],
        folders,
    ),
];

fn errors(bench: &mut Bench<'_>) -> Verdict {
    for (error, exchange) in std::mem::take(&mut bench.errors) {
        let message = &error.message;
        let good = !message.trim().is_empty()
            && message.len() <= 64 << 10
            && !message.trim_end().contains(['\n', '\r']);
        bench.last = exchange;
        must(good, || format!("an error says {}", quoted(message)))?;
    }
    Ok(())
}

fn between_calls(bench: &mut Bench<'_>) -> Verdict {
    bench.last = None;
    let log = bench.log.lock().unwrap_or_else(PoisonError::into_inner);
    match log.iter().find(|line| line.level == LogLevel::Warn && line.message.ends_with(BETWEEN_CALLS)) {
        None => Ok(()),
        Some(line) => fail(line.message.clone()),
    }
}

fn secrets_in_replies(bench: &mut Bench<'_>) -> Verdict {
    if bench.secrets.is_empty() {
        return skip("no setting that was given is a secret");
    }
    match bench.leaks.first().cloned() {
        None => Ok(()),
        Some(exchange) => {
            bench.last = Some(exchange);
            fail("a reply holds the value of a secret")
        }
    }
}

fn secrets_in_log(bench: &mut Bench<'_>) -> Verdict {
    if bench.secrets.is_empty() {
        return skip("no setting that was given is a secret");
    }
    bench.last = None;
    let log = bench.log.lock().unwrap_or_else(PoisonError::into_inner);
    match log.iter().find(|line| bench.secrets.iter().any(|secret| line.message.contains(secret))) {
        None => Ok(()),
        Some(line) => {
            fail(format!("in `{}` it logs {}", line.method, quoted(&bench.redactor.mask(&line.message))))
        }
    }
}

fn log_lines(bench: &mut Bench<'_>) -> Verdict {
    bench.last = None;
    let log = bench.log.lock().unwrap_or_else(PoisonError::into_inner);
    for line in log.iter() {
        let good = !line.message.trim().is_empty() && line.message.len() <= 8 << 10;
        must(good, || {
            format!("in `{}` it logs {} bytes: {}", line.method, line.message.len(), quoted(&line.message))
        })?;
    }
    Ok(())
}

fn log_levels(bench: &mut Bench<'_>) -> Verdict {
    bench.last = None;
    match bench.false_alarms.first() {
        None => Ok(()),
        Some(line) => fail(format!("in `{}` it logs as an error: {}", line.method, quoted(&line.message))),
    }
}

fn processes(bench: &mut Bench<'_>) -> Verdict {
    let line = bench.line()?;
    let left = line.let_go();
    bench.last = None;
    must(left.is_empty(), || {
        format!("after its end {} of the processes it had started are left: {}", left.len(), quoted(&left))
    })
}

fn folders(bench: &mut Bench<'_>) -> Verdict {
    bench.last = None;
    for (folder, before) in &bench.watched {
        let after = listing(folder);
        let new: Vec<&String> = after.iter().filter(|name| !before.contains(name)).collect();
        must(new.is_empty(), || format!("in `{}` there is now {}", folder.display(), quoted(&new)))?;
    }
    Ok(())
}

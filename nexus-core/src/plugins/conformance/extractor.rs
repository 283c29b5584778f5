//! Files: whose they are, and what they say about themselves.

mod samples;
mod strange;

use nexus_plugin_api::message::{AcceptsAnswer, ExtractAnswer, Method, Reply};
use nexus_plugin_api::{PathRef, PluginError, Signal};
use serde_json::json;

use super::bench::{Bench, Line};
use super::check::{Check, Stop, fail};

/// The checks, in order.
pub(super) const GROUPS: [&[Check]; 2] = [strange::CHECKS, samples::CHECKS];

/// What `accepts` says.
fn accepts(bench: &mut Bench<'_>, line: &Line, path: &PathRef) -> Result<Result<bool, PluginError>, Stop> {
    match bench.ask::<AcceptsAnswer>(line, Method::Accepts, &json!({"path": path}))? {
        Reply::Ok(answer) => Ok(Ok(answer.accepts)),
        Reply::Error(error) => Ok(Err(error)),
        Reply::Unsupported => fail("`accepts` is answered `unsupported`"),
    }
}

/// What `extract` says.
fn extract(
    bench: &mut Bench<'_>,
    line: &Line,
    path: &PathRef,
) -> Result<Result<Vec<Signal>, PluginError>, Stop> {
    match bench.ask::<ExtractAnswer>(line, Method::Extract, &json!({"path": path}))? {
        Reply::Ok(answer) => Ok(Ok(answer.signals)),
        Reply::Error(error) => Ok(Err(error)),
        Reply::Unsupported => fail("`extract` is answered `unsupported`"),
    }
}

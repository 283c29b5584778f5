//! The plugin's side of the process carrier: one message a line on standard input and output.
//!
//! A program becomes a plugin with [`stdio`], the body of its `main`; the README has a complete one. What
//! the lines look like is told in [`crate::message::line`].
//!
//! * One request is answered at a time, in the order of the input. A second thread reads ahead, so that
//!   `{"cancel": 7}` sets the flag of the call while it runs.
//! * When the input ends, nobody is there any more: every call is cancelled, and one second later the
//!   program ends, whatever the plugin is doing.
//! * A panic of the plugin is an error of its call; the next one is answered as if nothing had happened.
//! * Log lines of a call are written while it lasts; what a thread says later goes nowhere.
//!
//! Standard output belongs to the protocol: a plugin that prints there breaks it. Diagnostics go to
//! [`Call::log`](crate::Call::log) or to standard error.

mod desk;
mod ending;
mod input;
mod output;
#[cfg(feature = "host")]
mod wired;

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

use crate::{Plugin, PluginError, message, panics};
use desk::{Desk, Served};
use input::{AtEnd, Incoming};
use output::Output;

#[cfg(feature = "host")]
pub use wired::host;

/// Serves a plugin on standard input and output: the whole `main` of a plugin that is a program.
///
/// Returns when the input ends, for `main` to return; should that take longer than a second, because the
/// plugin is in the middle of a call, the program ends from within.
pub fn stdio(plugin: impl Plugin) -> ExitCode {
    run(|| Ok(plugin), io::stdin(), io::stdout())
}

/// Serves a plugin over any pair of ends, until the input ends: for tests, which stand at the other ends.
/// Never ends the program; a call in progress is cancelled, and waited for.
///
/// # Errors
/// The output cannot be written: nobody reads it any more.
pub fn serve(
    plugin: &impl Plugin,
    reader: impl Read + Send + 'static,
    writer: impl Write + Send + 'static,
) -> io::Result<()> {
    let output = Arc::new(Output::new(writer));
    let incoming = Incoming::start(reader, AtEnd::Stay)?;
    let outcome = answer_all(&incoming, &output, plugin);
    output.close();
    outcome
}

/// Serves what `make` makes and sees to it that the program ends with its input, from the very beginning:
/// also while `make` is at work. What it cannot make answers one request with the reason.
fn run<S: Served>(
    make: impl FnOnce() -> Result<S, PluginError>,
    reader: impl Read + Send + 'static,
    writer: impl Write + Send + 'static,
) -> ExitCode {
    let output = Arc::new(Output::new(writer));
    let outcome = Incoming::start(reader, AtEnd::EndProgram).and_then(|incoming| {
        let served = panics::catch(make).unwrap_or_else(|message| {
            Err(PluginError::permanent(format!("the plugin panicked when it was made: {message}")))
        });
        match served {
            Ok(served) => answer_all(&incoming, &output, &served).map(|()| ExitCode::SUCCESS),
            Err(error) => refuse(&incoming, &output, &error).map(|()| ExitCode::FAILURE),
        }
    });
    outcome.unwrap_or_else(|error| {
        // Nobody reads the output any more; somebody may still read this.
        eprintln!("the plugin ends: {error}");
        ExitCode::FAILURE
    })
}

fn answer_all(incoming: &Incoming, output: &Arc<Output>, served: &dyn Served) -> io::Result<()> {
    let mut desk = Desk::new(served, Arc::clone(output));
    while let Some(next) = incoming.next() {
        let reply = match &next {
            Ok(request) => desk.answer(request),
            Err(error) => message::error_reply(0, error),
        };
        if let Ok(request) = &next {
            incoming.forget(request);
        }
        output.reply(reply)?;
    }
    Ok(())
}

/// The one answer of a plugin that there is not.
fn refuse(incoming: &Incoming, output: &Output, error: &PluginError) -> io::Result<()> {
    match incoming.next() {
        Some(next) => output.reply(message::error_reply(next.map_or(0, |request| request.id), error)),
        None => Ok(()),
    }
}

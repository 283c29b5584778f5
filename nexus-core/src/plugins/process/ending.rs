//! How a plugin's process failed, told to a person.

use std::time::Duration;

use nexus_plugin_api::PluginError;
use nexus_plugin_api::message::{MAX_MESSAGE, Method};

use super::lines::{MOST_LOG, Unusable, quoted};
use crate::secret::Redactor;

/// Why an exchange brought no reply.
#[derive(Debug)]
pub(super) struct Broken {
    /// Whether any byte of the request was written: if not, the plugin certainly did nothing.
    pub sent: bool,
    pub cause: Cause,
}

/// What happened.
#[derive(Debug)]
pub(super) enum Cause {
    /// It ended, or closed its standard output.
    Ended,
    /// It closed its standard input and did not answer.
    Deaf,
    /// It did not answer in time, nor end the call when it was asked to.
    Overdue { after: Duration },
    /// It wrote something else.
    Unusable(Unusable),
    /// The system failed us.
    Pipe(std::io::Error),
}

/// How its process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Code(i32),
    Signal(i32),
    /// It did not end by itself.
    Killed,
}

impl Exit {
    /// For a sentence that begins with the plugin's name.
    pub fn describe(self) -> String {
        match self {
            Self::Code(code) => format!("ended with exit code {code}"),
            Self::Signal(number) => match signal_name(number) {
                Some(name) => format!("was killed by signal {number} ({name})"),
                None => format!("was killed by signal {number}"),
            },
            Self::Killed => "closed its standard output and was killed".to_owned(),
        }
    }
}

/// The signals that end programs, as Linux numbers them.
fn signal_name(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        5 => "trap",
        6 => "abort",
        7 => "bus error",
        8 => "arithmetic error",
        9 => "killed, perhaps for want of memory",
        11 => "segmentation fault",
        13 => "broken pipe",
        14 => "alarm",
        15 => "terminated",
        24 => "limit of processor time",
        25 => "limit of file size",
        31 => "forbidden system call",
        _ => return None,
    })
}

impl Broken {
    /// Whether the process went away without having said anything wrong: a question may be put to another.
    pub fn is_death(&self) -> bool {
        matches!(self.cause, Cause::Ended | Cause::Deaf | Cause::Pipe(_))
    }

    /// What a person is told. `last` is the last line on standard error, as it may be shown.
    pub fn told(
        &self,
        who: &str,
        method: Method,
        exit: Exit,
        last: Option<&str>,
        redactor: &Redactor,
    ) -> PluginError {
        let after_that = last.map(|line| format!("; the last line on its standard error: `{line}`"));
        let mut error = match &self.cause {
            Cause::Ended => {
                let error = PluginError::transient(format!("{who} {} in `{method}`", exit.describe()));
                if exit == Exit::Code(0) {
                    error.with_hint("a plugin reads on after each reply, and ends when its input ends")
                } else {
                    error
                }
            }
            Cause::Deaf => PluginError::transient(format!(
                "{who} closed its standard input in `{method}` and did not answer"
            )),
            Cause::Overdue { after } => {
                let error = PluginError::transient(format!(
                    "{who} did not answer `{method}` within {} and was killed",
                    humantime::format_duration(round(*after))
                ));
                // Of a process that has answered before it is not the pipes.
                if matches!(method, Method::Manifest | Method::Configure) {
                    error.with_hint(
                        "does it flush standard output after every line, and read standard input line by line?",
                    )
                } else {
                    error
                }
            }
            Cause::Unusable(unusable) => {
                let error = PluginError::permanent(format!(
                    "{who} answered `{method}` with something unusable: {}",
                    describe(unusable, redactor)
                ));
                match unusable {
                    Unusable::NotAReply { line } if is_object(line) => error
                        .with_hint("a reply is one line and repeats the `id` of its request, a whole number"),
                    Unusable::NotAReply { .. } | Unusable::NotUtf8 { .. } => error.with_hint(
                        "standard output is for replies only; diagnostics belong on standard error",
                    ),
                    Unusable::TooMuchLog => {
                        error.with_hint("log what a person needs who looks at a run, not each row or byte")
                    }
                    Unusable::WrongId { .. } | Unusable::TooLong => error,
                }
            }
            Cause::Pipe(source) => {
                PluginError::transient(format!("{who} cannot be spoken to in `{method}`: {source}"))
            }
        };
        if let Some(last) = after_that {
            error.message.push_str(&last);
        }
        if self.sent && method.may_have_effect() { error.maybe_done() } else { error }
    }
}

fn describe(unusable: &Unusable, redactor: &Redactor) -> String {
    match unusable {
        Unusable::NotUtf8 { at } => format!("it is not UTF-8 (at byte {at})"),
        Unusable::NotAReply { line } if line.trim().is_empty() => "it is an empty line".to_owned(),
        Unusable::NotAReply { line } if is_object(line) => {
            format!("it is an object without an `id`, and no log line: `{}`", quoted(&redactor.mask(line)))
        }
        Unusable::NotAReply { line } => {
            // Masked before it is cut: half a secret is not known as one.
            format!("it is no reply: `{}`", quoted(&redactor.mask(line)))
        }
        Unusable::WrongId { sent, received } => format!("it answers request {received}, not {sent}"),
        Unusable::TooMuchLog => {
            let (lines, bytes) = MOST_LOG;
            format!("it wrote more than {lines} log lines, or more than {} MiB of them", bytes >> 20)
        }
        Unusable::TooLong => format!(
            "it has more than the {MAX_MESSAGE} bytes that are read; large data goes into the scratch folder"
        ),
    }
}

fn is_object(line: &str) -> bool {
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(line).is_ok()
}

/// Milliseconds matter below ten seconds only.
fn round(time: Duration) -> Duration {
    if time < Duration::from_secs(10) {
        Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    } else {
        Duration::from_secs(time.as_secs())
    }
}

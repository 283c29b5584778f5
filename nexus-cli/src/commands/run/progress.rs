//! How far a run is: a bar on a terminal, a line for each session in a log.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use nexus_core::pipeline::Steps;
use nexus_core::report::{Progress, SessionResult};

use super::print::{files, minutes, seconds};
use crate::args::Global;
use crate::output;

/// How often the bar moves though nothing happens.
const TICK: Duration = Duration::from_millis(250);

/// Who is shown how far the run is.
pub struct Watch {
    bar: Option<ProgressBar>,
    steps: Steps,
    limit: u64,
}

impl Watch {
    /// Begins to show it: as a bar if standard error is a terminal and nobody asked for quiet.
    pub fn start(global: &Global, steps: Steps, limit: Option<usize>) -> Self {
        let limit = limit.map_or(u64::MAX, |limit| limit as u64);
        let bar = (!global.quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(before());
            bar.set_message(first_word(steps));
            bar.enable_steady_tick(TICK);
            output::show_bar(bar.clone());
            bar
        });
        Self { bar, steps, limit }
    }

    /// What the run tells its progress to.
    pub fn listener(&self) -> Box<dyn Fn(Progress<'_>) + Send + Sync> {
        let (limit, exports) = (self.limit, self.steps.export);
        let Some(bar) = self.bar.clone() else {
            let (done, all) = (AtomicU64::new(0), AtomicU64::new(0));
            return Box::new(move |progress| match progress {
                Progress::Backlog(count) => all.store(count.min(limit), Ordering::Relaxed),
                Progress::Session(line) => {
                    let done = if counts(line, limit) {
                        done.fetch_add(1, Ordering::Relaxed) + 1
                    } else {
                        done.load(Ordering::Relaxed)
                    };
                    let all = all.load(Ordering::Relaxed);
                    tracing::info!(target: output::SESSIONS, "{done}/{all} {}", told(line));
                }
            });
        };
        Box::new(move |progress| match progress {
            Progress::Backlog(0) => bar.set_message(last_word(exports)),
            Progress::Backlog(count) => {
                bar.set_length(count.min(limit));
                bar.set_style(during());
                bar.set_message("building");
                bar.reset_eta();
            }
            Progress::Session(line) => {
                tracing::info!(target: output::SESSIONS, "{}", told(line));
                if counts(line, limit) {
                    bar.inc(1);
                }
                if bar.length().is_some_and(|all| bar.position() >= all) {
                    bar.set_message(last_word(exports));
                }
            }
        })
    }

    /// Takes the bar away.
    pub fn end(self) {
        output::hide_bar();
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Whether a session is one of those that the number tells: of a limited run, those that wait are not.
fn counts(line: &SessionResult, limit: u64) -> bool {
    limit == u64::MAX || line.result != "WAITING"
}

fn first_word(steps: Steps) -> &'static str {
    match (steps.harvest, steps.build) {
        (true, _) => "harvesting",
        (false, true) => "planning",
        (false, false) => "delivering",
    }
}

fn last_word(exports: bool) -> &'static str {
    if exports { "delivering" } else { "finishing" }
}

/// A session that is done, on one line.
fn told(line: &SessionResult) -> String {
    let mut text = format!("{} ({}, {}", line.session, line.instrument, minutes(&line.start));
    if let Some(user) = &line.user {
        let _ = write!(text, ", {user}");
    }
    text.push_str("): ");
    match line.result.as_str() {
        // Its delivery has only begun.
        "BUILT_NOT_EXPORTED" => text.push_str("built"),
        "WAITING" => text.push_str("waits"),
        other => text.push_str(other),
    }
    let _ = if line.files > 0 {
        write!(text, ", {}, {}", files(line.files), seconds(line.seconds))
    } else {
        write!(text, ": {}", line.detail)
    };
    text
}

/// Sessions in a time that makes the number readable.
fn rate(per_second: f64) -> String {
    if !per_second.is_finite() || per_second <= 0.0 {
        String::from("-")
    } else if per_second >= 10.0 {
        format!("{per_second:.0}/s")
    } else if per_second >= 1.0 {
        format!("{per_second:.1}/s")
    } else {
        format!("{:.1}/min", per_second * 60.0)
    }
}

/// The time left, in its two largest units.
fn left(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s left"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s left"),
        (hours, minutes, _) => format!("{hours} h {minutes} min left"),
    }
}

const BEFORE: &str = "{spinner} {msg} ({elapsed})";
const DURING: &str = "{msg:10} [{bar:30}] {pos}/{len} sessions{pace}";

fn before() -> ProgressStyle {
    ProgressStyle::with_template(BEFORE).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn during() -> ProgressStyle {
    ProgressStyle::with_template(DURING)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("pace", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // Before the first is done, nobody knows.
            if state.pos() > 0 {
                let _ = write!(out, ", {}, {}", rate(state.per_sec()), left(state.eta().as_secs()));
            }
        })
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::{SessionResult, counts, left, rate, told};

    fn line(result: &str, detail: &str, files: u64) -> SessionResult {
        SessionResult {
            session: "logbook:lab/1".into(),
            instrument: "TEM".to_owned(),
            user: Some("ada".to_owned()),
            start: "2024-03-05T09:00:00+01:00".to_owned(),
            end: "2024-03-05T11:00:00+01:00".to_owned(),
            result: result.to_owned(),
            detail: detail.to_owned(),
            files,
            seconds: 0.412,
        }
    }

    #[test]
    fn a_session_is_told_in_one_line_with_what_is_known_by_then() {
        let who = "logbook:lab/1 (TEM, 2024-03-05 09:00 +01:00, ada)";
        assert_eq!(told(&line("BUILT_NOT_EXPORTED", "name", 25)), format!("{who}: built, 25 files, 412 ms"));
        assert_eq!(told(&line("COMPLETED", "name", 1)), format!("{who}: COMPLETED, 1 file, 412 ms"));
        assert_eq!(
            told(&line("NO_CONSENT", "the answer is `no`", 0)),
            format!("{who}: NO_CONSENT: the answer is `no`")
        );
        let mut waits = line("WAITING", "no files yet", 0);
        waits.user = None;
        assert_eq!(told(&waits), "logbook:lab/1 (TEM, 2024-03-05 09:00 +01:00): waits: no files yet");
        assert!(counts(&waits, u64::MAX) && !counts(&waits, 10) && counts(&line("ERROR", "", 0), 10));
    }

    #[test]
    fn rates_and_times_are_short() {
        let rates = [0.0, f64::NAN, f64::INFINITY, 0.05, 0.99, 1.0, 9.94, 10.0, 1234.5].map(rate);
        assert_eq!(rates, ["-", "-", "-", "3.0/min", "59.4/min", "1.0/s", "9.9/s", "10/s", "1234/s"]);
        assert_eq!(
            [0, 59, 61, 3600, 90_061].map(left),
            ["0 s left", "59 s left", "1 min 1 s left", "1 h 0 min left", "25 h 1 min left"]
        );
    }

    #[test]
    fn the_styles_are_understood() {
        for template in [super::BEFORE, super::DURING] {
            assert!(indicatif::ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}

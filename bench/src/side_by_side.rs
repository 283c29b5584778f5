//! NexusLIMS and then nexus on the same backlog.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use nexus_tests::peer::Peer;
use serde::Serialize;

use crate::args::Options;
use crate::backlog::{self, Backlog, Size, WITHOUT_RECORD};
use crate::compare::{self, Allowed, Comparison};
use crate::measure::{self, Cost};
use crate::outcome::{self, Outcome};
use crate::program::{Build, Ends, Nexus, NexusFacility, PeerFacility, find_peer};
use crate::show;
use crate::stand_in::StandIn;
use crate::work::Work;

/// What one program did, and what it cost.
#[derive(Debug, Clone, Serialize)]
struct Measured {
    /// Sessions with a record.
    sessions: usize,
    #[serde(flatten)]
    cost: Cost,
    /// To the stand-in servers.
    requests: usize,
    /// Every run's wall time, shortest first; the figures are those of the one in the middle.
    wall_seconds_of_all: Vec<f64>,
}

/// The whole result.
#[derive(Debug, Serialize)]
struct Report {
    files_per_session: usize,
    seed: u64,
    previews: &'static str,
    peer: Measured,
    nexus: Measured,
    /// NexusLIMS divided by nexus, per session.
    ratio_wall: f64,
    ratio_cpu: f64,
    ratio_peak: f64,
    comparison: Comparison,
}

/// Runs both, compares and prints.
pub fn run(options: &Options) -> Result<ExitCode> {
    let [sessions] = options.sessions[..] else { bail!("--sessions takes a list only with --nexus-only") };
    let [threads] = options.threads.get(..).filter(|list| !list.is_empty()).unwrap_or(&[0])[..] else {
        bail!("--threads takes a list only with --nexus-only")
    };
    let peer_sessions = options.peer_sessions.unwrap_or(sessions);
    ensure!(sessions > 0 && options.files > 0, "a backlog has at least one session and one file");
    ensure!((1..=sessions).contains(&peer_sessions), "--peer-sessions is from 1 to the number of sessions");

    let peer = find_peer(options.peer_venv.as_deref())?;
    let nexus = Nexus::find(options.nexus.as_deref())?;
    let work = Work::start(options)?;
    let size = Size { sessions, files: options.files, plain: options.plain, seed: options.seed };
    show::note(&format!("making {sessions} sessions of {} files", options.files));
    let backlog = Backlog::plan(&size);
    let files = work.path("files");
    backlog::write(&backlog, &files, size.seed)?;
    let stand_in = StandIn::start(backlog.first(peer_sessions));

    warm_up(&peer, &work)?;
    let (peer_cost, theirs) = run_peer(options, &peer, &stand_in, &backlog, &files, &work)?;
    let build = Build { previews: options.previews, threads };
    let (nexus_cost, ours) = run_nexus(options, &nexus, &stand_in, &backlog, &files, &work, build)?;
    let ours = ours.only(backlog.first(peer_sessions), &stand_in);
    let allowed = Allowed { previews: options.previews || options.plain };
    let comparison = compare::outcomes(&theirs, &ours, allowed)?;

    let report = Report::new(options, peer_cost, nexus_cost, comparison);
    if options.json {
        show::json(&report)?;
    } else {
        report.print(options.differences);
    }
    Ok(if report.comparison.is_equal() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The first run of NexusLIMS after its installation makes caches; they are not counted against it.
fn warm_up(peer: &Peer, work: &Work) -> Result<()> {
    show::note("NexusLIMS on a single session, unmeasured, so that its caches are there");
    let backlog = Backlog::plan(&Size { sessions: 1, files: 10, plain: false, seed: 0 });
    let files = work.path("warm-up-files");
    backlog::write(&backlog, &files, 0)?;
    let stand_in = StandIn::start(&backlog.sessions);
    let facility = PeerFacility::new(peer, &stand_in, &files, work.path("warm-up"))?;
    facility.build_records(Duration::from_mins(10)).map(drop).context("the first run of NexusLIMS")
}

fn run_peer(
    options: &Options,
    peer: &Peer,
    stand_in: &StandIn,
    backlog: &Backlog,
    files: &Path,
    work: &Work,
) -> Result<(Measured, Outcome)> {
    let sessions = backlog.first(options.peer_sessions.unwrap_or(usize::MAX - WITHOUT_RECORD));
    let with_record = sessions.len() - WITHOUT_RECORD;
    let minutes = u64::try_from(with_record).unwrap_or(u64::MAX).saturating_add(5);
    let timeout = options.peer_timeout.unwrap_or(Duration::from_secs(minutes.saturating_mul(60)));
    let facility = PeerFacility::new(peer, stand_in, files, work.path("peer"))?;
    show::note(&format!("NexusLIMS on {with_record} sessions: about 8 s each"));
    stand_in.take_requests();
    let cost = facility.build_records(timeout)?;
    let requests = stand_in.take_requests();
    let outcome = facility.outcome()?;
    outcome::check("NexusLIMS", &outcome.statuses, sessions, stand_in)?;
    let wall_seconds_of_all = vec![cost.wall_seconds];
    Ok((Measured { sessions: with_record, cost, requests, wall_seconds_of_all }, outcome))
}

fn run_nexus(
    options: &Options,
    nexus: &Nexus,
    stand_in: &StandIn,
    backlog: &Backlog,
    files: &Path,
    work: &Work,
    build: Build,
) -> Result<(Measured, Outcome)> {
    let sessions = backlog.sessions.len() - WITHOUT_RECORD;
    stand_in.put(&backlog.sessions);
    show::note(&format!("nexus on {sessions} sessions, {} times", options.repeat));
    let mut runs = Vec::new();
    for number in 1..=options.repeat {
        let folder = work.path(&format!("nexus-{number}"));
        let sessions = &backlog.sessions;
        let facility = NexusFacility::new(nexus, stand_in, Ends::Servers, sessions, files, folder, build)?;
        // The repository forgets what was delivered before, so that every run has the same to do.
        stand_in.cdcs.forget_records();
        stand_in.take_requests();
        let cost = facility.measure("run")?;
        let requests = stand_in.take_requests();
        facility.check(stand_in, &backlog.sessions)?;
        runs.push((cost, requests, facility.outcome()?));
    }
    let mut wall_seconds_of_all: Vec<_> = runs.iter().map(|(cost, ..)| cost.wall_seconds).collect();
    wall_seconds_of_all.sort_by(f64::total_cmp);
    let (cost, requests, outcome) = measure::median(runs, |(cost, ..)| *cost).context("nexus was not run")?;
    Ok((Measured { sessions, cost, requests, wall_seconds_of_all }, outcome))
}

impl Measured {
    #[allow(clippy::cast_precision_loss, reason = "counts of sessions are far below 2^52")]
    fn per_session(&self, total: f64) -> f64 {
        total / self.sessions as f64
    }

    fn wall(&self) -> f64 {
        self.per_session(self.cost.wall_seconds)
    }

    fn cpu(&self) -> f64 {
        self.per_session(self.cost.cpu_seconds)
    }

    #[allow(clippy::cast_precision_loss, reason = "rounded for people")]
    fn requests(&self) -> f64 {
        self.per_session(self.requests as f64)
    }
}

impl Report {
    fn new(options: &Options, peer: Measured, nexus: Measured, comparison: Comparison) -> Self {
        #[allow(clippy::cast_precision_loss, reason = "rounded for people")]
        let ratio_peak = peer.cost.peak_bytes as f64 / nexus.cost.peak_bytes as f64;
        let (ratio_wall, ratio_cpu) = (peer.wall() / nexus.wall(), peer.cpu() / nexus.cpu());
        Self {
            files_per_session: options.files,
            seed: options.seed,
            previews: match (options.plain, options.previews) {
                (true, _) => "none: the files are not of a kind that previews are made of",
                (false, true) => "made by both programs",
                (false, false) => "made by NexusLIMS, which cannot be told not to; not by nexus",
            },
            peer,
            nexus,
            ratio_wall,
            ratio_cpu,
            ratio_peak,
            comparison,
        }
    }

    fn print(&self, most: usize) {
        let (peer, nexus) = (&self.peer, &self.nexus);
        let row = |what: &str, peer: String, nexus: String, ratio: String| {
            vec![what.to_owned(), peer, nexus, ratio]
        };
        let wall = |run: &Measured| show::seconds(run.cost.wall_seconds);
        let peak = |run: &Measured| show::mebibytes(run.cost.peak_bytes);
        let requests = |run: &Measured| format!("{:.1}", run.requests());
        show::table(
            &["", "NexusLIMS", "nexus", "ratio"],
            [
                row("sessions", peer.sessions.to_string(), nexus.sessions.to_string(), String::new()),
                row("wall", wall(peer), wall(nexus), String::new()),
                row(
                    "wall per session",
                    show::seconds(peer.wall()),
                    show::seconds(nexus.wall()),
                    show::times(self.ratio_wall),
                ),
                row(
                    "processor per session",
                    show::seconds(peer.cpu()),
                    show::seconds(nexus.cpu()),
                    show::times(self.ratio_cpu),
                ),
                row("peak memory", peak(peer), peak(nexus), show::times(self.ratio_peak)),
                row(
                    "requests per session",
                    requests(peer),
                    requests(nexus),
                    show::times(peer.requests() / nexus.requests()),
                ),
            ],
        );
        show::line(&format!("{} files per session, seed {}", self.files_per_session, self.seed));
        let walls: Vec<_> = nexus.wall_seconds_of_all.iter().copied().map(show::seconds).collect();
        show::line(&format!("wall of every run of nexus: {}", walls.join(", ")));
        show::line(&format!("previews: {}", self.previews));
        self.print_comparison(most);
    }

    fn print_comparison(&self, most: usize) {
        let found = &self.comparison;
        show::line(&format!(
            "compared: {} sessions, {} records, {} values",
            found.sessions, found.records, found.values
        ));
        for (reason, count) in &found.allowed {
            show::line(&format!("  may differ: {count} × {reason}"));
        }
        if found.is_equal() {
            show::line("both programs did the same work");
            return;
        }
        show::line(&format!("*** {} differences that must not be:", found.differences.len()));
        for difference in found.differences.iter().take(most) {
            show::line(&format!("  {difference}"));
        }
    }
}

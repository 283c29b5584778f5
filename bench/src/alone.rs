//! nexus alone: how it grows with the backlog and with the number of threads.

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use crate::args::Options;
use crate::backlog::{self, Backlog, Size};
use crate::measure::{self, Cost};
use crate::program::{Build, Ends, Nexus, NexusFacility};
use crate::show;
use crate::stand_in::StandIn;
use crate::work::Work;

/// The steps of a run, as commands.
const STEPS: [&str; 3] = ["harvest", "build", "export"];

/// One backlog, built with one number of threads.
#[derive(Debug, Serialize)]
struct Row {
    sessions: usize,
    threads: usize,
    /// Each step as a process of its own: the median of its runs.
    harvest: Cost,
    build: Cost,
    export: Cost,
    /// All steps in one process: the median of its runs.
    run: Cost,
    /// Wall time of the build with the first number of threads, divided by that of this one.
    build_ratio: f64,
}

#[derive(Debug, Serialize)]
struct Report {
    files_per_session: usize,
    seed: u64,
    previews: bool,
    rows: Vec<Row>,
}

/// Costs of one backlog and number of threads, run by run.
#[derive(Default)]
struct Runs {
    steps: [Vec<Cost>; STEPS.len()],
    whole: Vec<Cost>,
}

/// Measures every backlog with every number of threads, and prints.
pub fn run(options: &Options) -> Result<()> {
    ensure!(
        options.files > 0 && options.sessions.iter().all(|count| *count > 0),
        "a backlog has at least one session and one file"
    );
    let nexus = Nexus::find(options.nexus.as_deref())?;
    let work = Work::start(options)?;
    let mut rows = Vec::new();
    for sessions in &options.sessions {
        rows.extend(measure_backlog(options, &nexus, &work, *sessions)?);
    }
    let report =
        Report { files_per_session: options.files, seed: options.seed, previews: options.previews, rows };
    if options.json {
        return show::json(&report);
    }
    print(&report);
    Ok(())
}

fn measure_backlog(options: &Options, nexus: &Nexus, work: &Work, sessions: usize) -> Result<Vec<Row>> {
    let threads = if options.threads.is_empty() { vec![1, 2] } else { options.threads.clone() };
    let size = Size { sessions, files: options.files, plain: options.plain, seed: options.seed };
    show::note(&format!("making {sessions} sessions of {} files", options.files));
    let backlog = Backlog::plan(&size);
    let files = work.path(&format!("files-{sessions}"));
    backlog::write(&backlog, &files, size.seed)?;
    // Only its addresses are used.
    let stand_in = StandIn::start(&[]);

    let mut runs: Vec<(usize, Runs)> = threads.iter().map(|threads| (*threads, Runs::default())).collect();
    for number in 1..=options.repeat {
        // In turns, so that a machine that slows down slows all of them.
        for (threads, runs) in &mut runs {
            show::note(&format!(
                "run {number} of {}: {sessions} sessions, threads {threads}",
                options.repeat
            ));
            let build = Build { previews: options.previews, threads: *threads };
            let new = |name: &str| {
                let folder = work.path(&format!("{name}-{sessions}-{threads}-{number}"));
                let ends = Ends::Files;
                NexusFacility::new(nexus, &stand_in, ends, &backlog.sessions, &files, folder, build)
            };
            let facility = new("steps")?;
            for (step, costs) in STEPS.iter().zip(&mut runs.steps) {
                costs.push(facility.measure(step)?);
            }
            facility.check(&stand_in, &backlog.sessions)?;
            work.done_with(facility.folder())?;
            let facility = new("run")?;
            runs.whole.push(facility.measure("run")?);
            facility.check(&stand_in, &backlog.sessions)?;
            work.done_with(facility.folder())?;
        }
    }
    work.done_with(&files)?;
    rows(sessions, runs)
}

fn rows(sessions: usize, runs: Vec<(usize, Runs)>) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    for (threads, runs) in runs {
        let [harvest, build, export] = runs.steps.map(median);
        let (harvest, build, export, run) = (harvest?, build?, export?, median(runs.whole)?);
        let first = rows.first().map_or(build, |row| row.build);
        let build_ratio = first.wall_seconds / build.wall_seconds;
        rows.push(Row { sessions, threads, harvest, build, export, run, build_ratio });
    }
    Ok(rows)
}

fn median(runs: Vec<Cost>) -> Result<Cost> {
    measure::median(runs, |cost| *cost).context("nexus was not run")
}

fn print(report: &Report) {
    let headings = [
        "sessions",
        "threads",
        "harvest",
        "build",
        "build ratio",
        "build CPU",
        "build peak",
        "export",
        "run",
        "run CPU",
        "run peak",
    ];
    show::table(
        &headings,
        report.rows.iter().map(|row| {
            vec![
                row.sessions.to_string(),
                row.threads.to_string(),
                show::seconds(row.harvest.wall_seconds),
                show::seconds(row.build.wall_seconds),
                show::times(row.build_ratio),
                show::seconds(row.build.cpu_seconds),
                show::mebibytes(row.build.peak_bytes),
                show::seconds(row.export.wall_seconds),
                show::seconds(row.run.wall_seconds),
                show::seconds(row.run.cpu_seconds),
                show::mebibytes(row.run.peak_bytes),
            ]
        }),
    );
    let previews = if report.previews { "with" } else { "without" };
    show::line(&format!(
        "{} files per session, {previews} previews, seed {}; harvest, build and export are processes of their own",
        report.files_per_session, report.seed
    ));
}

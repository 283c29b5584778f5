//! How fast a healthy destination is served: alone; beside five that nobody asks; beside the same when they are asked and take next to nothing; and beside these and one that
//! fails now and then, and takes as many records as the healthy one.
//!
//! Twice: a folder, which answers at once, so that the processor is all that there is to share; and a repository whose
//! answers come as late as over a network.

use std::time::Duration;

use anyhow::{Result, ensure};
use nexus_tests::fake_cdcs::FakeCdcs;
use serde::Serialize;

use crate::args::{Healthy, Options};
use crate::backlog::{self, Backlog, Size};
use crate::measure::{self, Cost};
use crate::program::{Build, Ends, HEALTHY, Nexus, NexusFacility};
use crate::stand_in::StandIn;
use crate::unwell::{self, Unwell};
use crate::work::Work;
use crate::{database, show};

/// How much later an answer comes over a network.
const DISTANCE: Duration = Duration::from_millis(10);

impl Healthy {
    fn distance(self) -> Duration {
        if self == Self::Repository { DISTANCE } else { Duration::ZERO }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Folder => "a folder",
            Self::Repository => "a repository 10 ms away",
        }
    }

    /// The settings of the healthy destination, and the server it needs.
    fn healthy(self) -> (String, Option<FakeCdcs>) {
        if self == Self::Folder {
            return (NexusFacility::folder_named(HEALTHY), None);
        }
        let server = FakeCdcs::start();
        server.server.answer_after(DISTANCE);
        (unwell::table(HEALTHY, &server.url()), Some(server))
    }

    /// Long enough for every record, and no longer than needed: the slow destination would go on for ever.
    fn budget(sessions: usize) -> Duration {
        let records = u32::try_from(sessions).unwrap_or(u32::MAX);
        // Two requests for each record, by four workers, and half as long again.
        let network = DISTANCE.saturating_mul(records) * 3 / 4;
        Duration::from_secs(4) + Duration::from_micros(2_500).saturating_mul(records).max(network)
    }
}

/// What stands beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nobody,
    /// Those of [`Beside::Idle`], which nobody asks: what it costs that there are more destinations.
    Paused,
    Idle,
    Flapping,
}

impl Beside {
    fn name(self) -> &'static str {
        match self {
            Self::Nobody => "alone",
            Self::Paused => "beside five that are paused",
            Self::Idle => "beside a dead, a silent, a slow, a limiting and a lying one",
            Self::Flapping => "beside these, and a flapping one that takes its records too",
        }
    }
}

/// One measurement and its runs.
struct Case {
    place: Healthy,
    beside: Beside,
    rates: Vec<f64>,
    costs: Vec<Cost>,
}

/// Records a second to the healthy destination.
#[derive(Debug, Serialize)]
struct Row {
    place: &'static str,
    what: &'static str,
    /// The median over the runs.
    rate: f64,
    /// How much slower than alone, of 1.
    loss: f64,
    rate_of_all: Vec<f64>,
    /// Processor time of nexus, with all that the others cost it.
    cpu_seconds: f64,
}

/// Measures and prints.
pub fn run(options: &Options) -> Result<()> {
    let [sessions] = options.sessions[..] else { anyhow::bail!("--sessions takes one number with --beside") };
    ensure!(sessions > 1 && options.files > 0, "a rate needs at least two sessions with a file each");
    let nexus = Nexus::find(options.nexus.as_deref())?;
    let work = Work::start(options)?;
    let backlog = Backlog::plan(&Size { sessions, files: options.files, plain: false, seed: options.seed });
    let files = work.path("files");
    backlog::write(&backlog, &files, options.seed)?;
    let stand_in = StandIn::start(&[]);
    let mut cases: Vec<Case> = [Healthy::Folder, Healthy::Repository]
        .into_iter()
        .filter(|place| options.healthy.is_none_or(|wanted| wanted == *place))
        .flat_map(|place| {
            [Beside::Nobody, Beside::Paused, Beside::Idle, Beside::Flapping].map(|beside| (place, beside))
        })
        .map(|(place, beside)| Case { place, beside, rates: Vec::new(), costs: Vec::new() })
        .collect();
    for number in 1..=options.repeat {
        // In turns, so that a machine that slows down slows all.
        for case in &mut cases {
            show::note(&format!(
                "run {number} of {}: {}, {}",
                options.repeat,
                case.place.name(),
                case.beside.name()
            ));
            let (mut destinations, _server) = case.place.healthy();
            let unwell = match case.beside {
                Beside::Nobody => None,
                beside => Some(Unwell::start(case.place.distance(), beside == Beside::Flapping)?),
            };
            destinations.push_str(unwell.as_ref().map_or("", |unwell| &unwell.settings));
            let ends = Ends::Logbook { destinations, budget: Healthy::budget(sessions) };
            let folder = work.path(&format!("{number}-{:?}-{:?}", case.place, case.beside));
            let build = Build { previews: false, threads: 0 };
            let facility =
                NexusFacility::new(&nexus, &stand_in, ends, &backlog.sessions, &files, folder, build)?;
            for step in ["harvest", "build"] {
                facility.measure(step)?;
            }
            if case.beside == Beside::Paused {
                database::pause(&facility.database(), &unwell::NAMES)?;
            }
            case.costs.push(facility.export()?);
            let (delivered, rate) = database::rate(&facility.database(), HEALTHY)?;
            // What the time was too short for is not counted, but a rate needs some length.
            ensure!(delivered >= sessions / 2, "only {delivered} were delivered");
            case.rates.push(rate);
            work.done_with(facility.folder())?;
        }
    }
    print(options, sessions, &rows(cases))
}

fn rows(cases: Vec<Case>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for case in cases {
        let mut rate_of_all = case.rates;
        rate_of_all.sort_by(f64::total_cmp);
        let rate = rate_of_all.get(rate_of_all.len() / 2).copied().unwrap_or(f64::NAN);
        let place = case.place.name();
        let alone = rows.iter().find(|row| row.place == place).map_or(rate, |row| row.rate);
        let cpu_seconds = measure::median(case.costs, |cost| *cost).map_or(f64::NAN, |cost| cost.cpu_seconds);
        let what = case.beside.name();
        rows.push(Row { place, what, rate, loss: 1.0 - rate / alone, rate_of_all, cpu_seconds });
    }
    rows
}

fn print(options: &Options, sessions: usize, rows: &[Row]) -> Result<()> {
    if options.json {
        return show::json(&rows);
    }
    let all = |rates: &[f64]| rates.iter().map(|rate| format!("{rate:.0}")).collect::<Vec<_>>().join(", ");
    show::table(
        &["a healthy destination", "records a second", "slower by", "of all runs", "CPU"],
        rows.iter().map(|row| {
            vec![
                format!("{}, {}", row.place, row.what),
                format!("{:.0}", row.rate),
                format!("{:.1} %", row.loss * 100.0),
                all(&row.rate_of_all),
                show::seconds(row.cpu_seconds),
            ]
        }),
    );
    show::line(&format!("{sessions} sessions of {} files", options.files));
    Ok(())
}

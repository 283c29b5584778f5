//! How fast a healthy destination is served: alone; beside five that nobody asks; beside the same when they are asked and take next to nothing; and beside these and one that
//! fails now and then, and takes as many records as the healthy one.
//!
//! The records are built once, and delivered again and again for some seconds. Each time a second nexus with nothing but the
//! healthy destination delivers the same records at the same time, on the same processor, of which the system gives each the same
//! part: whatever else slows the machine slows both. The first row, which compares that one with its like, shows how far
//! this can be trusted.
//!
//! Twice: a folder, which answers at once, so that the processor is all that there is to share; and a repository whose
//! answers come as late as over a network.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use nexus_tests::fake_cdcs::FakeCdcs;
use serde::Serialize;

use crate::args::{Healthy, Options};
use crate::backlog::{self, Backlog, Size};
use crate::program::{Build, Ends, HEALTHY, Nexus, NexusFacility, make_way};
use crate::stand_in::StandIn;
use crate::unwell::{self, Unwell};
use crate::work::Work;
use crate::{database, paired, show};

/// What the healthy destination is measured beside. Nobody comes first: the difference to its like must be none.
const BESIDE: [Beside; 4] = [Beside::Nobody, Beside::Paused, Beside::Idle, Beside::Flapping];

/// How long records are delivered in each measurement. The slow destination and those that rest would go on for ever, and the
/// healthy one has more to take than it can in this time.
const BUDGET: Duration = Duration::from_secs(10);

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

/// A facility whose records are delivered again and again.
struct Case<'a> {
    place: Healthy,
    beside: Beside,
    facility: NexusFacility<'a>,
}

/// What came of one export.
#[derive(Debug, Clone, Copy)]
struct Export {
    /// Records a second.
    rate: f64,
    /// Processor time of nexus, with all that the others cost it, for each record of the healthy destination; in seconds.
    effort: f64,
}

/// One export, and that of the healthy destination alone at the same time.
type Pair = [Export; 2];

/// What was measured of one case.
#[derive(Debug, Serialize)]
struct Row {
    place: &'static str,
    what: &'static str,
    /// Records a second to the healthy destination: the median over the rounds.
    rate: f64,
    rate_of_all: Vec<f64>,
    /// How much slower than alone at the same time, of 1.
    slower: Compared,
    /// Processor time for each record of the healthy destination, in seconds: the median over the rounds.
    effort: f64,
    /// How much more than alone at the same time, of 1.
    dearer: Compared,
}

/// The median over the rounds, and the ends of an interval that holds it with 95 %.
#[derive(Debug, Serialize)]
struct Compared {
    median: f64,
    between: Option<(f64, f64)>,
}

impl Compared {
    fn of(pairs: &[Pair], compare: impl Fn(Pair) -> f64) -> Option<Self> {
        let ratios: Vec<f64> = pairs.iter().copied().map(compare).collect();
        paired::median(&ratios).map(|median| Self { median: median.value, between: median.interval })
    }

    fn show(&self) -> String {
        let between = self.between.map_or_else(
            || "too few rounds".to_owned(),
            |(from, to)| format!("{:.1} to {:.1}", from * 100.0, to * 100.0),
        );
        format!("{:.1} % ({between})", self.median * 100.0)
    }
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
    make_way()?;
    let stand_in = StandIn::start(&[]);
    let mut rows = Vec::new();
    for place in [Healthy::Folder, Healthy::Repository] {
        if options.healthy.is_some_and(|wanted| wanted != place) {
            continue;
        }
        let build = |beside, name: &str| {
            show::note(&format!("building records: {}, {}", place.name(), Beside::name(beside)));
            let folder = work.path(&format!("{place:?}-{name}"));
            Case::build(place, beside, &nexus, &stand_in, &backlog, &files, folder)
        };
        let mut alone = build(Beside::Nobody, "alone")?;
        let mut cases = Vec::new();
        for beside in BESIDE {
            cases.push((build(beside, &format!("{beside:?}"))?, Vec::new()));
        }
        for round in 1..=options.repeat {
            show::note(&format!("{}, round {round} of {}", place.name(), options.repeat));
            for (case, pairs) in &mut cases {
                pairs.push(export(case, &mut alone, sessions)?);
            }
        }
        rows.extend(cases.iter().filter_map(|(case, pairs)| Row::of(case, pairs)));
        for case in cases.into_iter().map(|(case, _)| case).chain([alone]) {
            work.done_with(case.facility.folder())?;
        }
    }
    print(options, sessions, &rows)
}

/// Both at the same time.
fn export(case: &mut Case<'_>, alone: &mut Case<'_>, sessions: usize) -> Result<Pair> {
    std::thread::scope(|scope| {
        let alone = scope.spawn(|| alone.export(sessions));
        let case = case.export(sessions)?;
        let alone = alone.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok([case, alone])
    })
}

impl<'a> Case<'a> {
    /// A facility whose records are built and due.
    fn build(
        place: Healthy,
        beside: Beside,
        nexus: &'a Nexus,
        stand_in: &'a StandIn,
        backlog: &Backlog,
        files: &Path,
        folder: PathBuf,
    ) -> Result<Self> {
        let destinations = Destinations::start(place, beside)?.settings;
        let ends = Ends::Logbook { destinations, budget: BUDGET };
        let build = Build { previews: false, threads: 0 };
        let facility = NexusFacility::new(nexus, stand_in, ends, &backlog.sessions, files, folder, build)?;
        for step in ["harvest", "build"] {
            facility.measure(step)?;
        }
        if beside == Beside::Paused {
            database::pause(&facility.database(), &unwell::NAMES)?;
        }
        facility.keep_database()?;
        Ok(Self { place, beside, facility })
    }

    /// Delivers what there is time for, to servers that have nothing yet.
    fn export(&mut self, sessions: usize) -> Result<Export> {
        let destinations = Destinations::start(self.place, self.beside)?;
        let cost = self.facility.export_anew(&destinations.settings, BUDGET)?;
        let (delivered, rate) = database::rate(&self.facility.database(), HEALTHY)?;
        ensure!(delivered > 10, "only {delivered} were delivered");
        if delivered >= sessions {
            show::note(
                "*** all were delivered before the time was up, so the processor times mean little: take more sessions",
            );
        }
        #[allow(clippy::cast_precision_loss, reason = "counts of sessions are far below 2^52")]
        let effort = cost.cpu_seconds / delivered as f64;
        Ok(Export { rate, effort })
    }
}

/// All destinations of a case; their servers live as long as this.
struct Destinations {
    settings: String,
    _healthy: Option<FakeCdcs>,
    _unwell: Option<Unwell>,
}

impl Destinations {
    fn start(place: Healthy, beside: Beside) -> Result<Self> {
        let (mut settings, healthy) = place.healthy();
        let unwell = match beside {
            Beside::Nobody => None,
            _ => Some(Unwell::start(place.distance(), beside == Beside::Flapping)?),
        };
        settings.push_str(unwell.as_ref().map_or("", |unwell| &unwell.settings));
        Ok(Self { settings, _healthy: healthy, _unwell: unwell })
    }
}

impl Row {
    fn of(case: &Case<'_>, pairs: &[Pair]) -> Option<Self> {
        let rate_of_all: Vec<f64> = pairs.iter().map(|[export, _]| export.rate).collect();
        let efforts: Vec<f64> = pairs.iter().map(|[export, _]| export.effort).collect();
        Some(Self {
            place: case.place.name(),
            what: case.beside.name(),
            rate: paired::median(&rate_of_all)?.value,
            rate_of_all,
            slower: Compared::of(pairs, |[export, alone]| 1.0 - export.rate / alone.rate)?,
            effort: paired::median(&efforts)?.value,
            dearer: Compared::of(pairs, |[export, alone]| export.effort / alone.effort - 1.0)?,
        })
    }
}

fn print(options: &Options, sessions: usize, rows: &[Row]) -> Result<()> {
    if options.json {
        return show::json(&rows);
    }
    let range = |rates: &[f64]| {
        let [least, most] =
            [f64::min, f64::max].map(|of: fn(f64, f64) -> f64| rates.iter().copied().reduce(of));
        format!("{:.0} to {:.0}", least.unwrap_or(f64::NAN), most.unwrap_or(f64::NAN))
    };
    show::table(
        &["a healthy destination", "records/s", "of all rounds", "slower by", "CPU a record", "more by"],
        rows.iter().map(|row| {
            vec![
                format!("{}, {}", row.place, row.what),
                format!("{:.0}", row.rate),
                range(&row.rate_of_all),
                row.slower.show(),
                format!("{:.0} µs", row.effort * 1e6),
                row.dearer.show(),
            ]
        }),
    );
    show::line(&format!(
        "{sessions} sessions of {} files, {} rounds of {} s; in brackets what holds the median with 95 %",
        options.files,
        options.repeat,
        BUDGET.as_secs()
    ));
    Ok(())
}

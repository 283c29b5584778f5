//! How fast a healthy destination is served, alone and beside five that are not well.

use std::net::TcpListener;

use anyhow::{Context as _, Result, ensure};
use nexus_tests::fake_cdcs::{self, FakeCdcs};
use nexus_tests::fault::{Fault, Gate, Rule};
use serde::Serialize;

use crate::args::Options;
use crate::backlog::{self, Backlog, Size, WITHOUT_RECORD};
use crate::program::{Build, Ends, Nexus, NexusFacility};
use crate::stand_in::StandIn;
use crate::work::Work;
use crate::{database, show};

/// Destinations that are not well, and the gate behind which the silent one keeps its requests.
struct Unwell {
    settings: String,
    gate: Gate,
    /// They live as long as this.
    _servers: Vec<FakeCdcs>,
}

impl Unwell {
    fn start() -> Result<Self> {
        let free = TcpListener::bind("127.0.0.1:0").context("there is no free port")?;
        let dead = format!("http://{}/", free.local_addr().context("a port has an address")?);
        drop(free);
        let gate = Gate::new();
        let faults = [
            ("silent", Rule::on("/", Fault::HoldAndDrop(gate.clone()))),
            ("flapping", Rule::at("/rest/data/", Fault::Html(503)).times(2)),
            ("limiting", Rule::at("/rest/data/", Fault::Json(429, "{}".to_owned()))),
            ("lying", Rule::at("/rest/data/", Fault::Garbage)),
        ];
        let mut settings = table("dead", &dead);
        let mut servers = Vec::new();
        for (name, rule) in faults {
            let server = FakeCdcs::start();
            server.server.fail(rule);
            settings.push_str(&table(name, &server.url()));
            servers.push(server);
        }
        Ok(Self { settings, gate, _servers: servers })
    }
}

impl Drop for Unwell {
    fn drop(&mut self) {
        self.gate.open();
    }
}

fn table(name: &str, url: &str) -> String {
    format!(
        "[destinations.{name}]\nplugin = \"cdcs\"\nurl = {url:?}\ntoken = {{ value = {:?} }}\n\
         timeout = \"2 s\"\nsettle = \"1 s\"\n",
        fake_cdcs::TOKEN
    )
}

/// Records a second to the healthy destination, median over the runs.
#[derive(Debug, Serialize)]
struct Report {
    sessions: usize,
    alone: f64,
    beside: f64,
    /// How much slower it is, of 1.
    loss: f64,
    alone_of_all: Vec<f64>,
    beside_of_all: Vec<f64>,
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
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for number in 1..=options.repeat {
        show::note(&format!("run {number} of {}", options.repeat));
        let rate = |name: &str, ends: Ends| -> Result<f64> {
            let folder = work.path(&format!("{name}-{number}"));
            let build = Build { previews: false, threads: 0 };
            let facility =
                NexusFacility::new(&nexus, &stand_in, ends, &backlog.sessions, &files, folder, build)?;
            for step in ["harvest", "build", "export"] {
                facility.measure(step)?;
            }
            let rate = database::rate(&facility.database(), NexusFacility::HEALTHY)?;
            ensure!(rate.0 == backlog.sessions.len() - WITHOUT_RECORD, "only {} were delivered", rate.0);
            work.done_with(facility.folder())?;
            Ok(rate.1)
        };
        // In turns, so that a machine that slows down slows both.
        alone.push(rate("alone", Ends::Files)?);
        let unwell = Unwell::start()?;
        beside.push(rate("beside", Ends::FilesBeside(unwell.settings.clone()))?);
    }
    alone.sort_by(f64::total_cmp);
    beside.sort_by(f64::total_cmp);
    let middle = |rates: &[f64]| rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN);
    let (one, other) = (middle(&alone), middle(&beside));
    let report = Report {
        sessions,
        alone: one,
        beside: other,
        loss: 1.0 - other / one,
        alone_of_all: alone,
        beside_of_all: beside,
    };
    if options.json {
        return show::json(&report);
    }
    let headings = ["a healthy destination", "records a second", "of all runs"];
    let all = |rates: &[f64]| rates.iter().map(|rate| format!("{rate:.0}")).collect::<Vec<_>>().join(", ");
    show::table(
        &headings,
        [
            vec!["alone".to_owned(), format!("{one:.0}"), all(&report.alone_of_all)],
            vec![
                "beside a dead, a silent, a flapping, a limiting and a lying one".to_owned(),
                format!("{other:.0}"),
                all(&report.beside_of_all),
            ],
        ],
    );
    show::line(&format!("{sessions} sessions; slower by {:.1} %", report.loss * 100.0));
    Ok(())
}

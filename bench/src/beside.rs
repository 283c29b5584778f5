//! How fast a healthy destination is served: alone; beside four that take nothing; and beside these and one that fails
//! now and then, and takes as many records as the healthy one.

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
    fn start(flapping: bool) -> Result<Self> {
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
        for (name, rule) in faults.into_iter().filter(|(name, _)| flapping || *name != "flapping") {
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

/// Records a second to the healthy destination.
#[derive(Debug, Serialize)]
struct Row {
    what: &'static str,
    /// The median over the runs.
    rate: f64,
    /// How much slower than alone, of 1.
    loss: f64,
    rate_of_all: Vec<f64>,
}

const ALONE: &str = "alone";
const IDLE: &str = "beside a dead, a silent, a limiting and a lying one";
const FLAPPING: &str = "beside these, and a flapping one that takes its records too";

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
    let mut rates = [ALONE, IDLE, FLAPPING].map(|what| (what, Vec::new()));
    for number in 1..=options.repeat {
        show::note(&format!("run {number} of {}", options.repeat));
        // In turns, so that a machine that slows down slows all.
        for (what, rates) in &mut rates {
            let unwell = if *what == ALONE { None } else { Some(Unwell::start(*what == FLAPPING)?) };
            let ends =
                unwell.as_ref().map_or(Ends::Files, |unwell| Ends::FilesBeside(unwell.settings.clone()));
            let folder = work.path(&format!("{number}-{}", rates.len() + what.len()));
            let build = Build { previews: false, threads: 0 };
            let facility =
                NexusFacility::new(&nexus, &stand_in, ends, &backlog.sessions, &files, folder, build)?;
            for step in ["harvest", "build"] {
                facility.measure(step)?;
            }
            facility.export()?;
            let (delivered, rate) = database::rate(&facility.database(), NexusFacility::HEALTHY)?;
            ensure!(delivered == backlog.sessions.len() - WITHOUT_RECORD, "only {delivered} were delivered");
            rates.push(rate);
            work.done_with(facility.folder())?;
        }
    }
    let mut rows: Vec<Row> = Vec::new();
    for (what, mut rate_of_all) in rates {
        rate_of_all.sort_by(f64::total_cmp);
        let rate = rate_of_all.get(rate_of_all.len() / 2).copied().unwrap_or(f64::NAN);
        let alone = rows.first().map_or(rate, |row| row.rate);
        rows.push(Row { what, rate, loss: 1.0 - rate / alone, rate_of_all });
    }
    if options.json {
        return show::json(&rows);
    }
    let all = |rates: &[f64]| rates.iter().map(|rate| format!("{rate:.0}")).collect::<Vec<_>>().join(", ");
    show::table(
        &["a healthy destination", "records a second", "slower by", "of all runs"],
        rows.iter().map(|row| {
            let loss = format!("{:.1} %", row.loss * 100.0);
            vec![row.what.to_owned(), format!("{:.0}", row.rate), loss, all(&row.rate_of_all)]
        }),
    );
    show::line(&format!("{sessions} sessions of {} files", options.files));
    Ok(())
}

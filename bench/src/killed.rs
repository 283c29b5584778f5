//! Killed after two uploads of five sessions, and run again: how many records the repository holds then.

use std::process::{Child, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nexus_tests::fault::{Fault, Gate, Rule};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::Serialize;

use crate::args::Options;
use crate::backlog::{self, Backlog, Size};
use crate::program::{Build, Ends, Nexus, NexusFacility, PeerFacility, find_peer};
use crate::show;
use crate::stand_in::StandIn;
use crate::work::Work;

const SESSIONS: usize = 5;
const FILES: usize = 4;
/// Uploads that the repository takes before the program is killed.
const TAKEN: usize = 2;
/// Where records are created.
const CREATE: &str = "/rest/data/";
/// Longer than any program needs for five sessions.
const PATIENCE: Duration = Duration::from_mins(10);

/// What the repository holds.
#[derive(Debug, Serialize)]
struct Row {
    program: &'static str,
    sessions: usize,
    /// When the program was killed.
    after_the_kill: usize,
    /// After it was run again to its end.
    at_the_end: usize,
}

impl Row {
    fn is_right(&self) -> bool {
        self.at_the_end == self.sessions
    }
}

/// Does it, and prints a table. The exit code tells whether nexus made every record once.
pub fn run(options: &Options) -> Result<ExitCode> {
    let nexus = Nexus::find(options.nexus.as_deref())?;
    let work = Work::start(options)?;
    let backlog = Backlog::plan(&Size { sessions: SESSIONS, files: FILES, plain: false, seed: options.seed });
    let files = work.path("files");
    backlog::write(&backlog, &files, options.seed)?;
    let mut rows = Vec::new();
    if !options.nexus_only {
        let peer = find_peer(options.peer_venv.as_deref())?;
        let stand_in = StandIn::start(&backlog.sessions);
        let facility = PeerFacility::new(&peer, &stand_in, &files, work.path("peer"))?;
        rows.push(kill("NexusLIMS", &stand_in, || facility.start())?);
    }
    let stand_in = StandIn::start(&backlog.sessions);
    let build = Build { previews: true, threads: 0 };
    let folder = work.path("nexus");
    let facility =
        NexusFacility::new(&nexus, &stand_in, Ends::Servers, &backlog.sessions, &files, folder, build)?;
    let ours = kill("nexus", &stand_in, || facility.start())?;
    facility.check(&stand_in, &backlog.sessions)?;
    let right = ours.is_right();
    rows.push(ours);
    if options.json {
        show::json(&rows)?;
    } else {
        let headings = ["", "sessions", "records when it was killed", "records after the next run"];
        show::table(
            &headings,
            rows.iter().map(|row| {
                let numbers = [row.sessions, row.after_the_kill, row.at_the_end];
                [row.program.to_owned()].into_iter().chain(numbers.map(|n| n.to_string())).collect()
            }),
        );
    }
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Kills the program when the repository has taken two records and sees the third coming, and runs it again.
fn kill(program: &'static str, stand_in: &StandIn, start: impl Fn() -> Result<Child>) -> Result<Row> {
    show::note(&format!("{program} on {SESSIONS} sessions, killed after {TAKEN} uploads"));
    let gate = Gate::new();
    let rule = Rule::at(CREATE, Fault::HoldAndDrop(gate.clone())).method("POST").after(TAKEN);
    stand_in.cdcs.server.fail(rule);
    let mut child = start()?;
    let killed = wait(&mut child, || gate.arrivals() > 0)?;
    if killed.is_some() {
        bail!("{program} ended before it could be killed");
    }
    let group = Pid::from_raw(i32::try_from(child.id()).context("the number of the process is too large")?);
    killpg(group, Signal::SIGKILL).with_context(|| format!("failed to kill {program}"))?;
    child.wait().with_context(|| format!("failed to wait for {program}"))?;
    gate.open();
    stand_in.cdcs.server.heal();
    let after_the_kill = stand_in.cdcs.records().len();
    let mut child = start()?;
    wait(&mut child, || false)?;
    Ok(Row { program, sessions: SESSIONS, after_the_kill, at_the_end: stand_in.cdcs.records().len() })
}

/// Waits until the program ends, or until something has happened; `Some`: it ended.
fn wait(child: &mut Child, happened: impl Fn() -> bool) -> Result<Option<std::process::ExitStatus>> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if happened() {
            return Ok(None);
        }
        if let Some(status) = child.try_wait().context("failed to wait for the program")? {
            return Ok(Some(status));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let _ = child.kill();
    bail!("the program did not come that far within {} minutes", PATIENCE.as_secs() / 60)
}

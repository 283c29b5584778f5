//! Destinations that are not well.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nexus_tests::fake_cdcs::{self, FakeCdcs};
use nexus_tests::fault::{Fault, Gate, Rule};

/// How long the slow one takes for an answer: less than what is waited for one.
const SLOW: Duration = Duration::from_millis(500);

/// How many requests of the flapping one lie between two that fail, and how many of them fail.
const FLAPS: (usize, usize) = (50, 200);

/// The names of those that take next to nothing.
pub const NAMES: [&str; 5] = ["dead", "silent", "slow", "limiting", "lying"];

/// Repositories: a dead one, one that never answers, a slow one, one that asks for a pause, one that answers nonsense, and
/// perhaps one that fails now and then and else takes what it gets.
pub struct Unwell {
    /// Their settings.
    pub settings: String,
    /// The gate behind which the silent one keeps its requests.
    gate: Gate,
    /// They live as long as this.
    _servers: Vec<FakeCdcs>,
}

impl Unwell {
    /// Starts them; those that answer take this long to do so.
    pub fn start(distance: Duration, flapping: bool) -> Result<Self> {
        let free = TcpListener::bind("127.0.0.1:0").context("there is no free port")?;
        let dead = format!("http://{}/", free.local_addr().context("a port has an address")?);
        drop(free);
        let gate = Gate::new();
        let rest_data = |fault| vec![Rule::at("/rest/data/", fault)];
        let (between, flaps) = FLAPS;
        let flap = |number| Rule::on("/rest/", Fault::Html(503)).after(number * between).times(1);
        let mut unwell = vec![
            ("silent", distance, vec![Rule::on("/", Fault::HoldAndDrop(gate.clone()))]),
            ("slow", SLOW, Vec::new()),
            ("limiting", distance, rest_data(Fault::Json(429, "{}".to_owned()))),
            ("lying", distance, rest_data(Fault::Garbage)),
        ];
        if flapping {
            unwell.push(("flapping", distance, (0..flaps).map(flap).collect()));
        }
        let mut settings = table("dead", &dead);
        let mut servers = Vec::new();
        for (name, distance, faults) in unwell {
            let server = FakeCdcs::start();
            server.server.answer_after(distance);
            for fault in faults {
                server.server.fail(fault);
            }
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

/// The settings of a repository.
pub fn table(name: &str, url: &str) -> String {
    format!(
        "[destinations.{name}]\nplugin = \"cdcs\"\nurl = {url:?}\ntoken = {{ value = {:?} }}\n\
         timeout = \"2 s\"\nsettle = \"1 s\"\n",
        fake_cdcs::TOKEN
    )
}

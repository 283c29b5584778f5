//! NexusLIMS.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use nexus_tests::peer::Peer;
use nexus_tests::{fake_cdcs, fake_nemo};

use super::{DATA, DATABASE, log, start};
use crate::measure::{self, Cost};
use crate::outcome::Outcome;
use crate::stand_in::StandIn;
use crate::{database, show};

/// NexusLIMS in this environment, or in one that is made once.
pub fn find(venv: Option<&Path>) -> Result<Peer> {
    show::note("looking for NexusLIMS (the first time it is installed, which takes some minutes)");
    let found = match venv {
        Some(venv) => Peer::at(venv),
        None => Peer::installed(),
    };
    found.map_err(|why| anyhow!("NexusLIMS cannot be had: {why}; --nexus-only measures nexus without it"))
}

/// A facility of NexusLIMS: a database and a data folder of its own.
pub struct PeerFacility<'a> {
    peer: &'a Peer,
    stand_in: &'a StandIn,
    files: PathBuf,
    folder: PathBuf,
}

impl<'a> PeerFacility<'a> {
    /// Makes the folders and, by NexusLIMS's own command, the database; adds the instruments.
    pub fn new(peer: &'a Peer, stand_in: &'a StandIn, files: &Path, folder: PathBuf) -> Result<Self> {
        let data = folder.join(DATA);
        std::fs::create_dir_all(&data).with_context(|| format!("failed to make {}", data.display()))?;
        let facility = Self { peer, stand_in, files: files.to_owned(), folder };
        let mut init = facility.command();
        let output = init.args(["db", "init"]).output().context("failed to run nexuslims")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`nexuslims db init` failed: {}", said.trim());
        database::add_instruments(&facility.database(), stand_in)?;
        Ok(facility)
    }

    /// Harvests, builds and exports everything there is.
    pub fn build_records(&self, timeout: Duration) -> Result<Cost> {
        let mut command = self.command();
        command.args(["build-records", "--from", "none"]);
        measure::run(&command, &log(&self.folder, "build-records"), timeout)
    }

    /// Statuses from the database, records from the repository.
    pub fn outcome(&self) -> Result<Outcome> {
        Ok(Outcome { statuses: database::statuses(&self.database())?, records: self.stand_in.records() })
    }

    /// Starts the same, and leaves it to the caller.
    pub fn start(&self) -> Result<Child> {
        let mut command = self.command();
        command.args(["build-records", "--from", "none"]);
        start(command, &log(&self.folder, "build-records"))
    }

    fn database(&self) -> PathBuf {
        self.folder.join(DATABASE)
    }

    fn command(&self) -> Command {
        let mut command = self.peer.nexuslims(&self.folder);
        // The tests hold its libraries to one thread; here it may use the machine as it does at a facility.
        for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] {
            command.env_remove(name);
        }
        command
            .env("NX_DB_PATH", self.database())
            .env("NX_DATA_PATH", self.folder.join(DATA))
            .env("NX_INSTRUMENT_DATA_PATH", &self.files)
            .env("NX_FILE_STRATEGY", "inclusive")
            .env("NX_EXPORT_STRATEGY", "best_effort")
            .env("NX_CLUSTERING_SENSITIVITY", "1.0")
            .env("NX_CDCS_URL", self.stand_in.cdcs.url())
            .env("NX_CDCS_TOKEN", fake_cdcs::TOKEN)
            .env("NX_NEMO_ADDRESS_1", self.stand_in.nemo.api())
            .env("NX_NEMO_TOKEN_1", fake_nemo::TOKEN);
        command
    }
}

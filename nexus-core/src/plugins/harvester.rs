//! A harvester as the configuration names it.

use std::sync::Arc;
use std::time::Duration;

use nexus_plugin_api::{
    CheckReport, HarvestPage, HarvestRequest, Harvester, InstrumentOffer, PluginError, ReservationAnswer,
    SessionRef,
};

use super::bounds;
use super::call::{CallError, Caller};
use crate::ids::{HarvesterName, InstrumentPid};

/// One `[harvesters.NAME]` table, ready to be asked.
pub struct HarvesterInstance {
    /// Its name in the configuration.
    pub name: HarvesterName,
    /// The plugin's own name; what `instruments.harvester` holds.
    pub plugin: String,
    /// Base of its instruments' `api_url`, if it has one.
    pub address: Option<String>,
    /// Former bases, whose sessions keep their identifiers.
    pub aliases: Vec<String>,
    /// The instruments it is responsible for, whatever their `api_url`; `None`: those below its address.
    pub instruments: Option<Vec<InstrumentPid>>,
    /// The harvester that knows the reservations of its sessions, if another.
    pub reservations_from: Option<HarvesterName>,
    pub(super) caller: Caller,
    pub(super) harvester: Arc<dyn Harvester>,
}

impl HarvesterInstance {
    /// How long one page of events may take.
    #[must_use]
    pub fn time_for_a_page(&self) -> Duration {
        self.caller.limits.ask
    }

    /// A page of usage events.
    ///
    /// # Errors
    /// What the plugin says, or that it did not answer in time.
    pub fn harvest(&self, request: &HarvestRequest) -> Result<HarvestPage, CallError> {
        let (harvester, request) = (Arc::clone(&self.harvester), request.clone());
        self.caller.within("harvest", self.caller.limits.ask, move |call| {
            bounds::page(harvester.harvest(call, &request)?)
        })
    }

    /// The reservation of each session, in the same order.
    ///
    /// # Errors
    /// What the plugin says, that it did not answer in time, or that it gave another number of answers.
    pub fn reservations(&self, sessions: &[SessionRef]) -> Result<Vec<ReservationAnswer>, CallError> {
        let harvester = Arc::clone(&self.harvester);
        let asked: Vec<SessionRef> = sessions.to_vec();
        let answers = self.caller.within("reservations", self.caller.limits.ask, move |call| {
            harvester.reservations(call, &asked)
        })?;
        if answers.len() != sessions.len() {
            let (name, got, want) = (&self.name, answers.len(), sessions.len());
            return Err(PluginError::permanent(format!(
                "harvester `{name}` gave {got} reservation answers to {want} sessions"
            ))
            .with_hint("tell the plugin's author: the answers must be as many, in the same order")
            .into());
        }
        Ok(answers.into_iter().map(bounds::answer).collect())
    }

    /// The instruments its source knows.
    ///
    /// # Errors
    /// What the plugin says, or that it did not answer in time.
    pub fn instruments(&self) -> Result<Vec<InstrumentOffer>, CallError> {
        let harvester = Arc::clone(&self.harvester);
        self.caller.within("instruments", self.caller.limits.ask, move |call| harvester.instruments(call))
    }

    /// Whether it would work now.
    ///
    /// # Errors
    /// What the plugin says, or that it did not answer in time.
    pub fn check(&self) -> Result<CheckReport, CallError> {
        let harvester = Arc::clone(&self.harvester);
        self.caller.within("check", self.caller.limits.ask, move |call| harvester.check(call))
    }
}

impl std::fmt::Debug for HarvesterInstance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HarvesterInstance")
            .field("name", &self.name)
            .field("plugin", &self.plugin)
            .finish_non_exhaustive()
    }
}

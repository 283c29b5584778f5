//! A destination as the configuration names it.

use std::sync::Arc;
use std::time::Duration;

use nexus_plugin_api::{CheckReport, Delivery, Destination, Found, Step, Target};

use super::bounds;
use super::call::{CallError, Caller};
use crate::ids::DestinationName;

/// One `[destinations.NAME]` table, ready to take records.
pub struct DestinationInstance {
    /// Its name in the configuration.
    pub name: DestinationName,
    /// The plugin's own name.
    pub plugin: String,
    /// Higher is tried first.
    pub priority: i32,
    /// Destinations whose first attempt of the run it waits for.
    pub after: Vec<DestinationName>,
    /// Digest of its settings: a change wakes deliveries that wait for one.
    pub config_digest: String,
    /// How many deliveries it can take at the same time, if that is limited.
    pub at_once: Option<usize>,
    /// How many deliveries it is to take at the same time, if the configuration says so.
    pub concurrency: Option<usize>,
    /// The shortest time between the beginnings of two deliveries.
    pub interval: Duration,
    /// How long after a lost answer the record may still be stored, if the configuration says so.
    pub settle: Option<Duration>,
    pub(super) caller: Caller,
    pub(super) destination: Arc<dyn Destination>,
}

impl DestinationInstance {
    /// Whether a call of it never ended, so that it is not asked again in this run.
    pub fn is_off(&self) -> bool {
        self.caller.is_off()
    }

    /// Where it delivers to.
    ///
    /// # Errors
    /// What the plugin says, or that it did not answer in time.
    pub fn target(&self) -> Result<Target, CallError> {
        let destination = Arc::clone(&self.destination);
        self.caller
            .within("target", self.caller.limits.ask, move |call| bounds::target(destination.target(call)?))
    }

    /// Looks for what an earlier attempt may have made.
    ///
    /// # Errors
    /// What the plugin says, or that it did not answer in time.
    pub fn find(&self, delivery: &Arc<Delivery>) -> Result<Found, CallError> {
        let (destination, delivery) = (Arc::clone(&self.destination), Arc::clone(delivery));
        self.caller.within("find", self.caller.limits.ask, move |call| {
            bounds::found(destination.find(call, &delivery)?)
        })
    }

    /// One step of a delivery.
    ///
    /// # Errors
    /// What the plugin says, or that it did not answer in time.
    pub fn deliver(&self, delivery: &Arc<Delivery>) -> Result<Step, CallError> {
        let (destination, delivery) = (Arc::clone(&self.destination), Arc::clone(delivery));
        self.caller.within("deliver", self.caller.limits.deliver, move |call| {
            bounds::step(destination.deliver(call, &delivery)?)
        })
    }

    /// Whether a delivery would work now.
    ///
    /// # Errors
    /// What the plugin says, or that it did not answer in time.
    pub fn check(&self) -> Result<CheckReport, CallError> {
        let destination = Arc::clone(&self.destination);
        self.caller.within("check", self.caller.limits.ask, move |call| destination.check(call))
    }
}

impl std::fmt::Debug for DestinationInstance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DestinationInstance")
            .field("name", &self.name)
            .field("plugin", &self.plugin)
            .finish_non_exhaustive()
    }
}

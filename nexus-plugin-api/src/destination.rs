//! A destination: "take this record, say where it went".

use crate::{Action, ActionOutcome, Call, CheckReport, Delivery, Found, PluginError, Step, Target};

/// Somewhere records go.
///
/// The host promises: `find` before every first `deliver` of an attempt (unless the [`Target`] says
/// it cannot find), one call at a time per session, the checkpoint of the last
/// [`Step::More`] handed back, and never a `deliver` repeated behind the plugin's back. The plugin
/// promises: an object `find` reports is the one made for this very session key.
pub trait Destination: Send + Sync {
    /// Where this instance delivers to, as a text that stays equal as long as the place is the same.
    ///
    /// Asked before anything else in a run. May go to the network.
    fn target(&self, call: &Call) -> Result<Target, PluginError>;

    /// Looks for the object that an earlier attempt may have made for this session.
    fn find(&self, call: &Call, delivery: &Delivery) -> Result<Found, PluginError>;

    /// Takes the record one step further. A small destination answers [`Step::Done`] at once.
    fn deliver(&self, call: &Call, delivery: &Delivery) -> Result<Step, PluginError>;

    /// Whether a delivery would work now: address, credentials, rights, templates.
    fn check(&self, call: &Call) -> Result<CheckReport, PluginError>;

    /// The actions this destination offers.
    fn actions(&self) -> Vec<Action> {
        Vec::new()
    }

    /// Runs one of them.
    fn run_action(
        &self,
        _call: &Call,
        name: &str,
        _arguments: &serde_json::Value,
    ) -> Result<ActionOutcome, PluginError> {
        Err(PluginError::permanent(format!("there is no action `{name}`")))
    }
}

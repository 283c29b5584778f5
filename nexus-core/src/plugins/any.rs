//! What can be asked of an instance whatever its kind: for commands that speak to plugins by name.

use std::sync::Arc;

use nexus_plugin_api::{Action, ActionOutcome, CheckReport};
use serde_json::Value;

use super::call::{CallError, Caller};
use super::{DestinationInstance, ExtractorInstance, HarvesterInstance, Plugins};
use crate::secret::Redactor;

/// An instance of the configuration.
pub trait AnyInstance {
    /// Its table: `destinations.cdcs`.
    fn table(&self) -> String;

    /// The plugin's own name.
    fn plugin(&self) -> &str;

    /// Whether it could work now.
    ///
    /// # Errors
    /// What the plugin says, or that it did not answer in time.
    fn check(&self) -> Result<CheckReport, CallError>;

    /// The actions it offers.
    ///
    /// # Errors
    /// It did not answer in time.
    fn actions(&self) -> Result<Vec<Action>, CallError>;

    /// Runs one of them, with the time of a delivery's step. Known secrets in what it says are masked.
    ///
    /// # Errors
    /// What the plugin says, or that it did not answer in time.
    fn run_action(&self, name: &str, arguments: &Value) -> Result<ActionOutcome, CallError>;
}

macro_rules! any_instance {
    ($instance:ty, $table:literal, $inner:ident) => {
        impl AnyInstance for $instance {
            fn table(&self) -> String {
                format!(concat!($table, ".{}"), self.name)
            }

            fn plugin(&self) -> &str {
                &self.plugin
            }

            fn check(&self) -> Result<CheckReport, CallError> {
                <$instance>::check(self)
            }

            fn actions(&self) -> Result<Vec<Action>, CallError> {
                let inner = Arc::clone(&self.$inner);
                self.caller.within("actions", self.caller.limits.ask, move |_| Ok(inner.actions()))
            }

            fn run_action(&self, name: &str, arguments: &Value) -> Result<ActionOutcome, CallError> {
                let (inner, name, arguments) = (Arc::clone(&self.$inner), name.to_owned(), arguments.clone());
                let outcome = self.caller.within("run_action", self.caller.limits.deliver, move |call| {
                    inner.run_action(call, &name, &arguments)
                });
                outcome.map(|outcome| masked(&self.caller, outcome))
            }
        }
    };
}

any_instance!(HarvesterInstance, "harvesters", harvester);
any_instance!(ExtractorInstance, "extractors", extractor);
any_instance!(DestinationInstance, "destinations", destination);

impl Plugins {
    /// All instances, harvesters first.
    pub fn all(&self) -> Vec<&dyn AnyInstance> {
        let harvesters = self.harvesters.iter().map(|instance| instance as &dyn AnyInstance);
        let destinations = self.destinations.iter().map(|instance| instance as &dyn AnyInstance);
        let extractors = self.extractors.iter().map(|instance| instance.as_ref() as &dyn AnyInstance);
        harvesters.chain(extractors).chain(destinations).collect()
    }
}

fn masked(caller: &Caller, mut outcome: ActionOutcome) -> ActionOutcome {
    outcome.message = caller.redactor.mask(&outcome.message).into_owned();
    outcome.data = without_secrets(outcome.data, &caller.redactor);
    outcome
}

fn without_secrets(value: Value, redactor: &Redactor) -> Value {
    match value {
        Value::String(text) => redactor.mask(&text).into_owned().into(),
        Value::Array(items) => items.into_iter().map(|item| without_secrets(item, redactor)).collect(),
        Value::Object(map) => {
            let masked = |(key, value): (String, Value)| {
                (redactor.mask(&key).into_owned(), without_secrets(value, redactor))
            };
            map.into_iter().map(masked).collect()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::secret::Secret;

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let redactor = Redactor::default();
        redactor.learn(&Secret::new("hunter2"));
        let said = json!({"a": ["x hunter2", 7, null], "hunter2": {"b": "hunter2"}});
        assert_eq!(without_secrets(said, &redactor), json!({"a": ["x ***", 7, null], "***": {"b": "***"}}));
    }
}

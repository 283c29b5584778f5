//! From the configuration's tables to plugin instances.

use std::sync::Arc;

use nexus_plugin_api::{Instance, PluginKind};

use super::call::Caller;
use super::{Catalogue, DestinationInstance, HarvesterInstance, OpenError, Surroundings};
use crate::config::{self, Carrier, Config, Isolation, PluginSettings};

/// The instances a configuration makes.
#[derive(Debug, Default)]
pub struct Plugins {
    /// Harvesters, in the order of the file.
    pub harvesters: Vec<HarvesterInstance>,
    /// Destinations, by falling priority, then in the order of the file.
    pub destinations: Vec<DestinationInstance>,
}

impl Catalogue {
    /// Makes every instance the configuration names; all mistakes are told together.
    ///
    /// # Errors
    /// One per table that makes no instance.
    pub fn open(&self, config: &Config, surroundings: &Surroundings) -> Result<Plugins, Vec<OpenError>> {
        let (mut plugins, mut errors) = (Plugins::default(), Vec::new());
        let Surroundings { scratch, redactor, .. } = surroundings;
        let caller = |name: &str, carrier: &Carrier| {
            Caller::new(name.to_owned(), scratch.clone(), self.limits, redactor.clone())
                .with_slots(processes(carrier))
        };
        for table in &config.harvesters {
            match self.instance(&table.carrier, &table.settings, PluginKind::Harvester, surroundings) {
                Ok((plugin, Instance::Harvester(harvester))) => plugins.harvesters.push(HarvesterInstance {
                    name: table.name.clone(),
                    plugin,
                    address: table.address.clone(),
                    aliases: table.aliases.clone(),
                    instruments: table.instruments.clone(),
                    reservations_from: table.reservations_from.clone(),
                    caller: caller(table.name.as_str(), &table.carrier),
                    harvester: Arc::from(harvester),
                }),
                Ok((plugin, other)) => {
                    errors.push(other_kind(&table.settings, plugin, &other, PluginKind::Harvester));
                }
                Err(error) => errors.push(error),
            }
        }
        for table in &config.destinations {
            let digest = match config.digest_of(table) {
                Ok(digest) => digest,
                Err(error) => {
                    errors.push(error.into());
                    continue;
                }
            };
            match self.instance(&table.carrier, &table.settings, PluginKind::Destination, surroundings) {
                Ok((plugin, Instance::Destination(destination))) => {
                    plugins.destinations.push(DestinationInstance {
                        name: table.name.clone(),
                        plugin,
                        priority: table.priority,
                        after: table.after.clone(),
                        config_digest: digest,
                        at_once: processes(&table.carrier),
                        caller: caller(table.name.as_str(), &table.carrier),
                        destination: Arc::from(destination),
                    });
                }
                Ok((plugin, other)) => {
                    errors.push(other_kind(&table.settings, plugin, &other, PluginKind::Destination));
                }
                Err(error) => errors.push(error),
            }
        }
        plugins.destinations.sort_by_key(|destination| std::cmp::Reverse(destination.priority));
        if errors.is_empty() { Ok(plugins) } else { Err(errors) }
    }

    fn instance(
        &self,
        carrier: &Carrier,
        settings: &PluginSettings,
        kind: PluginKind,
        surroundings: &Surroundings,
    ) -> Result<(String, Instance), OpenError> {
        let table = settings.table().to_owned();
        let redactor = &surroundings.redactor;
        let plugin = self.load(carrier, Some(kind), &table, surroundings)?;
        let manifest = plugin.manifest();
        if manifest.kind != kind {
            return Err(OpenError::OtherKind {
                table,
                plugin: manifest.name,
                is: manifest.kind,
                wanted: kind,
            });
        }
        let problems = config::check_settings(settings, &manifest.settings);
        if !problems.is_empty() {
            return Err(OpenError::Settings { table, problems });
        }
        let resolved = settings.resolve(&manifest.settings, redactor)?;
        match plugin.create(&resolved) {
            Ok(instance) => Ok((manifest.name, instance)),
            Err(mut error) => {
                error.message = redactor.mask(&error.message).into_owned();
                Err(OpenError::Refused { table, plugin: manifest.name, error })
            }
        }
    }
}

/// How many calls a plugin can answer at the same time, if that is limited.
fn processes(carrier: &Carrier) -> Option<usize> {
    match carrier {
        Carrier::Command { processes, .. }
        | Carrier::Library { processes, isolation: Isolation::Process, .. } => Some(*processes),
        Carrier::Library { .. } | Carrier::Linked { .. } => None,
    }
}

fn other_kind(
    settings: &PluginSettings,
    plugin: String,
    instance: &Instance,
    wanted: PluginKind,
) -> OpenError {
    OpenError::OtherKind { table: settings.table().to_owned(), plugin, is: instance.kind(), wanted }
}

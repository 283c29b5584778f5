//! From the configuration's tables to plugin instances.

use std::sync::Arc;

use nexus_plugin_api::{Instance, Manifest, PluginKind};

use super::call::Caller;
use super::names;
use super::{Catalogue, DestinationInstance, ExtractorInstance, HarvesterInstance, OpenError, Surroundings};
use crate::config::{self, Carrier, Config, PluginSettings};

/// The instances a configuration makes.
#[derive(Debug, Default)]
pub struct Plugins {
    /// Harvesters, in the order of the file.
    pub harvesters: Vec<HarvesterInstance>,
    /// Extractors, in the order of the file.
    pub extractors: Vec<Arc<ExtractorInstance>>,
    /// Destinations, by falling priority, then in the order of the file.
    pub destinations: Vec<DestinationInstance>,
}

impl Catalogue {
    /// Makes every instance the configuration names; all mistakes are told together.
    ///
    /// # Errors
    /// One per table that makes no instance.
    pub fn open(&self, config: &Config, surroundings: &Surroundings) -> Result<Plugins, Vec<OpenError>> {
        let (plugins, errors) = self.open_each(config, surroundings);
        if errors.is_empty() { Ok(plugins) } else { Err(errors) }
    }

    /// Makes every instance that can be made, and tells why the others cannot: for whoever looks at each.
    pub fn open_each(&self, config: &Config, surroundings: &Surroundings) -> (Plugins, Vec<OpenError>) {
        let (mut plugins, mut errors) = (Plugins::default(), Vec::new());
        let Surroundings { scratch, redactor, .. } = surroundings;
        let caller = |name: &str, carrier: &Carrier| {
            Caller::new(name.to_owned(), scratch.clone(), self.limits, redactor.clone())
                .with_turns(carrier.at_once())
        };
        for table in &config.harvesters {
            match self.instance(&table.carrier, &table.settings, PluginKind::Harvester, surroundings) {
                Ok((plugin, Instance::Harvester(harvester))) => plugins.harvesters.push(HarvesterInstance {
                    name: table.name.clone(),
                    plugin: plugin.name,
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
        let (extractors, refused) = self.extractors(config, surroundings);
        plugins.extractors = extractors;
        errors.extend(refused);
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
                        plugin: plugin.name,
                        priority: table.priority,
                        after: table.after.clone(),
                        config_digest: digest,
                        at_once: table.carrier.at_once(),
                        concurrency: table.concurrency,
                        interval: table.interval,
                        settle: table.settle,
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
        errors.extend(names::twice(config, &plugins));
        (plugins, errors)
    }

    /// The instance of one table, and the manifest of its plugin.
    pub(super) fn instance(
        &self,
        carrier: &Carrier,
        settings: &PluginSettings,
        kind: PluginKind,
        surroundings: &Surroundings,
    ) -> Result<(Manifest, Instance), OpenError> {
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
            Ok(instance) => Ok((manifest, instance)),
            Err(mut error) => {
                error.message = redactor.mask(&error.message).into_owned();
                Err(OpenError::Refused { table, plugin: manifest.name, error })
            }
        }
    }
}

/// A plugin that makes something else than its manifest says.
pub(super) fn other_kind(
    settings: &PluginSettings,
    plugin: Manifest,
    instance: &Instance,
    wanted: PluginKind,
) -> OpenError {
    OpenError::OtherKind {
        table: settings.table().to_owned(),
        plugin: plugin.name,
        is: instance.kind(),
        wanted,
    }
}

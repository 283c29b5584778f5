//! Which harvester serves an instrument.

use std::sync::Arc;

use nexus_plugin_api::InstrumentRef;

use super::{HarvesterInstance, Unserved};
use crate::config::HarvesterConfig;
use crate::ids::{HarvesterName, InstrumentPid};
use crate::instrument::{Instrument, instrument_ref};

/// No harvester, or no single one, serves the instrument.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoHarvester {
    /// None fits.
    #[error(
        "no harvester serves instrument `{pid}` (harvester `{plugin}`, api_url `{api_url}`): its api_url begins with \
         the address of none of them, and none lists it under `instruments`"
    )]
    None {
        /// The instrument.
        pid: InstrumentPid,
        /// Its harvester column.
        plugin: String,
        /// Its address.
        api_url: String,
    },
    /// Several fit equally well.
    #[error("instrument `{pid}` is served by several harvesters: {}; list it under `instruments` of one", .names.join(", "))]
    Several {
        /// The instrument.
        pid: InstrumentPid,
        /// Their names.
        names: Vec<String>,
    },
}

impl NoHarvester {
    /// The instrument.
    #[must_use]
    pub fn pid(&self) -> &InstrumentPid {
        match self {
            Self::None { pid, .. } | Self::Several { pid, .. } => pid,
        }
    }
}

/// The harvester of an instrument.
///
/// In this order: the one that lists it under `instruments`; among those of the plugin named in the
/// instrument's harvester column, the one whose address (or alias) its `api_url` lies below, the longest
/// address winning; the only one of that plugin, if it has no address.
///
/// # Errors
/// None, or several that fit equally well.
pub fn harvester_of<'a>(
    pid: &InstrumentPid,
    plugin: &str,
    api_url: &str,
    harvesters: &'a [HarvesterInstance],
) -> Result<&'a HarvesterInstance, NoHarvester> {
    let claims: Vec<Claim<'_>> = harvesters.iter().map(Claim::from).collect();
    let best = best(pid, plugin, api_url, &claims);
    match best.as_slice() {
        [only] => {
            harvesters.get(*only).ok_or_else(|| NoHarvester::Several { pid: pid.clone(), names: Vec::new() })
        }
        [_, _, ..] => {
            let names = best.iter().filter_map(|at| claims.get(*at)).map(|claim| claim.name.to_string());
            Err(NoHarvester::Several { pid: pid.clone(), names: names.collect() })
        }
        [] => Err(NoHarvester::None {
            pid: pid.clone(),
            plugin: plugin.to_owned(),
            api_url: api_url.to_owned(),
        }),
    }
}

/// The instruments that each harvester is to be asked for, in the order of the harvesters, and those that no single one
/// serves.
#[must_use]
pub fn served<'i>(
    instruments: impl IntoIterator<Item = &'i Arc<Instrument>>,
    harvesters: &[HarvesterInstance],
) -> (Vec<Vec<InstrumentRef>>, Unserved) {
    let mut served: Vec<Vec<_>> = harvesters.iter().map(|_| Vec::new()).collect();
    let mut unserved = Unserved::default();
    for instrument in instruments {
        match harvester_of(&instrument.pid, &instrument.harvester, &instrument.api_url, harvesters) {
            Ok(found) => {
                let at = harvesters.iter().position(|harvester| harvester.name == found.name);
                if let Some(list) = at.and_then(|at| served.get_mut(at)) {
                    list.push(instrument_ref(instrument));
                }
            }
            Err(none) => unserved.note(none, 0),
        }
    }
    (served, unserved)
}

/// As [`harvester_of`] for tables of the configuration, each with the name of its plugin, without an instance of it: the
/// harvester's name, if there is a single one.
pub fn harvester_table_of<'a>(
    instrument: &Instrument,
    tables: &[(&'a HarvesterConfig, &str)],
) -> Option<&'a HarvesterName> {
    let claims: Vec<Claim<'_>> =
        tables.iter().map(|(table, plugin)| Claim::of_table(table, plugin)).collect();
    match best(&instrument.pid, &instrument.harvester, &instrument.api_url, &claims).as_slice() {
        [only] => tables.get(*only).map(|(table, _)| &table.name),
        _ => None,
    }
}

/// What a harvester says of itself.
struct Claim<'a> {
    name: &'a HarvesterName,
    plugin: &'a str,
    address: Option<&'a String>,
    aliases: &'a [String],
    instruments: Option<&'a [InstrumentPid]>,
}

impl<'a> From<&'a HarvesterInstance> for Claim<'a> {
    fn from(harvester: &'a HarvesterInstance) -> Self {
        Self {
            name: &harvester.name,
            plugin: &harvester.plugin,
            address: harvester.address.as_ref(),
            aliases: &harvester.aliases,
            instruments: harvester.instruments.as_deref(),
        }
    }
}

impl<'a> Claim<'a> {
    fn of_table(table: &'a HarvesterConfig, plugin: &'a str) -> Self {
        Self {
            name: &table.name,
            plugin,
            address: table.address.as_ref(),
            aliases: &table.aliases,
            instruments: table.instruments.as_deref(),
        }
    }
}

/// The positions of those that fit best.
fn best(pid: &InstrumentPid, plugin: &str, api_url: &str, claims: &[Claim<'_>]) -> Vec<usize> {
    let fits: Vec<Option<Fit>> = claims.iter().map(|claim| fit(pid, plugin, api_url, claim)).collect();
    let Some(best) = fits.iter().flatten().max() else { return Vec::new() };
    fits.iter().enumerate().filter(|(_, fit)| fit.as_ref() == Some(best)).map(|(at, _)| at).collect()
}

/// How well a harvester fits; the greater the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    OfThePlugin,
    Below(usize),
    Listed,
}

fn fit(pid: &InstrumentPid, plugin: &str, api_url: &str, harvester: &Claim<'_>) -> Option<Fit> {
    if let Some(listed) = harvester.instruments {
        return listed.contains(pid).then_some(Fit::Listed);
    }
    if harvester.plugin != plugin {
        return None;
    }
    let bases = harvester.address.into_iter().chain(harvester.aliases);
    match bases.filter(|base| below(base, api_url)).map(String::len).max() {
        Some(length) => Some(Fit::Below(length)),
        None if harvester.address.is_none() => Some(Fit::OfThePlugin),
        None => None,
    }
}

/// Whether an address lies below a base: at a path boundary, so that `…/api` is no base of `…/api2/`.
pub(crate) fn below(base: &str, address: &str) -> bool {
    let split = |text: &str| match text.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            (format!("{}://{}", scheme.to_ascii_lowercase(), host.to_ascii_lowercase()), path.to_owned())
        }
        None => (String::new(), text.to_owned()),
    };
    let ((base_host, base_path), (host, path)) = (split(base), split(address));
    let base_path = base_path.trim_end_matches('/');
    let rest = path.strip_prefix(base_path);
    base_host == host
        && rest.is_some_and(|rest| base_path.is_empty() || rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_ends_at_a_path_boundary() {
        assert!(below("https://nemo.example.org/api/", "https://nemo.example.org/api/tools/?id=7"));
        assert!(below("https://NEMO.example.org/api", "https://nemo.example.org/api/tools/?id=7"));
        assert!(!below("https://nemo.example.org/api", "https://nemo.example.org/api2/tools/?id=7"));
        assert!(!below("https://nemo.example.org/api", "http://nemo.example.org/api/tools/?id=7"));
        assert!(!below("https://nemo.example.org/api", "https://nemo.example.org.evil/api/tools/?id=7"));
    }
}

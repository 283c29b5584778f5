//! Which harvester serves an instrument.

use super::HarvesterInstance;
use crate::ids::InstrumentPid;

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
    let fits = |harvester: &&HarvesterInstance| fit(pid, plugin, api_url, harvester);
    let best = harvesters.iter().filter_map(|harvester| fits(&harvester)).max();
    let mut of_best = harvesters.iter().filter(|harvester| best.is_some() && fits(harvester) == best);
    match (of_best.next(), of_best.next()) {
        (Some(only), None) => Ok(only),
        (Some(first), Some(second)) => {
            let others = of_best.map(|harvester| harvester.name.to_string());
            let names = [first.name.to_string(), second.name.to_string()].into_iter().chain(others).collect();
            Err(NoHarvester::Several { pid: pid.clone(), names })
        }
        (None, _) => Err(NoHarvester::None {
            pid: pid.clone(),
            plugin: plugin.to_owned(),
            api_url: api_url.to_owned(),
        }),
    }
}

/// How well a harvester fits; the greater the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    OfThePlugin,
    Below(usize),
    Listed,
}

fn fit(pid: &InstrumentPid, plugin: &str, api_url: &str, harvester: &HarvesterInstance) -> Option<Fit> {
    if let Some(listed) = &harvester.instruments {
        return listed.contains(pid).then_some(Fit::Listed);
    }
    if harvester.plugin != plugin {
        return None;
    }
    let bases = harvester.address.iter().chain(&harvester.aliases);
    match bases.filter(|base| below(base, api_url)).map(String::len).max() {
        Some(length) => Some(Fit::Below(length)),
        None if harvester.address.is_none() => Some(Fit::OfThePlugin),
        None => None,
    }
}

/// Whether an address lies below a base: at a path boundary, so that `…/api` is no base of `…/api2/`.
fn below(base: &str, address: &str) -> bool {
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

//! Instruments that no single harvester serves, told in one sentence however many there are.

use std::collections::BTreeMap;

use super::NoHarvester;
use crate::ids::InstrumentPid;

/// Instruments named one by one.
const NAMED: usize = 10;

/// The instruments, why, and how many sessions of each wait.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unserved(BTreeMap<InstrumentPid, (NoHarvester, u64)>);

impl Unserved {
    /// An instrument, and so many sessions of it that wait.
    pub fn note(&mut self, none: NoHarvester, waiting: u64) {
        self.0.entry(none.pid().clone()).or_insert((none, 0)).1 += waiting;
    }

    /// Adds those of another.
    pub fn extend(&mut self, others: Self) {
        for (none, waiting) in others.0.into_values() {
            self.note(none, waiting);
        }
    }

    /// What somebody should know and do: a sentence for those that nobody serves, one for those that several do.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let (mut by_none, mut by_several) = (Vec::new(), Vec::new());
        for (none, waiting) in self.0.values() {
            let mut facts = Vec::new();
            let list = match none {
                NoHarvester::None { plugin, api_url, .. } => {
                    facts.push(format!("harvester `{plugin}`, api_url `{api_url}`"));
                    &mut by_none
                }
                NoHarvester::Several { names, .. } => {
                    facts.push(names.join(" and "));
                    &mut by_several
                }
            };
            match waiting {
                0 => {}
                1 => facts.push("1 session waits".to_owned()),
                more => facts.push(format!("{more} sessions wait")),
            }
            list.push(format!("`{}` ({})", none.pid(), facts.join("; ")));
        }
        let told = |list: Vec<String>, why: &str, remedy: &str| {
            let noun = if list.len() == 1 { "instrument" } else { "instruments" };
            let text = format!("{why} {noun} {}: {remedy}", named(list.clone()));
            (!list.is_empty()).then_some(text)
        };
        let by_none = told(
            by_none,
            "no harvester serves",
            "no sessions come in, and none are built; give it the `harvester` and `api_url` of one with `nexus \
             instruments edit`, or list it under `instruments` of a [harvesters.…] table; `nexus config check` shows \
             whether that does it",
        );
        let by_several = told(
            by_several,
            "more than one harvester serves",
            "nobody knows which one is to be asked; list it under `instruments` of one",
        );
        by_none.into_iter().chain(by_several).collect()
    }
}

fn named(mut list: Vec<String>) -> String {
    let more = list.len().saturating_sub(NAMED);
    list.truncate(NAMED);
    if more > 0 {
        list.push(format!("and {more} more"));
    }
    list.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(pid: &str) -> NoHarvester {
        NoHarvester::None { pid: pid.into(), plugin: "nemo".to_owned(), api_url: format!("https://n/{pid}") }
    }

    #[test]
    fn many_instruments_are_one_sentence_each_with_those_that_wait() {
        let mut all = Unserved::default();
        assert_eq!(all.sentences(), [""; 0]);
        all.note(none("SEM"), 0);
        let told = all.sentences();
        assert!(
            told[0].starts_with(
                "no harvester serves instrument `SEM` (harvester `nemo`, api_url `https://n/SEM`): no sessions"
            ),
            "{told:?}"
        );
        let mut of_the_build = Unserved::default();
        of_the_build.note(none("SEM"), 1);
        of_the_build.note(none("SEM"), 1);
        of_the_build.note(none("TEM"), 1);
        all.extend(of_the_build);
        let several = |names: [&str; 2]| NoHarvester::Several {
            pid: "FIB".into(),
            names: names.into_iter().map(str::to_owned).collect(),
        };
        all.note(several(["north", "south"]), 0);
        let told = all.sentences();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains(
            "instruments `SEM` (harvester `nemo`, api_url `https://n/SEM`; 2 sessions wait), `TEM` ("
        ));
        assert!(told[0].contains("api_url `https://n/TEM`; 1 session waits): "), "{told:?}");
        assert!(told[0].contains("`nexus instruments edit`"));
        assert!(
            told[1].starts_with("more than one harvester serves instrument `FIB` (north and south): "),
            "{told:?}"
        );
    }

    #[test]
    fn a_sentence_has_an_end() {
        let mut all = Unserved::default();
        for number in 0..NAMED + 3 {
            all.note(none(&format!("I{number:02}")), 0);
        }
        let told = all.sentences();
        assert!(told[0].contains("`I09` (") && told[0].contains(", and 3 more: "), "{told:?}");
        assert!(!told[0].contains("`I10`"), "{told:?}");
    }
}

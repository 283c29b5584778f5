//! A harvest that is going on: what is still to be asked, and what was seen so far.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use chrono::{DateTime, Utc};

use super::asked::Asked;
use crate::client::Query;

/// A list that is still to be read.
#[derive(Debug, Clone)]
pub enum Step {
    /// Events that have not ended, of all tools.
    Open,
    /// Events that ended at this instant or later; of these tools, or of all.
    Ended {
        /// From when on (UTC).
        from: Option<DateTime<Utc>>,
        /// Which tools; `None`: all.
        tools: Option<Vec<u64>>,
        /// The next page, and how many rows there were at first.
        next: Option<(Query, Option<usize>)>,
    },
}

/// A harvest that is going on.
#[derive(Debug, Default)]
pub struct Walk {
    number: i64,
    page: u64,
    /// What is still to be asked.
    pub steps: VecDeque<Step>,
    /// Events seen, and whether they were open then.
    pub seen: HashMap<u64, bool>,
    /// Events of our instruments that were handed over.
    pub given: HashSet<u64>,
    /// The latest end seen, by instrument.
    pub newest: HashMap<usize, DateTime<Utc>>,
    /// Instruments with an event in the answer.
    pub with_events: HashSet<usize>,
    /// Instruments of which an event cannot be read.
    pub in_doubt: HashSet<usize>,
    /// Whether an event cannot be read of which not even the tool is known.
    pub all_in_doubt: bool,
    /// Whether a list became shorter between two pages, so that a row may have slipped through.
    pub shrunk: bool,
    /// New events of other tools, by tool.
    pub outside: BTreeMap<u64, u64>,
    /// More of them, without names.
    pub outside_unnamed: usize,
    /// Of the list of all tools: its length, and how many of its rows were those of other tools.
    pub probed: Option<(usize, usize)>,
    /// Tools that the server does not know.
    pub unknown_tools: HashSet<u64>,
    /// Whether the server accepted a filter by the tools.
    pub tools_are_known: bool,
    /// Rows that were rejected so far.
    pub rejected: usize,
    /// Users that were handed over.
    pub met: HashSet<u64>,
}

impl Walk {
    /// The beginning of a harvest.
    pub fn new(asked: &Asked<'_>, number: i64) -> Self {
        let mut steps = VecDeque::new();
        let (known, from) = asked.tools(true);
        let (new, since) = asked.tools(false);
        if !known.is_empty() || !new.is_empty() {
            steps.push_back(Step::Open);
        }
        if !known.is_empty() {
            steps.push_back(Step::Ended { from, tools: None, next: None });
        }
        if !new.is_empty() {
            // Beside instruments that were read before, only the new ones' past is wanted.
            let tools = (!known.is_empty()).then_some(new);
            steps.push_back(Step::Ended { from: since, tools, next: None });
        }
        Self { number, steps, ..Self::default() }
    }

    /// Names this harvest and the page it is at.
    pub fn token(&self) -> String {
        format!("{}-{}", self.number, self.page)
    }

    /// Goes on to the next page.
    pub fn turn(&mut self) {
        self.page += 1;
    }
}

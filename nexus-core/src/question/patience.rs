//! How long a harvester is asked for more.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use chrono::{DateTime, Utc};
use nexus_plugin_api::{HarvestPage, InstrumentProgress};

/// Pages in a row on which nothing is new.
const MOST_FRUITLESS: u32 = 1_000;
/// For so many times as long as one page may take it may go on without anything new,
const FRUITLESS_TIMES: u32 = 5;
/// and so many times as long in all: with the usual two minutes, half a day.
const MOST_TIMES: u32 = 360;

/// What is known of an answer while its pages come.
pub(super) struct Patience {
    page: Duration,
    begun: DateTime<Utc>,
    /// When something new came last.
    fruitful: DateTime<Utc>,
    fruitless: u32,
    /// Hashes of what was told: of a million events the ids need not be kept for this.
    told: HashSet<u64>,
    hasher: RandomState,
    progress: HashMap<String, InstrumentProgress>,
}

impl Patience {
    /// `page`: how long one page may take.
    pub fn begin(page: Duration, now: DateTime<Utc>) -> Self {
        Self {
            page,
            begun: now,
            fruitful: now,
            fruitless: 0,
            told: HashSet::new(),
            hasher: RandomState::new(),
            progress: HashMap::new(),
        }
    }

    /// Takes note of a page.
    pub fn see(&mut self, page: &HarvestPage, now: DateTime<Utc>) {
        let events = page.events.iter().map(|event| event.external_id.as_str());
        let rejected = page.rejected.iter().map(|row| row.place.as_str());
        let mut is_new = false;
        for name in events.chain(rejected) {
            is_new |= self.told.insert(self.hasher.hash_one(name));
        }
        for step in &page.instruments {
            let before = self.progress.insert(step.instrument_pid.clone(), step.clone());
            is_new |= before.as_ref() != Some(step);
        }
        (self.fruitful, self.fruitless) =
            if is_new { (now, 0) } else { (self.fruitful, self.fruitless.saturating_add(1)) };
    }

    /// Why there is to be no other page; what came so far stays.
    pub fn is_over(&self, now: DateTime<Utc>) -> Option<String> {
        let passed = |since: DateTime<Utc>| (now - since).to_std().unwrap_or_default();
        if self.fruitless >= MOST_FRUITLESS
            || passed(self.fruitful) > self.page.saturating_mul(FRUITLESS_TIMES)
        {
            let minutes = passed(self.fruitful).as_secs() / 60;
            let pages = self.fruitless;
            return Some(format!(
                "it gave {pages} pages in {minutes} min without anything new, and was stopped"
            ));
        }
        let longest = self.page.saturating_mul(MOST_TIMES);
        (passed(self.begun) > longest).then(|| {
            let hours = passed(self.begun).as_secs() / 3600;
            format!("it gave pages for {hours} h and did not come to an end; it was stopped, and what it brought is stored")
        })
    }
}

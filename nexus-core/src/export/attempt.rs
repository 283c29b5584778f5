//! One attempt: what is asked of the destination, and what its answers mean.

use std::sync::Arc;

use nexus_plugin_api::{self as api, Found, PluginError, Step};

use super::{Claim, Desk, context, outcome, queue};
use crate::delivery::{self, Class, Delivery, Effect, Event};
use crate::plugins::CallError;
use crate::writer::WriteError;

/// Calls of the destination in one attempt, after which a delivery of many steps is given up.
const MOST_CALLS: u32 = 10_000;

/// What the state machine wants from the destination next.
enum Wish {
    Find,
    Deliver { previous: Option<api::Remote>, checkpoint: Option<api::Checkpoint> },
}

impl Desk<'_> {
    pub(super) fn attempt(&self, claim: Claim) -> Result<(), WriteError> {
        let Claim { delivery: mut row, effects, facts } = claim;
        // The row as it stands in the database; answers to `find` may stay in memory until the next commit.
        let mut saved = row.clone();
        let mut pending = effects;
        let mut handed = match context::context(&facts, &row, self.exporter.folders) {
            Ok(handed) => Arc::new(handed),
            Err(gone) => {
                let event = Event::RecordGone { why: gone.to_string() };
                return self.commit(&row, &saved, &facts, event).map(drop);
            }
        };
        for call in 0.. {
            let Some(wish) = wish(&pending) else { break };
            let event = match wish {
                // It has come further each time, or says so: somebody must look at the plugin.
                Wish::Deliver { .. } if call > MOST_CALLS => Event::DeliverFailed(
                    PluginError::permanent(format!(
                        "{MOST_CALLS} steps did not bring the delivery to an end"
                    ))
                    .maybe_done(),
                ),
                Wish::Find => self.find(&handed),
                Wish::Deliver { previous, checkpoint } => {
                    // Copied only where an overdue call still holds it.
                    let next = Arc::make_mut(&mut handed);
                    next.previous = previous;
                    next.checkpoint = checkpoint;
                    self.deliver(&handed)
                }
            };
            let in_memory = matches!(event, Event::FoundNone | Event::FoundOne(_))
                .then(|| delivery::step(&row, event.clone(), self.exporter.clock.now()));
            match in_memory {
                Some((next, effects)) if effects.iter().all(harmless) && effects.iter().any(calls) => {
                    row = next;
                    pending = effects;
                }
                _ => {
                    let Some((next, effects)) = self.commit(&row, &saved, &facts, event)? else {
                        return Ok(());
                    };
                    saved = next.clone();
                    row = next;
                    pending = effects;
                }
            }
        }
        Ok(())
    }

    fn find(&self, handed: &Arc<api::Delivery>) -> Event {
        match self.destination.find(handed) {
            Ok(Found::None) => Event::FoundNone,
            Ok(Found::One(remote)) => Event::FoundOne(remote),
            Ok(Found::Many(remotes)) => Event::FoundMany(remotes),
            Err(CallError::Plugin(error)) => Event::FindFailed(error),
            Err(overdue @ CallError::Overdue { .. }) => self.overdue(&overdue),
            Err(off @ CallError::Off { .. }) => Event::FindFailed(PluginError::transient(off.to_string())),
        }
    }

    fn deliver(&self, handed: &Arc<api::Delivery>) -> Event {
        let content_sha256 = handed.record.content_sha256.clone();
        match self.destination.deliver(handed) {
            Ok(Step::Done(remote)) => Event::StepDone { remote, content_sha256 },
            Ok(Step::More(checkpoint)) => Event::StepMore { checkpoint, content_sha256 },
            Err(CallError::Plugin(error)) => Event::DeliverFailed(error),
            Err(overdue @ CallError::Overdue { .. }) => self.overdue(&overdue),
            Err(off @ CallError::Off { .. }) => Event::DeliverFailed(PluginError::transient(off.to_string())),
        }
    }

    fn overdue(&self, error: &CallError) -> Event {
        self.pause(error.to_string());
        Event::Overdue
    }

    /// Saves what an event makes of the row, with everything that belongs into the same transaction.
    /// `None` if somebody else changed the row meanwhile: then it is theirs.
    fn commit(
        &self,
        row: &Delivery,
        saved: &Delivery,
        facts: &context::Facts,
        event: Event,
    ) -> Result<Option<(Delivery, Vec<Effect>)>, WriteError> {
        let mut saving = outcome::Saving {
            row: row.clone(),
            saved: saved.clone(),
            event,
            record_key: facts.record.key.clone(),
            now: self.exporter.clock.now(),
            now_local: self.exporter.clock.now_local(),
            journal: Arc::clone(&self.exporter.journal),
            routes: self.exporter.routes.clone(),
        };
        let done = loop {
            let this = saving.clone();
            match self.exporter.writer.run(move |tx| outcome::save(tx, &this)) {
                Ok(done) => break done,
                Err(error) if error.cause::<outcome::TakenOver>().is_some() => {
                    // The record was built again meanwhile: what this attempt came to is compared with the new one.
                    let Some(changed) = queue::wanted_anew(self.exporter, &saving.saved)? else {
                        tracing::warn!(session = %row.session, destination = %row.destination, "{error}");
                        return Ok(None);
                    };
                    saving.row.wanted_sha256.clone_from(&changed.wanted_sha256);
                    saving.row.updated_at = changed.updated_at;
                    saving.saved = changed;
                }
                Err(error) => return Err(error),
            }
        };
        if done.released {
            self.exporter.bell.ring();
        }
        self.take_note(&done.delivery, &done.effects);
        Ok(Some((done.delivery, done.effects)))
    }

    fn take_note(&self, row: &Delivery, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::NeedsPerson { why } => self.with_tally(|tally| {
                    tally.needs_person.push(format!("{} → {}: {why}", row.session, row.destination));
                }),
                Effect::WriteUploadLog(entry) => {
                    self.with_tally(|tally| match (entry.success, entry.class) {
                        (true, _) => tally.counts.delivered += 1,
                        (false, Some(Class::Unknown)) => tally.counts.unknown += 1,
                        (false, _) => tally.counts.failed += 1,
                    });
                    if let Some(error) = &entry.error_message {
                        tracing::warn!(session = %row.session, destination = %row.destination, "{error}");
                    } else {
                        tracing::info!(session = %row.session, destination = %row.destination, "delivered");
                    }
                }
                Effect::PauseCandidate { class } => self.count_against(*class, row.failure_text.as_deref()),
                Effect::DestinationWorked => self.worked(),
                Effect::PauseDestination { until, class } => {
                    let last = quoted(", since", row.failure_text.as_deref());
                    self.pause(format!("until {until} ({class}){last}"));
                }
                Effect::Refused { why } => {
                    tracing::debug!(session = %row.session, destination = %row.destination, "{why}");
                }
                Effect::Find | Effect::Deliver { .. } | Effect::NoteEvent { .. } => {}
            }
        }
    }
}

/// What went wrong last, as a part of a sentence; nothing if nobody knows.
pub(super) fn quoted(how: &str, failure: Option<&str>) -> String {
    failure.map(|failure| format!("{how}: {failure}")).unwrap_or_default()
}

fn wish(effects: &[Effect]) -> Option<Wish> {
    effects.iter().find_map(|effect| match effect {
        Effect::Find => Some(Wish::Find),
        Effect::Deliver { previous, checkpoint } => {
            Some(Wish::Deliver { previous: previous.clone(), checkpoint: checkpoint.clone() })
        }
        _ => None,
    })
}

fn calls(effect: &Effect) -> bool {
    matches!(effect, Effect::Find | Effect::Deliver { .. })
}

/// Whether an effect leaves the database as it is.
fn harmless(effect: &Effect) -> bool {
    calls(effect) || matches!(effect, Effect::DestinationWorked | Effect::Refused { .. })
}

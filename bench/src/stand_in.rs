//! The stand-in servers: a scheduler and a repository, in this process.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use nexus_tests::fake_cdcs::FakeCdcs;
use nexus_tests::fake_nemo::{FakeNemo, Person, UsageEvent, questions};

use crate::backlog::{Fate, INSTRUMENTS, SCHEDULER_ZONE, Session};

/// The user of every session.
pub const USER: &str = "k.ito";
const USER_NUMBER: u64 = 3;

/// A scheduler (NEMO) and a repository (CDCS).
pub struct StandIn {
    /// The scheduler.
    pub nemo: FakeNemo,
    /// The repository.
    pub cdcs: FakeCdcs,
}

impl StandIn {
    /// Starts both, with these sessions in the scheduler.
    pub fn start(sessions: &[Session]) -> Self {
        let nemo = FakeNemo::start(SCHEDULER_ZONE);
        for instrument in &INSTRUMENTS {
            nemo.add_tool(instrument.tool, instrument.name);
        }
        nemo.add_user(Person::new(USER_NUMBER, USER, "Jun", "Ito"));
        let stand_in = Self { nemo, cdcs: FakeCdcs::start() };
        stand_in.put(sessions);
        stand_in
    }

    /// Puts these sessions into the scheduler; those that it has stay as they are.
    pub fn put(&self, sessions: &[Session]) {
        for session in sessions {
            let length: TimeDelta = session.end - session.start;
            let event =
                UsageEvent::new(session.number, session.instrument.tool, USER_NUMBER, session.start, length);
            self.nemo.put_event(event.with_run_data(&questions(answer(session), &title(session))));
        }
    }

    /// What is in the repository: content by title.
    pub fn records(&self) -> BTreeMap<String, String> {
        self.cdcs.records().into_iter().map(|record| (record.title, record.content)).collect()
    }

    /// The scheduler's web page of a session, as NexusLIMS puts it into records.
    pub fn page(&self, session: &Session) -> String {
        format!("{}event_details/usage/{}/", self.nemo.server.url(), session.number)
    }

    /// Requests to both since the last call.
    pub fn take_requests(&self) -> usize {
        [&self.nemo.server, &self.cdcs.server]
            .into_iter()
            .map(|server| {
                let count = server.requests().len();
                server.forget_requests();
                count
            })
            .sum()
    }
}

fn answer(session: &Session) -> &'static str {
    if session.fate == Fate::Refused { "Disagree" } else { "Agree" }
}

/// Title of the experiment.
pub fn title(session: &Session) -> String {
    format!("Grain size {}", session.number)
}

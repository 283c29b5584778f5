//! A facility whose sessions come from a NEMO server, fake or real, run inside the test's own process.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Duration, TimeDelta, Utc};
use nexus_core::adopt::{self, Adopted, Sources};
use nexus_core::audit::AuditReport;
use nexus_core::clock::ManualClock;
use nexus_core::config::Config;
use nexus_core::db::{Access, Database};
use nexus_core::event;
use nexus_core::ids::SessionId;
use nexus_core::instrument::{Instrument, Instruments};
use nexus_core::pipeline::{self, Facility, PipelineError, Steps, StopFlag, Window};
use nexus_core::plugins::Catalogue;
use nexus_core::report::RunReport;
use nexus_core::session;
use nexus_core::session_state::SessionState;
use nexus_core::xml::NAMESPACE;
use nexus_plugin_api::Plugin;
use roxmltree::{Document, Node};
use tempfile::TempDir;

use crate::fake_nemo::TOKEN;
use crate::lab::{OfClock, audited, put};
use crate::nemo_table::{Fields, Outcome, Outcomes, Row, TOOL};

/// The zone of its instruments; the servers of the tests stand elsewhere.
pub const ZONE: &str = "America/Denver";

/// A facility of its own folder, with one instrument for each tool and a folder as destination.
pub struct NemoFacility {
    /// Its folder; everything lies below it.
    pub folder: TempDir,
    /// Its clock: shows 2028-01-01 00:00 UTC until it is moved, long after all sessions.
    pub clock: Arc<ManualClock>,
    /// The plugin that it asks.
    pub plugin: Arc<dyn Plugin>,
    /// More lines for the harvester's settings.
    pub settings: String,
    /// The API root of the server.
    pub api: String,
    /// More lines for the settings of the build.
    pub build: String,
    /// More destinations.
    pub destinations: String,
}

impl NemoFacility {
    /// A facility with instruments for these tools of the server at `api`.
    pub fn new(api: &str, tools: &[u64]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["files", "data", "records"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Database::create(&folder.path().join("nexus.db")).unwrap();
        let facility = Self {
            folder,
            clock: Arc::new(ManualClock::at("2028-01-01T00:00:00Z".parse().unwrap())),
            plugin: Arc::new(nexus_plugin_nemo::Nemo),
            settings: String::new(),
            api: api.to_owned(),
            build: String::new(),
            destinations: String::new(),
        };
        for tool in tools {
            facility.add_instrument(*tool);
        }
        facility
    }

    /// A path below the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Adds the instrument `TOOL-n` for a tool, with a file from before all sessions.
    pub fn add_instrument(&self, tool: u64) {
        let mut database = Database::open(&self.path("nexus.db"), Access::Write).unwrap();
        let tx = database.transaction().unwrap();
        let instrument = Instrument {
            pid: format!("TOOL-{tool}").into(),
            api_url: format!("{}tools/?id={tool}", self.api),
            calendar_url: String::new(),
            location: "Room 1".into(),
            display_name: format!("Tool {tool}"),
            property_tag: String::new(),
            filestore_path: format!("tool-{tool}"),
            harvester: "nemo".into(),
            timezone: ZONE.into(),
        };
        instrument.insert(&tx).unwrap();
        tx.commit().unwrap();
        let before = "2020-01-01T00:00:00Z".parse().unwrap();
        put(&self.path(&format!("files/tool-{tool}/before.txt")), "", before);
    }

    /// A file that an instrument wrote.
    pub fn put_file(&self, tool: u64, name: &str, time: DateTime<Utc>) {
        put(&self.path(&format!("files/tool-{tool}/{name}.txt")), "magnification = 1000\n", time);
    }

    /// The files that go with the rows of the table.
    pub fn put_files(&self, rows: &[Row]) {
        for row in rows.iter().filter(|row| row.file) {
            self.put_file(TOOL, &row.id.to_string(), row.event().start + Duration::minutes(10));
        }
    }

    /// The settings.
    pub fn config(&self) -> Config {
        let text = format!(
            "[database]\npath = \"nexus.db\"\n[storage]\ninstrument_data = \"files\"\ndata = \"data\"\n\
             [build]\nfile_strategy = \"inclusive\"\nthreads = 2\n{}\n\
             [harvesters.nemo-main]\nplugin = \"nemo\"\naddress = \"{}\"\ntoken = {{ value = \"{TOKEN}\" }}\n{}\n\
             [destinations.shelf]\nplugin = \"folder\"\npath = \"records\"\n{}",
            self.build, self.api, self.settings, self.destinations
        );
        Config::from_text(&text, self.folder.path(), "nexus.toml")
            .unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    /// The facility, ready to be run.
    pub fn open(&self) -> Result<Facility, PipelineError> {
        let pause: Arc<dyn nexus_plugin_cdcs::pause::Pause> = Arc::new(OfClock(Arc::clone(&self.clock)));
        let catalogue = Catalogue::new(vec![
            Arc::clone(&self.plugin),
            Arc::new(nexus_plugin_folder::Folder),
            Arc::new(nexus_plugin_cdcs::Tuned { pause }),
        ]);
        let clock = Arc::<ManualClock>::clone(&self.clock);
        Facility::open(&self.config(), &catalogue, clock, StopFlag::default())
    }

    /// One whole run, which must get to its end; its counts must add up.
    pub fn run(&self) -> RunReport {
        self.steps(Steps::ALL)
    }

    /// A run that brings sessions and does nothing with them.
    pub fn harvest(&self) -> RunReport {
        self.steps(Steps { harvest: true, build: false, export: false })
    }

    /// A harvest that reads a span again.
    pub fn harvest_again(&self, from: DateTime<Utc>, until: Option<DateTime<Utc>>) -> RunReport {
        let mut facility = self.open().unwrap_or_else(|error| panic!("{error}"));
        facility.window = Some(Window { from, until });
        pipeline::run(&facility, Steps { harvest: true, build: false, export: false }).unwrap()
    }

    /// What an audit says of the events that ended at this instant or later.
    pub fn audit(&self, since: DateTime<Utc>) -> AuditReport {
        audited(&self.open().unwrap_or_else(|error| panic!("{error}")), Some(since))
    }

    fn steps(&self, steps: Steps) -> RunReport {
        let facility = self.open().unwrap_or_else(|error| panic!("{error}"));
        let report = pipeline::run(&facility, steps)
            .unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)));
        assert_eq!(report.build.planned, report.build.accounted(), "{report:?}");
        self.clock.advance(TimeDelta::hours(1));
        report
    }

    /// Takes on what another program left in the database.
    pub fn adopt(&self) -> Adopted {
        let config = self.config();
        let mut database = Database::open(&self.path("nexus.db"), Access::Write).unwrap();
        let instruments = Instruments::load(database.read()).unwrap();
        let tx = database.transaction().unwrap();
        let (routes, folders) = (pipeline::routes(&config), pipeline::folders(&config));
        let sources = Sources::of(&config);
        let adopted =
            adopt::adopt(&tx, &routes, &folders, &instruments, &sources, false, self.clock.as_ref()).unwrap();
        tx.commit().unwrap();
        adopted
    }

    /// The database, for looking.
    pub fn database(&self) -> Database {
        Database::open(&self.path("nexus.db"), Access::Read).unwrap()
    }

    /// The database, for the hands of another program.
    pub fn sql(&self, sql: &str, params: &[&str]) -> usize {
        let connection = rusqlite::Connection::open(self.path("nexus.db")).unwrap();
        connection.execute(sql, rusqlite::params_from_iter(params)).unwrap()
    }

    /// The sessions of the log, by identifier, with their statuses.
    pub fn sessions(&self) -> Vec<(String, String)> {
        let database = self.database();
        let sql = "SELECT session_identifier, group_concat(DISTINCT record_status) FROM session_log \
                   GROUP BY 1 ORDER BY 1";
        let mut statement = database.read().prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    /// What is known of the session of an event.
    pub fn outcome(&self, event: u64) -> Option<Outcome> {
        let id = SessionId::new(format!("{}usage_events/?id={event}", self.api));
        let database = self.database();
        let status = session::status_of(database.read(), &id).unwrap()?;
        let state = SessionState::load(database.read(), &id).unwrap()?;
        let user = "SELECT user FROM session_log WHERE session_identifier = ?1 AND event_type = 'START'";
        let user: Option<String> = database.read().query_row(user, [&id], |row| row.get(0)).unwrap();
        let folder = self.folder.path().display().to_string();
        let plain = |text: &str| {
            text.replace(&self.api, "<api>").replace(&self.site(), "<site>").replace(&folder, "<folder>")
        };
        let events = event::of_session(database.read(), &id).unwrap();
        let warnings = events
            .iter()
            .filter(|one| one.note.kind == "warning")
            .filter_map(|one| one.note.detail.as_deref().map(plain));
        let waits = state.waiting_reason.filter(|_| state.outcome_text.is_none());
        let found = state.record_name.and_then(|name| pipeline::folders(&self.config()).find_record(&name));
        Some(Outcome {
            status: status.to_string(),
            user: user.unwrap_or_default(),
            reason: plain(&state.outcome_text.or(waits).unwrap_or_default()),
            warnings: warnings.collect(),
            record: found.map(|path| fields(&fs::read_to_string(path).unwrap(), &plain)),
        })
    }

    /// What a run left of the rows.
    pub fn outcomes(&self, rows: &[Row]) -> Outcomes {
        rows.iter().filter_map(|row| Some((row.id, self.outcome(row.id)?))).collect()
    }

    fn site(&self) -> String {
        self.api.trim_end_matches("api/").to_owned()
    }
}

/// Reads the head of a record; `plain` takes the address out of its link.
fn fields(record: &str, plain: &dyn Fn(&str) -> String) -> Fields {
    let document = Document::parse(record).unwrap_or_else(|error| panic!("{error}\n{record}"));
    let root = document.root_element();
    let summary = child(root, "summary").unwrap();
    let text = |node, name| child(node, name).map(inner).unwrap_or_default();
    let sample = |node: Node<'_, '_>| {
        let mut told = Vec::new();
        told.extend(node.attribute("ref").map(|text| format!("ref={text}")));
        for name in ["name", "description"] {
            told.extend(child(node, name).map(|child| format!("{name}={}", inner(child))));
        }
        if let Some(elements) = child(node, "elements") {
            let symbols = elements.children().filter(Node::is_element).map(|one| one.tag_name().name());
            told.push(format!("elements={}", symbols.collect::<Vec<_>>().join(" ")));
        }
        if told.is_empty() { "bare".to_owned() } else { told.join(" ") }
    };
    let projects = children(root, "project").filter_map(|one| child(one, "project_id").map(inner));
    Fields {
        title: text(root, "title"),
        id: text(root, "id"),
        link: plain(summary.attribute("ref").unwrap_or_default()),
        experimenter: text(summary, "experimenter"),
        from: text(summary, "reservationStart"),
        to: text(summary, "reservationEnd"),
        motivation: text(summary, "motivation"),
        projects: projects.collect(),
        samples: children(root, "sample").map(sample).collect(),
    }
}

fn children<'a, 'd>(node: Node<'a, 'd>, name: &'static str) -> impl Iterator<Item = Node<'a, 'd>> {
    node.children().filter(move |child| child.has_tag_name((NAMESPACE, name)))
}

fn child<'a, 'd>(node: Node<'a, 'd>, name: &'static str) -> Option<Node<'a, 'd>> {
    children(node, name).next()
}

fn inner(node: Node<'_, '_>) -> String {
    node.text().unwrap_or_default().to_owned()
}

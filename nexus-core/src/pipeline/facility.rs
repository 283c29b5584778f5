//! A facility, ready to be run: settings, plugins, folders, the pool.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use crate::adopt;
use crate::build::{Choice, TRANCHE};
use crate::causes::with_causes;
use crate::clock::Clock;
use crate::config::{Config, DestinationConfig, ExportStrategy, FileStrategy};
use crate::db::{Access, Database, DbError};
use crate::delivery::Strategy;
use crate::durable::{self, DurableError};
use crate::export::{Route, Routes};
use crate::extract::Readers;
use crate::folders::Folders;
use crate::instrument::InstrumentError;
use crate::lock::LockError;
use crate::plugins::{Catalogue, Groups, OpenError, Plugins, Surroundings};
use crate::question::Window;
use crate::report::Progress;
use crate::stop::StopFlag;
use crate::unsynced;
use crate::validate::{self, RecordValidator, SchemaError};
use crate::walk::Selection;
use crate::writer::WriteError;

/// A run that could not begin, or ended early.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// A folder that must exist does not.
    #[error(
        "{}`{}` ([storage] {key}) {}", if path.exists() { "" } else { "folder " }, path.display(),
        if path.exists() { "is no folder" } else { "is not there: is the share mounted?" }
    )]
    Storage {
        /// Its key in the configuration.
        key: &'static str,
        /// Where.
        path: PathBuf,
    },
    /// Another run, or another program, is at work.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The table of instruments cannot be read.
    #[error(transparent)]
    Instruments(#[from] InstrumentError),
    /// Plugins cannot be used as configured.
    #[error("{}", .0.iter().map(|error| with_causes(error)).collect::<Vec<_>>().join("\n"))]
    Plugins(Vec<OpenError>),
    /// An ignore pattern is none.
    #[error("[build] ignore holds a pattern that cannot be read")]
    Pattern(#[from] globset::Error),
    /// The pool of threads could not be made.
    #[error("failed to start the threads that build records")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The database has history, and nobody said that nexus may go on with it.
    #[error(
        "the database holds {sessions} sessions of another program, and was not adopted: nothing was changed"
    )]
    NotAdopted {
        /// How many.
        sessions: u64,
    },
    /// The schema that comes with the program cannot be used.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A file of our own cannot be written.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// The database failed during the run. What was answered before is committed.
    #[error("the run ended early")]
    Write(#[from] WriteError),
}

/// Everything a run needs, read and checked once.
pub struct Facility {
    /// The settings.
    pub config: Config,
    /// The plugin instances.
    pub plugins: Plugins,
    /// Where things are.
    pub folders: Folders,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Set when the run is asked to stop.
    pub stop: StopFlag,
    /// Who reads the files.
    pub readers: Readers,
    /// Which boot of the machine this is.
    pub boot: String,
    /// Who judges the records before they are written.
    pub validator: &'static dyn RecordValidator,
    /// Told how far the build is.
    pub progress: Box<dyn Fn(Progress<'_>) + Send + Sync>,
    /// Which of the sessions that are to be built are wanted now.
    pub choice: Choice,
    /// The span of ends of usage events that a harvest reads again, whatever was read before; `None`: what is new.
    pub window: Option<Window>,
    /// How many sessions are listed, looked for and built at a time: bounds what a run holds of its backlog.
    /// [`TRANCHE`], unless a test says otherwise.
    pub tranche: NonZeroUsize,
    /// Whether an instrument's storage that is not the one of the last run is taken as it is.
    pub accept_storage: bool,
    pub(super) groups: Arc<Groups>,
    pub(super) routes: Routes,
    pub(super) selection: Selection,
    pub(super) pool: rayon::ThreadPool,
}

/// The folders of a configuration.
pub fn folders(config: &Config) -> Folders {
    Folders {
        instrument_data: config.storage.instrument_data.clone(),
        data: config.storage.data.clone(),
        records: config.storage.records.clone(),
    }
}

/// Destinations and strategy of a configuration, as transactions need them.
pub fn routes(config: &Config) -> Routes {
    let mut destinations: Vec<_> = config.destinations.iter().collect();
    destinations.sort_by_key(|destination| std::cmp::Reverse(destination.priority));
    let strategy = match config.export.strategy {
        ExportStrategy::BestEffort => Strategy::BestEffort,
        ExportStrategy::All => Strategy::All,
        ExportStrategy::FirstSuccess => Strategy::FirstSuccess,
    };
    let route = |destination: &DestinationConfig| Route {
        name: destination.name.clone(),
        after: destination.after.clone(),
    };
    let mut destinations: Vec<Route> = destinations.into_iter().map(route).collect();
    if strategy == Strategy::FirstSuccess {
        one_after_the_other(&mut destinations);
    }
    Routes { destinations: destinations.into(), strategy }
}

/// Which files belong to records.
///
/// # Errors
/// An ignore pattern is none.
pub fn selection(config: &Config) -> Result<Selection, PipelineError> {
    let suffixes = match config.build.file_strategy {
        FileStrategy::Exclusive => Some(config.build.exclusive_suffixes.as_slice()),
        FileStrategy::Inclusive => None,
    };
    Ok(Selection::new(suffixes, &config.build.ignore)?)
}

/// The threads that walk the storage and build records.
///
/// # Errors
/// They could not be started.
pub fn pool(config: &Config) -> Result<rayon::ThreadPool, PipelineError> {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(config.build.threads);
    Ok(threads.thread_name(|index| format!("build {index}")).build()?)
}

/// Makes every destination wait for all that come before it, so that one that is not needed is not tried:
/// by falling priority, but never before those that it is to come after anyway.
fn one_after_the_other(routes: &mut Vec<Route>) {
    let mut left = std::mem::take(routes);
    while !left.is_empty() {
        let waits =
            |route: &Route| route.after.iter().any(|name| left.iter().any(|other| other.name == *name));
        // A circle is refused with the configuration; were there one, it would be cut here.
        let next = left.iter().position(|route| !waits(route)).unwrap_or_default();
        let mut route = left.remove(next);
        route.after = routes.iter().map(|earlier| earlier.name.clone()).collect();
        routes.push(route);
    }
}

impl Facility {
    /// Makes the plugin instances and checks what can be checked without touching anything.
    ///
    /// # Errors
    /// The plugins cannot be used as configured.
    pub fn open(
        config: &Config,
        catalogue: &Catalogue,
        clock: Arc<dyn Clock>,
        stop: StopFlag,
    ) -> Result<Self, PipelineError> {
        let folders = folders(config);
        let surroundings = Surroundings::of(config, folders.scratch());
        let mut plugins = catalogue.open(config, &surroundings).map_err(PipelineError::Plugins)?;
        let routes = routes(config);
        for destination in &mut plugins.destinations {
            if let Some(route) = routes.destinations.iter().find(|route| route.name == destination.name) {
                destination.after.clone_from(&route.after);
            }
        }
        let (selection, pool) = (selection(config)?, pool(config)?);
        let validator = validate::shipped()?;
        let readers = plugins
            .extractors
            .iter()
            .fold(Readers::new(folders.scratch()), |readers, one| readers.with_extractor(Arc::clone(one)));
        Ok(Self {
            groups: surroundings.groups,
            routes,
            config: config.clone(),
            plugins,
            readers,
            boot: unsynced::this_boot(),
            folders,
            clock,
            stop,
            progress: Box::new(|_| {}),
            choice: Choice::default(),
            window: None,
            tranche: TRANCHE,
            accept_storage: false,
            validator,
            selection,
            pool,
        })
    }

    /// The storage must be there before anything is done; our own folders are made.
    pub(super) fn check_storage(&self) -> Result<(), PipelineError> {
        self.require_storage()?;
        Ok(durable::create_dir_all_durable(&self.folders.scratch())?)
    }

    /// The storage must be there; nothing is made.
    pub(super) fn require_storage(&self) -> Result<(), PipelineError> {
        for (key, path) in [("instrument_data", &self.folders.instrument_data), ("data", &self.folders.data)]
        {
            if !path.is_dir() {
                return Err(PipelineError::Storage { key, path: path.clone() });
            }
        }
        Ok(())
    }

    /// A database with history that nexus never met is refused before it is opened for writing: that would
    /// already make our tables in it.
    pub(super) fn require_known(&self) -> Result<(), PipelineError> {
        let database = Database::open(&self.config.database.path, Access::Read)?;
        database.require_head()?;
        if database.has_own_tables()? || adopt::is_new(database.read())? {
            return Ok(());
        }
        self.not_adopted(&database)
    }

    /// A database with history is left alone until somebody says so; an empty one is ours from the start.
    pub(super) fn require_adopted(&self, database: &mut Database) -> Result<(), PipelineError> {
        if adopt::is_adopted(database.read())? {
            return Ok(());
        }
        if adopt::is_new(database.read())? {
            let tx = database.transaction()?;
            adopt::mark(&tx, self.clock.now())?;
            return Ok(tx.commit().map_err(WriteError::from)?);
        }
        self.not_adopted(database)
    }

    fn not_adopted(&self, database: &Database) -> Result<(), PipelineError> {
        let found = adopt::inspect(database.read(), &self.routes)?;
        Err(PipelineError::NotAdopted { sessions: found.sessions.values().sum() })
    }
}

//! The files of a tranche's sessions: one walk over the folders of their instruments, made when the first session
//! asks for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::backlog::Place;
use super::{Builder, Notices};
use crate::ids::InstrumentPid;
use crate::session::Session;
use crate::storage::{self, Identity};
use crate::walk::{self, Forest, FoundFile, Root, Window};
use crate::writer::WriteError;

/// Where the files of every instrument with sessions to build are.
pub(super) struct Files {
    places: BTreeMap<InstrumentPid, usize>,
    roots: Vec<Root>,
    walked: Option<Walked>,
}

/// What the walk found.
struct Walked {
    forest: Arc<Forest>,
    /// Why the folder of an instrument says nothing, by its position.
    refused: BTreeMap<usize, String>,
}

/// The files of one session, still in the walk that all sessions share.
#[derive(Debug, Clone)]
pub(super) struct Slice {
    forest: Arc<Forest>,
    root: usize,
    window: Window,
}

impl Slice {
    /// The files, by modification time, then path.
    pub fn files(&self) -> Vec<FoundFile> {
        self.forest.tree(self.root).map(|tree| tree.files(self.window)).unwrap_or_default()
    }
}

/// What the walk says about a session.
pub(super) enum Answer {
    /// It has files.
    Some(Slice),
    /// It has none, and its instrument's folder holds others.
    None,
    /// None was seen, but not everything below the folder could be read.
    Unproven,
    /// The folder holds no file at all.
    Bare,
    /// One of its files was changed a moment ago.
    Restless(PathBuf),
    /// The folder could not be looked at, for this reason.
    Away(String),
}

impl Files {
    pub fn of(places: BTreeMap<InstrumentPid, Place>, builder: &Builder<'_>) -> Self {
        let mut files = Self { places: BTreeMap::new(), roots: Vec::new(), walked: None };
        for (pid, place) in places {
            files.places.insert(pid, files.roots.len());
            let path = builder.folders.instrument(&place.filestore_path);
            files.roots.push(Root { path, windows: place.windows });
        }
        files
    }

    /// The folder of the session's instrument.
    pub fn root(&self, session: &Session) -> &Path {
        let root = self.places.get(&session.instrument.pid).and_then(|at| self.roots.get(*at));
        root.map_or(Path::new(""), |root| &root.path)
    }

    /// Looks the session's files up; the first call walks.
    pub fn look_up(
        &mut self,
        session: &Session,
        builder: &Builder<'_>,
        notices: &mut Notices,
    ) -> Result<Answer, WriteError> {
        if self.walked.is_none() {
            self.walked = Some(self.walk(builder, notices)?);
        }
        let (Some(walked), Some(&root)) = (&self.walked, self.places.get(&session.instrument.pid)) else {
            return Ok(Answer::Away("its instrument's folder was not looked at".to_owned()));
        };
        if let Some(reason) = walked.refused.get(&root) {
            return Ok(Answer::Away(reason.clone()));
        }
        let tree = match walked.forest.tree(root) {
            Ok(tree) => tree,
            Err(error) => return Ok(Answer::Away(crate::causes::with_causes(error))),
        };
        let window = window(session);
        if tree.count(window) == 0 {
            return Ok(match (tree.holds_files(), tree.all_read()) {
                (_, false) => Answer::Unproven,
                (true, true) => Answer::None,
                (false, true) => Answer::Bare,
            });
        }
        let quiet_since = std::time::SystemTime::from(builder.clock.now()).checked_sub(builder.quiet_period);
        if !builder.quiet_period.is_zero()
            && tree.newest_change(window).is_some_and(|newest| quiet_since.is_none_or(|since| newest > since))
        {
            let newest = tree.files(window).pop().map(|file| file.path).unwrap_or_default();
            return Ok(Answer::Restless(newest));
        }
        Ok(Answer::Some(Slice { forest: Arc::clone(&walked.forest), root, window }))
    }

    fn walk(&mut self, builder: &Builder<'_>, notices: &mut Notices) -> Result<Walked, WriteError> {
        let refused = self.changed_storage(builder)?;
        // A folder that is refused keeps its place, and nothing in it is wanted. A tranche is walked for once, so
        // the windows, of which every session has one, are given away.
        let roots: Vec<Root> = self
            .roots
            .iter_mut()
            .enumerate()
            .map(|(at, root)| {
                let windows = std::mem::take(&mut root.windows);
                let refused = refused.contains_key(&at);
                Root { path: root.path.clone(), windows: if refused { Vec::new() } else { windows } }
            })
            .collect();
        let forest = walk::walk(
            &roots,
            &walk::Options {
                selection: builder.selection,
                follow_outside_links: builder.follow_outside_links,
                pool: builder.pool,
                now: builder.clock.now().into(),
            },
        );
        for problem in forest.problems() {
            notices.problem(problem);
        }
        self.remember_storage(builder, &forest, &refused)?;
        Ok(Walked { forest: Arc::new(forest), refused })
    }

    /// The folders that lie on another storage than in the last run, and why nothing in them is believed.
    fn changed_storage(&self, builder: &Builder<'_>) -> Result<BTreeMap<usize, String>, WriteError> {
        if builder.accept_storage {
            return Ok(BTreeMap::new());
        }
        let known = builder.writer.run(|tx| Ok(storage::known(tx)?))?;
        let changed = self.roots.iter().enumerate();
        Ok(changed
            .filter_map(|(at, root)| Some((at, storage::changed(&known, &root.path)?.to_string())))
            .collect())
    }

    /// An empty folder may be the mount point of a storage that is away: it is not remembered.
    fn remember_storage(
        &self,
        builder: &Builder<'_>,
        forest: &Forest,
        refused: &BTreeMap<usize, String>,
    ) -> Result<(), WriteError> {
        let believed: Vec<(PathBuf, Identity)> = self
            .roots
            .iter()
            .enumerate()
            .filter(|(at, _)| !refused.contains_key(at))
            .filter(|(at, _)| forest.tree(*at).is_ok_and(|tree| tree.holds_files()))
            .filter_map(|(_, root)| Some((root.path.clone(), Identity::of(&root.path).ok()?)))
            .collect();
        builder.writer.run(move |tx| {
            let believed = believed.iter().map(|(root, identity)| (root.as_path(), identity.clone()));
            storage::remember(tx, believed)?;
            Ok(())
        })
    }
}

/// When the files of a session were last written.
pub(super) fn window(session: &Session) -> Window {
    Window { from: session.started_at().into(), to: session.ended_at().into() }
}

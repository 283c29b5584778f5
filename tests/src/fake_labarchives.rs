//! A LabArchives server, as far as an exporter sees one.
//!
//! It answers the calls of its API below `/api`: signatures checked, ids that do not survive a query into which they
//! are put as they stand, the request echoed in front of what it is about, elements in another order each time. Names
//! need not be unique and nothing can be deleted, as on the real server, so a client that delivers twice makes two
//! pages. What nobody has seen of the real server (which status goes with which code) can be chosen.

mod call;
mod entries;
mod html;
mod reply;
mod site;
mod tree;
mod users;

use std::sync::{Arc, Mutex, MutexGuard};

use chrono::{DateTime, TimeDelta, Utc};

pub use call::{Call, signature};
pub use entries::Entry;
pub use reply::{Form, error};
pub use tree::{Node, ROOT};

use crate::http::Server;
use entries::{Author, Entries};
use reply::Shuffle;
use site::Site;
use tree::Tree;
use users::{Accounts, Notebook, User};

/// The access key of the facility.
pub const AKID: &str = "NexusTestKey01";
/// The password that signs for it.
pub const PASSWORD: &str = "planted-s3cret-Signing+Passw0rd/=";
/// The user whose account delivers.
pub const UID: &str = "77|UID+facility/A==";
/// The notebook of the facility.
pub const NOTEBOOK: &str = "NB+lab|7/8=&x==";
/// Stands in the echo of every request, and nowhere else.
pub const ECHOED: &str = "planted-DECOY+id==";

/// Where the time of the facility comes from.
pub type Time = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// A running server with one key, the facility's user and notebook, and no folder in it.
pub struct FakeLabArchives {
    /// Requests, faults, address. Rules are for paths such as `/api/entries/add_entry`.
    pub server: Server,
    state: Arc<Mutex<State>>,
}

struct State {
    time: Time,
    offset: TimeDelta,
    keys: Vec<(String, String)>,
    accounts: Accounts,
    tree: Tree,
    entries: Entries,
    calls: Vec<Call>,
    shuffle: Shuffle,
    form: Form,
    status: Option<u16>,
    denied: u16,
    largest_form: usize,
    largest_file: u64,
}

impl FakeLabArchives {
    /// Starts the server.
    pub fn start(time: Time) -> Self {
        let facility = User {
            uid: UID.to_owned(),
            name: "Facility Account".to_owned(),
            email: "facility@lab.example.org".to_owned(),
            token: "planted-facility-token".to_owned(),
            akid: AKID.to_owned(),
            revoked: false,
        };
        let notebook = Notebook {
            nbid: NOTEBOOK.to_owned(),
            name: "Facility notebook".to_owned(),
            members: vec![(UID.to_owned(), true)],
        };
        let state = State {
            time,
            offset: TimeDelta::zero(),
            keys: vec![(AKID.to_owned(), PASSWORD.to_owned())],
            accounts: Accounts { users: vec![facility], notebooks: vec![notebook] },
            tree: Tree::default(),
            entries: Entries::default(),
            calls: Vec::new(),
            shuffle: Shuffle::default(),
            form: Form::Bare,
            status: None,
            denied: 4501,
            largest_form: 1_000_000,
            largest_file: 262_144_000,
        };
        let state = Arc::new(Mutex::new(state));
        Self { server: Server::start(Arc::new(Site(Arc::clone(&state)))), state }
    }

    /// The same with the machine's own clock.
    pub fn on_real_time() -> Self {
        Self::start(Arc::new(Utc::now))
    }

    /// The address that is configured: `http://127.0.0.1:PORT/api`.
    pub fn url(&self) -> String {
        format!("{}api", self.server.url())
    }

    /// All calls so far, also those that met a fault, in order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// How often a method was called: `entries/add_entry`.
    pub fn count(&self, name: &str) -> usize {
        self.state().calls.iter().filter(|call| call.name == name).count()
    }

    /// Forgets the calls so far.
    pub fn forget_calls(&self) {
        self.state().calls.clear();
    }

    /// From now on the server's clock is ahead of the facility's by this much.
    pub fn set_offset(&self, ahead: TimeDelta) {
        self.state().offset = ahead;
    }

    /// Errors are told in this form from now on, and all with this status if there is one.
    pub fn tell_errors(&self, form: Form, status: Option<u16>) {
        let mut state = self.state();
        (state.form, state.status) = (form, status);
    }

    /// The code of what is not allowed, from now on.
    pub fn deny_with(&self, code: u16) {
        self.state().denied = code;
    }

    /// The largest form that is taken, in bytes.
    pub fn largest_form(&self, bytes: usize) {
        self.state().largest_form = bytes;
    }

    /// The largest file that is taken, in bytes.
    pub fn largest_file(&self, bytes: u64) {
        self.state().largest_file = bytes;
    }

    /// From now on the facility's key signs with this.
    pub fn change_password(&self, password: &str) {
        self.state().keys = vec![(AKID.to_owned(), password.to_owned())];
    }

    /// Adds an account with a token, under the facility's key; returns its uid.
    pub fn add_user(&self, name: &str, email: &str, token: &str) -> String {
        let mut state = self.state();
        let uid = format!("{}|UID+{}/B==", 78 + state.accounts.users.len(), email.len());
        state.accounts.users.push(User {
            uid: uid.clone(),
            name: name.to_owned(),
            email: email.to_owned(),
            token: token.to_owned(),
            akid: AKID.to_owned(),
            revoked: false,
        });
        uid
    }

    /// The uid may not be used any more.
    pub fn revoke(&self, uid: &str) {
        self.each_user(uid, |user| user.revoked = true);
    }

    /// It may again.
    pub fn restore(&self, uid: &str) {
        self.each_user(uid, |user| user.revoked = false);
    }

    fn each_user(&self, uid: &str, change: impl Fn(&mut User)) {
        self.state().accounts.users.iter_mut().filter(|user| user.uid == uid).for_each(change);
    }

    /// Adds a notebook of a user's own; returns its id.
    pub fn add_notebook(&self, uid: &str, name: &str, default: bool) -> String {
        let mut state = self.state();
        let nbid = format!("NB+{}|/=&y==", state.accounts.notebooks.len());
        let members = vec![(uid.to_owned(), default)];
        state.accounts.notebooks.push(Notebook { nbid: nbid.clone(), name: name.to_owned(), members });
        nbid
    }

    /// Lets a user into a notebook.
    pub fn share(&self, nbid: &str, uid: &str) {
        for notebook in self.state().accounts.notebooks.iter_mut().filter(|notebook| notebook.nbid == nbid) {
            notebook.members.push((uid.to_owned(), false));
        }
    }

    /// And out of it.
    pub fn unshare(&self, nbid: &str, uid: &str) {
        for notebook in self.state().accounts.notebooks.iter_mut().filter(|notebook| notebook.nbid == nbid) {
            notebook.members.retain(|(member, _)| member != uid);
        }
    }

    /// Every folder and page, in the order in which they were made.
    pub fn nodes(&self) -> Vec<Node> {
        self.state().tree.nodes.clone()
    }

    /// Every page.
    pub fn pages(&self) -> Vec<Node> {
        self.nodes().into_iter().filter(|node| node.is_page).collect()
    }

    /// The names of the folders down to a node, and its own.
    pub fn path(&self, node: &Node) -> Vec<String> {
        let (nodes, mut path, mut at) = (self.nodes(), vec![node.text.clone()], node.parent.clone());
        while let Some(above) = nodes.iter().find(|other| other.nbid == node.nbid && other.tree_id == at) {
            path.insert(0, above.text.clone());
            at.clone_from(&above.parent);
        }
        path
    }

    /// Puts a folder or a page somewhere, as a person does it; returns its id.
    pub fn put_node(&self, nbid: &str, parent: &str, text: &str, is_page: bool) -> String {
        self.state().tree.put(nbid, parent, text, is_page)
    }

    /// Changes folders and pages, or does away with those for which the answer is no, with all they hold.
    pub fn change_nodes(&self, keep: impl FnMut(&mut Node) -> bool) {
        let mut state = self.state();
        state.tree.nodes.retain_mut(keep);
        let nodes = state.tree.nodes.clone();
        state.entries.entries.retain(|entry| {
            entry.place.as_ref().is_none_or(|(_, page)| nodes.iter().any(|node| node.tree_id == *page))
        });
    }

    /// Every entry, in the order in which they were made.
    pub fn entries(&self) -> Vec<Entry> {
        self.state().entries.entries.clone()
    }

    /// The entries of a page.
    pub fn on_page(&self, page: &Node) -> Vec<Entry> {
        self.state().entries.of_page(&page.nbid, &page.tree_id).cloned().collect()
    }

    /// Puts an entry on a page, as a person or another program does it, and changes it; returns its id.
    pub fn put_entry(&self, page: &Node, part_type: &str, change: impl FnOnce(&mut Entry)) -> String {
        let mut state = self.state();
        let author = Author { uid: UID, name: "Somebody Else", now: (state.time)() };
        let place = Some((page.nbid.clone(), page.tree_id.clone()));
        let entry = state.entries.put(&author, place, part_type);
        change(entry);
        entry.eid.clone()
    }

    /// Changes entries, or does away with those for which the answer is no.
    pub fn change_entries(&self, keep: impl FnMut(&mut Entry) -> bool) {
        self.state().entries.entries.retain_mut(keep);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

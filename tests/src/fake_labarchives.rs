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
mod tree;
mod users;

use std::sync::{Arc, Mutex, MutexGuard};

use chrono::{DateTime, TimeDelta, Utc};

pub use call::{Call, signature};
pub use entries::Entry;
pub use reply::{Form, error};
pub use tree::{Node, ROOT};

use crate::http::{Request, Response, Server, Service};
use entries::{Author, Entries};
use reply::{Element, Refusal, Shuffle};
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

struct Site(Arc<Mutex<State>>);

impl Service for Site {
    fn handle(&self, request: &Request) -> Response {
        self.0.lock().unwrap().answer(request)
    }

    fn arrived(&self, request: &Request) {
        let mut state = self.0.lock().unwrap();
        let call = Call::new(request, (state.time)());
        state.calls.push(call);
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Response {
        let call = Call::new(request, (self.time)());
        let Some(root) = root(&call).filter(|_| request.path.starts_with("/api/")) else {
            return Response::html(404);
        };
        if !verb_fits(&call) {
            return Response::html(405);
        }
        if let Some(status) = call.cannot_be_read() {
            return Response::html(status);
        }
        if call.is_form() && call.body.len() > self.largest_form {
            return Response::html(413);
        }
        match self.carry_out(&call) {
            Ok(Done::Bytes(response)) => response,
            Ok(Done::Told(told)) => {
                let children = std::iter::once(echo(&call)).chain(told).collect();
                reply::reply(&Element::of(root, children), &mut self.shuffle)
            }
            Err(refusal) => {
                error(self.form, self.status.unwrap_or(refusal.status), refusal.code, refusal.words)
            }
        }
    }

    fn carry_out(&mut self, call: &Call) -> Result<Done, Refusal> {
        if call.name == "utilities/epoch_time" {
            self.password(call)?;
            let time = Element::typed("epoch-time", "integer", &self.now().timestamp_millis());
            return Ok(Done::Told(vec![time]));
        }
        self.check_signature(call)?;
        if call.name == "users/user_access_info" {
            return Ok(Done::Told(self.accounts.shown(self.accounts.sign_in(call)?)));
        }
        let user = self.accounts.user(call)?.clone();
        let denied = Refusal::new(403, self.denied, "Access denied");
        let now = (self.time)();
        let author = Author { uid: &user.uid, name: &user.name, now };
        let told = match call.name.as_str() {
            "users/user_info_via_id" => self.accounts.shown(&user),
            "users/max_file_size" => vec![Element::typed("max-file-size", "integer", &self.largest_file)],
            "tree_tools/get_tree_level" => {
                let nbid = self.accounts.notebook(call, &user, denied)?;
                self.tree.level(&nbid, call)?
            }
            "tree_tools/insert_node" => {
                let nbid = self.accounts.notebook(call, &user, denied)?;
                self.tree.insert(&nbid, call, denied)?
            }
            "tree_tools/get_entries_for_page" => {
                let nbid = self.accounts.notebook(call, &user, denied)?;
                let page = self.tree.page(&nbid, call, "page_tree_id")?;
                // Both spellings are met.
                let name = if self.shuffle.next(2) == 0 { "entry-data" } else { "entry_data" };
                let with_data = call.given("entry_data").is_some_and(|flag| flag == "true").then_some(name);
                self.entries.listed(&nbid, &page.tree_id, with_data)
            }
            "entries/add_entry" | "entries/add_attachment" => {
                let place = self.place(call, &user, denied)?;
                if call.name.ends_with("add_entry") {
                    self.entries.add(&author, place, call)?
                } else {
                    self.check_file(call)?;
                    self.entries.attach(&author, place, call)?
                }
            }
            "entries/update_entry" | "entries/update_attachment" => {
                self.may_change(call, &user, denied)?;
                let attachment = call.name.ends_with("attachment");
                if attachment {
                    self.check_file(call)?;
                }
                self.entries.change(&author, call, attachment)?
            }
            "entries/entry_attachment" => {
                let entry = self.entries.find(call)?;
                let seen = entry
                    .place
                    .as_ref()
                    .map_or(entry.uid == user.uid, |(nbid, _)| self.accounts.may_see(&user, nbid));
                if !seen {
                    return Err(denied);
                }
                return Ok(Done::Bytes(Entries::file(entry)));
            }
            _ => return Err(Refusal::NOT_THERE),
        };
        Ok(Done::Told(told))
    }

    /// The page that something goes to; `None` for the Inbox, which is asked for with zeros or by leaving both out.
    fn place(&self, call: &Call, user: &User, denied: Refusal) -> Result<Option<(String, String)>, Refusal> {
        match (call.given("nbid"), call.given("pid")) {
            (None, None) | (Some("0"), Some("0")) => Ok(None),
            _ => {
                let nbid = self.accounts.notebook(call, user, denied)?;
                let page = self.tree.page(&nbid, call, "pid")?;
                if page.can_write { Ok(Some((nbid, page.tree_id.clone()))) } else { Err(denied) }
            }
        }
    }

    fn may_change(&self, call: &Call, user: &User, denied: Refusal) -> Result<(), Refusal> {
        let may = match &self.entries.find(call)?.place {
            None => true,
            Some((nbid, page)) => {
                self.accounts.may_see(user, nbid)
                    && self.tree.find(nbid, page).is_some_and(|page| page.can_write)
            }
        };
        if may { Ok(()) } else { Err(denied) }
    }

    /// A file comes as its bytes, and not larger than the institution allows.
    fn check_file(&self, call: &Call) -> Result<(), Refusal> {
        if call.is_form() || call.body.is_empty() {
            return Err(Refusal::MISSING);
        }
        let fits = u64::try_from(call.body.len()).is_ok_and(|size| size <= self.largest_file);
        if fits { Ok(()) } else { Err(Refusal::new(413, 4529, "The file is too large")) }
    }

    fn now(&self) -> DateTime<Utc> {
        (self.time)() + self.offset
    }

    fn password(&self, call: &Call) -> Result<&str, Refusal> {
        let akid = call.required("akid")?;
        let key = self.keys.iter().find(|(known, _)| known == akid).ok_or(Refusal::UNKNOWN_KEY)?;
        Ok(&key.1)
    }

    fn check_signature(&self, call: &Call) -> Result<(), Refusal> {
        let (akid, expires, sig) = (call.required("akid")?, call.required("expires")?, call.required("sig")?);
        let password = self.password(call)?;
        let at = call.expires().ok_or(Refusal::INVALID)?;
        if (self.now() - at).abs() > TimeDelta::seconds(120) {
            return Err(Refusal::EXPIRED);
        }
        if sig == signature(password, akid, call.method(), expires) {
            Ok(())
        } else {
            Err(Refusal::BAD_SIGNATURE)
        }
    }
}

enum Done {
    Told(Vec<Element>),
    Bytes(Response),
}

/// The root of a reply: the class, with hyphens. Entries of a page come as `entries`.
fn root(call: &Call) -> Option<&'static str> {
    match call.name.split_once('/')? {
        ("utilities", "epoch_time") => Some("utilities"),
        ("users", "user_access_info" | "user_info_via_id" | "max_file_size") => Some("users"),
        ("tree_tools", "get_entries_for_page")
        | (
            "entries",
            "add_entry" | "update_entry" | "add_attachment" | "update_attachment" | "entry_attachment",
        ) => Some("entries"),
        ("tree_tools", "get_tree_level" | "insert_node") => Some("tree-tools"),
        _ => None,
    }
}

/// Questions are asked with GET, what makes something is sent with POST; a node may be made with either.
fn verb_fits(call: &Call) -> bool {
    match (call.verb.as_str(), call.method()) {
        ("GET" | "POST", "insert_node") => true,
        ("POST", _) => call.writes(),
        ("GET", _) => !call.writes(),
        _ => false,
    }
}

/// The echo of the request: all that was sent but the password, and ids that are none.
fn echo(call: &Call) -> Element {
    let (class, method) = call.name.split_once('/').unwrap_or_default();
    let decoy = |name: &str| Element::text(name, ECHOED);
    let mut children = vec![
        Element::text("class", class),
        Element::text("method", method),
        decoy("eid"),
        decoy("tree-id"),
        decoy("id"),
        Element::of("entry-echo", vec![decoy("eid"), decoy("part-type")]),
    ];
    for (name, value) in &call.parameters {
        if name != "password" {
            children.push(Element::text(&name.replace('_', "-"), value));
        }
    }
    Element::of("request", children)
}

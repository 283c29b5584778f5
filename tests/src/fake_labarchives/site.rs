//! How the site answers.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};

use super::call::{Call, signature};
use super::entries::{Author, Entries};
use super::reply::{Element, Refusal, error, reply};
use super::users::User;
use super::{ECHOED, State};
use crate::http::{Request, Response, Service};

pub(super) struct Site(pub(super) Arc<Mutex<State>>);

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
                reply(&Element::of(root, children), &mut self.shuffle)
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

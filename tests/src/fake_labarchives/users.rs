//! The users of a fake LabArchives, and their notebooks.

use super::call::Call;
use super::reply::{Element, Refusal};

/// An account.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) uid: String,
    pub(super) name: String,
    pub(super) email: String,
    /// What signs in beside the address: the token for external programs.
    pub(super) token: String,
    /// The key that may use the uid.
    pub(super) akid: String,
    pub(super) revoked: bool,
}

/// A notebook.
#[derive(Debug, Clone)]
pub(super) struct Notebook {
    pub(super) nbid: String,
    pub(super) name: String,
    /// The users who may see it, and whether it is their default one.
    pub(super) members: Vec<(String, bool)>,
}

#[derive(Debug, Default)]
pub(super) struct Accounts {
    pub(super) users: Vec<User>,
    pub(super) notebooks: Vec<Notebook>,
}

impl Accounts {
    /// The user of a call.
    pub(super) fn user(&self, call: &Call) -> Result<&User, Refusal> {
        let (uid, akid) = (call.required("uid")?, call.required("akid")?);
        let known = self.users.iter().find(|user| user.uid == uid && user.akid == akid && !user.revoked);
        known.ok_or(Refusal::TIMED_OUT)
    }

    /// The notebook of a call, if its user may see it.
    pub(super) fn notebook(&self, call: &Call, user: &User, denied: Refusal) -> Result<String, Refusal> {
        let nbid = call.required("nbid")?;
        let notebook = self.notebooks.iter().find(|notebook| notebook.nbid == nbid);
        let notebook = notebook.ok_or(Refusal::NOT_THERE)?;
        let member = notebook.members.iter().any(|(uid, _)| *uid == user.uid);
        if member { Ok(notebook.nbid.clone()) } else { Err(denied) }
    }

    pub(super) fn may_see(&self, user: &User, nbid: &str) -> bool {
        let notebook = self.notebooks.iter().find(|notebook| notebook.nbid == nbid);
        notebook.is_some_and(|notebook| notebook.members.iter().any(|(uid, _)| *uid == user.uid))
    }

    /// Whom an address and a token belong to.
    pub(super) fn sign_in(&self, call: &Call) -> Result<&User, Refusal> {
        let (email, token) = (call.required("login_or_email")?, call.required("password")?);
        let known =
            self.users.iter().find(|user| user.email == email && user.token == token && !user.revoked);
        known.ok_or(Refusal::BAD_SIGN_IN)
    }

    /// What is told of a user.
    pub(super) fn shown(&self, user: &User) -> Vec<Element> {
        let (first, last) = user.name.split_once(' ').unwrap_or((&user.name, ""));
        let own = self.notebooks.iter().filter_map(|notebook| {
            let (_, default) = notebook.members.iter().find(|(uid, _)| *uid == user.uid)?;
            Some(Element::of(
                "notebook",
                vec![
                    Element::text("id", &notebook.nbid),
                    Element::text("name", &notebook.name),
                    Element::typed("is-default", "boolean", default),
                ],
            ))
        });
        vec![
            Element::text("id", &user.uid),
            Element::text("fullname", &user.name),
            Element::text("first-name", first),
            Element::text("last-name", last),
            Element::text("email", &user.email),
            Element::typed("auto-login-allowed", "boolean", &true),
            Element::list("notebooks", own.collect()),
        ]
    }
}

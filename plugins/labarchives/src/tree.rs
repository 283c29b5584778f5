//! The folders and pages of a notebook. Names need not be unique there: whoever inserts looks first, and takes the
//! first that fits.

use nexus_plugin_api::{Call, LogLevel, PluginError};
use nexus_plugin_http::{Once, TransportError};

use crate::client::{Body, Client};
use crate::error::{ApiError, LabError};
use crate::name;
use crate::reply::{self, TreeNode};

/// The parent of what lies at the top.
const TOP: &str = "0";

/// A notebook, and the account under which it is used.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shelf {
    /// The account. Never logged.
    pub uid: String,
    /// The notebook.
    pub nbid: String,
    /// Whether it is the account of the session's user, not the facility's.
    pub own: bool,
}

/// What lies in a folder; in the order of the server.
pub fn level(client: &Client, call: &Call, shelf: &Shelf, parent: &str) -> Result<Vec<TreeNode>, ApiError> {
    let query = [("uid", shelf.uid.as_str()), ("nbid", &shelf.nbid), ("parent_tree_id", parent)];
    client.read(call, "tree_tools/get_tree_level", &query, ("level", reply::level))
}

/// What lies at the top of the notebook.
pub fn top(client: &Client, call: &Call, shelf: &Shelf) -> Result<Vec<TreeNode>, ApiError> {
    level(client, call, shelf, TOP)
}

/// Those of this name and kind.
pub fn named<'n>(nodes: &'n [TreeNode], name: &str, page: bool) -> impl Iterator<Item = &'n TreeNode> {
    nodes.iter().filter(move |node| node.page == Some(page) && name::same(&node.name, name))
}

/// Makes a folder or a page. Nobody looks whether there is one of this name.
pub fn insert(
    client: &Client,
    call: &Call,
    shelf: &Shelf,
    parent: &Folder,
    name: &str,
    page: bool,
) -> Result<TreeNode, LabError> {
    if parent.read_only {
        return Err(read_only("folder", &parent.name, shelf).into());
    }
    let is_folder = if page { "false" } else { "true" };
    let query = [
        ("uid", shelf.uid.as_str()),
        ("nbid", &shelf.nbid),
        ("parent_tree_id", &parent.id),
        ("display_text", name),
        ("is_folder", is_folder),
    ];
    let made = client.write(call, "tree_tools/insert_node", &query, &Body::None, ("tree-id", reply::made))?;
    let kind = if page { "page" } else { "folder" };
    call.log(LogLevel::Info, &format!("made {kind} `{name}`"));
    Ok(made)
}

/// That the account may read something and not write there.
pub fn read_only(what: &str, name: &str, shelf: &Shelf) -> PluginError {
    let (whose, class) = if shelf.own {
        ("the account of the session's user", nexus_plugin_api::FailureClass::Permanent)
    } else {
        ("the account of `user_id`", nexus_plugin_api::FailureClass::Auth)
    };
    PluginError::new(class, format!("{whose} may read {what} `{name}` and not write there"))
        .with_hint("let the owner of the notebook give it the right to write; then `nexus export retry`")
}

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its id; the top of the notebook has one as well.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether the account may not write there.
    pub read_only: bool,
    /// Whether it was made a moment ago, and so is empty.
    pub new: bool,
}

/// The folders that are known, by notebook and path.
#[derive(Debug, Default)]
pub struct Folders(Once<(Shelf, Vec<String>), Vec<Folder>>);

impl Folders {
    /// All folders of this path: several of one name are possible, and a page may lie in any of them.
    pub fn find(
        &self,
        client: &Client,
        call: &Call,
        notebook: &Shelf,
        path: &[String],
    ) -> Result<Vec<Folder>, LabError> {
        self.walk(client, call, notebook, path, false)
    }

    /// The same; if there is none, it is made.
    pub fn find_or_make(
        &self,
        client: &Client,
        call: &Call,
        notebook: &Shelf,
        path: &[String],
    ) -> Result<Vec<Folder>, LabError> {
        self.walk(client, call, notebook, path, true)
    }

    /// What is known of a notebook has turned out to be wrong.
    pub fn forget(&self, notebook: &Shelf) {
        self.0.forget(|(known, _)| known == notebook);
    }

    fn walk(
        &self,
        client: &Client,
        call: &Call,
        notebook: &Shelf,
        path: &[String],
        make: bool,
    ) -> Result<Vec<Folder>, LabError> {
        let top =
            Folder { id: TOP.to_owned(), name: "the notebook".to_owned(), read_only: false, new: false };
        let mut folders = vec![top];
        for (depth, name) in path.iter().enumerate() {
            let key = (notebook.clone(), path.iter().take(depth + 1).cloned().collect());
            let mut new = false;
            let asked = self.0.get_if(
                call,
                &key,
                |found| !found.is_empty(),
                || {
                    let found = inside(client, call, notebook, &folders, name)?;
                    if !found.is_empty() || !make {
                        return Ok(found);
                    }
                    new = true;
                    let Some(parent) = folders.first() else { return Ok(found) };
                    let node = insert(client, call, notebook, parent, name, false)?;
                    Ok::<_, LabError>(vec![Folder {
                        id: node.id,
                        name: name.clone(),
                        read_only: false,
                        new: false,
                    }])
                },
            );
            folders = asked.unwrap_or_else(|| Err(stopped(client).into()))?;
            for folder in &mut folders {
                folder.new = new;
            }
            if folders.is_empty() {
                break;
            }
        }
        Ok(folders)
    }
}

/// The folders of a name in any of these.
fn inside(
    client: &Client,
    call: &Call,
    shelf: &Shelf,
    parents: &[Folder],
    name: &str,
) -> Result<Vec<Folder>, LabError> {
    let mut found = Vec::new();
    for parent in parents.iter().filter(|parent| !parent.new) {
        let nodes = level(client, call, shelf, &parent.id)?;
        found.extend(named(&nodes, name, false).map(|node| Folder {
            id: node.id.clone(),
            name: name.to_owned(),
            read_only: node.writable == Some(false),
            new: false,
        }));
    }
    if found.len() > 1 {
        call.log(
            LogLevel::Warn,
            &format!("there are {} folders `{name}`: new pages go into the first", found.len()),
        );
    }
    Ok(found)
}

/// The host does not want the answer any more.
pub fn stopped(client: &Client) -> ApiError {
    ApiError::Transport(TransportError::stopped(client.base().as_str().to_owned()))
}

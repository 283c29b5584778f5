//! The folders and pages of the notebooks.

use super::call::Call;
use super::reply::{Element, Refusal};

/// What the root of a notebook is called.
pub const ROOT: &str = "0";

/// A folder or a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub tree_id: String,
    /// The notebook.
    pub nbid: String,
    /// The folder it lies in; [`ROOT`].
    pub parent: String,
    /// What it is called.
    pub text: String,
    /// A page, or else a folder.
    pub is_page: bool,
    /// Whether something can be put into it.
    pub can_write: bool,
}

impl Node {
    fn shown(&self, name: &str) -> Element {
        let access = vec![
            Element::typed("can-read", "boolean", &true),
            Element::typed("can-write", "boolean", &self.can_write),
            Element::typed("can-read-comments", "boolean", &true),
            Element::typed("can-write-comments", "boolean", &self.can_write),
        ];
        Element::of(
            name,
            vec![
                Element::typed("is-page", "boolean", &self.is_page),
                Element::text("tree-id", &self.tree_id),
                Element::text("display-text", &self.text),
                Element::of("user-access", access),
            ],
        )
    }
}

/// All of them, in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    made: usize,
}

impl Tree {
    pub(super) fn put(&mut self, nbid: &str, parent: &str, text: &str, is_page: bool) -> String {
        self.made += 1;
        // Nothing of this survives a query into which it was put as it stands.
        let tree_id = format!("MT{}+|7/8&N==", self.made);
        self.nodes.push(Node {
            tree_id: tree_id.clone(),
            nbid: nbid.to_owned(),
            parent: parent.to_owned(),
            text: text.to_owned(),
            is_page,
            can_write: true,
        });
        tree_id
    }

    pub(super) fn find(&self, nbid: &str, tree_id: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.nbid == nbid && node.tree_id == tree_id)
    }

    fn folder(&self, nbid: &str, call: &Call) -> Result<(String, bool), Refusal> {
        let parent = call.required("parent_tree_id")?;
        if parent == ROOT {
            return Ok((ROOT.to_owned(), true));
        }
        match self.find(nbid, parent) {
            Some(node) if !node.is_page => Ok((node.tree_id.clone(), node.can_write)),
            Some(_) => Err(Refusal::INVALID),
            None => Err(Refusal::NOT_THERE),
        }
    }

    /// `get_tree_level`: the whole of it.
    pub(super) fn level(&self, nbid: &str, call: &Call) -> Result<Vec<Element>, Refusal> {
        let (parent, _) = self.folder(nbid, call)?;
        let inside = self.nodes.iter().filter(|node| node.nbid == nbid && node.parent == parent);
        Ok(vec![Element::list("level-nodes", inside.map(|node| node.shown("level-node")).collect())])
    }

    /// `insert_node`: names need not be unique.
    pub(super) fn insert(
        &mut self,
        nbid: &str,
        call: &Call,
        denied: Refusal,
    ) -> Result<Vec<Element>, Refusal> {
        let (parent, can_write) = self.folder(nbid, call)?;
        let (text, is_folder) = (call.required("display_text")?, call.flag("is_folder")?);
        if !can_write {
            return Err(denied);
        }
        let tree_id = self.put(nbid, &parent, text, !is_folder);
        Ok(self.find(nbid, &tree_id).map(|node| node.shown("node")).into_iter().collect())
    }

    /// The page that a call names in this parameter.
    pub(super) fn page(&self, nbid: &str, call: &Call, name: &str) -> Result<&Node, Refusal> {
        let node = self.find(nbid, call.required(name)?).ok_or(Refusal::NOT_THERE)?;
        if node.is_page { Ok(node) } else { Err(Refusal::INVALID) }
    }
}

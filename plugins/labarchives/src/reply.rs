//! What answers hold. Only what stands where it belongs is believed: every answer repeats the request, ids and all.
//!
//! Elements are known by name, in any order; those nobody knows are left alone.

use nexus_plugin_http::xml;
use roxmltree::{Document, Node};

/// The part of an answer that repeats the request.
const ECHO: &str = "request";

/// The words of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its code, if it has one.
    pub code: Option<u32>,
    /// What it says.
    pub said: String,
}

/// A folder or page in a level of a notebook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeNode {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is a page; `None`: it does not say.
    pub page: Option<bool>,
    /// Whether the account may write there; `None`: it does not say.
    pub writable: Option<bool>,
}

/// Something on a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// Its kind, lower case: `text entry`, `attachment`, …
    pub kind: String,
    /// Its caption.
    pub caption: Option<String>,
    /// Name of the attached file.
    pub file_name: Option<String>,
    /// Size of the attached file in bytes.
    pub size: Option<u64>,
    /// What it holds; of a text entry its HTML.
    pub data: Option<String>,
    /// Where a person can open it.
    pub url: Option<String>,
}

impl Entry {
    /// Whether it is a file.
    pub fn is_attachment(&self) -> bool {
        self.kind == "attachment"
    }
}

/// A person, and the notebooks they may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The user id. Never logged.
    pub uid: String,
    /// Full name.
    pub name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Notebooks of theirs, and those shared with them.
    pub notebooks: Vec<Notebook>,
}

/// A notebook, as it is listed with a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notebook {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is the user's default one.
    pub default: bool,
}

/// The text of an answer, if it is one.
pub fn text(body: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(body).map_err(|_| "it is not text in UTF-8".to_owned())?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text).trim_start())
}

/// What an error document says: at the root, or one below.
pub fn refusal(document: &Document<'_>) -> Option<Refusal> {
    let root = document.root_element();
    let error = if root.tag_name().name() == "error" {
        root
    } else {
        root.children().find(|child| child.tag_name().name() == "error")?
    };
    let code = field(error, &["error-code", "error_code", "code"]).and_then(|code| code.trim().parse().ok());
    let said = field(error, &["error-description", "error_description", "msg", "message"]);
    let said = said.or_else(|| all_text(error)).unwrap_or_default();
    Some(Refusal { code, said })
}

/// The folders and pages of a level.
pub fn level(document: &Document<'_>) -> Option<Vec<TreeNode>> {
    // A level without its list is not empty, but something else.
    elements(document, &["level-nodes", "level_nodes"]).next()?;
    Some(elements(document, &["level-node", "level_node"]).filter_map(node).collect())
}

/// The folder or page that was made.
pub fn made(document: &Document<'_>) -> Option<TreeNode> {
    elements(document, &["node"]).find_map(node)
}

fn node(element: Node<'_, '_>) -> Option<TreeNode> {
    let access = child(element, &["user-access", "user_access"]);
    Some(TreeNode {
        id: id(element, &["tree-id", "tree_id"])?,
        name: field(element, &["display-text", "display_text"]).unwrap_or_default(),
        page: boolean(element, &["is-page", "is_page"]),
        writable: access.and_then(|access| boolean(access, &["can-write", "can_write"])),
    })
}

/// The entries of a page.
#[allow(
    clippy::unnecessary_wraps,
    reason = "a reader of answers; a page without entries has an empty answer"
)]
pub fn entries(document: &Document<'_>) -> Option<Vec<Entry>> {
    Some(elements(document, &["entry"]).filter_map(entry).collect())
}

/// The entry that was made or changed.
pub fn written(document: &Document<'_>) -> Option<Entry> {
    elements(document, &["entry"]).find_map(entry)
}

fn entry(element: Node<'_, '_>) -> Option<Entry> {
    Some(Entry {
        id: id(element, &["eid"])?,
        kind: field(element, &["part-type", "part_type"]).unwrap_or_default().trim().to_lowercase(),
        caption: field(element, &["caption"]),
        file_name: field(element, &["attach-file-name", "attach_file_name"]),
        size: field(element, &["attach-file-size", "attach_file_size"])
            .and_then(|size| size.trim().parse().ok()),
        data: field(element, &["entry-data", "entry_data"]),
        url: field(element, &["entry-url", "entry_url"]),
    })
}

/// Who it is, and the notebooks they may see.
pub fn user(document: &Document<'_>) -> Option<User> {
    let root = document.root_element();
    let uid = id(root, &["id"])?;
    let notebooks = elements(document, &["notebook"])
        .filter_map(|notebook| {
            Some(Notebook {
                id: id(notebook, &["id", "nbid"])?,
                name: field(notebook, &["name"]).unwrap_or_default(),
                default: boolean(notebook, &["is-default", "is_default"]).unwrap_or_default(),
            })
        })
        .collect();
    Some(User { uid, name: field(root, &["fullname"]), email: field(root, &["email"]), notebooks })
}

/// The largest file that may be attached, in bytes.
pub fn largest(document: &Document<'_>) -> Option<u64> {
    elements(document, &["max-file-size", "max_file_size"])
        .find_map(|element| all_text(element)?.trim().parse().ok())
}

/// The server's time in milliseconds since 1970: the element of that name, else the first number that is long enough.
pub fn epoch(body: &str) -> Option<i64> {
    let named = xml::parse(body).ok().and_then(|document| {
        elements(&document, &["epoch-time", "epoch_time"])
            .find_map(|element| all_text(element)?.trim().parse().ok())
    });
    named
        .or_else(|| body.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() >= 10)?.parse().ok())
}

/// All elements of a name that are not part of the echo, in document order.
fn elements<'d, 'i>(
    document: &'d Document<'i>,
    names: &'static [&'static str],
) -> impl Iterator<Item = Node<'d, 'i>> {
    let mut next = Some(document.root_element()).filter(|root| root.tag_name().name() != ECHO);
    std::iter::from_fn(move || {
        let here = next?;
        next = after(here);
        Some(here)
    })
    .filter(move |node| names.contains(&node.tag_name().name()))
}

/// The element after this one, in document order and past the echo.
fn after<'d, 'i>(element: Node<'d, 'i>) -> Option<Node<'d, 'i>> {
    let wanted = |node: &Node<'_, '_>| node.is_element() && node.tag_name().name() != ECHO;
    if let Some(inside) = element.children().find(wanted) {
        return Some(inside);
    }
    let mut here = element;
    loop {
        if let Some(beside) = here.next_siblings().skip(1).find(wanted) {
            return Some(beside);
        }
        here = here.parent()?;
    }
}

fn child<'d, 'i>(element: Node<'d, 'i>, names: &[&str]) -> Option<Node<'d, 'i>> {
    element.children().find(|child| child.is_element() && names.contains(&child.tag_name().name()))
}

/// The text of a child element; `None` if there is no such element, or it is empty.
fn field(element: Node<'_, '_>, names: &[&str]) -> Option<String> {
    all_text(child(element, names)?)
}

fn all_text(element: Node<'_, '_>) -> Option<String> {
    let text: String = element.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect();
    Some(text).filter(|text| !text.is_empty())
}

/// An id. They are opaque, and never blank.
fn id(element: Node<'_, '_>, names: &[&str]) -> Option<String> {
    Some(field(element, names)?.trim().to_owned()).filter(|id| !id.is_empty())
}

fn boolean(element: Node<'_, '_>, names: &[&str]) -> Option<bool> {
    match field(element, names)?.trim() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

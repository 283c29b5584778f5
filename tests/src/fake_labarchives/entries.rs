//! What stands on the pages.

use chrono::{DateTime, SecondsFormat, Utc};

use super::call::Call;
use super::html;
use super::reply::{Element, Refusal};
use crate::http::Response;

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub eid: String,
    /// Notebook and page; `None` in the Inbox.
    pub place: Option<(String, String)>,
    /// Whose it is.
    pub uid: String,
    /// `text entry`, `Attachment`, …
    pub part_type: String,
    /// The text: HTML without what the editor strips.
    pub data: String,
    /// What stands below an attachment.
    pub caption: String,
    /// Name of an attachment's file.
    pub file_name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// From 1.
    pub version: u32,
    /// When it was made (UTC).
    pub created: DateTime<Utc>,
    /// When it was changed (UTC).
    pub updated: DateTime<Utc>,
    author: String,
}

impl Entry {
    /// Whether it is a file.
    pub fn is_attachment(&self) -> bool {
        self.part_type == "Attachment"
    }

    fn shown(&self, with_data: Option<&str>) -> Element {
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut fields = vec![
            Element::text("eid", &self.eid),
            Element::text("part-type", &self.part_type),
            Element::typed("version", "integer", &self.version),
            Element::typed("created-at", "datetime", &time(self.created)),
            Element::typed("updated-at", "datetime", &time(self.updated)),
            Element::text("last-modified-by", &self.author),
            Element::text("caption", &self.caption),
        ];
        if self.is_attachment() {
            fields.push(Element::text("attach-file-name", &self.file_name));
            fields.push(Element::typed("attach-file-size", "integer", &self.bytes.len()));
            fields.push(Element::text("attach-content-type", "application/xml"));
        }
        match with_data {
            Some(name) if self.is_attachment() => fields.push(Element::text(name, &self.caption)),
            Some(name) => fields.push(Element::text(name, &self.data)),
            None => {}
        }
        Element::of("entry", fields)
    }

    /// As the answer to what made or changed it.
    fn told(&self) -> Element {
        let mut element = self.shown(None);
        element.push(Element::text(
            "entry-url",
            format!("https://mynotebook.labarchives.com/share/{}", self.version),
        ));
        element
    }
}

/// Who writes, where, and when.
pub(super) struct Author<'a> {
    pub(super) uid: &'a str,
    pub(super) name: &'a str,
    pub(super) now: DateTime<Utc>,
}

/// All entries, in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) entries: Vec<Entry>,
    made: usize,
}

impl Entries {
    pub(super) fn put(
        &mut self,
        author: &Author<'_>,
        place: Option<(String, String)>,
        part: &str,
    ) -> &mut Entry {
        self.made += 1;
        let entry = Entry {
            eid: format!("MjI{}+/|x=&y==", self.made),
            place,
            uid: author.uid.to_owned(),
            part_type: part.to_owned(),
            data: String::new(),
            caption: String::new(),
            file_name: String::new(),
            bytes: Vec::new(),
            version: 1,
            created: author.now,
            updated: author.now,
            author: author.name.to_owned(),
        };
        self.entries.push(entry);
        self.entries.last_mut().expect("the one just made")
    }

    pub(super) fn add(
        &mut self,
        author: &Author<'_>,
        place: Option<(String, String)>,
        call: &Call,
    ) -> Result<Vec<Element>, Refusal> {
        let (part, data) = (call.required("part_type")?, call.required("entry_data")?);
        let part = part.to_ascii_lowercase();
        if !["text entry", "plain text entry", "heading"].contains(&part.as_str()) {
            return Err(Refusal::INVALID);
        }
        let entry = self.put(author, place, &part);
        entry.data = html::kept(data);
        call.given("caption").unwrap_or_default().clone_into(&mut entry.caption);
        Ok(vec![entry.told()])
    }

    pub(super) fn attach(
        &mut self,
        author: &Author<'_>,
        place: Option<(String, String)>,
        call: &Call,
    ) -> Result<Vec<Element>, Refusal> {
        let name = call.required("filename")?.to_owned();
        let entry = self.put(author, place, "Attachment");
        entry.file_name = name;
        call.given("caption").unwrap_or_default().clone_into(&mut entry.caption);
        entry.bytes.clone_from(&call.body);
        Ok(vec![entry.told()])
    }

    pub(super) fn find(&self, call: &Call) -> Result<&Entry, Refusal> {
        let eid = call.required("eid")?;
        self.entries.iter().find(|entry| entry.eid == eid).ok_or(Refusal::NOT_THERE)
    }

    pub(super) fn change(
        &mut self,
        author: &Author<'_>,
        call: &Call,
        attachment: bool,
    ) -> Result<Vec<Element>, Refusal> {
        let eid = self.find(call)?.eid.clone();
        let data = if attachment { call.required("filename")? } else { call.required("entry_data")? };
        let entry = self.entries.iter_mut().find(|entry| entry.eid == eid).ok_or(Refusal::NOT_THERE)?;
        if entry.is_attachment() != attachment {
            return Err(Refusal::INVALID);
        }
        if attachment {
            data.clone_into(&mut entry.file_name);
            entry.bytes.clone_from(&call.body);
            if let Some(caption) = call.given("caption") {
                caption.clone_into(&mut entry.caption);
            }
        } else {
            entry.data = html::kept(data);
        }
        entry.version += 1;
        entry.updated = author.now;
        Ok(vec![entry.told()])
    }

    /// The entries of a page in their order.
    pub(super) fn of_page(&self, nbid: &str, tree_id: &str) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(move |entry| entry.place.as_ref().is_some_and(|(nb, page)| nb == nbid && page == tree_id))
    }

    pub(super) fn listed(&self, nbid: &str, tree_id: &str, with_data: Option<&str>) -> Vec<Element> {
        self.of_page(nbid, tree_id).map(|entry| entry.shown(with_data)).collect()
    }

    /// The bytes of an attachment, under a name that the server has decorated.
    pub(super) fn file(entry: &Entry) -> Response {
        let name = format!("attachment; filename=\"{}_v{}_{}\"", entry.eid, entry.version, entry.file_name);
        // A header is ASCII.
        let name = name.chars().map(|letter| if letter.is_ascii_graphic() { letter } else { '_' }).collect();
        Response::new(200, "application/octet-stream", entry.bytes.clone())
            .with_header("Content-Disposition", name)
    }
}

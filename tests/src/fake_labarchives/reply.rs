//! Replies of a fake LabArchives: XML whose elements come in another order each time, and errors in every form.

use crate::http::Response;

/// What an answer says that it is.
const XML: &str = "application/xml; charset=utf-8";

/// An element of a reply.
#[derive(Debug, Clone)]
pub(super) struct Element {
    name: String,
    kind: Option<&'static str>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// An element with text.
    pub(super) fn text(name: &str, text: impl Into<String>) -> Self {
        Self { name: name.to_owned(), kind: None, text: text.into(), children: Vec::new() }
    }

    /// The same with a `type`.
    pub(super) fn typed(name: &str, kind: &'static str, text: &impl ToString) -> Self {
        Self { kind: Some(kind), ..Self::text(name, text.to_string()) }
    }

    /// An element with others in it, in any order.
    pub(super) fn of(name: &str, children: Vec<Self>) -> Self {
        Self { children, ..Self::text(name, "") }
    }

    /// A list, whose order means something.
    pub(super) fn list(name: &str, children: Vec<Self>) -> Self {
        Self { kind: Some("array"), ..Self::of(name, children) }
    }

    pub(super) fn push(&mut self, child: Self) {
        self.children.push(child);
    }

    fn write(&self, shuffle: &mut Shuffle, out: &mut String) {
        out.push('<');
        out.push_str(&self.name);
        if let Some(kind) = self.kind {
            out.push_str(" type=\"");
            out.push_str(kind);
            out.push('"');
        }
        if self.text.is_empty() && self.children.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        // Marked-up text comes either way.
        if self.text.contains('<') && !self.text.contains("]]>") && shuffle.next(2) == 0 {
            out.push_str("<![CDATA[");
            out.push_str(&self.text);
            out.push_str("]]>");
        } else {
            escape(&self.text, out);
        }
        let mut children: Vec<&Self> = self.children.iter().collect();
        if self.kind != Some("array") {
            // The echo of the request stays in front: who takes the first id it sees takes the wrong one.
            let first = usize::from(children.first().is_some_and(|child| child.name == "request"));
            shuffle.shuffle(children.get_mut(first..).unwrap_or_default());
        }
        for child in children {
            child.write(shuffle, out);
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
    }
}

fn escape(text: &str, out: &mut String) {
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\r' => out.push_str("&#13;"),
            letter => out.push(letter),
        }
    }
}

/// A new order at every reply, the same in every run of a test.
#[derive(Debug, Default)]
pub(super) struct Shuffle(u64);

impl Shuffle {
    /// A number below `end`.
    pub(super) fn next(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % end.max(1)
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.next(last + 1));
        }
    }
}

/// A successful reply.
pub(super) fn reply(root: &Element, shuffle: &mut Shuffle) -> Response {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    root.write(shuffle, &mut text);
    Response::new(200, XML, text.into_bytes())
}

/// The forms in which errors are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `<error><error-code>…` is the document.
    Bare,
    /// The same inside of `<response>`.
    Wrapped,
    /// Inside of `<response>`, with `<code>` and `<msg>`.
    Short,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Bare, Self::Wrapped, Self::Short];
}

/// An error in a form, with any status.
pub fn error(form: Form, status: u16, code: u16, words: &str) -> Response {
    let mut said = String::new();
    escape(words, &mut said);
    let text = match form {
        Form::Bare => format!(
            "<error><error-code type=\"integer\">{code}</error-code><error-description>{said}</error-description></error>"
        ),
        Form::Wrapped => format!(
            "<response><error><error-code>{code}</error-code><error-description>{said}</error-description></error>\
             </response>"
        ),
        Form::Short => format!("<response><error><code>{code}</code><msg>{said}</msg></error></response>"),
    };
    Response::new(status, XML, text.into_bytes())
}

/// A refusal, before it has a form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: u16,
    pub(super) words: &'static str,
}

impl Refusal {
    pub(super) const MISSING: Self = Self::new(400, 4500, "A required parameter is missing");
    pub(super) const EXPIRED: Self = Self::new(401, 4504, "The expires parameter is too old");
    pub(super) const UNKNOWN_KEY: Self = Self::new(401, 4506, "The supplied akid parameter is not valid");
    pub(super) const BAD_SIGN_IN: Self =
        Self::new(404, 4514, "The supplied login or password parameters are incorrect");
    pub(super) const BAD_SIGNATURE: Self =
        Self::new(401, 4520, "The supplied signature parameter was invalid");
    pub(super) const INVALID: Self = Self::new(400, 4529, "A parameter has an invalid value");
    pub(super) const NOT_THERE: Self = Self::new(404, 4529, "There is no such thing");
    pub(super) const TIMED_OUT: Self =
        Self::new(401, 4533, "The session has timed out or the user is no longer authorised");

    pub(super) const fn new(status: u16, code: u16, words: &'static str) -> Self {
        Self { status, code, words }
    }
}

//! Finds what is wrong with a record, element by element, and says it in plain words.
//!
//! Of an element whose children are wrong in kind or order one such fault is told: the others follow from it.

use uppsala::{Document, Element, NodeId, NodeKind, XSI_NAMESPACE};

use super::grammar::{Child, Content, Grammar, Type};
use super::value::{Value, is_blank};
use super::{Invalid, Problem};
use crate::xml::NAMESPACE;

/// The first `limit` problems of a record, by position.
pub(super) fn problems(grammar: &Grammar, document: &Document<'_>, limit: usize) -> Invalid {
    let mut check = Check { grammar, document, limit, found: Vec::new(), more: false };
    check.document();
    let mut found = check.found;
    found.sort_by_key(|(at, _)| at.index());
    let problems = found
        .into_iter()
        .map(|(at, message)| Problem {
            path: path(document, at),
            line: document.node_line(at),
            column: document.node_column(at),
            message,
        })
        .collect();
    Invalid { problems, more: check.more }
}

struct Check<'d, 'a> {
    grammar: &'d Grammar,
    document: &'d Document<'a>,
    limit: usize,
    found: Vec<(NodeId, String)>,
    more: bool,
}

impl<'d, 'a> Check<'d, 'a> {
    fn report(&mut self, at: NodeId, message: String) {
        if self.full() {
            self.more = true;
        } else {
            self.found.push((at, message));
        }
    }

    fn full(&self) -> bool {
        self.found.len() >= self.limit
    }

    fn document(&mut self) {
        let Some((root, element)) =
            self.document.document_element().and_then(|id| Some((id, self.document.element(id)?)))
        else {
            return;
        };
        if let Some(declared) = self.grammar.roots().iter().find(|declared| is(element, &declared.name)) {
            self.element(root, element, &declared.type_name);
        } else {
            let expected: Vec<_> = self.grammar.roots().iter().map(|d| format!("`{}`", d.name)).collect();
            self.report(
                root,
                format!("a record begins with {}{}", expected.join(" or "), namespace(element)),
            );
        }
    }

    fn element(&mut self, id: NodeId, element: &'d Element<'a>, declared: &'d str) {
        if self.full() {
            self.more = true;
            return;
        }
        let Some(actual) = self.actual_type(id, element, declared) else { return };
        let Some(rules) = self.grammar.get(actual) else { return };
        if matches!(rules.content, Content::Anything) {
            return;
        }
        self.attributes(id, element, rules);
        match &rules.content {
            Content::Sequence(allowed) => self.sequence(id, allowed),
            Content::All(allowed) => self.all(id, allowed),
            Content::Text(value) => self.text(id, value),
            Content::Anything => {}
        }
    }

    /// The type that counts: the declared one, or one made from it that `xsi:type` names.
    fn actual_type(&mut self, id: NodeId, element: &'d Element<'a>, declared: &'d str) -> Option<&'d str> {
        if element.get_attribute_ns(XSI_NAMESPACE, "nil").is_some() {
            self.report(id, "no element of a record may have `xsi:nil`".to_owned());
            return None;
        }
        let Some(named) = element.get_attribute_ns(XSI_NAMESPACE, "type") else { return Some(declared) };
        if declared == "xs:anyType" {
            return Some(declared);
        }
        let (prefix, local) = named.split_once(':').unwrap_or(("", named));
        let known = match self.namespace_of(id, prefix) {
            Some(NAMESPACE) => self.grammar.types().find(|name| *name == local),
            Some(uppsala::XS_NAMESPACE) => {
                self.grammar.types().find(|name| name.strip_prefix("xs:") == Some(local))
            }
            _ => None,
        };
        match known {
            Some(name) if self.grammar.derives(name, declared) => Some(name),
            Some(name) => {
                self.report(id, format!("type `{name}` may not stand for type `{declared}`"));
                None
            }
            None => {
                self.report(id, format!("{} is not the name of a type", quoted(named)));
                None
            }
        }
    }

    fn namespace_of(&self, id: NodeId, prefix: &str) -> Option<&'d str> {
        let mut node = Some(id);
        while let Some(id) = node {
            if let Some(element) = self.document.element(id)
                && let Some((_, uri)) = element.namespace_declarations.iter().find(|(p, _)| p == prefix)
            {
                return Some(&**uri);
            }
            node = self.document.parent(id);
        }
        None
    }

    fn attributes(&mut self, id: NodeId, element: &'d Element<'a>, rules: &'d Type) {
        for attribute in &element.attributes {
            let name = &*attribute.name.local_name;
            match attribute.name.namespace_uri.as_deref() {
                Some(XSI_NAMESPACE)
                    if matches!(name, "type" | "schemaLocation" | "noNamespaceSchemaLocation") =>
                {
                    continue;
                }
                None => {
                    // Declarations of namespaces are no attributes.
                    if name == "xmlns" || attribute.name.prefix.as_deref() == Some("xmlns") {
                        continue;
                    }
                    if let Some(rule) = rules.attributes.iter().find(|rule| rule.name == name) {
                        if !rule.value.accepts(&attribute.value) {
                            self.report(
                                id,
                                format!(
                                    "attribute `{name}`: {} is not {}",
                                    quoted(&attribute.value),
                                    rule.value
                                ),
                            );
                        }
                        continue;
                    }
                }
                Some("http://www.w3.org/2000/xmlns/") => continue,
                Some(_) => {}
            }
            let known: Vec<_> = rules.attributes.iter().map(|rule| rule.name.as_str()).collect();
            let hint = if known.is_empty() {
                "it has none".to_owned()
            } else {
                format!("known here: {}", known.join(", "))
            };
            self.report(
                id,
                format!("attribute {} is not known; {hint}", quoted(&attribute.name.prefixed_name())),
            );
        }
    }

    fn sequence(&mut self, id: NodeId, allowed: &'d [Child]) {
        let mut told = self.stray_text(id, allowed.is_empty());
        let mut at = 0;
        let mut seen = 0_usize;
        for child in self.document.children_iter(id) {
            let Some(element) = self.document.element(child) else { continue };
            if self.full() {
                self.more = true;
                return;
            }
            let position = allowed.iter().position(|rule| is(element, &rule.name));
            let Some((position, rule)) = position.and_then(|p| Some((p, allowed.get(p)?))) else {
                if !told {
                    self.report(child, unknown(element, allowed));
                    told = true;
                }
                continue;
            };
            if position == at && (seen == 0 || rule.many) {
                seen += 1;
            } else if position > at || (position == at && seen == 0) {
                let skipped = allowed.iter().enumerate().take(position).skip(at);
                let missing = skipped.filter(|(place, rule)| rule.required && (*place > at || seen == 0));
                if let Some((_, missing)) = missing.into_iter().next()
                    && !told
                {
                    self.report(child, format!("`{}` is missing before it", missing.name));
                    told = true;
                }
                at = position;
                seen = 1;
            } else if !told {
                let message = if position == at {
                    "may stand here only once".to_owned()
                } else {
                    let later = allowed.get(at).map_or("", |rule| rule.name.as_str());
                    format!("must stand before `{later}`")
                };
                self.report(child, message);
                told = true;
            }
            self.element(child, element, &rule.type_name);
        }
        let missing = allowed
            .iter()
            .enumerate()
            .skip(at)
            .find(|(place, rule)| rule.required && (*place > at || seen == 0));
        if let Some((_, missing)) = missing
            && !told
        {
            self.report(id, format!("`{}` is missing", missing.name));
        }
    }

    fn all(&mut self, id: NodeId, allowed: &'d [Child]) {
        let mut told = self.stray_text(id, false);
        let mut seen = vec![false; allowed.len()];
        for child in self.document.children_iter(id) {
            let Some(element) = self.document.element(child) else { continue };
            if self.full() {
                self.more = true;
                return;
            }
            let rule = allowed.iter().zip(seen.iter_mut()).find(|(rule, _)| is(element, &rule.name));
            match rule {
                Some((rule, seen)) => {
                    if std::mem::replace(seen, true) && !told {
                        self.report(child, "may stand here only once".to_owned());
                        told = true;
                    }
                    self.element(child, element, &rule.type_name);
                }
                None if !told => {
                    self.report(child, unknown(element, allowed));
                    told = true;
                }
                None => {}
            }
        }
        if let Some(rule) = allowed.iter().zip(&seen).find(|(rule, seen)| rule.required && !**seen)
            && !told
        {
            self.report(id, format!("`{}` is missing", rule.0.name));
        }
    }

    /// Text where only elements may stand; `empty`: where not even blanks may.
    fn stray_text(&mut self, id: NodeId, empty: bool) -> bool {
        for child in self.document.children_iter(id) {
            let Some(text) = self.document.text_content(child) else { continue };
            if let Some(stray) = text.split(is_blank).find(|part| !part.is_empty()) {
                self.report(id, format!("the text {} may not stand here, only elements", quoted(stray)));
                return true;
            }
            if empty && !text.is_empty() {
                self.report(id, "must be empty, without even a line break".to_owned());
                return true;
            }
        }
        false
    }

    fn text(&mut self, id: NodeId, value: &Value) {
        let mut text = String::new();
        for child in self.document.children_iter(id) {
            match self.document.node_kind(child) {
                Some(NodeKind::Element(inner)) => {
                    let name = quoted(&inner.name.local_name);
                    self.report(child, format!("element {name} may not stand here, only text"));
                    return;
                }
                Some(NodeKind::Text(part) | NodeKind::CData(part)) if *value != Value::Text => {
                    text.push_str(part);
                }
                _ => {}
            }
        }
        if !value.accepts(&text) {
            self.report(id, format!("{} is not {value}", quoted(&text)));
        }
    }
}

fn unknown(element: &Element<'_>, allowed: &[Child]) -> String {
    if allowed.iter().any(|rule| rule.name == *element.name.local_name) {
        return format!("is of another format{}", namespace(element));
    }
    if allowed.is_empty() {
        return "may not stand here: its parent is empty".to_owned();
    }
    if allowed.len() > 20 {
        return "is not known here".to_owned();
    }
    let known: Vec<_> = allowed.iter().map(|rule| rule.name.as_str()).collect();
    format!("is not known here; known are, in this order: {}", known.join(", "))
}

fn is(element: &Element<'_>, name: &str) -> bool {
    element.matches_name_ns(NAMESPACE, name)
}

fn namespace(element: &Element<'_>) -> String {
    match element.name.namespace_uri.as_deref() {
        Some(NAMESPACE) => String::new(),
        Some(other) => format!("; its namespace is {}, not `{NAMESPACE}`", quoted(other)),
        None => format!("; it has no namespace, and should have `{NAMESPACE}`"),
    }
}

/// Where an element stands, with a number wherever its parent has several of its name.
fn path(document: &Document<'_>, id: NodeId) -> String {
    let mut steps = Vec::new();
    let mut node = Some(id);
    while let Some(id) = node {
        let parent = document.parent(id);
        if let Some(element) = document.element(id) {
            let same = |other: &NodeId| document.element(*other).is_some_and(|e| e.name == element.name);
            let mut number = 0;
            let mut count = 0;
            for sibling in parent.into_iter().flat_map(|parent| document.children_iter(parent)).filter(same) {
                count += 1;
                if sibling == id {
                    number = count;
                }
            }
            let name = shown(&element.name.local_name);
            steps.push(if count > 1 { format!("/{name}[{number}]") } else { format!("/{name}") });
        }
        node = parent;
    }
    steps.into_iter().rev().collect()
}

/// Text of unknown origin, short and on one line.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut out = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST {
            out.push('…');
            break;
        }
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

/// The same, as a quotation.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", shown(text))
}

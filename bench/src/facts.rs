//! What a record says, as a list of places and values in document order.
//!
//! A record is taken apart without knowing its format, so that nothing in it can be overlooked. A place reads
//! `acquisitionActivity[1]/dataset[3]/meta "Data Type"`; siblings of one name are numbered from 0, those with
//! a `name` (`param` and `meta`) are called by it.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use roxmltree::{Document, Node};

/// One value of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Where it stands.
    pub place: String,
    /// Its text.
    pub value: String,
}

/// Number of elements of one kind in their parent; the place ends like this.
pub const COUNT: &str = " (count)";
/// Names of the `param` or `meta` elements in their order; the place ends like this.
pub const ORDER: &str = " (order)";

/// Elements that are numbered, and counted where they begin.
const NUMBERED: [&str; 5] = ["acquisitionActivity", "dataset", "sample", "project", "preview"];
/// Elements that are called by their attribute `name`.
const NAMED: [&str; 2] = ["param", "meta"];

/// Takes a record apart.
pub fn facts(record: &str) -> Result<Vec<Fact>> {
    let document = Document::parse(record).context("the record is not well-formed XML")?;
    let mut reader = Reader::default();
    reader.element(&document.root_element(), "");
    Ok(reader.facts)
}

#[derive(Default)]
struct Reader {
    facts: Vec<Fact>,
    /// Identifiers of samples are random: they are told as the first, the second, … that is mentioned.
    samples: Vec<String>,
}

impl Reader {
    fn add(&mut self, place: String, value: impl Into<String>) {
        self.facts.push(Fact { place, value: value.into() });
    }

    fn element(&mut self, node: &Node<'_, '_>, place: &str) {
        for attribute in node.attributes() {
            // The name of a parameter is in its place.
            if attribute.name() == "name" && NAMED.contains(&node.tag_name().name()) {
                continue;
            }
            let value = match (node.tag_name().name(), attribute.name()) {
                ("sample", "id") => self.sample(attribute.value()),
                _ => attribute.value().to_owned(),
            };
            self.add(format!("{place}@{}", attribute.name()), value);
        }
        if node.children().any(|child| child.is_element()) {
            self.children(node, place);
            return;
        }
        let text: String = node.children().filter_map(|child| child.text()).collect();
        let text = if node.tag_name().name() == "sampleID" { self.sample(&text) } else { text };
        self.add(place.to_owned(), text);
    }

    fn children(&mut self, node: &Node<'_, '_>, place: &str) {
        let children: Vec<_> = node.children().filter(Node::is_element).collect();
        let inside = |step: &str| if place.is_empty() { step.to_owned() } else { format!("{place}/{step}") };
        for kind in NUMBERED {
            let count = children.iter().filter(|child| child.tag_name().name() == kind).count();
            if count > 0 {
                self.add(inside(&format!("{kind}{COUNT}")), count.to_string());
            }
        }
        for kind in NAMED {
            let own = children.iter().filter(|child| child.tag_name().name() == kind);
            let names: Vec<_> = own.map(|child| child.attribute("name").unwrap_or_default()).collect();
            if !names.is_empty() {
                self.add(inside(&format!("{kind}{ORDER}")), names.join(" | "));
            }
        }
        let mut seen: HashMap<String, usize> = HashMap::new();
        for child in children {
            let tag = child.tag_name().name();
            let step = match child.attribute("name") {
                Some(name) if NAMED.contains(&tag) => format!("{tag} \"{name}\""),
                _ => tag.to_owned(),
            };
            let number = seen.entry(step.clone()).or_default();
            let step =
                if NUMBERED.contains(&tag) || *number > 0 { format!("{step}[{number}]") } else { step };
            *number += 1;
            self.element(&child, &inside(&step));
        }
    }

    fn sample(&mut self, id: &str) -> String {
        let at = self.samples.iter().position(|known| known == id).unwrap_or_else(|| {
            self.samples.push(id.to_owned());
            self.samples.len() - 1
        });
        format!("sample {at}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(record: &str) -> Vec<(String, String)> {
        facts(record).unwrap().into_iter().map(|fact| (fact.place, fact.value)).collect()
    }

    #[test]
    fn every_text_and_attribute_has_a_place() {
        let record = r#"<E><title>T</title><summary ref="r"/><sample id="u1"/><sample id="u2"><name>x</name></sample>
            <acquisitionActivity seqno="0"><sampleID>u1</sampleID>
              <setup><param name="B" unit="kV">1.0</param><param name="A">2</param></setup>
              <dataset type="Image"><name>a</name></dataset></acquisitionActivity></E>"#;
        let expected = [
            ("acquisitionActivity (count)", "1"),
            ("sample (count)", "2"),
            ("title", "T"),
            ("summary@ref", "r"),
            ("summary", ""),
            ("sample[0]@id", "sample 0"),
            ("sample[0]", ""),
            ("sample[1]@id", "sample 1"),
            ("sample[1]/name", "x"),
            ("acquisitionActivity[0]@seqno", "0"),
            ("acquisitionActivity[0]/dataset (count)", "1"),
            ("acquisitionActivity[0]/sampleID", "sample 0"),
            ("acquisitionActivity[0]/setup/param (order)", "B | A"),
            ("acquisitionActivity[0]/setup/param \"B\"@unit", "kV"),
            ("acquisitionActivity[0]/setup/param \"B\"", "1.0"),
            ("acquisitionActivity[0]/setup/param \"A\"", "2"),
            ("acquisitionActivity[0]/dataset[0]@type", "Image"),
            ("acquisitionActivity[0]/dataset[0]/name", "a"),
        ];
        assert_eq!(said(record), expected.map(|(place, value)| (place.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_key_that_stands_twice_is_told_twice() {
        let places: Vec<_> = said(r#"<E><meta name="A">1</meta><meta name="A">2</meta></E>"#);
        assert_eq!(places[2], ("meta \"A\"[1]".to_owned(), "2".to_owned()));
    }

    #[test]
    fn what_is_no_xml_is_an_error() {
        assert!(facts("<E><a></E>").is_err());
    }
}

//! A record as XML, in the element order and the bytes of the Nexus Experiment format.
//!
//! The writer can only produce the schema's order, because it walks the [`Experiment`] model. Characters
//! that XML 1.0 cannot carry are replaced by U+FFFD, so that nothing vanishes unseen. Whatever the model holds,
//! what is written is valid by the schema: a link is escaped until it is one, a dataset type that does not
//! exist is `Unknown`, and a time or a chemical element that is none is left out.

use std::borrow::Cow;

use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};

use crate::record::{
    self, Activity, DATASET_TYPES, Dataset, ELEMENTS, Experiment, Parameter, Project, Sample, Summary,
};
use crate::timestamp::Timestamp;
use crate::validate::value::{is_date_time, is_link};

/// Target namespace of the record format.
pub const NAMESPACE: &str = "https://data.nist.gov/od/dm/nexus/experiment/v1.0";

/// The record as a whole file, with declaration and final line feed.
pub fn write(experiment: &Experiment) -> Vec<u8> {
    let mut out = Out::new();
    out.document(experiment);
    out.finish()
}

/// Whether XML 1.0 can carry this character.
fn allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().all(allowed) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().map(|c| if allowed(c) { c } else { '\u{FFFD}' }).collect())
    }
}

/// Text between tags: only what must be escaped is; a carriage return would be read back as a line feed.
fn escape_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            other => out.push(other),
        }
    }
    out
}

/// An attribute's value: white space is spelt out, since a reader would turn it into blanks.
fn escape_attribute(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            other => out.push(other),
        }
    }
    out
}

/// A scheduler may give anything for a link. What is none is escaped no more than it needs.
fn link(text: &str) -> Cow<'_, str> {
    let good = |text: &str| is_link(text.trim_matches([' ', '\t', '\n', '\r']));
    if good(text) {
        return Cow::Borrowed(text);
    }
    let hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let bytes = text.as_bytes();
    let mut escaped = String::with_capacity(text.len() + 8);
    for (at, c) in text.char_indices() {
        match c {
            '%' if !(hex(bytes.get(at + 1)) && hex(bytes.get(at + 2))) => escaped.push_str("%25"),
            '[' => escaped.push_str("%5B"),
            ']' => escaped.push_str("%5D"),
            other => escaped.push(other),
        }
    }
    Cow::Owned(if good(&escaped) { escaped } else { record::percent_encode(bytes) })
}

/// A time as the schema wants it. Offsets of old had seconds, which it has no place for: those are told in UTC.
fn time(text: &str) -> Option<Cow<'_, str>> {
    if is_date_time(text) {
        return Some(Cow::Borrowed(text));
    }
    let time = text.parse::<Timestamp>().ok()?.fixed()?;
    let text = Timestamp::from_fixed(time.to_utc().fixed_offset()).to_string();
    is_date_time(&text).then_some(Cow::Owned(text))
}

type Attributes<'a> = &'a [(&'a str, &'a str)];

struct Out {
    writer: Writer<Vec<u8>>,
}

impl Out {
    fn new() -> Self {
        let mut start = Vec::with_capacity(16 * 1024);
        start.extend_from_slice(b"<?xml version='1.0' encoding='UTF-8'?>\n");
        Self { writer: Writer::new_with_indent(start, b' ', 2) }
    }

    fn finish(self) -> Vec<u8> {
        let mut bytes = self.writer.into_inner();
        bytes.push(b'\n');
        bytes
    }

    /// Writing into memory cannot fail; the signature of the library says it might.
    fn event(&mut self, event: Event<'_>) {
        let written = self.writer.write_event(event);
        debug_assert!(written.is_ok(), "writing into memory");
    }

    fn tag<'a>(name: &'a str, attributes: Attributes<'_>) -> BytesStart<'a> {
        let mut content = String::from(name);
        for (key, value) in attributes {
            content.push(' ');
            content.push_str(key);
            content.push_str("=\"");
            content.push_str(&escape_attribute(value));
            content.push('"');
        }
        BytesStart::from_content(content, name.len())
    }

    fn open(&mut self, name: &str, attributes: Attributes<'_>) {
        self.event(Event::Start(Self::tag(name, attributes)));
    }

    fn close(&mut self, name: &str) {
        self.event(Event::End(BytesEnd::new(name)));
    }

    fn empty(&mut self, name: &str, attributes: Attributes<'_>) {
        self.event(Event::Empty(Self::tag(name, attributes)));
    }

    fn text(&mut self, name: &str, attributes: Attributes<'_>, text: &str) {
        self.open(name, attributes);
        self.event(Event::Text(BytesText::from_escaped(escape_text(text))));
        self.close(name);
    }

    fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, &[], text);
        }
    }

    fn time(&mut self, name: &str, text: Option<&str>) {
        self.optional(name, text.and_then(time).as_deref());
    }

    fn document(&mut self, experiment: &Experiment) {
        self.open(
            "Experiment",
            &[
                ("xmlns", NAMESPACE),
                ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
                ("xmlns:nx", NAMESPACE),
            ],
        );
        self.optional("title", Some(&experiment.title));
        self.optional("id", experiment.id.as_deref());
        self.summary(&experiment.summary);
        for sample in &experiment.samples {
            self.sample(sample);
        }
        for project in &experiment.projects {
            self.project(project);
        }
        for (seqno, activity) in experiment.activities.iter().enumerate() {
            self.activity(seqno, activity, &experiment.sample_id);
        }
        self.close("Experiment");
    }

    fn summary(&mut self, summary: &Summary) {
        let reference = summary.reference.as_deref().map(link);
        let attributes: Vec<(&str, &str)> = reference.iter().map(|link| ("ref", &**link)).collect();
        self.open("summary", &attributes);
        self.optional("experimenter", summary.experimenter.as_deref());
        self.text("instrument", &[("pid", &summary.instrument_pid)], &summary.instrument_name);
        self.time("reservationStart", summary.reservation_start.as_deref());
        self.time("reservationEnd", summary.reservation_end.as_deref());
        self.optional("motivation", summary.motivation.as_deref());
        self.close("summary");
    }

    fn sample(&mut self, sample: &Sample) {
        let mut attributes = Vec::new();
        if let Some(reference) = &sample.reference {
            attributes.push(("ref", reference.as_str()));
        }
        attributes.push(("id", sample.id.as_str()));
        let mut elements: Vec<&str> = Vec::new();
        for symbol in &sample.elements {
            if ELEMENTS.contains(&symbol.as_str()) && !elements.contains(&symbol.as_str()) {
                elements.push(symbol);
            }
        }
        if sample.name.is_none() && sample.description.is_none() && elements.is_empty() {
            self.empty("sample", &attributes);
            return;
        }
        self.open("sample", &attributes);
        self.optional("name", sample.name.as_deref());
        self.optional("description", sample.description.as_deref());
        if !elements.is_empty() {
            self.open("elements", &[]);
            for symbol in elements {
                self.empty(symbol, &[]);
            }
            self.close("elements");
        }
        self.close("sample");
    }

    fn project(&mut self, project: &Project) {
        let reference = project.link.as_deref().map(link);
        let parts = [
            ("name", project.name.as_deref()),
            ("division", project.division.as_deref()),
            ("group", project.group.as_deref()),
            ("project_id", project.id.as_deref()),
            ("ref", reference.as_deref()),
        ];
        if parts.iter().all(|(_, value)| value.is_none()) {
            self.empty("project", &[]);
            return;
        }
        self.open("project", &[]);
        for (name, value) in parts {
            self.optional(name, value);
        }
        self.close("project");
    }

    fn activity(&mut self, seqno: usize, activity: &Activity, sample_id: &str) {
        self.open("acquisitionActivity", &[("seqno", &seqno.to_string())]);
        self.time("startTime", Some(&activity.start));
        self.text("sampleID", &[], sample_id);
        if activity.setup.is_empty() {
            self.empty("setup", &[]);
        } else {
            self.open("setup", &[]);
            for parameter in &activity.setup {
                self.parameter("param", parameter);
            }
            self.close("setup");
        }
        for dataset in &activity.datasets {
            self.dataset(dataset);
        }
        self.close("acquisitionActivity");
    }

    fn dataset(&mut self, dataset: &Dataset) {
        let kind = DATASET_TYPES.into_iter().find(|kind| *kind == dataset.dataset_type).unwrap_or("Unknown");
        self.open("dataset", &[("type", kind), ("role", "Experimental")]);
        self.text("name", &[], &dataset.name);
        self.text("location", &[], &dataset.location);
        self.optional("preview", dataset.preview.as_deref());
        for parameter in &dataset.meta {
            self.parameter("meta", parameter);
        }
        self.close("dataset");
    }

    fn parameter(&mut self, element: &str, parameter: &Parameter) {
        let mut attributes = vec![("name", parameter.name.as_str())];
        if parameter.warning {
            attributes.push(("warning", "true"));
        }
        if let Some(unit) = &parameter.unit {
            attributes.push(("unit", unit.as_str()));
        }
        self.text(element, &attributes, &parameter.value);
    }
}

#[cfg(test)]
mod tests;

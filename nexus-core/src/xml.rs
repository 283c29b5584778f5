//! A record as XML, in the element order and the bytes of the Nexus Experiment format.
//!
//! The writer can only produce the schema's order, because it walks the [`Experiment`] model. Characters
//! that XML 1.0 cannot carry are replaced by U+FFFD, so that nothing vanishes unseen.

use std::borrow::Cow;

use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};

use crate::record::{Activity, Dataset, Experiment, Parameter, Project, Sample, Summary};

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
        let reference: Vec<(&str, &str)> =
            summary.reference.as_deref().map(|link| ("ref", link)).into_iter().collect();
        self.open("summary", &reference);
        self.optional("experimenter", summary.experimenter.as_deref());
        self.text("instrument", &[("pid", &summary.instrument_pid)], &summary.instrument_name);
        self.optional("reservationStart", summary.reservation_start.as_deref());
        self.optional("reservationEnd", summary.reservation_end.as_deref());
        self.optional("motivation", summary.motivation.as_deref());
        self.close("summary");
    }

    fn sample(&mut self, sample: &Sample) {
        let mut attributes = Vec::new();
        if let Some(reference) = &sample.reference {
            attributes.push(("ref", reference.as_str()));
        }
        attributes.push(("id", sample.id.as_str()));
        if sample.name.is_none() && sample.description.is_none() && sample.elements.is_empty() {
            self.empty("sample", &attributes);
            return;
        }
        self.open("sample", &attributes);
        self.optional("name", sample.name.as_deref());
        self.optional("description", sample.description.as_deref());
        if !sample.elements.is_empty() {
            self.open("elements", &[]);
            for symbol in &sample.elements {
                self.empty(symbol, &[]);
            }
            self.close("elements");
        }
        self.close("sample");
    }

    fn project(&mut self, project: &Project) {
        let parts = [
            ("name", &project.name),
            ("division", &project.division),
            ("group", &project.group),
            ("project_id", &project.id),
            ("ref", &project.link),
        ];
        if parts.iter().all(|(_, value)| value.is_none()) {
            self.empty("project", &[]);
            return;
        }
        self.open("project", &[]);
        for (name, value) in parts {
            self.optional(name, value.as_deref());
        }
        self.close("project");
    }

    fn activity(&mut self, seqno: usize, activity: &Activity, sample_id: &str) {
        self.open("acquisitionActivity", &[("seqno", &seqno.to_string())]);
        self.text("startTime", &[], &activity.start);
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
        self.open("dataset", &[("type", &dataset.dataset_type), ("role", "Experimental")]);
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn experiment(title: &str, value: &str, name: &str) -> Experiment {
        Experiment {
            title: title.to_owned(),
            sample_id: "s-0".to_owned(),
            summary: Summary {
                instrument_pid: "SEM-1".to_owned(),
                instrument_name: "Example SEM".to_owned(),
                ..Summary::default()
            },
            projects: vec![Project::default()],
            activities: vec![Activity {
                start: "2024-03-05T09:10:00-07:00".to_owned(),
                setup: vec![],
                datasets: vec![Dataset {
                    dataset_type: "Unknown".to_owned(),
                    name: name.to_owned(),
                    location: "/a".to_owned(),
                    preview: None,
                    meta: vec![Parameter {
                        name: name.to_owned(),
                        value: value.to_owned(),
                        unit: Some("kV".to_owned()),
                        warning: true,
                    }],
                }],
            }],
            ..Experiment::default()
        }
    }

    #[test]
    fn empty_elements_close_themselves_and_empty_values_do_not() {
        let text = String::from_utf8(write(&experiment("T", "", "n"))).unwrap();
        assert!(text.starts_with("<?xml version='1.0' encoding='UTF-8'?>\n<Experiment xmlns="), "{text}");
        assert!(text.contains("\n  <project/>\n"), "{text}");
        assert!(text.contains("\n    <setup/>\n"), "{text}");
        assert!(text.contains("<meta name=\"n\" warning=\"true\" unit=\"kV\"></meta>\n"), "{text}");
        assert!(text.ends_with("</Experiment>\n"), "{text}");
    }

    #[test]
    fn what_xml_cannot_carry_is_replaced_visibly() {
        let text = String::from_utf8(write(&experiment("a\u{0}b\u{1b}c\u{FFFF}", "v", "n"))).unwrap();
        assert!(text.contains("<title>a\u{FFFD}b\u{FFFD}c\u{FFFD}</title>"), "{text}");
    }

    proptest! {
        #[test]
        fn any_text_comes_back_as_it_went_in(title in any::<String>(), value in any::<String>(), name in any::<String>()) {
            let bytes = write(&experiment(&title, &value, &name));
            let text = String::from_utf8(bytes).unwrap();
            let document = roxmltree::Document::parse(&text).unwrap();
            let find = |tag: &str| document.descendants().find(|node| node.has_tag_name((NAMESPACE, tag))).unwrap();
            prop_assert_eq!(find("title").text().unwrap_or(""), clean(&title));
            prop_assert_eq!(find("meta").text().unwrap_or(""), clean(&value));
            prop_assert_eq!(find("meta").attribute("name").unwrap_or(""), clean(&name));
        }
    }
}

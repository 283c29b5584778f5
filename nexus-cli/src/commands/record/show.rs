//! `nexus record show`: a record for people.
//!
//! Shows whatever is there, valid or not: a rejected record is looked at most of all.

use std::path::PathBuf;

use clap::Args;
use nexus_core::record::parsed;
use nexus_core::xml::NAMESPACE;
use roxmltree::Node;
use serde::Serialize;

use crate::args::Global;
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::output;

/// Arguments of `nexus record show`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nexus record show records/2024-03-05_SEM-1_501.xml          an outline to read
  nexus record show --json records/2024-03-05_SEM-1_501.xml   the same for a script")]
pub struct ShowArgs {
    /// The record to show.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, Serialize)]
struct Outline {
    title: Option<String>,
    id: Option<String>,
    link: Option<String>,
    experimenters: Vec<String>,
    instruments: Vec<String>,
    reservation_start: Option<String>,
    reservation_end: Option<String>,
    motivation: Option<String>,
    samples: Vec<String>,
    projects: Vec<String>,
    activities: Vec<Activity>,
}

#[derive(Debug, Serialize)]
struct Activity {
    seqno: Option<String>,
    start: Option<String>,
    /// Metadata that all its datasets share.
    shared: usize,
    datasets: Vec<Dataset>,
}

#[derive(Debug, Serialize)]
struct Dataset {
    kind: Option<String>,
    name: Option<String>,
    location: Option<String>,
    preview: Option<String>,
    /// Metadata of its own.
    own: usize,
}

/// Runs `nexus record show`.
pub fn run(global: &Global, args: &ShowArgs) -> Result<ExitCode, Stop> {
    let file = args.file.display();
    let text = std::fs::read_to_string(&args.file)
        .map_err(|error| anyhow::Error::new(error).context(format!("`{file}` cannot be read")))
        .or_stop(ExitCode::Failed)?;
    let document = parsed(&text)
        .map_err(|error| anyhow::Error::new(error).context(format!("`{file}` is no XML")))
        .or_stop(ExitCode::Failed)?;
    let root = document.root_element();
    if !root.has_tag_name((NAMESPACE, "Experiment")) {
        let error = anyhow::anyhow!("`{file}` is XML, but no record of this format");
        return Err(Stop::new(ExitCode::Failed, error).with_hint("`nexus record check` says what it is not"));
    }
    let outline = outline(root);
    if global.json {
        output::json(&outline)?;
    } else {
        tell(&outline);
    }
    Ok(ExitCode::Done)
}

fn children<'a, 'd>(node: Node<'a, 'd>, name: &'static str) -> impl Iterator<Item = Node<'a, 'd>> {
    node.children().filter(move |child| child.has_tag_name((NAMESPACE, name)))
}

/// Text on one line, without what could steer a terminal.
fn plain(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn text(node: Node<'_, '_>) -> String {
    plain(
        &node.descendants().filter_map(|inner| inner.text().filter(|_| inner.is_text())).collect::<String>(),
    )
}

fn first(node: Node<'_, '_>, name: &'static str) -> Option<String> {
    children(node, name).map(text).find(|text| !text.is_empty())
}

fn attribute(node: Node<'_, '_>, name: &str) -> Option<String> {
    node.attribute(name).map(plain)
}

fn outline(root: Node<'_, '_>) -> Outline {
    let summary = children(root, "summary").next();
    let told = |name| summary.and_then(|summary| first(summary, name));
    let all = |name| summary.map(|summary| children(summary, name).collect::<Vec<_>>()).unwrap_or_default();
    Outline {
        title: first(root, "title"),
        id: first(root, "id"),
        link: summary.and_then(|summary| attribute(summary, "ref")),
        experimenters: all("experimenter").into_iter().map(text).collect(),
        instruments: all("instrument")
            .into_iter()
            .map(|node| with(text(node), attribute(node, "pid")))
            .collect(),
        reservation_start: told("reservationStart"),
        reservation_end: told("reservationEnd"),
        motivation: told("motivation"),
        samples: children(root, "sample").map(sample).collect(),
        projects: children(root, "project").map(project).filter(|text| !text.is_empty()).collect(),
        activities: children(root, "acquisitionActivity").map(activity).collect(),
    }
}

fn with(text: String, more: Option<String>) -> String {
    match more.filter(|more| !more.is_empty()) {
        Some(more) if text.is_empty() => more,
        Some(more) => format!("{text} ({more})"),
        None => text,
    }
}

fn sample(node: Node<'_, '_>) -> String {
    let name = first(node, "name").or_else(|| attribute(node, "ref")).or_else(|| attribute(node, "id"));
    let elements: Vec<_> = children(node, "elements")
        .flat_map(|elements| elements.children().filter(Node::is_element))
        .map(|element| plain(element.tag_name().name()))
        .collect();
    with(name.unwrap_or_default(), Some(elements.join(", ")))
}

fn project(node: Node<'_, '_>) -> String {
    let parts = ["project_id", "division", "group"].into_iter().filter_map(|name| first(node, name));
    with(first(node, "name").unwrap_or_default(), Some(parts.collect::<Vec<_>>().join(", ")))
}

fn activity(node: Node<'_, '_>) -> Activity {
    Activity {
        seqno: attribute(node, "seqno"),
        start: first(node, "startTime"),
        shared: children(node, "setup").flat_map(|setup| children(setup, "param")).count(),
        datasets: children(node, "dataset")
            .map(|dataset| Dataset {
                kind: attribute(dataset, "type"),
                name: first(dataset, "name"),
                location: first(dataset, "location"),
                preview: first(dataset, "preview"),
                own: children(dataset, "meta").count(),
            })
            .collect(),
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn tell(outline: &Outline) {
    let say = |what: &str, value: &str| {
        if !value.is_empty() {
            output::line(format!("{what:<12}{value}"));
        }
    };
    say("title", outline.title.as_deref().unwrap_or("(none)"));
    say("id", outline.id.as_deref().unwrap_or_default());
    say("who", &outline.experimenters.join(", "));
    say("instrument", &outline.instruments.join(", "));
    let times: Vec<&str> = [&outline.reservation_start, &outline.reservation_end]
        .into_iter()
        .map(|time| time.as_deref().unwrap_or("?"))
        .collect();
    if outline.reservation_start.is_some() || outline.reservation_end.is_some() {
        say("booked", &times.join(" to "));
    }
    say("link", outline.link.as_deref().unwrap_or_default());
    say("why", outline.motivation.as_deref().unwrap_or_default());
    for sample in &outline.samples {
        say("sample", sample);
    }
    for project in &outline.projects {
        say("project", project);
    }
    let datasets: usize = outline.activities.iter().map(|activity| activity.datasets.len()).sum();
    let activities = count(outline.activities.len(), "acquisition activity", "acquisition activities");
    output::line(format!("{activities}, {}", count(datasets, "dataset", "datasets")));
    for (place, activity) in outline.activities.iter().enumerate() {
        let seqno = activity.seqno.clone().unwrap_or_else(|| place.to_string());
        let start = activity.start.as_deref().unwrap_or("no start time");
        let shared = count(activity.shared, "value", "values");
        output::line(format!("\nactivity {seqno}, {start}, {shared} shared"));
        for dataset in &activity.datasets {
            let kind = dataset.kind.as_deref().unwrap_or("?");
            let name = dataset.name.as_deref().unwrap_or("(no name)");
            let location = dataset.location.as_deref().unwrap_or("(no location)");
            let preview = if dataset.preview.is_some() { ", preview" } else { "" };
            let own = count(dataset.own, "value", "values");
            output::line(format!("  {kind:<14}{name}  {location}  ({own} of its own{preview})"));
        }
    }
}

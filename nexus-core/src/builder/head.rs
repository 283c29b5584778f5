//! The head of a record: title, who, where, when, why, samples, projects.

use nexus_plugin_api::{EventTime, Reservation};
use uuid::Uuid;

use super::{Material, SampleIds};
use crate::record::{ELEMENTS, Project, Sample, Summary};
use crate::timestamp::Timestamp;

pub(super) fn title(material: &Material<'_>) -> String {
    filled(material.reservation.title.as_ref()).unwrap_or_else(|| default_title(material))
}

pub(super) fn summary(material: &Material<'_>) -> Summary {
    let reservation = &material.reservation;
    let in_zone =
        |time: EventTime| Timestamp::from_fixed(Timestamp::from(time).in_zone(material.zone)).to_string();
    Summary {
        reference: filled(reservation.url.as_ref()),
        experimenter: filled(reservation.user_full_name.as_ref())
            .or_else(|| filled(reservation.username.as_ref())),
        instrument_pid: material.instrument_pid.clone(),
        instrument_name: material.instrument_name.clone(),
        reservation_start: reservation.start.map(in_zone),
        reservation_end: reservation.end.map(in_zone),
        motivation: filled(reservation.purpose.as_ref()),
    }
}

pub(super) fn filled(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.is_empty()).cloned()
}

/// The date is the booking's start as the scheduler wrote it, else the session's. Times outside the years 1
/// to 9999 show the nearest date inside ([`Timestamp`] bounds them).
fn default_title(material: &Material<'_>) -> String {
    let start =
        material.reservation.start.map_or_else(|| Timestamp::from_fixed(material.start), Timestamp::from);
    format!(
        "Experiment on the {} on {}",
        material.instrument_name,
        start.naive_local().format("%A %b. %d, %Y")
    )
}

impl SampleIds {
    /// The identifier of the sample at this position, from 0.
    pub(super) fn at(&self, record_key: Uuid, position: usize) -> String {
        match self {
            Self::Given(ids) => ids.get(position).cloned(),
            Self::Derived => None,
        }
        .unwrap_or_else(|| Uuid::new_v5(&record_key, format!("sample {position}").as_bytes()).to_string())
    }
}

pub(super) fn samples(material: &Material<'_>, warnings: &mut Vec<String>) -> Vec<Sample> {
    let given = &material.reservation.samples;
    let id = |position| material.sample_ids.at(material.record_key, position);
    if given.is_empty() {
        return vec![Sample { id: id(0), ..Sample::default() }];
    }
    given
        .iter()
        .enumerate()
        .map(|(position, sample)| Sample {
            reference: sample.pid.clone(),
            id: id(position),
            name: sample.name.clone(),
            description: sample.details.clone(),
            elements: elements(&sample.elements, position, warnings),
        })
        .collect()
}

/// The symbols that the format knows, each once; the others are left out with a warning.
fn elements(symbols: &[String], position: usize, warnings: &mut Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for symbol in symbols {
        let symbol = symbol.trim();
        if !ELEMENTS.contains(&symbol) {
            warnings
                .push(format!("sample {}: `{symbol}` is no chemical element and was left out", position + 1));
        } else if !kept.iter().any(|known| known == symbol) {
            kept.push(symbol.to_owned());
        }
    }
    kept
}

pub(super) fn projects(reservation: &Reservation) -> Vec<Project> {
    let with = |project: &nexus_plugin_api::Project| Project {
        name: project.name.clone(),
        division: reservation.division.clone(),
        group: reservation.group.clone(),
        id: project.id.clone(),
        link: project.link.clone(),
    };
    if reservation.projects.is_empty() {
        return vec![with(&nexus_plugin_api::Project::default())];
    }
    reservation.projects.iter().map(with).collect()
}

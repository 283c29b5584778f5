//! Reservation and consent.

use super::say::{Times, quoted};
use super::waiting::{Topic, waits};
use super::{Booking, Facts, Paragraph};
use crate::session::RecordStatus;

pub(super) fn told(facts: &Facts, times: Times) -> Vec<Paragraph> {
    let mut paragraphs = Vec::new();
    if let Some(booking) = &facts.booking {
        paragraphs.push(Paragraph::of(booked(booking, times)));
    }
    paragraphs.push(Paragraph::of(refused(facts)));
    if let Some(wait) = waits(facts, times).filter(|wait| wait.topic == Topic::Reservation) {
        paragraphs.push(Paragraph::of(wait.sentences));
    }
    paragraphs
}

fn booked(booking: &Booking, times: Times) -> Vec<String> {
    let mut said = Vec::new();
    let what =
        booking.id.as_ref().map_or_else(|| "a reservation".to_owned(), |id| format!("reservation `{id}`"));
    let title = booking.title.as_ref().map(|title| format!(", “{}”", quoted(title))).unwrap_or_default();
    let user = booking.user.as_ref().map(|user| format!(", of {user}")).unwrap_or_default();
    let span = match (booking.start, booking.end) {
        (Some(from), Some(to)) => format!(", {}", times.span(from, to)),
        _ => String::new(),
    };
    said.push(format!("Its record rests on {what}{title}{user}{span}."));
    if let Some(url) = &booking.url {
        said.push(format!("See {url}"));
    }
    said.push("Consent was given.".to_owned());
    if booking.of_another_user {
        said.push("The reservation is another person's.".to_owned());
    }
    for warning in &booking.warnings {
        said.push(format!("Left out, since it could not be read: {}.", quoted(warning)));
    }
    said
}

/// Why there is no record, if that is a matter of consent or of the reservation.
fn refused(facts: &Facts) -> Vec<String> {
    let text = facts.outcome_text().map(quoted);
    match (facts.known_status(), facts.outcome_code(), text) {
        (Some(RecordStatus::NoConsent), _, Some(text)) => vec![
            format!("Consent was not given: {text}."),
            "Only a known yes is consent; anything else is none.".to_owned(),
        ],
        (Some(RecordStatus::NoReservation), Some("no_reservation"), Some(text)) => {
            vec![format!("No reservation belongs to it: {text}.")]
        }
        (Some(RecordStatus::NoConsent), _, None) => {
            vec![
                "Consent was not given, or not answered: so NexusLIMS has it; why, nexus does not know."
                    .to_owned(),
            ]
        }
        (Some(RecordStatus::NoReservation), None, None) => {
            vec!["NexusLIMS found no reservation for it; nexus does not know more.".to_owned()]
        }
        _ => Vec::new(),
    }
}

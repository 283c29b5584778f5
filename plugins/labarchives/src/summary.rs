//! The summary on a session's page: HTML for people, and the line that says whose it is.

mod html;
mod picture;

use std::fmt::Write as _;

use nexus_plugin_api::Delivery;

use crate::base::decoded;
use crate::marker::{Marker, visible};
use crate::settings::Previews;
use html::{escaped, sent_length};
pub use picture::{Picture, pictures as all_pictures};

/// The largest form that is sent, in bytes as it is encoded: at a little more than a million, servers refuse.
const LARGEST_FORM: usize = 900_000;

/// Of that, for everything but pictures and the list of files: names of fields, ids, the facts.
const FOR_FACTS: usize = 100_000;

/// Of that, for the list of files.
const FOR_FILES: usize = 250_000;

/// Longest fact, in characters.
const LONGEST_FACT: usize = 1_000;

/// Most previews that are attached to one page.
const MOST_ATTACHED: usize = 200;

/// Pictures side by side.
const IN_A_ROW: usize = 4;

/// A summary, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Its HTML.
    pub html: String,
    /// Pictures that it does not hold.
    pub left_out: Vec<Picture>,
}

impl Summary {
    /// Names under which the pictures that it does not hold are attached.
    pub fn to_attach(&self) -> Vec<String> {
        self.left_out.iter().take(MOST_ATTACHED).map(Picture::file_name).collect()
    }
}

/// What a summary says of a session. With `plain`, it holds no pictures whatever the settings say.
pub fn of(delivery: &Delivery, previews: Previews, plain: bool) -> Summary {
    let mut html = String::new();
    facts(&mut html, delivery);
    elsewhere(&mut html, delivery);
    let mut tail = String::new();
    files(&mut tail, delivery);
    let marker =
        Marker { key: delivery.record.key.clone(), content_sha256: delivery.record.content_sha256.clone() };
    let _ = write!(tail, "<p><small>{}</small></p>", escaped(&marker.text()));
    let left_out = if previews == Previews::None {
        Vec::new()
    } else {
        let room = LARGEST_FORM.saturating_sub(sent_length(&html) + sent_length(&tail) + FOR_FACTS / 4);
        gallery(&mut html, all_pictures(delivery), if plain { 0 } else { room })
    };
    html.push_str(&tail);
    Summary { html, left_out }
}

/// Whether a text entry is the summary of this session although it does not say so by our line: NexusLIMS wrote it, or
/// somebody has edited ours.
pub fn is_of_session(html: &str, delivery: &Delivery) -> bool {
    let text = visible(html);
    let identifier = delivery.session.identifier.split_whitespace().collect::<Vec<_>>().join(" ");
    !identifier.is_empty() && text.contains("NexusLIMS") && text.contains(&identifier)
}

/// The pairs of the form that a summary is sent in.
pub fn body<'a>(shelf: &'a str, page: &'a str, html: &'a str) -> [(&'a str, &'a str); 4] {
    [("nbid", shelf), ("pid", page), ("part_type", "text entry"), ("entry_data", html)]
}

fn fact(text: &str) -> String {
    let mut short: String = text.chars().take(LONGEST_FACT).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    escaped(&short)
}

fn facts(html: &mut String, delivery: &Delivery) {
    let session = &delivery.session;
    let instrument = &session.instrument;
    let booking = delivery.reservation.as_ref();
    html.push_str("<h1>NexusLIMS Microscopy Session</h1>\n<ul>\n");
    let mut line = |name: &str, value: Option<&str>| {
        if let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) {
            let _ = writeln!(html, "<li><strong>{name}</strong>: {}</li>", fact(value));
        }
    };
    line("Experiment", booking.and_then(|booking| booking.title.as_deref()));
    line("Session ID", Some(&session.identifier));
    let shown = if instrument.display_name.trim().is_empty() || instrument.display_name == instrument.pid {
        instrument.pid.clone()
    } else {
        format!("{} ({})", instrument.display_name, instrument.pid)
    };
    line("Instrument", Some(&shown));
    line("User", session.user.as_deref());
    line("Name", booking.and_then(|booking| booking.user_full_name.as_deref()));
    line("Start", Some(&session.start.to_rfc3339()));
    line("End", Some(&session.end.to_rfc3339()));
    line("Motivation", booking.and_then(|booking| booking.purpose.as_deref()));
    html.push_str("</ul>\n");
}

/// Links to what other destinations hold.
fn elsewhere(html: &mut String, delivery: &Delivery) {
    let mut links = String::new();
    for other in delivery.others.iter().filter(|other| other.delivered) {
        let url = other.remote.as_ref().and_then(|remote| remote.url.as_deref()).unwrap_or_default();
        // A link of any other kind could do anything when somebody clicks on it.
        let web = url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "https" | "http"));
        if web && url.chars().count() <= LONGEST_FACT {
            let _ = writeln!(
                links,
                "<li><a href=\"{}\">View in {}</a></li>",
                escaped(url),
                fact(&other.destination)
            );
        }
    }
    if !links.is_empty() {
        let _ = writeln!(html, "<h2>Related records</h2>\n<ul>\n{links}</ul>");
    }
}

/// The pictures that fit into so many bytes as they are sent, in order; the others are given back.
fn gallery(html: &mut String, pictures: Vec<Picture>, room: usize) -> Vec<Picture> {
    let (mut cells, mut left_out) = (Vec::new(), Vec::new());
    let mut left = room;
    for picture in pictures {
        // Base64 lengthens by a third, and the form a little more.
        let cell = if picture.size.saturating_mul(4) / 3 < left { picture.cell() } else { None };
        match cell.map(|cell| (sent_length(&cell), cell)) {
            Some((length, cell)) if length + 50 < left => {
                left -= length + 50;
                cells.push(cell);
            }
            _ => left_out.push(picture),
        }
    }
    if cells.is_empty() && left_out.is_empty() {
        return left_out;
    }
    html.push_str("<h2>Previews</h2>\n");
    if !cells.is_empty() {
        html.push_str("<table style=\"border-collapse:collapse\">\n");
        for row in cells.chunks(IN_A_ROW) {
            let _ = writeln!(html, "<tr>{}</tr>", row.concat());
        }
        html.push_str("</table>\n");
    }
    if !left_out.is_empty() {
        let _ =
            writeln!(html, "<p>{} previews are left out here for their size or kind.</p>", left_out.len());
    }
    left_out
}

/// The files of the record, each once, in their order.
fn files(html: &mut String, delivery: &Delivery) {
    let mut seen = std::collections::HashSet::new();
    let all = delivery.activities.iter().flat_map(|activity| &activity.datasets);
    let names: Vec<&str> =
        all.map(|dataset| dataset.location.as_str()).filter(|location| seen.insert(*location)).collect();
    if names.is_empty() {
        return;
    }
    html.push_str("<h2>Files</h2>\n<ul>\n");
    let mut left = FOR_FILES;
    let mut shown = 0;
    for location in &names {
        let item = format!("<li>{}</li>\n", fact(&decoded(location)));
        let length = sent_length(&item);
        if length > left {
            break;
        }
        left -= length;
        shown += 1;
        html.push_str(&item);
    }
    html.push_str("</ul>\n");
    if shown < names.len() {
        let _ = writeln!(html, "<p>and {} more, all in the attached record.</p>", names.len() - shown);
    }
}

#[cfg(test)]
mod tests;

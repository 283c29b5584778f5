//! What the values of an instrument must be.

use super::Instrument;
use crate::text_enum::text_enum;

text_enum! {
    /// A column of `instruments`.
    pub enum Field as "a field of an instrument", error NotAField {
        /// `instrument_pid`
        Pid = "instrument_pid",
        /// `api_url`
        ApiUrl = "api_url",
        /// `calendar_url`
        CalendarUrl = "calendar_url",
        /// `location`
        Location = "location",
        /// `display_name`
        DisplayName = "display_name",
        /// `property_tag`
        PropertyTag = "property_tag",
        /// `filestore_path`
        FilestorePath = "filestore_path",
        /// `harvester`
        Harvester = "harvester",
        /// `timezone`
        Timezone = "timezone",
    }
}

/// A value that an instrument may not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {why}")]
pub struct Problem {
    /// Its field.
    pub field: Field,
    /// What is wrong, and what would be right.
    pub why: String,
}

impl Instrument {
    /// Everything that is wrong with the values; empty if they can be stored.
    pub fn problems(&self) -> Vec<Problem> {
        let checks = [
            (Field::Pid, name(self.pid.as_str())),
            (Field::ApiUrl, address(&self.api_url)),
            (Field::DisplayName, name(&self.display_name)),
            (Field::FilestorePath, relative_folder(&self.filestore_path)),
            (Field::Harvester, name(&self.harvester)),
            (Field::Timezone, self.timezone().map(|_| ()).map_err(|error| format!("is an {error}"))),
        ];
        let texts = [
            (Field::CalendarUrl, &self.calendar_url),
            (Field::Location, &self.location),
            (Field::PropertyTag, &self.property_tag),
        ];
        checks
            .into_iter()
            .chain(texts.into_iter().map(|(field, text)| (field, printable(text))))
            .filter_map(|(field, checked)| checked.err().map(|why| Problem { field, why }))
            .collect()
    }
}

fn printable(text: &str) -> Result<(), String> {
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(format!("`{}` holds the control character {c:?}", text.escape_debug())),
        None => Ok(()),
    }
}

fn name(text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    if text.trim() != text {
        return Err(format!("`{text}` begins or ends with a blank"));
    }
    printable(text)
}

/// `https://host/…`, or any other scheme and something after it, such as `logbook:microscope-1`.
fn address(text: &str) -> Result<(), String> {
    let hint = "use one such as https://nemo.example.org/api/tools/?id=7 or logbook:microscope-1";
    let refused = || format!("`{}` is not an address; {hint}", text.escape_debug());
    let (scheme, rest) = text.split_once(':').ok_or_else(refused)?;
    let valid_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let host = rest.strip_prefix("//").map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let web = ["http", "https"].iter().any(|name| scheme.eq_ignore_ascii_case(name));
    let valid_rest = match host {
        Some(host) => !web || !host.is_empty(),
        None => !web && !rest.is_empty(),
    };
    let blank = text.chars().any(|c| c.is_whitespace() || c.is_control());
    if valid_scheme && valid_rest && !blank { Ok(()) } else { Err(refused()) }
}

fn relative_folder(text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("is empty; it is the instrument's folder, relative to the storage".to_owned());
    }
    if text.starts_with('/') {
        return Err(format!("`{text}` is absolute; it must be relative to the storage of all instruments"));
    }
    if text.split('/').any(|part| part == "..") {
        return Err(format!("`{text}` leads out of the storage with `..`"));
    }
    printable(text)
}

//! An instrument and its times as text, map and JSON.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use chrono::format::{ParseError, StrftimeItems};
use chrono::{DateTime, TimeZone as _};
use chrono_tz::Tz;

use super::Instrument;
use crate::timestamp::Timestamp;
use crate::zone::{UnknownZone, localise_in};

/// How times are shown to people: `2021-07-01 08:00:00 EDT`.
pub const DEFAULT_FORMAT: &str = "%Y-%m-%d %H:%M:%S %Z";

/// A time that could not be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeTextError {
    /// The instrument's zone is not one.
    #[error("instrument `{instrument}` has an {source}")]
    Zone {
        /// The instrument.
        instrument: String,
        /// Its zone.
        source: UnknownZone,
    },
    /// The format is none.
    #[error("`{format}` is not a format for times, such as `{DEFAULT_FORMAT}`")]
    Format {
        /// The format.
        format: String,
        /// What is wrong with it, if that is known.
        source: Option<ParseError>,
    },
}

impl Instrument {
    /// A time in the instrument's zone: without an offset it is already local there, with one it is
    /// converted.
    ///
    /// ```
    /// # let instrument: nexus_core::instrument::Instrument = serde_json::from_str(r#"{
    /// #   "instrument_pid": "TITAN-1", "api_url": "https://nemo.example.org/api/tools/?id=1",
    /// #   "calendar_url": "", "location": "", "display_name": "Titan", "property_tag": "",
    /// #   "filestore_path": "Titan", "harvester": "nemo", "timezone": "America/New_York" }"#)?;
    /// let local = instrument.localise(&"2021-07-01T08:00:00".parse()?)?;
    /// assert_eq!(local.to_rfc3339(), "2021-07-01T08:00:00-04:00");
    ///
    /// let converted = instrument.localise(&"2021-07-01T08:00:00-06:00".parse()?)?;
    /// assert_eq!(converted.to_rfc3339(), "2021-07-01T10:00:00-04:00");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn localise(&self, time: &Timestamp) -> Result<DateTime<Tz>, UnknownZone> {
        let zone = self.timezone()?;
        Ok(match time.fixed() {
            Some(fixed) => zone.from_utc_datetime(&fixed.naive_utc()),
            None => localise_in(time.naive_local(), zone),
        })
    }

    /// A time in the instrument's zone as text, in the `strftime` format given or else in
    /// [`DEFAULT_FORMAT`]. `%Z` is the zone's abbreviation, `%f` the microseconds in six digits.
    ///
    /// ```
    /// # let instrument: nexus_core::instrument::Instrument = serde_json::from_str(r#"{
    /// #   "instrument_pid": "TITAN-1", "api_url": "https://nemo.example.org/api/tools/?id=1",
    /// #   "calendar_url": "", "location": "", "display_name": "Titan", "property_tag": "",
    /// #   "filestore_path": "Titan", "harvester": "nemo", "timezone": "America/New_York" }"#)?;
    /// let time = "2021-07-01T12:00:00Z".parse()?;
    /// assert_eq!(instrument.localise_text(&time, None)?, "2021-07-01 08:00:00 EDT");
    /// assert_eq!(instrument.localise_text(&time, Some("%A, %H:%M"))?, "Thursday, 08:00");
    /// assert!(instrument.localise_text(&time, Some("%!")).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn localise_text(&self, time: &Timestamp, format: Option<&str>) -> Result<String, TimeTextError> {
        let time = self
            .localise(time)
            .map_err(|source| TimeTextError::Zone { instrument: self.name().to_owned(), source })?;
        let format = format.unwrap_or(DEFAULT_FORMAT);
        let refused = |source| TimeTextError::Format { format: format.to_owned(), source };
        let translated = microseconds(format);
        let items = StrftimeItems::new(&translated).parse().map_err(|source| refused(Some(source)))?;
        let mut text = String::new();
        // chrono answers an item it cannot print with an error, which `to_string` would turn into a panic.
        write!(text, "{}", time.format_with_items(items.iter())).map_err(|fmt::Error| refused(None))?;
        Ok(text)
    }

    /// The instrument as a map from column to value; the zone as its name.
    pub fn to_map(&self) -> BTreeMap<&'static str, &str> {
        BTreeMap::from([
            ("instrument_pid", self.pid.as_str()),
            ("api_url", &self.api_url),
            ("calendar_url", &self.calendar_url),
            ("location", &self.location),
            ("display_name", &self.display_name),
            ("property_tag", &self.property_tag),
            ("filestore_path", &self.filestore_path),
            ("harvester", &self.harvester),
            ("timezone", &self.timezone),
        ])
    }

    /// The instrument as JSON; the zone as its name, the keys as the columns.
    pub fn to_json(&self) -> serde_json::Value {
        self.to_map()
            .into_iter()
            .map(|(key, value)| (key.to_owned(), serde_json::Value::from(value)))
            .collect()
    }
}

impl fmt::Display for Instrument {
    /// `TITAN-1 in Building 2, room 5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if self.location.is_empty() { Ok(()) } else { write!(f, " in {}", self.location) }
    }
}

/// `%f` means microseconds elsewhere, but nanoseconds to chrono.
fn microseconds(format: &str) -> String {
    let mut translated = String::with_capacity(format.len() + 2);
    let mut after_percent = false;
    for c in format.chars() {
        if after_percent && c == 'f' {
            translated.push('6');
        }
        translated.push(c);
        after_percent = c == '%' && !after_percent;
    }
    translated
}

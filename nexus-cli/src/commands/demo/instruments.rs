//! The instruments of the invented facility.

use nexus_core::instrument::Instrument;

use super::calendar::{HELIOS, QUANTA, TITAN};

/// All three, in two time zones.
pub fn instruments() -> [Instrument; 3] {
    [
        instrument(TITAN, "Titan TEM (demo)", "Building 2, room 14, Boulder", "titan", "America/Denver"),
        instrument(QUANTA, "Quanta SEM (demo)", "Haus C, Raum 003, Berlin", "quanta sem", "Europe/Berlin"),
        instrument(HELIOS, "Helios FIB (demo)", "Building 2, room 16, Boulder", "helios", "America/Denver"),
    ]
}

/// Where an instrument saves its files.
pub fn folder_of(tool: &str) -> Option<String> {
    instruments().into_iter().find(|i| i.pid.as_str() == tool).map(|i| i.filestore_path)
}

fn instrument(pid: &str, name: &str, location: &str, folder: &str, zone: &str) -> Instrument {
    Instrument {
        pid: pid.into(),
        api_url: format!("logbook:{pid}"),
        calendar_url: String::new(),
        location: location.to_owned(),
        display_name: name.to_owned(),
        property_tag: format!("{pid}-0001"),
        filestore_path: folder.to_owned(),
        harvester: "logbook".to_owned(),
        timezone: zone.to_owned(),
    }
}

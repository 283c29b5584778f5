//! The columns of a log.

/// One column. The order here is the order in the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Column {
    Id,
    Instrument,
    User,
    Start,
    End,
    Title,
    Purpose,
    FullName,
    Email,
    Project,
    ProjectId,
    ProjectLink,
    Division,
    Group,
    Sample,
    SamplePid,
    SampleDetails,
    SampleElements,
    Consent,
    Session,
    ReservationStart,
    ReservationEnd,
    Url,
    Cancelled,
}

/// Every column: its name in the file and what belongs into it.
pub const COLUMNS: [(Column, &str, &str); 24] = [
    (Column::Id, "id", "the number or name of this use, unique in the log and never changed (required)"),
    (Column::Instrument, "instrument", "PID of the instrument, or its name if only one has it (required)"),
    (Column::User, "user", "user name"),
    (
        Column::Start,
        "start",
        "when it began, such as 2024-03-05 09:10 or 2024-03-05T09:10:00-07:00 (required)",
    ),
    (Column::End, "end", "when it ended; blank while the instrument is in use (the column is required)"),
    (Column::Title, "title", "title of the experiment"),
    (Column::Purpose, "purpose", "why it was done"),
    (Column::FullName, "full_name", "the user's name as it should stand in the record"),
    (Column::Email, "email", "the user's e-mail address"),
    (Column::Project, "project", "name of the project"),
    (Column::ProjectId, "project_id", "number or code of the project"),
    (Column::ProjectLink, "project_link", "web page of the project"),
    (Column::Division, "division", "division of the user"),
    (Column::Group, "group", "group of the user"),
    (Column::Sample, "sample", "name of the sample; several separated by ;"),
    (Column::SamplePid, "sample_pid", "persistent identifier of each sample, separated by ;"),
    (Column::SampleDetails, "sample_details", "description of each sample, separated by ;"),
    (Column::SampleElements, "sample_elements", "element symbols of each sample, such as Fe C; Si"),
    (Column::Consent, "consent", "whether the user agreed that a record is made; only a known yes counts"),
    (Column::Session, "session", "session identifier to use, if another program already gave one"),
    (Column::ReservationStart, "reservation_start", "booked from, if different from start"),
    (Column::ReservationEnd, "reservation_end", "booked until, if different from end"),
    (Column::Url, "url", "web page of the booking"),
    (Column::Cancelled, "cancelled", "yes if it did not take place after all"),
];

/// Columns without which no row can be read.
pub const REQUIRED: [Column; 4] = [Column::Id, Column::Instrument, Column::Start, Column::End];

impl Column {
    /// Its name in the file.
    pub fn name(self) -> &'static str {
        COLUMNS.iter().find(|(column, _, _)| *column == self).map_or("", |(_, name, _)| name)
    }

    /// The column of this heading; case, blanks and hyphens do not matter.
    pub fn of_heading(heading: &str) -> Option<Self> {
        let heading = normal(heading);
        COLUMNS.iter().find(|(_, name, _)| *name == heading).map(|(column, _, _)| *column)
    }
}

/// The column a heading was perhaps meant to be.
pub fn meant(heading: &str) -> Option<Column> {
    let heading = normal(heading);
    if heading.contains("consent") {
        return Some(Column::Consent);
    }
    COLUMNS
        .iter()
        .map(|(column, name, _)| (*column, strsim::damerau_levenshtein(&heading, name), name.len()))
        .filter(|(_, distance, length)| *distance <= if *length > 4 { 2 } else { 1 })
        .min_by_key(|(_, distance, _)| *distance)
        .map(|(column, _, _)| column)
}

fn normal(heading: &str) -> String {
    heading.trim().to_lowercase().replace([' ', '-'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_read_as_people_write_them() {
        assert_eq!(Column::of_heading(" Full Name "), Some(Column::FullName));
        assert_eq!(Column::of_heading("SAMPLE-PID"), Some(Column::SamplePid));
        assert_eq!(Column::of_heading("remarks"), None);
    }

    #[test]
    fn slips_are_recognised() {
        assert_eq!(meant("consnet"), Some(Column::Consent));
        assert_eq!(meant("User consent given?"), Some(Column::Consent));
        assert_eq!(meant("intsrument"), Some(Column::Instrument));
        assert_eq!(meant("temperature"), None);
    }

    #[test]
    fn every_column_is_in_the_documentation() {
        let page = include_str!("../../../docs/logbook.md");
        for (column, name, _) in COLUMNS {
            assert!(page.contains(&format!("| `{name}` |")), "docs/logbook.md lacks {name}");
            assert_eq!(column.name(), name);
        }
    }
}

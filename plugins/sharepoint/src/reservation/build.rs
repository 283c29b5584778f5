//! From an item to what a record is told.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use nexus_plugin_api::{Call, EventTime, PluginError, Project, Reservation, Sample};

use crate::event::Event;
use crate::fields::Field;
use crate::identity;
use crate::people::Person;
use crate::persons::Source;
use crate::row::{Row, moment};
use crate::settings::Settings;

/// What is needed to read an item.
pub struct Builder<'a> {
    /// The settings.
    pub settings: &'a Settings,
    /// Where people are looked up.
    pub source: Source<'a>,
    /// Where the instrument stands.
    pub zone: Option<Tz>,
}

impl Builder<'_> {
    /// The booking.
    pub fn reservation(
        &self,
        call: &Call,
        event: &Event,
        of_another_user: bool,
    ) -> Result<Reservation, PluginError> {
        let row = &event.row;
        let text = |field| self.text(row, field);
        let people = self.source.of(call, row, Field::User)?;
        let creator = self.source.of(call, row, Field::CreatedBy)?.into_iter().next();
        let mut warnings = Vec::new();
        if people.len() > 1 {
            let names: Vec<String> =
                people.iter().filter_map(|one| one.name.clone().or_else(|| self.name(one))).collect();
            warnings.push(format!("several people are named; the first counts: {}", names.join("; ")));
        }
        let user = people.into_iter().next();
        let sample = Sample {
            pid: text(Field::SamplePid),
            name: text(Field::SampleName),
            details: text(Field::SampleDetails),
            elements: Vec::new(),
        };
        let project = Project { name: text(Field::ProjectName), id: text(Field::ProjectId), link: None };
        let modified = row.modified.as_deref().and_then(moment).and_then(|moment| moment.at);
        Ok(Reservation {
            internal_id: Some(row.id.clone()),
            url: identity::page_of(self.source.about, event).or_else(|| row.web_url.clone()),
            title: text(Field::Title),
            purpose: text(Field::Purpose),
            username: user.as_ref().and_then(|user| self.name(user)),
            user_full_name: user.as_ref().and_then(|user| user.name.clone().or_else(|| self.name(user))),
            user_email: user.and_then(|user| user.mail),
            created_by: creator.and_then(|creator| self.name(&creator)),
            start: Some(self.time(event.start)),
            end: Some(self.time(event.end)),
            last_updated: modified.map(|at| self.time(at)),
            reservation_type: text(Field::Type),
            samples: if sample == Sample::default() { Vec::new() } else { vec![sample] },
            projects: if project == Project::default() { Vec::new() } else { vec![project] },
            of_another_user,
            warnings,
            ..Reservation::default()
        })
    }

    /// The first of a field's columns that is filled.
    fn text(&self, row: &Row, field: Field) -> Option<String> {
        let columns = self.source.about.columns_of(&self.settings.fields, field, self.source.list.kind);
        columns.into_iter().find_map(|column| row.text(column))
    }

    fn name(&self, person: &Person) -> Option<String> {
        person.user_name(self.settings.user_name)
    }

    /// As the clock shows it where the instrument stands.
    fn time(&self, at: DateTime<Utc>) -> EventTime {
        EventTime::Offset(match self.zone {
            Some(zone) => at.with_timezone(&zone).fixed_offset(),
            None => at.fixed_offset(),
        })
    }
}

//! From NEMO's rows to what a record is told.

use chrono_tz::Tz;
use nexus_plugin_api::{EventTime, Reservation};

use crate::NemoHarvester;
use crate::answers::{Answers, details};
use crate::model::{Booking, Event, Named};

/// The answers given at the tool, as a reservation of the time of use.
pub fn of_event(nemo: &NemoHarvester, event: &Event, zone: Option<Tz>, answers: &Answers<'_>) -> Reservation {
    let operator = if event.operator == Named::Nobody { &event.user } else { &event.operator };
    let mut times = Times { nemo, zone, warnings: Vec::new() };
    let start = times.read("start", event.start.as_ref());
    let end = times.read("end", event.end.as_ref());
    let reservation = Reservation {
        internal_id: Some(event.id.to_string()),
        url: Some(format!("{}event_details/usage/{}/", nemo.settings.base.site(), event.id)),
        start,
        end,
        last_updated: start,
        warnings: times.warnings,
        ..Reservation::default()
    };
    filled(nemo, reservation, &event.user, operator, answers)
}

/// A booking.
pub fn of_booking(
    nemo: &NemoHarvester,
    booking: &Booking,
    zone: Option<Tz>,
    answers: &Answers<'_>,
) -> Reservation {
    let mut times = Times { nemo, zone, warnings: Vec::new() };
    let reservation = Reservation {
        internal_id: Some(booking.id.to_string()),
        url: Some(format!("{}event_details/reservation/{}/", nemo.settings.base.site(), booking.id)),
        start: times.read("start", booking.start.as_ref()),
        end: times.read("end", booking.end.as_ref()),
        last_updated: times.read("creation_time", booking.creation_time.as_ref()),
        warnings: times.warnings,
        ..Reservation::default()
    };
    filled(nemo, reservation, &booking.user, &booking.creator, answers)
}

fn filled(
    nemo: &NemoHarvester,
    reservation: Reservation,
    user: &Named,
    creator: &Named,
    answers: &Answers<'_>,
) -> Reservation {
    let details = details(answers);
    let user = nemo.people.person(user);
    let mut warnings = reservation.warnings;
    warnings.extend(details.warnings);
    Reservation {
        title: details.title,
        purpose: details.purpose,
        samples: details.samples,
        projects: details.projects,
        user_full_name: user.as_ref().and_then(crate::model::Person::full_name),
        user_email: user.as_ref().and_then(|user| user.email.clone()),
        username: user.and_then(|user| user.username),
        created_by: nemo.people.person(creator).and_then(|creator| creator.username),
        warnings,
        ..reservation
    }
}

struct Times<'a> {
    nemo: &'a NemoHarvester,
    zone: Option<Tz>,
    warnings: Vec<String>,
}

impl Times<'_> {
    fn read(&mut self, what: &str, text: Option<&String>) -> Option<EventTime> {
        let text = text?;
        let moment = self.nemo.settings.times.read(text, self.zone);
        if moment.is_none() {
            self.warnings.push(format!("{what} is `{text}`, which is no time; left out"));
        }
        Some(moment?.time)
    }
}

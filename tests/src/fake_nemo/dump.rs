//! Everything that a fake server holds, for a real one to be filled with.

use chrono::Duration;
use serde_json::{Value, json};

use super::{FakeNemo, TOKEN};

impl FakeNemo {
    /// The rows as `tests/real/nemo/seed.py` takes them; the account of the token may view these lists.
    pub fn dump(&self, rights: &[&str]) -> Value {
        let facility = self.state.facility.lock().unwrap();
        let users = facility.users.values().map(|one| {
            json!({
                "id": one.id, "username": one.username, "first_name": one.first_name,
                "last_name": one.last_name, "email": one.email,
            })
        });
        let events = facility.events.values().map(|one| {
            json!({
                "id": one.id, "tool": one.tool, "user": one.user, "operator": one.operator.unwrap_or(one.user),
                "start": one.start.to_rfc3339(), "end": one.end.map(|end| end.to_rfc3339()),
                "pre_run_data": one.pre_run_data, "run_data": one.run_data,
            })
        });
        let reservations = facility.reservations.values().map(|one| {
            let answers = one.question_data.as_ref().map(Value::to_string);
            json!({
                "id": one.id, "tool": one.tool, "user": one.user, "start": one.start.to_rfc3339(),
                "end": one.end.to_rfc3339(), "cancelled": one.cancelled,
                "created": one.created.unwrap_or(one.start - Duration::days(2)).to_rfc3339(),
                "question_data": if one.broken { Some("{no json".to_owned()) } else { answers },
            })
        });
        json!({
            "token": TOKEN,
            "rights": rights,
            "tools": facility.tools.iter().map(|(id, name)| json!({"id": id, "name": name})).collect::<Vec<_>>(),
            "users": users.collect::<Vec<_>>(),
            "events": events.collect::<Vec<_>>(),
            "reservations": reservations.collect::<Vec<_>>(),
        })
    }
}

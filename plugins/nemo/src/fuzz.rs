//! Whatever a server may answer, read as a harvest and a look-up of reservations read it: for a fuzzer, and for the
//! tests that do the same on every build.
//!
//! Nothing may panic, and nothing but a known yes may be consent.

use nexus_plugin_consent::{Affirmative, USUAL};
use serde_json::Value;
use url::Url;

use crate::answers::{Answers, RunData, details};
use crate::client::Page;
use crate::consent::{self, QUESTION};
use crate::model::{Booking, Event, Person, Tool};
use crate::time::Times;

/// What had a yes read out of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Read {
    /// Rows of a list.
    pub rows: usize,
    /// Answers in which consent was given.
    pub consents: usize,
}

/// Reads the body of an answer, and any text that is none as answers given at a tool.
///
/// # Errors
/// Consent was read out of something that is no known yes.
pub fn answer(body: &[u8]) -> Result<Read, String> {
    let mut read = Read::default();
    let Ok(answer) = serde_json::from_slice::<Value>(body) else {
        let text = String::from_utf8_lossy(body).into_owned();
        given_at_the_tool(&Value::String(text), &mut read)?;
        return Ok(read);
    };
    let url = Url::parse("https://nemo.example.org/api/usage_events/").map_err(|error| error.to_string())?;
    let rows = match Page::read(&url, answer.clone()) {
        Ok(page) => page.rows,
        Err(_) => vec![answer],
    };
    read.rows = rows.len();
    for row in &rows {
        let _ = (Tool::read(row), Person::read(row).map(|person| person.full_name()));
        if let Some(event) = Event::read(row) {
            times([&event.start, &event.end]);
            given_at_the_tool(&event.run_data, &mut read)?;
            given_at_the_tool(&event.pre_run_data, &mut read)?;
        }
        if let Some(booking) = Booking::read(row) {
            times([&booking.start, &booking.creation_time]);
            consent(&booking.question_data, &mut read)?;
        }
        // Every part of an answer may stand where answers to questions are expected.
        consent(row, &mut read)?;
    }
    Ok(read)
}

fn times(texts: [&Option<String>; 2]) {
    let declared = Times::new(Some("%m/%d/%Y %I:%M %p"), Some(chrono_tz::America::Denver));
    for times in [Ok(Times::default()), declared].into_iter().flatten() {
        for text in texts.into_iter().flatten() {
            let _ = times.read(text, Some(chrono_tz::America::New_York));
        }
    }
}

fn given_at_the_tool(field: &Value, read: &mut Read) -> Result<(), String> {
    match RunData::read(field) {
        RunData::Data(data) => consent(&data, read),
        RunData::Nothing | RunData::Unclear(_) => Ok(()),
    }
}

fn consent(data: &Value, read: &mut Read) -> Result<(), String> {
    let Some(answers) = Answers::of(data) else { return Ok(()) };
    let _ = details(&answers);
    if consent::given(&Affirmative::new(&USUAL)?, &answers).is_err() {
        return Ok(());
    }
    read.consents += 1;
    let said = data.get(QUESTION).and_then(|question| question.get("user_input")).and_then(Value::as_str);
    let words = said.map(|said| said.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase());
    match words {
        Some(words) if USUAL.contains(&words.as_str()) => Ok(()),
        _ => Err(format!("consent was read out of {data}")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::answers::tests::any_json;

    #[test]
    fn every_seed_of_the_fuzzer_is_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/nemo_answers");
        let mut consents = 0;
        let mut seeds = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let read = answer(&fs::read(&path).unwrap());
            consents += read.unwrap_or_else(|why| panic!("{}: {why}", path.display())).consents;
            seeds += 1;
        }
        assert!(seeds >= 8 && consents >= 4, "{seeds} seeds, {consents} with consent");
    }

    #[test]
    fn a_yes_is_seen_where_it_is_given() {
        let yes = json!({"data_consent": {"user_input": " Agree "}});
        for (body, consents) in [
            (json!([{"id": 1, "run_data": yes.to_string(), "pre_run_data": yes.to_string()}]), 2),
            (json!({"count": 1, "next": null, "results": [{"id": 9, "question_data": yes}]}), 1),
            (json!([{"id": 1, "run_data": "{\"data_consent\": {\"user_input\": \"no\"}}"}]), 0),
        ] {
            assert_eq!(answer(body.to_string().as_bytes()), Ok(Read { rows: 1, consents }), "{body}");
        }
        assert_eq!(answer(br#"{"data_consent": {"user_input": "yes"}, "x": NaN}"#).unwrap().consents, 1);
    }

    /// A body with a piece cut out, doubled or overwritten.
    fn damaged() -> impl Strategy<Value = Vec<u8>> {
        (any_json(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>(), 0..3_u8)
            .prop_map(|(value, at, end, byte, how)| {
                let mut body = value.to_string().into_bytes();
                let (at, end) = (at.index(body.len()), end.index(body.len()));
                let (from, to) = (at.min(end), at.max(end));
                match how {
                    0 => drop(body.drain(from..to)),
                    1 => {
                        let piece = body[from..to].to_vec();
                        body.splice(to..to, piece);
                    }
                    _ => body[at] = byte,
                }
                body
            })
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(body in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(answer(&body).is_ok());
        }

        #[test]
        fn any_json_is_read(body in any_json()) {
            prop_assert!(answer(body.to_string().as_bytes()).is_ok());
            let run_data = json!([{"id": 1, "run_data": body.to_string(), "pre_run_data": body, "question_data": body}]);
            prop_assert!(answer(run_data.to_string().as_bytes()).is_ok());
        }

        #[test]
        fn damaged_json_is_read(body in damaged()) {
            prop_assert!(answer(&body).is_ok());
            let run_data = json!([{"id": 1, "run_data": String::from_utf8_lossy(&body)}]);
            prop_assert!(answer(run_data.to_string().as_bytes()).is_ok());
        }
    }
}

//! Bytes from outside, read as a run reads them: for a fuzzer, and for the tests that do the same on every build.
//!
//! Nothing may panic; what else must hold is an error of the function. Each tells how much it made of the bytes.

use std::fmt::Display;
use std::io::Cursor;
use std::path::Path;
use std::time::SystemTime;

use nexus_plugin_api::message::{
    AcceptsAnswer, ActionsAnswer, ExtractAnswer, InstrumentsAnswer, Reply, ReservationsAnswer, ok_reply,
    read_reply,
};
use nexus_plugin_api::{
    ActionOutcome, CheckReport, Found, HarvestPage, Manifest, Signal, Step, Target, UsageEvent,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api_address::ApiBase;
use crate::config::Config;
use crate::extract::checked::checked;
use crate::metadata;
use crate::plugins::bounds;
use crate::plugins::process::lines::{self, Line, Unusable};
use crate::preview;
use crate::record::{Activity, Dataset, Experiment, percent_decode_bytes, percent_encode, read_activities};
use crate::timestamp::{Timestamp, UtcTime};
use crate::validate;
use crate::walk::FoundFile;
use crate::xml;

/// Bytes of pixels that are decoded at most: a fuzzer has no time for large pictures.
const LARGEST: u64 = 4 << 20;

/// Longest message about one place of a file.
const LONGEST_MESSAGE: usize = 2_000;

/// The request that replies answer.
const REQUEST: u64 = 7;

/// As a picture file, and as a text. What comes out is a picture of the promised size, the same every time.
///
/// # Errors
/// It is not.
pub fn preview(bytes: &[u8]) -> Result<usize, String> {
    let page = preview::text::draw(bytes).map_err(|error| format!("a text without a page: {error}"))?;
    if size(&page)? != (preview::EDGE, preview::EDGE) {
        return Err("the page of a text is of another size".to_owned());
    }
    let draw = || preview::drawn(Path::new("a.jpg"), Cursor::new(bytes), "jpg", LARGEST);
    let Ok(drawn) = draw() else { return Ok(0) };
    let (width, height) = size(&drawn)?;
    if !(1..=preview::EDGE).contains(&width) || !(1..=preview::EDGE).contains(&height) {
        return Err(format!("a preview of {width} × {height} pixels"));
    }
    if draw().ok().as_ref() != Some(&drawn) {
        return Err("the same picture twice has two previews".to_owned());
    }
    Ok(1)
}

fn size(png: &[u8]) -> Result<(u32, u32), String> {
    let picture = image::load_from_memory_with_format(png, image::ImageFormat::Png)
        .map_err(|error| format!("a preview that is no picture: {error}"))?;
    Ok((picture.width(), picture.height()))
}

/// As a record that is judged and read back: one that is valid can be read.
///
/// # Errors
/// It cannot, or what is wrong with it is not told as it should be.
pub fn record(bytes: &[u8]) -> Result<usize, String> {
    let validator = validate::shipped().map_err(|error| error.to_string())?;
    let read = read_activities(bytes, Path::new("/nowhere"));
    match (validator.validate(bytes), read) {
        (Ok(()), Ok(activities)) => Ok(1 + activities.len()),
        (Ok(()), Err(error)) => Err(format!("a valid record cannot be read back: {error:?}")),
        (Err(invalid), _) => {
            for problem in &invalid.problems {
                told(problem)?;
                if problem.line == 0 || problem.column == 0 {
                    return Err(format!("a problem at no place: {problem:?}"));
                }
            }
            told(&invalid)?;
            Ok(0)
        }
    }
}

/// A message is short and of one line.
fn told(message: &impl Display) -> Result<(), String> {
    let text = message.to_string();
    if text.is_empty() || text.len() > LONGEST_MESSAGE || text.contains(char::is_control) {
        return Err(format!("a message of {} bytes: {text:?}", text.len()));
    }
    Ok(())
}

/// As a configuration file: it is good, or every mistake is told with its place.
///
/// # Errors
/// A mistake is told of a line that the file does not have, or so that a terminal would obey it.
pub fn config(bytes: &[u8]) -> Result<usize, String> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(0) };
    match Config::from_text(text, Path::new("/srv/nexus"), "nexus.toml") {
        Ok(config) => Ok(config.effective().len() + config.secrets().len()),
        Err(error) => {
            let lines = text.split('\n').count();
            if let Some(problem) = error.problems().iter().find(|problem| problem.line() > Some(lines)) {
                return Err(format!("the file has {lines} lines: {problem}"));
            }
            let said = error.to_string();
            match said.chars().find(|c| c.is_control() && *c != '\n') {
                Some(control) => Err(format!("{control:?} in a message: {said:?}")),
                None => Ok(0),
            }
        }
    }
}

/// As a line of a plugin's output, and as its answer to every question. What is understood is the same when it is
/// written and read again, and metadata make a valid record.
///
/// # Errors
/// They do not, or it is not.
pub fn plugin_line(line: &[u8]) -> Result<usize, String> {
    for sent in [Some(REQUEST), None] {
        if let Line::Unusable(Unusable::NotAReply { line }) = lines::read(line, sent)
            && lines::quoted(&line).contains(char::is_control)
        {
            return Err("a quotation with control characters".to_owned());
        }
    }
    let mut understood = [
        answer::<Manifest>(line)?.is_some(),
        answer::<CheckReport>(line)?.is_some(),
        answer::<InstrumentsAnswer>(line)?.is_some(),
        answer::<AcceptsAnswer>(line)?.is_some(),
        answer::<ActionsAnswer>(line)?.is_some(),
        answer::<ActionOutcome>(line)?.is_some(),
        answer::<Target>(line)?.is_some_and(|target| bounds::target(target).is_ok()),
        answer::<Found>(line)?.is_some_and(|found| bounds::found(found).is_ok()),
        answer::<Step>(line)?.is_some_and(|step| bounds::step(step).is_ok()),
        answer::<ReservationsAnswer>(line)?
            .is_some_and(|answers| answers.answers.into_iter().map(bounds::answer).count() > 0),
    ]
    .into_iter()
    .filter(|understood| *understood)
    .count();
    if let Some(page) = answer::<HarvestPage>(line)?.and_then(|page| bounds::page(page).ok()) {
        page.events.iter().try_for_each(stored)?;
        understood += 1 + page.events.len();
    }
    if let Some(answer) = answer::<ExtractAnswer>(line)? {
        understood += 1 + recorded(answer.signals)?;
    }
    Ok(understood)
}

/// The answer, if it is one to this question.
fn answer<T: DeserializeOwned + Serialize>(line: &[u8]) -> Result<Option<T>, String> {
    let Ok(Reply::Ok(answer)) = read_reply::<T>(REQUEST, line) else { return Ok(None) };
    let written = ok_reply(REQUEST, &answer);
    let kind = std::any::type_name::<T>();
    match read_reply::<T>(REQUEST, &written) {
        Ok(Reply::Ok(again)) if ok_reply(REQUEST, &again) == written => Ok(Some(answer)),
        Ok(Reply::Ok(again)) => Err(format!(
            "{kind} is another one when it is read again: {} {}",
            String::from_utf8_lossy(&written),
            String::from_utf8_lossy(&ok_reply(REQUEST, &again))
        )),
        other => Err(format!(
            "{kind} cannot be read again: {} {:?}",
            String::from_utf8_lossy(&written),
            other.err()
        )),
    }
}

/// The times of an event, as the session log keeps them.
fn stored(event: &UsageEvent) -> Result<(), String> {
    [Some(event.start), event.end]
        .into_iter()
        .flatten()
        .try_for_each(|time| comes_back(Timestamp::from(time)))
}

fn comes_back(time: Timestamp) -> Result<(), String> {
    let text = time.to_string();
    match text.parse::<Timestamp>() {
        Ok(again) if again == time => {}
        other => return Err(format!("{text} is read as {other:?}")),
    }
    for zone in [chrono_tz::UTC, chrono_tz::America::Denver, chrono_tz::Pacific::Apia] {
        let instant = UtcTime::new(time.instant(zone));
        let text = instant.to_string();
        if text.parse::<UtcTime>().ok() != Some(instant) {
            return Err(format!("{text} of {time} does not come back"));
        }
        if time.in_zone(zone).to_utc() != time.instant(zone) {
            return Err(format!("{time} is two instants in {zone}"));
        }
    }
    Ok(())
}

/// A record of what an extractor says; how many of its signals are in there.
fn recorded(signals: Vec<Signal>) -> Result<usize, String> {
    let file = FoundFile { path: "/instruments/a.dm3".into(), modified: SystemTime::UNIX_EPOCH, size: 0 };
    let (signals, doubts) = checked(signals, &file, chrono_tz::America::Denver, Path::new("/nowhere"));
    if doubts.len() > signals.len() + 8 * (1 + signals.len()) {
        return Err(format!("{} doubts of {} signals", doubts.len(), signals.len()));
    }
    let (flats, datasets): (Vec<_>, Vec<_>) = signals
        .iter()
        .map(|signal| {
            let dataset = Dataset {
                dataset_type: signal.dataset_type.clone(),
                name: "a.dm3".to_owned(),
                location: "/a.dm3".to_owned(),
                ..Dataset::default()
            };
            (metadata::flatten(signal).0, dataset)
        })
        .unzip();
    let (setup, own) = metadata::split(&flats);
    let mut activity = Activity { start: "2024-03-05T09:10:00-07:00".to_owned(), setup, datasets };
    for (dataset, meta) in activity.datasets.iter_mut().zip(own) {
        dataset.meta = meta;
    }
    let experiment =
        Experiment { title: "T".to_owned(), activities: vec![activity], ..Experiment::default() };
    let bytes = xml::write(&experiment);
    match record(&bytes) {
        Ok(0) => Err(format!("an invalid record: {}", String::from_utf8_lossy(&bytes))),
        Ok(_) => Ok(signals.len()),
        Err(why) => Err(why),
    }
}

/// As the short texts of the shared tables and of records: times, addresses, escaped paths.
///
/// # Errors
/// One that is understood does not come back.
pub fn cell(bytes: &[u8]) -> Result<usize, String> {
    let escaped = percent_encode(bytes);
    if percent_decode_bytes(&escaped).as_deref() != Some(bytes) {
        return Err(format!("{escaped} does not come back"));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(0) };
    let _ = percent_decode_bytes(text);
    let mut understood = 0;
    if let Ok(time) = text.parse::<Timestamp>() {
        comes_back(time)?;
        understood += 1;
    }
    if let Ok(time) = text.parse::<UtcTime>() {
        if time.to_string().parse::<UtcTime>().ok() != Some(time) {
            return Err(format!("{time} does not come back"));
        }
        understood += 1;
    }
    if let Ok(base) = ApiBase::parse(text) {
        let _ = (base.number_in("tools", text), base.below_site(text));
        match ApiBase::parse(base.as_str()) {
            Ok(again) if again.as_str() == base.as_str() => {}
            _ => return Err(format!("{} is another address when it is read again", base.as_str())),
        }
        understood += 1;
    }
    Ok(understood)
}

//! Calls: signed for every attempt, at the pace that is asked for, by the server's clock.

mod offset;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use nexus_plugin_api::{Call, Effect, LogLevel, PluginError};
use nexus_plugin_http::pause::Pause;
use nexus_plugin_http::{Answer, Http, Method, Request, TransportError, Wait, xml};
use roxmltree::Document;
use url::Url;

use crate::base::{Base, encoded};
use crate::client::offset::Offset;
use crate::error::ApiError;
use crate::pace::{self, Closed, Gate};
use crate::reply;
use crate::settings::Settings;
use crate::sign::Key;

/// Pauses before the second and the third try of a question.
const PAUSES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(4)];

/// The longest wish for a pause that is granted within a call.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Longest piece of an answer that is repeated, in characters.
const LONGEST_QUOTE: usize = 300;

/// Larger bodies are no error documents.
const LARGEST_REFUSAL: usize = 64 * 1024;

/// The largest answer that is read, in bytes; an attached record is the largest there is.
const LARGEST_ANSWER: u64 = 512 * 1024 * 1024;

/// Pairs of a query.
pub type Pairs<'a> = &'a [(&'a str, &'a str)];

/// What a call sends beside its query.
pub enum Body<'a> {
    /// Pairs of a form.
    Form(Pairs<'a>),
    /// A file.
    File(&'a [u8]),
    /// Nothing.
    None,
}

/// A call: its name, and whether it changes something.
struct Asked<'a> {
    name: &'static str,
    query: Pairs<'a>,
    method: Method,
    body: Option<(&'static str, Vec<u8>)>,
}

/// An institution's LabArchives, and the right to ask it.
pub struct Client {
    http: Http,
    base: Base,
    key: Key,
    /// For the account of the facility; a user's own is in the query of the call.
    uid: String,
    interval: Duration,
    gate: Arc<Gate>,
    offset: Offset,
}

impl Client {
    /// A client for this API. Nothing is sent yet.
    pub fn new(settings: &Settings, pause: Arc<dyn Pause>) -> Result<Self, PluginError> {
        let mut http = Http::new(&settings.connection, env!("CARGO_PKG_VERSION"), pause)?;
        http.largest_answer = LARGEST_ANSWER;
        Ok(Self {
            http,
            base: settings.base.clone(),
            key: settings.key.clone(),
            uid: settings.uid.clone(),
            interval: settings.interval,
            gate: pace::gate(settings.base.as_str(), settings.key.id()),
            offset: Offset::default(),
        })
    }

    /// The moment.
    pub fn now(&self) -> DateTime<Utc> {
        self.http.pause.now()
    }

    /// The API.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// Asks something; again if that may help.
    pub fn read<T>(
        &self,
        call: &Call,
        name: &'static str,
        query: Pairs<'_>,
        (what, of): (&'static str, impl Fn(&Document<'_>) -> Option<T>),
    ) -> Result<T, ApiError> {
        self.patiently(call, || {
            let answer = self.signed(call, &Asked { name, query, method: Method::GET, body: None })?;
            extracted(name, &answer.body, Effect::None, what, &of)
        })
    }

    /// The bytes of an attachment.
    pub fn bytes(&self, call: &Call, name: &'static str, query: Pairs<'_>) -> Result<Vec<u8>, ApiError> {
        self.patiently(call, || {
            Ok(self.signed(call, &Asked { name, query, method: Method::GET, body: None })?.body)
        })
    }

    /// Changes something, once: whoever does not hear how it ended must look before doing it again.
    pub fn write<T>(
        &self,
        call: &Call,
        name: &'static str,
        query: Pairs<'_>,
        body: &Body<'_>,
        (what, of): (&'static str, impl Fn(&Document<'_>) -> Option<T>),
    ) -> Result<T, ApiError> {
        let body = match body {
            Body::Form(pairs) => {
                Some(("application/x-www-form-urlencoded; charset=UTF-8", form(pairs).into_bytes()))
            }
            Body::File(bytes) => Some(("application/octet-stream", bytes.to_vec())),
            Body::None => None,
        };
        // Not a GET, although the server would take it: nobody on the way repeats a POST.
        let answer = self.signed(call, &Asked { name, query, method: Method::POST, body })?;
        extracted(name, &answer.body, Effect::Maybe, what, &of)
    }

    /// How far the server's clock is ahead of ours, in milliseconds; asked afresh.
    pub fn ask_the_time(&self, call: &Call) -> Result<i64, ApiError> {
        let offset = self.server_time(call)?;
        self.offset.set(offset);
        Ok(offset)
    }

    /// Three tries, or as long as the host wants the answer.
    fn patiently<T>(&self, call: &Call, mut ask: impl FnMut() -> Result<T, ApiError>) -> Result<T, ApiError> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let error = match ask() {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Some(usual) = pauses.next().filter(|_| error.may_pass()) else { return Err(error) };
            let length = match &error {
                ApiError::Pause { wait: Some(wait), .. } => wait.length,
                _ => usual,
            };
            let too_long = length > LONGEST_PAUSE || call.time_left().is_some_and(|left| left <= length);
            if too_long || !self.http.pause.wait(call, length) {
                return Err(error);
            }
        }
    }

    /// One attempt; a second one if the server's clock was not what we took it for.
    fn signed(&self, call: &Call, asked: &Asked<'_>) -> Result<Answer, ApiError> {
        let first = self.offset.get(call, || self.server_time(call))?;
        match self.attempt(call, asked, Some(first)) {
            Err(error) if error.may_be_the_clock() => match self.ask_the_time(call) {
                Ok(offset) => {
                    call.log(
                        LogLevel::Debug,
                        &format!("signing again: the server's clock is {offset} ms ahead"),
                    );
                    self.attempt(call, asked, Some(offset))
                }
                Err(_) => Err(error),
            },
            other => other,
        }
    }

    fn server_time(&self, call: &Call) -> Result<i64, ApiError> {
        let name = "utilities/epoch_time";
        let asked = Asked { name, query: &[], method: Method::GET, body: None };
        let mut sent = self.now();
        let answer = self.attempt_at(call, &asked, None, &mut sent)?;
        let received = self.now();
        let theirs = reply::text(&answer.body).ok().and_then(reply::epoch).ok_or(ApiError::Lacking {
            call: name,
            what: "time",
            effect: Effect::None,
        })?;
        let ours = sent.timestamp_millis().midpoint(received.timestamp_millis());
        Ok(theirs.saturating_sub(ours))
    }

    fn attempt(&self, call: &Call, asked: &Asked<'_>, offset: Option<i64>) -> Result<Answer, ApiError> {
        self.attempt_at(call, asked, offset, &mut self.now())
    }

    /// Sends it once, when it is our turn. `sent` becomes the moment when it went out; without an offset it is not signed.
    fn attempt_at(
        &self,
        call: &Call,
        asked: &Asked<'_>,
        offset: Option<i64>,
        sent: &mut DateTime<Utc>,
    ) -> Result<Answer, ApiError> {
        let Asked { name, query, method, body } = asked;
        *sent = self
            .gate
            .turn(call, self.http.pause.as_ref(), self.interval)
            .map_err(|closed| self.closed(name, closed))?;
        let expires = offset.map(|offset| sent.timestamp_millis().saturating_add(offset).to_string());
        let bare = name.rsplit_once('/').map_or(*name, |(_, bare)| bare);
        let signature = expires.as_ref().map(|expires| self.key.sign(bare, expires));
        let mut pairs: Vec<(&str, &str)> = query.to_vec();
        pairs.push(("akid", self.key.id()));
        if let (Some(expires), Some(signature)) = (&expires, &signature) {
            pairs.extend([("expires", expires.as_str()), ("sig", signature.as_str())]);
        }
        let url = self.base.at(name, &pairs).map_err(|error| ApiError::Garbled {
            call: name,
            why: error.to_string(),
            effect: Effect::None,
        })?;
        let answer = self.exchange(call, method, &url, body.as_ref())?;
        let effect = if method.is_safe() { Effect::None } else { Effect::Maybe };
        let hide = |text: &str| self.quoted(text, query, signature.as_deref());
        let wait = answer.retry_after(self.now());
        match judged(name, &answer, wait, effect, hide) {
            None => Ok(answer),
            Some(error) => {
                if let ApiError::Pause { wait: Some(wait), .. } = &error {
                    self.gate.rest(wait.until);
                }
                call.log(LogLevel::Debug, &error.to_string());
                Err(error)
            }
        }
    }

    fn exchange(
        &self,
        call: &Call,
        method: &Method,
        url: &Url,
        body: Option<&(&'static str, Vec<u8>)>,
    ) -> Result<Answer, TransportError> {
        if method.is_safe() {
            return self.http.get(call, url);
        }
        let request = Request::new(method.clone(), url);
        let request = match body {
            Some((media_type, body)) => request.body(media_type, body.clone()),
            None => request,
        };
        self.http.send(call, &request)
    }

    fn closed(&self, name: &'static str, closed: Closed) -> ApiError {
        match closed {
            Closed::Stopped => {
                ApiError::Transport(TransportError::stopped(format!("{}/{name}", self.base.as_str())))
            }
            Closed::Resting(until) => {
                let length = (until - self.now()).to_std().unwrap_or_default();
                ApiError::Pause { call: name, wait: Some(Wait { length, until }), effect: Effect::None }
            }
        }
    }

    /// The server's words, without what nobody else should read.
    fn quoted(&self, text: &str, query: Pairs<'_>, signature: Option<&str>) -> String {
        let secret = |name: &str| matches!(name, "uid" | "password");
        let in_query = query.iter().filter(|(name, _)| secret(name)).map(|(_, value)| *value);
        let mut quote = text.to_owned();
        for hidden in in_query.chain([self.key.password(), self.uid.as_str()]).chain(signature) {
            // A shorter one is no secret, and would make holes in every word.
            if hidden.len() >= 4 {
                quote = quote.replace(hidden, "…").replace(&encoded(hidden), "…");
            }
        }
        let quote: String = quote.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mut short: String = quote.trim().chars().take(LONGEST_QUOTE).collect();
        if short.len() < quote.trim().len() {
            short.push('…');
        }
        if short.is_empty() { "no reason given".to_owned() } else { short }
    }
}

/// Pairs as a form sends them.
pub fn form(pairs: Pairs<'_>) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// What kind of failure an answer is; the body counts before the status.
fn judged(
    call: &'static str,
    answer: &Answer,
    wait: Option<Wait>,
    effect: Effect,
    hide: impl Fn(&str) -> String,
) -> Option<ApiError> {
    let status = answer.status.as_u16();
    let refusal = Some(&answer.body)
        .filter(|body| body.len() <= LARGEST_REFUSAL)
        .and_then(|body| reply::text(body).ok())
        .and_then(|text| reply::refusal(&xml::parse(text).ok()?));
    if let Some(code) = refusal.as_ref().and_then(|refusal| refusal.code).filter(|code| is_ours(*code)) {
        let said = hide(&refusal.map(|refusal| refusal.said).unwrap_or_default());
        // What it does not know itself may have been done.
        let effect = if code == 4999 { effect } else { Effect::None };
        return Some(ApiError::Code { call, status, code, said, effect });
    }
    let said = refusal.map(|refusal| hide(&refusal.said));
    match status {
        429 => Some(ApiError::Pause { call, wait, effect: Effect::None }),
        503 if wait.is_some() => Some(ApiError::Pause { call, wait, effect }),
        408 | 500.. => Some(ApiError::Status { call, status, said, effect }),
        400.. => Some(ApiError::Status { call, status, said, effect: Effect::None }),
        _ => said.map(|why| ApiError::Garbled { call, why, effect }),
    }
}

/// The codes of LabArchives.
fn is_ours(code: u32) -> bool {
    (4000..5000).contains(&code)
}

fn extracted<T>(
    call: &'static str,
    body: &[u8],
    effect: Effect,
    what: &'static str,
    of: impl Fn(&Document<'_>) -> Option<T>,
) -> Result<T, ApiError> {
    let garbled = |why: String| ApiError::Garbled { call, why, effect };
    let text = reply::text(body).map_err(garbled)?;
    // Where, not what: the text repeats the request.
    let document = xml::parse(text).map_err(|error| garbled(format!("it is no XML at {}", error.pos())))?;
    of(&document).ok_or(ApiError::Lacking { call, what, effect })
}

#[cfg(test)]
mod tests;

//! One value: what a key of some kind accepts, and how that is said when it does not.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::{DeFloat, DeInteger, DeValue};

use super::keys::Kind;

/// A value that is what its key wants.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Path(PathBuf),
    Duration(Duration),
    Integer(i64),
    Number(f64),
    Boolean(bool),
    Texts(Vec<String>),
}

/// Why a value is refused, and what to write instead; `element` is the place in a list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    pub message: String,
    pub help: Option<String>,
    pub element: Option<usize>,
    /// The value may hold a secret: do not show it.
    pub hide: bool,
}

impl Refusal {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None, element: None, hide: false }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

type Checked<T> = Result<T, Refusal>;

/// Checks a value against its kind. Relative paths start at `base`.
pub(super) fn check(kind: Kind, value: &DeValue<'_>, base: &Path) -> Checked<Value> {
    match kind {
        Kind::Text => text(value).and_then(not_blank).map(Value::Text),
        Kind::Name => text(value).and_then(name).map(Value::Text),
        Kind::Address => text(value).and_then(address).map(Value::Text),
        Kind::Path => text(value).and_then(|text| path(&text, base)).map(Value::Path),
        Kind::Word(words) => text(value).and_then(|text| word(text, words)).map(Value::Text),
        Kind::Duration { zero } => {
            let text =
                text(value).map_err(|refusal| refusal.help("write it like \"2 days\" or \"30 min\""))?;
            duration(&text, zero).map(Value::Duration)
        }
        Kind::Integer { min, max } => integer_between(value, min, max).map(Value::Integer),
        Kind::Number => number(value).map(Value::Number),
        Kind::Boolean => boolean(value).map(Value::Boolean),
        Kind::Texts => list(value, not_blank),
        Kind::Names => list(value, name),
        Kind::Addresses => list(value, address),
        Kind::Globs => list(value, glob),
        Kind::Suffixes => list(value, suffix),
        Kind::Command => command(value, base),
        Kind::Sha256 => text(value).and_then(sha256).map(Value::Text),
    }
}

/// What a value is, in words.
pub(super) fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The number, if it is in the range of TOML.
pub(super) fn to_integer(integer: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// The number, if a double holds it.
pub(super) fn to_float(float: &DeFloat<'_>) -> Option<f64> {
    float.as_str().parse().ok()
}

/// Whether this may name a plugin, harvester, extractor or destination.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
}

pub(super) const NAME_RULE: &str = "use lower-case letters, digits, `-` and `_`";

fn text(value: &DeValue<'_>) -> Checked<String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        other => {
            let refusal = Refusal::new(format!("must be text, not {}", type_name(other)));
            Err(match other {
                DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) => {
                    refusal.help("put it in quotes")
                }
                _ => refusal,
            })
        }
    }
}

fn boolean(value: &DeValue<'_>) -> Checked<bool> {
    match value {
        DeValue::Boolean(truth) => Ok(*truth),
        other => Err(Refusal::new(format!("must be true or false, not {}", type_name(other)))
            .help("write it without quotes")),
    }
}

fn not_blank(text: String) -> Checked<String> {
    if text.trim().is_empty() { Err(Refusal::new("must not be blank")) } else { Ok(text) }
}

fn name(text: String) -> Checked<String> {
    if is_name(&text) { Ok(text) } else { Err(Refusal::new("is not a name").help(NAME_RULE)) }
}

fn address(text: String) -> Checked<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    match host {
        Some(host) if host.contains('@') => Err(Refusal {
            hide: true,
            ..Refusal::new("must not hold credentials").help("give them in keys of their own")
        }),
        Some(host) if !host.is_empty() && !text.contains(char::is_whitespace) => Ok(text),
        _ => Err(Refusal::new("must be an address that begins with `https://` or `http://`")),
    }
}

fn path(text: &str, base: &Path) -> Checked<PathBuf> {
    if text.trim().is_empty() {
        return Err(Refusal::new("must not be blank"));
    }
    if text.contains('\0') {
        return Err(Refusal::new("holds a NUL character, which no path can"));
    }
    if text == "~" || text.starts_with("~/") {
        return Err(
            Refusal::new("begins with `~`, which is not expanded here").help("write the path in full")
        );
    }
    Ok(base.join(text))
}

fn word(text: String, words: &[&str]) -> Checked<String> {
    if words.contains(&text.as_str()) {
        return Ok(text);
    }
    let choices = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let refusal = Refusal::new(format!("must be one of {choices}"));
    Err(match super::suggest::nearest(&text, words.iter().copied()) {
        Some(near) => refusal.help(format!("did you mean \"{near}\"?")),
        None => refusal,
    })
}

fn duration(text: &str, zero: bool) -> Checked<Duration> {
    let duration = humantime::parse_duration(text.trim()).map_err(|error| {
        Refusal::new(format!("is not a length of time ({error})"))
            .help("write it like \"2 days\" or \"30 min\"")
    })?;
    // Times are added to dates later on: what overflows there is refused here.
    if duration > Duration::from_hours(24 * 365 * 1000) {
        return Err(Refusal::new("is longer than a thousand years"));
    }
    if duration.is_zero() && !zero {
        return Err(Refusal::new("must be longer than nothing"));
    }
    Ok(duration)
}

fn integer_between(value: &DeValue<'_>, min: i64, max: i64) -> Checked<i64> {
    let DeValue::Integer(integer) = value else {
        return Err(Refusal::new(format!("must be a whole number, not {}", type_name(value))));
    };
    match to_integer(integer) {
        Some(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(Refusal::new(format!("must be from {min} to {max}"))),
    }
}

fn number(value: &DeValue<'_>) -> Checked<f64> {
    let number = match value {
        DeValue::Float(float) => to_float(float),
        // A setting: no harm in the last digits of a number beyond 2^53.
        DeValue::Integer(integer) => integer.as_str().parse().ok().filter(|_| integer.radix() == 10),
        other => return Err(Refusal::new(format!("must be a number, not {}", type_name(other)))),
    };
    match number {
        Some(number) if number.is_finite() && number >= 0.0 => Ok(number),
        _ => Err(Refusal::new("must be a number that is zero or more")),
    }
}

fn list(value: &DeValue<'_>, element: fn(String) -> Checked<String>) -> Checked<Value> {
    let DeValue::Array(array) = value else {
        let refusal = Refusal::new(format!("must be a list, not {}", type_name(value)));
        return Err(match value {
            DeValue::String(text) => refusal.help(format!("write [{:?}]", text.as_ref())),
            _ => refusal,
        });
    };
    let checked: Checked<Vec<String>> = array
        .iter()
        .enumerate()
        .map(|(index, value)| {
            text(value.get_ref())
                .and_then(element)
                .map_err(|refusal| Refusal { element: Some(index), ..refusal })
        })
        .collect();
    checked.map(Value::Texts)
}

fn glob(text: String) -> Checked<String> {
    let text = not_blank(text)?;
    if text.contains('/') {
        return Err(Refusal::new("holds a `/`, but patterns are compared with file names"));
    }
    match globset::Glob::new(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Refusal::new(format!("is not a pattern: {}", error.kind()))),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the shape of every check")]
fn suffix(text: String) -> Checked<String> {
    let bare = text.strip_prefix("*.").or_else(|| text.strip_prefix('.')).unwrap_or(&text);
    let plain = |c: char| !matches!(c, '/' | '*' | '?' | '[' | ']' | '{' | '}') && !c.is_whitespace();
    if bare.is_empty() || !bare.chars().all(plain) {
        return Err(Refusal::new("is not a suffix such as \"tif\""));
    }
    Ok(bare.to_lowercase())
}

fn command(value: &DeValue<'_>, base: &Path) -> Checked<Value> {
    if let DeValue::String(line) = value {
        let words = line.split_whitespace().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ");
        return Err(Refusal::new("must be a list, not text").help(format!("write [{words}]")));
    }
    let Value::Texts(mut words) = list(value, Ok)? else { return Err(Refusal::new("must be a list")) };
    match words.first_mut() {
        Some(program) if !program.trim().is_empty() => {
            // A bare name is for PATH; anything with a slash is a file.
            if program.contains('/') {
                // Made of texts, hence text.
                *program = base.join(&*program).to_string_lossy().into_owned();
            }
            Ok(Value::Texts(words))
        }
        _ => Err(Refusal::new("must begin with a program")),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the shape of every check")]
fn sha256(text: String) -> Checked<String> {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(Refusal::new("must be 64 hexadecimal digits").help("`sha256sum FILE` prints them"))
    }
}

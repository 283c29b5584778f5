//! What text is a date, a number, a link …
//!
//! The rules are those of XML Schema, and for links those of libxml2, which is what readers of records use.

use std::fmt;

/// A kind of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Any text.
    Text,
    Link,
    Integer,
    Boolean,
    DateTime,
    /// One of these words.
    OneOf(Vec<String>),
}

impl Value {
    /// Whether the text is of this kind; blanks around it do not count.
    pub fn accepts(&self, text: &str) -> bool {
        let trimmed = text.trim_matches(is_blank);
        match self {
            Self::Text => true,
            Self::Link => is_link(trimmed),
            Self::Integer => is_integer(trimmed),
            Self::Boolean => matches!(trimmed, "true" | "false" | "1" | "0"),
            // libxml2 takes no time with blanks before it, though the language would.
            Self::DateTime => is_date_time(text),
            Self::OneOf(words) => words.iter().any(|word| word == trimmed),
        }
    }
}

/// Completes the sentence "… is not".
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => write!(f, "text"),
            Self::Link => {
                write!(f, "a link: `%` stands before two hexadecimal digits only, a port is a number")
            }
            Self::Integer => write!(f, "a whole number"),
            Self::Boolean => write!(f, "`true` or `false`"),
            Self::DateTime => write!(f, "a date and time like 2024-03-05T09:10:00-07:00"),
            Self::OneOf(words) => write!(f, "one of {}", words.join(", ")),
        }
    }
}

/// White space as XML knows it.
pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// `-`? year `-MM-DDThh:mm:ss` fraction? zone?
pub(crate) fn is_date_time(text: &str) -> bool {
    date_time(text).is_some()
}

fn date_time(text: &str) -> Option<()> {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (year_text, rest) = text.split_once('-')?;
    let long_with_zero = year_text.len() > 4 && year_text.starts_with('0');
    if year_text.len() < 4 || long_with_zero || !year_text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if year_text.bytes().all(|byte| byte == b'0') {
        return None;
    }
    // Whether it is a leap year shows in the last four digits: 10,000 is a multiple of 400.
    let year: u32 = year_text.get(year_text.len() - 4..)?.parse().ok()?;
    let (month, rest) = two_digits(rest)?;
    let (day, rest) = two_digits(rest.strip_prefix('-')?)?;
    let (hour, rest) = two_digits(rest.strip_prefix('T')?)?;
    let (minute, rest) = two_digits(rest.strip_prefix(':')?)?;
    let (second, rest) = two_digits(rest.strip_prefix(':')?)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count()),
        None => ("0", rest),
    };
    let midnight = hour == 24 && minute == 0 && second == 0 && fraction.bytes().all(|digit| digit == b'0');
    let good = (1..=12).contains(&month)
        && (1..=days(year, month)).contains(&day)
        && (hour < 24 || midnight)
        && minute < 60
        && second < 60
        && !fraction.is_empty();
    (good && is_zone(zone)).then_some(())
}

fn two_digits(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(2)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
    Some((digits.parse().ok()?, rest))
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(400) || year.is_multiple_of(4) && !year.is_multiple_of(100) => 29,
        2 => 28,
        _ => 31,
    }
}

fn is_zone(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(['+', '-']) else { return text.is_empty() || text == "Z" };
    let parts = || {
        let (hours, rest) = two_digits(rest)?;
        let (minutes, rest) = two_digits(rest.strip_prefix(':')?)?;
        rest.is_empty().then_some((hours, minutes))
    };
    parts().is_some_and(|(hours, minutes)| minutes < 60 && hours * 60 + minutes <= 14 * 60)
}

/// Whether libxml2 takes it for an `anyURI`: a reference by RFC 3986, where control characters, blanks,
/// ``"<>\^`{|}`` and everything beyond ASCII may stand wherever a letter may.
pub(crate) fn is_link(text: &str) -> bool {
    absolute(text) || relative(text)
}

fn absolute(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let mut letters = scheme.bytes();
    letters.next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && letters.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && hierarchy(rest, true)
}

fn relative(text: &str) -> bool {
    hierarchy(text, false)
}

/// Authority, path, query and fragment.
fn hierarchy(text: &str, colon_first: bool) -> bool {
    let (text, fragment) = cut(text, '#');
    let (text, query) = cut(text, '?');
    let (authority_good, path) = match text.strip_prefix("//") {
        Some(rest) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            (is_authority(authority), path)
        }
        None => (true, text),
    };
    let first_segment = path.split('/').next().unwrap_or_default();
    authority_good
        && (colon_first || path.starts_with('/') || !first_segment.contains(':'))
        && only(path, b":@/")
        && query.is_none_or(|query| only(query, b":@/?"))
        && fragment.is_none_or(|fragment| only(fragment, b":@/?[]"))
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn is_authority(text: &str) -> bool {
    let rest = match text.split_once('@') {
        Some((user, rest)) if only(user, b":") => rest,
        Some(_) => return false,
        None => text,
    };
    let (host_good, port) = if let Some(inner) = rest.strip_prefix('[') {
        let Some((_, port)) = inner.split_once(']') else { return false };
        (true, port)
    } else {
        let (host, port) = rest.split_at(rest.find(':').unwrap_or(rest.len()));
        (only(host, b""), port)
    };
    host_good && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.parse::<u32>().is_ok_and(|port| port < 99_999_999) && !text.starts_with('+')
}

/// Letters, digits, what RFC 3986 lets stand anywhere, whole percent escapes, and these.
fn only(text: &str, more: &[u8]) -> bool {
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    bytes.iter().enumerate().all(|(at, byte)| match byte {
        b'%' => hex(at + 1) && hex(at + 2),
        b'#' | b'?' | b'/' | b'[' | b']' | b'@' | b':' => more.contains(byte),
        _ => true,
    })
}

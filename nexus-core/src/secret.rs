//! Values that must never be shown, and the mask for texts that might hold one.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

/// What stands in the place of a secret.
pub const MASK: &str = "***";

/// A shorter value is not masked: it would turn every text into stars.
const SHORTEST_MASKED: usize = 4;

/// A token, password or key. It prints as `***` and cannot be serialised.
///
/// ```compile_fail
/// serde_json::to_string(&nexus_core::secret::Secret::new("hunter2"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps the value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself. Every call of this is a place to look at.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Knows the secrets of this run and masks them in any text. Clones share what they know.
///
/// ```
/// use nexus_core::secret::{Redactor, Secret};
///
/// let redactor = Redactor::default();
/// redactor.learn(&Secret::new("hunter2"));
/// assert_eq!(redactor.mask("token hunter2 was refused"), "token *** was refused");
/// ```
#[derive(Clone, Default)]
pub struct Redactor(Arc<RwLock<Vec<String>>>);

impl Redactor {
    /// Remembers a value, and how it looks in a URL and in JSON. Values under four characters are left out.
    pub fn learn(&self, secret: &Secret) {
        let value = secret.expose();
        if value.chars().count() < SHORTEST_MASKED {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for form in
            [value.to_owned(), percent_encoded(value, "%20"), percent_encoded(value, "+"), in_json(value)]
        {
            if !known.contains(&form) {
                known.push(form);
            }
        }
    }

    /// The text with every known value replaced by `***`.
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<Range<usize>> = known.iter().flat_map(|value| places(text, value)).collect();
        drop(known);
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_by_key(|range| range.start);
        let mut masked = String::with_capacity(text.len());
        let mut shown_to = 0;
        for range in found {
            if range.start >= shown_to {
                masked.push_str(text.get(shown_to..range.start).unwrap_or_default());
                masked.push_str(MASK);
            }
            // Overlapping values become one mask: no end of the second may stay visible.
            shown_to = shown_to.max(range.end);
        }
        masked.push_str(text.get(shown_to..).unwrap_or_default());
        Cow::Owned(masked)
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).len();
        write!(f, "Redactor({known} forms)")
    }
}

/// Every place of `value`, also overlapping ones.
fn places<'a>(text: &'a str, value: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
    let step = value.chars().next().map_or(1, char::len_utf8);
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + text.get(from..)?.find(value)?;
        from = start + step;
        Some(start..start + value.len())
    })
}

fn percent_encoded(value: &str, space: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            b' ' => encoded.push_str(space),
            _ => {
                // Writing into a String cannot fail.
                let _ = fmt::Write::write_fmt(&mut encoded, format_args!("%{byte:02X}"));
            }
        }
    }
    encoded
}

fn in_json(value: &str) -> String {
    serde_json::Value::from(value).to_string().trim_matches('"').to_owned()
}

/// An address without the user and password that some people put into it.
pub(crate) fn without_credentials(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest.get(..host_end).and_then(|host| host.rfind('@')) {
        Some(at) => format!("{scheme}://{MASK}{}", rest.get(at..).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn knowing(values: &[&str]) -> Redactor {
        let redactor = Redactor::default();
        for value in values {
            redactor.learn(&Secret::new(*value));
        }
        redactor
    }

    #[test]
    fn a_secret_never_prints() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "*** *** Some(***)");
        assert_eq!(secret.expose(), "hunter2");
        assert!(!format!("{:?}", knowing(&["hunter2"])).contains("hunter2"));
    }

    #[test]
    fn short_values_are_left_alone() {
        assert_eq!(knowing(&["abc", ""]).mask("abc and more"), "abc and more");
    }

    #[test]
    fn overlapping_values_leave_no_end_visible() {
        assert_eq!(knowing(&["abcd", "cdef"]).mask("xabcdefx"), "x***x");
        assert_eq!(knowing(&["abcdef", "bcde"]).mask("abcdef"), "***");
        assert_eq!(knowing(&["aaaa"]).mask("aaaaaa b"), "*** b");
        assert_eq!(knowing(&["abcd", "abcdef"]).mask("abcdef abcd"), "*** ***");
    }

    #[test]
    fn urls_and_json_are_masked_too() {
        let redactor = knowing(&["a b/c\"d+é"]);
        assert_eq!(redactor.mask("?key=a%20b%2Fc%22d%2B%C3%A9&x=1"), "?key=***&x=1");
        assert_eq!(redactor.mask("key=a+b%2Fc%22d%2B%C3%A9"), "key=***");
        assert_eq!(redactor.mask(r#"{"key":"a b/c\"d+é"}"#), r#"{"key":"***"}"#);
    }

    #[test]
    fn clones_share_what_they_know() {
        let first = Redactor::default();
        let second = first.clone();
        first.learn(&Secret::new("hunter2"));
        assert_eq!(second.mask("hunter2"), "***");
    }

    proptest! {
        #[test]
        fn no_known_value_is_left(values in prop::collection::vec("[ab/é ]{4,6}", 1..4), text in "[ab/é ]{0,40}") {
            let redactor = knowing(&values.iter().map(String::as_str).collect::<Vec<_>>());
            let masked = redactor.mask(&text).into_owned();
            for value in &values {
                prop_assert!(!masked.contains(value.as_str()), "{masked:?} holds {value:?}");
            }
        }
    }
}

//! What stands in the settings of several plugins: where a server is, a token, a length of time.
//!
//! Each says why a text is none, in words that fit behind its key. None of them repeats a secret.

use std::time::Duration;

use url::Url;

/// The address of a server. `place` says what is meant, to whoever wrote more than that: `it is the start page`.
///
/// # Errors
/// It is none, or holds what belongs elsewhere.
pub fn address(text: &str, place: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim()).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("it does not begin with https:// or http://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user or a password; those have settings of their own".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("it has a `?` or `#`; {place}"));
    }
    Ok(url)
}

/// A token, as it is sent.
///
/// # Errors
/// It cannot be one.
pub fn token(text: &str) -> Result<&str, &'static str> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("is not a token: it is one word of letters and digits");
    }
    Ok(text)
}

/// A length of time; `usual` if none is written.
///
/// # Errors
/// It is none.
pub fn length(text: Option<&str>, usual: &str) -> Result<Duration, String> {
    let text = text.unwrap_or(usual);
    if text.trim() == "0" {
        return Ok(Duration::ZERO);
    }
    humantime::parse_duration(text).map_err(|_| no_length(text, usual))
}

/// A length of time of which something is left; `usual` if none is written.
///
/// # Errors
/// It is none, or no time at all.
pub fn some_length(text: Option<&str>, usual: &str) -> Result<Duration, String> {
    let length = length(text, usual)?;
    if length.is_zero() { Err(no_length(text.unwrap_or(usual), usual)) } else { Ok(length) }
}

fn no_length(text: &str, usual: &str) -> String {
    format!("is `{text}`, which is no length of time such as \"{usual}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_servers() {
        let place = "it is the start page";
        assert_eq!(address(" https://X.example:443/a ", place).unwrap().as_str(), "https://x.example/a");
        for (text, why) in [
            ("", "relative"),
            ("x.example", "relative"),
            ("ftp://x/", "https://"),
            ("mailto:a@x", "https://"),
            ("https://u@x/", "a user"),
            ("https://:secret@x/", "a password"),
            ("https://x/?token=secret", place),
            ("https://x/#part", place),
        ] {
            let said = address(text, place).unwrap_err();
            assert!(said.contains(why) && !said.contains("secret"), "{text}: {said}");
        }
    }

    #[test]
    fn a_token_is_one_word() {
        assert_eq!(token(" 0123-ab_c=\n"), Ok("0123-ab_c="));
        for text in ["", " ", "two words", "tök", "a\u{7f}"] {
            assert!(token(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lengths_of_time() {
        assert_eq!(length(None, "60 s"), Ok(Duration::from_mins(1)));
        assert_eq!(length(Some("0"), "60 s"), Ok(Duration::ZERO));
        assert_eq!(some_length(Some("2 days"), "60 s"), Ok(Duration::from_hours(48)));
        for text in ["soon", "", "-1 s", "10"] {
            let said = some_length(Some(text), "60 s").unwrap_err();
            assert_eq!(said, format!("is `{text}`, which is no length of time such as \"60 s\""));
        }
        assert!(some_length(Some("0 s"), "60 s").is_err() && some_length(Some("0"), "60 s").is_err());
    }
}

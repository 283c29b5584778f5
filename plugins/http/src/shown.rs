//! An address as it is shown and logged.

use url::Url;

/// Without the query, which can be long or hold a signature, and without user, password and fragment.
#[must_use]
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Addresses that cannot have them have none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown() {
        let url = Url::parse("https://ada:word@host.x:8443/a/b/?sig=abc#part").unwrap();
        assert_eq!(shown(&url), "https://host.x:8443/a/b/");
    }
}

//! Addresses of a scheduler's API as NexusLIMS writes them into its tables.
//!
//! `<base>tools/?id=7` is an instrument, `<base>usage_events/?id=7` a session. They are compared by their parts:
//! `https://nemo.example.org/api/` is no base of `https://nemo.example.org/api/v2/tools/?id=7`.

use url::Url;

/// The root of an API: `https://nemo.example.org/api/`.
#[derive(Debug, Clone)]
pub struct ApiBase {
    url: Url,
    text: String,
}

impl PartialEq for ApiBase {
    fn eq(&self, other: &Self) -> bool {
        self.url == other.url
    }
}

impl ApiBase {
    /// Reads an address, with or without the slash at its end.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let text = if text.ends_with('/') { text.to_owned() } else { format!("{text}/") };
        let url = Url::parse(&text).map_err(|error| error.to_string())?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err("it does not begin with https:// or http://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it holds a user or a password".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("it has a `?` or `#`".to_owned());
        }
        Ok(Self { url, text })
    }

    /// As it was written, with a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The number in an address of this very API: `<base><list>/?id=7`, also written `<base><list>/7/`.
    pub fn number_in(&self, list: &str, address: &str) -> Option<u64> {
        let url = Url::parse(address.trim()).ok()?;
        if url.origin() != self.url.origin() {
            return None;
        }
        let rest = url.path().strip_prefix(self.url.path())?.trim_matches('/');
        match rest.strip_prefix(list)? {
            "" => {
                let mut ids = url.query_pairs().filter(|(key, _)| key == "id");
                let id = ids.next()?.1.parse().ok()?;
                ids.next().is_none().then_some(id)
            }
            item => item.strip_prefix('/')?.parse().ok(),
        }
    }

    /// The pages for people: the address without its last segment `api/`.
    pub fn site(&self) -> &str {
        match self.text.strip_suffix("api/") {
            Some(site) if site.ends_with('/') => site,
            _ => &self.text,
        }
    }

    /// What comes after the pages for people in an address below them; `None` if it does not lie below.
    pub fn below_site(&self, address: &str) -> Option<String> {
        let (url, site) = (Url::parse(address.trim()).ok()?, Url::parse(self.site()).ok()?);
        if url.origin() != site.origin() {
            return None;
        }
        let path = url.path().strip_prefix(site.path())?;
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let fragment = url.fragment().map(|part| format!("#{part}")).unwrap_or_default();
        Some(format!("{path}{query}{fragment}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_exact() {
        let api = ApiBase::parse("https://nemo.x/api").unwrap();
        for (address, number) in [
            ("https://nemo.x/api/usage_events/?id=7", Some(7)),
            ("https://NEMO.x:443/api/usage_events/?id=7", Some(7)),
            ("https://nemo.x/api/usage_events/7/", Some(7)),
            ("http://nemo.x/api/usage_events/?id=7", None),
            ("https://nemo.x/api/v2/usage_events/?id=7", None),
            ("https://nemo.x/api2/usage_events/?id=7", None),
            ("https://nemo.x.evil/api/usage_events/?id=7", None),
            ("https://nemo.x/api/usage_events/?id=7&id=8", None),
            ("https://nemo.x/api/usage_events/?id=", None),
            ("https://nemo.x/api/tools/?id=7", None),
            ("1f1b2c9e-63a0-4b7e-9f0e-0a1d5a0c0007", None),
        ] {
            assert_eq!(api.number_in("usage_events", address), number, "{address}");
        }
    }

    #[test]
    fn the_pages_for_people_lie_beside_the_api() {
        let api = ApiBase::parse("https://x/lab/api/").unwrap();
        assert_eq!(api.below_site("https://x/lab/calendar/tool/7/?a=1#b").unwrap(), "calendar/tool/7/?a=1#b");
        assert_eq!(api.below_site("https://x/laboratory/calendar/"), None);
        assert_eq!(api.below_site("https://y/lab/calendar/"), None);
        assert_eq!(ApiBase::parse("https://openapi/api/").unwrap().site(), "https://openapi/");
    }

    #[test]
    fn addresses_that_are_none() {
        for text in ["", "nemo.x/api/", "ftp://x/api/", "https://u:p@x/api/", "https://x/api/?id=1"] {
            assert!(ApiBase::parse(text).is_err(), "{text}");
        }
    }
}

//! The address of a NEMO API, and the addresses below it.
//!
//! Addresses are compared by their parts: `https://nemo.example.org/api/` is no base of
//! `https://nemo.example.org/api2/…`, nor of `https://nemo.example.org/api/v2/tools/?id=7`.

use nexus_plugin_http::settings;
use url::Url;

/// The root of an API: `https://nemo.example.org/api/`.
#[derive(Debug, Clone)]
pub struct ApiBase {
    url: Url,
    /// As configured, with a slash at its end: session identifiers begin with it.
    text: String,
}

impl ApiBase {
    /// Reads a configured address; says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let text = if text.ends_with('/') { text.to_owned() } else { format!("{text}/") };
        let url = settings::address(&text, "it ends with the path of the API, /api/")?;
        Ok(Self { url, text })
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The root itself.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The address of a list, without a query.
    pub fn list(&self, name: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{name}/", self.url.path()));
        url
    }

    /// What an instrument's `api_url` says.
    pub fn tool_url(&self, id: u64) -> String {
        format!("{}tools/?id={id}", self.text)
    }

    /// What is stored as the identifier of a session.
    pub fn session_identifier(&self, event: u64) -> String {
        format!("{}usage_events/?id={event}", self.text)
    }

    /// The pages for people: the address without its last segment `api/`.
    pub fn site(&self) -> &str {
        match self.text.strip_suffix("api/") {
            Some(site) if site.ends_with('/') => site,
            _ => &self.text,
        }
    }

    /// The number in an address of this very API: `<base>tools/?id=7`, also written `<base>tools/7/`.
    pub fn id_in(&self, list: &str, address: &str) -> Option<u64> {
        let url = Url::parse(address.trim()).ok()?;
        if !self.is_origin_of(&url) {
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

    /// Whether an address has the same scheme, host and port.
    pub fn is_origin_of(&self, url: &Url) -> bool {
        url.origin() == self.url.origin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> ApiBase {
        ApiBase::parse(text).unwrap()
    }

    #[test]
    fn identifiers_keep_the_address_as_it_is_written() {
        assert_eq!(
            base("https://NEMO.x/api/").session_identifier(7),
            "https://NEMO.x/api/usage_events/?id=7"
        );
        assert_eq!(base("https://nemo.x/api").tool_url(7), "https://nemo.x/api/tools/?id=7");
        assert_eq!(base("https://nemo.x/lab/api").list("users").as_str(), "https://nemo.x/lab/api/users/");
    }

    #[test]
    fn only_the_last_api_is_taken_off() {
        assert_eq!(base("https://openapi/api/").site(), "https://openapi/");
        assert_eq!(base("https://x/api/nemo/api/").site(), "https://x/api/nemo/");
        assert_eq!(base("https://x/openapi/").site(), "https://x/openapi/");
    }

    #[test]
    fn a_base_is_exact() {
        let api = base("https://nemo.x/api/");
        for (address, id) in [
            ("https://nemo.x/api/tools/?id=7", Some(7)),
            ("https://NEMO.x:443/api/tools/?id=7", Some(7)),
            ("https://nemo.x/api/tools?id=7&x=1", Some(7)),
            ("https://nemo.x/api/tools/7/", Some(7)),
            ("http://nemo.x/api/tools/?id=7", None),
            ("https://nemo.x:8443/api/tools/?id=7", None),
            ("https://nemo.x/api/v2/tools/?id=7", None),
            ("https://nemo.x/api2/tools/?id=7", None),
            ("https://nemo.x.evil/api/tools/?id=7", None),
            ("https://nemo.x/api/tools_x/?id=7", None),
            ("https://nemo.x/api/tools/?id=7&id=8", None),
            ("https://nemo.x/api/tools/?id=x", None),
            ("https://nemo.x/api/tools/", None),
            ("nonsense", None),
        ] {
            assert_eq!(api.id_in("tools", address), id, "{address}");
        }
    }

    #[test]
    fn addresses_that_are_none() {
        for text in [
            "",
            "nemo.x/api/",
            "ftp://x/api/",
            "https://u:p@x/api/",
            "https://x/api/?id=1",
            "https://x/api/#a",
        ] {
            assert!(ApiBase::parse(text).is_err(), "{text}");
        }
    }
}

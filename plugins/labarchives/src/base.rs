//! The address of the API, and the addresses of pages for people.

use nexus_plugin_http::settings;
use url::{Host, Url};

/// API hosts and where people of the same region read their notebooks.
const REGIONS: [(&str, &str); 5] = [
    ("api.labarchives.com", "mynotebook.labarchives.com"),
    ("auapi.labarchives.com", "au-mynotebook.labarchives.com"),
    ("ukapi.labarchives.com", "uk-mynotebook.labarchives.com"),
    ("euapi.labarchives.com", "eu-mynotebook.labarchives.com"),
    ("caapi.labarchives.com", "ca-mynotebook.labarchives.com"),
];

/// The last part of the path of every API address.
const API: &str = "/api";

/// Where the API is: `https://api.labarchives.com/api`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Without a slash at its end.
    text: String,
    /// Where people read notebooks, without a slash at its end.
    web: String,
}

impl Base {
    /// Reads a configured address; says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut url = settings::address(text, "it is the address of the API")?;
        let loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        if url.scheme() != "https" && !loopback {
            return Err("it does not begin with https://".to_owned());
        }
        let host = url.host_str().unwrap_or_default();
        if let Some((api, _)) = REGIONS.iter().find(|(_, web)| host == *web) {
            return Err(format!("that is where people read notebooks; the API is at https://{api}{API}"));
        }
        let web_host = REGIONS.iter().find(|(api, _)| host == *api).map(|(_, web)| *web);
        let path = url.path().trim_end_matches('/').to_owned();
        let root = path.strip_suffix(API).unwrap_or(&path).to_owned();
        url.set_path(&format!("{root}{API}"));
        let text = url.to_string();
        let web = match web_host {
            Some(web) => format!("https://{web}"),
            None => text.strip_suffix(API).unwrap_or(&text).to_owned(),
        };
        Ok(Self { text, web })
    }

    /// The canonical form: lower-case host, no default port, `/api` at the end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where people read notebooks.
    pub fn web(&self) -> &str {
        &self.web
    }

    /// A call, with these pairs in the query.
    pub fn at(&self, call: &str, query: &[(&str, &str)]) -> Result<Url, url::ParseError> {
        let mut url = Url::parse(&format!("{}/{call}", self.text))?;
        let pairs: Vec<String> =
            query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        url.set_query(Some(&pairs.join("&")));
        Ok(url)
    }

    /// The page of a notebook, for people; as far as is known, since the vendor does not describe it.
    pub fn page(&self, notebook: &str, page: &str) -> String {
        format!("{}/#/{}/{}", self.web, encoded(notebook), encoded(page))
    }

    /// Notebook and page of an address that [`Self::page`] made.
    pub fn page_of(&self, link: &str) -> Option<(String, String)> {
        let (notebook, page) = link.strip_prefix(&self.web)?.strip_prefix("/#/")?.split_once('/')?;
        Some((decoded(notebook), decoded(page)))
            .filter(|(notebook, page)| !notebook.is_empty() && !page.is_empty())
    }
}

/// Percent-encoded, except what may stand anywhere in an address. A blank is `%20`, which everybody reads as a blank.
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            const DIGITS: [char; 16] =
                ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
            let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or('0');
            encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded
}

/// Without percent-encoding; what is none stays as it stands.
pub fn decoded(text: &str) -> String {
    let digit =
        |byte: Option<&u8>| char::from(*byte?).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair = if byte == b'%' { digit(bytes.get(at + 1)).zip(digit(bytes.get(at + 2))) } else { None };
        match pair {
            Some((high, low)) => decoded.push(high << 4 | low),
            None => decoded.push(byte),
        }
        at += if pair.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_api_has_one_address() {
        for text in [
            "https://api.labarchives.com/api",
            " https://API.labarchives.com/api/ ",
            "https://api.labarchives.com",
            "https://api.labarchives.com:443//",
        ] {
            assert_eq!(Base::parse(text).unwrap().as_str(), "https://api.labarchives.com/api", "{text}");
        }
        let own = Base::parse("https://eln.x/labs/api").unwrap();
        assert_eq!((own.as_str(), own.web()), ("https://eln.x/labs/api", "https://eln.x/labs"));
    }

    #[test]
    fn every_region_has_its_own_pages() {
        for (api, web) in REGIONS {
            let base = Base::parse(&format!("https://{api}/api")).unwrap();
            assert_eq!(base.page("a=", "b/c"), format!("https://{web}/#/a%3D/b%2Fc"));
            assert!(Base::parse(&format!("https://{web}/")).unwrap_err().contains(api));
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for text in ["http://127.0.0.1:8080/api", "http://localhost/api", "http://[::1]:9/"] {
            assert!(Base::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "api.labarchives.com",
            "http://x/api",
            "https://u:w@x/",
            "https://x/?a=1",
            "https://x/#y",
            "https://",
        ] {
            assert!(Base::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_query_keeps_what_ids_are_made_of() {
        let base = Base::parse("http://127.0.0.1:1").unwrap();
        let url = base.at("users/max_file_size", &[("uid", "7|a+b/c="), ("name", "a b — c&d")]).unwrap();
        assert_eq!(
            url.as_str(),
            "http://127.0.0.1:1/api/users/max_file_size?uid=7%7Ca%2Bb%2Fc%3D&name=a%20b%20%E2%80%94%20c%26d"
        );
    }

    proptest! {
        #[test]
        fn a_link_says_which_page(notebook in "\\PC{1,20}", page in "\\PC{1,20}") {
            let base = Base::parse("https://api.labarchives.com").unwrap();
            let link = base.page(&notebook, &page);
            prop_assert_eq!(base.page_of(&link), Some((notebook, page)));
        }

        #[test]
        fn queries_come_back(value in any::<String>()) {
            let base = Base::parse("https://x").unwrap();
            let url = base.at("a/b", &[("k", &value)]).unwrap();
            let (_, back) = url.query_pairs().next().unwrap();
            prop_assert_eq!(back.as_ref(), value.as_str());
            let _ = decoded(&value);
        }
    }
}

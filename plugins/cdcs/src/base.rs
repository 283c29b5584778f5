//! The address of a CDCS site, and the addresses below it.

use nexus_plugin_http::settings;
use url::Url;

/// The start page of a site: `https://host.example/` or, below another site, `https://host.example/cdcs/`.
#[derive(Debug, Clone)]
pub struct Base {
    /// With a slash at its end.
    text: String,
}

impl Base {
    /// Reads a configured address; says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let text = if text.ends_with('/') { text.to_owned() } else { format!("{text}/") };
        let url = settings::address(&text, "it is the address of the start page")?;
        Ok(Self { text: url.to_string() })
    }

    /// The canonical form: lower-case host, no default port, a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What lies at this path below it. The server tells `…/` from `…`: a slash at the end stays as it is.
    pub fn at(&self, path: &str) -> Result<Url, url::ParseError> {
        Url::parse(&format!("{}{path}", self.text))
    }

    /// The page of a record, for people.
    pub fn page(&self, record: u64) -> String {
        format!("{}data?id={record}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_site_has_one_address() {
        for text in ["https://CDCS.x", " https://cdcs.x/ ", "https://cdcs.x:443/"] {
            assert_eq!(Base::parse(text).unwrap().as_str(), "https://cdcs.x/", "{text}");
        }
    }

    #[test]
    fn a_site_below_another_stays_there() {
        let base = Base::parse("http://host.x:8080/some/cdcs").unwrap();
        assert_eq!(base.at("rest/data/").unwrap().as_str(), "http://host.x:8080/some/cdcs/rest/data/");
        assert_eq!(
            base.at("rest/data/7/assign/1").unwrap().as_str(),
            "http://host.x:8080/some/cdcs/rest/data/7/assign/1"
        );
        assert_eq!(base.page(7), "http://host.x:8080/some/cdcs/data?id=7");
    }

    #[test]
    fn addresses_that_are_none() {
        for text in ["", "cdcs.x", "ftp://x", "https://", "https://u:w@x/", "https://x/?a=1", "https://x/#y"]
        {
            assert!(Base::parse(text).is_err(), "{text}");
        }
    }
}

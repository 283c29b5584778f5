//! Addresses: of a site, of the lists below it, and what stands in a query.

use std::fmt::Write as _;

use nexus_plugin_http::settings;
use url::Url;

/// Which interface of SharePoint is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `_api/web/lists` of a SharePoint server, 2013 and later, or online.
    Rest,
    /// Microsoft Graph.
    Graph,
}

/// What to use instead of the interface that is not spoken.
pub const INSTEAD_OF_LISTDATA: &str = "ListData.svc is not read: set `address` to the site, `api` to \"rest\", and \
                                       name the list under `lists` by its title; it is read by `_api/web/lists` then";

/// The address of a site: what comes before `/_api/`, or a site (or group, or user) of Microsoft Graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Without a slash at its end.
    text: String,
    url: Url,
}

impl Site {
    /// Reads a configured address; says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = settings::address(text, "it ends with the path of the site")?;
        if is_listdata(&url) {
            return Err(INSTEAD_OF_LISTDATA.to_owned());
        }
        let text = url.as_str().trim_end_matches('/');
        let text = text.split_once("/_api").map_or(text, |(site, _)| site).to_owned();
        Ok(Self { text, url })
    }

    /// Without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is of Microsoft's public cloud.
    pub fn is_graph(&self) -> bool {
        self.url.host_str() == Some("graph.microsoft.com")
    }

    /// Whether Microsoft runs it, who wants to know who asks.
    pub fn is_online(&self) -> bool {
        self.is_graph() || self.url.host_str().is_some_and(|host| host.ends_with(".sharepoint.com"))
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Whether an address has the same scheme, host and port.
    pub fn is_origin_of(&self, url: &Url) -> bool {
        url.origin() == self.url.origin()
    }

    /// What follows this address in another one, at a path boundary.
    pub fn rest_of<'a>(&self, url: &'a Url) -> Option<&'a str> {
        if !self.is_origin_of(url) {
            return None;
        }
        let base = self.text.strip_prefix(&self.origin()).unwrap_or_default();
        let path = url.path();
        let (head, rest) = (path.get(..base.len())?, path.get(base.len()..)?);
        // SharePoint does not tell capitals in paths.
        (head.eq_ignore_ascii_case(base) && (rest.is_empty() || rest.starts_with('/'))).then_some(rest)
    }
}

/// A list, or a calendar of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListAddress {
    /// Of the list itself, without `/items`.
    pub url: Url,
    /// What it is.
    pub kind: ListKind,
    /// Only items with this value in this column are the instrument's.
    pub filter: Option<(String, String)>,
}

/// What kind of calendar it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    /// A list, by `_api`.
    Rest,
    /// A list, by Microsoft Graph.
    Graph,
    /// The calendar of a group or a mailbox, by Microsoft Graph, which expands recurrences.
    CalendarView,
}

impl ListAddress {
    /// What a facility wrote under `lists`: the title of a list, its GUID, or its whole address, each with
    /// `#column=value` behind it or not.
    pub fn named(site: &Site, api: Api, name: &str) -> Result<Self, String> {
        let name = name.trim();
        if name.starts_with("https://") || name.starts_with("http://") {
            let url = Url::parse(name).map_err(|error| error.to_string())?;
            if !site.is_origin_of(&url) {
                return Err(format!("it is not at {}, where the credentials are sent", site.origin()));
            }
            return Self::whole(url, api);
        }
        let (name, filter) =
            match name.rsplit_once('#').and_then(|(name, part)| Some((name, fragment(part)?))) {
                Some((name, filter)) => (name.trim(), Some(filter)),
                None => (name, None),
            };
        if name.is_empty() {
            return Err("it names no list".to_owned());
        }
        let guid = name.trim_start_matches('{').trim_end_matches('}');
        let is_guid = uuid::Uuid::try_parse(guid).is_ok() && guid.len() == 36;
        let (kind, path) = match (api, is_guid) {
            (Api::Rest, true) => (ListKind::Rest, format!("/_api/web/lists(guid'{guid}')")),
            (Api::Rest, false) => (ListKind::Rest, format!("/_api/web/lists/getbytitle({})", quoted(name))),
            (Api::Graph, true) => (ListKind::Graph, format!("/lists/{guid}")),
            (Api::Graph, false) => (ListKind::Graph, format!("/lists/{}", encoded(name))),
        };
        let url = Url::parse(&format!("{}{path}", site.as_str())).map_err(|error| error.to_string())?;
        Ok(Self { url, kind, filter })
    }

    /// The whole address of a list.
    pub fn whole(mut url: Url, api: Api) -> Result<Self, String> {
        if is_listdata(&url) {
            return Err(INSTEAD_OF_LISTDATA.to_owned());
        }
        let filter = url.fragment().map(unescaped);
        let filter =
            match filter.as_deref().filter(|text| !text.is_empty()) {
                None => None,
                Some(text) => Some(fragment(text).ok_or_else(|| {
                    format!("behind its `#` stands `{text}`; it takes the form #column=value")
                })?),
            };
        url.set_fragment(None);
        url.set_query(None);
        let mut path = url.path().trim_end_matches('/').to_owned();
        for tail in ["/items", "/Items"] {
            if let Some(shorter) = path.strip_suffix(tail) {
                path = shorter.to_owned();
            }
        }
        url.set_path(&path);
        let lower = path.to_ascii_lowercase();
        let kind = match api {
            Api::Graph if lower.ends_with("/calendarview") => ListKind::CalendarView,
            Api::Graph if lower.rsplit_once("/lists/").is_some_and(|(_, list)| !list.contains('/')) => {
                ListKind::Graph
            }
            Api::Graph => {
                return Err("it takes the form …/sites/ID/lists/ID or …/groups/ID/calendarView".to_owned());
            }
            Api::Rest if is_rest_list(&lower) => ListKind::Rest,
            Api::Rest => {
                return Err("it takes the form …/_api/web/lists/getbytitle('TITLE')".to_owned());
            }
        };
        Ok(Self { url, kind, filter })
    }

    /// The site it belongs to, without a slash at its end.
    pub fn site(&self) -> &str {
        let text = self.url.as_str();
        match self.kind {
            ListKind::Rest => text.split_once("/_api/").map_or(text, |(site, _)| site),
            ListKind::Graph => text.rsplit_once("/lists/").map_or(text, |(site, _)| site),
            ListKind::CalendarView => text,
        }
    }

    /// An address below the list, with a query that stands as it is.
    pub fn below(&self, path: &str, query: &str) -> Url {
        let mut url = self.url.clone();
        if !path.is_empty() {
            url.set_path(&format!("{}{path}", self.url.path()));
        }
        if !query.is_empty() {
            url.set_query(Some(query));
        }
        url
    }
}

fn is_listdata(url: &Url) -> bool {
    url.path().to_ascii_lowercase().contains("/listdata.svc")
}

/// `/_api/web/lists/getbytitle('…')`, `/_api/web/lists(guid'…')`, `/_api/lists(…)`, `/_api/web/getlist('…')`.
fn is_rest_list(path: &str) -> bool {
    let Some((_, rest)) = path.split_once("/_api/") else { return false };
    let rest = rest.strip_prefix("web/").unwrap_or(rest);
    rest.strip_prefix("lists").is_some_and(|rest| rest.len() > 1) || rest.starts_with("getlist(")
}

fn fragment(text: &str) -> Option<(String, String)> {
    let (column, value) = text.split_once('=')?;
    let (column, value) = (column.trim(), value.trim());
    (!column.is_empty() && !value.is_empty()).then(|| (column.to_owned(), value.to_owned()))
}

/// Percent escapes as the text they stand for.
fn unescaped(text: &str) -> String {
    // A form decoder takes `+` for a blank, which it is not here.
    let text = text.replace('+', "%2B");
    let mut pairs = url::form_urlencoded::parse(text.as_bytes());
    let whole = pairs.next().map(|(key, value)| match value.as_ref() {
        "" => key.into_owned(),
        value => format!("{key}={value}"),
    });
    pairs.fold(whole.unwrap_or_default(), |whole, (key, value)| {
        if value.is_empty() { format!("{whole}&{key}") } else { format!("{whole}&{key}={value}") }
    })
}

/// A text in single quotes, as OData has it: quotes in it are doubled. Escaped.
pub fn quoted(text: &str) -> String {
    format!("'{}'", encoded(&text.replace('\'', "''")))
}

/// Percent escapes for whatever has a meaning of its own in an address; signs that only OData knows stay as they are.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b'\''
            | b'('
            | b')'
            | b','
            | b':'
            | b'$'
            | b'*' => out.push(char::from(byte)),
            _ => {
                // Writing to a text cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// A query of these pairs.
pub fn query(pairs: &[(&str, &str)]) -> String {
    // `/` and `=` need no escape in a value, and people read these lines in logs.
    let value = |text: &str| encoded(text).replace("%2F", "/");
    pairs.iter().map(|(name, text)| format!("{name}={}", value(text))).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        Site::parse("https://sp.example.org/sites/microscopy/").unwrap()
    }

    #[test]
    fn a_list_is_named_by_title_guid_or_address() {
        let named =
            |name: &str| ListAddress::named(&site(), Api::Rest, name).map(|list| list.url.to_string());
        let base = "https://sp.example.org/sites/microscopy/_api/web/lists";
        assert_eq!(named("FEI Titan Events").unwrap(), format!("{base}/getbytitle('FEI%20Titan%20Events')"));
        assert_eq!(named("Ada's 100%").unwrap(), format!("{base}/getbytitle('Ada''s%20100%25')"));
        let guid = "362c29ab-53ce-5028-8d6d-f4119b612de7";
        assert_eq!(named(&format!("{{{guid}}}")).unwrap(), format!("{base}(guid'{guid}')"));
        assert_eq!(
            named(&format!("{base}/getbytitle('T')/items?x=1")).unwrap(),
            format!("{base}/getbytitle('T')")
        );
        assert!(named("https://other.example.org/_api/web/lists/getbytitle('T')").is_err());
        assert!(named("https://sp.example.org/sites/microscopy/Lists/T/calendar.aspx").is_err());
        let old = named("https://sp.example.org/sites/microscopy/_vti_bin/ListData.svc/FEITitanTEMEvents");
        assert!(old.unwrap_err().contains("ListData.svc is not read"));
    }

    #[test]
    fn graph_has_lists_and_calendars() {
        let graph = Site::parse("https://graph.microsoft.com/v1.0/sites/a,b,c").unwrap();
        let list = ListAddress::named(&graph, Api::Graph, "Titan Events").unwrap();
        assert_eq!(list.url.as_str(), "https://graph.microsoft.com/v1.0/sites/a,b,c/lists/Titan%20Events");
        assert_eq!(list.site(), "https://graph.microsoft.com/v1.0/sites/a,b,c");
        let whole =
            |text: &str| ListAddress::whole(Url::parse(text).unwrap(), Api::Graph).map(|list| list.kind);
        assert_eq!(
            whole("https://graph.microsoft.com/v1.0/groups/1/calendarView"),
            Ok(ListKind::CalendarView)
        );
        assert_eq!(whole("https://graph.microsoft.com/v1.0/sites/x/lists/y/items"), Ok(ListKind::Graph));
        assert!(whole("https://graph.microsoft.com/v1.0/sites/x").is_err());
    }

    #[test]
    fn a_column_that_tells_instruments_apart_is_never_sent() {
        let list = ListAddress::named(&site(), Api::Rest, "Bookings#Instrument=Titan #2").unwrap();
        assert_eq!(list.filter, None, "no column in `2`: it is all title");
        let list = ListAddress::named(&site(), Api::Rest, "Bookings#Instrument=Titan").unwrap();
        assert_eq!(list.filter, Some(("Instrument".into(), "Titan".into())));
        assert!(!list.below("/items", "").as_str().contains('#'));
        let url = "https://sp.example.org/_api/web/lists/getbytitle('B')#Tool_x0020_Name=FEI%20Titan+=1";
        let list = ListAddress::whole(Url::parse(url).unwrap(), Api::Rest).unwrap();
        assert_eq!(list.filter, Some(("Tool_x0020_Name".into(), "FEI Titan+=1".into())));
    }

    #[test]
    fn a_site_ends_at_a_path_boundary() {
        let rest = |text: &str| site().rest_of(&Url::parse(text).unwrap()).map(str::to_owned);
        assert_eq!(rest("https://SP.example.org/Sites/Microscopy/_api/x").as_deref(), Some("/_api/x"));
        assert_eq!(rest("https://sp.example.org/sites/microscopy2/_api/x"), None);
        assert_eq!(rest("https://sp.example.org:8443/sites/microscopy/_api/x"), None);
        assert_eq!(Site::parse("https://sp.x/s/_api/web").unwrap().as_str(), "https://sp.x/s");
        for text in
            ["", "sp.x", "ftp://x", "https://u:p@x/", "https://x/?a=1", "https://x/_vti_bin/ListData.svc/"]
        {
            assert!(Site::parse(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_name_is_a_list_or_refused(name in "\\PC{0,40}") {
            for api in [Api::Rest, Api::Graph] {
                if let Ok(list) = ListAddress::named(&site(), api, &name) {
                    proptest::prop_assert!(list.url.as_str().starts_with("https://sp.example.org/"));
                    proptest::prop_assert!(list.url.query().is_none() && list.url.fragment().is_none());
                }
            }
        }
    }
}

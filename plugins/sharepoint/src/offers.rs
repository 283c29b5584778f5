//! The calendars of a site, as instruments that can be imported.

use chrono_tz::Tz;
use nexus_plugin_api::{Call, InstrumentOffer};
use serde_json::Value;
use url::Url;

use crate::SharePointHarvester;
use crate::address::{Api, query};
use crate::calendar::site_zone;
use crate::check::is_true;
use crate::client::ClientError;

/// What SharePoint calls a list that is a calendar.
const CALENDAR: i64 = 106;

/// Every calendar that the account can see.
pub fn calendars(sharepoint: &SharePointHarvester, call: &Call) -> Result<Vec<InstrumentOffer>, ClientError> {
    let site = sharepoint.settings.site.as_str();
    let (path, select) = match sharepoint.settings.api {
        Api::Rest => ("/_api/web/lists", "Id,Title,BaseTemplate,Hidden,DefaultViewUrl"),
        Api::Graph => ("/lists", "id,displayName,webUrl,list"),
    };
    let Ok(mut url) = Url::parse(&format!("{site}{path}")) else { return Ok(Vec::new()) };
    url.set_query(Some(&query(&[("$select", select)])));
    let rows = sharepoint.client.list(call, &url, &[])?;
    let offer = |row: &Value| match sharepoint.settings.api {
        Api::Rest => of_rest(site, row),
        Api::Graph => of_graph(site, row),
    };
    let mut offers: Vec<InstrumentOffer> = rows.iter().filter_map(offer).collect();
    offers.sort_by(|a, b| (&a.name, &a.api_url).cmp(&(&b.name, &b.api_url)));
    Ok(offers)
}

/// The same, each with the zone of the site.
pub fn offers(sharepoint: &SharePointHarvester, call: &Call) -> Result<Vec<InstrumentOffer>, ClientError> {
    let mut offers = calendars(sharepoint, call)?;
    let zone: Option<Tz> = match (sharepoint.settings.timezone, sharepoint.settings.api) {
        (Some(zone), _) => Some(zone),
        (None, Api::Graph) => None,
        (None, Api::Rest) if offers.is_empty() => None,
        (None, Api::Rest) => {
            site_zone(sharepoint, call, sharepoint.settings.site.as_str()).ok().and_then(Result::ok)
        }
    };
    for offer in &mut offers {
        offer.timezone = zone.map(|zone| zone.name().to_owned());
    }
    Ok(offers)
}

fn of_rest(site: &str, row: &Value) -> Option<InstrumentOffer> {
    let text = |key: &str| Some(row.get(key)?.as_str()?.trim().to_owned()).filter(|text| !text.is_empty());
    if crate::row::whole(row.get("BaseTemplate")?) != Some(CALENDAR) || is_true(row, "Hidden") {
        return None;
    }
    let page =
        text("DefaultViewUrl").and_then(|page| Some(Url::parse(site).ok()?.join(&page).ok()?.to_string()));
    Some(InstrumentOffer {
        api_url: format!("{site}/_api/web/lists(guid'{}')", text("Id")?.to_lowercase()),
        name: text("Title")?,
        location: None,
        calendar_url: page,
        timezone: None,
    })
}

fn of_graph(site: &str, row: &Value) -> Option<InstrumentOffer> {
    let text = |key: &str| Some(row.get(key)?.as_str()?.trim().to_owned()).filter(|text| !text.is_empty());
    let about = row.get("list")?;
    if about.get("template").and_then(Value::as_str) != Some("events") || is_true(about, "hidden") {
        return None;
    }
    Some(InstrumentOffer {
        api_url: format!("{site}/lists/{}", text("id")?),
        name: text("displayName")?,
        location: None,
        calendar_url: text("webUrl"),
        timezone: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_calendars_are_offered() {
        let row = json!({
            "Id": "362C29AB-53CE-5028-8D6D-F4119B612DE7", "Title": "Titan", "BaseTemplate": 106, "Hidden": false,
            "DefaultViewUrl": "/sites/m/Lists/Titan Events/calendar.aspx"
        });
        let offer = of_rest("https://sp.x/sites/m", &row).unwrap();
        assert_eq!(
            offer.api_url,
            "https://sp.x/sites/m/_api/web/lists(guid'362c29ab-53ce-5028-8d6d-f4119b612de7')"
        );
        assert_eq!(offer.calendar_url.unwrap(), "https://sp.x/sites/m/Lists/Titan%20Events/calendar.aspx");
        let mut other = row;
        other["BaseTemplate"] = json!(101);
        assert!(of_rest("https://sp.x/sites/m", &other).is_none());
        let graph =
            json!({"id": "1", "displayName": "Titan", "webUrl": "https://x", "list": {"template": "events"}});
        assert_eq!(of_graph("https://g/sites/a", &graph).unwrap().api_url, "https://g/sites/a/lists/1");
        assert!(
            of_graph("https://g/sites/a", &json!({"id": "1", "list": {"template": "genericList"}})).is_none()
        );
    }
}

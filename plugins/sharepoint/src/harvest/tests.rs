//! Tests of what needs no server.

use serde_json::json;

use super::*;

#[test]
fn without_sessions_nothing_is_said_of_any_time() {
    let settings = json!({"address": "https://sp.example.org/sites/m", "auth": "none"});
    let sharepoint = crate::tests::harvester(&settings);
    let instrument =
        crate::tests::instrument("TITAN", "https://sp.example.org/sites/m/_api/web/lists/getbytitle('T')");
    let query = nexus_plugin_api::InstrumentQuery { instrument, cursor: Some("kept".into()) };
    let request = HarvestRequest { instruments: vec![query], ..HarvestRequest::default() };
    let page = harvest(&sharepoint, &Call::unlimited("/"), &request).unwrap();
    assert!(page.events.is_empty() && page.more.is_none());
    let [one] = page.instruments.as_slice() else { panic!("one instrument") };
    assert_eq!((one.covered_from, one.cursor.as_deref()), (one.covered_to, Some("kept")));
}

//! What tests of several rooms share.

use nexus_plugin_api::InstrumentRef;
use serde_json::Value;

use super::*;

/// A harvester with these settings; nothing is asked before it is used.
pub(crate) fn harvester(settings: &Value) -> SharePointHarvester {
    SharePointHarvester::new(Settings::read(settings).unwrap(), Arc::new(SystemPause)).unwrap()
}

/// An instrument in New York.
pub(crate) fn instrument(pid: &str, api_url: &str) -> InstrumentRef {
    InstrumentRef {
        pid: pid.into(),
        display_name: pid.into(),
        api_url: api_url.into(),
        timezone: "America/New_York".into(),
        location: String::new(),
    }
}

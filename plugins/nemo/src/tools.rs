//! The tools of a server.

use std::collections::BTreeMap;

use nexus_plugin_api::{Call, InstrumentOffer};

use crate::client::{Client, ClientError, Query};
use crate::model::Tool;
use crate::settings::Settings;

/// The tools with these numbers, as far as the server knows them.
pub fn known(client: &Client, call: &Call, numbers: &[u64]) -> Result<BTreeMap<u64, Tool>, ClientError> {
    let query = Query::default().with("fields", Tool::FIELDS);
    let rows = client.by_id(call, "tools", &query, numbers)?;
    Ok(rows.iter().filter_map(Tool::read).map(|tool| (tool.id, tool)).collect())
}

/// Every tool, as an instrument that can be imported.
pub fn offers(
    client: &Client,
    call: &Call,
    settings: &Settings,
) -> Result<Vec<InstrumentOffer>, ClientError> {
    let rows = client.list(call, "tools", &Query::default().with("fields", Tool::FIELDS))?;
    let mut tools: Vec<Tool> = rows.iter().filter_map(Tool::read).collect();
    tools.sort_by_key(|tool| tool.id);
    let offer = |tool: Tool| InstrumentOffer {
        api_url: settings.base.tool_url(tool.id),
        name: tool.name,
        location: tool.location,
        calendar_url: Some(format!("{}calendar/tool/{}/", settings.base.site(), tool.id)),
        timezone: None,
    };
    Ok(tools.into_iter().map(offer).collect())
}

//! Connections: time-outs, certificates, proxies.

use std::time::Duration;

use nexus_plugin_api::PluginError;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy};

use crate::connection::Connection;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// Makes what holds the connections.
pub fn agent(settings: &Connection, version: &str) -> Result<Agent, PluginError> {
    let plugin = settings.plugin;
    let roots = match &settings.ca_bundle {
        None => RootCerts::PlatformVerifier,
        Some(path) => {
            let shown = path.display();
            let pem = std::fs::read(path).map_err(|error| {
                PluginError::permanent(format!(
                    "settings of {plugin}: failed to read `ca_bundle` {shown}: {error}"
                ))
            })?;
            let certificates: Vec<Certificate<'static>> = parse_pem(&pem)
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(certificate),
                    _ => None,
                })
                .collect();
            if certificates.is_empty() {
                return Err(PluginError::permanent(format!(
                    "settings of {plugin}: `ca_bundle` {shown} holds no certificate"
                ))
                .with_hint("it takes a PEM file: -----BEGIN CERTIFICATE-----"));
            }
            RootCerts::from(certificates)
        }
    };
    let proxy = match &settings.proxy {
        None => Proxy::try_from_env(),
        Some(address) => Some(Proxy::new(address).map_err(|_| {
            PluginError::permanent(format!(
                "settings of {plugin}: `proxy` is `{address}`, which is no address such as http://proxy:3128"
            ))
        })?),
    };
    let config = Agent::config_builder()
        .http_status_as_error(false)
        // Followed by hand: a GET only, and on its own origin.
        .max_redirects(0)
        .timeout_connect(Some(CONNECT))
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .proxy(proxy)
        .user_agent(format!("nexus-{plugin}/{version}"))
        .build();
    Ok(config.new_agent())
}

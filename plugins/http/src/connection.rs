//! The settings that every plugin with a server has.

use std::path::PathBuf;
use std::time::Duration;

use nexus_plugin_api::PluginError;
use serde_json::{Value, json};

use crate::settings::some_length;

/// How a server is reached.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Name of the plugin: stands in messages and in the user agent.
    pub plugin: &'static str,
    /// Certificates to trust instead of the system's, PEM.
    pub ca_bundle: Option<PathBuf>,
    /// The proxy; `None`: as the environment says.
    pub proxy: Option<String>,
    /// How long an answer may take.
    pub timeout: Duration,
}

impl Connection {
    /// The keys of these settings in a plugin's own table.
    pub const KEYS: [&'static str; 3] = ["ca_bundle", "proxy", "timeout"];

    /// Checks what can be checked without the network.
    ///
    /// `usual` is the time-out if none is written.
    ///
    /// # Errors
    /// The proxy holds a password, which would be shown with the settings; or the time-out is no length of time.
    pub fn new(
        plugin: &'static str,
        ca_bundle: Option<PathBuf>,
        proxy: Option<String>,
        timeout: Option<&str>,
        usual: &str,
    ) -> Result<Self, PluginError> {
        let timeout = some_length(timeout, usual)
            .map_err(|why| PluginError::permanent(format!("settings of {plugin}: `timeout` {why}")))?;
        if proxy.as_ref().is_some_and(|proxy| proxy.contains('@')) {
            return Err(PluginError::permanent(format!(
                "settings of {plugin}: `proxy` holds a user or a password"
            ))
            .with_hint("set the environment variable HTTPS_PROXY instead"));
        }
        Ok(Self { plugin, ca_bundle, proxy, timeout })
    }

    /// Adds these settings to the properties of a plugin's JSON Schema. `timeout` is what holds if nothing is said.
    pub fn describe(schema: &mut Value, timeout: &str) {
        let ours = json!({
            "ca_bundle": {
                "type": "string",
                "format": "path",
                "description": "A PEM file with the certificates to trust, instead of the system's."
            },
            "proxy": {
                "type": "string",
                "description": "http://proxy.example.org:3128 or socks5://…; left out, HTTPS_PROXY, HTTP_PROXY, \
                                ALL_PROXY and NO_PROXY of the environment hold."
            },
            "timeout": {
                "type": "string",
                "default": timeout,
                "description": "How long one answer of the server may take."
            }
        });
        if let (Some(all), Value::Object(ours)) =
            (schema.get_mut("properties").and_then(Value::as_object_mut), ours)
        {
            all.extend(ours);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_names_every_key() {
        let mut schema = json!({"properties": {"url": {}}});
        Connection::describe(&mut schema, "60 s");
        let names: Vec<_> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names[1..], Connection::KEYS);
    }

    #[test]
    fn a_password_is_refused_and_not_repeated() {
        let proxy = Some("http://u:secret@p:1/".to_owned());
        let error = Connection::new("x", None, proxy, None, "60 s").unwrap_err();
        assert!(error.to_string().contains("`proxy`") && !error.to_string().contains("secret"));
        assert!(error.hint.is_some());
    }

    #[test]
    fn a_time_out_is_a_length_of_time() {
        let timeout = |text| Connection::new("x", None, None, text, "60 s").map(|settings| settings.timeout);
        assert_eq!(timeout(None), Ok(Duration::from_mins(1)));
        assert_eq!(timeout(Some("5 s")), Ok(Duration::from_secs(5)));
        let said = timeout(Some("0 s")).unwrap_err().to_string();
        assert!(said.contains("settings of x: `timeout` is `0 s`"), "{said}");
    }
}

//! How nexus says who it is.

use std::path::PathBuf;

use nexus_plugin_api::PluginError;
use nexus_plugin_http::settings;
use serde::Deserialize;
use url::Url;

use super::wrong;
use crate::address::{Api, Site};

/// Where Microsoft gives out tokens.
const LOGIN: &str = "https://login.microsoftonline.com";

/// How nexus says who it is. Holds secrets, so it is never shown.
pub enum Auth {
    /// Not at all.
    Nobody,
    /// User and password with every request.
    Basic {
        /// The account.
        user: String,
        /// Its password.
        password: String,
    },
    /// A token that somebody else renews.
    Bearer(String),
    /// A token that is asked for as an app.
    Token(TokenAuth),
}

/// An app, and how it proves to be itself.
pub struct TokenAuth {
    /// Where tokens are given out.
    pub url: Url,
    /// The app's number.
    pub client_id: String,
    /// What the token is for.
    pub scope: String,
    /// How it proves to be itself.
    pub proof: Proof,
}

/// How an app proves to be itself.
pub enum Proof {
    /// By a word.
    Secret(String),
    /// By a signature.
    Certificate {
        /// The certificate, PEM.
        cert_file: PathBuf,
        /// Its private key, PEM.
        key_file: PathBuf,
        /// Whether it signs by PS256 instead of RS256.
        is_pss: bool,
    },
}

#[derive(Deserialize)]
pub(super) struct Written {
    auth: String,
    user: Option<String>,
    password: Option<String>,
    token: Option<String>,
    tenant: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    signature: Option<String>,
    token_url: Option<String>,
    scope: Option<String>,
}

impl Written {
    pub(super) fn read(self, api: Api, site: &Site) -> Result<Auth, PluginError> {
        let kind = self.auth.clone();
        let needed = |key: &str, value: Option<String>| {
            let value = value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
            value.ok_or_else(|| missing(&kind, key))
        };
        match kind.as_str() {
            "none" => Ok(Auth::Nobody),
            "basic" if api == Api::Graph => Err(wrong("`auth` is `basic`, which Microsoft Graph does not take")
                .with_hint("register an app there, and set `auth` to \"client_certificate\" or \"client_secret\"")),
            "basic" => {
                let user = needed("user", self.user)?;
                if user.contains(':') {
                    return Err(wrong("`user` holds a colon, which cannot be sent; DOMAIN\\name can"));
                }
                // A password may begin or end with a blank.
                let password = self.password.filter(|password| !password.is_empty());
                Ok(Auth::Basic { user, password: password.ok_or_else(|| missing("basic", "password"))? })
            }
            "bearer" => {
                let given = needed("token", self.token)?;
                let token = settings::token(&given).map_err(|why| wrong(&format!("`token` {why}")))?;
                Ok(Auth::Bearer(token.to_owned()))
            }
            "client_secret" => {
                let proof = Proof::Secret(needed("client_secret", self.client_secret.clone())?);
                self.token(api, site, proof).map(Auth::Token)
            }
            "client_certificate" => {
                let file = |key: &str, file: &Option<PathBuf>| {
                    file.clone().ok_or_else(|| missing("client_certificate", key))
                };
                let proof = Proof::Certificate {
                    cert_file: file("cert_file", &self.cert_file)?,
                    key_file: file("key_file", &self.key_file)?,
                    is_pss: match self.signature.as_deref() {
                        None | Some("RS256") => false,
                        Some("PS256") => true,
                        Some(other) => {
                            return Err(wrong(&format!(
                                "`signature` is `{other}`; it is \"RS256\" or \"PS256\""
                            )));
                        }
                    },
                };
                self.token(api, site, proof).map(Auth::Token)
            }
            "ntlm" | "kerberos" | "negotiate" => Err(wrong(&format!("`auth` is `{kind}`, which is not built in"))
                .with_hint(
                    "let a local proxy such as cntlm or Px sign in for nexus: set `proxy` to it and `auth` to \"none\"",
                )),
            other => Err(wrong(&format!(
                "`auth` is `{other}`; it is \"basic\", \"bearer\", \"client_secret\", \"client_certificate\" or \"none\""
            ))),
        }
    }

    fn token(self, api: Api, site: &Site, proof: Proof) -> Result<TokenAuth, PluginError> {
        let kind = self.auth.as_str();
        let client_id = self.client_id.filter(|id| !id.trim().is_empty());
        let url = match (&self.token_url, &self.tenant) {
            (Some(url), _) => url.clone(),
            (None, Some(tenant)) if tenant.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.')) => {
                format!("{LOGIN}/{tenant}/oauth2/v2.0/token")
            }
            (None, Some(tenant)) => {
                return Err(wrong(&format!("`tenant` is `{tenant}`; it is a GUID or a domain")));
            }
            (None, None) => return Err(missing(kind, "tenant")),
        };
        let parsed =
            Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let scope = self.scope.filter(|scope| !scope.trim().is_empty());
        Ok(TokenAuth {
            url: parsed.ok_or_else(|| wrong(&format!("`token_url` is `{url}`, which is no address")))?,
            client_id: client_id.ok_or_else(|| missing(kind, "client_id"))?.trim().to_owned(),
            scope: scope.unwrap_or_else(|| match api {
                Api::Graph => "https://graph.microsoft.com/.default".to_owned(),
                Api::Rest => format!("{}/.default", site.origin()),
            }),
            proof,
        })
    }
}

fn missing(kind: &str, key: &str) -> PluginError {
    wrong(&format!("`auth` is `{kind}`, and `{key}` is missing"))
}

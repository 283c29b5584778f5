//! Who may come in: Basic, tokens that end, and the service that gives them out.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use ring::{digest, signature};
use serde_json::{Value, json};

use super::GRAPH_SCOPE;
use crate::http::{Request, Response};

/// The account of Basic.
pub const USER: &str = "EXAMPLE\\records";
/// Its password.
pub const PASSWORD: &str = "pa:ss-Wörd-7f3a91";
/// A token that was given out by hand.
pub const TOKEN: &str = "bearer-given-by-hand-5d0c";
/// The tenant.
pub const TENANT: &str = "contoso.onmicrosoft.com";
/// The application's number.
pub const CLIENT: &str = "8c0f1d6e-0000-4000-8000-00000000c11e";
/// Its secret.
pub const SECRET: &str = "client~secret/9+b=2&e";
/// What every token that was given out by the service begins with.
pub const TOKEN_BEGINS: &str = "eyJ-issued-";

/// The certificate of the application, and what goes with it.
pub(super) const CERTIFICATE: &[u8] = include_bytes!("../../testdata/sharepoint/client.der");
const PUBLIC_KEY: &[u8] = include_bytes!("../../testdata/sharepoint/client.rsa-public.der");

/// What the site asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Nothing.
    Open,
    /// [`USER`] and [`PASSWORD`].
    Basic,
    /// A token: [`TOKEN`], or one that was given out.
    Bearer,
    /// Nobody comes in: sends to a login page.
    LoginPage,
    /// Nobody comes in: a login page with status 200.
    WebPage,
    /// The account is known and may not read.
    Forbidden,
}

/// How a token came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    Hand,
    Secret,
    Certificate,
}

#[derive(Debug)]
struct Token {
    proof: Proof,
    scope: String,
    /// Requests that it is still good for.
    left: Option<usize>,
}

/// The state of it all.
#[derive(Debug)]
pub(super) struct SignIn {
    pub(super) door: Door,
    tokens: BTreeMap<String, Token>,
    /// How many tokens were asked for.
    pub(super) asked: usize,
    /// Requests that a new token is good for.
    pub(super) lasts: Option<usize>,
    /// `expires_in` of a new token.
    pub(super) expires_in: u64,
    /// What time it is at the service.
    pub(super) now: DateTime<Utc>,
    /// `jti` seen.
    seen: Vec<String>,
}

impl SignIn {
    pub(super) fn new() -> Self {
        let hand = Token { proof: Proof::Hand, scope: String::new(), left: None };
        Self {
            door: Door::Open,
            tokens: BTreeMap::from([(TOKEN.to_owned(), hand)]),
            asked: 0,
            lasts: None,
            expires_in: 3599,
            now: "2026-11-01T00:00:00Z".parse().unwrap(),
            seen: Vec::new(),
        }
    }

    /// No token that was given out so far is good any more.
    pub(super) fn expire(&mut self) {
        self.tokens.retain(|_, token| token.proof == Proof::Hand);
    }

    /// The answer to somebody who may not come in.
    pub(super) fn refuse(&mut self, request: &Request, graph: bool) -> Option<Response> {
        let given = request.header("authorization").unwrap_or_default();
        match self.door {
            Door::Open => None,
            Door::LoginPage => Some(
                Response::html(302)
                    .with_header("Location", "/_layouts/15/Authenticate.aspx?Source=%2F".to_owned()),
            ),
            Door::WebPage => Some(Response::html(200)),
            Door::Forbidden if graph => Some(graph_error(403, "accessDenied", "Access denied")),
            Door::Forbidden => Some(denied()),
            Door::Basic => {
                let right = STANDARD.encode(format!("{USER}:{PASSWORD}"));
                let good = given.strip_prefix("Basic ").is_some_and(|text| text == right);
                (!good).then(|| {
                    Response::new(401, "text/plain; charset=utf-8", b"401 UNAUTHORIZED".to_vec())
                        .with_header("WWW-Authenticate", "Basic realm=\"sp.example.org\"".to_owned())
                })
            }
            Door::Bearer => self.refuse_token(request, given, graph),
        }
    }

    fn refuse_token(&mut self, request: &Request, given: &str, graph: bool) -> Option<Response> {
        let stale = || {
            if graph {
                graph_error(
                    401,
                    "InvalidAuthenticationToken",
                    "Access token has expired or is not yet valid.",
                )
            } else {
                let body = json!({"error_description": "Invalid JWT token. The token is expired."});
                Response::json(401, &body)
                    .with_header("WWW-Authenticate", "Bearer realm=\"contoso\"".to_owned())
            }
        };
        let token = given.strip_prefix("Bearer ").and_then(|token| self.tokens.get_mut(token));
        let Some(token) = token else { return Some(stale()) };
        let wanted = if graph { GRAPH_SCOPE.to_owned() } else { origin_scope(request) };
        if token.proof != Proof::Hand && token.scope != wanted {
            return Some(if graph {
                graph_error(
                    401,
                    "InvalidAuthenticationToken",
                    "Access token validation failure. Invalid audience.",
                )
            } else {
                Response::json(
                    401,
                    &json!({"error_description": "Exception of type 'Microsoft.IdentityModel.Tokens.AudienceUriValidationFailedException' was thrown."}),
                )
            });
        }
        if !graph && token.proof == Proof::Secret {
            return Some(Response::json(401, &json!({"error_description": "Unsupported app only token."})));
        }
        if token.left == Some(0) {
            return Some(stale());
        }
        token.left = token.left.map(|left| left - 1);
        None
    }

    /// The service that gives out tokens.
    pub(super) fn token(&mut self, request: &Request) -> Response {
        self.asked += 1;
        let form = form(&request.body);
        let said = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let refuse = |status, error: &str, text: &str| {
            let text = format!("{text} Trace ID: 5c9d Correlation ID: 5c9e Timestamp: 2026-11-01 00:00:00Z");
            Response::json(status, &json!({"error": error, "error_description": text}))
        };
        if request.method != "POST"
            || request
                .header("content-type")
                .is_none_or(|kind| !kind.starts_with("application/x-www-form-urlencoded"))
            || said("grant_type") != "client_credentials"
        {
            return refuse(
                400,
                "invalid_request",
                "AADSTS900144: The request body must contain the parameter 'grant_type'.",
            );
        }
        if request.path != format!("/{TENANT}/oauth2/v2.0/token") {
            return refuse(
                400,
                "invalid_request",
                "AADSTS90002: Tenant not found. Check to make sure you have the correct tenant ID.",
            );
        }
        if said("client_id") != CLIENT {
            return refuse(
                400,
                "unauthorized_client",
                "AADSTS700016: Application was not found in the directory 'Contoso'.",
            );
        }
        let scope = said("scope").to_owned();
        if scope != GRAPH_SCOPE && scope != origin_scope(request) {
            return refuse(
                400,
                "invalid_resource",
                "AADSTS500011: The resource principal was not found in the tenant.",
            );
        }
        let proof = if form.contains_key("client_assertion") {
            if said("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
                return refuse(400, "invalid_request", "AADSTS50027: The assertion type is wrong.");
            }
            let audience = format!("http://{}{}", request.header("host").unwrap_or_default(), request.path);
            if let Err(why) = self.verify(said("client_assertion"), &audience) {
                return refuse(
                    401,
                    "invalid_client",
                    &format!("AADSTS700027: The certificate's signature is not good: {why}."),
                );
            }
            Proof::Certificate
        } else if said("client_secret") == SECRET {
            Proof::Secret
        } else {
            return refuse(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.");
        };
        let name = format!("{TOKEN_BEGINS}{:04}", self.asked);
        self.tokens.insert(name.clone(), Token { proof, scope, left: self.lasts });
        Response::json(
            200,
            &json!({"token_type": "Bearer", "expires_in": self.expires_in, "ext_expires_in": self.expires_in, "access_token": name}),
        )
    }

    /// Checks an assertion as the service does.
    fn verify(&mut self, assertion: &str, audience: &str) -> Result<(), String> {
        let (signed, signed_by) = assertion.rsplit_once('.').ok_or("no JWT")?;
        let (head, claims) = signed.split_once('.').ok_or("no JWT")?;
        let part = |text: &str| -> Result<Value, String> {
            let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|error| error.to_string())?;
            serde_json::from_slice(&bytes).map_err(|error| error.to_string())
        };
        let (head, claims) = (part(head)?, part(claims)?);
        let scheme = match head["alg"].as_str() {
            Some("RS256") => &signature::RSA_PKCS1_2048_8192_SHA256,
            Some("PS256") => &signature::RSA_PSS_2048_8192_SHA256,
            other => return Err(format!("the algorithm {other:?}")),
        };
        let print = |name: &str, how| {
            let print = digest::digest(how, CERTIFICATE);
            head[name].as_str().map(|text| text == URL_SAFE_NO_PAD.encode(print))
        };
        let prints = [print("x5t", &digest::SHA1_FOR_LEGACY_USE_ONLY), print("x5t#S256", &digest::SHA256)];
        if prints.contains(&Some(false)) || prints == [None, None] {
            return Err("the thumbprint".to_owned());
        }
        let signed_by = URL_SAFE_NO_PAD.decode(signed_by).map_err(|error| error.to_string())?;
        signature::UnparsedPublicKey::new(scheme, PUBLIC_KEY)
            .verify(signed.as_bytes(), &signed_by)
            .map_err(|_| "the signature")?;
        let is = |name: &str, wanted: &str| claims[name] == wanted;
        if !is("aud", audience) || !is("iss", CLIENT) || !is("sub", CLIENT) {
            return Err(format!("the claims {claims}"));
        }
        let time = |name: &str| claims[name].as_i64().ok_or_else(|| format!("no `{name}`"));
        let (from, until, now) = (time("nbf")?, time("exp")?, self.now.timestamp());
        if from > now + 300 || until <= now - 300 || until - from > 600 {
            return Err(format!("the times {from} to {until} at {now}"));
        }
        let number = claims["jti"].as_str().filter(|text| !text.is_empty()).ok_or("no `jti`")?.to_owned();
        if self.seen.contains(&number) {
            return Err("the same `jti` again".to_owned());
        }
        self.seen.push(number);
        Ok(())
    }
}

fn origin_scope(request: &Request) -> String {
    format!("http://{}/.default", request.header("host").unwrap_or_default())
}

fn graph_error(status: u16, code: &str, message: &str) -> Response {
    Response::json(
        status,
        &json!({"error": {"code": code, "message": message, "innerError": {"request-id": "9d1f"}}}),
    )
}

fn denied() -> Response {
    let message = "Access denied. You do not have permission to perform this action or access this resource.";
    let inner = json!({
        "code": "-2147024891, System.UnauthorizedAccessException", "message": {"lang": "en-US", "value": message},
    });
    Response::json(403, &json!({ "odata.error": inner }))
}

/// The pairs of a form.
fn form(body: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(body);
    crate::http::pairs(&text).into_iter().collect()
}

//! The proof by certificate: a claim about oneself, signed (a JWT as RFC 7523 has it).

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use nexus_plugin_api::PluginError;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer};
use serde_json::json;

/// How long a claim holds, in seconds: ten minutes are the most.
const VALID_SECONDS: i64 = 540;

/// A certificate and its key.
pub struct Certificate {
    key: RsaKeyPair,
    /// SHA-1 of the certificate, by which the other side finds it; goes with RS256.
    thumbprint: String,
    /// SHA-256 of it, which goes with PS256.
    thumbprint_sha256: String,
    is_pss: bool,
}

impl Certificate {
    /// Reads both files.
    pub fn read(cert_file: &Path, key_file: &Path, is_pss: bool) -> Result<Self, PluginError> {
        let certificate = text("cert_file", cert_file)?;
        let key = text("key_file", key_file)?;
        let der = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|_| {
            wrong("cert_file", cert_file, "holds no certificate")
                .with_hint("it takes a PEM file: -----BEGIN CERTIFICATE-----")
        })?;
        Ok(Self {
            key: pair(&key).map_err(|(why, hint)| {
                let error = wrong("key_file", key_file, &why);
                match hint {
                    Some(hint) => error.with_hint(hint),
                    None => error,
                }
            })?,
            thumbprint: URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &der)),
            thumbprint_sha256: URL_SAFE_NO_PAD.encode(digest(&SHA256, &der)),
            is_pss,
        })
    }

    /// A signed claim to be `client_id`, for the eyes of `audience`.
    pub fn assertion(&self, client_id: &str, audience: &str, now: DateTime<Utc>) -> Result<String, String> {
        let algorithm = if self.is_pss { "PS256" } else { "RS256" };
        // The older signature goes with the older name of the certificate.
        let (named, thumbprint) =
            if self.is_pss { ("x5t#S256", &self.thumbprint_sha256) } else { ("x5t", &self.thumbprint) };
        let header = json!({"alg": algorithm, "typ": "JWT", named: thumbprint});
        let now = now.timestamp();
        let claims = json!({
            "aud": audience,
            "iss": client_id,
            "sub": client_id,
            "jti": uuid::Uuid::new_v4().to_string(),
            "nbf": now,
            "iat": now,
            "exp": now.saturating_add(VALID_SECONDS),
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        let encoding: &dyn ring::signature::RsaEncoding =
            if self.is_pss { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
        self.key
            .sign(encoding, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| "the key cannot sign".to_owned())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The key in a PEM file; else why not, and what to do.
fn pair(text: &str) -> Result<RsaKeyPair, (String, Option<&'static str>)> {
    const PLAIN: &str = "openssl pkcs8 -topk8 -nocrypt -in KEY -out PLAIN takes the password off; then let nobody else \
                         read the file";
    if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(("is locked by a password".to_owned(), Some(PLAIN)));
    }
    let unusable = |error: ring::error::KeyRejected| {
        (
            format!("holds a key that cannot be used: {error}"),
            Some("it takes an RSA key of 2048 bits or more"),
        )
    };
    if let Ok(der) = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()) {
        return RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(unusable);
    }
    if let Ok(der) = PrivatePkcs1KeyDer::from_pem_slice(text.as_bytes()) {
        return RsaKeyPair::from_der(der.secret_pkcs1_der()).map_err(unusable);
    }
    Err(("holds no private key".to_owned(), Some("it takes a PEM file: -----BEGIN PRIVATE KEY-----")))
}

fn text(setting: &str, path: &Path) -> Result<String, PluginError> {
    std::fs::read_to_string(path).map_err(|error| wrong(setting, path, &format!("cannot be read: {error}")))
}

fn wrong(setting: &str, path: &Path, what: &str) -> PluginError {
    PluginError::permanent(format!("settings of sharepoint: `{setting}` {} {what}", path.display()))
}

#[cfg(test)]
mod tests;

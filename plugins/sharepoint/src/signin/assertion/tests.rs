//! Tests of assertions.

use std::path::PathBuf;

use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use serde_json::Value;

use super::*;

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/testdata/sharepoint").join(name)
}

fn certificate(is_pss: bool) -> Certificate {
    Certificate::read(&data("client.pem"), &data("client.key"), is_pss).unwrap()
}

/// Header and claims of a signed claim, whose signature is good.
fn read(text: &str, algorithm: &'static dyn VerificationAlgorithm) -> (Value, Value) {
    let (signed, signature) = text.rsplit_once('.').unwrap();
    let key = std::fs::read(data("client.rsa-public.der")).unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    UnparsedPublicKey::new(algorithm, key).verify(signed.as_bytes(), &signature).unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let part = |text: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
    (part(header), part(claims))
}

#[test]
fn a_claim_is_signed_and_names_its_certificate() {
    let now = "2031-05-06T13:00:00Z".parse().unwrap();
    let url = "https://login.example.org/tenant/oauth2/v2.0/token";
    let text = certificate(false).assertion("app-1", url, now).unwrap();
    let (header, claims) = read(&text, &RSA_PKCS1_2048_8192_SHA256);
    assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("JWT")));
    // As `openssl x509 -fingerprint` has it.
    assert_eq!(header["x5t"], "RRuKuttwP3ivUHnTBubDHt7ahuE");
    assert_eq!(
        (&claims["aud"], &claims["iss"], &claims["sub"]),
        (&json!(url), &json!("app-1"), &json!("app-1"))
    );
    let (from, to) = (claims["nbf"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    assert!(from == now.timestamp() && (1..=600).contains(&(to - from)));
    let other = certificate(false).assertion("app-1", url, now).unwrap();
    assert_ne!(read(&other, &RSA_PKCS1_2048_8192_SHA256).1["jti"], claims["jti"]);
}

#[test]
fn the_other_signature_is_made_as_well() {
    let text = certificate(true).assertion("app-1", "https://x/", Utc::now()).unwrap();
    let (header, _) = read(&text, &RSA_PSS_2048_8192_SHA256);
    assert_eq!(
        header,
        json!({"alg": "PS256", "typ": "JWT", "x5t#S256": "YZZhSVPcf9cuoPPE2OrDw0KhMAI6HBlkr8EuF57b94U"})
    );
}

#[test]
fn files_that_do_not_fit_are_named_and_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pem");
    let told = |cert: &Path, key: &Path| {
        let error = Certificate::read(cert, key, false).err().unwrap();
        format!("{error}; {}", error.hint.as_deref().unwrap_or_default())
    };
    assert!(told(&data("none.pem"), &data("client.key")).contains("`cert_file`"));
    for (text, said) in [
        ("nothing", "holds no private key"),
        (
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nc2VjcmV0\n-----END ENCRYPTED PRIVATE KEY-----",
            "openssl pkcs8",
        ),
        ("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----", "cannot be used"),
    ] {
        std::fs::write(&path, text).unwrap();
        let told = told(&data("client.pem"), &path);
        assert!(told.contains("`key_file`") && told.contains(said) && !told.contains("c2VjcmV0"), "{told}");
    }
    std::fs::write(&path, "nothing").unwrap();
    assert!(told(&path, &data("client.key")).contains("holds no certificate"));
}

#[test]
fn files_as_other_programs_write_them_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("x.pem"), folder.path().join("x.key"));
    let other = "-----BEGIN CERTIFICATE REQUEST-----\nc2VjcmV0\n-----END CERTIFICATE REQUEST-----\n";
    let bag =
        |text: &str| format!("Bag Attributes\n    friendlyName: x\n{other}{text}").replace('\n', "\r\n");
    let plain = std::fs::read_to_string(data("client.key")).unwrap();
    let body: String = plain
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .flat_map(|line| line.trim().chars())
        .collect();
    // What PKCS #8 puts before the key of RSA alone takes 26 bytes.
    let pkcs1 = base64::engine::general_purpose::STANDARD;
    let pkcs1 = pkcs1.encode(&pkcs1.decode(body).unwrap()[26..]);
    let old = format!("-----BEGIN RSA PRIVATE KEY-----\n{pkcs1}\n-----END RSA PRIVATE KEY-----\n");
    std::fs::write(&cert, bag(&std::fs::read_to_string(data("client.pem")).unwrap())).unwrap();
    for text in [plain, old] {
        std::fs::write(&key, bag(&text)).unwrap();
        let told = Certificate::read(&cert, &key, false).unwrap();
        let signed = told.assertion("client", "audience", DateTime::UNIX_EPOCH).unwrap();
        read(&signed, &RSA_PKCS1_2048_8192_SHA256);
        assert_eq!(told.thumbprint, certificate(false).thumbprint);
    }
}

//! Tests of the settings.

use serde_json::json;

use super::*;

fn with(more: &[(&str, Value)]) -> Result<Settings, PluginError> {
    let mut settings = json!({
        "address": "https://sp.example.org/sites/microscopy", "auth": "basic", "user": "EX\\nexus", "password": " s3cret "
    });
    for (key, value) in more {
        settings[key] = value.clone();
    }
    Settings::read(&settings)
}

fn message(more: &[(&str, Value)]) -> String {
    let error = with(more).err().unwrap();
    format!("{error}; {}", error.hint.clone().unwrap_or_default())
}

fn instrument(pid: &str, api_url: &str) -> InstrumentRef {
    InstrumentRef {
        pid: pid.into(),
        display_name: pid.into(),
        api_url: api_url.into(),
        timezone: "America/New_York".into(),
        location: String::new(),
    }
}

#[test]
fn little_is_enough() {
    let settings = with(&[]).unwrap();
    assert_eq!(settings.api, Api::Rest);
    assert!(!settings.same_user && settings.sessions.is_none() && !settings.consent.is_assumed());
    assert!(matches!(settings.auth, Auth::Basic { password, .. } if password == " s3cret "));
}

#[test]
fn graph_is_told_by_its_host() {
    let app = [
        ("address", json!("https://graph.microsoft.com/v1.0/sites/a,b,c")),
        ("auth", json!("client_secret")),
        ("tenant", json!("contoso.onmicrosoft.com")),
        ("client_id", json!("362c29ab")),
        ("client_secret", json!("s3cret")),
    ];
    let settings = with(&app).unwrap();
    assert_eq!(settings.api, Api::Graph);
    let Auth::Token(token) = settings.auth else { panic!("a token") };
    assert_eq!(
        token.url.as_str(),
        "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token"
    );
    assert_eq!(token.scope, "https://graph.microsoft.com/.default");
    assert!(message(&[app[0].clone()]).contains("does not take"));
}

#[test]
fn a_token_for_rest_is_for_the_host() {
    let settings = with(&[
        ("auth", json!("client_certificate")),
        ("token_url", json!("https://login.example.org/token")),
        ("client_id", json!("1")),
        ("cert_file", json!("a.pem")),
        ("key_file", json!("b.pem")),
    ])
    .unwrap();
    let Auth::Token(token) = settings.auth else { panic!("a token") };
    assert_eq!(token.scope, "https://sp.example.org/.default");
}

#[test]
fn mistakes_are_named() {
    for (key, value, said) in [
        ("address", json!("sp.example.org"), "`address`"),
        ("address", json!("https://sp.example.org/_vti_bin/ListData.svc"), "_api/web/lists"),
        ("api", json!("listdata"), "ListData.svc is not read"),
        ("api", json!("soap"), "`api` is `soap`"),
        ("auth", json!("ntlm"), "cntlm"),
        ("auth", json!("magic"), "`auth` is `magic`"),
        ("auth", json!("bearer"), "`token` is missing"),
        ("auth", json!("client_secret"), "`client_secret` is missing"),
        ("auth", json!("client_certificate"), "`cert_file` is missing"),
        ("user", json!("a:b"), "`user`"),
        ("lists", json!({"TITAN": "https://elsewhere.example.org/x"}), "lists.TITAN"),
        ("timezone", json!("EST5"), "EST5"),
        ("consent", json!("maybe"), "`consent` is `maybe`"),
        ("consent_answers", json!(["no"]), "refusal"),
        ("fields", json!({"consent": false}), "assume"),
        ("user_name", json!("nick"), "`user_name`"),
        ("grace", json!("soon"), "`grace` is `soon`"),
        ("timeout", json!("0 s"), "`timeout`"),
        ("tmezone", json!("x"), "tmezone"),
        ("proxy", json!("http://u:s3cret@p:1/"), "HTTPS_PROXY"),
    ] {
        let said_instead = message(&[(key, value)]);
        assert!(said_instead.contains(said) && !said_instead.contains("s3cret"), "{said_instead}");
    }
}

#[test]
fn an_instrument_has_a_list_by_name_or_by_address() {
    let settings = with(&[
        ("lists", json!({"TITAN": "FEI Titan Events"})),
        ("aliases", json!(["https://old.example.org/sites/m"])),
    ])
    .unwrap();
    let url = |pid: &str, api_url: &str| {
        settings.list_of(&instrument(pid, api_url)).map(|list| list.url.to_string())
    };
    let base = "https://sp.example.org/sites/microscopy/_api/web/lists";
    let titan = url("TITAN", "https://nemo.example.org/api/tools/?id=7").unwrap();
    assert_eq!(titan, format!("{base}/getbytitle('FEI%20Titan%20Events')"));
    assert_eq!(
        url("SEM", &format!("{base}/getbytitle('SEM')/items")).unwrap(),
        format!("{base}/getbytitle('SEM')")
    );
    let old = "https://old.example.org/sites/m/_api/web/lists/getbytitle('SEM')";
    assert_eq!(url("SEM", old).unwrap(), format!("{base}/getbytitle('SEM')"));
    for api_url in ["", "https://nemo.example.org/api/tools/?id=7", "https://sp.example.org/sites/microscopy"]
    {
        let error = url("SEM", api_url).unwrap_err();
        assert!(error.to_string().contains("SEM") && error.hint.unwrap().contains("lists"));
    }
    let listdata = "https://sp.example.org/sites/microscopy/_vti_bin/ListData.svc/FEITitanTEMEvents";
    assert!(url("SEM", listdata).unwrap_err().to_string().contains("ListData.svc is not read"));
}

#[test]
fn the_schema_knows_what_is_read() {
    let known = schema();
    let names = known["properties"].as_object().unwrap();
    for key in ["address", "aliases", "auth", "signature", "fields", "ca_bundle", "timeout", "sessions"] {
        assert!(names.contains_key(key), "{key}");
    }
    let secrets: Vec<_> =
        names.iter().filter(|(_, about)| about["secret"] == true).map(|(name, _)| name.as_str()).collect();
    assert_eq!(secrets, ["password", "token", "client_secret"]);
}

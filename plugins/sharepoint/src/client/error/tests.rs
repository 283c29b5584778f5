//! Tests of errors.

use nexus_plugin_http::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use serde_json::json;

use super::*;

fn answer(status: u16, content_type: &str, body: &str) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers,
        body: body.as_bytes().to_vec(),
        url: "https://sp.x/a".into(),
    }
}

fn error(status: u16, body: &Value) -> ClientError {
    read("https://sp.x/a".into(), &answer(status, "application/json", &body.to_string()), None).unwrap_err()
}

#[test]
fn every_form_of_a_refusal_is_read() {
    let (code, text) = ("-1, System.ArgumentException", "Column 'X' does not exist.");
    let forms = [
        json!({"odata.error": {"code": code, "message": {"lang": "en-US", "value": text}}}),
        json!({"error": {"code": code, "message": {"lang": "en-US", "value": text}}}),
        json!({"error": {"code": code, "message": text, "innerError": {"request-id": "1"}}}),
        json!({"error": code, "error_description": text}),
    ];
    for form in forms {
        let told = error(400, &form).to_string();
        assert!(told.contains(code) && told.contains(text), "{told}");
    }
    let xml = format!(
        "<m:error xmlns:m=\"http://schemas.microsoft.com/ado/2007/08/dataservices/metadata\"><m:code>{code}</m:code>\
         <m:message xml:lang=\"en-US\">{text}</m:message></m:error>"
    );
    let told =
        read("u".into(), &answer(400, "application/xml;charset=utf-8", &xml), None).unwrap_err().to_string();
    assert!(told.contains(code) && told.contains(text), "{told}");
    let told = read("u".into(), &answer(401, "text/plain", "401 UNAUTHORIZED\nsecond"), None).unwrap_err();
    assert!(told.to_string().ends_with("401 UNAUTHORIZED)"), "{told}");
    assert!(error(400, &json!("x")).to_string().contains("400"));
}

#[test]
fn what_kind_it_is_decides_when_to_try_again() {
    let said = |text: &str| json!({"error": {"code": text, "message": text}});
    let class = |error: ClientError| PluginError::from(error).class;
    assert_eq!(class(error(401, &json!({}))), FailureClass::Auth);
    assert_eq!(class(error(403, &json!({}))), FailureClass::Auth);
    assert_eq!(class(error(404, &json!({}))), FailureClass::Permanent);
    assert_eq!(class(error(500, &json!({}))), FailureClass::Transient);
    assert_eq!(class(error(429, &json!({}))), FailureClass::RateLimited { until: None });
    assert!(matches!(
        error(500, &said("-2147024860, Microsoft.SharePoint.SPQueryThrottledException")),
        ClientError::NotIndexed { .. }
    ));
    let prefer = said("Provide the 'Prefer: HonorNonIndexedQueriesWarningMayFailRandomly' header");
    assert!(matches!(error(400, &prefer), ClientError::NotIndexed { .. }));
    assert!(matches!(error(400, &said("List 'T' does not exist at site")), ClientError::NotFound { .. }));
    assert!(matches!(error(400, &said("The field 'T' does not exist.")), ClientError::Refused { .. }));
    let app = PluginError::from(error(401, &json!({"error_description": "Unsupported app only token."})));
    assert!(app.hint.unwrap().contains("client_certificate"));
    for status in [500, 503] {
        assert_eq!(error(status, &json!({})).again(), Again::Soon);
    }
    for status in [400, 401, 403, 404] {
        assert_eq!(error(status, &json!({})).again(), Again::Never);
    }
}

#[test]
fn a_pause_is_as_long_as_it_is_asked_for() {
    let mut wishes = answer(429, "application/json", "{}");
    wishes.headers.insert(RETRY_AFTER, "120".parse().unwrap());
    let now = "2031-05-06T13:00:00Z".parse().unwrap();
    let error = read("u".into(), &wishes, wishes.retry_after(now)).unwrap_err();
    assert_eq!(error.again(), Again::After(std::time::Duration::from_mins(2)));
    let until = Some("2031-05-06T13:02:00Z".parse().unwrap());
    assert_eq!(PluginError::from(error).class, FailureClass::RateLimited { until });
}

#[test]
fn a_page_to_sign_in_at_is_no_answer() {
    let page = read("u".into(), &answer(200, "text/html; charset=utf-8", "<html>"), None).unwrap_err();
    assert!(matches!(page, ClientError::LoginPage { .. }));
    assert!(matches!(
        read("u".into(), &answer(200, "application/atom+xml", "<feed/>"), None),
        Err(ClientError::Odd { .. })
    ));
    assert!(matches!(
        read("u".into(), &answer(200, "application/json", "{"), None),
        Err(ClientError::Garbage { .. })
    ));
    let to = |why: &str| {
        let url = Url::parse("http://sp.x/a").unwrap();
        let error = TransportError {
            trouble: Trouble::Elsewhere,
            url: "http://sp.x/a".into(),
            why: why.into(),
            effect: nexus_plugin_api::Effect::None,
        };
        ClientError::of_transport(&url, error)
    };
    assert!(matches!(to("http://sp.x/_layouts/15/Authenticate.aspx"), ClientError::LoginPage { .. }));
    assert!(matches!(to("https://login.microsoftonline.com/x"), ClientError::LoginPage { .. }));
    assert!(matches!(to("https://sp.x/a"), ClientError::Transport(_)), "the same place, but safe");
}

proptest::proptest! {
    #[test]
    fn no_answer_is_too_strange(status in 100_u16..600, kind in "(text/html|application/json|application/xml|text/plain|)", body in "\\PC{0,60}") {
        if let Err(error) = read("u".into(), &answer(status, &kind, &body), None) {
            let _ = (error.again(), error.hint(), PluginError::from(error));
        }
    }
}

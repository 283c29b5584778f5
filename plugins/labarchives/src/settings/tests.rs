use super::*;

fn with(more: &[(&str, Value)]) -> Result<Settings, PluginError> {
    let mut settings = json!({"access_key_id": "K", "access_password": "pass word", "user_id": "7|u=", "notebook_id": "NB="});
    for (key, value) in more {
        if value.is_null() {
            settings.as_object_mut().unwrap().remove(*key);
        } else {
            settings[key] = value.clone();
        }
    }
    Settings::read(&settings)
}

#[test]
fn a_key_an_account_and_a_notebook_are_enough() {
    let settings = with(&[]).unwrap();
    assert_eq!(settings.base.as_str(), DEFAULT_URL);
    assert_eq!(settings.place, Place::Notebook("NB=".into()));
    assert_eq!((settings.previews, settings.own), (Previews::Inline, None));
    assert_eq!(
        (settings.interval, settings.connection.timeout),
        (Duration::from_secs(1), Duration::from_mins(2))
    );
}

#[test]
fn a_notebook_or_the_inbox() {
    let inbox = |how: &str| {
        with(&[("notebook_id", Value::Null), ("inbox", json!(how))]).map(|settings| settings.place)
    };
    assert_eq!(inbox("omit").unwrap(), Place::Inbox(Inbox::Omit));
    assert_eq!(inbox("zero").unwrap(), Place::Inbox(Inbox::Zero));
    assert!(inbox("0").is_err());
    assert!(with(&[("inbox", json!("omit"))]).is_err(), "both");
    let neither = with(&[("notebook_id", Value::Null)]).err().unwrap();
    assert!(neither.to_string().contains("`inbox`") && neither.hint.unwrap().contains("notebooks"));
}

#[test]
fn own_notebooks() {
    let own = |notebook: &str| {
        with(&[("users", json!("own")), ("own_notebook", json!(notebook))])
            .map(|settings| settings.own.unwrap().notebook)
    };
    assert_eq!(own("default").unwrap(), OwnNotebook::Default);
    assert_eq!(own("facility").unwrap(), OwnNotebook::Facility);
    assert_eq!(own(" Lab book ").unwrap(), OwnNotebook::Named("Lab book".into()));
    assert!(own(" ").is_err());
    let settings = with(&[("users", json!("own")), ("fallback", json!(false))]).unwrap();
    assert_eq!(settings.own, Some(Own { notebook: OwnNotebook::Default, fallback: false }));
    let inbox = with(&[("users", json!("own")), ("notebook_id", Value::Null), ("inbox", json!("omit"))]);
    assert!(inbox.is_err());
}

#[test]
fn wrong_settings_are_named_and_secrets_are_not_repeated() {
    for (key, value, word) in [
        ("url", json!("http://x/api"), "`url` is `http://x/api`"),
        ("notebook_id", json!(" "), "`notebook_id`"),
        ("folder", json!("a/{b}"), "`folder` is `a/{b}`"),
        ("page", json!("{date}"), "`page` is `{date}`"),
        ("previews", json!("all"), "`previews` is `all`"),
        ("users", json!("mine"), "`users` is `mine`"),
        ("call_interval", json!("often"), "`call_interval` is `often`"),
        ("timeout", json!("0 s"), "`timeout` is `0 s`"),
        ("proxy", json!("http://u:w@p:1/"), "`proxy`"),
        ("fallback", json!("yes"), "boolean"),
        ("acess_key_id", json!("x"), "acess_key_id"),
    ] {
        let said = with(&[(key, value)]).err().unwrap().to_string();
        assert!(said.contains(word), "{said}");
    }
    for key in ["access_key_id", "access_password", "user_id"] {
        let said = with(&[(key, json!("plan\nted"))]).err().unwrap().to_string();
        assert!(said.contains(key) && !said.contains("ted`"), "{said}");
        assert!(!said.contains("plan"), "{said}");
        let missing = with(&[(key, Value::Null)]).err().unwrap().to_string();
        assert!(missing.contains(key), "{missing}");
    }
    assert_eq!(with(&[("call_interval", json!("0 s"))]).unwrap().interval, Duration::ZERO);
}

#[test]
fn the_schema_knows_every_key() {
    let schema = schema();
    let known = schema["properties"].as_object().unwrap();
    assert_eq!(known.len(), 13 + Connection::KEYS.len());
    assert_eq!(known["access_password"]["secret"], true);
}

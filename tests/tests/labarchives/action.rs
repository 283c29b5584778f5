//! `enrol` and `notebooks`.

use nexus_plugin_api::{ActionOutcome, FailureClass, MetUser, PluginError};
use nexus_tests::fake_labarchives::NOTEBOOK;
use serde_json::{Value, json};

use super::bench::Bench;

const TOKEN: &str = "planted-ada-token";

fn run(bench: &Bench, name: &str, arguments: &Value) -> Result<ActionOutcome, PluginError> {
    bench.plugin().run_action(&bench.call(), name, arguments)
}

fn with_ada() -> (Bench, String) {
    let bench = Bench::new();
    let uid = bench.site.add_user("Ada Researcher", "ada@example.org", TOKEN);
    bench.site.add_notebook(&uid, "Ada's <notebook>", true);
    (bench, uid)
}

/// Nothing that is told or logged holds a token.
fn nothing_shows(bench: &Bench, told: &str) {
    assert!(!told.contains("planted-"), "{told}");
    assert!(!bench.logged().contains("planted-"), "{}", bench.logged());
}

#[test]
fn a_user_is_enrolled_with_the_token_of_their_account() {
    let (bench, uid) = with_ada();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    for arguments in [
        json!({"user": "ada", "email": "ada@example.org", "token": TOKEN}),
        json!({"user": "ada", "email": "ada@example.org", "token_file": file}),
    ] {
        let done = run(&bench, "enrol", &arguments).unwrap();
        let met = MetUser {
            username: "ada".into(),
            system: "labarchives_eln".into(),
            external_id: uid.clone(),
            email: Some("ada@example.org".into()),
        };
        assert_eq!(done.users, [met]);
        assert!(done.message.contains("ada"), "{}", done.message);
        nothing_shows(&bench, &format!("{} {}", done.message, done.data));
    }
    let calls = bench.site.calls();
    let signing_in: Vec<_> = calls.iter().filter(|call| call.name == "users/user_access_info").collect();
    assert_eq!(signing_in.len(), 2);
    assert!(signing_in.iter().all(|call| call.given("uid").is_none()), "nobody signs in for somebody else");
    assert_eq!(bench.writes(), 0);
}

#[test]
fn a_wrong_token_enrols_nobody() {
    let (bench, _) = with_ada();
    for (email, token) in [("ada@example.org", "planted-wrong"), ("bob@example.org", TOKEN)] {
        let told = run(&bench, "enrol", &json!({"user": "ada", "email": email, "token": token})).unwrap_err();
        assert_eq!(told.class, FailureClass::Auth, "{told:?}");
        let text = format!("{} {}", told.message, told.hint.clone().unwrap_or_default());
        assert!(text.contains("e-mail") && text.contains("token"), "{text}");
        nothing_shows(&bench, &text);
    }
    assert_eq!(bench.site.count("users/user_access_info"), 2, "a wrong password is not tried again");
}

#[test]
fn arguments_that_are_none_are_said() {
    let (bench, _) = with_ada();
    for arguments in [
        json!({}),
        json!({"user": "ada"}),
        json!({"user": "ada", "email": "ada@example.org"}),
        json!({"user": " ", "email": "ada@example.org", "token": TOKEN}),
        json!({"user": "ada", "email": "ada@example.org", "token": ""}),
        json!({"user": "ada", "email": "ada@example.org", "token_file": "/nowhere/token"}),
        json!({"user": "ada", "email": "ada@example.org", "token": TOKEN, "else": 1}),
        json!([TOKEN]),
    ] {
        let told = run(&bench, "enrol", &arguments).unwrap_err();
        nothing_shows(&bench, &format!("{told:?}"));
    }
    assert_eq!(bench.site.calls().len(), 0);
    assert!(run(&bench, "else", &Value::Null).is_err());
}

#[test]
fn the_notebooks_are_listed_with_their_ids() {
    let (bench, uid) = with_ada();
    let done = run(&bench, "notebooks", &json!({})).unwrap();
    let text = format!("{} {}", done.message, done.data);
    assert!(text.contains(NOTEBOOK) && text.contains("Facility notebook"), "{text}");
    assert!(!text.contains("Ada's"), "{text}");
    let done = run(&bench, "notebooks", &json!({"user_id": uid})).unwrap();
    let text = format!("{} {}", done.message, done.data);
    assert!(text.contains("Ada's <notebook>"), "{text}");
    assert!(done.users.is_empty());
    nothing_shows(&bench, &text);
    // It is how the setting is found, so it works without it.
    let bench = bench_without_notebook();
    let done = run(&bench, "notebooks", &Value::Null).unwrap();
    assert!(format!("{} {}", done.message, done.data).contains(NOTEBOOK));
}

fn bench_without_notebook() -> Bench {
    Bench::new().without("notebook_id").with("inbox", "omit")
}

#[test]
fn the_actions_are_described() {
    let bench = Bench::new();
    let actions = bench.plugin().actions();
    let enrol = actions.iter().find(|action| action.name == "enrol").unwrap();
    assert!(actions.iter().any(|action| action.name == "notebooks" && !action.writes));
    for argument in ["user", "email", "token_file"] {
        assert!(enrol.arguments["properties"][argument].is_object(), "{}", enrol.arguments);
    }
}

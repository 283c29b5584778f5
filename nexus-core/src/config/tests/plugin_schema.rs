//! Settings held against a plugin's own schema.

use super::*;

fn checked(table: &str, schema: &serde_json::Value) -> Vec<String> {
    let config = good(&format!("[destinations.a]\nplugin = \"x\"\n{table}"));
    check_settings(&config.destinations[0].settings, schema).iter().map(ToString::to_string).collect()
}

fn schema() -> serde_json::Value {
    json!({
        "type": "object",
        "properties": {
            "url": {"type": "string", "description": "Address of the server."},
            "token": {"type": "string", "secret": true},
            "format": {"type": "string", "enum": ["csv", "jsonl"]},
            "retries": {"type": "integer", "minimum": 0, "maximum": 9},
            "tags": {"type": "array", "items": {"type": "string"}},
            "page": {"type": "object", "properties": {"title": {"type": "string"}}},
            "either": {"type": ["string", "integer"]},
            "level": {"enum": [1, 2, "all"]},
            "name": {"type": "string", "minLength": 1},
        },
        "required": ["url"],
    })
}

#[test]
fn settings_that_fit_have_no_problems() {
    let table = "url = \"u\"\ntoken = { env = \"X\" }\nformat = \"csv\"\nretries = 9\ntags = [\"a\"]\npage.title = \"t\"\neither = 1\nlevel = 2\n";
    assert!(checked(table, &schema()).is_empty(), "{:?}", checked(table, &schema()));
    assert!(checked("anything = 1\n", &json!({"additionalProperties": true})).is_empty());
}

#[test]
fn settings_that_do_not_fit_are_pointed_at() {
    let one = |table: &str| {
        let mut all = checked(&format!("url = \"u\"\n{table}"), &schema());
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    };
    assert_eq!(
        one("retires = 3\n"),
        "nexus.toml:10:1: unknown key `retires` in [destinations.a]\n\
         \x20  |\n\
         10 | retires = ***\n\
         \x20  | ^^^^^^^\n\
         \x20  = help: did you mean `retries`?"
    );
    assert_eq!(
        one("retries = 12\n"),
        "nexus.toml:10:11: `destinations.a.retries` must be 9 or less\n\
         \x20  |\n\
         10 | retries = 12\n\
         \x20  |           ^^"
    );
    for (table, expected) in [
        ("retries = \"3\"\n", "`destinations.a.retries` must be a whole number, not text"),
        ("either = 1.5\n", "`destinations.a.either` must be text or a whole number, not a number"),
        ("format = \"cvs\"\n", "`destinations.a.format` must be one of `csv`, `jsonl`"),
        ("format = 3\n", "`destinations.a.format` must be text, not a whole number"),
        ("level = 3\n", "`destinations.a.level` must be one of 1, 2, `all`"),
        ("level = \"al\"\n", "did you mean \"all\"?"),
        ("name = \"\"\n", "`destinations.a.name` must not be empty"),
        ("tags = [1]\n", "`destinations.a.tags[0]` must be text, not a whole number"),
        ("page.titel = \"t\"\n", "unknown key `titel` in [destinations.a.page]"),
        ("tags = { env = \"X\" }\n", "`destinations.a.tags` must be a list, not a secret"),
        ("zzzzz = 1\n", "this plugin's own keys are `url`, `token`, "),
    ] {
        let text = one(table);
        assert!(text.contains(expected), "{text}");
    }
    let missing = checked("", &schema());
    assert!(missing[0].contains("7:15: [destinations.a] has no key `url`"), "{missing:?}");
    assert!(missing[0].ends_with("= help: `url`: Address of the server."), "{missing:?}");
}

#[test]
fn a_plain_secret_is_refused_and_not_shown() {
    let problems = checked("url = \"u\"\ntoken = \"s3cret\"\n", &schema());
    assert_eq!(
        problems,
        ["nexus.toml:10:9: `destinations.a.token` is a secret\n\
          \x20  |\n\
          10 | token = ***\n\
          \x20  |         ^^^\n\
          \x20  = help: write token = { env = \"VARIABLE\" }, token = { file = \"PATH\" } or token = { value = \"…\" }"]
    );
}

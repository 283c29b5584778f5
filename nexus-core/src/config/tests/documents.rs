//! The sample, the schema and the reference page.

use super::*;

#[test]
fn the_sample_can_be_used_as_it_is() {
    let sample = Config::sample();
    let config = read(&sample).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.database.path, Path::new("/srv/facility/nexus.db"));
    assert!(sample.lines().all(|line| line.chars().count() <= 120), "{sample}");
}

#[test]
fn the_sample_can_be_used_with_every_comment_taken_away() {
    let keys = |line: &&str| !line.starts_with("# ") || line.contains(" = ") || line.starts_with("# [");
    let text = Config::sample()
        .lines()
        .filter(keys)
        .map(|line| line.strip_prefix("# ").unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n");
    let config = read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!((config.harvesters.len(), config.extractors.len(), config.destinations.len()), (2, 1, 3));
}

#[test]
fn the_json_schema_names_and_describes_every_key() {
    let schema = json_schema();
    for table in keys::TABLES {
        let found = &schema["properties"][table.name];
        let found = if table.plugins { &found["additionalProperties"] } else { found };
        for key in table.keys {
            let property = &found["properties"][key.name];
            assert_eq!(property["description"], key.about, "{}.{}", table.name, key.name);
            assert_eq!(property.get("default").is_some(), matches!(key.absent, keys::Absent::Default(_)));
        }
    }
    assert_eq!(schema["required"], json!(["database", "storage"]));
    assert_eq!(schema["properties"]["build"]["properties"]["file_delay"]["default"], "2 days");
}

#[test]
fn the_reference_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let (begin, end) = ("<!-- generated from the list of keys: begin -->\n\n", "\n<!-- generated: end -->");
    let page = fs::read_to_string(&path).unwrap();
    let from = page.find(begin).unwrap() + begin.len();
    let to = from + page[from..].find(end).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{}{}{}", &page[..from], reference(), &page[to..])).unwrap();
        return;
    }
    assert!(
        page[from..to] == reference(),
        "docs/configuration.md is not what the list of keys says; run this test with UPDATE_DOCS=1"
    );
}

#[test]
fn the_examples_of_the_page_can_be_used() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let page = fs::read_to_string(&path).unwrap();
    let by_hand = page.split("<!-- generated").next().unwrap();
    let examples: Vec<&str> =
        by_hand.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let [smallest, secret] = examples.as_slice() else { panic!("{examples:?}") };
    read(smallest).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(good(secret).secrets().len(), 1);
}

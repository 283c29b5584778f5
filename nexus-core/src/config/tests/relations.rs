//! Settings that only make sense with others.

use super::*;

#[test]
fn after_names_destinations_without_circles() {
    let table = |name: &str, after: &str| format!("[destinations.{name}]\nplugin = \"x\"\nafter = {after}\n");
    let text = mistake(&format!("{}{}", table("cdcs", "[]"), table("b", "[\"cdc\"]")));
    assert!(
        text.contains("`destinations.b.after` names `cdc`, but there is no [destinations.cdc]"),
        "{text}"
    );
    assert!(text.ends_with("= help: did you mean `cdcs`?"), "{text}");

    let text = message(&table("a", "[\"a\"]"));
    assert_eq!(text, "nexus.toml:5:9: `destinations.a.after` goes round in a circle: `a` → `a`");
    let three =
        [table("a", "[\"b\"]"), table("b", "[\"c\"]"), table("c", "[\"d\", \"b\"]"), table("d", "[]")];
    assert_eq!(
        message(&three.concat()),
        "nexus.toml:8:9: `destinations.b.after` goes round in a circle: `b` → `c` → `b`"
    );
    assert!(
        read(&format!("{GOOD}{}{}{}", table("a", "[\"b\", \"c\"]"), table("b", "[\"c\"]"), table("c", "[]")))
            .is_ok()
    );
}

#[test]
fn reservations_come_from_a_harvester() {
    let text = message("[harvesters.a]\nplugin = \"x\"\nreservations_from = \"b\"\n");
    assert!(
        text.ends_with("`harvesters.a.reservations_from` names `b`, but there is no [harvesters.b]"),
        "{text}"
    );
}

#[test]
fn an_instrument_has_one_source() {
    let text = message(
        "[harvesters.a]\nplugin = \"x\"\ninstruments = [\"T\"]\n[harvesters.b]\nplugin = \"x\"\ninstruments = [\"T\"]\n",
    );
    assert!(
        text.ends_with("`harvesters.b.instruments` names `T`, which belongs to [harvesters.a] already"),
        "{text}"
    );
}

#[test]
fn nothing_is_written_into_the_instruments_folder() {
    for (line, key) in [
        ("data = \"/mnt/instruments/made\"", "storage.data"),
        ("data = \"/mnt/x/../instruments\"", "storage.data"),
        ("data = \"/d\"\nlogs = \"/mnt/instruments/./logs\"", "storage.logs"),
    ] {
        let text = format!(
            "[database]\npath = \"/db\"\n[storage]\ninstrument_data = \"/mnt/instruments\"\n{line}\n"
        );
        let error = read(&text).unwrap_err().to_string();
        assert!(error.contains(&format!("`{key}` is inside `storage.instrument_data`")), "{error}");
    }
    // A name that only begins alike is another folder.
    let text = "[database]\npath = \"/db\"\n[storage]\ninstrument_data = \"/mnt/i\"\ndata = \"/mnt/i2\"\n";
    read(text).unwrap();
}

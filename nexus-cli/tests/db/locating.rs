//! Which database is meant.

use crate::common::Sandbox;

#[test]
fn no_path_at_all() {
    let sandbox = Sandbox::new();
    for verb in [&["init"][..], &["current"], &["check"], &["query", "SELECT 1"]] {
        sandbox.nexus([&["db"], verb].concat()).refused(
            2,
            "error: no database named: there is no --database, NX_DB_PATH is not set, and there is no `nexus.toml`\n  \
             hint: name it: --database PATH, or NX_DB_PATH=PATH, or run this where nexus.toml is",
        );
    }
    assert!(sandbox.names().is_empty());
}

#[test]
fn an_empty_variable_is_not_set_and_an_empty_option_is_wrong() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.finish(sandbox.command(["db", "current"]).env("NX_DB_PATH", ""));
    assert!(outcome.code(2).stderr.starts_with("error: no database named"));
    let outcome = sandbox.nexus(["db", "current", "--database", ""]).code(2);
    assert!(outcome.stderr.contains("a value is required for '--database <PATH>'"), "{}", outcome.stderr);
}

#[test]
fn the_option_wins_over_the_variable() {
    let sandbox = Sandbox::new();
    sandbox.fixture("v2_4_0a.sqlite");
    sandbox.fixture("v2_5_0b.sqlite");
    let current =
        |args: &[&str]| sandbox.finish(sandbox.command(args).env("NX_DB_PATH", "v2_4_0a.sqlite")).done();
    assert_eq!(current(&["db", "current"]), "v2_4_0a\n");
    assert_eq!(current(&["db", "current", "--database", "v2_5_0b.sqlite"]), "v2_5_0b (head)\n");
}

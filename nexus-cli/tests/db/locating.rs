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

const CONFIG: &str =
    "[database]\npath = \"configured.sqlite\"\n\n[storage]\ninstrument_data = \"in\"\ndata = \"data\"\n";

#[test]
fn the_configuration_names_it_when_nothing_else_does() {
    let sandbox = Sandbox::new();
    sandbox.write("nexus.toml", CONFIG);
    sandbox.write("configured.sqlite", std::fs::read(sandbox.fixture("v2_4_0a.sqlite")).unwrap());
    sandbox.fixture("v2_5_0b.sqlite");
    assert_eq!(sandbox.nexus(["db", "current"]).done(), "v2_4_0a\n");
    let outcome = sandbox.finish(sandbox.command(["db", "current"]).env("NX_DB_PATH", "v2_5_0b.sqlite"));
    assert_eq!(outcome.done(), "v2_5_0b (head)\n");
    sandbox.write(
        "else/where.toml",
        "[database]\npath = \"../v2_5_0b.sqlite\"\n[storage]\ninstrument_data = \"i\"\ndata = \"d\"\n",
    );
    assert_eq!(sandbox.nexus(["db", "current", "--config", "else/where.toml"]).done(), "v2_5_0b (head)\n");

    // The run lock is that of the configuration's data folder, if it is the configuration's database.
    std::fs::create_dir(sandbox.path("data")).unwrap();
    let run = nexus_core::lock::RunLock::try_acquire(&sandbox.path("data")).unwrap();
    let outcome = sandbox.nexus(["db", "upgrade"]).code(5);
    assert!(
        outcome.stderr.starts_with("error: `[DIR]/data/.builder.lock` is locked by "),
        "{}",
        outcome.stderr
    );
    let other = sandbox.nexus(["db", "upgrade", "--database", "v2_4_0a.sqlite"]).done();
    assert!(other.ends_with("v2_4_0a -> v2_5_0b\n"), "{other}");
    drop(run);
    sandbox.nexus(["db", "upgrade"]).done();
}

#[test]
fn a_wrong_configuration_matters_only_when_it_is_needed() {
    let sandbox = Sandbox::new();
    sandbox.write("nexus.toml", "[database]\npath = 5\n");
    sandbox.fixture("v2_5_0b.sqlite");
    let outcome = sandbox.nexus(["db", "current"]).code(3);
    assert!(outcome.stderr.starts_with("error: the configuration has "), "{}", outcome.stderr);
    assert!(outcome.stderr.ends_with("\n  hint: with --database PATH, no configuration is needed\n"));
    assert_eq!(sandbox.nexus(["db", "current", "--database", "v2_5_0b.sqlite"]).done(), "v2_5_0b (head)\n");
    sandbox.nexus(["db", "current", "--config", "none.toml"]).refused(
        3,
        "error: there is no configuration file `none.toml`\n  hint: `nexus init` writes one; `--config FILE` or \
         NEXUS_CONFIG names one that is elsewhere",
    );
}

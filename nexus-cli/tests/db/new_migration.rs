//! `nexus db new-migration`.

use std::fs;

use crate::common::Sandbox;

/// A checkout with one shared and one own migration.
fn checkout() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("migrations/sqlite/V0005__v2_5_0b_rework_instruments.sql", "");
    sandbox.write("migrations/sqlite/V0005__v2_5_0b_rework_instruments.down.sql", "");
    sandbox.write("migrations/nexus/V0001__nexus_tables.sql", "");
    sandbox.write("migrations/README.md", "");
    sandbox
}

#[test]
fn a_pair_of_our_own() {
    let sandbox = checkout();
    let stem = "migrations/nexus/V0002__v0_2_0a_add_a_thing_to_runs";
    let printed = sandbox.nexus(["db", "new-migration", "v0_2_0a", "Add a thing to runs."]).done();
    assert_eq!(
        printed,
        format!(
            "made [DIR]/{stem}.sql\nmade [DIR]/{stem}.down.sql\n\
             Next: write the statements of both, the tests and an entry of CHANGELOG.md.\n\
             [DIR]/migrations/README.md tells how.\n"
        )
    );
    let up = fs::read_to_string(sandbox.path(&format!("{stem}.sql"))).unwrap();
    assert!(up.starts_with("-- revision: v0_2_0a\n-- title: Add a thing to runs.\n--\n"), "{up}");
    let down = fs::read_to_string(sandbox.path(&format!("{stem}.down.sql"))).unwrap();
    assert!(down.starts_with("-- undoes: v0_2_0a\n"), "{down}");
    // Neither says a word about the shared tables.
    assert!(!up.contains("alembic_version") && !down.contains("alembic_version"));
}

#[test]
fn a_shared_pair_moves_the_revision() {
    let sandbox = checkout();
    sandbox.nexus(["db", "new-migration", "--shared", "v2_6_0a", "add serial number"]).done();
    let up =
        fs::read_to_string(sandbox.path("migrations/sqlite/V0006__v2_6_0a_add_serial_number.sql")).unwrap();
    assert!(
        up.starts_with("-- revision: v2_6_0a\n-- revises: v2_5_0b\n-- title: Add serial number.\n"),
        "{up}"
    );
    assert!(
        up.ends_with("UPDATE alembic_version SET version_num = 'v2_6_0a' WHERE version_num = 'v2_5_0b';\n")
    );
    let down =
        fs::read_to_string(sandbox.path("migrations/sqlite/V0006__v2_6_0a_add_serial_number.down.sql"))
            .unwrap();
    assert!(down.starts_with("-- undoes: v2_6_0a\n-- returns to: v2_5_0b\n"), "{down}");
    assert!(
        down.ends_with("UPDATE alembic_version SET version_num = 'v2_5_0b' WHERE version_num = 'v2_6_0a';\n")
    );
}

#[test]
fn duplicates_and_wrong_names_are_refused() {
    let sandbox = checkout();
    let cases = [
        (
            &["--shared", "v2_5_0b", "another"][..],
            6,
            "has a migration v2_5_0b already, number 5 (rework_instruments); give it the next letter",
        ),
        (
            &["--shared", "v2_6_0", "Rework instruments"],
            6,
            "has a migration `rework_instruments` already, number 5 (v2_5_0b); choose another description",
        ),
        (
            &["--shared", "v2_5_0a", "earlier"],
            6,
            "has a later migration v2_5_0b, number 5; v2_5_0a would come after it, so it needs a later version",
        ),
        (
            &["v0_2_0", "nexus tables"],
            6,
            "has a migration `nexus_tables` already, number 1; choose another description",
        ),
        (&["2.6.0", "words"], 2, "a version looks like v2_5_0 or v2_5_0b"),
        (
            &["v2_6_0", "…"],
            2,
            "error: the description `…` has no letters a to z or digits to name the files by",
        ),
        (
            &["v0_2_0", "x", "--migrations", "elsewhere"],
            6,
            "failed to read the migrations folder `elsewhere/nexus`",
        ),
    ];
    for (args, code, text) in cases {
        let outcome = sandbox.nexus([&["db", "new-migration"], args].concat()).code(code);
        assert!(outcome.stderr.contains(text), "{args:?}: {}", outcome.stderr);
    }
    let names = |folder: &str| fs::read_dir(sandbox.path(folder)).unwrap().count();
    assert_eq!((names("migrations/sqlite"), names("migrations/nexus")), (2, 1));

    let elsewhere = Sandbox::new();
    elsewhere.nexus(["db", "new-migration", "v0_2_0", "words"]).refused(
        6,
        "error: `[DIR]` is not in a checkout of nexus: no folder above it has migrations/nexus and migrations/sqlite; \
         go there, or give --migrations",
    );
}

//! Keys and values that are not what they should be.

use super::*;

#[test]
fn an_unknown_key_is_pointed_at() {
    assert_eq!(
        mistake("[build]\n  file_strateg = \"exclusive\"\n"),
        "nexus.toml:4:3: unknown key `file_strateg` in [build]\n\
         \x20 |\n\
         4 |   file_strateg = \"exclusive\"\n\
         \x20 |   ^^^^^^^^^^^^\n\
         \x20 = help: did you mean `file_strategy`?"
    );
}

#[test]
fn a_tab_is_shown_as_a_blank_so_that_the_carets_stand_below_what_they_mean() {
    assert_eq!(
        mistake("[build]\n\tfile_strateg\t= \"exclusive\"\n"),
        "nexus.toml:4:2: unknown key `file_strateg` in [build]\n\
         \x20 |\n\
         4 |  file_strateg = \"exclusive\"\n\
         \x20 |  ^^^^^^^^^^^^\n\
         \x20 = help: did you mean `file_strategy`?"
    );
}

#[test]
fn an_unknown_key_without_a_likeness_lists_the_known_ones() {
    assert!(
        mistake("[export]\ncolour = 1\n")
            .ends_with("= help: the keys of [export] are `strategy`, `time_budget`")
    );
    assert!(
        mistake("[export]\nfile_delay = \"1 day\"\n").ends_with("= help: `file_delay` belongs in [build]")
    );
}

#[test]
fn an_unknown_table_is_pointed_at() {
    let text = mistake("[destination.cdcs]\nplugin = \"cdcs\"\n");
    assert!(
        text.starts_with("nexus.toml:3:2: unknown name `destination` at the top of the file\n"),
        "{text}"
    );
    assert!(text.ends_with("= help: did you mean `destinations`?"), "{text}");
    let text = read(&format!("strategy = \"all\"\n{GOOD}")).unwrap_err().to_string();
    assert!(text.ends_with("= help: `strategy` belongs in [export]"), "{text}");
    let text = format!("[databse]\n{}", GOOD.replace("[database]", ""));
    assert_eq!(read(&text).unwrap_err().problems().len(), 1);
    assert!(mistake("[zzz]\n").contains("the tables are [database], [storage], [build], "));
}

#[test]
fn a_wrong_type_is_pointed_at() {
    assert_eq!(
        mistake("[build]\nthreads = \"four\"\n"),
        "nexus.toml:4:11: `build.threads` must be a whole number, not text\n\
         \x20 |\n\
         4 | threads = \"four\"\n\
         \x20 |           ^^^^^^"
    );
    assert_eq!(
        mistake("[build]\nignore = \"*.mib\"\n"),
        "nexus.toml:4:10: `build.ignore` must be a list, not text\n\
         \x20 |\n\
         4 | ignore = \"*.mib\"\n\
         \x20 |          ^^^^^^^\n\
         \x20 = help: write [\"*.mib\"]"
    );
    for (extra, expected) in [
        ("[build]\nfile_delay = 2\n", "nexus.toml:4:14: `build.file_delay` must be text, not a whole number"),
        ("[build]\nignore = [1]\n", "nexus.toml:4:11: `build.ignore` must be text, not a whole number"),
        (
            "[build]\nclustering_sensitivity = true\n",
            "nexus.toml:4:26: `build.clustering_sensitivity` must be a number, not true or false",
        ),
        ("build = 3\n", "nexus.toml:3:9: [build] must be a table, not a whole number"),
        (
            "[[destinations]]\nname = \"cdcs\"\n",
            "nexus.toml:3:1: [destinations.NAME] must be a table, not a list",
        ),
        ("[destinations]\ncdcs = \"x\"\n", "nexus.toml:4:8: [destinations.cdcs] must be a table, not text"),
    ] {
        assert_eq!(message(extra), expected);
    }
}

#[test]
fn values_out_of_range_are_refused() {
    for (extra, expected) in [
        (
            "[build]\nfile_strategy = \"exclusiv\"\n",
            "`build.file_strategy` must be one of `exclusive`, `inclusive`",
        ),
        ("[build]\nthreads = -1\n", "`build.threads` must be from 0 to 1024"),
        ("[build]\nthreads = 99999999999999999999\n", "`build.threads` must be from 0 to 1024"),
        (
            "[build]\nfile_delay = \"2 dayz\"\n",
            "`build.file_delay` is not a length of time (unknown time unit",
        ),
        (
            "[build]\nfile_delay = \"-2 days\"\n",
            "`build.file_delay` is not a length of time (expected number at 0)",
        ),
        ("[build]\nfile_delay = \"5000 years\"\n", "`build.file_delay` is longer than a thousand years"),
        (
            "[build]\nclustering_sensitivity = -0.1\n",
            "`build.clustering_sensitivity` must be a number that is zero or more",
        ),
        (
            "[build]\nclustering_sensitivity = nan\n",
            "`build.clustering_sensitivity` must be a number that is zero or more",
        ),
        (
            "[build]\nclustering_sensitivity = inf\n",
            "`build.clustering_sensitivity` must be a number that is zero or more",
        ),
        ("[build]\nignore = [\"[a\"]\n", "`build.ignore` is not a pattern: unclosed character class"),
        (
            "[build]\nignore = [\"a/*\"]\n",
            "`build.ignore` holds a `/`, but patterns are compared with file names",
        ),
        (
            "[build]\nexclusive_suffixes = [\"tif*\"]\n",
            "`build.exclusive_suffixes` is not a suffix such as \"tif\"",
        ),
        ("[export]\ntime_budget = \"0s\"\n", "`export.time_budget` must be longer than nothing"),
        ("[history]\nkeep = \"\"\n", "`history.keep` is not a length of time (value was empty)"),
        ("[destinations.Cdcs]\nplugin = \"x\"\n", "`Cdcs` is not a name"),
        ("[destinations.\"\"]\nplugin = \"x\"\n", "`` is not a name"),
        ("[destinations.a]\nplugin = \"x y\"\n", "`destinations.a.plugin` is not a name"),
        ("[destinations.a]\ncommand = []\n", "`destinations.a.command` must begin with a program"),
        (
            "[destinations.a]\nlibrary = \"~/x.so\"\n",
            "`destinations.a.library` begins with `~`, which is not expanded here",
        ),
        (
            "[harvesters.a]\nplugin = \"x\"\naddress = \"nemo.example.org\"\n",
            "`harvesters.a.address` must be an address that begins with `https://` or `http://`",
        ),
    ] {
        let text = message(extra);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_command_in_one_text_is_taken_apart_for_the_writer() {
    let text = mistake("[destinations.a]\ncommand = \"python3 share.py\"\n");
    assert!(text.contains("`destinations.a.command` must be a list, not text"), "{text}");
    assert!(text.ends_with("= help: write [\"python3\", \"share.py\"]"), "{text}");
}

#[test]
fn missing_keys_are_named() {
    assert_eq!(
        read("[storage]\ndata = \"d\"\n").unwrap_err().to_string(),
        "the configuration has 2 mistakes\n\n\
         nexus.toml: [database] has no key `path`\n = help: add path = \"nexus.db\"\n\n\
         nexus.toml:1:2: [storage] has no key `instrument_data`\n\
         \x20 |\n\
         1 | [storage]\n\
         \x20 |  ^^^^^^^\n\
         \x20 = help: add instrument_data = \"instrument_data\""
    );
    assert_eq!(read("").unwrap_err().problems().len(), 3);
}

#[test]
fn all_mistakes_are_told_in_the_order_of_the_file() {
    let found = mistakes("[export]\nstrategi = \"all\"\n[build]\nthreads = -1\nfile_delay = 2\n");
    let lines: Vec<_> = found.iter().map(|text| text.split(':').nth(1).unwrap()).collect();
    assert_eq!(lines, ["4", "6", "7"]);
}

#[test]
fn a_broken_file_is_pointed_at() {
    assert_eq!(
        mistake("[build]\nthreads = = 2\n").lines().take(3).collect::<Vec<_>>()[..2],
        ["nexus.toml:4:11: this is not TOML: extra `=`, expected nothing", "  |"]
    );
    assert!(message("[build]\nthreads = 1\nthreads = 2\n").contains("5:1: this is not TOML: duplicate key"));
    assert!(!read("[build").unwrap_err().problems().is_empty());
    assert_eq!(mistakes("a = = 1\nb = = 1\nc = = 1\nd = = 1\n").len(), 3);
}

#[test]
fn a_plugin_is_named_once() {
    for (extra, expected) in [
        ("[destinations.a]\nurl = \"x\"\n", "nexus.toml:3:15: [destinations.a] names no plugin"),
        (
            "[destinations.a]\nplugin = \"x\"\ncommand = [\"y\"]\n",
            "nexus.toml:5:11: [destinations.a] has `plugin` and `command`, but a plugin is named once",
        ),
        (
            "[destinations.a]\nplugin = \"x\"\nisolation = \"none\"\n",
            "nexus.toml:5:13: `destinations.a.isolation` is for plugins that `library` names",
        ),
        (
            "[destinations.a]\nplugin = \"x\"\nprocesses = 2\n",
            "nexus.toml:5:13: `destinations.a.processes` is for plugins that have a process of their own",
        ),
        (
            "[destinations.a]\nlibrary = \"x.so\"\nisolation = \"none\"\nprocesses = 2\n",
            "nexus.toml:6:13: `destinations.a.processes` is for plugins that have a process of their own",
        ),
        (
            "[destinations.a]\ncommand = [\"x\"]\nprocesses = 0\n",
            "nexus.toml:5:13: `destinations.a.processes` must be from 1 to 64",
        ),
    ] {
        assert_eq!(message(extra), expected);
    }
}

#[test]
fn keys_that_differ_from_ours_in_writing_only_are_mistakes() {
    let text = mistake("[harvesters.a]\nplugin = \"x\"\nreservations-from = \"b\"\n");
    assert!(text.ends_with("= help: did you mean `reservations_from`?"), "{text}");
}

//! The C header says what `abi.rs` says: sizes, offsets, constants, compared through a C program.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::mem::offset_of;
use std::path::Path;
use std::process::Command;

use nexus_plugin_api::abi::{
    ABI_VERSION, CALL_SIZE_1_0, ENTRY_SYMBOL, NEXUS_BAD_ARGUMENT, NEXUS_FAILED, NEXUS_LOG_DEBUG,
    NEXUS_LOG_ERROR, NEXUS_LOG_INFO, NEXUS_LOG_TRACE, NEXUS_LOG_WARN, NEXUS_OK, NEXUS_PANICKED, NO_DEADLINE,
    NexusBuffer, NexusBytes, NexusCall, NexusPluginTable, TABLE_SIZE_1_0,
};
use nexus_plugin_api::message::MAX_MESSAGE;

fn size_of_field<T, F>(_: fn(&T) -> &F) -> usize {
    size_of::<F>()
}

/// What the Rust side says, by the C expression that must say the same.
fn expected() -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    let mut say = |expression: &str, value: u64| {
        assert!(all.insert(expression.to_owned(), value).is_none(), "{expression} stands there twice");
    };
    macro_rules! structure {
        ($name:ident { $($field:ident),+ }) => {
            say(concat!("sizeof(", stringify!($name), ")"), size_of::<$name>() as u64);
            say(concat!("_Alignof(", stringify!($name), ")"), align_of::<$name>() as u64);
            $(say(
                concat!("offsetof(", stringify!($name), ", ", stringify!($field), ")"),
                offset_of!($name, $field) as u64,
            );)+
            // A field that fits into padding would come without the size telling it.
            assert_eq!(
                size_of::<$name>(),
                0 $(+ size_of_field(|value: &$name| &value.$field))+,
                concat!(stringify!($name), " has padding"),
            );
            // Every field is listed: a new one without its line here does not compile.
            let _ = |value: $name| { let $name { $($field: _),+ } = value; };
        };
    }
    structure!(NexusBytes { data, len });
    structure!(NexusBuffer { data, len });
    structure!(NexusCall { struct_size, reserved, deadline_ms, cancel, scratch, log, log_context });
    structure!(NexusPluginTable { abi_version, struct_size, manifest, create, call, free, destroy });
    say("NEXUS_PLUGIN_ABI_VERSION", ABI_VERSION.into());
    say("NEXUS_NO_DEADLINE", NO_DEADLINE);
    say("NEXUS_MAX_MESSAGE", MAX_MESSAGE as u64);
    say("NEXUS_CALL_SIZE_1_0", CALL_SIZE_1_0.into());
    say("NEXUS_TABLE_SIZE_1_0", TABLE_SIZE_1_0.into());
    for (name, value) in [
        ("NEXUS_OK", NEXUS_OK),
        ("NEXUS_FAILED", NEXUS_FAILED),
        ("NEXUS_BAD_ARGUMENT", NEXUS_BAD_ARGUMENT),
        ("NEXUS_PANICKED", NEXUS_PANICKED),
        ("NEXUS_LOG_ERROR", NEXUS_LOG_ERROR),
        ("NEXUS_LOG_WARN", NEXUS_LOG_WARN),
        ("NEXUS_LOG_INFO", NEXUS_LOG_INFO),
        ("NEXUS_LOG_DEBUG", NEXUS_LOG_DEBUG),
        ("NEXUS_LOG_TRACE", NEXUS_LOG_TRACE),
    ] {
        say(name, u64::try_from(value).unwrap());
    }
    all
}

fn header() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include/nexus_plugin.h")
}

#[test]
fn a_c_program_sees_the_same_layout() {
    let folder = tempfile::tempdir().unwrap();
    let expected = expected();
    let mut prints = String::new();
    for expression in expected.keys() {
        let value = format!("(unsigned long long)({expression})");
        writeln!(prints, "    printf(\"%s=%llu\\n\", \"{expression}\", {value});").unwrap();
    }
    // The assignments below are the comparison of the function types: the compiler refuses another signature.
    let program = format!(
        r#"#include <stdio.h>
#include "nexus_plugin.h"
static int32_t manifest(NexusBuffer *out) {{ (void)out; return NEXUS_OK; }}
static int32_t create(NexusBytes settings, void **instance, NexusBuffer *out) {{ (void)settings; (void)instance; (void)out; return NEXUS_OK; }}
static int32_t call(void *instance, const NexusCall *call, NexusBytes request, NexusBuffer *out) {{ (void)instance; (void)call; (void)request; (void)out; return NEXUS_OK; }}
static void release(NexusBuffer buffer) {{ (void)buffer; }}
static void destroy(void *instance) {{ (void)instance; }}
static const NexusPluginTable table = {{ NEXUS_PLUGIN_ABI_VERSION, sizeof(NexusPluginTable), manifest, create, call, release, destroy }};
const NexusPluginTable *nexus_plugin_entry(void) {{ return &table; }}
int main(void) {{
{prints}    return nexus_plugin_entry() == &table ? 0 : 1;
}}
"#
    );
    let source = folder.path().join("layout.c");
    let binary = folder.path().join("layout");
    std::fs::write(&source, program).unwrap();
    let compiled = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"])
        .arg(header().parent().unwrap())
        .arg("-o")
        .args([&binary, &source])
        .output();
    let compiled = match compiled {
        Ok(compiled) => compiled,
        Err(error) => {
            eprintln!("SKIPPED: the header is not compared, there is no C compiler `cc` ({error})");
            return;
        }
    };
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let run = Command::new(&binary).output().unwrap();
    assert!(run.status.success());
    let found: BTreeMap<String, u64> = String::from_utf8(run.stdout)
        .unwrap()
        .lines()
        .map(|line| line.split_once('=').unwrap())
        .map(|(expression, value)| (expression.to_owned(), value.parse().unwrap()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn every_constant_of_the_header_is_compared() {
    let text = std::fs::read_to_string(header()).unwrap();
    let expected = expected();
    let constants: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("#define "))
        .filter_map(|rest| rest.split_once(' ').map(|(name, _)| name))
        .collect();
    assert!(constants.len() >= 14, "{constants:?}");
    for name in constants {
        assert!(expected.contains_key(name), "`{name}` of the header has no counterpart in this test");
    }
    assert!(text.contains(&format!("const NexusPluginTable *{ENTRY_SYMBOL}(void);")));
}

#[test]
fn the_header_is_cplusplus_too() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("plugin.cpp");
    std::fs::write(&source, "#include \"nexus_plugin.h\"\nint main() { return 0; }\n").unwrap();
    match Command::new("c++")
        .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I"])
        .arg(header().parent().unwrap())
        .arg(&source)
        .output()
    {
        Ok(done) => assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr)),
        Err(error) => eprintln!("SKIPPED: there is no C++ compiler `c++` ({error})"),
    }
}

//! Files that are not the plugin they should be: each is refused by name, before its code runs if possible.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nexus_plugin_api::Plugin;
use nexus_plugin_api::host;

/// Whole message of a file that must be refused; `FILE` stands for its path.
fn refusal(path: &Path) -> String {
    let error = host::open(path).expect_err("accepted");
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        write!(text, ": {cause}").unwrap();
        source = cause.source();
    }
    text.replace(&path.canonicalize().unwrap_or(path.to_owned()).display().to_string(), "FILE")
        .replace(&path.display().to_string(), "FILE")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn file(folder: &tempfile::TempDir, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join("libx.so");
    fs::write(&path, bytes).unwrap();
    path
}

/// A library from C; `None`, loudly, where there is no compiler.
fn compile(folder: &tempfile::TempDir, source: &str) -> Option<PathBuf> {
    let (code, library) = (folder.path().join("x.c"), folder.path().join("libx.so"));
    fs::write(&code, source).unwrap();
    let done = Command::new("cc")
        .args(["-std=c11", "-fPIC", "-shared", "-I", concat!(env!("CARGO_MANIFEST_DIR"), "/include"), "-o"])
        .args([&library, &code])
        .output();
    match done {
        Ok(done) => {
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            Some(library)
        }
        Err(error) => {
            eprintln!("SKIPPED: there is no C compiler `cc` ({error})");
            None
        }
    }
}

/// The first 20 bytes of an ELF file: word size, byte order, type, machine.
fn elf(word_size: u8, byte_order: u8, kind: u8, machine: u8) -> Vec<u8> {
    let mut bytes = b"\x7fELF".to_vec();
    bytes.extend([word_size, byte_order, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let little = byte_order == 1;
    for number in [kind, machine] {
        bytes.extend(if little { [number, 0] } else { [0, number] });
    }
    bytes
}

#[test]
fn paths_that_are_no_file() {
    let folder = folder();
    assert_eq!(
        refusal(Path::new("libx.so")),
        "plugin library `FILE` is not an absolute path; no folder is searched"
    );
    assert_eq!(
        refusal(&folder.path().join("absent.so")),
        "plugin library `FILE` cannot be read: No such file or directory (os error 2)"
    );
    assert_eq!(refusal(folder.path()), "plugin library `FILE` is not a file");
}

#[test]
fn files_that_are_no_library() {
    for (bytes, message) in [
        (&b""[..], "`FILE` is not a shared library: it is empty"),
        (b"hello", "`FILE` is not a shared library: it does not begin like an ELF file"),
        (b"MZ\x90\0", "`FILE` is not a shared library: it does not begin like an ELF file"),
        (
            b"#!/usr/bin/env python3\n",
            "`FILE` is not a shared library: it is a script; a script is named with `command`, not `library`",
        ),
        (b"\x7fELF\x02\x01", "`FILE` is not a shared library: it is cut off after the first bytes"),
    ] {
        let folder = folder();
        assert_eq!(refusal(&file(&folder, bytes)), message);
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn libraries_for_other_machines() {
    for (bytes, found) in [
        (elf(2, 1, 3, 183), "aarch64 (64 bits, little endian)"),
        (elf(1, 1, 3, 3), "x86 (32 bits, little endian)"),
        (elf(2, 2, 3, 22), "s390 (64 bits, big endian)"),
        (elf(1, 1, 3, 62), "x86_64 (32 bits, little endian)"),
        (elf(2, 1, 3, 250), "machine 250 (64 bits, little endian)"),
    ] {
        let folder = folder();
        assert_eq!(
            refusal(&file(&folder, &bytes)),
            format!(
                "plugin library `FILE` is built for {found}, this program runs on x86_64 (64 bits, little endian)"
            )
        );
    }
    let folder = folder();
    assert_eq!(
        refusal(&file(&folder, &elf(2, 1, 1, 62))),
        "`FILE` is not a shared library: it is an ELF file of another kind, such as an object file or a core dump"
    );
    let cut_off = refusal(&file(&folder, &elf(2, 1, 3, 62)));
    assert!(cut_off.starts_with("plugin library `FILE` cannot be loaded: "), "{cut_off}");
    assert!(cut_off.contains("file too short"), "{cut_off}");
}

#[test]
fn what_everybody_may_write_is_refused() {
    let folder = folder();
    let path = file(&folder, b"hello");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(
        refusal(&path),
        "plugin library `FILE` is refused: everybody may write `FILE`; take that right away (chmod o-w)"
    );
    // Also through a link, and also when only the folder is open.
    let link = folder.path().join("link.so");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(refusal(&link).contains("everybody may write"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let shared = folder.path().canonicalize().unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(refusal(&path).contains(&format!("everybody may write `{}`", shared.display())));
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o1777)).unwrap();
    assert!(refusal(&path).contains("does not begin like an ELF file"));
}

#[test]
fn a_library_that_is_no_plugin() {
    let folder = folder();
    let Some(library) = compile(&folder, "int answer(void) { return 42; }\n") else { return };
    let message = refusal(&library);
    assert!(
        message.starts_with(
            "`FILE` is a shared library but no nexus plugin: it has no symbol `nexus_plugin_entry`: "
        ),
        "{message}"
    );
}

#[test]
fn a_library_that_needs_what_is_not_there() {
    let folder = folder();
    let source = "int nowhere(void);\nint answer(void) { return nowhere(); }\n";
    let Some(library) = compile(&folder, source) else { return };
    let message = refusal(&library);
    assert!(message.starts_with("plugin library `FILE` cannot be loaded: "), "{message}");
    assert!(message.contains("nowhere"), "{message}");
}

/// A plugin in C that can do no more than be looked at.
fn plugin(abi: u32, manifest: &str) -> String {
    format!(
        r"#include <nexus_plugin.h>
#include <string.h>
static const char text[] = {manifest:?};
static int32_t manifest(NexusBuffer *out) {{ *out = (NexusBuffer){{(uint8_t *)text, sizeof text - 1}}; return NEXUS_OK; }}
static int32_t create(NexusBytes s, void **i, NexusBuffer *o) {{ (void)s; (void)o; *i = (void *)text; return NEXUS_OK; }}
static int32_t call(void *i, const NexusCall *c, NexusBytes r, NexusBuffer *o) {{ (void)i; (void)c; (void)r; (void)o; return NEXUS_OK; }}
static void release(NexusBuffer b) {{ (void)b; }}
static void destroy(void *i) {{ (void)i; }}
static const NexusPluginTable table = {{{abi}, sizeof(NexusPluginTable), manifest, create, call, release, destroy}};
const NexusPluginTable *nexus_plugin_entry(void) {{ return &table; }}
"
    )
}

#[test]
fn a_plugin_of_another_abi_or_protocol() {
    let card = r#"{"name":"c","version":"1","kind":"harvester","protocol":"1.0"}"#;
    let first = folder();
    let Some(library) = compile(&first, &plugin(2, card)) else { return };
    assert_eq!(
        refusal(&library),
        "plugin library `FILE` was built for plugin ABI 2, this program speaks 1; a newer nexus is needed"
    );
    let second = folder();
    let library = compile(&second, &plugin(1, &card.replace("1.0", "2.0"))).unwrap();
    assert_eq!(
        refusal(&library),
        "plugin `c` (plugin library `FILE`) cannot be used: it speaks protocol 2.0, this program speaks 1.0; \
         a newer nexus is needed"
    );
}

#[test]
fn a_loaded_plugin_knows_its_file_and_names_it() {
    let folder = folder();
    let card = r#"{"name":"c","version":"1","kind":"harvester","protocol":"1.0"}"#;
    let Some(library) = compile(&folder, &plugin(1, card)) else { return };
    let loaded = host::open(&library).unwrap();
    let real = library.canonicalize().unwrap();
    assert_eq!(loaded.file(), Some(real.as_path()));
    let instance = loaded.create(&serde_json::json!({})).unwrap_or_else(|error| panic!("{error}"));
    // The library stays although nobody holds the plugin or its file any more.
    drop(loaded);
    fs::remove_file(&library).unwrap();
    let error = instance.check(&nexus_plugin_api::Call::unlimited("")).unwrap_err();
    assert_eq!(
        error.message,
        format!("plugin `c` ({}) answered `check` with something unusable: it is empty", real.display())
    );
}

//! `export_plugin!` does not compile with `panic = "abort"`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;
use std::process::{Command, Output};

/// The macro's own text, over stand-ins for what it names, compiled with this panic strategy.
fn compile(strategy: &str) -> Option<Output> {
    let source = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/export.rs")).unwrap();
    let start = source.find("#[macro_export]\nmacro_rules! export_plugin").unwrap();
    let export_plugin = source.get(start..).unwrap().replace("#[macro_export]", "");
    let stand_ins = "pub mod abi { pub struct NexusPluginTable; }\n\
        pub struct Entry;\n\
        impl Entry { pub fn table(&self) -> *const abi::NexusPluginTable { std::ptr::null() } }\n\
        #[macro_export] macro_rules! plugin_entry { ($plugin:expr) => { $crate::Entry }; }\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plugin.rs");
    fs::write(&file, format!("{stand_ins}{export_plugin}\nexport_plugin!(7);\n")).unwrap();
    let done = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()))
        .args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "-C"])
        .arg(format!("panic={strategy}"))
        .arg("--out-dir")
        .args([folder.path(), file.as_path()])
        .output();
    done.inspect_err(|error| eprintln!("SKIPPED: rustc cannot be run ({error})")).ok()
}

#[test]
fn abort_is_refused_and_unwind_is_not() {
    let Some(unwind) = compile("unwind") else { return };
    assert!(unwind.status.success(), "{}", String::from_utf8_lossy(&unwind.stderr));
    let abort = compile("abort").unwrap();
    assert!(!abort.status.success());
    let message = String::from_utf8_lossy(&abort.stderr).into_owned();
    assert!(message.contains("a nexus plugin must be compiled with panic = \"unwind\""), "{message}");
}

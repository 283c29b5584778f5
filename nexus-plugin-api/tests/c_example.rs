//! The C example under the address and undefined-behaviour sanitizers, against whole, cut and damaged requests.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::path::Path;
use std::process::Command;

#[test]
fn the_c_example_reads_no_byte_too_far() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let (driver, tally) = (folder.path().join("driver"), folder.path().join("tally.txt"));
    let compiled = Command::new("cc")
        .args(["-std=c11", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fno-sanitize-recover=all"])
        .arg("-fsanitize=address,undefined")
        .arg("-I")
        .arg(root.join("include"))
        .arg("-o")
        .args([&driver, &root.join("tests/c/driver.c"), &root.join("../examples/tally-harvester-c/tally.c")])
        .output();
    let compiled = match compiled {
        Ok(compiled) => compiled,
        Err(error) => {
            eprintln!("SKIPPED: there is no C compiler `cc` ({error})");
            return;
        }
    };
    let said = String::from_utf8_lossy(&compiled.stderr);
    if said.contains("libasan") || said.contains("libubsan") || said.contains("unsupported option") {
        eprintln!("SKIPPED: this C compiler has no sanitizers ({said})");
        return;
    }
    assert!(compiled.status.success(), "{said}");
    let good = "1\tTITAN\tada\t2024-03-05T09:10:00-07:00\t2024-03-05T11:00:00.125-07:00\tyes";
    // Lines that end in the middle of everything, and the last one without its newline.
    let mut text: Vec<u8> = Vec::new();
    for cut in 0..=good.len() {
        text.extend(good.as_bytes().get(..cut).unwrap());
        text.extend(if cut % 3 == 0 { &b"\xe2\x98\n"[..] } else { b"\n" });
    }
    text.extend(good.as_bytes());
    for tally_text in [text.as_slice(), b"", b"\n", b"#", b"\t\t\t\t\t", b"\xf0"] {
        std::fs::write(&tally, tally_text).unwrap();
        let run = Command::new(&driver).arg(&tally).output().unwrap();
        assert!(run.status.success(), "{:?} {}", run.status, String::from_utf8_lossy(&run.stderr));
    }
}

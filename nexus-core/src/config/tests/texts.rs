//! Files and texts of any kind.

use proptest::prelude::*;

use super::*;

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nexus.toml");
    let error = Config::read(&file).unwrap_err();
    assert_eq!(error.to_string(), format!("there is no configuration file `{}`", file.display()));
    fs::write(&file, b"[database]\npath = \"\xff\"\n").unwrap();
    let error = Config::read(&file).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the configuration file `{}` is not UTF-8 text: see line 2", file.display())
    );
    let error = Config::read(folder.path()).unwrap_err();
    assert!(matches!(error, ConfigError::Unreadable { .. }));
    fs::write(&file, GOOD).unwrap();
    assert_eq!(Config::read(&file).unwrap().database.path, folder.path().join("nexus.db"));
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_accepted() {
    let text = format!("\u{feff}{}", GOOD.trim_start()).replace('\n', "\r\n");
    assert!(read(&text).is_ok());
    let error = read(&format!("{text}[build]\r\nthread = 2\r\n")).unwrap_err();
    assert!(
        error.to_string().contains("nexus.toml:7:1: unknown key `thread` in [build]\n  |\n7 | thread = 2\n"),
        "{error}"
    );
    let error = read("\u{feff}datbase = 1").unwrap_err();
    assert_eq!(error.problems().last().unwrap().column(), Some(1), "{error}");
}

proptest! {
    #[test]
    fn no_text_is_a_panic(text in "[a-z\"'=\\[\\]{}#,.\\\\é\u{feff}\r\n 0-9]{0,120}") {
        if let Err(error) = read(&text) {
            let _ = error.to_string();
        }
    }

    #[test]
    fn no_table_is_a_panic(
        key in "(plugin|library|command|after|address|token|priority|x)",
        value in "(\"[a-z/:@.é]{0,8}\"|-?[0-9]{1,20}|\\[[0-9, ]{0,6}\\]|\\{ (env|file|value|z) = \"[a-z]{0,3}\" \\})",
    ) {
        if let Err(error) = read(&format!("{GOOD}[destinations.a]\n{key} = {value}\n")) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}

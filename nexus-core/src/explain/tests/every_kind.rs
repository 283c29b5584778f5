//! Every kind of note has a sentence.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::kinds::{KINDS, sentence};

/// The kinds that the product's code writes: the words in quotes where a note is made, a session is settled, or a constant is
/// the word for an outcome.
fn written() -> BTreeSet<String> {
    let mut sources = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut sources);
    let mut kinds = BTreeSet::new();
    for path in sources {
        let text = fs::read_to_string(&path).unwrap();
        // Tests in the file itself come last.
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for mark in [
            ".note(",
            " note(",
            "Note::new(",
            "NoteEvent {",
            "settle(",
            "EVENT_GONE: &str",
            "EVENT_CANCELLED: &str",
            "SKIPPED: &str",
            "Verdict::Settle {",
            "Verdict::Drop {",
        ] {
            for (at, _) in code.match_indices(mark) {
                let call = code[at..].split(';').next().unwrap();
                let first = call.split('"').skip(1).step_by(2).find(|word| is_kind(word));
                kinds.extend(first.map(str::to_owned));
            }
        }
    }
    kinds
}

fn is_kind(word: &str) -> bool {
    word.len() > 3 && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            if !["tests", "explain", "conformance"].contains(&name.as_str()) {
                collect(&path, into);
            }
        } else if path.extension().is_some_and(|end| end == "rs")
            && name != "tests.rs"
            && name != "simulation.rs"
        {
            into.push(path);
        }
    }
}

#[test]
fn every_kind_that_is_written_has_a_sentence_and_no_other_has() {
    let known: BTreeSet<String> = KINDS.iter().map(|(kind, _)| (*kind).to_owned()).collect();
    assert_eq!(written(), known);
}

#[test]
fn a_note_is_told_with_and_without_its_detail_and_an_unknown_one_as_it_is() {
    assert_eq!(sentence("built", Some("3 files.")), "The record was built: 3 files.");
    assert_eq!(sentence("built", None), "The record was built.");
    assert_eq!(sentence("harvested", None), "It was harvested.");
    assert_eq!(sentence("revised", None), "Its usage event was changed before it was built.");
    assert_eq!(sentence("of_tomorrow", Some("x\ny")), "of_tomorrow: x y");
    assert_eq!(sentence("of_tomorrow", None), "of_tomorrow");
}

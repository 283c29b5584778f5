//! A plugin's name, and its forms in the two languages.

use super::Lang;

/// A name that a manifest, a crate and a module can have.
#[derive(Debug)]
pub(super) struct Name(String);

/// What `use` and `import` would take for something else.
const RUST_WORDS: [&str; 46] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "pub",
    "ref",
    "return",
    "self",
    "serde",
    "serde_json",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "type",
];
const MORE_RUST_WORDS: [&str; 11] = [
    "nexus_plugin_api",
    "proc_macro",
    "tempfile",
    "try",
    "typeof",
    "union",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
];
/// Words of the language, and the modules that the project's file imports, which it would hide.
const PYTHON_WORDS: [&str; 51] = [
    "and",
    "as",
    "assert",
    "async",
    "await",
    "break",
    "class",
    "collections",
    "continue",
    "csv",
    "datetime",
    "def",
    "del",
    "elif",
    "else",
    "except",
    "finally",
    "for",
    "from",
    "global",
    "hashlib",
    "if",
    "import",
    "in",
    "io",
    "is",
    "json",
    "lambda",
    "nonlocal",
    "not",
    "or",
    "os",
    "pass",
    "pathlib",
    "queue",
    "raise",
    "re",
    "return",
    "signal",
    "sys",
    "tempfile",
    "test",
    "threading",
    "time",
    "traceback",
    "try",
    "unittest",
    "while",
    "with",
    "yield",
    "abc",
];

impl Name {
    /// Checks the name; the refusal says what a name is.
    pub(super) fn new(name: &str, lang: Lang) -> Result<Self, String> {
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            return Err("a name is 1 to 64 of a-z, 0-9, hyphen, underscore".to_owned());
        }
        if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
            return Err("it must begin with a letter".to_owned());
        }
        let name = Self(name.to_owned());
        let word = name.snake();
        let (taken, language) = match lang {
            Lang::Rust => (RUST_WORDS.iter().chain(&MORE_RUST_WORDS).any(|taken| *taken == word), "Rust"),
            Lang::Python => (PYTHON_WORDS.contains(&word.as_str()), "Python"),
        };
        if taken { Err(format!("`{word}` means something else in {language}")) } else { Ok(name) }
    }

    /// As the manifest has it.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// As a module: `group_share`.
    pub(super) fn snake(&self) -> String {
        self.0.replace('-', "_")
    }

    /// As a type, with a word that keeps it apart from all others: `GroupSharePlugin`.
    pub(super) fn camel(&self) -> String {
        let parts = self.0.split(['-', '_']);
        let capital = |part: &str| {
            let mut letters = part.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase())
                .into_iter()
                .chain(letters)
                .collect::<String>()
        };
        parts.map(capital).collect::<String>() + "Plugin"
    }

    /// As the file that cargo makes: `libgroup_share.so`.
    pub(super) fn library(&self) -> String {
        format!("{}{}{}", std::env::consts::DLL_PREFIX, self.snake(), std::env::consts::DLL_SUFFIX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_forms() {
        let name = Name::new("group-share_2", Lang::Rust).unwrap();
        assert_eq!((name.snake().as_str(), name.camel().as_str()), ("group_share_2", "GroupShare2Plugin"));
    }

    #[test]
    fn what_cannot_be_a_name_is_refused() {
        let long = "a".repeat(65);
        for name in ["", "Share", "a b", "a.b", "../x", "ü", long.as_str(), "1a", "_a", "-a"] {
            assert!(Name::new(name, Lang::Python).is_err(), "{name}");
            assert!(Name::new(name, Lang::Rust).is_err(), "{name}");
        }
        for (name, lang) in [("match", Lang::Rust), ("serde-json", Lang::Rust), ("json", Lang::Python)] {
            assert!(Name::new(name, lang).unwrap_err().contains("means something else"));
        }
        assert!(Name::new("match", Lang::Python).is_ok());
        assert!(Name::new("json", Lang::Rust).is_ok());
    }

    /// The file may not hide a module that it imports.
    #[test]
    fn what_the_python_file_imports_is_no_name() {
        for kind in [
            include_str!("templates/python/destination.py"),
            include_str!("templates/python/harvester.py"),
            include_str!("templates/python/extractor.py"),
        ] {
            for line in kind.lines().filter(|line| line.starts_with("import ") || line.starts_with("from ")) {
                let module = line.split_whitespace().nth(1).unwrap();
                assert!(PYTHON_WORDS.contains(&module), "{module}");
            }
        }
    }
}

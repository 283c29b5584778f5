//! The files of a project. The templates are files that work as they stand, for a plugin `my-plugin`.

use nexus_plugin_api::PluginKind;

use super::api::Api;
use super::name::Name;

/// A file to be written.
#[derive(Debug)]
pub(super) struct File {
    /// Below the project's folder.
    pub(super) path: String,
    /// For the person who looks at the list.
    pub(super) about: &'static str,
    pub(super) text: String,
    /// Whether it can be started.
    pub(super) program: bool,
}

/// What is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Project<'p> {
    pub(super) name: &'p Name,
    pub(super) kind: PluginKind,
    pub(super) api: Option<&'p Api>,
}

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("templates/", $path))
    };
}

/// Stands in CI for an address that nobody named.
const SOME_GIT: &str = "https://git.example.org/nexus.git";

/// What an extractor needs in `nexus.toml` beside its own table: files of a suffix that nobody lists belong to no
/// record, and nobody is asked about them.
const EXTRACTOR_EXAMPLE: &str = "\
# no settings of its own

[build]
# The usual suffixes, and that of the new format: other files belong to no record.
exclusive_suffixes = [\"dm3\", \"dm4\", \"h5\", \"msa\", \"ser\", \"spc\", \"tif\", \"tiff\", \"kvp\"]";

impl Project<'_> {
    /// One program, standard library only.
    pub(super) fn python(self) -> Vec<File> {
        let (plugin, tests, trial, more) = match self.kind {
            PluginKind::Destination => (
                template!("python/destination.py"),
                template!("python/test_destination.py"),
                template!("common/destination-python.toml"),
                None,
            ),
            PluginKind::Harvester => (
                template!("python/harvester.py"),
                template!("python/test_harvester.py"),
                template!("common/harvester-python.toml"),
                Some(("diary.csv", template!("common/diary.csv"))),
            ),
            PluginKind::Extractor => (
                template!("python/extractor.py"),
                template!("python/test_extractor.py"),
                template!("common/extractor-python.toml"),
                Some(("sample.kvp", template!("common/sample.kvp"))),
            ),
        };
        let program = format!("{plugin}{}", template!("python/talk.py"));
        let snake = self.name.snake();
        let mut files = vec![
            File { program: true, ..self.file(&format!("{snake}.py"), "the plugin", &program) },
            self.file(&format!("test_{snake}.py"), "its tests: python3 -m unittest", tests),
            self.file("nexus-test.toml", "what `nexus plugins test` needs", trial),
            self.file("README.md", "how it is tested and used", template!("python/README.md")),
            self.file(".gitignore", "what is not kept", template!("python/gitignore")),
            self.file(".github/workflows/test.yml", "an example of CI", template!("python/test.yml")),
        ];
        files.extend(more.map(|(path, text)| self.file(path, "an example to read", text)));
        files
    }

    /// A crate that makes a shared library.
    pub(super) fn rust(self) -> Vec<File> {
        let (plugin, tests, trial, more) = match self.kind {
            PluginKind::Destination => (
                template!("rust/destination.rs"),
                template!("rust/test_destination.rs"),
                template!("common/destination-rust.toml"),
                None,
            ),
            PluginKind::Harvester => (
                template!("rust/harvester.rs"),
                template!("rust/test_harvester.rs"),
                template!("common/harvester-rust.toml"),
                Some(("diary.jsonl", template!("common/diary.jsonl"))),
            ),
            PluginKind::Extractor => (
                template!("rust/extractor.rs"),
                template!("rust/test_extractor.rs"),
                template!("common/extractor-rust.toml"),
                Some(("sample.kvp", template!("common/sample.kvp"))),
            ),
        };
        let mut files = vec![
            self.file("Cargo.toml", "the crate", template!("rust/Cargo.toml.in")),
            self.file("src/lib.rs", "the plugin", plugin),
            self.file("tests/plugin.rs", "its tests: cargo test", tests),
            self.file("nexus-test.toml", "what `nexus plugins test` needs", trial),
            self.file("README.md", "how it is tested and used", template!("rust/README.md")),
            self.file(".gitignore", "what is not kept", template!("rust/gitignore")),
            self.file(".github/workflows/test.yml", "an example of CI", template!("rust/test.yml")),
        ];
        files.extend(more.map(|(path, text)| self.file(path, "an example to read", text)));
        let about = "the versions that nexus was tested with";
        let lock = self.api.and_then(Api::lock);
        files.extend(lock.map(|text| File { path: "Cargo.lock".to_owned(), about, text, program: false }));
        files
    }

    fn file(self, path: &str, about: &'static str, template: &str) -> File {
        let (article, table, example) = match self.kind {
            PluginKind::Harvester => {
                ("A harvester", "harvesters", "file = \"/srv/diary\"\ninstruments = [\"TITAN\"]")
            }
            PluginKind::Destination => ("A destination", "destinations", "folder = \"/mnt/records\""),
            PluginKind::Extractor => ("An extractor", "extractors", EXTRACTOR_EXAMPLE),
        };
        let text = template
            .replace("my-plugin", self.name.as_str())
            .replace("my_plugin", &self.name.snake())
            .replace("MyPlugin", &self.name.camel())
            .replace("@API@", &self.api.map_or_else(String::new, Api::dependency))
            .replace("@A-KIND@", article)
            .replace("@TABLE@", table)
            .replace("@EXAMPLE@", example)
            .replace("@LIBRARY@", &self.name.library())
            .replace("@GIT@", self.api.and_then(Api::git).unwrap_or(SOME_GIT));
        File { path: path.to_owned(), about, text, program: false }
    }
}

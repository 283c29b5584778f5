//! The part of a plugin's table that belongs to the plugin: kept as it stands, with its secrets unread,
//! until the plugin itself can say what it wants.

use std::fmt;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::source::Source;
use crate::secret::{MASK, Redactor, Secret, without_credentials};

/// A file with a secret holds a token or a password, not a document.
const LARGEST_SECRET: u64 = 64 * 1024;

/// A plugin's own settings.
#[derive(Clone)]
pub struct PluginSettings {
    /// Where they stand: `destinations.cdcs`.
    pub(super) table: String,
    /// The heading of the table.
    pub(super) heading: Range<usize>,
    pub(super) entries: Vec<Entry>,
    pub(super) source: Arc<Source>,
}

/// A key with its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub name: String,
    /// Where the key stands.
    pub key: Range<usize>,
    pub setting: Setting,
    /// Where the value stands.
    pub span: Range<usize>,
}

/// A value of a plugin's table.
#[derive(Debug, Clone)]
pub(super) enum Setting {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    List(Vec<(Setting, Range<usize>)>),
    Table(Vec<Entry>),
    Secret(SecretSource),
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// In an environment variable: `{ env = "NAME" }`.
    Env(String),
    /// In a file: `{ file = "PATH" }`. One newline at its end is not part of the secret.
    File(PathBuf),
    /// In the configuration itself: `{ value = "…" }`.
    Value(Secret),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Value(_) => f.write_str("written in the configuration"),
        }
    }
}

/// A secret that cannot be had. The value is never in it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("`{key}`: the environment variable `{variable}` is not set")]
    Unset {
        /// The key, such as `destinations.cdcs.token`.
        key: String,
        /// The variable.
        variable: String,
    },
    /// The variable or file holds nothing.
    #[error("`{key}`: the {place} is empty")]
    Empty {
        /// The key.
        key: String,
        /// The variable or file.
        place: String,
    },
    /// The variable or file holds something that is no text.
    #[error("`{key}`: the {place} does not hold UTF-8 text")]
    NotText {
        /// The key.
        key: String,
        /// The variable or file.
        place: String,
    },
    /// The file is far too large for a secret.
    #[error("`{key}`: the file {} is larger than 64 KiB, so it does not hold a secret alone", path.display())]
    TooLarge {
        /// The key.
        key: String,
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("`{key}`: failed to read the file {}", path.display())]
    Unreadable {
        /// The key.
        key: String,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl SecretError {
    /// The key, such as `destinations.cdcs.token`.
    pub fn key(&self) -> &str {
        match self {
            Self::Unset { key, .. }
            | Self::Empty { key, .. }
            | Self::NotText { key, .. }
            | Self::TooLarge { key, .. }
            | Self::Unreadable { key, .. } => key,
        }
    }
}

/// Looks an environment variable up; tests bring their own.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<std::ffi::OsString>;

/// The variables of this process.
pub fn process_environment(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}

impl SecretSource {
    /// Fetches the secret. `key` is what an error names.
    pub fn read(&self, key: &str, environment: Environment<'_>) -> Result<Secret, SecretError> {
        let key = || key.to_owned();
        let place = self.to_string();
        let text = match self {
            Self::Env(name) => {
                let Some(value) = environment(name) else {
                    return Err(SecretError::Unset { key: key(), variable: name.clone() });
                };
                match value.into_string() {
                    Ok(text) => text,
                    Err(_) => return Err(SecretError::NotText { key: key(), place }),
                }
            }
            Self::File(path) => match read_small(path) {
                Ok(Some(bytes)) => match String::from_utf8(bytes) {
                    Ok(text) => {
                        let end = text
                            .strip_suffix('\n')
                            .map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t));
                        end.to_owned()
                    }
                    Err(_) => return Err(SecretError::NotText { key: key(), place }),
                },
                Ok(None) => return Err(SecretError::TooLarge { key: key(), path: path.clone() }),
                Err(source) => {
                    return Err(SecretError::Unreadable { key: key(), path: path.clone(), source });
                }
            },
            Self::Value(secret) => return Ok(secret.clone()),
        };
        if text.is_empty() { Err(SecretError::Empty { key: key(), place }) } else { Ok(Secret::new(text)) }
    }
}

/// The file's bytes; `None` if there are too many.
fn read_small(path: &Path) -> io::Result<Option<Vec<u8>>> {
    use io::Read as _;
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(LARGEST_SECRET + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= LARGEST_SECRET).then_some(bytes))
}

impl PluginSettings {
    /// Where they stand: `destinations.cdcs`.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The settings as the plugin gets them: secrets fetched and made known to the redactor, texts whose
    /// property in the plugin's schema says `"format": "path"` made absolute (a relative one starts at
    /// the configuration's folder).
    pub fn resolve(&self, schema: &Json, redactor: &Redactor) -> Result<Json, SecretError> {
        self.resolve_from(schema, redactor, &process_environment)
    }

    /// The same with an environment of the caller's.
    pub fn resolve_from(
        &self,
        schema: &Json,
        redactor: &Redactor,
        environment: Environment<'_>,
    ) -> Result<Json, SecretError> {
        let resolver = Resolver { base: &self.source.base, redactor, environment };
        resolver.entries(&self.table, &self.entries, schema)
    }

    /// Every secret, with its key: `destinations.cdcs.token`.
    pub fn secrets(&self) -> Vec<(String, &SecretSource)> {
        let mut found = Vec::new();
        for entry in &self.entries {
            collect_secrets(&format!("{}.{}", self.table, entry.name), &entry.setting, &mut found);
        }
        found
    }
}

/// Secrets stay hidden: this is what a log may show.
impl fmt::Debug for PluginSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.entries.iter().map(|entry| &entry.name).collect();
        f.debug_struct("PluginSettings")
            .field("table", &self.table)
            .field("keys", &names)
            .finish_non_exhaustive()
    }
}

fn collect_secrets<'s>(key: &str, setting: &'s Setting, found: &mut Vec<(String, &'s SecretSource)>) {
    match setting {
        Setting::Secret(source) => found.push((key.to_owned(), source)),
        Setting::List(items) => {
            for (index, (item, _)) in items.iter().enumerate() {
                collect_secrets(&format!("{key}[{index}]"), item, found);
            }
        }
        Setting::Table(entries) => {
            for entry in entries {
                collect_secrets(&format!("{key}.{}", entry.name), &entry.setting, found);
            }
        }
        _ => {}
    }
}

struct Resolver<'r> {
    base: &'r Path,
    redactor: &'r Redactor,
    environment: Environment<'r>,
}

impl Resolver<'_> {
    fn entries(&self, key: &str, entries: &[Entry], schema: &Json) -> Result<Json, SecretError> {
        let mut map = Map::new();
        for entry in entries {
            let property = &schema["properties"][&entry.name];
            map.insert(
                entry.name.clone(),
                self.setting(&format!("{key}.{}", entry.name), &entry.setting, property)?,
            );
        }
        Ok(Json::Object(map))
    }

    fn setting(&self, key: &str, setting: &Setting, schema: &Json) -> Result<Json, SecretError> {
        Ok(match setting {
            Setting::Text(text) if schema["format"] == "path" && !text.is_empty() => {
                // Both parts are texts of the configuration or of a path that was made from one.
                self.base.join(text).to_string_lossy().into_owned().into()
            }
            Setting::Text(text) => text.as_str().into(),
            Setting::Integer(number) => (*number).into(),
            Setting::Float(number) => (*number).into(),
            Setting::Boolean(flag) => (*flag).into(),
            Setting::List(items) => {
                let items = items.iter().enumerate();
                items
                    .map(|(index, (item, _))| {
                        self.setting(&format!("{key}[{index}]"), item, &schema["items"])
                    })
                    .collect::<Result<Vec<_>, _>>()?
                    .into()
            }
            Setting::Table(entries) => self.entries(key, entries, schema)?,
            Setting::Secret(source) => {
                let secret = source.read(key, self.environment)?;
                self.redactor.learn(&secret);
                secret.expose().into()
            }
        })
    }
}

impl Setting {
    /// As `config show` prints it, much like TOML, secrets masked.
    pub fn shown(&self, name: &str) -> String {
        match self {
            Self::Text(_) if sounds_secret(name) => MASK.to_owned(),
            Self::Text(text) => format!("{:?}", without_credentials(text)),
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => format!("{number:?}"),
            Self::Boolean(flag) => flag.to_string(),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(|(item, _)| item.shown(name)).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Table(entries) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|entry| {
                        let name = if sounds_secret(name) { name } else { &entry.name };
                        format!("{} = {}", entry.name, entry.setting.shown(name))
                    })
                    .collect();
                format!("{{ {} }}", entries.join(", "))
            }
            Self::Secret(source) => format!("{MASK} ({source})"),
        }
    }
}

/// Whether a key of this name usually holds a secret: then its value is masked, however it is written.
fn sounds_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    ["token", "secret", "passw", "credential", "api_key", "apikey", "access_key", "private_key", "auth"]
        .iter()
        .any(|word| name.contains(word))
}

//! The settings of NexusLIMS as a `nexus.toml`, and what has no counterpart.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use nexus_core::secret::Secret;
use serde::Serialize;

use super::dotenv;
use crate::exit_code::{ExitCode, OrStop as _, Stop};

/// The new settings.
#[derive(Debug, Default)]
pub(super) struct Imported {
    /// The text of `nexus.toml`.
    pub text: String,
    /// What a person should know.
    pub notes: Vec<Note>,
    /// Files to make, below the folder of `nexus.toml`.
    pub secret_files: Vec<(PathBuf, Secret)>,
    /// Files to make there that anybody may read.
    pub files: Vec<(PathBuf, String)>,
}

/// What became of a setting that has no exact counterpart.
#[derive(Debug, Serialize)]
pub(super) struct Note {
    pub setting: String,
    pub text: String,
}

/// Settings that nexus does not have, and why.
const WITHOUT_COUNTERPART: &[(&str, &str)] = &[
    ("NX_LOCAL_PROFILES_PATH", "no counterpart: instrument profiles are Python code of NexusLIMS"),
    ("NX_DISABLE_SSL_VERIFY", "no counterpart: certificates are always checked"),
    ("NX_ELABFTW_", "no counterpart: no destination for eLabFTW comes with nexus; a plugin can be added"),
    ("NX_EMAIL_", "no counterpart: nexus sends no mail; its exit code says when a person is needed"),
    ("NX_TEST_MODE", "no counterpart: it serves the tests of NexusLIMS"),
];

/// The file beside `nexus.toml` that takes certificates written into the `.env` file itself.
const CA_BUNDLE: &str = "ca_bundle.pem";

/// Reads a `.env` file and writes the equivalent settings.
pub(super) fn import(file: &Path, copy_secrets: bool) -> Result<Imported, Stop> {
    let text = fs::read_to_string(file)
        .with_context(|| format!("failed to read `{}`", file.display()))
        .or_stop(ExitCode::Configuration)?;
    let (values, odd) = dotenv::parse(&text);
    let file_path = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let mut importer = Importer {
        // An empty value is the same as none.
        values: values.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
        base: file_path.parent().unwrap_or(&file_path).to_owned(),
        copy_secrets,
        lines: Vec::new(),
        result: Imported::default(),
    };
    importer.require(file, &["NX_DB_PATH", "NX_INSTRUMENT_DATA_PATH", "NX_DATA_PATH"])?;
    for line in odd {
        importer.note(&format!("line {line}"), "is no NAME=VALUE and was skipped");
    }
    importer.lines.push(format!("# The settings of nexus, taken from {}.", file_path.display()));
    importer.lines.push(
        "# Relative paths start at the folder of this file. `nexus config schema` lists all keys.".to_owned(),
    );
    importer.tables()?;
    let ca_bundle = importer.ca_bundle();
    importer.harvesters(ca_bundle.as_deref());
    importer.destinations(ca_bundle.as_deref());
    importer.left_over();
    let Importer { lines, mut result, .. } = importer;
    result.text = lines.join("\n") + "\n";
    Ok(result)
}

struct Importer {
    /// What has not been taken yet.
    values: BTreeMap<String, String>,
    /// Where relative paths of NexusLIMS start.
    base: PathBuf,
    copy_secrets: bool,
    lines: Vec<String>,
    result: Imported,
}

impl Importer {
    fn require(&self, file: &Path, names: &[&str]) -> Result<(), Stop> {
        let missing: Vec<_> =
            names.iter().filter(|name| !self.values.contains_key(**name)).copied().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let error = anyhow!("`{}` does not set {}", file.display(), missing.join(", "));
        Err(Stop::new(ExitCode::Configuration, error)
            .with_hint("name the .env file that NexusLIMS runs with"))
    }

    fn take(&mut self, name: &str) -> Option<String> {
        self.values.remove(name)
    }

    fn note(&mut self, setting: &str, text: impl Into<String>) {
        self.result.notes.push(Note { setting: setting.to_owned(), text: text.into() });
    }

    fn heading(&mut self, heading: &str) {
        self.lines.extend([String::new(), format!("[{heading}]")]);
    }

    fn text(&mut self, key: &str, value: &str) {
        self.lines.push(format!("{key} = {}", quote(value)));
    }

    fn take_text(&mut self, name: &str, key: &str) {
        if let Some(value) = self.take(name) {
            self.text(key, &value);
        }
    }

    fn take_path(&mut self, name: &str, key: &str) {
        if let Some(value) = self.take(name) {
            let path = self.base.join(value);
            self.text(key, &path.to_string_lossy());
        }
    }

    /// A secret, by reference: the variable it was in, or a file of its own.
    fn take_secret(&mut self, name: &str, key: &str) {
        let Some(value) = self.take(name) else { return };
        if self.copy_secrets {
            let path = format!("secrets/{}", name.to_lowercase());
            self.lines.push(format!("{key} = {{ file = {} }}", quote(&path)));
            self.result.secret_files.push((path.into(), Secret::new(value)));
        } else {
            self.lines.push(format!("{key} = {{ env = {} }}", quote(name)));
            self.note(
                name,
                "is read from the environment variable of the same name, which must be set for nexus",
            );
        }
    }

    fn tables(&mut self) -> Result<(), Stop> {
        self.heading("database");
        self.take_path("NX_DB_PATH", "path");
        self.heading("storage");
        self.take_path("NX_INSTRUMENT_DATA_PATH", "instrument_data");
        self.take_path("NX_DATA_PATH", "data");
        self.take_path("NX_RECORDS_PATH", "records");
        self.take_path("NX_LOG_PATH", "logs");

        self.heading("build");
        self.take_text("NX_FILE_STRATEGY", "file_strategy");
        if let Some(list) = self.take("NX_IGNORE_PATTERNS") {
            let patterns: Vec<String> = serde_json::from_str(&list)
                .with_context(|| format!("NX_IGNORE_PATTERNS is `{list}`, which is not a JSON list of texts"))
                .or_stop(ExitCode::Configuration)?;
            let patterns: Vec<_> = patterns.iter().map(|pattern| quote(pattern)).collect();
            self.lines.push(format!("ignore = [{}]", patterns.join(", ")));
        }
        if let Some(days) = self.take("NX_FILE_DELAY_DAYS") {
            let delay = delay(&days)
                .ok_or_else(|| {
                    anyhow!("NX_FILE_DELAY_DAYS is `{days}`, which is not a number of days above 0")
                })
                .or_stop(ExitCode::Configuration)?;
            self.text("file_delay", &delay);
        }
        if let Some(value) = self.take("NX_CLUSTERING_SENSITIVITY") {
            let number = value
                .parse::<f64>()
                .ok()
                .filter(|number| number.is_finite() && *number >= 0.0)
                .ok_or_else(|| anyhow!("NX_CLUSTERING_SENSITIVITY is `{value}`, which is not a number"))
                .or_stop(ExitCode::Configuration)?;
            self.lines.push(format!("clustering_sensitivity = {number:?}"));
        }

        self.heading("export");
        // The two programs differ in what holds when nothing is said.
        let strategy = self.take("NX_EXPORT_STRATEGY").unwrap_or_else(|| "all".to_owned());
        self.text("strategy", &strategy);
        Ok(())
    }

    /// The certificates that NexusLIMS trusts, as the value of `ca_bundle`. Those written into the settings win over
    /// the file, as there.
    fn ca_bundle(&mut self) -> Option<String> {
        let (inline, file) = (self.take("NX_CERT_BUNDLE"), self.take("NX_CERT_BUNDLE_FILE"));
        if let Some(text) = inline {
            if text.contains("-----BEGIN CERTIFICATE-----") {
                if file.is_some() {
                    self.note(
                        "NX_CERT_BUNDLE_FILE",
                        "left out, as by NexusLIMS: NX_CERT_BUNDLE holds certificates",
                    );
                }
                self.result.files.push((CA_BUNDLE.into(), format!("{}\n", text.trim_end())));
                self.note("NX_CERT_BUNDLE", format!("is in the file {CA_BUNDLE} beside nexus.toml"));
                return Some(CA_BUNDLE.to_owned());
            }
            self.note("NX_CERT_BUNDLE", "left out: it holds no certificate (-----BEGIN CERTIFICATE-----)");
        }
        file.map(|file| self.base.join(file).to_string_lossy().into_owned())
    }

    /// Servers are numbered; the numbers may have gaps.
    fn harvesters(&mut self, ca_bundle: Option<&str>) {
        let number = |name: &String| name.strip_prefix("NX_NEMO_ADDRESS_").map(str::to_owned);
        let numbers: Vec<String> = self.values.keys().filter_map(number).collect();
        for number in numbers {
            let [address, token, zone, write, read] =
                ["ADDRESS", "TOKEN", "TZ", "STRFTIME_FMT", "STRPTIME_FMT"]
                    .map(|part| format!("NX_NEMO_{part}_{number}"));
            if !self.values.contains_key(&token) {
                self.take(&address);
                self.note(&address, format!("left out, as by NexusLIMS: there is no {token}"));
                continue;
            }
            self.heading(&format!("harvesters.nemo-{}", number.to_lowercase()));
            self.text("plugin", "nemo");
            self.take_text(&address, "address");
            self.take_secret(&token, "token");
            self.take_text(&zone, "timezone");
            self.take_text(&read, "time_format");
            if let Some(path) = ca_bundle {
                self.text("ca_bundle", path);
            }
            if self.take(&write).is_some() {
                self.note(&write, "no counterpart: NEMO is asked in ISO 8601, which every server reads");
            }
        }
    }

    fn destinations(&mut self, ca_bundle: Option<&str>) {
        let has =
            |importer: &Self, names: &[&str]| names.iter().all(|name| importer.values.contains_key(*name));
        let cdcs = has(self, &["NX_CDCS_URL", "NX_CDCS_TOKEN"]);
        if cdcs {
            self.heading("destinations.cdcs");
            self.text("plugin", "cdcs");
            self.lines.push("priority = 100".to_owned());
            self.take_text("NX_CDCS_URL", "url");
            self.take_secret("NX_CDCS_TOKEN", "token");
            if let Some(path) = ca_bundle {
                self.text("ca_bundle", path);
            }
            let owned = "NX_CDCS_USER_OWNED_RECORDS";
            if let Some(flag) = self.take(owned).and_then(|value| self.flag(owned, &value)) {
                self.lines.push(format!("user_owned_records = {flag}"));
                if flag {
                    self.lines.push("create_accounts = true".to_owned());
                    self.note(
                        owned,
                        "accounts that are missing are made, as by NexusLIMS; `nexus users link` names another one",
                    );
                }
            }
            let published = "NX_CDCS_ASSIGN_TO_PUBLIC_WORKSPACE";
            if let Some(public) = self.take(published).and_then(|value| self.flag(published, &value)) {
                self.text("workspace", if public { "public" } else { "none" });
            }
        }
        let needed =
            ["NX_LABARCHIVES_ACCESS_KEY_ID", "NX_LABARCHIVES_ACCESS_PASSWORD", "NX_LABARCHIVES_USER_ID"];
        if has(self, &needed) {
            self.heading("destinations.labarchives");
            self.text("plugin", "labarchives");
            self.lines.push("priority = 90".to_owned());
            if cdcs {
                self.lines.push("after = [\"cdcs\"]".to_owned());
            }
            self.take_text("NX_LABARCHIVES_URL", "url");
            self.take_text("NX_LABARCHIVES_ACCESS_KEY_ID", "access_key_id");
            self.take_secret("NX_LABARCHIVES_ACCESS_PASSWORD", "access_password");
            self.take_secret("NX_LABARCHIVES_USER_ID", "user_id");
            let notebook = "NX_LABARCHIVES_NOTEBOOK_ID";
            if self.values.get(notebook).is_some_and(|id| !id.is_empty()) {
                self.take_text(notebook, "notebook_id");
            } else {
                self.text("inbox", "zero");
                self.note(
                    notebook,
                    "not set: records go to the user's inbox, as by NexusLIMS; a notebook is better, see docs/labarchives.md",
                );
            }
        }
    }

    fn flag(&mut self, name: &str, value: &str) -> Option<bool> {
        match value.to_lowercase().as_str() {
            "1" | "true" | "t" | "yes" | "y" | "on" => Some(true),
            "0" | "false" | "f" | "no" | "n" | "off" => Some(false),
            _ => {
                self.note(name, "left out: it is neither true nor false");
                None
            }
        }
    }

    fn left_over(&mut self) {
        let left: Vec<String> = self.values.keys().filter(|name| name.starts_with("NX_")).cloned().collect();
        for name in left {
            let known = WITHOUT_COUNTERPART
                .iter()
                .find(|(known, _)| name == *known || (known.ends_with('_') && name.starts_with(known)));
            let text = match known {
                Some((_, text)) => *text,
                None if name.starts_with("NX_NEMO_") => "left out: there is no address with this number",
                None if name.starts_with("NX_CDCS_") || name.starts_with("NX_LABARCHIVES_") => {
                    "left out: the settings that belong to it are not all set"
                }
                None => "not known",
            };
            self.note(&name, text);
        }
    }
}

/// A TOML text. JSON's escapes are TOML's too; DEL is the one character that only TOML wants escaped.
fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

/// Days with a fraction, as a length of time of the largest unit that is exact.
fn delay(days: &str) -> Option<String> {
    let days: f64 = days.trim().parse().ok()?;
    if !(days.is_finite() && days > 0.0 && days < 365_000.0) {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and below 2^35")]
    let seconds = (days * 86_400.0).round() as u64;
    Some(match seconds {
        0 => "1 s".to_owned(),
        86_400 => "1 day".to_owned(),
        seconds if seconds % 86_400 == 0 => format!("{} days", seconds / 86_400),
        seconds if seconds % 3_600 == 0 => format!("{} h", seconds / 3_600),
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_lengths_of_time() {
        for (days, expected) in
            [("2.0", "2 days"), ("1", "1 day"), ("1.5", "36 h"), ("0.01", "864 s"), ("0.0625", "90 min")]
        {
            assert_eq!(delay(days).as_deref(), Some(expected));
        }
        for days in ["0", "-1", "nan", "inf", "two", "1e300"] {
            assert_eq!(delay(days), None);
        }
    }

    #[test]
    fn texts_are_quoted_for_toml() {
        assert_eq!(quote("a\"b\\c\n\u{7f}"), r#""a\"b\\c\n\u007F""#);
    }
}

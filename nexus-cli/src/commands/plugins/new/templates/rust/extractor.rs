//! my-plugin: an extractor for nexus.
//!
//! As it stands it reads files of its own invention, with the suffix `.kvp`:
//!
//! ```text
//! kvp 1
//! Voltage = 200 kV
//! Magnification = 45000
//! Operator = ada
//! ```
//!
//! Replace that by the reader of your format: `accepts`, `extract` and `check` are all that an extractor is asked.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

use nexus_plugin_api::{
    Call, CheckReport, CheckResult, Extractor, Instance, Manifest, MetaMap, MetaValue, PathRef,
    Plugin, PluginError, PluginKind, Signal, export_plugin,
};
use serde_json::Value;

/// The plugin: what it is, and how an instance is made of it.
pub struct MyPlugin;

export_plugin!(MyPlugin);

impl Plugin for MyPlugin {
    fn manifest(&self) -> Manifest {
        let manifest = Manifest::new(
            "my-plugin",
            env!("CARGO_PKG_VERSION"),
            PluginKind::Extractor,
        )
        .with_summary("Reads files of names and values.");
        // Which files nexus offers (lower case, without the dot), and how early this plugin is asked.
        Manifest {
            suffixes: vec!["kvp".to_owned()],
            priority: 100,
            ..manifest
        }
    }

    fn create(&self, _settings: &Value) -> Result<Instance, PluginError> {
        Ok(Instance::Extractor(Box::new(Reader)))
    }
}

/// One instance. Its methods may be called from several threads at once.
struct Reader;

const FIRST_LINE: &str = "kvp 1";

impl Extractor for Reader {
    /// Whether the file is one of ours. Cheap: it looks at the first bytes only.
    fn accepts(&self, _call: &Call, path: &PathRef) -> Result<bool, PluginError> {
        let mut start = Vec::new();
        open(path.as_path())?
            .take(FIRST_LINE.len() as u64 + 2)
            .read_to_end(&mut start)
            .map_err(|error| unreadable(path.as_path(), &error))?;
        Ok(start
            .split(|byte| *byte == b'\n')
            .next()
            .is_some_and(|line| line.trim_ascii() == FIRST_LINE.as_bytes()))
    }

    /// What the file says about itself: one signal for each image or spectrum in it. A preview is a PNG file
    /// in `call.scratch`, named in the signal. Nothing is ever written beside the file itself.
    fn extract(&self, call: &Call, path: &PathRef) -> Result<Vec<Signal>, PluginError> {
        let path = path.as_path();
        let mut metadata = MetaMap::default();
        let mut lines = open(path)?.split(b'\n');
        let first = lines
            .next()
            .transpose()
            .map_err(|error| unreadable(path, &error))?;
        if first.unwrap_or_default().trim_ascii() != FIRST_LINE.as_bytes() {
            let message = format!("`{}` does not begin with `{FIRST_LINE}`", path.display());
            return Err(PluginError::permanent(message));
        }
        for line in lines {
            if call.should_stop() {
                return Err(PluginError::transient("given up while reading"));
            }
            let line = line.map_err(|error| unreadable(path, &error))?;
            let line = String::from_utf8_lossy(&line);
            if let Some((name, text)) = line.split_once('=')
                && !name.trim().is_empty()
            {
                metadata.insert(name.trim(), value(text.trim()));
            }
        }
        Ok(vec![Signal {
            dataset_type: "Misc".to_owned(),
            metadata,
            warnings: Vec::new(),
            preview: None,
        }])
    }

    /// Whether it can work: here is the place to say that a library it needs is missing.
    fn check(&self, _call: &Call) -> Result<CheckReport, PluginError> {
        let mut report = CheckReport::default();
        report.push("reader", CheckResult::Ok, "needs nothing");
        Ok(report)
    }
}

fn open(path: &Path) -> Result<BufReader<File>, PluginError> {
    File::open(path)
        .map(BufReader::new)
        .map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &io::Error) -> PluginError {
    PluginError::transient(format!("`{}` cannot be read: {error}", path.display()))
}

/// A number, a number with a unit, or a text.
fn value(text: &str) -> MetaValue {
    let (digits, unit) = text
        .split_once(char::is_whitespace)
        .map_or((text, ""), |(d, unit)| (d, unit.trim()));
    let looks_right = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte));
    let number = match digits.parse::<i64>() {
        Ok(number) => MetaValue::Integer(number),
        // The digits matter: 1.20 is not 1.2.
        Err(_) if looks_right && digits.parse::<f64>().is_ok() => {
            MetaValue::Decimal(digits.to_owned())
        }
        Err(_) => return MetaValue::Text(text.to_owned()),
    };
    if unit.is_empty() {
        number
    } else {
        MetaValue::Quantity(Box::new(number), unit.to_owned())
    }
}

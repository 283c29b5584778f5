//! One hash over all that decides how a destination behaves: when it changes, failures that waited for
//! a change of the configuration are tried again.

use serde_json::{Map, Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::plugin::{Entry, Environment, SecretError, Setting};
use super::{Carrier, DestinationConfig, Isolation};

/// How many bytes of a secret's hash count. Enough to notice a changed token, and far too few to test
/// guesses of a password against a stored digest.
const SECRET_BYTES: usize = 2;

pub(super) fn of(
    destination: &DestinationConfig,
    environment: Environment<'_>,
) -> Result<String, SecretError> {
    let settings = &destination.settings;
    let all =
        json!([carrier(&destination.carrier), table(settings.table(), &settings.entries, environment)?]);
    Ok(hex(&Sha256::digest(all.to_string())))
}

fn carrier(carrier: &Carrier) -> Json {
    match carrier {
        Carrier::Linked { plugin } => json!({ "plugin": plugin }),
        // How many of them there are changes nothing that a destination answers.
        Carrier::Library { path, sha256, isolation, processes: _ } => json!({
            "library": path.to_string_lossy(),
            "sha256": sha256,
            "isolated": *isolation == Isolation::Process,
        }),
        Carrier::Command { words, sha256: None, processes: _ } => json!({ "command": words }),
        Carrier::Command { words, sha256, processes: _ } => json!({ "command": words, "sha256": sha256 }),
    }
}

/// Sorted by key: their order in the file does not count.
fn table(path: &str, entries: &[Entry], environment: Environment<'_>) -> Result<Json, SecretError> {
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut map = Map::new();
    for entry in sorted {
        let value = setting(&format!("{path}.{}", entry.name), &entry.setting, environment)?;
        map.insert(entry.name.clone(), value);
    }
    Ok(Json::Object(map))
}

fn setting(path: &str, value: &Setting, environment: Environment<'_>) -> Result<Json, SecretError> {
    Ok(match value {
        Setting::Text(text) => text.as_str().into(),
        Setting::Integer(number) => (*number).into(),
        Setting::Float(number) => (*number).into(),
        Setting::Boolean(flag) => (*flag).into(),
        Setting::List(items) => {
            let items = items.iter().map(|(item, _)| setting(path, item, environment));
            items.collect::<Result<Vec<_>, _>>()?.into()
        }
        Setting::Table(entries) => table(path, entries, environment)?,
        // The value counts, not where it is kept. A null is in no other setting.
        Setting::Secret(source) => {
            let secret = source.read(path, environment)?;
            let hash = Sha256::digest(secret.expose());
            json!([null, hex(hash.get(..SECRET_BYTES).unwrap_or_default())])
        }
    })
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

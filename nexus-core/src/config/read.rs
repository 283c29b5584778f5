//! From the text to the checked settings. Everything is looked at before anything is refused, so that
//! one reading tells all mistakes.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::effective::{Effective, Origin};
use super::keys::{self, Absent, Key, TableSpec};
use super::plugin::{Entry, PluginSettings, SecretSource, Setting};
use super::problem::Problem;
use super::source::Source;
use super::suggest::nearest;
use super::value::{self, Refusal, Value};
use crate::secret::Secret;

/// More would be an effect of the first ones.
const MOST_SYNTAX_PROBLEMS: usize = 3;

type Key_<'i> = Spanned<std::borrow::Cow<'i, str>>;
type Value_<'i> = Spanned<DeValue<'i>>;

/// A table whose keys have been checked.
pub(super) struct Checked {
    /// As in messages: `build`, `destinations.cdcs`.
    pub path: String,
    /// Where its heading (or first mention) is; `None` if the file does not have it.
    pub heading: Option<Range<usize>>,
    values: BTreeMap<&'static str, (Value, Option<Range<usize>>)>,
    /// What belongs to the plugin.
    pub settings: Vec<Entry>,
}

impl Checked {
    /// The value, given or by default. After a reading without problems every key that has one is there.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key).map(|(value, _)| value)
    }

    /// Where a value was given.
    pub fn span(&self, key: &str) -> Option<&Range<usize>> {
        self.values.get(key).and_then(|(_, span)| span.as_ref())
    }
}

/// The whole file, checked key by key.
pub(super) struct Document {
    pub tables: BTreeMap<&'static str, Checked>,
    /// In the order of the file: kind (`harvesters`), name, table.
    pub plugins: Vec<(&'static str, String, Checked)>,
    pub effective: Vec<Effective>,
    pub problems: Vec<Problem>,
}

pub(super) fn read(source: &Arc<Source>) -> Document {
    let mut reader = Reader { source, problems: Vec::new(), effective: Vec::new() };
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    if errors.is_empty() {
        reader.document(document.get_ref())
    } else {
        for error in &errors {
            let message = syntax_message(error.message());
            let problem = match error.span() {
                Some(span) => source.problem(&span, message),
                None => source.problem_anywhere(message),
            };
            // What follows in the same line is an effect of the first.
            let seen = reader.problems.iter().any(|earlier: &Problem| earlier.line() == problem.line());
            if !seen && reader.problems.len() < MOST_SYNTAX_PROBLEMS {
                reader.problems.push(problem);
            }
        }
        Document {
            tables: BTreeMap::new(),
            plugins: Vec::new(),
            effective: Vec::new(),
            problems: reader.problems,
        }
    }
}

fn syntax_message(message: &str) -> String {
    let message = message.trim().replace('\n', ", ");
    format!("this is not TOML: {message}")
}

struct Reader<'r> {
    source: &'r Arc<Source>,
    problems: Vec<Problem>,
    effective: Vec<Effective>,
}

impl Reader<'_> {
    fn document(mut self, document: &DeTable<'_>) -> Document {
        let entries = in_file_order(document);
        let mut misspelt = Vec::new();
        for (key, _) in &entries {
            if keys::table(key.get_ref()).is_none() {
                misspelt.extend(self.unknown_table(key));
            }
        }
        let mut tables = BTreeMap::new();
        let mut plugins = Vec::new();
        for spec in keys::TABLES {
            let found = entries.iter().find(|(key, _)| key.get_ref() == spec.name);
            match found {
                // Its keys are not missing: they stand under the other name.
                None if spec.plugins || misspelt.contains(&spec.name) => {}
                None => {
                    tables.insert(spec.name, self.table(spec, spec.name.to_owned(), None, None));
                }
                Some((key, value)) => {
                    let Some(table) = self.as_table(&spec.heading(), value) else { continue };
                    if spec.plugins {
                        for (name, value) in in_file_order(table) {
                            if let Some(checked) = self.plugin_table(spec, name, value) {
                                plugins.push((spec.name, name.get_ref().to_string(), checked));
                            }
                        }
                    } else {
                        let checked = self.table(spec, spec.name.to_owned(), Some(key.span()), Some(table));
                        tables.insert(spec.name, checked);
                    }
                }
            }
        }
        Document { tables, plugins, effective: self.effective, problems: self.problems }
    }

    /// Says which table was probably meant.
    fn unknown_table(&mut self, key: &Key_<'_>) -> Option<&'static str> {
        let name = key.get_ref();
        let meant = nearest(name, keys::TABLES.iter().map(|table| table.name));
        let problem =
            self.source.problem(&key.span(), format!("unknown name `{name}` at the top of the file"));
        let home = keys::TABLES.iter().find(|table| table.key(name).is_some());
        let help = match (meant, home) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, Some(home)) => format!("`{name}` belongs in {}", home.heading()),
            (None, None) => {
                let names: Vec<_> = keys::TABLES.iter().map(TableSpec::heading).collect();
                format!("the tables are {}", names.join(", "))
            }
        };
        self.problems.push(problem.with_help(help));
        meant
    }

    fn as_table<'d, 'i>(&mut self, heading: &str, value: &'d Value_<'i>) -> Option<&'d DeTable<'i>> {
        if let DeValue::Table(table) = value.get_ref() {
            return Some(table);
        }
        let found = value::type_name(value.get_ref());
        let message = format!("{heading} must be a table, not {found}");
        self.problems.push(self.source.problem(&value.span(), message));
        None
    }

    fn plugin_table(
        &mut self,
        spec: &'static TableSpec,
        name: &Key_<'_>,
        value: &Value_<'_>,
    ) -> Option<Checked> {
        let path = format!("{}.{}", spec.name, name.get_ref());
        if !value::is_name(name.get_ref()) {
            let message = format!("`{}` is not a name", name.get_ref());
            self.problems.push(self.source.problem(&name.span(), message).with_help(value::NAME_RULE));
        }
        let table = self.as_table(&format!("[{path}]"), value)?;
        Some(self.table(spec, path, Some(name.span()), Some(table)))
    }

    fn table(
        &mut self,
        spec: &'static TableSpec,
        path: String,
        heading: Option<Range<usize>>,
        table: Option<&DeTable<'_>>,
    ) -> Checked {
        let mut checked = Checked { path, heading, values: BTreeMap::new(), settings: Vec::new() };
        for (key, value) in table.map(in_file_order).unwrap_or_default() {
            match spec.key(key.get_ref()) {
                Some(known) => self.value(known, key, value, &mut checked),
                None if spec.plugins => self.plugin_key(spec, key, value, &mut checked),
                None => self.unknown_key(spec, key, &checked.path),
            }
        }
        for key in spec.keys {
            let given = table.and_then(|table| {
                let (found, value) = table.iter().find(|(found, _)| found.get_ref() == key.name)?;
                Some((found.span(), value))
            });
            self.complete(key, given.map(|(span, _)| span), &mut checked);
        }
        for entry in &checked.settings {
            let origin = Origin::Line(self.source.position(entry.key.start).0);
            let key = format!("{}.{}", checked.path, entry.name);
            self.effective.push(Effective { key, value: entry.setting.shown(&entry.name), origin });
        }
        checked
    }

    /// A key of the host's that was given.
    fn value(&mut self, key: &'static Key, at: &Key_<'_>, value: &Value_<'_>, checked: &mut Checked) {
        match value::check(key.kind, value.get_ref(), &self.source.base) {
            Ok(found) => {
                // The plugin talks to the address that the host compares instruments with, and knows the
                // sessions of the earlier ones.
                let setting = match &found {
                    Value::Text(text) if key.name == "address" => Some(Setting::Text(text.clone())),
                    Value::Texts(texts) if key.name == "aliases" => {
                        let one = |text: &String| (Setting::Text(text.clone()), value.span());
                        Some(Setting::List(texts.iter().map(one).collect()))
                    }
                    _ => None,
                };
                if let Some(setting) = setting {
                    let name = key.name.to_owned();
                    checked.settings.push(Entry { name, key: at.span(), setting, span: value.span() });
                }
                checked.values.insert(key.name, (found, Some(value.span())));
            }
            Err(refusal) => {
                let Refusal { message, help, element, hide } = refusal;
                let span = element.map_or_else(|| value.span(), |index| element_span(value, index));
                let message = format!("`{}.{}` {message}", checked.path, key.name);
                let problem = if hide {
                    let (line, column) = self.source.position(span.start);
                    self.source.problem_anywhere(format!("line {line}, column {column}: {message}"))
                } else {
                    self.source.problem(&span, message)
                };
                self.problems.push(match help {
                    Some(help) => problem.with_help(help),
                    None => problem,
                });
            }
        }
    }

    /// Whether given or not: what holds now, and where it comes from.
    fn complete(&mut self, key: &'static Key, given: Option<Range<usize>>, checked: &mut Checked) {
        let path = format!("{}.{}", checked.path, key.name);
        if let Some(span) = given {
            if let Some(value) = checked.get(key.name)
                && !keys::GIVEN_ON.contains(&key.name)
            {
                let origin = Origin::Line(self.source.position(span.start).0);
                self.effective.push(Effective { key: path, value: value.to_string(), origin });
            }
            return;
        }
        match key.absent {
            Absent::Required(example) => {
                let message = format!("[{}] has no key `{}`", checked.path, key.name);
                let problem = match &checked.heading {
                    Some(span) => self.source.problem(span, message),
                    None => self.source.problem_anywhere(message),
                };
                self.problems.push(problem.with_help(format!("add {} = {example}", key.name)));
            }
            Absent::Default(text) => {
                // A test proves that every default parses and fits its key.
                if let Some(value) = default_value(key, text) {
                    let shown = value.to_string();
                    self.effective.push(Effective { key: path, value: shown, origin: Origin::Default });
                    checked.values.insert(key.name, (value, None));
                }
            }
            Absent::Means(..) => {}
        }
    }

    fn unknown_key(&mut self, spec: &TableSpec, key: &Key_<'_>, path: &str) {
        let name = key.get_ref();
        // None of the host's tables holds a secret.
        let message = format!("unknown key `{name}` in [{path}]");
        let problem = self.source.problem_showing(&key.span(), message, &|shown| shown == name.as_ref());
        let elsewhere = keys::TABLES.iter().find(|table| table.key(name).is_some());
        let help = match (nearest(name, spec.keys.iter().map(|key| key.name)), elsewhere) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, Some(table)) => format!("`{name}` belongs in {}", table.heading()),
            (None, None) => {
                let names: Vec<_> = spec.keys.iter().map(|key| format!("`{}`", key.name)).collect();
                format!("the keys of [{path}] are {}", names.join(", "))
            }
        };
        self.problems.push(problem.with_help(help));
    }

    /// A key of the plugin's: kept until the plugin is asked.
    fn plugin_key(&mut self, spec: &TableSpec, key: &Key_<'_>, value: &Value_<'_>, checked: &mut Checked) {
        let name = key.get_ref().to_string();
        // `Priority`, `re-servations_from`: no plugin may have a key that differs from ours in writing only.
        let plain = |text: &str| text.replace(['-', '_'], "").to_lowercase();
        if let Some(meant) = spec.keys.iter().find(|key| plain(key.name) == plain(&name)) {
            let message = format!("unknown key `{name}` in [{}]", checked.path);
            let help = format!("did you mean `{}`?", meant.name);
            self.problems.push(self.source.problem(&key.span(), message).with_help(help));
            return;
        }
        let path = format!("{}.{name}", checked.path);
        if let Some(setting) = self.setting(&path, value) {
            checked.settings.push(Entry { name, key: key.span(), setting, span: value.span() });
        }
    }

    fn setting(&mut self, path: &str, value: &Value_<'_>) -> Option<Setting> {
        let refuse = |reader: &mut Self, message: String| {
            reader.problems.push(reader.source.problem(&value.span(), message));
            None
        };
        match value.get_ref() {
            DeValue::String(text) => Some(Setting::Text(text.to_string())),
            DeValue::Boolean(flag) => Some(Setting::Boolean(*flag)),
            // Plugins are given JSON, which has no times.
            DeValue::Datetime(time) => Some(Setting::Text(time.to_string())),
            DeValue::Integer(integer) => match value::to_integer(integer) {
                Some(number) => Some(Setting::Integer(number)),
                None => refuse(self, format!("`{path}` is too large a number")),
            },
            DeValue::Float(float) => match value::to_float(float).filter(|number| number.is_finite()) {
                Some(number) => Some(Setting::Float(number)),
                None => refuse(self, format!("`{path}` must be a finite number")),
            },
            DeValue::Array(items) => {
                let items: Vec<_> = items
                    .iter()
                    .enumerate()
                    .filter_map(|(index, item)| {
                        Some((self.setting(&format!("{path}[{index}]"), item)?, item.span()))
                    })
                    .collect();
                Some(Setting::List(items))
            }
            DeValue::Table(table) => self.table_setting(path, value, table),
        }
    }

    fn table_setting(&mut self, path: &str, value: &Value_<'_>, table: &DeTable<'_>) -> Option<Setting> {
        let entries = in_file_order(table);
        let is_source = |name: &str| matches!(name, "env" | "file" | "value");
        if entries.is_empty() || !entries.iter().all(|(key, _)| is_source(key.get_ref())) {
            let entries = entries
                .into_iter()
                .filter_map(|(key, value)| {
                    let name = key.get_ref().to_string();
                    let setting = self.setting(&format!("{path}.{name}"), value)?;
                    Some(Entry { name, key: key.span(), setting, span: value.span() })
                })
                .collect();
            return Some(Setting::Table(entries));
        }
        let [(key, inner)] = entries.as_slice() else {
            let message = format!("`{path}` says more than once where the secret is");
            let problem = self.source.problem(&value.span(), message);
            self.problems.push(problem.with_help("keep one of `env`, `file` and `value`"));
            return None;
        };
        let source = match inner.get_ref() {
            DeValue::String(text) if text.is_empty() => Err("must not be empty".to_owned()),
            DeValue::String(text) => match key.get_ref().as_ref() {
                "env" if text.contains(['=', '\0']) => Err("is not the name of a variable".to_owned()),
                "env" => Ok(SecretSource::Env(text.to_string())),
                "file" => Ok(SecretSource::File(self.source.base.join(text.as_ref()))),
                _ => Ok(SecretSource::Value(Secret::new(text.as_ref()))),
            },
            other => Err(format!("must be text, not {}", value::type_name(other))),
        };
        match source {
            Ok(source) => Some(Setting::Secret(source)),
            Err(message) => {
                let message = format!("`{path}.{}` {message}", key.get_ref());
                self.problems.push(self.source.problem(&inner.span(), message));
                None
            }
        }
    }
}

/// The default of a key; `None` only if the list of keys itself is wrong.
pub(super) fn default_value(key: &Key, text: &str) -> Option<Value> {
    let parsed = DeValue::parse(text).ok()?;
    value::check(key.kind, parsed.get_ref(), std::path::Path::new("")).ok()
}

fn element_span(value: &Value_<'_>, index: usize) -> Range<usize> {
    match value.get_ref() {
        DeValue::Array(items) => items.get(index).map_or_else(|| value.span(), Spanned::span),
        _ => value.span(),
    }
}

/// The parser sorts by key; people think in lines.
fn in_file_order<'d, 'i>(table: &'d DeTable<'i>) -> Vec<(&'d Key_<'i>, &'d Value_<'i>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

impl Checked {
    /// What the plugin is given.
    pub fn take_settings(&mut self, source: &Arc<Source>) -> PluginSettings {
        PluginSettings {
            table: self.path.clone(),
            heading: self.heading.clone().unwrap_or(0..0),
            entries: std::mem::take(&mut self.settings),
            source: Arc::clone(source),
        }
    }
}

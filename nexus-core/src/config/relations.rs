//! What must hold between the keys.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use super::keys::CARRIERS;
use super::problem::Problem;
use super::read::Checked;
use super::source::Source;
use super::suggest::nearest;
use super::value::Value;

type Plugins = [(&'static str, String, Checked)];

pub(super) fn check(
    source: &Source,
    tables: &BTreeMap<&'static str, Checked>,
    plugins: &Plugins,
    problems: &mut Vec<Problem>,
) {
    let mut relations = Relations { source, problems };
    relations.folders(tables);
    for (_, _, table) in plugins {
        relations.carrier(table);
    }
    relations.references(plugins, "destinations", "after");
    relations.references(plugins, "harvesters", "reservations_from");
    relations.instruments(plugins);
}

struct Relations<'r> {
    source: &'r Source,
    problems: &'r mut Vec<Problem>,
}

impl Relations<'_> {
    fn report(&mut self, span: Option<&Range<usize>>, message: String, help: Option<String>) {
        let problem = match span {
            Some(span) => self.source.problem(span, message),
            None => self.source.problem_anywhere(message),
        };
        self.problems.push(match help {
            Some(help) => problem.with_help(help),
            None => problem,
        });
    }

    /// Nothing is ever written where the instruments save their files.
    fn folders(&mut self, tables: &BTreeMap<&'static str, Checked>) {
        let path = |table: &str, key: &str| match tables.get(table).and_then(|table| table.get(key)) {
            Some(Value::Path(path)) => Some(plain(path)),
            _ => None,
        };
        let Some(instruments) = path("storage", "instrument_data") else { return };
        for (table, key) in
            [("storage", "data"), ("storage", "records"), ("storage", "logs"), ("database", "path")]
        {
            if path(table, key).is_some_and(|path| path.starts_with(&instruments)) {
                let span = tables.get(table).and_then(|table| table.span(key));
                let message = format!("`{table}.{key}` is inside `storage.instrument_data`");
                self.report(span, message, Some("that folder is only read; name another one".to_owned()));
            }
        }
    }

    /// Exactly one of the three names the plugin, and what belongs to one of them stands with it.
    fn carrier(&mut self, table: &Checked) {
        let given: Vec<_> = CARRIERS.into_iter().filter(|key| table.span(key).is_some()).collect();
        match given.as_slice() {
            [] => {
                // A carrier with a mistake in it has been reported already.
                if !self.problems.iter().any(|problem| is_about_carrier(problem, &table.path)) {
                    let message = format!("[{}] names no plugin", table.path);
                    let help = "add one of `plugin`, `library` and `command`".to_owned();
                    self.report(table.heading.as_ref(), message, Some(help));
                }
            }
            [_] => {}
            [_, second, ..] => {
                let names = given.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" and ");
                let message = format!("[{}] has {names}, but a plugin is named once", table.path);
                self.report(table.span(second), message, Some("keep one of them".to_owned()));
            }
        }
        if given.is_empty() {
            return;
        }
        let is = |key: &str| table.span(key).is_some();
        let shared = matches!(table.get("isolation"), Some(Value::Text(word)) if word == "none");
        for (key, fits, what) in [
            ("isolation", is("library"), "that `library` names"),
            ("sha256", is("library") || is("command"), "that `library` or `command` names"),
            ("processes", (is("library") && !shared) || is("command"), "that have a process of their own"),
        ] {
            if let Some(span) = table.span(key).filter(|_| !fits) {
                let message = format!("`{}.{key}` is for plugins {what}", table.path);
                self.report(Some(span), message, None);
            }
        }
    }

    /// A key that names other tables of the same kind: they exist, and it does not lead back.
    fn references(&mut self, plugins: &Plugins, kind: &str, key: &'static str) {
        let tables: BTreeMap<&str, &Checked> = plugins
            .iter()
            .filter(|(of, ..)| *of == kind)
            .map(|(_, name, table)| (name.as_str(), table))
            .collect();
        for table in tables.values() {
            for target in targets(table, key) {
                if !tables.contains_key(target) {
                    let message =
                        format!("`{}.{key}` names `{target}`, but there is no [{kind}.{target}]", table.path);
                    let help =
                        nearest(target, tables.keys().copied()).map(|near| format!("did you mean `{near}`?"));
                    self.report(table.span(key), message, help);
                }
            }
        }
        for circle in circles(&tables, key) {
            let Some(table) = circle.first().and_then(|name| tables.get(name)) else { continue };
            let way = circle.iter().chain(circle.first()).map(|name| format!("`{name}`")).collect::<Vec<_>>();
            let message = format!("`{}.{key}` goes round in a circle: {}", table.path, way.join(" → "));
            self.report(table.span(key), message, None);
        }
    }

    /// An instrument has one source.
    fn instruments(&mut self, plugins: &Plugins) {
        let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
        for (_, _, table) in plugins.iter().filter(|(kind, ..)| *kind == "harvesters") {
            for pid in targets(table, "instruments") {
                if let Some(first) = owners.insert(pid, &table.path) {
                    let message = if first == table.path {
                        format!("`{}.instruments` names `{pid}` twice", table.path)
                    } else {
                        format!(
                            "`{}.instruments` names `{pid}`, which belongs to [{first}] already",
                            table.path
                        )
                    };
                    self.report(table.span("instruments"), message, None);
                }
            }
        }
    }
}

fn is_about_carrier(problem: &Problem, path: &str) -> bool {
    CARRIERS.iter().any(|key| problem.message().starts_with(&format!("`{path}.{key}`")))
}

fn targets<'t>(table: &'t Checked, key: &str) -> Vec<&'t str> {
    match table.get(key) {
        Some(Value::Texts(names)) => names.iter().map(String::as_str).collect(),
        Some(Value::Text(name)) => vec![name],
        _ => Vec::new(),
    }
}

/// Every circle once, beginning at its first name in alphabetical order.
fn circles<'t>(tables: &BTreeMap<&'t str, &'t Checked>, key: &str) -> Vec<Vec<&'t str>> {
    let mut done: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for start in tables.keys() {
        let mut way = vec![*start];
        walk(tables, key, &mut way, &mut done, &mut found);
    }
    found
}

/// Goes on from the end of `way`. What is `done` has no circle that has not been found.
fn walk<'t>(
    tables: &BTreeMap<&'t str, &'t Checked>,
    key: &str,
    way: &mut Vec<&'t str>,
    done: &mut Vec<&'t str>,
    found: &mut Vec<Vec<&'t str>>,
) {
    let Some(&here) = way.last() else { return };
    if done.contains(&here) {
        return;
    }
    for next in tables.get(here).map(|table| targets(table, key)).unwrap_or_default() {
        let Some((next, _)) = tables.get_key_value(next) else { continue };
        if let Some(from) = way.iter().position(|name| name == next) {
            found.push(way.get(from..).unwrap_or_default().to_vec());
        } else {
            way.push(next);
            walk(tables, key, way, done, found);
            way.pop();
        }
    }
    done.push(here);
}

/// The path without `.` and `..`, as far as that can be said without looking at the disk.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

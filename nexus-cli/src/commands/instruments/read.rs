//! Instruments from a CSV or JSON text, each with its line.

use std::collections::BTreeMap;

use nexus_core::instrument::{Field, Instrument};

/// An instrument of the file, and the line it begins in.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) line: usize,
    pub(super) instrument: Instrument,
}

/// Something that is wrong, and the line it is in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) line: usize,
    pub(super) what: String,
}

/// What was found in the file.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) entries: Vec<Entry>,
    pub(super) mistakes: Vec<Mistake>,
}

/// Columns that no instrument can do without.
const NEEDED: [Field; 4] = [Field::Pid, Field::ApiUrl, Field::FilestorePath, Field::Timezone];

impl Parsed {
    fn mistake(&mut self, line: usize, what: impl Into<String>) {
        self.mistakes.push(Mistake { line, what: what.into() });
    }

    /// Takes the values of one instrument; a column that is not named has its default.
    fn take(&mut self, line: usize, mut values: BTreeMap<Field, String>) {
        let missing: Vec<_> =
            NEEDED.iter().filter(|field| !values.contains_key(field)).map(|field| field.as_str()).collect();
        if !missing.is_empty() {
            return self.mistake(line, format!("missing: {}", missing.join(", ")));
        }
        let mut value = |field| values.remove(&field).unwrap_or_default();
        let (pid, harvester, display_name) =
            (value(Field::Pid), value(Field::Harvester), value(Field::DisplayName));
        let instrument = Instrument {
            api_url: value(Field::ApiUrl),
            calendar_url: value(Field::CalendarUrl),
            location: value(Field::Location),
            display_name: if display_name.is_empty() { pid.clone() } else { display_name },
            property_tag: value(Field::PropertyTag),
            filestore_path: value(Field::FilestorePath),
            harvester: if harvester.is_empty() { "nemo".to_owned() } else { harvester },
            timezone: value(Field::Timezone),
            pid: pid.into(),
        };
        self.entries.push(Entry { line, instrument });
    }
}

pub(super) fn csv(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    // Spreadsheets begin their files with this mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let fields = match reader.headers() {
        Ok(headers) => headers.iter().map(|name| name.trim().parse::<Field>()).collect::<Vec<_>>(),
        Err(error) => {
            parsed.mistake(1, error.to_string());
            return parsed;
        }
    };
    if fields.is_empty() {
        parsed.mistake(1, "the file is empty; its first line names the columns");
        return parsed;
    }
    if let [Err(only)] = fields.as_slice()
        && only.0.contains([';', '\t'])
    {
        parsed.mistake(1, "the columns are not separated by commas; save the file with commas");
        return parsed;
    }
    for error in fields.iter().filter_map(|field| field.as_ref().err()) {
        parsed.mistake(1, error.to_string());
    }
    let fields: Vec<Field> = fields.into_iter().flatten().collect();
    for (index, field) in fields.iter().enumerate() {
        if fields.iter().take(index).any(|earlier| earlier == field) {
            parsed.mistake(1, format!("column `{field}` is there twice"));
        }
    }
    for field in NEEDED.iter().filter(|field| !fields.contains(field)) {
        parsed.mistake(1, format!("column `{field}` is missing"));
    }
    if !parsed.mistakes.is_empty() {
        return parsed;
    }
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = line_of(text, record.position());
                if record.iter().all(|value| value.trim().is_empty()) {
                    continue;
                }
                if record.len() != fields.len() {
                    parsed.mistake(line, format!("{} values for {} columns", record.len(), fields.len()));
                    continue;
                }
                let values = fields.iter().copied().zip(record.iter().map(|value| value.trim().to_owned()));
                parsed.take(line, values.collect());
            }
            Err(error) => {
                let line = line_of(text, error.position());
                parsed.mistake(line, error.to_string());
            }
        }
    }
    parsed
}

/// The line in which a record begins. The reader's own count is that of the empty lines before it.
fn line_of(text: &str, position: Option<&csv::Position>) -> usize {
    let begun = position.and_then(|at| usize::try_from(at.byte()).ok()).unwrap_or_default();
    let (before, rest) = text.split_at_checked(begun).unwrap_or((text, ""));
    let skipped = rest.len() - rest.trim_start_matches(['\r', '\n']).len();
    let empty_lines = rest.get(..skipped).unwrap_or_default();
    before.matches('\n').count() + empty_lines.matches('\n').count() + 1
}

pub(super) fn json(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let all: Vec<serde_json::Value> = match serde_json::from_str(text) {
        Ok(all) => all,
        Err(error) => {
            let what = if error.is_data() {
                "the file is no list of instruments: [ { … }, { … } ]".to_owned()
            } else {
                let text = error.to_string();
                let told = text.split(" at line ").next().unwrap_or_default();
                format!("this is not JSON: {told} (column {})", error.column())
            };
            parsed.mistake(error.line().max(1), what);
            return parsed;
        }
    };
    for (value, line) in all.into_iter().zip(lines_of_elements(text)) {
        let serde_json::Value::Object(object) = value else {
            parsed.mistake(line, format!("`{value}` is no instrument: an object is expected"));
            continue;
        };
        let mut values = BTreeMap::new();
        let mut sound = true;
        for (key, value) in object {
            match (key.parse::<Field>(), value) {
                (Ok(field), serde_json::Value::String(text)) => {
                    values.insert(field, text);
                }
                (Ok(field), other) => {
                    parsed.mistake(line, format!("{field} is `{other}`, not a text"));
                    sound = false;
                }
                (Err(error), _) => {
                    parsed.mistake(line, error.to_string());
                    sound = false;
                }
            }
        }
        if sound {
            parsed.take(line, values);
        }
    }
    parsed
}

/// The lines in which the elements of a list begin, of a text that is known to be such a list.
fn lines_of_elements(text: &str) -> Vec<usize> {
    let (mut found, mut line, mut depth) = (Vec::new(), 1, 0_usize);
    let (mut in_text, mut escaped, mut expected) = (false, false, false);
    for c in text.chars() {
        if c == '\n' {
            line += 1;
        }
        if in_text {
            in_text = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        if depth == 1 && expected && !c.is_whitespace() && c != ']' {
            found.push(line);
            expected = false;
        }
        match c {
            '"' => in_text = true,
            '[' | '{' => {
                depth += 1;
                expected |= depth == 1;
            }
            ']' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 1 => expected = true,
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_in_their_lines() {
        let text = "\n[ {\"a\": \"],\\\"{\\\\\"},\n\n  {\"b\": [1, {}, 2]}\n, 3, \"x\\\\\",\n[\n]]\n";
        let values: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
        assert_eq!(values.len(), 5);
        assert_eq!(lines_of_elements(text), [2, 4, 5, 5, 6]);
        assert_eq!(lines_of_elements("[]"), [0_usize; 0]);
    }

    #[test]
    fn quoted_lines_count_and_empty_rows_do_not_matter() {
        let text = "\u{feff}timezone,instrument_pid,api_url,filestore_path,location\n\
                    UTC,A,a:1,A,\"two\nlines\"\n,,,,\n\nUTC, B ,a:2,B,\nUTC,C\n";
        let parsed = csv(text);
        let found: Vec<_> =
            parsed.entries.iter().map(|entry| (entry.line, entry.instrument.pid.as_str())).collect();
        assert_eq!(found, [(2, "A"), (6, "B")]);
        assert_eq!(parsed.entries[1].instrument.harvester, "nemo");
        assert_eq!(parsed.entries[1].instrument.display_name, "B");
        assert_eq!(parsed.mistakes, [Mistake { line: 7, what: "2 values for 5 columns".to_owned() }]);
    }
}

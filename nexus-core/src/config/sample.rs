//! The file that `nexus init` writes, and the reference part of the documentation.

use super::keys::{Absent, Key, Kind, TABLES, TableSpec};

/// Width of the comments.
const WIDTH: usize = 98;

const HEAD: &str = "\
# The settings of nexus. A line that begins with # is a comment; a key that is commented out shows its default,
# or an example where it has none. Relative paths start at the folder of this file.
# `nexus config check` says whether everything is right.
";

const PLUGIN_EXAMPLES: &[(&str, &str)] = &[
    (
        "harvesters",
        "\
# [harvesters.usage-log]
# plugin = \"logbook\"                       # a table of uses that people keep by hand
# path = \"logbook.csv\"
# instruments = [\"FEI-Titan-TEM-01\"]

# [harvesters.nemo-main]
# plugin = \"nemo\"
# address = \"https://nemo.example.org/api/\"
# token = { env = \"NEMO_TOKEN\" }           # or { file = \"PATH\" }, or { value = \"…\" }
",
    ),
    (
        "extractors",
        "\
# [extractors.micrographs]
# command = [\"python3\", \"/opt/nexus/plugins/micrographs.py\"]
# suffixes = [\"dm3\", \"dm4\"]
",
    ),
    (
        "destinations",
        "\
# [destinations.share]
# plugin = \"folder\"                        # records as files in a folder
# path = \"delivered\"

# [destinations.cdcs]
# plugin = \"cdcs\"
# url = \"https://cdcs.example.org\"
# token = { file = \"/run/secrets/cdcs\" }

# [destinations.group-share]
# command = [\"python3\", \"/opt/nexus/plugins/share.py\"]
# after = [\"cdcs\"]
",
    ),
];

/// The commented file. It can be used as it is.
pub(super) fn sample() -> String {
    let mut lines: Vec<String> = HEAD.lines().map(str::to_owned).collect();
    for table in TABLES {
        lines.push(String::new());
        comment(&mut lines, table.about);
        if table.plugins {
            plugin_table(&mut lines, table);
        } else {
            plain_table(&mut lines, table);
        }
    }
    lines.join("\n") + "\n"
}

fn plain_table(lines: &mut Vec<String>, table: &TableSpec) {
    lines.push(table.heading());
    for (index, key) in table.keys.iter().enumerate() {
        if index > 0 {
            lines.push(String::new());
        }
        comment(lines, key.about);
        match key.absent {
            Absent::Required(value) => lines.push(format!("{} = {value}", key.name)),
            Absent::Default(value) => lines.push(format!("# {} = {value}", key.name)),
            Absent::Means(meaning, example) => {
                comment(lines, &format!("Without it: {meaning}."));
                lines.push(format!("# {} = {example}", key.name));
            }
        }
    }
}

fn plugin_table(lines: &mut Vec<String>, table: &TableSpec) {
    let names: Vec<_> = table.keys.iter().map(|key| key.name).collect();
    comment(lines, &format!("The keys of nexus here: {}.", names.join(", ")));
    for (_, example) in PLUGIN_EXAMPLES.iter().filter(|(name, _)| *name == table.name) {
        lines.push(String::new());
        lines.extend(example.lines().map(str::to_owned));
    }
}

fn comment(lines: &mut Vec<String>, sentences: &str) {
    let mut line = String::from("#");
    for word in sentences.split_whitespace() {
        if line.chars().count() + word.chars().count() + 1 > WIDTH {
            lines.push(std::mem::replace(&mut line, String::from("#")));
        }
        line.push(' ');
        line.push_str(word);
    }
    lines.push(line);
}

/// Every table and key as Markdown: the reference part of the documentation page.
pub fn reference() -> String {
    let tables: Vec<String> = TABLES
        .iter()
        .map(|table| {
            let keys: String = table.keys.iter().map(|key| entry(table, key)).collect();
            format!("### `{}`\n\n{}\n\n{keys}", table.heading(), table.about)
        })
        .collect();
    tables.concat().trim_end().to_owned() + "\n"
}

fn entry(table: &TableSpec, key: &Key) -> String {
    let absent = match key.absent {
        Absent::Required(_) => "It must be given.".to_owned(),
        Absent::Default(value) => format!("Default: `{value}`."),
        Absent::Means(meaning, _) => format!("Without it: {meaning}."),
    };
    let (Absent::Required(example) | Absent::Default(example) | Absent::Means(_, example)) = key.absent;
    let example = if example == "[]" { "[\"…\"]" } else { example };
    format!(
        "**`{name}`** ({kind}). {about} {absent}\n\n```toml\n{heading}\n{name} = {example}\n```\n\n",
        name = key.name,
        kind = in_words(key.kind),
        about = key.about,
        heading = table.heading(),
    )
}

fn in_words(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Name => "a name: lower-case letters, digits, `-`, `_`".to_owned(),
        Kind::Address => "an address: `https://…` or `http://…`".to_owned(),
        Kind::Path => "a path".to_owned(),
        Kind::Word(words) => {
            words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(" or ")
        }
        Kind::Duration { zero: true } => "a length of time, or `\"0s\"`".to_owned(),
        Kind::Duration { zero: false } => "a length of time".to_owned(),
        Kind::Integer { min, max } => format!("a whole number from {min} to {max}"),
        Kind::Number => "a number, zero or more".to_owned(),
        Kind::Boolean => "`true` or `false`".to_owned(),
        Kind::Texts => "a list of texts".to_owned(),
        Kind::Names => "a list of names".to_owned(),
        Kind::Addresses => "a list of addresses".to_owned(),
        Kind::Globs => "a list of patterns".to_owned(),
        Kind::Suffixes => "a list of suffixes".to_owned(),
        Kind::Command => "a list: program and arguments".to_owned(),
        Kind::Sha256 => "64 hexadecimal digits".to_owned(),
    }
}

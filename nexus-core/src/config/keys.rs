//! Every key the host reads: its table, type, default and meaning. The reader, the sample, the JSON
//! Schema, `config show` and the reference page all come from this one list.

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Text that is not blank.
    Text,
    /// A name: lower-case letters, digits, hyphens, underscores.
    Name,
    /// An `http` or `https` address without credentials.
    Address,
    /// A path; a relative one starts at the folder of the configuration file.
    Path,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A length of time such as `"2 days"`.
    Duration {
        /// Whether no time at all makes sense.
        zero: bool,
    },
    /// A whole number.
    Integer {
        /// The smallest that makes sense.
        min: i64,
        /// The largest that makes sense.
        max: i64,
    },
    /// A number that is zero or more.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A list of texts.
    Texts,
    /// A list of names.
    Names,
    /// A list of addresses.
    Addresses,
    /// A list of file name patterns.
    Globs,
    /// A list of file name suffixes without dots.
    Suffixes,
    /// A program and its arguments.
    Command,
    /// 64 hexadecimal digits.
    Sha256,
}

/// What holds when a key is not given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Absent {
    /// It must be given; this is what `nexus init` writes (TOML).
    Required(&'static str),
    /// Then this value holds (TOML).
    Default(&'static str),
    /// Then it means this; the second text is an example (TOML).
    Means(&'static str, &'static str),
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Key {
    /// As written in the file.
    pub name: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// What holds without it.
    pub absent: Absent,
    /// Its meaning, in sentences.
    pub about: &'static str,
}

/// One table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TableSpec {
    /// As written in the file.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Whether it holds one table per name, each for a plugin, with the plugin's own keys beside these.
    pub plugins: bool,
    /// Its keys.
    pub keys: &'static [Key],
}

impl TableSpec {
    /// The key of this name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// How it is written: `[build]`, `[harvesters.NAME]`.
    pub fn heading(&self) -> String {
        if self.plugins { format!("[{}.NAME]", self.name) } else { format!("[{}]", self.name) }
    }
}

/// The three ways to name a plugin; a plugin's table gives exactly one.
pub const CARRIERS: [&str; 3] = ["plugin", "library", "command"];

/// Keys of the host in a plugin's table that the plugin is given as well.
pub const GIVEN_ON: [&str; 2] = ["address", "aliases"];

const PLUGIN: Key = Key {
    name: "plugin",
    kind: Kind::Name,
    absent: Absent::Means("the plugin is named by `library` or `command`", "\"logbook\""),
    about: "A plugin that comes with nexus, by name. Exactly one of `plugin`, `library` and `command` is given.",
};

const LIBRARY: Key = Key {
    name: "library",
    kind: Kind::Path,
    absent: Absent::Means(
        "the plugin is named by `plugin` or `command`",
        "\"/opt/nexus/plugins/libshare.so\"",
    ),
    about: "A plugin in a shared library.",
};

const COMMAND: Key = Key {
    name: "command",
    kind: Kind::Command,
    absent: Absent::Means(
        "the plugin is named by `plugin` or `library`",
        "[\"python3\", \"/opt/nexus/plugins/share.py\"]",
    ),
    about: "A plugin that is a program: the program and its arguments. A bare name is looked up in the absolute folders \
            of PATH; a name with a slash starts at the folder of the configuration, where the program also runs. A program or \
            script that everybody may write is refused. Everybody on the machine can see the arguments of a running \
            program: no secrets here.",
};

const SHA256: Key = Key {
    name: "sha256",
    kind: Kind::Sha256,
    absent: Absent::Means(
        "the file is used whatever it holds",
        "\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"",
    ),
    about: "SHA-256 of the plugin's file, in hexadecimal: the library, or the script of `command` (its first argument that \
            is a file), or the program itself where there is no script. Another file is refused.",
};

const ISOLATION: Key = Key {
    name: "isolation",
    kind: Kind::Word(&["process", "none"]),
    absent: Absent::Means("`\"process\"`", "\"process\""),
    about: "Where the plugin that `library` names runs: `process`, in a process of its own, so that a crash costs \
            one attempt of one session; `none`, inside nexus, which is faster and contains nothing.",
};

const PROCESSES: Key = Key {
    name: "processes",
    kind: Kind::Integer { min: 1, max: 64 },
    absent: Absent::Means("1", "2"),
    about: "How many processes of this plugin may work at the same time. Each answers one call at a time; the second \
            and further ones are started when they are needed.",
};

const PROCESSES_OF_EXTRACTOR: Key =
    Key { absent: Absent::Means("as many as sessions are built at the same time", "2"), ..PROCESSES };

/// All tables, in the order in which they are shown.
pub const TABLES: &[TableSpec] = &[
    TableSpec {
        name: "database",
        about: "Where the sessions are kept.",
        plugins: false,
        keys: &[Key {
            name: "path",
            kind: Kind::Path,
            absent: Absent::Required("\"nexus.db\""),
            about: "The SQLite file, the one that NexusLIMS uses or a new one. Keep it on a local disk: locks on \
                    network shares are not dependable.",
        }],
    },
    TableSpec {
        name: "storage",
        about: "Where files are.",
        plugins: false,
        keys: &[
            Key {
                name: "instrument_data",
                kind: Kind::Path,
                absent: Absent::Required("\"instrument_data\""),
                about: "The folder under which the instruments save their files. It is read only, never written.",
            },
            Key {
                name: "data",
                kind: Kind::Path,
                absent: Absent::Required("\"data\""),
                about: "The folder for all that nexus makes: previews, records, and the lock that keeps two runs \
                        apart. NexusLIMS may use the same one. It must not be inside `instrument_data`.",
            },
            Key {
                name: "records",
                kind: Kind::Path,
                absent: Absent::Means("the folder `records` in `data`", "\"/mnt/nexus/records\""),
                about: "The folder for records.",
            },
            Key {
                name: "logs",
                kind: Kind::Path,
                absent: Absent::Means("the folder `logs` in `data`", "\"/var/log/nexus\""),
                about: "A folder for log files, for whoever keeps some. nexus logs to standard error; send it to a file here, \
                        or leave it to the service that calls nexus.",
            },
        ],
    },
    TableSpec {
        name: "build",
        about: "How a session becomes a record.",
        plugins: false,
        keys: &[
            Key {
                name: "file_strategy",
                kind: Kind::Word(&["exclusive", "inclusive"]),
                absent: Absent::Default("\"exclusive\""),
                about: "Which of a session's files belong to its record: `exclusive`, only those with one of \
                        `exclusive_suffixes`; `inclusive`, every file.",
            },
            Key {
                name: "exclusive_suffixes",
                kind: Kind::Suffixes,
                absent: Absent::Default(
                    "[\"dm3\", \"dm4\", \"h5\", \"msa\", \"ser\", \"spc\", \"tif\", \"tiff\"]",
                ),
                about: "The suffixes that `exclusive` keeps, without the dot; upper and lower case are the same.",
            },
            Key {
                name: "ignore",
                kind: Kind::Globs,
                absent: Absent::Default("[\"*.mib\", \"*.db\", \"*.emi\", \"*.hdr\"]"),
                about: "Patterns of file names that never belong to a record: `*` any characters, `?` one, \
                        `[ab]` one of these, `{a,b}` either.",
            },
            Key {
                name: "file_delay",
                kind: Kind::Duration { zero: true },
                absent: Absent::Default("\"2 days\""),
                about: "How long after a session's end its files may still arrive. Until then a session without \
                        files waits; after it, it settles as NO_FILES_FOUND.",
            },
            Key {
                name: "clustering_sensitivity",
                kind: Kind::Number,
                absent: Absent::Default("1.0"),
                about: "How readily a pause between files begins a new acquisition activity: higher finds more \
                        activities, 0 puts all files of a session into one.",
            },
            Key {
                name: "quiet_period",
                kind: Kind::Duration { zero: true },
                absent: Absent::Default("\"1 min\""),
                about: "A session whose files were changed within this time waits: somebody may still be writing them.",
            },
            Key {
                name: "on_revision",
                kind: Kind::Word(&["report", "rebuild"]),
                absent: Absent::Default("\"report\""),
                about: "What becomes of a session whose usage event is changed (times, user, instrument) after the session was \
                        settled: `report`, it stays as it is, and the run tells; `rebuild`, its record is built again from the \
                        changed event and delivered in place of the old one, and a session that was settled without a record is \
                        built.",
            },
            Key {
                name: "previews",
                kind: Kind::Boolean,
                absent: Absent::Default("true"),
                about: "Whether small pictures of the files are made, which records point to.",
            },
            Key {
                name: "follow_outside_links",
                kind: Kind::Boolean,
                absent: Absent::Default("false"),
                about: "Whether a link that leads out of an instrument's folder is followed. It is reported otherwise, \
                        and its files belong to no session.",
            },
            Key {
                name: "threads",
                kind: Kind::Integer { min: 0, max: 1024 },
                absent: Absent::Default("0"),
                about: "How many sessions are built at the same time; 0 is one per processor core.",
            },
        ],
    },
    TableSpec {
        name: "export",
        about: "How records reach their destinations.",
        plugins: false,
        keys: &[
            Key {
                name: "strategy",
                kind: Kind::Word(&["best_effort", "all", "first_success"]),
                absent: Absent::Default("\"best_effort\""),
                about: "When a session is COMPLETED: `best_effort`, once one destination has its record, the others \
                        stay due; `all`, once every destination has it; `first_success`, once one has it, and the \
                        others are not asked.",
            },
            Key {
                name: "time_budget",
                kind: Kind::Duration { zero: false },
                absent: Absent::Default("\"30 min\""),
                about: "How long a run goes on delivering. What is still due then is left to the next run.",
            },
        ],
    },
    TableSpec {
        name: "history",
        about: "What is remembered about past runs.",
        plugins: false,
        keys: &[Key {
            name: "keep",
            kind: Kind::Duration { zero: false },
            absent: Absent::Default("\"1 year\""),
            about: "How long the story of each session (what was tried, when, and how it ended) is kept. Sessions, \
                    records and deliveries themselves are kept for ever.",
        }],
    },
    TableSpec {
        name: "harvesters",
        about: "Where sessions come from: one table per source, under a name of your choice. Keys that are not in \
                this list belong to the plugin.",
        plugins: true,
        keys: &[
            PLUGIN,
            LIBRARY,
            COMMAND,
            SHA256,
            ISOLATION,
            PROCESSES,
            Key {
                name: "instruments",
                kind: Kind::Texts,
                absent: Absent::Means(
                    "the instruments whose address begins with `address` or one of `aliases`",
                    "[\"FEI-Titan-TEM-01\"]",
                ),
                about: "Primary keys of the instruments this source is asked about.",
            },
            Key {
                name: "address",
                kind: Kind::Address,
                absent: Absent::Means("the source has no address", "\"https://nemo.example.org/api/\""),
                about: "Address of the source. The plugin is given it too.",
            },
            Key {
                name: "aliases",
                kind: Kind::Addresses,
                absent: Absent::Default("[]"),
                about: "Earlier addresses of the same source: sessions harvested under them keep their identity. The \
                        plugin is given them too.",
            },
            Key {
                name: "reservations_from",
                kind: Kind::Name,
                absent: Absent::Means("this source answers for its own sessions", "\"calendar\""),
                about: "Another harvester that is asked for the reservations of this one's sessions.",
            },
        ],
    },
    TableSpec {
        name: "extractors",
        about: "Who reads the instruments' files: one table per extractor, under a name of your choice. A file that \
                none of them reads is in its record with its name and time. Keys that are not in this list belong to \
                the plugin.",
        plugins: true,
        keys: &[
            PLUGIN,
            LIBRARY,
            COMMAND,
            SHA256,
            ISOLATION,
            PROCESSES_OF_EXTRACTOR,
            Key {
                name: "suffixes",
                kind: Kind::Suffixes,
                absent: Absent::Means("the suffixes that the plugin names itself", "[\"dm3\", \"dm4\"]"),
                about: "The suffixes of the files it is asked about, without the dot; upper and lower case are the same. \
                        Which files belong to a record is said in [build] alone: `exclusive` keeps only \
                        `exclusive_suffixes`, whatever stands here.",
            },
            Key {
                name: "priority",
                kind: Kind::Integer { min: -1000, max: 1000 },
                absent: Absent::Means("the priority that the plugin gives itself", "100"),
                about: "Which of several extractors of one suffix is asked first: the one with the higher number.",
            },
        ],
    },
    TableSpec {
        name: "destinations",
        about: "Where records go: one table per destination, under a name of your choice, which is stored with \
                every delivery. Keys that are not in this list belong to the plugin.",
        plugins: true,
        keys: &[
            PLUGIN,
            LIBRARY,
            COMMAND,
            SHA256,
            ISOLATION,
            PROCESSES,
            Key {
                name: "priority",
                kind: Kind::Integer { min: 0, max: 1000 },
                absent: Absent::Default("100"),
                about: "Which destination is served first: the higher number.",
            },
            Key {
                name: "after",
                kind: Kind::Names,
                absent: Absent::Default("[]"),
                about: "Destinations whose first attempt in a run this one waits for, so that it can link to them.",
            },
            Key {
                name: "concurrency",
                kind: Kind::Integer { min: 1, max: 64 },
                absent: Absent::Means("4, or 1 if the destination cannot tell what it holds", "2"),
                about: "How many records are delivered to it at the same time; never more than `processes`. After a crash, \
                        each of them is in doubt at a destination that cannot tell what it holds.",
            },
            Key {
                name: "interval",
                kind: Kind::Duration { zero: true },
                absent: Absent::Default("\"0 s\""),
                about: "The shortest time between the beginnings of two deliveries, for a server that must not be hurried.",
            },
            Key {
                name: "settle",
                kind: Kind::Duration { zero: true },
                absent: Absent::Means("as the destination says of itself, 2 minutes for most", "\"5 min\""),
                about: "How long after an answer was lost the server may still store the record. Before that nobody believes it \
                        that the record is not there, so that it is not made twice.",
            },
        ],
    },
];

/// The table of this name.
pub fn table(name: &str) -> Option<&'static TableSpec> {
    TABLES.iter().find(|table| table.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_every_key_is_described() {
        let mut tables = HashSet::new();
        for table in TABLES {
            assert!(tables.insert(table.name));
            let mut keys = HashSet::new();
            for key in table.keys {
                assert!(keys.insert(key.name), "{}.{}", table.name, key.name);
                assert!(key.about.ends_with('.'), "{}.{}", table.name, key.name);
            }
        }
    }
}

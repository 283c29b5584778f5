//! `nexus db new-migration`: the pair of files of the next migration, for developers.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;

use crate::args::Global;
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  Begin a migration of the tables of nexus, in a checkout:
    nexus db new-migration v0_2_0a \"remember who asked for a rebuild\"
  Follow NexusLIMS to a revision that it has released:
    nexus db new-migration --shared v2_6_0a \"add serial number to instruments\"

migrations/README.md tells what belongs into the files and what else a migration needs.";

/// Refinery takes letters, digits and underscores; longer names are a nuisance in listings.
const SLUG_AT_MOST: usize = 60;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct NewMigrationArgs {
    /// The release that brings it, as vMAJOR_MINOR_PATCH, with a letter if a release brings several.
    #[arg(value_name = "VERSION")]
    release: Name,
    /// What it does, in a few words.
    description: String,
    /// Add to the tables that are shared with NexusLIMS, with the revision that NexusLIMS uses.
    #[arg(long)]
    shared: bool,
    /// The migrations folder, if not the one of the checkout that the current folder is in.
    #[arg(long, value_name = "DIR")]
    migrations: Option<PathBuf>,
}

pub(super) fn run(global: &Global, args: &NewMigrationArgs) -> Result<ExitCode, Stop> {
    let slug = slug(&args.description).or_stop(ExitCode::Usage)?;
    let root = match &args.migrations {
        Some(folder) => folder.clone(),
        None => find_migrations().or_stop(ExitCode::CannotStart)?,
    };
    let folder = root.join(if args.shared { "sqlite" } else { "nexus" });
    let present = Present::read(&folder).or_stop(ExitCode::CannotStart)?;
    let number = present.next(&args.release, &slug).or_stop(ExitCode::CannotStart)?;

    let stem = format!("V{number:04}__{}_{slug}", args.release);
    let text =
        Text { version: &args.release, revises: present.last_revision(), title: title(&args.description) };
    let (up_text, down_text) =
        if args.shared { (text.shared_up(), text.shared_down()) } else { (text.own_up(), text.own_down()) };
    let up = folder.join(format!("{stem}.sql"));
    let down = folder.join(format!("{stem}.down.sql"));
    write_new(&up, &up_text)?;
    if let Err(error) = write_new(&down, &down_text) {
        // Half a pair would be taken for a migration that cannot be undone.
        let _ = fs::remove_file(&up);
        return Err(error.into());
    }

    if global.json {
        output::json(&serde_json::json!({ "up": up, "down": down }))?;
    } else {
        output::line(format!("made {}", up.display()));
        output::line(format!("made {}", down.display()));
        output::line("Next: write the statements of both, the tests and an entry of CHANGELOG.md.");
        output::line(format!("{} tells how.", root.join("README.md").display()));
    }
    Ok(ExitCode::Done)
}

/// `vMAJOR_MINOR_PATCH` and perhaps a letter. Ordered as releases are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    numbers: [u32; 3],
    letter: Option<char>,
}

impl std::str::FromStr for Name {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        Self::read(text).ok_or_else(|| {
            anyhow!("a version looks like v2_5_0 or v2_5_0b: the letter v, three numbers with underscores between them, and perhaps a small letter")
        })
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "v{major}_{minor}_{patch}")?;
        self.letter.map_or(Ok(()), |letter| write!(f, "{letter}"))
    }
}

impl Name {
    fn read(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('v')?;
        let (rest, letter) = match rest.chars().next_back()? {
            letter if letter.is_ascii_lowercase() => (rest.strip_suffix(letter)?, Some(letter)),
            _ => (rest, None),
        };
        let mut parts = rest.split('_');
        let mut numbers = [0; 3];
        for number in &mut numbers {
            let part = parts.next()?;
            *number = part.parse().ok().filter(|value: &u32| value.to_string() == part)?;
        }
        parts.next().is_none().then_some(Self { numbers, letter })
    }
}

/// The migrations that a folder holds.
struct Present {
    folder: PathBuf,
    /// Number, the words after `V0001__`, by number.
    stems: Vec<(u32, String)>,
}

impl Present {
    fn read(folder: &Path) -> anyhow::Result<Self> {
        let entries = fs::read_dir(folder)
            .with_context(|| format!("failed to read the migrations folder `{}`", folder.display()))?;
        let mut stems = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let Some(stem) = name.to_str().and_then(|name| name.strip_suffix(".sql")) else { continue };
            let stem = stem.strip_suffix(".down").unwrap_or(stem);
            let Some((number, words)) = stem.strip_prefix('V').and_then(|rest| rest.split_once("__")) else {
                continue;
            };
            if let Ok(number) = number.parse() {
                stems.push((number, words.to_owned()));
            }
        }
        stems.sort();
        stems.dedup();
        Ok(Self { folder: folder.to_owned(), stems })
    }

    /// The number of the next one, unless its name is taken or older than what is there.
    fn next(&self, version: &Name, slug: &str) -> anyhow::Result<u32> {
        let folder = self.folder.display();
        for (number, words) in &self.stems {
            let Some((present, present_slug)) = split(words) else {
                if words == slug {
                    bail!(
                        "`{folder}` has a migration `{slug}` already, number {number}; choose another description"
                    );
                }
                continue;
            };
            if present == *version {
                bail!(
                    "`{folder}` has a migration {version} already, number {number} ({present_slug}); give it the next letter"
                );
            }
            if present_slug == slug {
                bail!(
                    "`{folder}` has a migration `{slug}` already, number {number} ({present}); choose another description"
                );
            }
            if present > *version {
                bail!(
                    "`{folder}` has a later migration {present}, number {number}; {version} would come after it, so it needs a later version"
                );
            }
        }
        Ok(self.stems.last().map_or(1, |(number, _)| number + 1))
    }

    fn last_revision(&self) -> Option<Name> {
        self.stems.iter().filter_map(|(_, words)| Some(split(words)?.0)).next_back()
    }
}

/// `v2_5_0b_rework_instruments` into version and description.
fn split(words: &str) -> Option<(Name, &str)> {
    let end = words.match_indices('_').nth(2)?.0;
    Some((Name::read(words.get(..end)?)?, words.get(end + 1..)?))
}

/// The description as it appears in the file name.
fn slug(description: &str) -> anyhow::Result<String> {
    let lower = description.to_lowercase();
    let words: Vec<_> =
        lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let slug = words.join("_");
    if slug.is_empty() {
        bail!(
            "the description `{description}` has no letters a to z or digits to name the files by; say in a few words what the migration does"
        );
    }
    if slug.len() > SLUG_AT_MOST {
        bail!(
            "the description is too long for a file name ({} characters, at most {SLUG_AT_MOST}); say it shorter, the files have room for the whole story",
            slug.len()
        );
    }
    Ok(slug)
}

/// The description as a sentence, on one line.
fn title(description: &str) -> String {
    let words = description.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut letters = words.trim_end_matches('.').chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

fn find_migrations() -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir().context("failed to find the current folder")?;
    here.ancestors()
        .map(|folder| folder.join("migrations"))
        .find(|folder| folder.join("nexus").is_dir() && folder.join("sqlite").is_dir())
        .ok_or_else(|| {
            anyhow!(
                "`{}` is not in a checkout of nexus: no folder above it has migrations/nexus and migrations/sqlite; go there, or give --migrations",
                here.display()
            )
        })
}

fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .with_context(|| format!("failed to make `{}`", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("failed to write `{}`", path.display()))
}

/// What the new files say.
struct Text<'a> {
    version: &'a Name,
    revises: Option<Name>,
    title: String,
}

const WHY: &str = "\
-- Why it is needed, and what becomes of the rows that are there: say it here.
--
-- Write every name and value out: what the program calls things may change, this file may not.
";

impl Text<'_> {
    fn revises(&self) -> String {
        self.revises.as_ref().map_or_else(|| "none".to_owned(), Name::to_string)
    }

    fn shared_up(&self) -> String {
        let (version, revises, title) = (self.version, self.revises(), &self.title);
        format!(
            "-- revision: {version}\n-- revises: {revises}\n-- title: {title}\n--\n{WHY}\n\
             UPDATE alembic_version SET version_num = '{version}' WHERE version_num = '{revises}';\n"
        )
    }

    fn shared_down(&self) -> String {
        let (version, revises) = (self.version, self.revises());
        format!(
            "-- undoes: {version}\n-- returns to: {revises}\n--\n\
             -- What is lost on the way back, and what stays: say it here.\n\n\
             UPDATE alembic_version SET version_num = '{revises}' WHERE version_num = '{version}';\n"
        )
    }

    fn own_up(&self) -> String {
        let (version, title) = (self.version, &self.title);
        format!(
            "-- revision: {version}\n-- title: {title}\n--\n{WHY}\
             -- Only add: an older nexus, and NexusLIMS, may still work on the file.\n"
        )
    }

    fn own_down(&self) -> String {
        let version = self.version;
        format!("-- undoes: {version}\n--\n-- What is lost on the way back, and what stays: say it here.\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_strictly_and_sorted_as_releases() {
        let order = ["v1_4_3", "v2_4_0a", "v2_4_0b", "v2_5_0", "v2_5_0a", "v2_10_0"];
        let names: Vec<Name> = order.iter().map(|text| text.parse().unwrap()).collect();
        assert!(names.is_sorted());
        for (name, text) in names.iter().zip(order) {
            assert_eq!(name.to_string(), text);
        }
        for bad in [
            "", "v", "2_5_0", "v2_5", "v2_5_0_1", "v2.5.0", "v02_5_0", "v2_5_0B", "v2_5_0ab", "v2_5_+1",
            "v2_5_a",
        ] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }

    #[test]
    fn descriptions_become_file_names() {
        assert_eq!(slug("Add  serial-number to Instruments.").unwrap(), "add_serial_number_to_instruments");
        assert!(slug(" … ").is_err());
        assert!(slug(&"long ".repeat(20)).is_err());
        assert_eq!(title(" add a\ncolumn. "), "Add a column.");
        assert_eq!(split("v2_5_0b_rework_instruments").unwrap().1, "rework_instruments");
        assert!(split("nexus_tables").is_none());
    }

    #[test]
    fn no_migration_keeps_the_words_of_the_template() {
        let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
        let mut seen = 0;
        for folder in ["nexus", "sqlite"] {
            for entry in fs::read_dir(migrations.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                let text = fs::read_to_string(&path).unwrap();
                assert!(!text.contains("say it here"), "{} is not finished", path.display());
                seen += 1;
            }
        }
        assert!(seen > 10);
    }
}

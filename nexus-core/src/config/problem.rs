//! What is wrong with a configuration, and where.

use std::fmt;
use std::path::PathBuf;

/// A place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub line: usize,
    pub column: usize,
    pub excerpt: String,
}

/// One mistake: where it is, what it is, and what to do about it. No secret is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    file: String,
    place: Option<Place>,
    message: String,
    help: Option<String>,
}

impl Problem {
    pub(super) fn new(file: &str, place: Option<Place>, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), place, message: message.into(), help: None }
    }

    pub(super) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Line, counted from 1; `None` when the mistake is something missing.
    pub fn line(&self) -> Option<usize> {
        self.place.as_ref().map(|place| place.line)
    }

    /// Column in characters, counted from 1.
    pub fn column(&self) -> Option<usize> {
        self.place.as_ref().map(|place| place.column)
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it, if known.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(place) = &self.place {
            write!(f, ":{}:{}", place.line, place.column)?;
        }
        write!(f, ": {}", self.message)?;
        let mut gutter = 0;
        if let Some(place) = &self.place {
            gutter = place.line.to_string().len();
            write!(f, "\n{}", place.excerpt)?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n{} = help: {help}", " ".repeat(gutter))?;
        }
        Ok(())
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no such file.
    #[error("there is no configuration file `{}`", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("failed to read the configuration file `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The file is no text.
    #[error("the configuration file `{}` is not UTF-8 text: see line {line}", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The first line that is no text, counted from 1.
        line: usize,
    },
    /// The text has mistakes: at least one, in the order of the file.
    #[error("the configuration has {}\n{}", count(problems.len()), list(problems))]
    Invalid {
        /// The mistakes.
        problems: Vec<Problem>,
    },
}

impl ConfigError {
    /// The mistakes in the file, if that is what is wrong.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Invalid { problems } => problems,
            _ => &[],
        }
    }

    /// What to do about it, if it is not said already.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Missing { .. } => {
                Some("`nexus init` writes one; `--config FILE` or NEXUS_CONFIG names one that is elsewhere")
            }
            Self::NotText { .. } => Some("save the file as UTF-8"),
            Self::Unreadable { .. } | Self::Invalid { .. } => None,
        }
    }
}

fn count(problems: usize) -> String {
    if problems == 1 { "a mistake".to_owned() } else { format!("{problems} mistakes") }
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n{problem}")).collect::<Vec<_>>().join("\n")
}

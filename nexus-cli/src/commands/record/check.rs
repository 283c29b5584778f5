//! `nexus record check`: which records are valid, and what is wrong with the others.

use std::path::PathBuf;

use clap::Args;
use nexus_core::validate::{Invalid, Problem};
use serde::Serialize;

use super::validator;
use crate::args::Global;
use crate::exit_code::{ExitCode, Stop};
use crate::output;

/// The most problems of one record that anybody reads.
const MOST: usize = 500;

/// Arguments of `nexus record check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nexus record check records/*.xml                        check all that were built
  nexus record check records/rejected/2024-03-05_1.xml    see why one was kept back
  nexus record check --json records/*.xml                 the same for a script")]
pub struct CheckArgs {
    /// The records to check.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// What was found out about one file.
#[derive(Debug, Serialize)]
struct Checked {
    file: String,
    valid: bool,
    problems: Vec<Told>,
    /// Whether there may be more problems than are listed.
    more: bool,
    /// Why the file could not be read.
    unreadable: Option<String>,
}

#[derive(Debug, Serialize)]
struct Told {
    path: String,
    line: usize,
    column: usize,
    message: String,
}

impl From<Problem> for Told {
    fn from(problem: Problem) -> Self {
        let Problem { path, line, column, message } = problem;
        Self { path, line, column, message }
    }
}

/// Runs `nexus record check`.
pub fn run(global: &Global, args: &CheckArgs) -> Result<ExitCode, Stop> {
    let validator = validator()?;
    let mut code = ExitCode::Done;
    let mut all = Vec::new();
    for file in &args.files {
        let checked = match std::fs::read(file) {
            Ok(record) => checked(file.display().to_string(), validator.examine(&record, MOST)),
            Err(error) => Checked {
                file: file.display().to_string(),
                valid: false,
                problems: Vec::new(),
                more: false,
                unreadable: Some(error.to_string()),
            },
        };
        code = match (&checked, code) {
            (Checked { unreadable: Some(_), .. }, _) | (_, ExitCode::Failed) => ExitCode::Failed,
            (Checked { valid: false, .. }, _) => ExitCode::NeedsPerson,
            (_, code) => code,
        };
        if global.json {
            all.push(checked);
        } else {
            tell(&checked);
        }
    }
    if global.json {
        output::json(&all)?;
    }
    Ok(code)
}

fn checked(file: String, verdict: Result<(), Invalid>) -> Checked {
    let (problems, more) = match verdict {
        Ok(()) => (Vec::new(), false),
        Err(invalid) => (invalid.problems, invalid.more),
    };
    let valid = problems.is_empty();
    Checked { file, valid, problems: problems.into_iter().map(Told::from).collect(), more, unreadable: None }
}

fn tell(checked: &Checked) {
    let file = &checked.file;
    if let Some(why) = &checked.unreadable {
        output::line(format!("{file}: cannot be read: {why}"));
        return;
    }
    if checked.valid {
        output::line(format!("{file}: valid"));
        return;
    }
    output::line(format!("{file}: not valid"));
    for Told { path, line, column, message } in &checked.problems {
        let place = if path.is_empty() { String::new() } else { format!(" {path}") };
        output::line(format!("  {line}:{column}{place}: {message}"));
    }
    if checked.more {
        output::line("  and more");
    }
}

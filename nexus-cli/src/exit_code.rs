//! How `nexus` ends: public, numbered, never reused. Listed for users in `docs/exit-codes.md`.

/// An exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Done; also when there was nothing to do.
    Done = 0,
    /// A failure that none of the others describes.
    Failed = 1,
    /// The command line could not be understood.
    Usage = 2,
    /// The configuration cannot be used.
    Configuration = 3,
    /// Finished, and something needs a person.
    NeedsPerson = 4,
    /// Another run holds the lock.
    Locked = 5,
    /// Could not start: the database or the storage is not as it must be.
    CannotStart = 6,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

/// A command that stopped early: the code to exit with, and what to tell the person.
#[derive(Debug)]
pub struct Stop {
    /// How the process ends.
    pub code: ExitCode,
    /// What failed, with its causes.
    pub error: anyhow::Error,
    /// What to do about it, if known.
    pub hint: Option<String>,
}

impl Stop {
    /// Stops with a code and a message.
    pub fn new(code: ExitCode, error: impl Into<anyhow::Error>) -> Self {
        Self { code, error: error.into(), hint: None }
    }

    /// Adds what to do about it.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self { code: ExitCode::Failed, error, hint: None }
    }
}

/// Gives a failed result the code it exits with.
pub trait OrStop<T> {
    /// On failure, stop with this code.
    fn or_stop(self, code: ExitCode) -> Result<T, Stop>;
}

impl<T, E: Into<anyhow::Error>> OrStop<T> for Result<T, E> {
    fn or_stop(self, code: ExitCode) -> Result<T, Stop> {
        self.map_err(|error| Stop::new(code, error))
    }
}

#[cfg(test)]
mod tests {
    use super::ExitCode;

    /// A code that is missing here does not compile.
    fn name(code: ExitCode) -> &'static str {
        match code {
            ExitCode::Done => "Done",
            ExitCode::Failed => "Failed",
            ExitCode::Usage => "Usage",
            ExitCode::Configuration => "Configuration",
            ExitCode::NeedsPerson => "NeedsPerson",
            ExitCode::Locked => "Locked",
            ExitCode::CannotStart => "CannotStart",
        }
    }

    #[test]
    fn the_page_lists_these_codes_and_no_others() {
        let page = include_str!("../../docs/exit-codes.md");
        let source = include_str!("exit_code.rs");
        let listed: Vec<&str> =
            page.lines().filter(|line| line.starts_with("| ") && line.contains('`')).collect();
        let all = [
            ExitCode::Done,
            ExitCode::Failed,
            ExitCode::Usage,
            ExitCode::Configuration,
            ExitCode::NeedsPerson,
            ExitCode::Locked,
            ExitCode::CannotStart,
        ];
        let expected: Vec<String> = all
            .into_iter()
            .map(|code| {
                // Its meaning is the comment above it.
                let place = source.find(&format!("    {} = {},", name(code), code as u8)).unwrap();
                let about = source[..place].trim_end().rsplit('\n').next().unwrap();
                format!("| {} | `{}` | {} |", code as u8, name(code), about.trim().trim_start_matches("/// "))
            })
            .collect();
        assert_eq!(listed, expected);
    }
}

//! How far the server's clock is ahead of ours.

use nexus_plugin_api::{Call, LogLevel};
use nexus_plugin_http::{Once, Trouble};

use crate::error::ApiError;

/// A difference that is worth a word in the log, in milliseconds.
const WORTH_A_WORD: i64 = 30_000;

/// The offset in milliseconds, asked for once.
#[derive(Debug, Default)]
pub struct Offset(Once<(), i64>);

impl Offset {
    /// The offset; asked for if nobody has before. A server that does not tell has our time.
    pub fn get(&self, call: &Call, ask: impl FnOnce() -> Result<i64, ApiError>) -> Result<i64, ApiError> {
        let asked = self.0.get(call, &(), || match ask() {
            Ok(offset) => {
                if offset.abs() > WORTH_A_WORD {
                    call.log(
                        LogLevel::Warn,
                        &format!(
                            "the clock of this machine and that of LabArchives differ by {} s: signed by theirs",
                            offset / 1000
                        ),
                    );
                }
                Ok(offset)
            }
            // No answer to this question, none to the next.
            Err(ApiError::Transport(error)) if error.trouble == Trouble::Stopped => Err(ApiError::Transport(error)),
            Err(pause @ ApiError::Pause { .. }) => Err(pause),
            Err(error) => {
                call.log(LogLevel::Debug, &format!("LabArchives does not tell its time: {error}"));
                Ok(0)
            }
        });
        // Whoever waits for somebody else's question and is stopped has not asked; the call itself will say so.
        asked.unwrap_or(Ok(0))
    }

    /// What it is now.
    pub fn set(&self, offset: i64) {
        self.0.forget(|()| true);
        let nobody = Call::unlimited("/");
        let _ = self.0.get(&nobody, &(), || Ok::<_, ()>(offset));
    }
}

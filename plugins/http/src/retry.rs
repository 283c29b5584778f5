//! Trying again: how often, and after how long.

use std::time::Duration;

use nexus_plugin_api::Call;

use crate::pause::Pause;

/// Pauses before the second and each later try.
const PAUSES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];

/// The longest pause that is waited for in a call; who wants more is asked in a later run.
const LONGEST: Duration = Duration::from_mins(1);

/// Whether the same question may be answered a moment later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// No.
    Never,
    /// After the usual pause.
    Soon,
    /// The other side said how long to wait.
    After(Duration),
}

/// Asks until there is an answer, an error that stays, or no time left.
///
/// For questions only: a request that changes something may have taken effect although no answer came.
///
/// # Errors
/// The last error.
pub fn while_it_helps<T, E>(
    call: &Call,
    pause: &dyn Pause,
    again: impl Fn(&E) -> Again,
    mut ask: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    let mut pauses = PAUSES.into_iter();
    loop {
        let error = match ask() {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let wish = again(&error);
        let Some(usual) = pauses.next().filter(|_| wish != Again::Never) else { return Err(error) };
        let length = match wish {
            Again::After(length) => length,
            Again::Never | Again::Soon => usual,
        };
        let too_long = length > LONGEST || call.time_left().is_some_and(|left| left <= length);
        if too_long || !pause.wait(call, length) {
            return Err(error);
        }
    }
}

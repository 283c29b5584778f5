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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use chrono::{DateTime, Utc};

    use super::*;

    #[derive(Default)]
    struct Noted(Mutex<Vec<Duration>>);

    impl Pause for Noted {
        fn now(&self) -> DateTime<Utc> {
            DateTime::UNIX_EPOCH
        }

        fn wait(&self, _: &Call, length: Duration) -> bool {
            self.0.lock().unwrap().push(length);
            true
        }
    }

    /// The pauses that were made, and how it ended.
    fn tried(answers: Vec<Result<u8, Again>>) -> (Vec<u64>, Result<u8, Again>) {
        let noted = Noted::default();
        let mut answers = answers.into_iter();
        let end = while_it_helps(
            &Call::unlimited("/"),
            &noted,
            |again| *again,
            || answers.next().unwrap_or(Err(Again::Soon)),
        );
        (noted.0.into_inner().unwrap().iter().map(Duration::as_secs).collect(), end)
    }

    #[test]
    fn only_what_can_pass_is_asked_again_and_not_for_ever() {
        assert_eq!(tried(vec![Ok(1)]), (vec![], Ok(1)));
        assert_eq!(tried(vec![Err(Again::Never), Ok(1)]), (vec![], Err(Again::Never)));
        assert_eq!(tried(vec![Err(Again::Soon), Ok(1)]), (vec![1], Ok(1)));
        assert_eq!(tried(vec![]), (vec![1, 2, 4, 8], Err(Again::Soon)));
    }

    #[test]
    fn a_wish_is_granted_if_it_is_short() {
        let after = |seconds| Err(Again::After(Duration::from_secs(seconds)));
        assert_eq!(tried(vec![after(30), Ok(1)]), (vec![30], Ok(1)));
        assert_eq!(tried(vec![after(61), Ok(1)]), (vec![], after(61)));
    }
}

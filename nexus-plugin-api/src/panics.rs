//! Where a plugin's panic ends: as text.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `work`; a panic becomes its message.
///
/// Unwind safety is asserted: after a panic the plugin's own values may be in any state, and that is
/// the plugin's affair. Nothing of ours is borrowed mutably by `work`.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(text)
}

fn text(payload: Box<dyn Any + Send>) -> String {
    let payload = match payload.downcast::<String>() {
        Ok(text) => return *text,
        Err(payload) => payload,
    };
    match payload.downcast::<&'static str>() {
        Ok(text) => (*text).to_owned(),
        Err(payload) => {
            // Its destructor is the plugin's code as well, and may panic in its turn.
            std::mem::forget(payload);
            "it gave no message".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_survives() {
        let number = 7;
        assert_eq!(catch(|| number), Ok(7));
        assert_eq!(catch(|| panic!("plain")), Err::<(), _>("plain".to_owned()));
        assert_eq!(catch(|| panic!("number {number}")), Err::<(), _>("number 7".to_owned()));
    }

    #[test]
    fn a_payload_that_panics_when_dropped_is_left_alone() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("again");
            }
        }
        let message = catch(|| std::panic::panic_any(Bomb));
        assert_eq!(message, Err::<(), _>("it gave no message".to_owned()));
    }
}

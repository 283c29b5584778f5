//! Ctrl-C and SIGTERM: the first asks the run to finish what is in hand, the second ends it at once.

use std::io::Write as _;
use std::sync::OnceLock;

use nexus_core::pipeline::StopFlag;

use crate::output;

/// The exit code of a process that was told twice: what shells show for one that a Ctrl-C ended.
const STOPPED_AT_ONCE: i32 = 130;

/// The flag of this process; the first call also listens for the signals.
pub fn stop_flag() -> StopFlag {
    static FLAG: OnceLock<StopFlag> = OnceLock::new();
    FLAG.get_or_init(|| {
        let flag = StopFlag::default();
        let seen = flag.clone();
        let heard = ctrlc::set_handler(move || {
            if seen.is_set() {
                // Everything stored is committed, and what is half-done is taken up by the next run.
                std::process::exit(STOPPED_AT_ONCE);
            }
            seen.set();
            // On a thread of its own: where nobody reads standard error, a second signal must be heard all the same.
            std::thread::spawn(|| {
                let told = b"stopping: finishing what is in hand (once more to stop at once)\n";
                let _ = output::Stderr.write_all(told);
            });
        });
        if let Err(error) = heard {
            tracing::warn!("signals are not listened for: {error}");
        }
        flag
    })
    .clone()
}

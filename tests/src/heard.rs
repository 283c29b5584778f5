//! Everything this program logs, down to the least important line.

use std::io;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

static HEARD: Mutex<String> = Mutex::new(String::new());
static LISTENING: Once = Once::new();

fn heard() -> MutexGuard<'static, String> {
    HEARD.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Ear;

impl io::Write for Ear {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        heard().push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Begins to listen; where what comes from now on begins.
pub fn listen() -> usize {
    LISTENING.call_once(|| {
        let all = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
        tracing::subscriber::set_global_default(all.with_writer(|| Ear).finish()).unwrap();
    });
    heard().len()
}

/// What was logged from there on, by whichever test.
pub fn since(mark: usize) -> String {
    heard().get(mark..).unwrap_or_default().to_owned()
}

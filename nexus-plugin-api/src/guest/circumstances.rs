//! The host's circumstances of one call, as a [`Call`] that a plugin may clone and keep.
//!
//! The host's pointers are good only while the call lasts, but a clone of [`Call`] or its flag may live
//! on in a thread the plugin started. So the pointers sit behind a lock, and are taken out when the
//! call returns: a late reader finds the flag as it was last, and a late log line goes nowhere.

use std::ffi::c_void;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::abi::{
    LogFn, NEXUS_LOG_DEBUG, NEXUS_LOG_ERROR, NEXUS_LOG_INFO, NEXUS_LOG_TRACE, NEXUS_LOG_WARN, NO_DEADLINE,
    NexusBytes, NexusCall, growing,
};
use crate::path_ref::os_string;
use crate::{Call, Cancel, LogLevel};

/// A call in progress; dropping it cuts the link to the host.
pub(super) struct Circumstances {
    call: Call,
    link: Arc<Link>,
}

impl Circumstances {
    /// Reads what the host handed over; `None` if it is null or too small. What an older host does not know of
    /// is absent.
    ///
    /// # Safety
    /// `call` is null or readable as its `struct_size` says, and what it points to stays valid until
    /// the returned value is dropped.
    pub(super) unsafe fn read(call: *const NexusCall) -> Option<Self> {
        if call.is_null() {
            return None;
        }
        // SAFETY: not null; the size is the first field of every version of this structure.
        let size = unsafe { call.cast::<u32>().read() };
        // SAFETY: readable for the size it states, and some version of this structure.
        let call = unsafe { growing::read(call, size) }?;
        let link = Arc::new(Link {
            live: RwLock::new(Some(Live { cancel: call.cancel, log: call.log, context: call.log_context })),
            cancelled: AtomicBool::new(false),
        });
        // SAFETY: the scratch path stays readable during the call.
        let scratch = unsafe { super::borrow(&call.scratch) }.map(path)?;
        let deadline = (call.deadline_ms != NO_DEADLINE)
            .then(|| Instant::now().checked_add(Duration::from_millis(call.deadline_ms)))
            .flatten();
        let cancel = Cancel::following({
            let link = Arc::clone(&link);
            move || link.is_cancelled()
        });
        let sink = Arc::clone(&link);
        let call =
            Call::new(deadline, cancel, scratch, Arc::new(move |level, message| sink.log(level, message)));
        Some(Self { call, link })
    }

    /// The circumstances in the form the traits take.
    pub(super) fn call(&self) -> &Call {
        &self.call
    }
}

impl Drop for Circumstances {
    fn drop(&mut self) {
        self.link.cut();
    }
}

/// The host's pointers.
struct Live {
    cancel: *const u8,
    log: Option<LogFn>,
    context: *mut c_void,
}

// SAFETY: the conventions let the flag be read and the log function be called from any thread while
// the call lasts, and a `Live` exists only that long.
unsafe impl Send for Live {}
// SAFETY: as above; nothing behind the pointers is written from here.
unsafe impl Sync for Live {}

impl Live {
    fn is_cancelled(&self) -> bool {
        if self.cancel.is_null() {
            return false;
        }
        // SAFETY: the host's flag is one byte that lives while the call does, and is written only
        // atomically. It is only read here, whatever the type says.
        let flag = unsafe { AtomicU8::from_ptr(self.cancel.cast_mut()) };
        flag.load(Ordering::Acquire) != 0
    }
}

struct Link {
    live: RwLock<Option<Live>>,
    /// What the flag said last, for those who ask after the call.
    cancelled: AtomicBool,
}

impl Link {
    fn is_cancelled(&self) -> bool {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.as_ref().map_or_else(|| self.cancelled.load(Ordering::Acquire), Live::is_cancelled)
    }

    fn log(&self, level: LogLevel, message: &str) {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        let Some(Live { log: Some(log), context, .. }) = live.as_ref() else { return };
        let level = match level {
            LogLevel::Error => NEXUS_LOG_ERROR,
            LogLevel::Warn => NEXUS_LOG_WARN,
            LogLevel::Info => NEXUS_LOG_INFO,
            LogLevel::Debug => NEXUS_LOG_DEBUG,
            LogLevel::Trace => NEXUS_LOG_TRACE,
        };
        // SAFETY: function and context belong together and are the host's while the lock is held,
        // which `cut` waits for; the message is readable during the call.
        unsafe { log(*context, level, NexusBytes { data: message.as_ptr(), len: message.len() }) };
    }

    fn cut(&self) {
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        let cancelled = live.as_ref().is_some_and(Live::is_cancelled);
        self.cancelled.store(cancelled, Ordering::Release);
        *live = None;
    }
}

/// The path behind the host's bytes. Where paths are text and these are not, it is empty.
fn path(bytes: &[u8]) -> PathBuf {
    os_string(bytes.to_vec()).map(PathBuf::from).unwrap_or_default()
}

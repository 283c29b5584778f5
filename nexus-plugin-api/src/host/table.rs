//! The raw side of a table: every foreign call of the host is in this file.

use std::ffi::c_void;
use std::path::Path;
use std::ptr::NonNull;

use super::{LoadError, Origin};
use crate::abi::{
    ABI_VERSION, CallFn, CreateFn, DestroyFn, ENTRY_SYMBOL, EntryFn, FreeFn, ManifestFn, NEXUS_LOG_DEBUG,
    NEXUS_LOG_ERROR, NEXUS_LOG_INFO, NEXUS_LOG_WARN, NO_DEADLINE, NexusBuffer, NexusBytes, NexusCall,
    TABLE_SIZE_1_0, growing, size_of_u32,
};
use crate::export::PluginEntry;
use crate::message::MAX_LOG_LINE;
use crate::panics::catch;
use crate::{Call, LogLevel};

/// Loads the library for good and asks it for its table.
pub(super) fn load(file: &Path) -> Result<PluginEntry, LoadError> {
    let library = open(file).map_err(|source| LoadError::Open { file: file.to_owned(), source })?;
    // Never unloaded, whatever comes now: its code may have started threads or left destructors.
    let library = Box::leak(Box::new(library));
    // SAFETY: the symbol has this type in every version of the interface; a library that gives the
    // name to something else breaks the conventions of the header.
    let entry = unsafe { library.get::<EntryFn>(ENTRY_SYMBOL.as_bytes()) }
        .map_err(|source| LoadError::NoEntry { file: file.to_owned(), source })?;
    // SAFETY: it takes nothing and only returns the address of a table.
    let table = unsafe { entry() };
    // SAFETY: the library stays loaded, and by the conventions so does its table.
    Ok(unsafe { PluginEntry::from_table(table) })
}

#[cfg(unix)]
fn open(file: &Path) -> Result<libloading::Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: loading runs the file's initialisers. That the operator named this file, and that nobody
    // else can write it (`file::inspect`), is the ground for trusting them. RTLD_NOW: a function the
    // library lacks is found here, and not in the middle of a run.
    unsafe { Library::open(Some(file), RTLD_NOW | RTLD_LOCAL) }.map(Into::into)
}

#[cfg(not(unix))]
fn open(file: &Path) -> Result<libloading::Library, libloading::Error> {
    // SAFETY: loading runs the file's initialisers, which is what the operator asked for by naming it.
    unsafe { libloading::Library::new(file) }
}

/// The functions of a table that passed the checks. They keep the conventions of the header: that is
/// the promise of [`PluginEntry::from_table`], and what the safe methods here stand on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Functions {
    manifest: ManifestFn,
    create: CreateFn,
    call: CallFn,
    free: FreeFn,
    destroy: DestroyFn,
}

impl Functions {
    /// Checks a table: layout version, then size, then the functions that every plugin has.
    pub(super) fn read(entry: PluginEntry, origin: &Origin) -> Result<Self, LoadError> {
        let table = entry.table();
        let origin = || origin.clone();
        if table.is_null() || !table.is_aligned() {
            return Err(LoadError::NoTable { origin: origin() });
        }
        // SAFETY: not null, aligned; every version of the table begins with these two numbers.
        let [theirs, size] = unsafe { table.cast::<[u32; 2]>().read() };
        if theirs != ABI_VERSION {
            return Err(LoadError::AbiVersion { origin: origin(), theirs, ours: ABI_VERSION });
        }
        // SAFETY: of this version of the ABI, and by the promise of `PluginEntry::from_table` readable for the size it
        // states.
        let Some(table) = (unsafe { growing::read(table, size) }) else {
            let least = TABLE_SIZE_1_0;
            return Err(LoadError::TableSize { origin: origin(), theirs: size, least, version: ABI_VERSION });
        };
        // A function of a later minor would be an option here: a plugin that is older does not have it.
        let missing = |function| LoadError::MissingFunction { origin: origin(), function };
        Ok(Self {
            manifest: table.manifest.ok_or_else(|| missing("manifest"))?,
            create: table.create.ok_or_else(|| missing("create"))?,
            call: table.call.ok_or_else(|| missing("call"))?,
            free: table.free.ok_or_else(|| missing("free"))?,
            destroy: table.destroy.ok_or_else(|| missing("destroy"))?,
        })
    }

    /// Asks for the manifest.
    pub(super) fn manifest(self) -> (i32, ForeignBytes) {
        let mut out = self.no_bytes();
        // SAFETY: `out` is a writable place for one buffer.
        let code = unsafe { (self.manifest)(&raw mut out.buffer) };
        (code, out)
    }

    /// Makes an instance. There is one only if the plugin set the pointer.
    pub(super) fn create(self, settings: &[u8]) -> (i32, Option<RawInstance>, ForeignBytes) {
        let mut out = self.no_bytes();
        let mut handle = std::ptr::null_mut();
        // SAFETY: the settings are readable during the call; both places are writable.
        let code = unsafe { (self.create)(lend(settings), &raw mut handle, &raw mut out.buffer) };
        let instance = NonNull::new(handle).map(|handle| RawInstance { functions: self, handle });
        (code, instance, out)
    }

    fn no_bytes(self) -> ForeignBytes {
        ForeignBytes { buffer: NexusBuffer::EMPTY, free: self.free }
    }
}

/// A plugin's instance; destroyed when dropped, and only then.
#[derive(Debug)]
pub(super) struct RawInstance {
    functions: Functions,
    handle: NonNull<c_void>,
}

// SAFETY: by the conventions an instance may be called from any thread, also from several at once;
// its destruction waits for the end of every borrow.
unsafe impl Send for RawInstance {}
// SAFETY: as above.
unsafe impl Sync for RawInstance {}

impl RawInstance {
    /// Puts one request to the instance.
    pub(super) fn call(&self, call: &Call, request: &[u8]) -> (i32, ForeignBytes) {
        let mut out = self.functions.no_bytes();
        let circumstances = NexusCall {
            struct_size: size_of_u32::<NexusCall>(),
            reserved: 0,
            deadline_ms: call.time_left().map_or(NO_DEADLINE, |left| {
                u64::try_from(left.as_millis()).unwrap_or(NO_DEADLINE).min(NO_DEADLINE - 1)
            }),
            cancel: call.cancel.as_ptr(),
            scratch: lend(call.scratch.as_os_str().as_encoded_bytes()),
            log: Some(log),
            log_context: std::ptr::from_ref(call).cast_mut().cast(),
        };
        // SAFETY: the handle is this plugin's and not destroyed (that happens in `drop`); the
        // circumstances and what they point to (flag, path, call) are borrowed from `call`, which
        // outlives this line; `out` is a writable place.
        let code = unsafe {
            (self.functions.call)(
                self.handle.as_ptr(),
                &raw const circumstances,
                lend(request),
                &raw mut out.buffer,
            )
        };
        (code, out)
    }
}

impl Drop for RawInstance {
    fn drop(&mut self) {
        // SAFETY: made by this plugin's `create`, destroyed once, and nobody borrows it any more.
        unsafe { (self.functions.destroy)(self.handle.as_ptr()) };
    }
}

/// Bytes that a plugin made; given back when dropped.
#[derive(Debug)]
pub(super) struct ForeignBytes {
    buffer: NexusBuffer,
    free: FreeFn,
}

impl ForeignBytes {
    /// The bytes; `None` if pointer and length cannot belong together.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        if self.buffer.len == 0 {
            return Some(&[]);
        }
        if self.buffer.data.is_null() || isize::try_from(self.buffer.len).is_err() {
            return None;
        }
        // SAFETY: not null, of a length a slice may have; by the conventions readable and left alone
        // until it is given back, which is in `drop`.
        Some(unsafe { std::slice::from_raw_parts(self.buffer.data, self.buffer.len) })
    }
}

impl Drop for ForeignBytes {
    fn drop(&mut self) {
        if !self.buffer.data.is_null() {
            // SAFETY: made by the plugin whose `free` this is, and given back once.
            unsafe { (self.free)(self.buffer) };
        }
    }
}

fn lend(bytes: &[u8]) -> NexusBytes {
    NexusBytes { data: bytes.as_ptr(), len: bytes.len() }
}

/// What a plugin's log line arrives at. The context is the [`Call`] it belongs to.
unsafe extern "C" fn log(context: *mut c_void, level: i32, message: NexusBytes) {
    // SAFETY: the context is what `RawInstance::call` put there, a `Call` that outlives the call; the
    // conventions forbid a log line after that.
    let Some(call) = (unsafe { context.cast::<Call>().as_ref() }) else { return };
    let bytes = if message.data.is_null() {
        &[]
    } else {
        // SAFETY: readable during this call by the conventions, not null, and cut to a length that a
        // slice may have.
        unsafe { std::slice::from_raw_parts(message.data, message.len.min(MAX_LOG_LINE)) }
    };
    let level = match level {
        ..=NEXUS_LOG_ERROR => LogLevel::Error,
        NEXUS_LOG_WARN => LogLevel::Warn,
        NEXUS_LOG_INFO => LogLevel::Info,
        NEXUS_LOG_DEBUG => LogLevel::Debug,
        _ => LogLevel::Trace,
    };
    // Our own log must not unwind into foreign code either.
    let _ = catch(|| call.log(level, &String::from_utf8_lossy(bytes)));
}

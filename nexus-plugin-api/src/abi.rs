//! The C view of a plugin: what `include/nexus_plugin.h` says, in Rust.
//!
//! Three things cross: borrowed bytes, owned bytes with their maker's free function, and an opaque
//! handle. The conventions (who frees, threads, codes, strings) are written at the head of the
//! header, which is the document for authors; a test compares the two files.
//!
//! New functions go at the end of the table, new circumstances at the end of the call; the sizes
//! say how much the other side has, and what it does not have is absent (`growing`). Codes are never reused.

#[allow(unsafe_code, reason = "what the other side has is read by its size")]
pub(crate) mod growing;

use std::ffi::c_void;

/// The layout this crate speaks. Another number is another layout: both sides refuse it.
///
/// | version | what came |
/// |---|---|
/// | 1 | manifest, create, call, free, destroy; a call with deadline, cancel flag, scratch folder, log |
pub const ABI_VERSION: u32 = 1;

/// Name of the one symbol a plugin library exports: a function that returns its table.
pub const ENTRY_SYMBOL: &str = "nexus_plugin_entry";

/// `deadline_ms` of a call without a limit.
pub const NO_DEADLINE: u64 = u64::MAX;

/// It worked; for `call`: there is a reply, be it good or bad news.
pub const NEXUS_OK: i32 = 0;
/// `create` refused; the buffer holds a plugin error as JSON.
pub const NEXUS_FAILED: i32 = 10;
/// The caller passed a null pointer or a structure too small.
pub const NEXUS_BAD_ARGUMENT: i32 = 20;
/// The plugin came to grief inside (a panic, memory exhausted); the buffer may hold a plugin error.
pub const NEXUS_PANICKED: i32 = 30;

/// Level of a log line: the call did not do what it should.
pub const NEXUS_LOG_ERROR: i32 = 1;
/// Level of a log line: somebody should look at it some day.
pub const NEXUS_LOG_WARN: i32 = 2;
/// Level of a log line: a step a person would want to see.
pub const NEXUS_LOG_INFO: i32 = 3;
/// Level of a log line: for the plugin's author.
pub const NEXUS_LOG_DEBUG: i32 = 4;
/// Level of a log line: everything.
pub const NEXUS_LOG_TRACE: i32 = 5;

/// Bytes that belong to somebody else and are readable during the call only.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct NexusBytes {
    /// First byte; may be null when `len` is 0.
    pub data: *const u8,
    /// How many.
    pub len: usize,
}

/// Bytes that the plugin made and its `free` takes back.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct NexusBuffer {
    /// First byte; null for "no bytes".
    pub data: *mut u8,
    /// How many.
    pub len: usize,
}

impl NexusBuffer {
    /// No bytes; nothing to free.
    pub const EMPTY: Self = Self { data: std::ptr::null_mut(), len: 0 };
}

/// Writes one log line; may be called from any thread while the call lasts.
pub type LogFn = unsafe extern "C" fn(context: *mut c_void, level: i32, message: NexusBytes);

/// The circumstances of one call, made by the host, readable while the call lasts.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct NexusCall {
    /// Size of this structure as the host knows it, in bytes.
    pub struct_size: u32,
    /// Zero; keeps the layout equal everywhere.
    pub reserved: u32,
    /// Milliseconds left when the call began; [`NO_DEADLINE`] for no limit.
    pub deadline_ms: u64,
    /// Not 0 once the answer is no longer wanted; changes during the call, so read it atomically.
    pub cancel: *const u8,
    /// Path of the folder for files that must cross; the bytes the file system uses.
    pub scratch: NexusBytes,
    /// Where log lines go; null when nobody listens.
    pub log: Option<LogFn>,
    /// First argument of `log`.
    pub log_context: *mut c_void,
}

/// Gives the manifest as JSON.
pub type ManifestFn = unsafe extern "C" fn(out: *mut NexusBuffer) -> i32;
/// Makes an instance from its settings (JSON).
pub type CreateFn =
    unsafe extern "C" fn(settings: NexusBytes, instance: *mut *mut c_void, out: *mut NexusBuffer) -> i32;
/// Answers one request (JSON) with one reply (JSON).
pub type CallFn = unsafe extern "C" fn(
    instance: *mut c_void,
    call: *const NexusCall,
    request: NexusBytes,
    out: *mut NexusBuffer,
) -> i32;
/// Takes back bytes that this plugin made.
pub type FreeFn = unsafe extern "C" fn(buffer: NexusBuffer);
/// Ends an instance.
pub type DestroyFn = unsafe extern "C" fn(instance: *mut c_void);

/// What the entry symbol returns: a table that lives as long as the library.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct NexusPluginTable {
    /// [`ABI_VERSION`] the plugin was built with. First, so that any host can read it.
    pub abi_version: u32,
    /// Size of this table as the plugin knows it, in bytes.
    pub struct_size: u32,
    /// Gives the manifest.
    pub manifest: Option<ManifestFn>,
    /// Makes an instance.
    pub create: Option<CreateFn>,
    /// Answers one request.
    pub call: Option<CallFn>,
    /// Takes back bytes.
    pub free: Option<FreeFn>,
    /// Ends an instance.
    pub destroy: Option<DestroyFn>,
}

/// The entry symbol.
pub type EntryFn = unsafe extern "C" fn() -> *const NexusPluginTable;

/// Size of [`NexusCall`] in its first version: every host hands over at least as much.
pub const CALL_SIZE_1_0: u32 = <NexusCall as growing::Growing>::FIRST;
/// Size of [`NexusPluginTable`] in its first version: every plugin has at least as much.
pub const TABLE_SIZE_1_0: u32 = <NexusPluginTable as growing::Growing>::FIRST;

/// Size of `T` as the structures state it.
///
/// # Panics
/// At compile time, for a type that is no structure of the boundary.
#[must_use]
pub const fn size_of_u32<T>() -> u32 {
    let size = size_of::<T>();
    assert!(size < 1024, "a boundary structure is small");
    #[allow(clippy::cast_possible_truncation, reason = "checked in the line above")]
    let size = size as u32;
    size
}

/// The name of a result code, for messages.
#[must_use]
pub fn code_name(code: i32) -> &'static str {
    match code {
        NEXUS_OK => "NEXUS_OK",
        NEXUS_FAILED => "NEXUS_FAILED",
        NEXUS_BAD_ARGUMENT => "NEXUS_BAD_ARGUMENT",
        NEXUS_PANICKED => "NEXUS_PANICKED",
        _ => "a code that is not known here",
    }
}

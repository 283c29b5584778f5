//! The plugin's side of the boundary: C calls in, Rust traits out. No panic crosses, and no pointer
//! is believed to be there without looking.

mod circumstances;

use std::ffi::c_void;

use crate::abi::{
    ABI_VERSION, NEXUS_BAD_ARGUMENT, NEXUS_FAILED, NEXUS_OK, NEXUS_PANICKED, NexusBuffer, NexusBytes,
    NexusCall, NexusPluginTable, size_of_u32,
};
use crate::export::{PluginEntry, Provide};
use crate::panics::catch;
use crate::{Instance, PluginError, dispatch};
use circumstances::Circumstances;

/// The entry of the plugin that `H` provides.
#[must_use]
pub fn entry<H: Provide>() -> PluginEntry {
    struct Table<H>(std::marker::PhantomData<H>);
    impl<H: Provide> Table<H> {
        const TABLE: &'static NexusPluginTable = &NexusPluginTable {
            abi_version: ABI_VERSION,
            struct_size: size_of_u32::<NexusPluginTable>(),
            manifest: Some(manifest::<H>),
            create: Some(create::<H>),
            call: Some(call),
            free: Some(free),
            destroy: Some(destroy),
        };
    }
    // SAFETY: the table is a constant of this very program, of this version's size, and the five
    // functions below keep the conventions.
    unsafe { PluginEntry::from_table(Table::<H>::TABLE) }
}

unsafe extern "C" fn manifest<H: Provide>(out: *mut NexusBuffer) -> i32 {
    // SAFETY: `out` is the caller's, as the conventions demand; null is checked there.
    unsafe {
        boundary(out, || match serde_json::to_vec(&H::plugin().manifest()) {
            Ok(text) => (NEXUS_OK, text),
            Err(error) => refusal(&PluginError::permanent(format!("the manifest is not JSON: {error}"))),
        })
    }
}

unsafe extern "C" fn create<H: Provide>(
    settings: NexusBytes,
    instance: *mut *mut c_void,
    out: *mut NexusBuffer,
) -> i32 {
    // SAFETY: the caller's bytes stay readable during this call.
    let Some(settings) = (unsafe { borrow(&settings) }) else { return NEXUS_BAD_ARGUMENT };
    if instance.is_null() {
        return NEXUS_BAD_ARGUMENT;
    }
    // SAFETY: `instance` is not null, and the conventions make it a writable place for one pointer.
    unsafe { instance.write(std::ptr::null_mut()) };
    // SAFETY: `out` as above; `instance` was checked.
    unsafe {
        boundary(out, || match make::<H>(settings) {
            Ok(made) => {
                instance.write(Box::into_raw(Box::new(made)).cast());
                (NEXUS_OK, Vec::new())
            }
            Err(error) => refusal(&error),
        })
    }
}

fn make<H: Provide>(settings: &[u8]) -> Result<Instance, PluginError> {
    let settings = serde_json::from_slice(settings)
        .map_err(|error| PluginError::permanent(format!("the settings are not JSON: {error}")))?;
    let plugin = H::plugin();
    let made = plugin.create(&settings)?;
    made.must_be(plugin.manifest().kind)?;
    Ok(made)
}

unsafe extern "C" fn call(
    instance: *mut c_void,
    call: *const NexusCall,
    request: NexusBytes,
    out: *mut NexusBuffer,
) -> i32 {
    // SAFETY: a handle is what `create` made (a boxed `Instance`) and not yet destroyed; it is only
    // ever shared, and `Instance` may be used from several threads.
    let Some(instance) = (unsafe { instance.cast::<Instance>().as_ref() }) else { return NEXUS_BAD_ARGUMENT };
    // SAFETY: the caller's bytes stay readable during this call.
    let Some(request) = (unsafe { borrow(&request) }) else { return NEXUS_BAD_ARGUMENT };
    // SAFETY: `call` is null or the caller's for the length of this call, which `circumstances`
    // does not outlive.
    let Some(circumstances) = (unsafe { Circumstances::read(call) }) else { return NEXUS_BAD_ARGUMENT };
    // SAFETY: `out` is the caller's; null is checked there.
    unsafe { boundary(out, || (NEXUS_OK, dispatch::answer(instance, circumstances.call(), request))) }
}

unsafe extern "C" fn free(buffer: NexusBuffer) {
    if !buffer.data.is_null() {
        let bytes = std::ptr::slice_from_raw_parts_mut(buffer.data, buffer.len);
        // SAFETY: the conventions allow only buffers that this plugin made, once each: a boxed slice
        // of exactly this length, taken apart in `lend`.
        drop(unsafe { Box::from_raw(bytes) });
    }
}

unsafe extern "C" fn destroy(instance: *mut c_void) {
    if !instance.is_null() {
        // SAFETY: a handle is destroyed once, when no call uses it, and is the box that `create` made.
        let instance = unsafe { Box::from_raw(instance.cast::<Instance>()) };
        // A destructor that panics has nobody to tell.
        let _ = catch(|| drop(instance));
    }
}

/// Runs `work`, puts its bytes into `out`, and returns its code; a panic becomes a code and a text.
///
/// # Safety
/// `out` is null or a writable place for one buffer.
unsafe fn boundary(out: *mut NexusBuffer, work: impl FnOnce() -> (i32, Vec<u8>)) -> i32 {
    if out.is_null() {
        return NEXUS_BAD_ARGUMENT;
    }
    let (code, bytes) = catch(work).unwrap_or_else(|message| {
        let (_, bytes) = refusal(&PluginError::permanent(message));
        (NEXUS_PANICKED, bytes)
    });
    // SAFETY: not null, and writable by this function's promise.
    unsafe { out.write(lend(bytes)) };
    code
}

fn refusal(error: &PluginError) -> (i32, Vec<u8>) {
    (NEXUS_FAILED, serde_json::to_vec(error).unwrap_or_default())
}

/// Hands bytes to the caller, who gives them back to [`free`].
fn lend(bytes: Vec<u8>) -> NexusBuffer {
    if bytes.is_empty() {
        return NexusBuffer::EMPTY;
    }
    let bytes = Box::leak(bytes.into_boxed_slice());
    NexusBuffer { data: bytes.as_mut_ptr(), len: bytes.len() }
}

/// The bytes behind a pointer and a length; `None` if that cannot be.
///
/// # Safety
/// When not null, `data` is readable for `len` bytes, and nobody writes them while the result lives.
unsafe fn borrow(bytes: &NexusBytes) -> Option<&[u8]> {
    if bytes.len == 0 {
        return Some(&[]);
    }
    if bytes.data.is_null() || isize::try_from(bytes.len).is_err() {
        return None;
    }
    // SAFETY: not null, of a length a slice may have, readable by this function's promise.
    Some(unsafe { std::slice::from_raw_parts(bytes.data, bytes.len) })
}

//! Tables that break the rules, and callers that do: each costs an error that names the plugin.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::mem::offset_of;
use std::ptr::{null, null_mut};
use std::sync::Mutex;

use common::{delivery, destination, entry};
use nexus_plugin_api::abi::{
    ABI_VERSION, CALL_SIZE_1_0, NEXUS_BAD_ARGUMENT, NEXUS_FAILED, NEXUS_OK, NEXUS_PANICKED, NO_DEADLINE,
    NexusBuffer, NexusBytes, NexusCall, NexusPluginTable, size_of_u32,
};
use nexus_plugin_api::host::{self, LoadedPlugin};
use nexus_plugin_api::message::MAX_MESSAGE;
use nexus_plugin_api::{
    Call, Effect, FailureClass, Found, LogLevel, Plugin, PluginEntry, PluginError, PluginKind, Step,
};

// A plugin as a C program would write it, told by the thread's script what to do wrong. Its memory is
// kept in a ledger, so that a buffer freed twice, never, or with another length is seen.

#[derive(Clone, Default)]
struct Script {
    manifest: Vec<u8>,
    manifest_code: i32,
    create_code: i32,
    create_text: Vec<u8>,
    no_handle: bool,
    call_code: i32,
    /// `#` stands for the id of the request.
    reply: Vec<u8>,
    /// Instead of the reply.
    raw: Option<NexusBuffer>,
    log_level: i32,
    log_line: Option<NexusBytes>,
}

thread_local! {
    static SCRIPT: RefCell<Script> = RefCell::default();
    static LEDGER: RefCell<HashMap<usize, usize>> = RefCell::default();
    static HANDLES: Cell<(u32, u32)> = Cell::default();
}

fn script() -> Script {
    SCRIPT.with_borrow(Clone::clone)
}

fn write(out: *mut NexusBuffer, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let made = Box::leak(bytes.to_vec().into_boxed_slice());
    LEDGER.with_borrow_mut(|ledger| ledger.insert(made.as_ptr().addr(), made.len()));
    // SAFETY: the host hands over a place for one buffer.
    unsafe { out.write(NexusBuffer { data: made.as_mut_ptr(), len: made.len() }) };
}

unsafe extern "C" fn manifest(out: *mut NexusBuffer) -> i32 {
    write(out, &script().manifest);
    script().manifest_code
}

unsafe extern "C" fn create(_settings: NexusBytes, instance: *mut *mut c_void, out: *mut NexusBuffer) -> i32 {
    let script = script();
    if !script.no_handle {
        let (made, ended) = HANDLES.get();
        HANDLES.set((made + 1, ended));
        // SAFETY: the host hands over a place for one pointer.
        unsafe { instance.write(Box::into_raw(Box::new(7_u8)).cast()) };
    }
    write(out, &script.create_text);
    script.create_code
}

unsafe extern "C" fn call(
    instance: *mut c_void,
    call: *const NexusCall,
    request: NexusBytes,
    out: *mut NexusBuffer,
) -> i32 {
    // SAFETY: the handle is the byte that `create` made.
    assert_eq!(unsafe { instance.cast::<u8>().read() }, 7);
    // SAFETY: the host's call and request are readable now.
    let (call, request) = unsafe { (call.read(), std::slice::from_raw_parts(request.data, request.len)) };
    let script = script();
    if let Some(line) = script.log_line {
        // SAFETY: function and context come from the host, and the call lasts.
        unsafe { call.log.unwrap()(call.log_context, script.log_level, line) };
    }
    let id = serde_json::from_slice::<serde_json::Value>(request).unwrap()["id"].to_string();
    let reply = script.reply.split(|byte| *byte == b'#').collect::<Vec<_>>().join(id.as_bytes());
    match script.raw {
        // SAFETY: the host hands over a place for one buffer.
        Some(raw) => unsafe { out.write(raw) },
        None => write(out, &reply),
    }
    script.call_code
}

unsafe extern "C" fn free(buffer: NexusBuffer) {
    let noted = LEDGER.with_borrow_mut(|ledger| ledger.remove(&buffer.data.addr()));
    assert_eq!(noted, Some(buffer.len), "a buffer that was not made here, or freed twice");
    // SAFETY: the ledger says that `write` made it, of this length, and that it is still there.
    drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(buffer.data, buffer.len)) });
}

unsafe extern "C" fn destroy(instance: *mut c_void) {
    let (made, ended) = HANDLES.get();
    HANDLES.set((made, ended + 1));
    // SAFETY: the handle is the box that `create` made.
    drop(unsafe { Box::from_raw(instance.cast::<u8>()) });
}

const TABLE: NexusPluginTable = NexusPluginTable {
    abi_version: ABI_VERSION,
    struct_size: size_of_u32::<NexusPluginTable>(),
    manifest: Some(manifest),
    create: Some(create),
    call: Some(call),
    free: Some(free),
    destroy: Some(destroy),
};

const MANIFEST: &[u8] = br#"{"name":"liar","version":"1","kind":"destination","protocol":"1.3","new":[]}"#;

/// Keeps a value as a library keeps its tables, and where a search for leaks finds it.
fn forever<T: Send + Sync + 'static>(value: T) -> &'static T {
    static KEPT: Mutex<Vec<&'static (dyn Any + Send + Sync)>> = Mutex::new(Vec::new());
    let kept: &'static T = Box::leak(Box::new(value));
    KEPT.lock().unwrap().push(kept);
    kept
}

fn adopt(table: NexusPluginTable, script: Script) -> Result<LoadedPlugin, String> {
    SCRIPT.set(script);
    let table = forever(table);
    // SAFETY: kept, so it stays; its functions are those above, or missing.
    let plugin = host::from_entry(unsafe { PluginEntry::from_table(table) });
    plugin.map_err(|error| {
        let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
        error.to_string() + &source.unwrap_or_default()
    })
}

fn honest() -> Script {
    Script { manifest: MANIFEST.to_vec(), ..Script::default() }
}

/// Whatever was made is given back.
fn settled() {
    assert_eq!(LEDGER.with_borrow(Clone::clone), HashMap::new());
    let (made, ended) = HANDLES.get();
    assert_eq!(made, ended);
}

#[test]
fn tables_are_checked_in_order() {
    // SAFETY: null is allowed.
    let error = host::from_entry(unsafe { PluginEntry::from_table(null()) }).unwrap_err();
    assert_eq!(error.to_string(), "a linked plugin gave no function table");
    let nothing =
        NexusPluginTable { manifest: None, create: None, call: None, free: None, destroy: None, ..TABLE };
    for (table, message) in [
        (
            NexusPluginTable { abi_version: 7, struct_size: 3, ..nothing },
            "a linked plugin was built for plugin ABI 7, this program speaks 1; a newer nexus is needed",
        ),
        (
            NexusPluginTable { abi_version: 0, ..nothing },
            "a linked plugin was built for plugin ABI 0, this program speaks 1; the plugin must be built again",
        ),
        (
            NexusPluginTable { struct_size: 40, ..nothing },
            "a linked plugin has a function table of 40 bytes, ABI 1 has at least 48",
        ),
        (nothing, "a linked plugin has no function `manifest` in its table"),
        (NexusPluginTable { create: None, ..TABLE }, "a linked plugin has no function `create` in its table"),
        (NexusPluginTable { call: None, ..TABLE }, "a linked plugin has no function `call` in its table"),
        (NexusPluginTable { free: None, ..TABLE }, "a linked plugin has no function `free` in its table"),
        (
            NexusPluginTable { destroy: None, ..TABLE },
            "a linked plugin has no function `destroy` in its table",
        ),
    ] {
        assert_eq!(adopt(table, honest()).unwrap_err(), message);
    }
    assert!(adopt(TABLE, honest()).is_ok());
    settled();
}

#[test]
fn a_table_that_grew_is_still_understood() {
    #[repr(C)]
    struct Grown {
        table: NexusPluginTable,
        more: [usize; 3],
    }
    SCRIPT.set(honest());
    let struct_size = size_of_u32::<Grown>();
    let grown = forever(Grown { table: NexusPluginTable { struct_size, ..TABLE }, more: [1; 3] });
    // SAFETY: leaked, and larger than the table by what its size says.
    let plugin = host::from_entry(unsafe { PluginEntry::from_table((&raw const *grown).cast()) });
    assert_eq!(plugin.unwrap().manifest().name, "liar");
    settled();
}

#[test]
fn manifests_are_checked() {
    let with = |text: &str| Script { manifest: text.into(), ..Script::default() };
    for (script, message) in [
        (Script { manifest: Vec::new(), ..Script::default() }, "no usable manifest: EOF while parsing"),
        (with("{\"name\":"), "no usable manifest: EOF while parsing"),
        (
            with(r#"{"name":"x","version":"1","kind":"toaster","protocol":"1.0"}"#),
            "unknown variant `toaster`",
        ),
        (with(r#"{"version":"1","kind":"harvester","protocol":"1.0"}"#), "missing field `name`"),
        (
            with(r#"{"name":"x","version":"1","kind":"harvester","protocol":"2.0"}"#),
            "plugin `x` (a linked plugin) cannot be used: it speaks protocol 2.0, this program speaks 1.0; \
             a newer nexus is needed",
        ),
        (
            with(r#"{"name":"x","version":"1","kind":"harvester","protocol":"one"}"#),
            "protocol version `one` is not of the form `major.minor`",
        ),
        (
            with(r#"{"name":"../x","version":"1","kind":"harvester","protocol":"1.0"}"#),
            "calls itself `../x`; a name is 1 to 64 of a-z, 0-9, hyphen, underscore",
        ),
        (with(r#"{"name":"","version":"1","kind":"harvester","protocol":"1.0"}"#), "calls itself ``"),
        (
            Script { manifest: b"\xff".to_vec(), manifest_code: NEXUS_PANICKED, ..Script::default() },
            "no usable manifest: it returned 30 (NEXUS_PANICKED)",
        ),
        (
            Script { manifest_code: -9, ..honest() },
            "no usable manifest: it returned -9 (a code that is not known here)",
        ),
    ] {
        let error = adopt(TABLE, script).unwrap_err();
        assert!(error.contains(message), "{error} should say {message}");
    }
    settled();
}

#[test]
fn a_manifest_that_is_not_utf8_is_refused() {
    let manifest =
        b"{\"name\":\"\xff\",\"version\":\"1\",\"kind\":\"harvester\",\"protocol\":\"1.0\"}".to_vec();
    let error = adopt(TABLE, Script { manifest, ..Script::default() }).unwrap_err();
    assert!(error.contains("unicode"), "{error}");
}

fn configured(script: Script) -> Result<nexus_plugin_api::Instance, PluginError> {
    let plugin = adopt(TABLE, honest()).unwrap();
    SCRIPT.set(script);
    plugin.create(&serde_json::json!({}))
}

#[test]
fn instances_that_are_not_made() {
    for (script, message) in [
        (Script { no_handle: true, ..honest() }, "plugin `liar` said it made an instance and gave none"),
        (
            Script { create_code: NEXUS_FAILED, ..honest() },
            "plugin `liar` could not be configured: it returned 10 (NEXUS_FAILED)",
        ),
        (
            Script { create_code: NEXUS_FAILED, create_text: b"no idea".to_vec(), ..honest() },
            "plugin `liar` could not be configured: it returned 10 (NEXUS_FAILED)",
        ),
        (
            Script { create_code: NEXUS_BAD_ARGUMENT, no_handle: true, ..honest() },
            "plugin `liar` could not be configured: it returned 20 (NEXUS_BAD_ARGUMENT)",
        ),
    ] {
        let Err(error) = configured(script) else { panic!("made: {message}") };
        assert_eq!(error, PluginError::permanent(message));
    }
    settled();
}

#[test]
fn replies_that_are_none() {
    let dangling = NexusBuffer { data: null_mut(), len: 9 };
    let with = |reply: &[u8]| Script { reply: reply.to_vec(), ..honest() };
    let coded = |call_code, reply: &[u8]| Script { call_code, ..with(reply) };
    for (script, message) in [
        (with(b""), "answered `deliver` with something unusable: it is empty"),
        (with(b"\xff"), "something unusable: it is not UTF-8 (at byte 0)"),
        (with(b"{\"id\":"), "something unusable: it does not have the form of an answer: EOF while parsing"),
        (with(br#"{"id":#1,"ok":{"done":{"id":"x"}}}"#), "something unusable: it answers request 11, not 1"),
        (with(br#"{"id":0,"ok":{"done":{"id":"x"}}}"#), "something unusable: it answers request 0, not 1"),
        (with(br#"{"id":#,"ok":{"finished":{"id":"x"}}}"#), "unknown variant `finished`"),
        (with(br#"{"id":#,"ok":{"done":{}}}"#), "missing field `id`"),
        (with(br#"{"id":#}"#), "exactly one of `ok`, `error` and `unsupported`"),
        (with(br#"{"id":#,"unsupported":true}"#), "plugin `liar` does not have the method `deliver`"),
        // Miri takes hours to fill 64 MiB.
        #[cfg(not(miri))]
        (with(&vec![b' '; MAX_MESSAGE + 1]), "it has 67108865 bytes, more than the 67108864"),
        (Script { raw: Some(dangling), ..honest() }, "its pointer and length do not belong together"),
        (coded(NEXUS_PANICKED, b""), "plugin `liar` failed in `deliver`: it returned 30 (NEXUS_PANICKED)"),
        (coded(NEXUS_FAILED, b"\xff"), "plugin `liar` failed in `deliver`: it returned 10 (NEXUS_FAILED)"),
        (coded(99, b""), "failed in `deliver`: it returned 99 (a code that is not known here)"),
        (
            coded(NEXUS_BAD_ARGUMENT, b""),
            "plugin `liar` refused the arguments of `deliver` (NEXUS_BAD_ARGUMENT)",
        ),
        (
            coded(NEXUS_PANICKED, br#"{"class":"permanent","effect":"none","message":"out of memory"}"#),
            "plugin `liar` panicked in `deliver`: out of memory",
        ),
    ] {
        let sure = message.contains("refused the arguments") || message.contains("does not have the method");
        let instance = configured(script).unwrap_or_else(|error| panic!("{error}"));
        let error = destination(&instance).deliver(&Call::unlimited(""), &delivery()).unwrap_err();
        assert!(error.message.contains(message), "{error} should say {message}");
        assert!(error.message.contains("plugin `liar`"), "{error}");
        assert_eq!(error.class, FailureClass::Permanent);
        // Whoever answers nonsense after a delivery may have delivered.
        assert_eq!(error.effect, if sure { Effect::None } else { Effect::Maybe }, "{error}");
        let error = destination(&instance).find(&Call::unlimited(""), &delivery());
        assert!(error.is_err_and(|error| error.effect == Effect::None), "{message}");
    }
    settled();
}

#[test]
fn unknown_fields_of_a_later_minor_are_ignored() {
    let reply = br#"{"id":#,"took":3,"ok":{"done":{"id":"x","colour":"red"}},"cost":{"a":[1,2]}}"#.to_vec();
    let instance = configured(Script { reply, ..honest() }).unwrap_or_else(|error| panic!("{error}"));
    for _ in 0..3 {
        let step = destination(&instance).deliver(&Call::unlimited(""), &delivery()).unwrap();
        assert!(matches!(step, Step::Done(remote) if remote.id == "x"));
    }
    SCRIPT.set(Script { reply: br#"{"id":#,"ok":"none"}"#.to_vec(), ..honest() });
    assert_eq!(destination(&instance).find(&Call::unlimited(""), &delivery()), Ok(Found::None));
    drop(instance);
    settled();
}

#[test]
fn methods_that_may_be_missing_have_their_default() {
    let reply = br#"{"id":#,"unsupported":true}"#.to_vec();
    let instance = configured(Script { reply, ..honest() }).unwrap_or_else(|error| panic!("{error}"));
    let call = Call::unlimited("");
    assert_eq!(instance.actions(), []);
    assert_eq!(
        instance.run_action(&call, "enrol", &serde_json::json!({})),
        Err(PluginError::permanent("there is no action `enrol`"))
    );
    assert!(instance.check(&call).unwrap_err().message.contains("does not have the method `check`"));
}

#[test]
fn log_lines_of_any_kind_are_taken() {
    let huge = vec![b'x'; 100_000];
    let bytes = |bytes: &[u8]| NexusBytes { data: bytes.as_ptr(), len: bytes.len() };
    for (level, line, expected) in [
        (0, bytes(b"low"), (LogLevel::Error, "low".to_owned())),
        (-5, bytes(b"lower"), (LogLevel::Error, "lower".to_owned())),
        (3, bytes(b"\xffx"), (LogLevel::Info, "\u{fffd}x".to_owned())),
        (77, bytes(b""), (LogLevel::Trace, String::new())),
        (2, NexusBytes { data: null(), len: 5 }, (LogLevel::Warn, String::new())),
        (4, bytes(&huge), (LogLevel::Debug, "x".repeat(16 << 10))),
    ] {
        let (told, lines) = std::sync::mpsc::channel();
        let told = Mutex::new(told);
        let sink = move |level, line: &str| told.lock().unwrap().send((level, line.to_owned())).unwrap();
        let call = Call::new(None, nexus_plugin_api::Cancel::new(), "".into(), std::sync::Arc::new(sink));
        let script = Script { log_level: level, log_line: Some(line), ..honest() };
        let instance = configured(script).unwrap_or_else(|error| panic!("{error}"));
        let _ = instance.check(&call);
        assert_eq!(lines.try_iter().collect::<Vec<_>>(), [expected]);
    }
}

// The other way round: a host that breaks the rules, in front of an honest Rust plugin.

fn table() -> NexusPluginTable {
    // SAFETY: an entry made by `plugin_entry!` has a table for ever.
    unsafe { entry(PluginKind::Destination).table().read() }
}

const NOTHING: NexusBytes = NexusBytes { data: null(), len: 0 };
const IMPOSSIBLE: NexusBytes = NexusBytes { data: null(), len: 3 };
const ENDLESS: NexusBytes = NexusBytes { data: std::ptr::without_provenance(16), len: usize::MAX };

fn lend(bytes: &[u8]) -> NexusBytes {
    NexusBytes { data: bytes.as_ptr(), len: bytes.len() }
}

#[test]
fn a_host_that_passes_null_is_told() {
    let table = table();
    let (manifest, create) = (table.manifest.unwrap(), table.create.unwrap());
    let mut out = NexusBuffer::EMPTY;
    let mut handle = null_mut();
    // SAFETY: what the conventions forbid here is what the functions are checked to survive: null, and
    // lengths that no slice has. The rest is as the conventions want it.
    unsafe {
        assert_eq!(manifest(null_mut()), NEXUS_BAD_ARGUMENT);
        assert_eq!(create(lend(b"{}"), null_mut(), &raw mut out), NEXUS_BAD_ARGUMENT);
        assert_eq!(create(IMPOSSIBLE, &raw mut handle, &raw mut out), NEXUS_BAD_ARGUMENT);
        assert_eq!(create(ENDLESS, &raw mut handle, &raw mut out), NEXUS_BAD_ARGUMENT);
        assert_eq!(create(lend(b"{}"), &raw mut handle, null_mut()), NEXUS_BAD_ARGUMENT);
        assert!(handle.is_null() && out.data.is_null());
        table.free.unwrap()(NexusBuffer::EMPTY);
        table.destroy.unwrap()(null_mut());
    }
    // SAFETY: settings that are no JSON are allowed; the buffer is given back once.
    unsafe {
        assert_eq!(create(NOTHING, &raw mut handle, &raw mut out), NEXUS_FAILED);
        let error: PluginError =
            serde_json::from_slice(std::slice::from_raw_parts(out.data, out.len)).unwrap();
        assert!(error.message.starts_with("the settings are not JSON"), "{error}");
        table.free.unwrap()(out);
    }
}

/// Puts raw bytes to an honest plugin and returns code and reply.
fn put(call: *const NexusCall, request: NexusBytes) -> (i32, String) {
    let table = table();
    let mut handle = null_mut();
    let mut out = NexusBuffer::EMPTY;
    // SAFETY: as the conventions want it, but for the call and the request, which are checked to be
    // survived; each buffer is given back once, and the instance destroyed once.
    unsafe {
        assert_eq!(table.create.unwrap()(lend(b"{}"), &raw mut handle, &raw mut out), NEXUS_OK);
        assert_eq!(table.call.unwrap()(handle, call, request, null_mut()), NEXUS_BAD_ARGUMENT);
        let code = table.call.unwrap()(handle, call, request, &raw mut out);
        let text = if out.data.is_null() {
            String::new()
        } else {
            String::from_utf8(std::slice::from_raw_parts(out.data, out.len).to_vec()).unwrap()
        };
        table.free.unwrap()(out);
        assert_eq!(table.call.unwrap()(null_mut(), call, request, &raw mut out), NEXUS_BAD_ARGUMENT);
        table.destroy.unwrap()(handle);
        (code, text)
    }
}

fn bare_call() -> NexusCall {
    NexusCall {
        struct_size: size_of_u32::<NexusCall>(),
        reserved: 0,
        deadline_ms: NO_DEADLINE,
        cancel: null(),
        scratch: NOTHING,
        log: None,
        log_context: null_mut(),
    }
}

#[test]
fn requests_of_any_kind_are_answered() {
    let call = bare_call();
    for (request, reply) in [
        (
            &br#"{"id":4,"method":"target","params":{}}"#[..],
            r#"{"id":4,"ok":{"id":"","can_find":true,"settle_seconds":3}}"#,
        ),
        (br#"{"id":4,"method":"target"}"#, r#"{"id":4,"ok":{"id":"","can_find":true,"settle_seconds":3}}"#),
        (br#"{"id":4,"method":"harvest","params":{}}"#, r#"{"id":4,"unsupported":true}"#),
        (br#"{"id":4,"method":"manifest"}"#, r#"{"id":4,"unsupported":true}"#),
        (br#"{"id":4,"method":"dance","params":{}}"#, r#"{"id":4,"unsupported":true}"#),
        (
            b"",
            r#"{"id":0,"error":{"class":"permanent","effect":"none","message":"the request cannot be read"#,
        ),
        (b"\xff\xfe", r#"{"id":0,"error":"#),
        (br#"{"id":-1,"method":"target"}"#, r#"{"id":0,"error":"#),
        (
            br#"{"id":4,"method":"find"}"#,
            r#"{"id":4,"error":{"class":"permanent","effect":"none","message":"the params of `find` cannot be read: missing field `params`"#,
        ),
        (br#"{"id":4,"method":"find","params":{"record":7}}"#, r#"{"id":4,"error":"#),
    ] {
        let (code, text) = put(&raw const call, lend(request));
        assert_eq!(code, NEXUS_OK);
        assert!(text.starts_with(reply), "{text} should begin with {reply}");
    }
}

#[test]
fn calls_that_cannot_be_are_refused() {
    let request = lend(br#"{"id":4,"method":"target"}"#);
    let small = NexusCall { struct_size: CALL_SIZE_1_0 - 8, ..bare_call() };
    let no_path = NexusCall { scratch: IMPOSSIBLE, ..bare_call() };
    let good = bare_call();
    assert_eq!(put(null(), request), (NEXUS_BAD_ARGUMENT, String::new()));
    assert_eq!(put(&raw const small, request), (NEXUS_BAD_ARGUMENT, String::new()));
    assert_eq!(put(&raw const no_path, request), (NEXUS_BAD_ARGUMENT, String::new()));
    assert_eq!(put(&raw const good, IMPOSSIBLE), (NEXUS_BAD_ARGUMENT, String::new()));
    assert_eq!(put(&raw const good, ENDLESS), (NEXUS_BAD_ARGUMENT, String::new()));
}

#[test]
fn the_longest_deadline_is_no_limit_and_no_overflow() {
    for deadline_ms in [NO_DEADLINE, NO_DEADLINE - 1, 1 << 60] {
        let call = NexusCall { deadline_ms, ..bare_call() };
        let (_, text) = put(&raw const call, lend(br#"{"id":4,"method":"check"}"#));
        assert!(text.contains("time left"), "{text}");
    }
    assert_eq!(
        offset_of!(NexusPluginTable, struct_size),
        4,
        "the host reads two numbers before it trusts the rest"
    );
}

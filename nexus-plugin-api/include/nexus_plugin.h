/* nexus_plugin.h: a nexus plugin as a shared library, in C or anything that speaks C.
 *
 * A plugin library exports one function, nexus_plugin_entry, which returns a table of five functions.
 * What they carry is JSON: the messages of the plugin protocol, the same as on every other carrier.
 *
 * CONVENTIONS
 *
 * Versions   The table states the layout it was built with and its own size. The host refuses another
 *            layout. New functions are added at the end of the table, new circumstances at the end of
 *            the call, and neither side needs the other to be as new: an older plugin has a shorter
 *            table, an older host a shorter call. Whatever has been there since 1.0 is always there. A field
 *            that came later is there if `struct_size` reaches beyond it; look before you read it. So do
 *            not compare `struct_size` with sizeof, which grows when this header does: compare with
 *            NEXUS_CALL_SIZE_1_0. Numbers of result codes are never reused.
 *
 * Who frees  Bytes that come in (NexusBytes) belong to the host and are readable until the function
 *            returns: copy what you keep. Bytes that go out (NexusBuffer) belong to the plugin: the host
 *            gives each back to the plugin's `free`, once, unless its `data` is NULL. Neither side ever
 *            frees the other's memory.
 *
 * Instances  `create` makes one, `destroy` ends it: called once, when no call is running. There may be
 *            several instances of one plugin.
 *
 * Threads    Every function may be called from any thread. Calls on one instance may overlap; a plugin
 *            that is not made for that takes a lock in `call`. The plugin may start threads; they must
 *            not use the NexusCall, its flag or its log function after the call has returned.
 *            The library is never unloaded.
 *
 * Strings    UTF-8, with a length and without a final zero byte. `scratch` is a path as the file system
 *            has it, which need not be UTF-8. JSON must be UTF-8. A reply may have up to
 *            NEXUS_MAX_MESSAGE bytes; anything large goes into a file in the scratch folder.
 *
 * Codes      Every function that can fail returns one of the codes below. For `call`, NEXUS_OK means
 *            "there is a reply", also when the reply says that the work failed; the other codes mean
 *            that no reply could be made. With NEXUS_FAILED and NEXUS_PANICKED the buffer should hold a
 *            plugin error (see below). On NEXUS_BAD_ARGUMENT nothing is written.
 *
 * Exceptions Nothing may be thrown or unwind out of a function of this table, and longjmp may not leave it.
 *
 * Deadline   A call says how many milliseconds are left when it begins, and points at a flag that turns
 *            from 0 to 1 when nobody wants the answer any more. Look at it in every loop. A plugin that
 *            overstays is switched off for the run.
 *
 * THE PROTOCOL IN SHORT (version 1.0)
 *
 *   request    {"id": 7, "method": "harvest", "params": {...}}
 *   reply      {"id": 7, "ok": ...}   or   {"id": 7, "error": ERROR}   or   {"id": 7, "unsupported": true}
 *   ERROR      {"class": "permanent" | "transient" | "rate_limited" | "auth",
 *               "effect": "none" | "maybe", "message": "...", "hint": "..."}
 *              class    when to try again; "rate_limited" may add "until": an ISO 8601 time in UTC
 *              effect   "maybe" if the other side may have acted although the call failed
 *   manifest   {"name": "...", "version": "...", "kind": "harvester" | "destination" | "extractor",
 *               "protocol": "1.0", "summary": "...", "settings": {JSON Schema}, "capabilities": [WORD]}
 *              an extractor adds "suffixes": ["tif"] and "priority": 0
 *
 *   every kind    check -> {"items": [{"name", "result": "ok" | "warning" | "failed", "detail"}]}
 *                 actions, run_action    (may answer "unsupported")
 *   harvester     harvest, reservations; instruments    (the last may answer "unsupported")
 *   destination   target, find, deliver
 *   extractor     accepts, extract
 *
 *   Ignore fields you do not know; answer "unsupported" to methods you do not know. Answer a request that
 *   you cannot read with an error whose id is 0. docs/plugin-protocol.md has every field.
 */
#ifndef NEXUS_PLUGIN_H
#define NEXUS_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The layout this header describes. */
#define NEXUS_PLUGIN_ABI_VERSION 1u

/* deadline_ms of a call without a limit. */
#define NEXUS_NO_DEADLINE UINT64_MAX

/* The longest reply that is read, in bytes. */
#define NEXUS_MAX_MESSAGE 67108864u

/* Result codes. */
#define NEXUS_OK 0            /* it worked; for `call`: there is a reply */
#define NEXUS_FAILED 10       /* `create` refuses; the buffer holds a plugin error */
#define NEXUS_BAD_ARGUMENT 20 /* a null pointer, or a structure too small */
#define NEXUS_PANICKED 30     /* came to grief inside (out of memory, ...) */

/* Levels of log lines. */
#define NEXUS_LOG_ERROR 1 /* the call did not do what it should */
#define NEXUS_LOG_WARN 2  /* somebody should look at it some day */
#define NEXUS_LOG_INFO 3  /* a step a person would want to see */
#define NEXUS_LOG_DEBUG 4 /* for the plugin's author */
#define NEXUS_LOG_TRACE 5 /* everything */

/* Bytes of the host, readable during the call only. `data` may be NULL when `len` is 0. */
typedef struct NexusBytes {
    const uint8_t *data;
    size_t len;
} NexusBytes;

/* Bytes of the plugin, given back to its `free`. `data` is NULL for "no bytes". */
typedef struct NexusBuffer {
    uint8_t *data;
    size_t len;
} NexusBuffer;

/* Writes one log line, from any thread, while the call lasts. Never put a secret into it. */
typedef void (*NexusLogFn)(void *context, int32_t level, NexusBytes message);

/* The circumstances of one call. */
typedef struct NexusCall {
    uint32_t struct_size;  /* size of this structure as the host knows it */
    uint32_t reserved;     /* 0 */
    uint64_t deadline_ms;  /* milliseconds left when the call began, or NEXUS_NO_DEADLINE */
    const uint8_t *cancel; /* not 0 once the answer is no longer wanted; read it atomically */
    NexusBytes scratch;    /* folder for files that must cross; the host empties it */
    NexusLogFn log;        /* NULL when nobody listens */
    void *log_context;     /* first argument of `log` */
} NexusCall;

/* Size of NexusCall and of the table below in protocol 1.0: no host hands over less, and no plugin has less. */
#define NEXUS_CALL_SIZE_1_0 (2 * sizeof(uint64_t) + 5 * sizeof(void *))
#define NEXUS_TABLE_SIZE_1_0 (2 * sizeof(uint32_t) + 5 * sizeof(void *))

/* What nexus_plugin_entry returns; lives as long as the library. No function may be NULL. */
typedef struct NexusPluginTable {
    uint32_t abi_version; /* NEXUS_PLUGIN_ABI_VERSION */
    uint32_t struct_size; /* sizeof(NexusPluginTable) */

    /* Puts the manifest into `out`: the same at every call, without network or files. */
    int32_t (*manifest)(NexusBuffer *out);

    /* Makes an instance from the plugin's own settings (a JSON object, secrets as plain text).
     * On NEXUS_OK `*instance` is set and not NULL; otherwise it is left NULL. Does not go to the network. */
    int32_t (*create)(NexusBytes settings, void **instance, NexusBuffer *out);

    /* Answers one request with one reply. */
    int32_t (*call)(void *instance, const NexusCall *call, NexusBytes request, NexusBuffer *out);

    /* Takes back bytes that this plugin made. */
    void (*free)(NexusBuffer buffer);

    /* Ends an instance. */
    void (*destroy)(void *instance);
} NexusPluginTable;

/* The one symbol a plugin library exports. */
#if defined(_WIN32)
__declspec(dllexport)
#elif defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const NexusPluginTable *nexus_plugin_entry(void);

#ifdef __cplusplus
}
#endif

#endif /* NEXUS_PLUGIN_H */

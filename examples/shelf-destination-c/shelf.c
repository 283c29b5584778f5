/* A nexus destination in C: a folder with one file per record, named by the key of its session.
 *
 *     cc -std=c11 -O2 -fPIC -shared -I nexus-plugin-api/include -o libshelf.so shelf.c
 *
 *     [destinations.shelf]
 *     library = "/opt/nexus/plugins/libshelf.so"
 *     folder  = "/srv/records"
 *
 * KEY.xml is the record. KEY.sha256 holds the content hash of it; it is taken away before the record is replaced
 * and written after that, so that it never speaks of another record than the one beside it. `find` answers with
 * both, and the host compares: that is all it takes for a delivery that may be repeated.
 *
 * From top to bottom: files, the methods, the table.
 */
#define _POSIX_C_SOURCE 200809L

#include "../nexus_json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Files. ---- */

/* What went wrong: a text for people, and the system's reason if there is one. `maybe`: perhaps it was done all the same. */
typedef struct Failure {
    const char *class, *what, *why;
    bool maybe;
} Failure;

static Failure fine(void) { return (Failure){NULL, NULL, NULL, false}; }

static Failure failed(const char *what) { return (Failure){"transient", what, strerror(errno), false}; }

static bool should_stop(const NexusCall *call)
{
    /* The host writes the flag from another thread while we look at it. */
    return call->cancel && atomic_load((const _Atomic uint8_t *)call->cancel) != 0;
}

/* `FOLDER/KEY.suffix`, to be freed. The key is a UUID: anything else could lead out of the folder. */
static char *place(const char *folder, const char *key, const char *suffix)
{
    static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
    if (!key || !*key || strlen(key) > 100 || key[strspn(key, alphabet)] != '\0')
        return NULL;
    size_t room = strlen(folder) + strlen(key) + strlen(suffix) + 2;
    char *path = malloc(room);
    if (path)
        snprintf(path, room, "%s/%s%s", folder, key, suffix);
    return path;
}

static bool write_whole(int file, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t done = write(file, bytes, len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        bytes += done;
        len -= (size_t)done;
    }
    return true;
}

/* Everything from one file into another; on disk when this returns. `copied` counts the bytes. */
static Failure pour(int from, int into, const NexusCall *call, unsigned long long *copied)
{
    char block[65536];
    for (;;) {
        if (should_stop(call))
            return (Failure){"transient", "stopped while copying the record", NULL, false};
        ssize_t got = read(from, block, sizeof block);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return failed("the record cannot be read");
        if (got == 0)
            break;
        if (!write_whole(into, block, (size_t)got))
            return failed("the record cannot be written");
        *copied += (unsigned long long)got;
    }
    return fsync(into) == 0 ? fine() : failed("the record cannot be written");
}

/* A copy under another name, whole or not at all. */
static Failure copy(const char *from, const char *into, const NexusCall *call, unsigned long long size)
{
    int source = open(from, O_RDONLY | O_CLOEXEC);
    if (source < 0)
        return (Failure){"permanent", from, strerror(errno), false}; /* The same request would fail again. */
    int target = open(into, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (target < 0) {
        Failure failure = failed("the folder cannot be written");
        close(source);
        return failure;
    }
    unsigned long long copied = 0;
    Failure failure = pour(source, target, call, &copied);
    if (!failure.class && copied != size)
        failure = (Failure){"transient", "the record has another size than was said", NULL, false};
    close(source);
    if (close(target) != 0 && !failure.class)
        failure = failed("the record cannot be written");
    if (failure.class)
        unlink(into);
    return failure;
}

/* The names in a folder are on disk. */
static Failure settle(const char *folder)
{
    int handle = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (handle < 0)
        return failed("the folder cannot be opened");
    Failure failure = fsync(handle) == 0 ? fine() : failed("the folder cannot be written");
    close(handle);
    return failure;
}

/* ---- The methods. An instance is the path of its folder. ---- */

static void log_line(const NexusCall *call, int32_t level, const char *message)
{
    if (call->log)
        call->log(call->log_context, level, (NexusBytes){(const uint8_t *)message, strlen(message)});
}

static void fail(Text *answer, Failure failure)
{
    Text about = {0};
    if (failure.why) {
        say(&about, ": ");
        say(&about, failure.why);
    }
    say(answer, "\"error\":");
    const char *effect = failure.maybe ? "maybe" : "none";
    plugin_failure(answer, failure.class, effect, failure.what, (Span){about.data, about.data + about.len});
    answer->failed |= about.failed;
    free(about.data);
}

/* `{"id":"KEY.xml","content_sha256":"..."}` */
static void remote(Text *answer, const char *key, Span hash)
{
    say(answer, "{\"id\":\"");
    say(answer, key);
    say(answer, ".xml\"");
    if (hash.at < hash.end) {
        say(answer, ",\"content_sha256\":");
        quote(answer, hash);
    }
    say(answer, "}");
}

static void find(Text *answer, const char *folder, const char *key)
{
    char *record = place(folder, key, ".xml"), *noted = place(folder, key, ".sha256");
    struct stat seen;
    if (!record || !noted) {
        fail(answer, (Failure){"permanent", "the key of the session is no name for a file", NULL, false});
    } else if (stat(record, &seen) != 0) {
        if (errno == ENOENT && stat(folder, &seen) == 0)
            say(answer, "\"ok\":\"none\"");
        else
            fail(answer, failed("the folder cannot be looked into"));
    } else {
        char hash[64];
        ssize_t len = 0;
        int file = open(noted, O_RDONLY | O_CLOEXEC);
        if (file >= 0) {
            len = read(file, hash, sizeof hash);
            close(file);
        }
        /* Without a whole hash the record counts as another one, and is delivered again. */
        bool whole = len == (ssize_t)sizeof hash;
        for (size_t digit = 0; whole && digit < sizeof hash; digit++)
            whole = among(hash[digit], "0123456789abcdef");
        say(answer, "\"ok\":{\"one\":");
        remote(answer, key, whole ? (Span){hash, hash + sizeof hash} : span(""));
        say(answer, "}");
    }
    free(record);
    free(noted);
}

static Failure store(const NexusCall *call, const char *folder, const char *key, const char *from,
                     const char *hash, unsigned long long size)
{
    char *part = place(folder, key, ".part"), *record = place(folder, key, ".xml");
    char *noted = place(folder, key, ".sha256");
    Failure failure = fine();
    if (!part || !record || !noted)
        failure = (Failure){"permanent", "the key of the session is no name for a file", NULL, false};
    if (!failure.class)
        failure = copy(from, part, call, size);
    if (!failure.class && unlink(noted) != 0 && errno != ENOENT)
        failure = failed("the old hash cannot be taken away");
    if (!failure.class)
        failure = settle(folder);
    if (!failure.class && rename(part, record) != 0)
        failure = failed("the record cannot be put in its place");
    if (!failure.class) {
        /* The record has its name by now; whether a power cut would leave it there is what is not known. */
        failure = settle(folder);
        failure.maybe = true;
    }
    if (!failure.class) {
        /* The record is there; what happens to its hash costs a second delivery at most. */
        int file = open(noted, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (file >= 0) {
            if (!write_whole(file, hash, strlen(hash)))
                log_line(call, NEXUS_LOG_WARN, "the hash of the record cannot be written");
            close(file);
        }
    }
    free(part);
    free(record);
    free(noted);
    return failure;
}

static void deliver(Text *answer, const NexusCall *call, const char *folder, const char *key, Span record)
{
    char *from = unquote(member(record, "path")), *hash = unquote(member(record, "content_sha256"));
    Span size = member(record, "size");
    char digits[24] = "";
    if ((size_t)(size.end - size.at) < sizeof digits)
        memcpy(digits, size.at, (size_t)(size.end - size.at));
    if (!from || !hash || !*digits) {
        /* A path that is not UTF-8 comes as an object; records are named in ASCII. */
        fail(answer, (Failure){"permanent", "the request has no path, hash and size of a record", NULL, false});
    } else {
        Failure failure = store(call, folder, key, from, hash, strtoull(digits, NULL, 10));
        if (failure.class) {
            fail(answer, failure);
        } else {
            log_line(call, NEXUS_LOG_INFO, "one record more on the shelf");
            say(answer, "\"ok\":{\"done\":");
            remote(answer, key, span(hash));
            say(answer, "}");
        }
    }
    free(from);
    free(hash);
}

static void target(Text *answer, const char *folder)
{
    /* A file is there or not by the time the call returns: nothing can take effect later. */
    say(answer, "\"ok\":{\"id\":");
    quote(answer, span(folder));
    say(answer, ",\"can_find\":true,\"settle_seconds\":0}");
}

static void check(Text *answer, const char *folder)
{
    bool writable = access(folder, W_OK | X_OK) == 0;
    const char *reason = strerror(errno);
    say(answer, "\"ok\":{\"items\":[{\"name\":\"folder writable\",\"result\":");
    say(answer, writable ? "\"ok\"" : "\"failed\"");
    say(answer, ",\"detail\":");
    quote(answer, span(writable ? folder : reason));
    say(answer, "}]}");
}

/* ---- The table. ---- */

static int32_t manifest(NexusBuffer *out)
{
    Text text = {0};
    if (!out)
        return NEXUS_BAD_ARGUMENT;
    say(&text, "{\"name\":\"shelf-c\",\"version\":\"0.1.0\",\"kind\":\"destination\",\"protocol\":\"1.0\","
               "\"summary\":\"Keeps each record as a file in a folder, named by the key of its session.\","
               "\"capabilities\":[\"find\",\"update\"],"
               "\"settings\":{\"type\":\"object\",\"properties\":{\"folder\":{\"type\":\"string\","
               "\"description\":\"The folder; it must be there.\"}},\"required\":[\"folder\"]}}");
    return hand_over(&text, NEXUS_OK, out);
}

static int32_t create(NexusBytes settings, void **instance, NexusBuffer *out)
{
    Text text = {0};
    if (!settings.data || !instance || !out)
        return NEXUS_BAD_ARGUMENT;
    *instance = NULL;
    const char *at = (const char *)settings.data;
    char *folder = unquote(member((Span){at, at + settings.len}, "folder"));
    if (!folder || !*folder) {
        free(folder);
        plugin_error(&text, "permanent", "`folder` is missing", span(""));
        return hand_over(&text, NEXUS_FAILED, out);
    }
    *instance = folder;
    return NEXUS_OK;
}

static int32_t answer(void *instance, const NexusCall *call, NexusBytes bytes, NexusBuffer *out)
{
    if (!instance || !call || call->struct_size < NEXUS_CALL_SIZE_1_0 || !bytes.data || !out)
        return NEXUS_BAD_ARGUMENT;
    Span request = {(const char *)bytes.data, (const char *)bytes.data + bytes.len};
    Span id = member(request, "id"), method = member(request, "method");
    Span record = member(member(request, "params"), "record");
    char *key = unquote(member(record, "key"));
    Text text = {0};
    say(&text, "{\"id\":");
    add(&text, id.at == id.end ? span("0") : id);
    say(&text, ",");
    if (is(method, "\"check\""))
        check(&text, instance);
    else if (is(method, "\"target\""))
        target(&text, instance);
    else if (is(method, "\"find\""))
        find(&text, instance, key);
    else if (is(method, "\"deliver\""))
        deliver(&text, call, instance, key, record);
    else
        say(&text, "\"unsupported\":true");
    say(&text, "}");
    free(key);
    return hand_over(&text, NEXUS_OK, out);
}

static void release(NexusBuffer buffer) { free(buffer.data); }

static void destroy(void *instance) { free(instance); }

static const NexusPluginTable table = {
    .abi_version = NEXUS_PLUGIN_ABI_VERSION,
    .struct_size = sizeof(NexusPluginTable),
    .manifest = manifest,
    .create = create,
    .call = answer,
    .free = release,
    .destroy = destroy,
};

const NexusPluginTable *nexus_plugin_entry(void) { return &table; }

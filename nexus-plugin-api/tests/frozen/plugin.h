/* FROZEN. Never change this file: see README.md in this folder.
 *
 * What the three plugins of 1.0 share: replies of fixed text, and a look at the request for every field that
 * the method needs. A plugin includes this after it has defined MANIFEST and declared `answer`.
 */
#include "nexus_plugin.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Instance {
    char settings[4096];
    atomic_int calls;
} Instance;

/* How many instances there are, and how many buffers are out: both must come back to 0. */
static atomic_int instances, buffers;

/* Writes the part of the reply after the id (`"ok":...`) into `text`, which has room for 4096 bytes; returns a
 * result code. */
static int answer(Instance *self, const NexusCall *call, const char *method, const char *request, char *text);

static int32_t hand_over(const char *text, int32_t code, NexusBuffer *out)
{
    size_t len = strlen(text);
    uint8_t *data = malloc(len + 1);
    if (!data)
        return NEXUS_PANICKED;
    memcpy(data, text, len + 1);
    *out = (NexusBuffer){data, len};
    atomic_fetch_add(&buffers, 1);
    return code;
}

/* Where the value of this key begins; NULL if the request has no such key. */
static const char *value_of(const char *request, const char *key)
{
    char quoted[80];
    int len = snprintf(quoted, sizeof quoted, "\"%s\"", key);
    for (const char *at = request; (at = strstr(at, quoted)) != NULL; at++) {
        const char *after = at + len;
        while (*after == ' ' || *after == '\t' || *after == '\n' || *after == '\r')
            after++;
        if (*after != ':')
            continue;
        for (after++; *after == ' ' || *after == '\t' || *after == '\n' || *after == '\r'; after++)
            ;
        return after;
    }
    return NULL;
}

/* Whether the request has all these keys, the last being NULL; if not, `text` becomes an error that names one. */
static int has(const char *request, const char *const keys[], char *text)
{
    for (; *keys; keys++)
        if (!value_of(request, *keys)) {
            snprintf(text, 4096,
                     "\"error\":{\"class\":\"permanent\",\"effect\":\"none\",\"message\":\"no `%s` in the request\"}",
                     *keys);
            return 0;
        }
    return 1;
}

static void say(const NexusCall *call, int32_t level, const char *message)
{
    if (call->log)
        call->log(call->log_context, level, (NexusBytes){(const uint8_t *)message, strlen(message)});
}

/* What every kind can do. */
static int shared(Instance *self, const NexusCall *call, const char *method, const char *request, char *text)
{
    static const char *const action[] = {"params", "name", "arguments", NULL};
    if (strcmp(method, "check") == 0) {
        char scratch[1024] = "";
        int cancelled = call->cancel && atomic_load((const _Atomic uint8_t *)call->cancel) != 0;
        if (call->scratch.len < sizeof scratch)
            memcpy(scratch, call->scratch.data, call->scratch.len);
        say(call, NEXUS_LOG_ERROR, "an error");
        say(call, NEXUS_LOG_WARN, "a warning");
        say(call, NEXUS_LOG_INFO, "\xe2\x98\x83");
        say(call, NEXUS_LOG_DEBUG, "a detail");
        say(call, NEXUS_LOG_TRACE, "");
        snprintf(text, 4096,
                 "\"ok\":{\"items\":[{\"name\":\"scratch\",\"result\":\"ok\",\"detail\":\"%s\"},"
                 "{\"name\":\"deadline\",\"result\":\"warning\",\"detail\":\"%s\"},"
                 "{\"name\":\"cancelled\",\"result\":\"failed\",\"detail\":\"%d, call %d\"}]}",
                 scratch, call->deadline_ms == NEXUS_NO_DEADLINE ? "none" : "some", cancelled,
                 atomic_load(&self->calls));
        return NEXUS_OK;
    }
    if (strcmp(method, "actions") == 0) {
        strcpy(text, "\"ok\":{\"actions\":[{\"name\":\"enrol\",\"summary\":\"Enrols a user.\","
                     "\"arguments\":{\"type\":\"object\"},\"writes\":true}]}");
        return NEXUS_OK;
    }
    if (strcmp(method, "run_action") == 0) {
        if (!has(request, action, text))
            return NEXUS_OK;
        if (strstr(value_of(request, "name"), "\"enrol\"") != value_of(request, "name"))
            strcpy(text, "\"error\":{\"class\":\"rate_limited\",\"until\":\"2026-03-01T00:00:00Z\","
                         "\"effect\":\"maybe\",\"message\":\"too often\",\"hint\":\"wait\"}");
        else
            strcpy(text, "\"ok\":{\"message\":\"enrolled\",\"data\":{\"n\":[1,2.5,null]},"
                         "\"users\":[{\"username\":\"ada\",\"system\":\"cdcs\",\"external_id\":\"7\"}]}");
        return NEXUS_OK;
    }
    strcpy(text, "\"unsupported\":true");
    return NEXUS_OK;
}

static int32_t manifest(NexusBuffer *out)
{
    return out ? hand_over(MANIFEST, NEXUS_OK, out) : NEXUS_BAD_ARGUMENT;
}

static int32_t create(NexusBytes settings, void **instance, NexusBuffer *out)
{
    Instance *self;
    if (!settings.data || !instance || !out)
        return NEXUS_BAD_ARGUMENT;
    *instance = NULL;
    self = calloc(1, sizeof *self);
    if (!self || settings.len >= sizeof self->settings) {
        free(self);
        return NEXUS_PANICKED;
    }
    memcpy(self->settings, settings.data, settings.len);
    if (!value_of(self->settings, "place")) {
        free(self);
        return hand_over("{\"class\":\"permanent\",\"effect\":\"none\",\"message\":\"`place` is missing\","
                         "\"hint\":\"say where\"}",
                         NEXUS_FAILED, out);
    }
    atomic_fetch_add(&instances, 1);
    *instance = self;
    return NEXUS_OK;
}

static int32_t call(void *instance, const NexusCall *call, NexusBytes request, NexusBuffer *out)
{
    char *copy, text[4096], reply[4160], method[64] = "";
    const char *word, *id;
    int32_t code;
    if (!instance || !call || call->struct_size < sizeof(NexusCall) || !request.data || !out)
        return NEXUS_BAD_ARGUMENT;
    copy = malloc(request.len + 1);
    if (!copy)
        return NEXUS_PANICKED;
    memcpy(copy, request.data, request.len);
    copy[request.len] = '\0';
    word = value_of(copy, "method");
    id = value_of(copy, "id");
    if (word && id && sscanf(word, "\"%63[a-z_]\"", method) == 1) {
        atomic_fetch_add(&((Instance *)instance)->calls, 1);
        code = answer(instance, call, method, copy, text);
        snprintf(reply, sizeof reply, "{\"id\":%llu,%s}", strtoull(id, NULL, 10), text);
    } else {
        code = NEXUS_OK;
        strcpy(reply, "{\"id\":0,\"error\":{\"class\":\"permanent\",\"effect\":\"none\",\"message\":\"unreadable\"}}");
    }
    free(copy);
    return code == NEXUS_OK ? hand_over(reply, code, out) : code;
}

static void release(NexusBuffer buffer)
{
    atomic_fetch_sub(&buffers, 1);
    free(buffer.data);
}

static void destroy(void *instance)
{
    atomic_fetch_sub(&instances, 1);
    free(instance);
}

static const NexusPluginTable table = {
    .abi_version = NEXUS_PLUGIN_ABI_VERSION,
    .struct_size = sizeof(NexusPluginTable),
    .manifest = manifest,
    .create = create,
    .call = call,
    .free = release,
    .destroy = destroy,
};

const NexusPluginTable *nexus_plugin_entry(void) { return &table; }

/* For the test alone: how many buffers and instances are not given back. */
int frozen_held(void);
int frozen_held(void) { return atomic_load(&buffers) + atomic_load(&instances); }

/* FROZEN. Never change this file: see README.md in this folder. A destination of protocol 1.0. */
#define MANIFEST                                                                                              \
    "{\"name\":\"frozen-destination\",\"version\":\"1.0.0\",\"kind\":\"destination\",\"protocol\":\"1.0\","   \
    "\"capabilities\":[\"find\",\"steps\",\"update\"]}"
#include "plugin.h"

static int answer(Instance *self, const NexusCall *call, const char *method, const char *request, char *text)
{
    static const char *const delivery[] = {
        "params",     "record",      "path",       "key",      "name",    "content_sha256", "file_sha256", "size",
        "session",    "identifier",  "instrument", "pid",      "user",    "start",          "end",         "activities",
        "seqno",      "datasets",    "location",   "preview",  "dataset_type", "reservation", "external_ids",
        "previous",   "checkpoint",  "others",     "delivered", "destination", NULL};
    const char *checkpoint = value_of(request, "checkpoint");
    if (strcmp(method, "target") == 0) {
        /* Without settle_seconds: the host has a value of its own. */
        strcpy(text, "\"ok\":{\"id\":\"https://x.example.org/t/4\",\"can_find\":true}");
        return NEXUS_OK;
    }
    if (strcmp(method, "find") == 0) {
        if (!has(request, delivery, text))
            return NEXUS_OK;
        switch (atomic_load(&self->calls) % 3) {
        case 0:
            strcpy(text, "\"ok\":\"none\"");
            break;
        case 1:
            strcpy(text, "\"ok\":{\"one\":{\"id\":\"r1\",\"url\":\"https://x.example.org/r/1\","
                         "\"content_sha256\":\"abab\"}}");
            break;
        default:
            strcpy(text, "\"ok\":{\"many\":[{\"id\":\"r1\"},{\"id\":\"r2\"}]}");
        }
        return NEXUS_OK;
    }
    if (strcmp(method, "deliver") == 0) {
        if (!has(request, delivery, text))
            return NEXUS_OK;
        if (strncmp(checkpoint, "null", 4) == 0)
            strcpy(text, "\"ok\":{\"more\":{\"step\":1,\"at\":0.1}}");
        else if (strncmp(checkpoint, "{\"step\":1", 9) == 0)
            strcpy(text, "\"ok\":{\"done\":{\"id\":\"r1\",\"url\":null}}");
        else
            return NEXUS_PANICKED;
        return NEXUS_OK;
    }
    return shared(self, call, method, request, text);
}

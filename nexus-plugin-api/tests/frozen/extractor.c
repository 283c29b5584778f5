/* FROZEN. Never change this file: see README.md in this folder. An extractor of protocol 1.0. */
#define MANIFEST                                                                                              \
    "{\"name\":\"frozen-extractor\",\"version\":\"1.0.0\",\"kind\":\"extractor\",\"protocol\":\"1.0\","       \
    "\"suffixes\":[\"abc\"],\"priority\":-5,\"capabilities\":[\"previews\"]}"
#include "plugin.h"

static int answer(Instance *self, const NexusCall *call, const char *method, const char *request, char *text)
{
    static const char *const path[] = {"params", "path", NULL};
    const char *file = value_of(request, "path");
    if (strcmp(method, "accepts") == 0) {
        if (has(request, path, text))
            strcpy(text, *file == '"' ? "\"ok\":{\"accepts\":true}" : "\"ok\":{\"accepts\":false}");
        return NEXUS_OK;
    }
    if (strcmp(method, "extract") == 0) {
        char name[1024];
        FILE *preview;
        if (!has(request, path, text))
            return NEXUS_OK;
        snprintf(name, sizeof name, "%.*s/preview.png", (int)call->scratch.len, (const char *)call->scratch.data);
        preview = fopen(name, "wb");
        if (!preview)
            return NEXUS_PANICKED;
        fputs("png", preview);
        fclose(preview);
        snprintf(text, 4096,
                 "\"ok\":{\"signals\":[{\"dataset_type\":\"Image\",\"metadata\":{\"Text\":\"t\",\"Count\":3,"
                 "\"Tilt\":-0.5,\"None\":null,\"Yes\":true,\"Many\":[1,2],\"Odd\":{\"float\":\"nan\"},"
                 "\"Digits\":{\"decimal\":\"1.20\"},\"Voltage\":{\"quantity\":300.0,\"unit\":\"kV\"},"
                 "\"Stage\":{\"map\":{\"X\":{\"quantity\":{\"decimal\":\"1.0\"},\"unit\":\"nm\"}}}},"
                 "\"warnings\":[[\"Stage\",\"X\"]],\"preview\":\"%s\"}]}",
                 name);
        return NEXUS_OK;
    }
    return shared(self, call, method, request, text);
}

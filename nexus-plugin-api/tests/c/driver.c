/* Puts whole, cut and damaged requests to the plugin it is linked with, under a sanitizer or valgrind.
 *
 *     driver ROUNDS SETTINGS REQUEST...
 *
 * Each request is put whole and its reply printed; then cut after every byte, and ROUNDS times damaged. Returns 0
 * when every one of them was answered; log lines are counted at the end. */
#include "nexus_plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const NexusPluginTable *table;
static void *instance;
static unsigned lines;

static void log_line(void *context, int32_t level, NexusBytes message)
{
    (void)context;
    (void)level;
    lines += message.len > 0;
}

/* A copy of exactly this size, so that one byte too far is seen. */
static uint8_t *copy(const char *text, size_t len)
{
    uint8_t *bytes = malloc(len ? len : 1);
    if (!bytes)
        abort();
    memcpy(bytes, text, len);
    return bytes;
}

static void put(const char *request, size_t len, uint8_t cancelled, int shown)
{
    NexusCall call = {sizeof call, 0, NEXUS_NO_DEADLINE, &cancelled, {NULL, 0}, log_line, NULL};
    NexusBuffer reply = {NULL, 0};
    uint8_t *bytes = copy(request, len);
    int32_t code = table->call(instance, &call, (NexusBytes){bytes, len}, &reply);
    free(bytes);
    if (code != NEXUS_OK || !reply.data || reply.len < 8 || memcmp(reply.data, "{\"id\":", 6) != 0) {
        fprintf(stderr, "no reply to %.*s\n", (int)len, request);
        exit(1);
    }
    if (shown)
        printf("%.*s\n", (int)reply.len, (const char *)reply.data);
    table->free(reply);
}

static int configure(const char *settings, size_t len)
{
    NexusBuffer out = {NULL, 0};
    uint8_t *bytes = copy(settings, len);
    int32_t code = table->create((NexusBytes){bytes, len}, &instance, &out);
    free(bytes);
    if (code != NEXUS_OK)
        table->free(out);
    return code == NEXUS_OK;
}

int main(int argc, char **argv)
{
    NexusBuffer out = {NULL, 0};
    unsigned long random = 42;
    if (argc < 4)
        return 2;
    table = nexus_plugin_entry();
    if (table->manifest(&out) != NEXUS_OK)
        return 3;
    table->free(out);
    for (size_t cut = 0; cut < strlen(argv[2]); cut++)
        if (configure(argv[2], cut))
            table->destroy(instance);
    if (!configure(argv[2], strlen(argv[2])))
        return 4;
    for (int which = 3; which < argc; which++) {
        const char *request = argv[which];
        size_t whole = strlen(request);
        char *damaged = malloc(whole);
        if (!damaged)
            abort();
        put(request, whole, 0, 1);
        put(request, whole, 1, 0);
        for (size_t cut = 0; cut < whole; cut++)
            put(request, cut, 0, 0);
        for (int round = 0; round < atoi(argv[1]); round++) {
            memcpy(damaged, request, whole);
            for (int hit = 0; hit < 1 + round % 4; hit++) {
                random = random * 6364136223846793005UL + 1442695040888963407UL;
                damaged[(random >> 33) % whole] = "{}[]\",:\\u0 1\0\xff"[(random >> 20) % 14];
            }
            put(damaged, whole, 0, 0);
        }
        free(damaged);
    }
    table->destroy(instance);
    printf("%u log lines\n", lines);
    return 0;
}

/* Puts whole, cut and damaged requests to the plugin it is linked with, under the address sanitizer.
 * argv[1] is the tally. Says nothing and returns 0 when all went well. */
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

static void put(const char *request, size_t len)
{
    uint8_t flag = 0;
    NexusCall call = {sizeof call, 0, NEXUS_NO_DEADLINE, &flag, {NULL, 0}, log_line, NULL};
    NexusBuffer reply = {NULL, 0};
    uint8_t *bytes = copy(request, len);
    int32_t code = table->call(instance, &call, (NexusBytes){bytes, len}, &reply);
    free(bytes);
    if (code != NEXUS_OK || !reply.data || reply.len < 8 || memcmp(reply.data, "{\"id\":", 6) != 0) {
        fprintf(stderr, "no reply to %.*s\n", (int)len, request);
        exit(1);
    }
    table->free(reply);
}

static void configure(const char *settings, size_t len)
{
    void *made = NULL;
    NexusBuffer out = {NULL, 0};
    uint8_t *bytes = copy(settings, len);
    if (table->create((NexusBytes){bytes, len}, &made, &out) == NEXUS_OK)
        table->destroy(made);
    else
        table->free(out);
    free(bytes);
}

int main(int argc, char **argv)
{
    static const char *const requests[] = {
        "{\"id\":1,\"method\":\"check\",\"params\":{}}",
        "{\"id\":2,\"method\":\"harvest\",\"params\":{\"instruments\":[{\"instrument\":{\"pid\":\"TITAN\"},\"cursor\":null},"
        "{\"instrument\":{\"pid\":\"a\\\\\\\"\\u0001b\"}}],\"from\":null,\"open\":[]}}",
        "{\"id\":3,\"method\":\"reservations\",\"params\":{\"sessions\":[{\"session_identifier\":\"1\"},"
        "{\"session_identifier\":\"n\\u00e9\"},{\"session_identifier\":\"2\"}]}}",
        "{\"id\":4,\"method\":\"dance\"}",
    };
    NexusBuffer out = {NULL, 0};
    char settings[4096];
    unsigned long random = 42;
    if (argc != 2)
        return 2;
    table = nexus_plugin_entry();
    if (table->manifest(&out) != NEXUS_OK)
        return 3;
    table->free(out);
    int len = snprintf(settings, sizeof settings, "{\"file\":\"%s\"}", argv[1]);
    for (int cut = 0; cut <= len; cut++)
        configure(settings, (size_t)cut);
    uint8_t *bytes = copy(settings, (size_t)len);
    out = (NexusBuffer){NULL, 0};
    if (table->create((NexusBytes){bytes, (size_t)len}, &instance, &out) != NEXUS_OK)
        return 4;
    free(bytes);
    for (size_t which = 0; which < sizeof requests / sizeof *requests; which++) {
        const char *request = requests[which];
        size_t whole = strlen(request);
        char damaged[1024];
        for (size_t cut = 0; cut <= whole; cut++)
            put(request, cut);
        for (int round = 0; round < 2000; round++) {
            memcpy(damaged, request, whole);
            for (int hit = 0; hit < 1 + round % 4; hit++) {
                random = random * 6364136223846793005UL + 1442695040888963407UL;
                damaged[(random >> 33) % whole] = "{}[]\",:\\u0 1\0\xff"[(random >> 20) % 14];
            }
            put(damaged, whole);
        }
    }
    table->destroy(instance);
    return lines > 0 ? 0 : 5;
}

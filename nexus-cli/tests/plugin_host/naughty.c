/* A destination that does what its settings tell it: {"do": WORD}, in `check`. With -DIN_LOADING=f(),
 * f() runs when the library is loaded; with -DIN_UNLOADING=f(), when the process ends. -DABI=2 claims another
 * layout. */
#include "nexus_plugin.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT(bytes) ((NexusBuffer){(uint8_t *)(bytes), sizeof(bytes) - 1})

#ifndef ABI
#define ABI NEXUS_PLUGIN_ABI_VERSION
#endif

static char task[64];
static void *nowhere;

static void print(void)
{
    char line[64];
    printf("printed\n");
    fflush(stdout);
    if (write(1, "written\n", 8) != 8 || system("echo started") != 0)
        abort();
    /* The requests are not here. */
    if (fgets(line, sizeof line, stdin) || read(0, line, sizeof line) != 0)
        abort();
}

static void loop(void)
{
    static volatile int going = 1;
    while (going)
        ;
}

static void leave(void) { exit(5); }

#ifdef IN_LOADING
__attribute__((constructor)) static void loading(void) { IN_LOADING; }
#endif
#ifdef IN_UNLOADING
__attribute__((destructor)) static void unloading(void) { IN_UNLOADING; }
#endif

static int is(const char *word) { return strcmp(task, word) == 0; }

static int32_t manifest(NexusBuffer *out)
{
    *out = TEXT("{\"name\":\"naughty\",\"version\":\"1\",\"kind\":\"destination\",\"protocol\":\"1.7\",\"new\":{}}");
    return NEXUS_OK;
}

static int32_t create(NexusBytes settings, void **instance, NexusBuffer *out)
{
    *instance = NULL;
    if (settings.len < 10 || settings.len >= sizeof task) {
        *out = TEXT("{\"class\":\"permanent\",\"effect\":\"none\",\"message\":\"`do` is missing\"}");
        return NEXUS_FAILED;
    }
    /* {"do":"WORD"} */
    memcpy(task, settings.data + 7, settings.len - 9);
    task[settings.len - 9] = '\0';
    if (is("print"))
        print();
    *instance = task;
    return NEXUS_OK;
}

static int32_t call(void *instance, const NexusCall *call, NexusBytes request, NexusBuffer *out)
{
    (void)instance;
    (void)request;
    if (is("print"))
        print();
    if (is("segfault"))
        *(volatile int *)nowhere = 1;
    if (is("abort"))
        abort();
    if (is("exit"))
        exit(3);
    if (is("loop"))
        loop();
    if (is("wait")) {
        call->log(call->log_context, NEXUS_LOG_INFO, (NexusBytes){(const uint8_t *)"waiting", 7});
        while (!atomic_load((const _Atomic uint8_t *)call->cancel))
            ;
    }
    if (is("garbage"))
        *out = TEXT("hello\nyou");
    else if (is("bytes"))
        *out = TEXT("{\"id\":7,\"ok\":\"\xff\"}");
    else if (is("panic"))
        return NEXUS_PANICKED;
    else
        *out = TEXT("{\n  \"id\": 7,\n  \"ok\": {\"items\": []}\n}\n");
    return NEXUS_OK;
}

static void release(NexusBuffer buffer) { (void)buffer; }

static void destroy(void *instance)
{
    (void)instance;
    if (is("print"))
        print();
    if (is("leave"))
        leave();
    if (is("stay"))
        loop();
}

static const NexusPluginTable table = {
    ABI, sizeof(NexusPluginTable), manifest, create, call, release, destroy,
};

const NexusPluginTable *nexus_plugin_entry(void)
{
    (void)leave;
    return &table;
}
